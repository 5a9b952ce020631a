"""Images of another size: layers where they do the same, else each axis by the formula of ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held
from modelport.model.dtype import DTYPES
from modelport.model.expression import source
from modelport.model.graph import Dim
from modelport.model.tensor import InMemory, Tensor

_LAYERS = {"nearest": "nearest", "linear": "bilinear"}
_MOST_TAPS = 64


@raises("Resize")
def resize(call: Call) -> Held:
    """Each axis enlarged or reduced by a factor or to a size (opset 19)."""
    rank = call.known(0).rank or 0
    axes = [axis % rank for axis in call.ints("axes", range(rank))]
    scales = call.array(2) if call.has(2) and (call.known(2).shape or (0,))[0] else None
    sizes = call.known(3).extents if call.has(3) else None
    if scales is None and sizes is None:
        raise call.refused("its size is computed, where Keras takes numbers")
    factors: dict[int, tuple[float, int | None]] = {}
    ratios = _ratios(call, axes, scales, sizes)
    for axis in axes:
        before, after = call.known(0).dim(axis), call.output().dim(axis)
        ratio = ratios[axis]
        whole = isinstance(before, int) and isinstance(after, int)
        if ratio != 1 or (whole and before != after):
            factors[axis] = (ratio, after if isinstance(after, int) else None)
    if not factors:
        return call.held()
    layer = _layer(call, factors)
    if layer is not None:
        return layer
    x = call.spatial() if rank in (3, 4, 5) else call.held()
    for axis, (ratio, size) in factors.items():
        x = _along(call, x, axis, ratio, size)
    return x


def _ratios(
    call: Call, axes: list[int], scales: NDArray[Any] | None, sizes: Sequence[Dim] | None
) -> dict[int, float]:
    """The factor of each axis."""
    if sizes is None:
        given = np.asarray(scales).reshape(-1)
        return {axis: float(number) for axis, number in zip(axes, given, strict=True)}
    extents = [call.known(0).dim(axis) for axis in axes]
    found: dict[int, float] = {}
    for axis, extent, size in zip(axes, extents, sizes, strict=True):
        if extent is not None and extent in (size, call.output().dim(axis)):
            found[axis] = 1.0
            continue
        if not isinstance(extent, int) or not isinstance(size, int):
            raise call.refused("an extent of its operand or its result is open")
        found[axis] = size / extent
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return found
    one = min(found.values()) if policy == "not_larger" else max(found.values())
    return dict.fromkeys(found, one)


def _layer(call: Call, factors: dict[int, tuple[float, int | None]]) -> Held | None:
    """An UpSampling layer, where its formula is the same."""
    rank = call.known(0).rank or 0
    mode = _LAYERS.get(call.attribute("mode", "nearest"))
    number = [factors.get(axis, (1.0, None))[0] for axis in range(rank)]
    whole = all(ratio == int(ratio) and ratio >= 1 for ratio in number)
    if mode is None or not whole or rank not in (3, 4, 5) or number[0] != 1 or number[1] != 1:
        return None
    way = call.attribute("coordinate_transformation_mode", "half_pixel")
    if mode == "bilinear" and (rank != 4 or way not in ("half_pixel", "pytorch_half_pixel")):
        return None
    if mode == "nearest":
        rounding = call.attribute("nearest_mode", "round_prefer_floor")
        fits = (way == "asymmetric" and rounding == "floor") or (
            way in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_prefer")
        )
        if not fits:
            return None
    if call.attribute("exclude_outside", 0):
        return None
    size: Any = [int(ratio) for ratio in number[2:]]
    config: dict[str, Any] = {"size": size[0] if rank == 3 else size}
    if rank > 3:
        config["data_format"] = call.data_format
    if rank == 4:
        config["interpolation"] = mode
    x = call.spatial()
    if rank == 3 and x.is_plain:
        return call.op("Repeat", x, repeats=size[0], axis=2)
    return call.layer(f"UpSampling{rank - 2}D", config, x)


def _along(call: Call, x: Held, axis: int, ratio: float, size: int | None) -> Held:
    """One axis: each new element is a sum of a few old ones."""
    extent = call.known(0).dim(axis)
    if not isinstance(extent, int) or size is None:
        raise call.refused("an extent of its operand is open")
    places, shares = taps(call, axis, extent, size, ratio)
    place = x.axis(axis)
    total: Held | None = None
    for index, share in zip(places, shares, strict=True):
        part = _taken(call, x, place, index, extent)
        if not (share == 1).all():
            part = call.op("Multiply", part, _spread(call, share, place, x.rank))
        total = part if total is None else call.op("Add", total, part)
    if total is None:
        raise call.refused("an axis of no elements")
    return total


def _taken(call: Call, x: Held, place: int, index: NDArray[Any], extent: int) -> Held:
    if len(index) == extent and (index == np.arange(extent)).all():
        return x
    held = call.writer.constants.spelt(source(Tensor("", InMemory(index))), (0,))
    return call.op("Take", x, held, axis=place, order=x.order)


def _spread(call: Call, share: NDArray[Any], place: int, rank: int) -> Any:
    """The shares of the elements, shaped to stand beside them."""
    dtype = call.known(0).dtype or DTYPES["float32"]
    shape = [1] * rank
    shape[place] = -1
    array = source(Tensor("", InMemory(share.astype(dtype.numpy).reshape(shape))))
    return call.writer.constants.spelt(array, tuple(range(rank)))


def taps(
    call: Call, axis: int, extent: int, size: int, ratio: float
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Which old elements make the new ones, and with which shares: so many lists of each.

    Source of the formulas: the reference implementation of Resize in the ONNX specification.
    """
    mode = call.attribute("mode", "nearest")
    where = _coordinates(call, axis, extent, size, ratio)
    if mode == "nearest":
        chosen = _rounded(call.attribute("nearest_mode", "round_prefer_floor"), where)
        return [np.clip(chosen, 0, extent - 1).astype(np.int64)], [np.ones(size)]
    smooth = bool(call.attribute("antialias", 0)) and ratio < 1
    stretch = ratio if smooth else 1.0
    reach = math.ceil((1 if mode == "linear" else 2) / stretch)
    if 2 * reach > _MOST_TAPS:
        raise call.refused("each of its elements is a sum of too many")
    first = np.floor(where).astype(np.int64)
    offsets = range(1 - reach, reach + 1)
    places = [first + offset for offset in offsets]
    distance = [(place - where) * stretch for place in places]
    if mode == "linear":
        shares = [np.maximum(0, 1 - np.abs(each)) for each in distance]
    else:
        a = float(call.attribute("cubic_coeff_a", -0.75))
        shares = [_cubic(np.abs(each), a) for each in distance]
    if call.attribute("exclude_outside", 0) or smooth:
        inside = [(place >= 0) & (place < extent) for place in places]
        excluded = call.attribute("exclude_outside", 0)
        shares = [w * i for w, i in zip(shares, inside, strict=True)] if excluded else shares
        total = sum(shares, np.zeros(size))
        shares = [share / total for share in shares]
    if call.attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize":
        raise call.refused("a part of the image, which modelport does not write for Keras")
    kept = [i for i, share in enumerate(shares) if share.any()]
    return [np.clip(places[i], 0, extent - 1) for i in kept], [shares[i] for i in kept]


