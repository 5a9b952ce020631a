"""Losses of classifiers."""

from __future__ import annotations

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.model.dtype import DTYPES


@raises("NegativeLogLikelihoodLoss")
def negative_log_likelihood(call: Call) -> Held:
    """The negative logarithm at each class, which has a weight."""
    return _loss(call, call.plain(0))


@raises("SoftmaxCrossEntropyLoss")
def cross_entropy(call: Call) -> list[Held]:
    """The same after a softmax, whose logarithms are the second result."""
    shares = call.op("LogSoftmax", call.plain(0), axis=1)
    return [_loss(call, shares), shares]


def _loss(call: Call, x: Held) -> Held:
    """The loss of logarithms (batch, classes, ...) and classes (batch, ...)."""
    classes, dtype = call.known(0).dim(1), call.known(0).dtype or DTYPES["float32"]
    if not isinstance(classes, int):
        raise call.refused("the number of classes is open")
    labels, rank = call.plain(1), x.rank
    axis = 1 if rank > 2 else -1
    hot = call.op("OneHot", labels, num_classes=classes, axis=axis, dtype="bool", order=plain(rank))
    ignored = call.attribute("ignore_index")
    if ignored is not None:
        counts = call.op("NotEqual", labels, int(ignored))
        hot = call.op("LogicalAnd", hot, call.op("ExpandDims", counts, axis=1, order=plain(rank)))
    found = call.op("Where", hot, x, 0.0, order=plain(rank))
    weights = None
    if call.has(2):
        shape = [1, classes, *[1] * (rank - 2)]
        each = call.op("Reshape", call.plain(2), newshape=shape, order=plain(rank))
        found = call.op("Multiply", found, each)
        weights = call.op("Where", hot, each, 0.0, order=plain(rank))
    elif ignored is not None:
        weights = call.cast(hot, dtype)
    reduction = call.attribute("reduction", "mean")
    found = call.op("Negative", found)
    if reduction == "none":
        return call.op("Sum", found, axis=[1], keepdims=False, order=plain(rank - 1))
    total = call.op("Sum", found, axis=None, keepdims=False, order=())
    if reduction == "sum":
        return total
    counted = weights or call.cast(hot, dtype)
    return call.op("Divide", total, call.op("Sum", counted, axis=None, keepdims=False, order=()))
