"""Images sampled at other places: resized, along grids, folded from columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.dialects.torch.raises.call import Call, arguments, pair, raises
from modelport.dialects.torch.raises.shape import extents, listed
from modelport.dialects.torch.raises.window import window

RESIZE = '''
def _resize(
    x,
    axes,
    take,
    scales=None,
    sizes=None,
    fit=None,
    roi=None,
    outside=0.0,
    coordinates="half_pixel",
    **how,
):
    """Other extents along axes, where ``take`` says what lies between elements."""
    extents = [x.shape[axis] for axis in axes]
    if sizes is not None:
        scales = [size / extent for size, extent in zip(sizes, extents)]
        if fit is not None:
            scales = [fit(scales)] * len(axes)
            sizes = [math.floor(s * n + 0.5) for s, n in zip(scales, extents)]
    for i, (axis, extent, scale) in enumerate(zip(axes, extents, scales)):
        start, end = (roi[i], roi[i + len(axes)]) if roi else (0.0, 1.0)
        size = sizes[i] if sizes else math.floor(extent * (end - start) * scale)
        at = torch.arange(size, dtype=torch.float32, device=x.device)
        if coordinates == "asymmetric":
            at = at / scale
        elif coordinates == "align_corners":
            at = at * (extent - 1) / max(size - 1, 1)
        elif coordinates == "tf_crop_and_resize":
            step = (end - start) * (extent - 1)
            at = at * step / (size - 1) if size > 1 else at + step / 2
            at = at + start * (extent - 1)
        elif coordinates == "pytorch_half_pixel" and size == 1:
            at = at * 0
        else:
            at = (at + 0.5) / scale - 0.5
            if coordinates == "half_pixel_symmetric":
                at = at + extent / 2 * (1 - size / (scale * extent))
        x = take(x, axis, at, scale, **how)
        if roi:
            beyond = ((at < 0) | (at > extent - 1)).reshape(-1, *[1] * (x.dim() - 1))
            x = x.masked_fill(beyond.movedim(0, axis), outside)
    return x
'''
NEAREST = '''
def _nearest(x, axis, at, scale, rounding="round_prefer_floor"):
    """The elements next to these places."""
    if rounding == "round_prefer_floor":
        at = (at - 0.5).ceil()
    elif rounding == "round_prefer_ceil":
        at = (at + 0.5).floor()
    else:
        at = at.floor() if rounding == "floor" else at.ceil()
    return x.index_select(axis, at.long().clamp(0, x.shape[axis] - 1))
'''
WEIGHTED = '''
def _weighted(x, axis, at, scale, cubic=None, exclude=False, antialias=False):
    """Sums of the elements around these places: linear, or cubic with a coefficient."""
    stretch = max(1.0, 1 / scale) if antialias else 1.0
    reach = math.ceil((1 if cubic is None else 2) * stretch)
    index = at.floor().long()[:, None] + torch.arange(
        1 - reach, 1 + reach, device=x.device
    )
    away = (index - at[:, None]).abs() / stretch
    if cubic is None:
        weight = (1 - away).clamp(min=0)
    else:
        near = ((cubic + 2) * away - (cubic + 3)) * away * away + 1
        far = ((cubic * away - 5 * cubic) * away + 8 * cubic) * away - 4 * cubic
        weight = torch.where(away <= 1, near, far) * (away < 2)
    if exclude:
        weight = weight * ((index >= 0) & (index < x.shape[axis]))
    if exclude or antialias:
        weight = weight / weight.sum(1, keepdim=True)
    index = index.clamp(0, x.shape[axis] - 1)
    y = (x.movedim(axis, -1)[..., index] * weight).sum(-1)
    return y.movedim(-1, axis).to(x.dtype)
'''
COL2IM = '''
def _col2im(x, shape, kernel, stride, dilation, pads):
    """The sum of windows laid over each other again."""
    count = len(shape)
    padded = [n + before + after for n, before, after in zip(shape, pads, pads[count:])]
    steps = [
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(padded, dilation, kernel, stride)
    ]
    x = x.unflatten(2, steps).unflatten(1, (-1, *kernel))
    image = x.new_zeros(*x.shape[:2], *padded)
    for place in torch.ones(kernel).nonzero().tolist():
        at = tuple(
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, n, s in zip(place, dilation, steps, stride)
        )
        image[(..., *at)] += x[(slice(None), slice(None), *place)]
    return image[(..., *(slice(before, before + n) for before, n in zip(pads, shape)))]
'''


@raises("Resize")
def resize(call: Call) -> None:
    """Other extents, by what lies between elements."""
    rank = call.rank(0)
    axes = [axis % rank for axis in call.ints("axes") or range(rank)]
    if _sampled(call, axes):
        return
    mode, has_sizes = call.attribute("mode", "nearest"), call.has(3)
    options: dict[str, tuple[object, object]] = {}
    index = 3 if has_sizes else 2
    items = _factors(call, axes) if not has_sizes else _extents(call, axes)
    roi = call.attribute("coordinate_transformation_mode") == "tf_crop_and_resize"
    if items is not None and not roi:
        kept = [place for place, axis in enumerate(axes) if not _stays(call, axis, items[place])]
        if not kept:
            call.writer.bind(call.node.outputs[0], call[0])
            return
        if call.attribute("keep_aspect_ratio_policy", "stretch") == "stretch":
            axes, items = [axes[place] for place in kept], [items[place] for place in kept]
    given = listed(call, index) if items is None else f"[{', '.join(items)}]"
    options["sizes" if has_sizes else "scales"] = (given, "")
    policy = call.attribute("keep_aspect_ratio_policy", "stretch")
    if has_sizes and policy != "stretch":
        options["fit"] = ("min" if policy == "not_larger" else "max", "")
    if roi:
        array = call.array(1)
        options["roi"] = (f"{call[1]}.tolist()" if array is None else _floats(array), "")
        options["outside"] = (call.attribute("extrapolation_value", 0.0), 0.0)
    coordinates = call.attribute("coordinate_transformation_mode", "half_pixel")
    options["coordinates"] = (f'"{coordinates}"', '"half_pixel"')
    take = call.helper(NEAREST if mode == "nearest" else WEIGHTED)
    options |= _how(call, mode)
    text = arguments(call[0], axes, take, **options)
    call.writer.bind(call.node.outputs[0], f"{call.helper(RESIZE)}({text})")


def _how(call: Call, mode: str) -> dict[str, tuple[object, object]]:
    """The settings of what lies between elements."""
    if mode == "nearest":
        rounding = call.attribute("nearest_mode", "round_prefer_floor")
        return {"rounding": (f'"{rounding}"', '"round_prefer_floor"')}
    coefficient = call.attribute("cubic_coeff_a", -0.75) if mode == "cubic" else None
    return {
        "cubic": (coefficient, None),
        "exclude": (bool(call.attribute("exclude_outside", 0)), False),
        "antialias": (bool(call.attribute("antialias", 0)), False),
    }


def _floats(array: object) -> str:
    return str([float(str(np.float32(item))) for item in np.asarray(array).reshape(-1)])


def _factors(call: Call, axes: list[int]) -> list[str] | None:
    """The factors of a Resize, where they are constants."""
    array = call.array(2)
    if array is None or array.size != len(axes):
        return None
    floats = [float(str(np.float32(item))) for item in array.reshape(-1)]
    return [str(int(item)) if item == int(item) else str(item) for item in floats]


def _extents(call: Call, axes: list[int]) -> list[str] | None:
    """The extents that a Resize is to give, as expressions."""
    known = call.knows_sizes(3) or isinstance(call.known(3).dim(0), int)
    return list(call.sizes(3).items) if known else None


def _stays(call: Call, axis: int, item: str) -> bool:
    """Whether an axis keeps its extent for this factor or size."""
    if not call.has(3):
        return item == "1"
    return item in (f"{call[0]}.shape[{axis}]", str(call.known(0).dim(axis)))


def _sampled(call: Call, axes: list[int]) -> bool:
    """Write a Resize as ``F.interpolate``, where that is the same."""
    rank, mode = call.rank(0), call.attribute("mode", "nearest")
    items = _extents(call, axes) if call.has(3) else _factors(call, axes)
    plain = (
        items is not None
        and 3 <= rank <= 5
        and call.dtype(0).kind == "float"
        and call.attribute("keep_aspect_ratio_policy", "stretch") == "stretch"
        and not call.attribute("exclude_outside", 0)
        and not call.attribute("antialias", 0)
    )
    if not plain or items is None:
        return False
    by_axis = dict(zip(axes, items, strict=True))
    own = "1" if not call.has(3) else None
    if any(axis in by_axis and not _stays(call, axis, by_axis[axis]) for axis in (0, 1)):
        return False
    wanted = [by_axis.get(axis) or own or f"{call[0]}.shape[{axis}]" for axis in range(2, rank)]
    name = _torch_mode(call, mode, wanted)
    if name is None:
        return False
    corners = call.attribute("coordinate_transformation_mode", "half_pixel") == "align_corners"
    text = arguments(
        **{"size" if call.has(3) else "scale_factor": (_together(wanted), "")},
        mode=(f'"{name}"', '"nearest"'),
        align_corners=(corners, False),
    )
    module = "" if "_value_" in text else f"nn.Upsample({text})"
    call.activation(module, f"F.interpolate({call[0]}, {text})")
    return True


def _together(items: list[str]) -> str:
    """Numbers for each axis as torch takes them."""
    if len(set(items)) == 1:
        return items[0]
    return f"({', '.join(items)})"


def _torch_mode(call: Call, mode: str, wanted: list[str]) -> str | None:
    """What torch calls this interpolation, where its results are the same."""
    coordinates = call.attribute("coordinate_transformation_mode", "half_pixel")
    spatial = len(wanted)
    if mode == "nearest":
        for name in ("nearest", "nearest-exact"):
            rows = [
                _same_nearest(call, name, axis, item, coordinates)
                for axis, item in enumerate(wanted, 2)
            ]
            if all(rows):
                return name
        return None
    if mode == "cubic" and (spatial != 2 or call.attribute("cubic_coeff_a", -0.75) != -0.75):
        return None
    if coordinates == "pytorch_half_pixel":
        # A result of one element is made from the first, where torch takes the middle.
        fine = all(_above_one(call, axis, item) for axis, item in enumerate(wanted, 2))
        return _smooth(mode, spatial) if fine else None
    if coordinates not in ("half_pixel", "align_corners"):
        return None
    return _smooth(mode, spatial)


def _smooth(mode: str, spatial: int) -> str:
    return "bicubic" if mode == "cubic" else ("linear", "bilinear", "trilinear")[spatial - 1]


def _above_one(call: Call, axis: int, item: str) -> bool:
    extent = call.output().dim(axis)
    if isinstance(extent, int) and extent > 1:
        return True
    return float(item) >= 1 if not call.has(3) else item == f"{call[0]}.shape[{axis}]"


MOST_PLACES = 4096
"""How many places along an axis are tried where it is not known how many there are."""


def _same_nearest(call: Call, name: str, axis: int, item: str, coordinates: str) -> bool:
    """Whether torch takes the same elements along an axis, place by place."""
    rounding = call.attribute("nearest_mode", "round_prefer_floor")
    extent, size = call.known(0).dim(axis), call.output().dim(axis)
    plain = (coordinates, rounding) == ("asymmetric", "floor") and name == "nearest"
    if call.has(3):
        if not isinstance(extent, int) or not isinstance(size, int):
            return plain
        scale, step = np.float32(size / extent), np.float32(extent / size)
    else:
        scale, step = np.float32(item), np.float32(1 / float(item))
    if coordinates not in ("asymmetric", "half_pixel"):
        return False
    places = np.arange(size if isinstance(size, int) else MOST_PLACES, dtype=np.float32)
    at = places / scale if coordinates == "asymmetric" else (places + 0.5) / scale - 0.5
    last = extent - 1 if isinstance(extent, int) else np.inf
    own = np.floor((places + 0.5) * step if name == "nearest-exact" else places * step)
    theirs = np.clip(_rounded(at, rounding), 0, last)
    return bool(np.array_equal(theirs, np.minimum(own, last)))


def _rounded(at: NDArray[Any], how: str) -> Any:
    """Places as whole numbers."""
    if how == "round_prefer_floor":
        return np.ceil(at - 0.5)
    if how == "round_prefer_ceil":
        return np.floor(at + 0.5)
    return np.floor(at) if how == "floor" else np.ceil(at)


@raises("GridSample")
def grid_sample(call: Call) -> str:
    """Elements from where a grid points."""
    mode = call.attribute("mode", "linear")
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    rank = call.rank(0)
    if rank not in (4, 5) or (rank == 5 and name == "bicubic"):
        raise call.refused(f"torch has no {mode} sampling over {rank - 2} axes")
    same = call.known(0).dtype == call.known(1).dtype
    text = arguments(
        call[0],
        call[1] if same else f"{call[1]}.to({call[0]}.dtype)",
        mode=(f'"{name}"', '"bilinear"'),
        padding_mode=(f'"{call.attribute("padding_mode", "zeros")}"', '"zeros"'),
        align_corners=(bool(call.attribute("align_corners", 0)), ""),
    )
    return f"F.grid_sample({text})"


@raises("AffineGrid")
def affine_grid(call: Call) -> str:
    """The grid that an affine map makes of an image."""
    corners = bool(call.attribute("align_corners", 0))
    return f"F.affine_grid({call[0]}, {listed(call, 1)}, align_corners={corners})"


@raises("Col2Im")
def col2im(call: Call) -> str:
    """Windows laid over each other again."""
    axes = extents(call, 2)
    if axes is None:
        raise call.refused("the number of axes of its windows is not known")
    kernel = axes.numbers
    found = window(call, kernel or [1] * len(axes.items))
    if kernel and found.axes == 2 and found.even:
        text = arguments(
            f"({call.sizes(1).text()})",
            pair(kernel),
            dilation=(pair(found.dilation), "1"),
            padding=(found.padding, "0"),
            stride=(pair(found.stride), "1"),
        )
        return f"F.fold({call[0]}, {text})"
    shape, sides = listed(call, 1), listed(call, 2)
    where = f"{shape}, {sides}, {found.stride}, {found.dilation}, {found.pads}"
    return f"{call.helper(COL2IM)}({call[0]}, {where})"
