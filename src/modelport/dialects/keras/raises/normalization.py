"""Normalisation: over the channels of a batch, or within each example."""

from __future__ import annotations

from modelport.dialects.keras.raises.addition import added
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.reduction import reduced
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices
from modelport.model.expression import Expression


@raises("BatchNormalization")
def batch_normalization(call: Call) -> Held:
    """Scale and shift by the statistics of each channel."""
    parts = [call.weight(i) for i in range(1, 5)]
    if call.attribute("training_mode", 0):
        raise call.refused("statistics of the batch, which Keras has in training alone")
    if any(part is None for part in parts):
        return _by_computed(call)
    x = call.held(0)
    roles = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {role: part for role, part in zip(roles, parts, strict=True) if part is not None}
    rows = call.writer.rows.get(x.name)
    if rows is not None:
        weights = {role: rows.turned(part, 0) for role, part in weights.items()}
    config = {
        "axis": x.axis(1),
        "epsilon": call.attribute("epsilon", 1e-5),
        "momentum": call.attribute("momentum", 0.9),
    }
    return call.layer("BatchNormalization", config, x, weights)


def _by_computed(call: Call) -> Held:
    """The same with statistics that are results of others."""
    x = call.held(0)
    gamma, beta, mean, variance = (_by_channel(call, i, x) for i in range(1, 5))
    root = call.op("Sqrt", call.op("Add", variance, call.attribute("epsilon", 1e-5)))
    centred = call.op("Subtract", x, mean)
    scaled = call.op("Divide", call.op("Multiply", centred, gamma), root)
    return call.op("Add", beta, scaled, order=x.order)


@raises("GroupNormalization")
def group_normalization(call: Call) -> Held:
    """Scale and shift by the statistics of groups of channels of each example."""
    groups = int(call.attribute("num_groups"))
    gamma, beta = call.weight(1), call.weight(2)
    channels = call.known(0).dim(1)
    x = call.held(0)
    if gamma is not None and beta is not None and isinstance(channels, int):
        config = {"groups": groups, "axis": x.axis(1)}
        config["epsilon"] = call.attribute("epsilon", 1e-5)
        weights = {"gamma": gamma, "beta": beta}
        return call.layer("GroupNormalization", config, x, weights)
    raise call.refused("its scale is computed, where Keras has weights")


@raises("LpNormalization")
def lp_normalization(call: Call) -> Held:
    """Divided by the norm along an axis; 0 where that is 0."""
    x = call.held()
    axis = [int(call.attribute("axis", -1)) % x.rank]
    if int(call.attribute("p", 2)) == 1:
        norm = reduced(call, "Sum", call.op("Absolute", x), axis, True)
    else:
        norm = call.op("Sqrt", reduced(call, "Sum", call.op("Square", x), axis, True))
    zero = call.op("Equal", norm, 0)
    return call.op("Divide", x, call.op("Where", zero, call.op("OnesLike", norm), norm))


@raises("MeanVarianceNormalization")
def mean_variance_normalization(call: Call) -> Held:
    """Less the mean, divided by the standard deviation."""
    x = call.held()
    axes = [axis % x.rank for axis in call.ints("axes", (0, 2, 3))]
    centred = call.op("Subtract", x, reduced(call, "Mean", x, axes, True))
    variance = reduced(call, "Mean", call.op("Square", centred), axes, True)
    return call.op("Divide", centred, call.op("Add", call.op("Sqrt", variance), 1e-9))


