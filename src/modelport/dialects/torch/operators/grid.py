"""Images sampled at places of a grid."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of

_MODES = ("linear", "nearest", "cubic")
_PADDING = ("zeros", "border", "reflection")


@aten("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def grid_sample(
    call: Call,
    input: Any,
    grid: Any,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Edge:
    """Elements at places from -1 to 1."""
    x, places = call.tensor(input), call.tensor(grid)
    shape = (*x.shape[:2], *places.shape[1:-1])
    return call.b.emit(
        "GridSample",
        [x, places],
        x.dtype,
        shape,
        mode=_MODES[interpolation_mode],
        padding_mode=_PADDING[padding_mode],
        align_corners=int(align_corners),
    )


@aten("affine_grid_generator")
def affine_grid(call: Call, theta: Any, size: Any, align_corners: bool) -> Edge:
    """The places that an affine map sends the elements of a shape to."""
    edge, extents = call.tensor(theta), call.extents(size)
    dims = [dim_of(item) for item in extents]
    shape = (dims[0], *dims[2:], len(extents) - 2)
    inputs = [edge, ops.vector(call.b, extents)]
    return call.b.emit("AffineGrid", inputs, edge.dtype, shape, align_corners=int(align_corners))
