"""Images in another size, as ``torch.nn.functional.interpolate`` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx import resize as onnx_resize
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of
from modelport.model.dtype import FLOAT32, INT64
from modelport.model.graph import Dim

_NEAREST = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}
_EXACT = {
    "mode": "nearest",
    "coordinate_transformation_mode": "half_pixel",
    "nearest_mode": "round_prefer_ceil",
}


def resized(
    call: Call, x: Any, size: Any, scales: Sequence[Any] | None, how: dict[str, Any]
) -> Edge:
    """The spatial axes in another size; stated scales are taken as they are."""
    b, edge = call.b, call.tensor(x)
    rank = edge.rank - 2
    given = [scale for scale in scales or () if scale is not None]
    exact = len(given) == rank and not any(isinstance(scale, Edge) for scale in given)
    wanted = call.extents(size) if size is not None else []
    if exact:
        shape: list[Dim] = [
            int(extent * scale) if isinstance(extent, int) else None
            for extent, scale in zip(edge.shape[2:], given, strict=True)
        ]
        factors = b.constant(np.array([1, 1, *given], np.float32), FLOAT32)
        inputs = [edge, None, factors]
    else:
        shape = [dim_of(item) for item in wanted]
        head = b.emit("Shape", [edge], INT64, (2,), start=0, end=2)
        inputs = [edge, None, None, ops.concat(b, [head, ops.vector(b, wanted)], 0)]
    return b.emit("Resize", inputs, edge.dtype, (*edge.shape[:2], *shape), **how)


def _nearest(how: dict[str, Any]) -> tuple[Any, Any]:
    def plain(
        call: Call,
        x: Any,
        output_size: Any,
        scales: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        return resized(call, x, output_size, [scales, scales_h, scales_w], how)

    def by_list(call: Call, input: Any, output_size: Any, scale_factors: Any = None) -> Edge:
        return resized(call, input, output_size, scale_factors, how)

    return plain, by_list


for _name, _how in {"upsample_nearest": _NEAREST, "_upsample_nearest_exact": _EXACT}.items():
    _plain, _by_list = _nearest(_how)
    for _n in "123":
        aten(f"{_name}{_n}d")(_plain)
        aten(f"{_name}{_n}d.vec")(_by_list)


def _corners(align_corners: bool) -> str:
    return "align_corners" if align_corners else "half_pixel"


def _interpolated(mode: str) -> tuple[Any, Any]:
    more = {"cubic_coeff_a": -0.75} if mode == "cubic" else {}

    def how(align_corners: bool) -> dict[str, Any]:
        where = _corners(align_corners)
        return {"mode": mode, "coordinate_transformation_mode": where, **more}

    def plain(
        call: Call,
        x: Any,
        output_size: Any,
        align_corners: bool,
        scales: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        given = [] if align_corners else [scales, scales_h, scales_w]
        return resized(call, x, output_size, given, how(align_corners))

    def by_list(
        call: Call, input: Any, output_size: Any, align_corners: bool, scale_factors: Any = None
    ) -> Edge:
        return resized(call, input, output_size, scale_factors, how(align_corners))

    return plain, by_list


for _name, _mode in {
    "upsample_linear1d": "linear",
    "upsample_bilinear2d": "linear",
    "upsample_trilinear3d": "linear",
    "upsample_bicubic2d": "cubic",
}.items():
    _plain, _by_list = _interpolated(_mode)
    aten(_name)(_plain)
    aten(f"{_name}.vec")(_by_list)


def _smooth(interpolation: str) -> tuple[Any, Any]:
    """Without aliasing: every new element from all old ones that it covers."""

    def plain(
        call: Call,
        x: Any,
        output_size: Any,
        align_corners: bool,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        edge = call.tensor(x)
        size = call.extents(output_size)
        known = [item for item in size if isinstance(item, int)]
        if align_corners or len(known) < len(size):
            raise ValueError("it resizes to a size that is computed, without aliasing")
        return onnx_resize.resized(call.b, edge, known, interpolation, antialias=True)

    def by_list(
        call: Call, input: Any, output_size: Any, align_corners: bool, scale_factors: Any = None
    ) -> Edge:
        edge = call.tensor(input)
        if output_size is None:
            output_size = [
                int(extent * scale) if isinstance(extent, int) else ops.extent(call.b, edge, -1)
                for extent, scale in zip(edge.shape[2:], scale_factors, strict=True)
            ]
        return plain(call, edge, output_size, align_corners)

    return plain, by_list


for _name, _mode in {
    "_upsample_bilinear2d_aa": "bilinear",
    "_upsample_bicubic2d_aa": "bicubic",
    "_upsample_lanczos2d_aa": "lanczos3",
}.items():
    _plain, _by_list = _smooth(_mode)
    aten(_name)(_plain)
    aten(f"{_name}.vec")(_by_list)


@aten("pixel_shuffle")
def pixel_shuffle(call: Call, x: Any, upscale_factor: int) -> Edge:
    """Channels spread over square blocks."""
    b, edge = call.b, call.tensor(x)
    lead = edge.rank - 3
    flat = _four_axes(call, edge)
    made = b.emit(
        "DepthToSpace", [flat], edge.dtype, (None,) * 4, blocksize=upscale_factor, mode="CRD"
    )
    dims = _blocks(edge, upscale_factor, True)
    return _as_before(call, edge, Edge(made.name, edge.dtype, (flat.shape[0], *dims)), lead)


@aten("pixel_unshuffle")
def pixel_unshuffle(call: Call, x: Any, downscale_factor: int) -> Edge:
    """Square blocks gathered in the channels, the channel first."""
    b, edge, r = call.b, call.tensor(x), downscale_factor
    flat = _four_axes(call, edge)
    sides = [ops.extent(b, flat, axis) for axis in (0, 1, 2, 3)]
    parts = [item // r if isinstance(item, int) else ops.divide(b, item, r) for item in sides[2:]]
    many = sides[1] * r * r if isinstance(sides[1], int) else ops.multiply(b, sides[1], r * r)
    wide = ops.reshape(b, flat, [sides[0], sides[1], parts[0], r, parts[1], r])
    moved = ops.transpose(b, Edge(b.name(wide), edge.dtype, (None,) * 6), (0, 1, 3, 5, 2, 4))
    made = ops.reshape(b, moved, [sides[0], many, *parts])
    dims = _blocks(edge, r, False)
    shape = (flat.shape[0], *dims)
    return _as_before(call, edge, Edge(b.name(made), edge.dtype, shape), edge.rank - 3)


def _blocks(x: Edge, r: int, grows: bool) -> tuple[Any, ...]:
    channels, height, width = (item if isinstance(item, int) else None for item in x.shape[-3:])
    if grows:
        return channels and channels // r**2, height and height * r, width and width * r
    return channels and channels * r**2, height and height // r, width and width // r


def _four_axes(call: Call, x: Edge) -> Edge:
    if x.rank == 4:
        return x
    tail = [ops.extent(call.b, x, axis) for axis in (-3, -2, -1)]
    made = ops.reshape(call.b, x, [-1, *tail])
    return Edge(call.b.name(made), x.dtype, (made.shape[0], *x.shape[-3:]))


def _as_before(call: Call, x: Edge, made: Edge, lead: int) -> Edge:
    if lead == 1:
        return made
    head = [ops.extent(call.b, x, axis) for axis in range(lead)]
    tail = [ops.extent(call.b, made, axis) for axis in (1, 2, 3)]
    back = ops.reshape(call.b, made, [*head, *tail])
    return Edge(call.b.name(back), x.dtype, (*x.shape[:lead], *made.shape[1:]))


@aten("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(call: Call, x: Any, groups: int) -> Edge:
    """The channels of several groups, one of each in turn."""
    b, edge = call.b, call.tensor(x)
    head, tail = ops.extent(b, edge, 0), [ops.extent(b, edge, i) for i in range(2, edge.rank)]
    channels = edge.shape[1]
    if not isinstance(channels, int):
        raise ValueError("an unknown number of channels")
    wide = ops.reshape(b, edge, [head, groups, channels // groups, *tail])
    moved = ops.transpose(b, wide, (0, 2, 1, *range(3, edge.rank + 1)))
    made = ops.reshape(b, moved, [head, channels, *tail])
    return Edge(b.name(made), edge.dtype, edge.shape)