@raises("LRN")
def local_response(call: Call) -> Held:
    """Divided by a power of the sum of squares over neighbouring channels."""
    size = int(call.attribute("size"))
    x, rank = call.spatial(0), call.known(0).rank or 0
    shape = call.known(0).shape or ()
    square = call.op("Square", x)
    width = [[0, 0]] * rank
    width[x.axis(1)] = [(size - 1) // 2, size // 2]
    channels = shape[1]
    if not isinstance(channels, int):
        raise call.refused("the number of its channels is open")
    wide = call.op("Pad", square, pad_width=width, mode="constant")
    total: Held | None = None
    for first in range(size):
        chosen = [slices(first, first + channels) if axis == 1 else slices() for axis in x.order]
        part = call.op("GetItem", wide, chosen)
        total = part if total is None else call.op("Add", total, part)
    alpha, beta = call.attribute("alpha", 1e-4), call.attribute("beta", 0.75)
    line = call.op("Multiply", total, alpha / size)
    line = call.op("Add", line, call.attribute("bias", 1.0))
    return call.op("Divide", x, call.op("Power", line, beta))


@raises("LayerNormalization")
def layer_normalization(call: Call) -> Held | list[Held]:
    """Scale and shift by the statistics of the last axes."""
    x = call.held(0)
    first = int(call.attribute("axis", -1)) % x.rank
    if x.order[first:] != plain(x.rank)[first:]:  # the others may lie as they like
        x = call.plain(0)
    gamma, beta = call.weight(1), call.weight(2)
    shape = call.known(0).shape or ()
    fits = gamma is not None and gamma.shape == tuple(shape[first:])
    more = any(map(call.writer.is_used, call.node.outputs[1:]))
    if more or not fits or (call.has(2) and (beta is None or beta.shape != tuple(shape[first:]))):
        return _spelt_out(call, x, first)
    weights: dict[str, Expression] = {}
    if gamma is not None:
        weights["gamma"] = gamma
    if beta is not None:
        weights["beta"] = beta
    config = {
        "axis": list(range(first, x.rank)) if x.rank - first > 1 else first,
        "epsilon": call.attribute("epsilon", 1e-5),
        "center": beta is not None,
        "scale": gamma is not None,
    }
    return call.layer("LayerNormalization", config, x, weights)


def _spelt_out(call: Call, x: Held, first: int) -> list[Held]:
    axes = list(range(first, x.rank))
    mean = reduced(call, "Mean", x, axes, True)
    centred = call.op("Subtract", x, mean)
    variance = reduced(call, "Mean", call.op("Square", centred), axes, True)
    scale = call.op("Rsqrt", call.op("Add", variance, call.attribute("epsilon", 1e-5)))
    found = call.op("Multiply", centred, scale)
    found = call.op("Multiply", found, call.arranged(1, x.order))
    if call.has(2):
        shapes = [call.known(0).shape, call.known(2).shape]
        found = added(call, found, call.arranged(2, x.order), shapes)
    return [found, mean, scale]


@raises("RMSNormalization")
def rms_normalization(call: Call) -> Held:
    """Scale by the root of the mean square of the last axes."""
    x = call.plain(0)
    axes = list(range(int(call.attribute("axis", -1)) % x.rank, x.rank))
    square = reduced(call, "Mean", call.op("Square", x), axes, True)
    scale = call.op("Rsqrt", call.op("Add", square, call.attribute("epsilon", 1e-5)))
    return call.op("Multiply", call.op("Multiply", x, scale), call.arranged(1, x.order))


@raises("InstanceNormalization")
def instance_normalization(call: Call) -> Held:
    """Scale and shift by the statistics of each channel of each example."""
    x = call.held(0)
    axes = list(range(2, x.rank))
    centred = call.op("Subtract", x, reduced(call, "Mean", x, axes, True))
    variance = reduced(call, "Mean", call.op("Square", centred), axes, True)
    scale = call.op("Rsqrt", call.op("Add", variance, call.attribute("epsilon", 1e-5)))
    found = call.op("Multiply", centred, scale)
    gamma, beta = (_by_channel(call, i, x) for i in (1, 2))
    return call.op("Add", beta, call.op("Multiply", found, gamma), order=x.order)


def _by_channel(call: Call, place: int, x: Held) -> object:
    """A vector over the channels, shaped to broadcast beside ``x``."""
    shape = [1] * x.rank
    shape[x.axis(1)] = -1
    weight = call.weight(place)
    if weight is not None:
        return call.writer.constants.spelt(weight.reshape(*shape), plain(x.rank))
    return call.op("Reshape", call.held(place), newshape=shape, order=x.order)
