"""Operators that other libraries register with torch: torchvision's and those of transformers.

Neither is installed, so their operators are registered here, computed as the libraries define them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from onnx.reference import ReferenceEvaluator
from tests.frameworks import torch_live
from torch import Tensor, cat, rand, randint, tensor
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from modelport import convert

pytestmark = pytest.mark.filterwarnings("ignore")

VISION = torch.library.Library("torchvision", "FRAGMENT")
EXPERTS = torch.library.Library("transformers", "FRAGMENT")


def nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The best box of those left, again and again, without those that overlap it."""
    sizes = (dets[:, 2:] - dets[:, :2]).prod(1)
    left, kept = scores.argsort(descending=True, stable=True), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        corners = (
            torch.minimum(dets[best, 2:], dets[left, 2:]),
            torch.maximum(dets[best, :2], dets[left, :2]),
        )
        both = (corners[0] - corners[1]).clamp(min=0).prod(1)
        left = left[both / (sizes[best] + sizes[left] - both) <= iou_threshold]
    return torch.stack(kept)


def _sample(image: Tensor, y: float, x: float) -> Tensor:
    """The image between its pixels; 0 from one pixel outside on."""
    high, wide = image.shape[1:]
    if not (-1 <= y <= high and -1 <= x <= wide):
        return torch.zeros(image.shape[0])
    place = tensor([[[[2 * min(max(x, 0), wide - 1) / (wide - 1) - 1,
                       2 * min(max(y, 0), high - 1) / (high - 1) - 1]]]])  # fmt: skip
    return F.grid_sample(image[None], place, align_corners=True)[0, :, 0, 0]


