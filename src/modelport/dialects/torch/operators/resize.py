"""Images in another size, as ``torch.nn.functional.interpolate`` makes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx import resize as onnx_resize
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Lower, aten, dim_of
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


Scales = Sequence[float | None]


def resized(call: Call, x: Any, size: Any, scales: Scales | None, how: Mapping[str, Any]) -> Edge:
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
        factors = [_factor(*item) for item in zip(given, edge.shape[2:], shape, strict=True)]
        inputs = [edge, None, b.constant(np.array([1, 1, *factors], np.float32), FLOAT32)]
    else:
        shape = [dim_of(item) for item in wanted]
        head = b.emit("Shape", [edge], INT64, (2,), start=0, end=2)
        inputs = [edge, None, None, ops.concat(b, [head, ops.vector(b, wanted)], 0)]
    return b.emit("Resize", inputs, edge.dtype, (*edge.shape[:2], *shape), **how)


def _factor(scale: float, extent: Dim, wanted: Dim) -> np.float32:
    """A scale in float32 by which an extent comes out as in torch, which multiplies in float64."""
    factor = np.float32(scale)
    if isinstance(extent, int) and isinstance(wanted, int):
        while int(factor * np.float32(extent)) < wanted:
            factor = np.nextafter(factor, np.float32(np.inf))
        while int(factor * np.float32(extent)) > wanted:
            factor = np.nextafter(factor, np.float32(0))
    return factor


def _nearest(how: Mapping[str, Any]) -> tuple[Lower, ...]:
    """The operator for one axis, two and three, and with its scales in a list."""

    def one(call: Call, x: Any, output_size: Any, scales: float | None = None) -> Edge:
        return resized(call, x, output_size, [scales], how)

    def two(
        call: Call,
        x: Any,
        output_size: Any,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        return resized(call, x, output_size, [scales_h, scales_w], how)

    def three(
        call: Call,
        x: Any,
        output_size: Any,
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        return resized(call, x, output_size, [scales_d, scales_h, scales_w], how)

    def by_list(
        call: Call, input: Any, output_size: Any, scale_factors: Scales | None = None
    ) -> Edge:
        return resized(call, input, output_size, scale_factors, how)

    return one, two, three, by_list


for _name, _how in {"upsample_nearest": _NEAREST, "_upsample_nearest_exact": _EXACT}.items():
    *_plain, _by_list = _nearest(_how)
    for _n, _lower in enumerate(_plain, 1):
        aten(f"{_name}{_n}d")(_lower)
        aten(f"{_name}{_n}d.vec")(_by_list)

Resize = Callable[[Call, Any, Any, bool, Scales | None], Edge]
"""Resizes a tensor to a size, with or without aligned corners, where scales may be stated."""


def _with_corners(resize: Resize) -> tuple[Lower, ...]:
    """The operator for one axis, two and three, and with its scales in a list."""

    def one(
        call: Call, x: Any, output_size: Any, align_corners: bool, scales: float | None = None
    ) -> Edge:
        return resize(call, x, output_size, align_corners, [scales])

    def two(
        call: Call,
        x: Any,
        output_size: Any,
        align_corners: bool,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        return resize(call, x, output_size, align_corners, [scales_h, scales_w])

    def three(
        call: Call,
        x: Any,
        output_size: Any,
        align_corners: bool,
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Edge:
        return resize(call, x, output_size, align_corners, [scales_d, scales_h, scales_w])

    def by_list(
        call: Call,
        input: Any,
        output_size: Any,
        align_corners: bool,
        scale_factors: Scales | None = None,
    ) -> Edge:
        return resize(call, input, output_size, align_corners, scale_factors)

    return one, two, three, by_list


def _interpolated(mode: str) -> Resize:
    more = {"cubic_coeff_a": -0.75} if mode == "cubic" else {}

    def resize(call: Call, x: Any, size: Any, align_corners: bool, scales: Scales | None) -> Edge:
        where = "align_corners" if align_corners else "half_pixel"
        how = {"mode": mode, "coordinate_transformation_mode": where, **more}
        return resized(call, x, size, None if align_corners and size else scales, how)

    return resize


def _smooth(interpolation: str) -> Resize:
    """Without aliasing: every new element from all old ones that it covers."""

    def resize(call: Call, x: Any, size: Any, align_corners: bool, scales: Scales | None) -> Edge:
        edge = call.tensor(x)
        extents = [extent for extent in edge.shape[2:] if isinstance(extent, int)]
        given = list(scales or [None, None])
        if len(extents) == 2 and size is None:
            sizes = [int(n * scale) for n, scale in zip(extents, given, strict=True) if scale]
        else:
            sizes = [item for item in call.extents(size or []) if isinstance(item, int)]
        if len(extents) < 2 or len(sizes) < 2:
            raise ValueError("resizing without aliasing needs extents that are known")
        steps = [_step(*item, align_corners) for item in zip(extents, sizes, given, strict=True)]
        return onnx_resize.smooth(call.b, edge, sizes, interpolation, steps)

    return resize


def _step(extent: int, size: int, scale: float | None, align_corners: bool) -> float:
    """How many old elements there are to a new one (ATen's ``area_pixel_compute_scale``)."""
    if align_corners:
        return (extent - 1) / (size - 1) if size > 1 else 0.0
    return 1 / scale if scale else extent / size


for _name, _axes, _resize in (
    ("upsample_linear1d", 1, _interpolated("linear")),
    ("upsample_bilinear2d", 2, _interpolated("linear")),
    ("upsample_trilinear3d", 3, _interpolated("linear")),
    ("upsample_bicubic2d", 2, _interpolated("cubic")),
    ("_upsample_bilinear2d_aa", 2, _smooth("bilinear")),
    ("_upsample_bicubic2d_aa", 2, _smooth("bicubic")),
    ("_upsample_lanczos2d_aa", 2, _smooth("lanczos3")),
):
    *_plain, _by_list = _with_corners(_resize)
    aten(_name)(_plain[_axes - 1])
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
    head, channels, *tail = [ops.extent(b, edge, axis) for axis in range(edge.rank)]
    wide = ops.reshape(b, edge, [head, groups, -1, *tail])
    moved = ops.transpose(b, wide, (0, 2, 1, *range(3, edge.rank + 1)))
    made = ops.reshape(b, moved, [head, channels, *tail])
    return Edge(b.name(made), edge.dtype, edge.shape)