def _cubic(distance: NDArray[Any], a: float) -> NDArray[Any]:
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    found: NDArray[Any] = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return found


def _coordinates(call: Call, axis: int, extent: int, size: int, ratio: float) -> NDArray[Any]:
    """Where each new element lies among the old ones."""
    way = call.attribute("coordinate_transformation_mode", "half_pixel")
    at = np.arange(size, dtype=np.float64)
    if way == "half_pixel":
        return (at + 0.5) / ratio - 0.5
    if way == "pytorch_half_pixel":
        return (at + 0.5) / ratio - 0.5 if size > 1 else np.zeros(1)
    if way == "asymmetric":
        return at / ratio
    if way == "align_corners":
        length = extent * ratio
        if abs(length - size) > 1e-6:
            raise call.refused("corners between elements, which runtimes do not agree upon")
        steps: NDArray[Any] = at * (extent - 1) / max(length - 1, 1e-300)
        return np.zeros(size) if length == 1 else steps
    if way == "half_pixel_symmetric":
        centre = extent / 2 * (1 - size / (ratio * extent))
        return centre + (at + 0.5) / ratio - 0.5
    raise call.refused(f"the positions {way}, which modelport does not write for Keras")


def _rounded(way: str, where: NDArray[Any]) -> NDArray[Any]:
    if way == "round_prefer_floor":
        return np.ceil(where - 0.5)
    if way == "round_prefer_ceil":
        return np.floor(where + 0.5)
    found: NDArray[Any] = np.floor(where) if way == "floor" else np.ceil(where)
    return found
