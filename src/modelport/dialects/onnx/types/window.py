"""Operators that move a window over pictures: convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import FLOATS, Call, rule
from modelport.dialects.onnx.types.dims import demand, equal, fits, times
from modelport.dialects.onnx.types.known import Known, made
from modelport.model.dtype import INT32, INT64
from modelport.model.graph import Dim


def check_window(call: Call, x: Known, kernel: Sequence[Dim]) -> int:
    """How many spatial axes there are; the kernel and the settings must be of as many.

    Raises:
        ValueError: they are not.
    """
    assert x.shape is not None
    rank = len(x.shape) - 2
    demand(rank > 0, f"no spatial axes in {list(x.shape)}")
    demand(len(kernel) == rank + 2, f"a kernel {list(kernel)} over {list(x.shape)}")
    stated = call.numbers("kernel_shape")
    if stated is not None:
        demand(fits(stated, kernel[2:]), f"a window {list(stated)}, but a kernel {list(kernel)}")
    _check_lengths(call, rank)
    return rank


def _check_lengths(call: Call, rank: int) -> None:
    lengths = {"kernel_shape": rank, "strides": rank, "dilations": rank, "pads": 2 * rank}
    for name, length in lengths.items():
        stated = call.numbers(name)
        fine = stated is None or len(stated) == length
        demand(fine, f"{name} {stated} for {rank} spatial axes")


def _slid(call: Call, extents: Sequence[Dim], window: Sequence[Dim]) -> list[Dim]:
    """The number of places of a window along each axis."""
    rank = len(extents)
    strides = call.numbers("strides") or [1] * rank
    dilations = call.numbers("dilations") or [1] * rank
    pads = call.numbers("pads") or [0] * (2 * rank)
    auto = call.text("auto_pad", "NOTSET")
    demand(all(step > 0 for step in strides), f"{call.op_type} in steps of {strides[:8]}")
    up = call.op_type in _CEILING and call.number("ceil_mode", 0) != 0
    found: list[Dim] = []
    for i, (extent, size) in enumerate(zip(extents, window, strict=True)):
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            same = isinstance(extent, int)
            whole = -(-extent // strides[i]) if same and isinstance(extent, int) else None
            found.append(extent if strides[i] == 1 else whole)
        elif isinstance(extent, int) and isinstance(size, int):
            reach = dilations[i] * (size - 1) + 1
            before, after = (0, 0) if auto == "VALID" else (pads[i], pads[i + rank])
            found.append(_places(extent, before, after, reach, strides[i], up))
        else:
            found.append(_unmoved(extent, size, pads[i] + pads[i + rank], dilations[i], strides[i]))
    return found


def _unmoved(extent: Dim, size: Dim, pads: int, dilation: int, stride: int) -> Dim:
    """A named extent stays where the padding makes up for the window."""
    fine = isinstance(size, int) and pads == dilation * (size - 1) and stride == 1
    return extent if fine else None


def _places(extent: int, before: int, after: int, reach: int, stride: int, up: bool) -> int:
    room = extent + before + after - reach
    demand(room >= 0, f"a window of {reach} over {extent + before + after} elements")
    count = (-(-room // stride) if up else room // stride) + 1
    # The last window must begin on the elements or on the padding before them.
    return count - 1 if up and (count - 1) * stride >= extent + before else count


_CEILING = ("MaxPool", "AveragePool", "LpPool")


def _weighted(call: Call, x: Known, out: Dim, spatial: Sequence[Dim] | None, bias: int) -> Known:
    held = call.at(bias).shape
    if held is not None:
        demand(fits(held, (out,)), f"{out} filters with a bias {list(held)}")
    assert x.shape is not None
    return made(x.dtype, (x.shape[0], out, *(spatial or [None] * (len(x.shape) - 2))))


def _one_type(call: Call, x: Known, others: Sequence[int]) -> None:
    for index in others:
        dtype = call.at(index).dtype
        fine = dtype is None or x.dtype is None or dtype == x.dtype
        demand(fine, f"{x.dtype} values, but {dtype} weights")


def _convolved(call: Call, weight: Known, bias: int) -> Known:
    """A convolution's result; of unknown extents where the weights' shape is."""
    x = call.need(0)
    if x.shape is None or weight.shape is None:
        rank = x.rank if x.rank is not None else weight.rank
        shape = None if rank is None else (x.dim(0), weight.dim(0), *[None] * (rank - 2))
        return Known(x.dtype, shape)
    group = call.number("group", 1)
    demand(group > 0, f"{call.op_type} in {group} groups")
    check_window(call, x, weight.shape)
    channels = weight.shape[1]
    wanted = channels * group if isinstance(channels, int) else None
    demand(equal(x.shape[1], wanted), f"{x.shape[1]} channels, its kernel wants {wanted}")
    out = weight.shape[0]
    demand(not isinstance(out, int) or out % group == 0, f"{out} filters in {group} groups")
    window = call.numbers("kernel_shape") or weight.shape[2:]
    return _weighted(call, x, out, _slid(call, x.shape[2:], window), bias)


@rule("Conv", kinds=FLOATS)
def _conv(call: Call) -> Sequence[Known]:
    _one_type(call, call.need(0), (1, 2))
    return [_convolved(call, call.need(1), 2)]


@rule("ConvInteger", kinds=("int", "uint"))
def _conv_integer(call: Call) -> Sequence[Known]:
    return [Known(INT32, _convolved(call, call.need(1), 4).shape)]


@rule("DeformConv", kinds=FLOATS)
def _deform_conv(call: Call) -> Sequence[Known]:
    return [_convolved(call, call.need(1), 3)]


@rule("QLinearConv", kinds=("int", "uint"))
def _quantized_conv(call: Call) -> Sequence[Known]:
    # x, its scale and zero point, w, its scale and zero point, y's scale and zero point, the bias
    return [Known(call.need(7).dtype, _convolved(call, call.need(3), 8).shape)]


@rule("CausalConvWithState", kinds=FLOATS)
def _causal(call: Call) -> Sequence[Known]:
    x, weight = call.need(0), call.need(1)
    size = weight.dim(2)
    state = size - 1 if isinstance(size, int) else call.at(3).dim(2)
    return [x.bare(), made(x.dtype, (x.dim(0), x.dim(1), state))]


@rule("ConvTranspose", kinds=FLOATS)
def _conv_transpose(call: Call) -> Sequence[Known]:
    x, weight = call.need(0), call.need(1)
    _one_type(call, x, (1, 2))
    if x.shape is None or weight.shape is None:
        rank = x.rank if x.rank is not None else weight.rank
        return [Known(x.dtype, None if rank is None else (x.dim(0), *[None] * (rank - 1)))]
    check_window(call, x, weight.shape)
    wanted = weight.shape[0]
    demand(equal(x.shape[1], wanted), f"{x.shape[1]} channels, its kernel wants {wanted}")
    each = weight.shape[1]
    out = each * call.number("group", 1) if isinstance(each, int) else None
    return [_weighted(call, x, out, _spread(call, x, weight.shape[2:]), 2)]


def _spread(call: Call, x: Known, kernel: Sequence[Dim]) -> list[Dim]:
    """The extents of a transposed convolution's result."""
    assert x.shape is not None
    rank = len(x.shape) - 2
    stated = call.numbers("output_shape")
    if stated:
        # Some files list the batch and the channels, too.
        return [int(extent) for extent in stated[-rank:]]
    window = call.numbers("kernel_shape") or kernel
    strides = call.numbers("strides") or [1] * rank
    dilations = call.numbers("dilations") or [1] * rank
    extra = call.numbers("output_padding") or [0] * rank
    pads = call.numbers("pads") or [0] * (2 * rank)
    demand(len(extra) == rank, f"output_padding {extra[:8]} for {rank} spatial axes")
    auto = call.text("auto_pad", "NOTSET")
    found: list[Dim] = []
    for i, (extent, size) in enumerate(zip(x.shape[2:], window, strict=True)):
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            found.append(times([extent, strides[i]]))
        elif isinstance(extent, int) and isinstance(size, int):
            around = 0 if auto == "VALID" else pads[i] + pads[i + rank]
            reach = (size - 1) * dilations[i] + 1
            found.append(strides[i] * (extent - 1) + extra[i] + reach - around)
        else:
            found.append(None)
    return found


