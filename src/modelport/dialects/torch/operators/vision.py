"""What torchvision registers with torch: boxes, regions and deformable convolutions."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.model.dtype import FLOAT32, INT64


@aten("torchvision::nms")
def nms(call: Call, dets: Any, scores: Any, iou_threshold: float) -> Edge:
    """The places of boxes, best first, that overlap no better one by more than a part of both."""
    b = call.b
    boxes = ops.unsqueeze(b, ops.cast(b, call.tensor(dets), FLOAT32), 0)
    worth = ops.unsqueeze(b, ops.cast(b, call.tensor(scores), FLOAT32), 0, 1)
    most = b.constant([(1 << 31) - 1], INT64)
    limit = b.constant([iou_threshold], FLOAT32)
    chosen = b.emit("NonMaxSuppression", [boxes, worth, most, limit], INT64, (None, 3))
    return ops.squeeze(b, ops.slice_axis(b, chosen, 1, 2, 3), 1)


@aten("torchvision::roi_align")
def roi_align(
    call: Call,
    input: Any,
    rois: Any,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Edge:
    """Means of samples in a grid over each region, which is an image's number and two corners."""
    b, x, regions = call.b, call.tensor(input), call.tensor(rois)
    images = ops.squeeze(b, ops.slice_axis(b, regions, 1, 0, 1), 1)
    corners = ops.slice_axis(b, regions, 1, 1, None)
    return b.emit(
        "RoiAlign",
        [x, ops.cast(b, corners, x.dtype), ops.cast(b, images, INT64)],
        x.dtype,
        (regions.shape[0], x.shape[1], pooled_height, pooled_width),
        coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
        output_height=pooled_height,
        output_width=pooled_width,
        sampling_ratio=max(0, sampling_ratio),
        spatial_scale=float(spatial_scale),
    )


@aten("torchvision::deform_conv2d")
def deformable_convolution(
    call: Call,
    input: Any,
    weight: Any,
    offset: Any,
    mask: Any,
    bias: Any,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Edge:
    """A convolution whose taps lie where ``offset`` moves them, weighed by ``mask``."""
    x, kernel, moves = call.tensor(input), call.tensor(weight), call.tensor(offset)
    return call.b.emit(
        "DeformConv",
        [x, kernel, moves, call.tensor(bias), call.tensor(mask) if use_mask else None],
        x.dtype,
        (x.shape[0], kernel.shape[0], *moves.shape[2:]),
        kernel_shape=[int(extent) for extent in kernel.shape[2:] if isinstance(extent, int)],
        strides=[stride_h, stride_w],
        pads=[pad_h, pad_w] * 2,
        dilations=[dilation_h, dilation_w],
        group=groups,
        offset_group=offset_groups,
    )
