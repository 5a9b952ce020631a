"""Normalisation: over the channels of a batch, or within each example."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.reduction import reduced
from modelport.dialects.keras.raises.value import Held, plain
from modelport.model.expression import Expression


@raises("BatchNormalization")
def batch_normalization(call: Call) -> Held:
    """Scale and shift by the statistics of each channel."""
    parts = [call.weight(i) for i in range(1, 5)]
    if any(part is None for part in parts) or call.attribute("training_mode", 0):
        raise call.refused("its statistics are computed, where Keras has weights")
    x = call.held(0)
    roles = ("gamma", "beta", "moving_mean", "moving_variance")
    weights = {role: part for role, part in zip(roles, parts, strict=True) if part is not None}
    config = {
        "axis": x.axis(1),
        "epsilon": call.attribute("epsilon", 1e-5),
        "momentum": call.attribute("momentum", 0.9),
    }
    return call.layer("BatchNormalization", config, x, weights)


@raises("LayerNormalization")
def layer_normalization(call: Call) -> Held:
    """Scale and shift by the statistics of the last axes."""
    x = call.plain(0)
    first = int(call.attribute("axis", -1)) % x.rank
    gamma, beta = call.weight(1), call.weight(2)
    shape = call.known(0).shape or ()
    fits = gamma is not None and gamma.shape == tuple(shape[first:])
    if not fits or (call.has(2) and (beta is None or beta.shape != tuple(shape[first:]))):
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


def _spelt_out(call: Call, x: Held, first: int) -> Held:
    axes = list(range(first, x.rank))
    centred = call.op("Subtract", x, reduced(call, "Mean", x, axes, True))
    variance = reduced(call, "Mean", call.op("Square", centred), axes, True)
    scale = call.op("Rsqrt", call.op("Add", variance, call.attribute("epsilon", 1e-5)))
    found = call.op("Multiply", centred, scale)
    found = call.op("Multiply", found, call.arranged(1, x.order))
    return call.op("Add", found, call.arranged(2, x.order)) if call.has(2) else found


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
    return call.op("Add", call.op("Multiply", found, gamma), beta)


def _by_channel(call: Call, place: int, x: Held) -> object:
    """A vector over the channels, shaped to broadcast beside ``x``."""
    shape = [1] * x.rank
    shape[x.axis(1)] = -1
    weight = call.weight(place)
    if weight is not None:
        return call.writer.constants.spelt(weight.reshape(*shape), plain(x.rank))
    return call.op("Reshape", call.held(place), newshape=shape, order=x.order)