@rule("MaxPool")
@rule("AveragePool", "LpPool", kinds=FLOATS)
def _pool(call: Call) -> Sequence[Known]:
    x = call.need(0)
    window = call.numbers("kernel_shape")
    if x.shape is None:
        shape = None if window is None else (None,) * (len(window) + 2)
        return [Known(x.dtype, shape), Known(INT64, shape)]
    rank = len(x.shape) - 2
    demand(rank > 0, f"no spatial axes in {list(x.shape)}")
    _check_lengths(call, rank)
    spatial = [None] * rank if window is None else _slid(call, x.shape[2:], window)
    found = made(x.dtype, (*x.shape[:2], *spatial))
    return [found, Known(INT64, found.shape)]


@rule("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", kinds=FLOATS)
def _global(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    return [Known(x.dtype, (*x.shape[:2], *[1] * (len(x.shape) - 2)))]


@rule("MaxUnpool", kinds=FLOATS)
def _unpool(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    rank = len(x.shape) - 2
    demand(rank > 0, f"no spatial axes in {list(x.shape)}")
    _check_lengths(call, rank)
    if call.has(2):
        extents = call.at(2).extents
        return [made(x.dtype, (None,) * len(x.shape) if extents is None else extents)]
    window = call.numbers("kernel_shape") or []
    demand(len(window) == rank, f"kernel_shape {window[:8]} for {rank} spatial axes")
    strides, pads = call.numbers("strides") or [1] * rank, call.numbers("pads") or [0] * 2 * rank
    found: list[Dim] = [
        strides[i] * (extent - 1) - pads[i] - pads[i + rank] + window[i]
        if isinstance(extent, int)
        else None
        for i, extent in enumerate(x.shape[2:])
    ]
    return [made(x.dtype, (*x.shape[:2], *found))]


@rule("MaxRoiPool", kinds=FLOATS)
def _roi_pool(call: Call) -> Sequence[Known]:
    x, regions = call.need(0), call.need(1)
    size = call.numbers("pooled_shape") or []
    demand(len(size) == 2, f"MaxRoiPool to {size[:8]}")
    return [made(x.dtype, (regions.dim(0), x.dim(1), *size))]


@rule("RoiAlign", kinds=FLOATS)
def _roi_align(call: Call) -> Sequence[Known]:
    x, regions = call.need(0), call.need(1)
    count = regions.dim(0) if regions.dim(0) is not None else call.at(2).dim(0)
    size = (call.number("output_height", 1), call.number("output_width", 1))
    return [made(x.dtype, (count, x.dim(1), *size))]


@rule("GridSample")
def _grid_sample(call: Call) -> Sequence[Known]:
    x, grid = call.need(0), call.need(1)
    rank = x.rank if x.rank is not None else grid.rank
    if rank is None:
        return [Known(x.dtype, None)]
    demand(rank > 2, f"no spatial axes among {rank}")
    batch = x.dim(0) if x.dim(0) is not None else grid.dim(0)
    places = [grid.dim(axis) for axis in range(1, rank - 1)]
    return [made(x.dtype, (batch, x.dim(1), *places))]


@rule("AffineGrid", kinds=FLOATS)
def _affine_grid(call: Call) -> Sequence[Known]:
    theta, size = call.need(0), call.need(1)
    extents, count = size.extents, size.dim(0)
    if extents is None:
        if count not in (4, 5) or not isinstance(count, int):
            return [Known(theta.dtype, None)]
        return [Known(theta.dtype, (theta.dim(0), *[None] * (count - 2), count - 2))]
    demand(len(extents) in (4, 5), f"a grid for {len(extents)} axes")
    return [made(theta.dtype, (extents[0], *extents[2:], len(extents) - 2))]


@rule("Resize", "Upsample")
def _resize(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    rank = len(x.shape)
    resize = call.op_type == "Resize"
    axes = call.numbers("axes") if resize else None
    places = list(range(rank)) if axes is None else [axis % max(rank, 1) for axis in axes]
    demand(all(axis < rank for axis in places), f"no axes {places[:8]} among {rank}")
    shape: list[Dim] = list(x.shape)
    scales = call.at(2 if resize else 1)
    factors = scales.array
    sizes = call.at(3).extents if call.has(3) else None
    if sizes:
        demand(len(sizes) == len(places), f"{len(sizes)} sizes for {len(places)} axes")
        for axis, extent in zip(places, _kept(call, shape, places, sizes), strict=True):
            shape[axis] = extent
    elif factors is not None and factors.size:
        demand(factors.size == len(places), f"{factors.size} scales for {len(places)} axes")
        for axis, factor in zip(places, factors.reshape(-1).tolist(), strict=True):
            shape[axis] = _scaled(shape[axis], float(factor))
    else:
        for axis in places:
            shape[axis] = None
    return [made(x.dtype, tuple(shape))]


def _scaled(extent: Dim, factor: float) -> Dim:
    demand(0 < factor < float("inf"), f"a picture {factor} times as large")
    if factor == 1:
        return extent
    if isinstance(extent, int):
        return int(extent * factor)
    return times([extent, int(factor)]) if factor == int(factor) else None


def _kept(call: Call, shape: list[Dim], places: list[int], sizes: Sequence[Dim]) -> Sequence[Dim]:
    """The sizes; where the proportions are to be kept, only one of them is reached."""
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return sizes
    pairs = [(size, shape[axis]) for axis, size in zip(places, sizes, strict=True)]
    numbers = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int) and b > 0]
    if len(numbers) < len(pairs):
        return [None] * len(sizes)
    scales = [a / b for a, b in numbers]
    scale = min(scales) if policy == "not_larger" else max(scales)
    return [int(scale * b + 0.5) for _, b in numbers]