def roi_align(
    input: Tensor,
    rois: Tensor,
    spatial_scale: float,
    high: int,
    wide: int,
    ratio: int,
    aligned: bool,
) -> Tensor:
    """Means of samples that lie evenly in each of the parts of a region."""
    found = input.new_zeros(len(rois), input.shape[1], high, wide)
    for number, (image, *ends) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (end * spatial_scale - (0.5 if aligned else 0) for end in ends)
        size = [y2 - y1, x2 - x1] if aligned else [max(y2 - y1, 1.0), max(x2 - x1, 1.0)]
        step = [size[0] / high, size[1] / wide]
        many = [ratio if ratio > 0 else max(1, -int(-part // 1)) for part in step]
        for i in range(high):
            for j in range(wide):
                samples = [
                    _sample(
                        input[int(image)],
                        y1 + (i + (p + 0.5) / many[0]) * step[0],
                        x1 + (j + (q + 0.5) / many[1]) * step[1],
                    )
                    for p in range(many[0])
                    for q in range(many[1])
                ]
                found[number, :, i, j] = torch.stack(samples).mean(0)
    return found


def deform_conv2d(
    x: Tensor, weight: Tensor, offset: Tensor, mask: Tensor, bias: Tensor, *settings: int
) -> Tensor:
    """A convolution over what lies at the moved places of its window."""
    stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w, groups, parts, use_mask = settings
    (n, channels), (high, wide) = x.shape[:2], offset.shape[2:]
    kernel = weight.shape[2:]
    taps, each = kernel[0] * kernel[1], channels // parts
    moves = offset.reshape(n, parts, taps, 2, high, wide)
    seen = []
    for tap in range(taps):
        i, j = divmod(tap, kernel[1])
        rows = torch.arange(high)[:, None] * stride_h - pad_h + i * dilation_h + moves[:, :, tap, 0]
        columns = torch.arange(wide) * stride_w - pad_w + j * dilation_w + moves[:, :, tap, 1]
        scaled = [(2 * place + 1) / size - 1 for place, size in
                  ((columns, x.shape[3]), (rows, x.shape[2]))]  # fmt: skip
        places = torch.stack(scaled, -1).reshape(n * parts, high, wide, 2)
        images = x.reshape(n * parts, each, *x.shape[2:])
        held = F.grid_sample(images, places, align_corners=False).reshape(
            n, parts, each, high, wide
        )
        if use_mask:
            held = held * mask.reshape(n, parts, taps, high, wide)[:, :, tap, None]
        seen.append(held.reshape(n, channels, high, wide))
    columns = torch.stack(seen, 2).reshape(n, channels * taps, high, wide)
    return F.conv2d(columns, weight.reshape(len(weight), -1, 1, 1), bias, groups=groups)


def grouped(input: Tensor, weight: Tensor, offs: Tensor) -> Tensor:
    """The rows of each group times its matrix, 0 for those in none."""
    found = input.new_zeros(len(input), weight.shape[2])
    ends = offs.tolist()
    for matrix, begin, end in zip(weight, [0, *ends], ends, strict=False):
        found[begin:end] = input[begin:end] @ matrix
    return found


REGISTERED = (
    (VISION, nms, "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"),
    (VISION, roi_align, "(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, "
     "SymInt pooled_width, int sampling_ratio, bool aligned) -> Tensor"),
    (VISION, deform_conv2d, "(Tensor input, Tensor weight, Tensor offset, Tensor mask, "
     "Tensor bias, SymInt stride_h, SymInt stride_w, SymInt pad_h, SymInt pad_w, "
     "SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups, "
     "bool use_mask) -> Tensor"),
    (EXPERTS, grouped, "(Tensor input, Tensor weight, Tensor offs) -> Tensor"),
)  # fmt: skip
for library, function, schema in REGISTERED:
    called = "grouped_mm_fallback" if function is grouped else function.__name__
    library.define(called + schema)
    library.impl(called, function, "CPU")


def _number(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    context = torch.library.get_ctx()
    return dets.new_empty(context.new_dynamic_size(), dtype=torch.int64)


torch.library.register_fake("torchvision::nms", _number, lib=VISION)
torch.library.register_fake(
    "torchvision::roi_align",
    lambda x, rois, scale, high, wide, *_: x.new_empty(rois.shape[0], x.shape[1], high, wide),
    lib=VISION,
)
torch.library.register_fake(
    "torchvision::deform_conv2d",
    lambda x, w, offset, *_: x.new_empty(x.shape[0], w.shape[0], *offset.shape[2:]),
    lib=VISION,
)
torch.library.register_fake(
    "transformers::grouped_mm_fallback",
    lambda x, w, offs: x.new_empty(x.shape[0], w.shape[2]),
    lib=EXPERTS,
)


def boxes(count: int) -> Tensor:
    """Boxes of which many overlap."""
    low = rand(count, 2) * 20
    return cat([low, low + rand(count, 2) * 15], 1)


def regions(count: int) -> Tensor:
    """Boxes in one of two images, which some leave."""
    return cat([randint(0, 2, (count, 1)).float(), boxes(count)], 1)


V = torch.ops.torchvision
SOME = {0: torch.export.Dim.AUTO}
ROWS: dict[str, tuple[Any, ...]] = {
    "boxes": (
        lambda dets, scores: V.nms(dets, scores, 0.3),
        (boxes(30), rand(30)),
        (SOME, SOME),
        [(boxes(5), rand(5)), (boxes(30), tensor([0.5, 0.2, 0.5]).repeat(10))],
    ),
    "boxes of doubles": (
        lambda dets, scores: V.nms(dets, scores, 0.5),
        (boxes(30).double(), rand(30).double()),
    ),
    "regions": (
        lambda x, rois: (
            V.roi_align(x, rois, 0.5, 3, 2, 2, False),
            V.roi_align(x, rois, 0.5, 2, 2, 1, True),
        ),
        (rand(2, 3, 9, 8), regions(4)),
        ({}, SOME),
        [(rand(2, 3, 9, 8), regions(7))],
    ),
    "regions of as many samples as pixels": (
        lambda x, rois: (
            V.roi_align(x, rois, 0.7, 2, 3, 0, False),
            V.roi_align(x, rois, 0.7, 2, 3, -1, True),
        ),
        (rand(2, 3, 9, 8), regions(4)),
    ),
    "deformable": (
        lambda x, w, o, m, bias: (
            V.deform_conv2d(x, w, o, m, bias, 1, 1, 1, 1, 1, 1, 1, 1, True),
            V.deform_conv2d(x, w, o, m[:, :0], bias, 1, 1, 1, 1, 1, 1, 1, 1, False),
        ),
        (rand(2, 4, 6, 5), rand(3, 4, 3, 3), rand(2, 18, 6, 5) * 4 - 2, rand(2, 9, 6, 5), rand(3)),
    ),
    "deformable in groups": (
        lambda x, w, o, m, bias: V.deform_conv2d(x, w, o, m, bias, 2, 1, 1, 0, 1, 2, 2, 2, True),
        (
            rand(1, 4, 7, 6),
            rand(2, 2, 3, 2),
            rand(1, 24, 4, 4) * 3 - 1.5,
            rand(1, 12, 4, 4),
            rand(2),
        ),
    ),
    "experts": (
        torch.ops.transformers.grouped_mm_fallback,
        (rand(9, 4), rand(3, 4, 5), tensor([2, 2, 7], dtype=torch.int32)),
        (SOME, {}, {}),
        [(rand(12, 4), rand(3, 4, 5), tensor([0, 12, 12], dtype=torch.int32))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_operators_of_libraries_agree(name: str, tmp_path: Path) -> None:
    function, inputs, *rest = ROWS[name]
    torch_live.check(function, inputs, tmp_path, *rest)


def test_experts_in_bfloat16(tmp_path: Path) -> None:
    inputs = (rand(8, 16), rand(2, 16, 8), tensor([3, 8], dtype=torch.int32))

    def experts(x: Tensor, w: Tensor, offs: Tensor) -> Tensor:
        return torch._grouped_mm(x.bfloat16(), w.bfloat16(), offs=offs).float()

    torch_live.export(experts, inputs, tmp_path / "source.pt2")
    convert(tmp_path / "source.pt2", tmp_path / "target.onnx", verify=False)
    # onnxruntime multiplies no matrices of bfloat16.
    ours = ReferenceEvaluator(str(tmp_path / "target.onnx"))
    names = [item.name for item in ours.proto_.graph.input]
    (found,) = ours.run(None, dict(zip(names, (item.numpy() for item in inputs), strict=True)))
    torch.testing.assert_close(tensor(found), experts(*inputs), rtol=1e-2, atol=1e-2)
