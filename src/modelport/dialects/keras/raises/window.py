"""Convolutions: layers where the file holds the kernel, else operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.raises.activation import taken_in
from modelport.dialects.keras.raises.addition import added
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.padding import Window, cropped, strided, window
from modelport.dialects.keras.raises.value import Held, channels_last
from modelport.model.expression import Expression, concatenate, fill

MOST_GROUPS = 64
"""Groups of a convolution that are written one by one."""


@raises("Conv")
def conv(call: Call) -> Held:
    """A convolution; the kernel is (out, in / groups, spatial ...) in ONNX."""
    shape = [extent if isinstance(extent, int) else 0 for extent in call.known(1).shape or ()]
    if not 3 <= len(shape) <= 5 or 0 in shape:
        raise call.refused("Keras moves windows of known extents over one to three axes")
    moved = window(call, shape[2:])
    weight, bias = call.weight(1), call.weight(2)
    if weight is None or (call.has(2) and bias is None):
        return _computed(call, moved)
    config: dict[str, Any] = {"kernel_size": shape[2:], "use_bias": bias is not None}
    apart = max(moved.dilations) > 1 < max(moved.strides)
    x, padding = moved.padded(zeros=apart)
    strides = [1] * moved.spatial if apart else moved.strides
    config |= {"strides": strides, "padding": padding, "dilation_rate": moved.dilations}
    config |= {"data_format": call.data_format, "activation": "linear"}
    groups = int(call.attribute("group", 1))
    spatial = [*range(2, moved.spatial + 2)]
    even = len(set(strides)) == 1 and (max(moved.dilations) == 1 or max(strides) == 1)
    if groups > 1 and shape[1] == 1 and moved.spatial < 3 and even:
        kind, config["depth_multiplier"] = "DepthwiseConv", shape[0] // groups
        spread = weight.reshape(groups, shape[0] // groups, *shape[2:])
        kernel = spread.transpose(*spatial, 0, 1)
    else:
        kind = "Conv"
        config |= {"filters": shape[0], "groups": groups}
        kernel = weight.transpose(*spatial, 1, 0)
    weights = {"kernel": kernel} | ({"bias": bias} if bias is not None else {})
    found = _biased(call, f"{kind}{moved.spatial}D", config, x, weights, apart, activates=True)
    return strided(call, found, moved.strides) if apart else found


def _biased(
    call: Call,
    kind: str,
    config: Mapping[str, Any],
    x: Held,
    weights: Mapping[str, Expression],
    longer: bool,
    *,
    activates: bool = False,
) -> Held:
    """A layer whose bias is added where it belongs; ``longer``: it gives more than its node.

    One that ``activates`` applies the function that follows.

    Keras on TensorFlow (3.15) adds the bias of a layer with channels first along the last axis
    where that is as long.
    """
    bias, last = weights.get("bias"), call.output().dim(-1)
    sure = isinstance(last, int) and not longer
    if bias is None or not x.is_plain or (sure and last != bias.shape[0]):
        function = taken_in(call) if activates and not longer else "linear"
        return call.layer(kind, {**config, "activation": function}, x, weights)
    alone = {role: part for role, part in weights.items() if role != "bias"}
    found = call.layer(kind, {**config, "use_bias": False}, x, alone)
    shape = [1, bias.shape[0], *[1] * (x.rank - 2)]
    row = call.op("Reshape", call.writer.constants.row(bias), newshape=shape, order=found.order)
    return call.op("Add", row, found)


def _computed(call: Call, moved: Window) -> Held:
    """A convolution with a kernel that is a result of others."""
    order = (*range(2, moved.spatial + 2), 1, 0)
    kernel = call.placed(1, order)
    apart = max(moved.dilations) > 1 < max(moved.strides)
    x, padding = moved.padded(zeros=apart)
    settings: dict[str, Any] = {
        "strides": [1] * moved.spatial if apart else moved.strides,
        "padding": padding,
    }
    settings |= {"data_format": call.data_format, "dilation_rate": moved.dilations}
    groups = int(call.attribute("group", 1))
    if not 1 <= groups <= MOST_GROUPS:
        raise call.refused(f"{groups} groups of a kernel that is computed")
    if groups == 1:
        found = call.op("Conv", x, kernel, **settings)
    else:
        places = x.axis(1), kernel.rank - 1
        inputs, kernels = (
            call.ops("Split", groups, part, indices_or_sections=groups, axis=place)
            for part, place in zip((x, kernel), places, strict=True)
        )
        pairs = zip(inputs, kernels, strict=True)
        parts = [call.op("Conv", *pair, **settings) for pair in pairs]
        found = call.op("Concatenate", parts, axis=x.axis(1))
    found = strided(call, found, moved.strides) if apart else found
    if not call.has(2):
        return found
    if not found.is_plain:
        return call.op("Add", found, call.arranged(2, (0,)))
    ones = [1] * moved.spatial
    bias = call.op("Reshape", call.placed(2, (0,)), newshape=[1, -1, *ones], order=found.order)
    return added(call, found, bias, [call.output().shape, (1, call.known(2).dim(0), *ones)])


@raises("ConvTranspose")
def conv_transpose(call: Call) -> Held:
    """What a convolution spread out again; the kernel is (in, out / groups, spatial ...)."""
    weight, bias = call.weight(1), call.weight(2)
    shape = [extent if isinstance(extent, int) else 0 for extent in call.known(1).shape or ()]
    if not 3 <= len(shape) <= 5 or 0 in shape:
        raise call.refused("Keras moves windows of known extents over one to three axes")
    groups = int(call.attribute("group", 1))
    moved = window(call, shape[2:])
    if weight is None or (call.has(2) and bias is None):
        raise call.refused("its kernel is computed, where Keras has weights")
    weight = _dense(weight, groups) if groups > 1 else weight
    for axis, dilation in enumerate(moved.dilations, 2):
        weight = _dilated(weight, axis, dilation)
    begins, more = _spread(call, moved)
    kernel = weight.transpose(*range(2, moved.spatial + 2), 1, 0)
    weights = {"kernel": kernel} | ({"bias": bias} if bias is not None else {})
    beyond = _beyond(call, moved, begins)
    config = {
        "filters": weight.shape[1],
        "kernel_size": list(weight.shape[2:]),
        "strides": moved.strides,
        "padding": "valid",
        "output_padding": beyond if more or _short(moved) or any(beyond) else None,
        "data_format": call.data_format,
        "dilation_rate": [1] * moved.spatial,
        "activation": "linear",
        "use_bias": bias is not None,
    }
    cut = [(begin, max(0, end)) for begin, end in begins]
    kind, longer = f"Conv{moved.spatial}DTranspose", any(map(any, cut))
    return cropped(call, _biased(call, kind, config, call.spatial(0), weights, longer), cut)


def _beyond(call: Call, moved: Window, ends: Sequence[tuple[int, int]]) -> list[int]:
    """How far the result goes on after the last window."""
    beyond = [max(0, -end) for _, end in ends]
    if any(over >= stride for over, stride in zip(beyond, moved.strides, strict=True) if over):
        raise call.refused("its result reaches further than Keras' own")
    return beyond


def _short(moved: Window) -> bool:
    """Whether windows leave gaps, which Keras fills unless it is told how long the result is."""
    return any(reach < s for reach, s in zip(moved.reach, moved.strides, strict=True))


def _spread(call: Call, moved: Window) -> tuple[list[tuple[int, int]], bool]:
    """What of the whole result goes at either end (below 0: what comes to it)."""
    more = call.ints("output_padding") or [0] * moved.spatial
    wanted = call.ints("output_shape")[-moved.spatial :] or None
    mode = call.attribute("auto_pad", "NOTSET")
    ends = []
    for axis in range(moved.spatial):
        reach, stride = moved.reach[axis], moved.strides[axis]
        if wanted is None and not mode.startswith("SAME"):
            begin, end = moved.around[axis] if mode == "NOTSET" else (0, 0)
            ends.append((begin, end - more[axis]))
            continue
        total = reach - stride
        if wanted is not None:
            extent = call.known(0).dim(2 + axis)
            if not isinstance(extent, int):
                raise call.refused("an extent of its operand is open")
            total = (extent - 1) * stride + reach + more[axis] - wanted[axis]
        else:
            total += more[axis]
        begin = total // 2 if mode == "SAME_UPPER" else total - total // 2
        ends.append((begin, total - begin - more[axis]))
    return ends, any(more)


def _dense(weight: Expression, groups: int) -> Expression:
    """The kernel of one group that does what ``groups`` do: zeros between them."""
    inside, outside = weight.shape[0] // groups, weight.shape[1]
    rows = []
    for group in range(groups):
        part = weight.slice(0, group * inside, (group + 1) * inside)
        parts = [part]
        for count, place in ((group, 0), (groups - 1 - group, len(parts))):
            if count:
                zeros = fill((inside, count * outside, *weight.shape[2:]), 0, weight.dtype)
                parts.insert(0 if place == 0 else len(parts), zeros)
        rows.append(concatenate(parts, 1))
    return concatenate(rows, 0)


def _dilated(weight: Expression, axis: int, dilation: int) -> Expression:
    """The kernel with zeros between its elements along an axis."""
    if dilation == 1 or weight.shape[axis] == 1:
        return weight
    shape: Sequence[int] = weight.shape
    before, size, after = shape[:axis], shape[axis], shape[axis + 1 :]
    gaps = fill((*before, size, dilation - 1, *after), 0, weight.dtype)
    spread = concatenate([weight.reshape(*before, size, 1, *after), gaps], axis + 1)
    return spread.reshape(*before, size * dilation, *after).slice(
        axis, 0, (size - 1) * dilation + 1
    )


@raises("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Held:
    """The mean or the largest element over all but batch and channels, their extents 1."""
    rank = call.known(0).rank or 0
    kind = "Average" if call.node.op_type == "GlobalAveragePool" else "Max"
    if not 3 <= rank <= 5:
        x = call.held()
        axes = sorted(x.axis(axis) for axis in range(2, rank))
        return call.op("Mean" if kind == "Average" else "Max", x, axis=axes, keepdims=True)
    x = call.held()
    first = x.order != channels_last(rank) and x.order[:2] == (0, 1)
    x = call.plain(0) if first else call.writer.ordered(x, channels_last(rank))
    # It is not turned for one number.
    config = {"data_format": "channels_first" if first else "channels_last", "keepdims": True}
    return call.layer(f"Global{kind}Pooling{rank - 2}D", config, x)
