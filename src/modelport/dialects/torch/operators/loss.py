"""Losses: a measure for each element, then none, the mean or the sum of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.activation import log_sigmoid
from modelport.dialects.torch.operators.arithmetic import x_log_y
from modelport.dialects.torch.operators.distance import cosine_similarity, pairwise_distance
from modelport.dialects.torch.promote import in_dtype, together
from modelport.model.dtype import INT64


def over_all(call: Call, x: Edge, reduction: int) -> Edge:
    """0: as it is; 1: the mean; 2: the sum."""
    if reduction == 0 or x.rank == 0:
        return x
    return ops.reduce(call.b, ("ReduceMean", "ReduceSum")[reduction - 1], x, None)


def _of_difference(measure: Callable[[Call, Edge], Edge]) -> Any:
    def lower(call: Call, x: Any, target: Any, reduction: int = 1) -> Edge:
        apart = ops.subtract(call.b, *together(call, x, target))
        return over_all(call, measure(call, apart), reduction)

    return lower


aten("mse_loss")(_of_difference(lambda call, d: ops.multiply(call.b, d, d)))
aten("l1_loss")(_of_difference(lambda call, d: ops.unary(call.b, "Abs", d)))


@aten("smooth_l1_loss")
def smooth_l1_loss(call: Call, x: Any, target: Any, reduction: int = 1, beta: float = 1.0) -> Edge:
    """Squares within beta, sizes beyond."""
    b = call.b
    size = ops.unary(b, "Abs", ops.subtract(b, *together(call, x, target)))
    if beta == 0:
        return over_all(call, size, reduction)
    near = ops.multiply(b, ops.multiply(b, size, size), 0.5 / beta)
    far = ops.subtract(b, size, 0.5 * beta)
    return over_all(call, ops.where(b, ops.binary(b, "Less", size, beta), near, far), reduction)


@aten("huber_loss")
def huber_loss(call: Call, x: Any, target: Any, reduction: int = 1, delta: float = 1.0) -> Edge:
    """Delta times the smooth loss."""
    made = smooth_l1_loss(call, x, target, 0, delta)
    return over_all(call, ops.multiply(call.b, made, delta), reduction)


@aten("binary_cross_entropy")
def binary_cross_entropy(
    call: Call, x: Any, target: Any, weight: Any = None, reduction: int = 1
) -> Edge:
    """-(t log x + (1 - t) log(1 - x)), logarithms held above -100."""
    b, edge, aim = call.b, call.tensor(x), call.tensor(target)
    one = b.constant(1, edge.dtype)
    logs = [
        ops.clip(b, ops.unary(b, "Log", item), -100, None)
        for item in (edge, ops.subtract(b, one, edge))
    ]
    rest = ops.multiply(b, ops.subtract(b, one, aim), logs[1])
    made = ops.unary(b, "Neg", ops.add(b, ops.multiply(b, aim, logs[0]), rest))
    return over_all(call, _weighted(call, made, weight), reduction)


def _weighted(call: Call, x: Edge, weight: Any) -> Edge:
    return x if weight is None else ops.multiply(call.b, *together(call, x, weight))


@aten("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    call: Call, x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Edge:
    """(1 - t) x - (1 + (p - 1) t) log(sigmoid(x))."""
    b = call.b
    edge, aim, *more = together(call, x, target, *filter(None, (weight, pos_weight)))
    weight = None if weight is None else more[0]
    pos_weight = None if pos_weight is None else more[-1]
    rest = ops.multiply(b, ops.subtract(b, b.constant(1, aim.dtype), aim), edge)
    logs = log_sigmoid(call, edge)
    if pos_weight is not None:
        extra = ops.subtract(b, pos_weight, 1)
        logs = ops.multiply(b, logs, ops.add(b, ops.multiply(b, extra, aim), 1))
    return over_all(call, _weighted(call, ops.subtract(b, rest, logs), weight), reduction)


@aten("kl_div")
def kl_divergence(
    call: Call, x: Any, target: Any, reduction: int = 1, log_target: bool = False
) -> Edge:
    """Target times (log(target) - x)."""
    b, (edge, aim) = call.b, together(call, x, target)
    if log_target:
        made = ops.multiply(b, ops.unary(b, "Exp", aim), ops.subtract(b, aim, edge))
    else:
        made = ops.subtract(b, x_log_y(call, aim, aim), ops.multiply(b, aim, edge))
    return over_all(call, made, reduction)


@aten("poisson_nll_loss")
def poisson_loss(
    call: Call,
    input: Any,
    target: Any,
    log_input: bool,
    full: bool,
    eps: float,
    reduction: int,
) -> Edge:
    """exp(x) - t x, or x - t log(x + eps), with Stirling's term where ``full``."""
    b, (edge, aim) = call.b, together(call, input, target)
    if log_input:
        made = ops.subtract(b, ops.unary(b, "Exp", edge), ops.multiply(b, aim, edge))
    else:
        logs = ops.unary(b, "Log", ops.add(b, edge, eps))
        made = ops.subtract(b, edge, ops.multiply(b, aim, logs))
    if full:
        logs = ops.unary(b, "Log", aim)
        tail = ops.multiply(b, ops.unary(b, "Log", ops.multiply(b, aim, 2 * math.pi)), 0.5)
        term = ops.add(b, ops.subtract(b, ops.multiply(b, aim, logs), aim), tail)
        small = ops.binary(b, "LessOrEqual", aim, 1)
        made = ops.add(b, made, ops.where(b, small, b.constant(0, term.dtype), term))
    return over_all(call, made, reduction)


@aten("soft_margin_loss")
def soft_margin_loss(call: Call, x: Any, target: Any, reduction: int = 1) -> Edge:
    """log(1 + exp(-t x))."""
    product = ops.multiply(call.b, *together(call, x, target))
    soft = ops.unary(call.b, "Neg", log_sigmoid(call, product))
    return over_all(call, soft, reduction)


@aten("hinge_embedding_loss")
def hinge_embedding_loss(
    call: Call, x: Any, target: Any, margin: float = 1.0, reduction: int = 1
) -> Edge:
    """X where the target is 1, max(0, margin - x) where it is -1."""
    b = call.b
    edge, aim = together(call, x, target)
    nought = b.constant(0, edge.dtype)
    apart = ops.unary(b, "Relu", ops.subtract(b, b.constant(margin, edge.dtype), edge))
    first = ops.where(b, ops.binary(b, "Equal", aim, 1), nought, apart)
    second = ops.where(b, ops.binary(b, "Equal", aim, -1), nought, edge)
    return over_all(call, ops.add(b, first, second), reduction)


@aten("margin_ranking_loss")
def margin_ranking_loss(
    call: Call, input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 1
) -> Edge:
    """max(0, margin - t (x1 - x2))."""
    b = call.b
    first, second, aim = together(call, input1, input2, target)
    product = ops.multiply(b, ops.unary(b, "Neg", aim), ops.subtract(b, first, second))
    return over_all(call, ops.unary(b, "Relu", ops.add(b, product, margin)), reduction)


@aten("cosine_embedding_loss")
def cosine_embedding_loss(
    call: Call, input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 1
) -> Edge:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    b, aim = call.b, call.tensor(target)
    cosine = cosine_similarity(call, input1, input2, -1)
    nought = b.constant(0, cosine.dtype)
    near = ops.subtract(b, b.constant(1, cosine.dtype), cosine)
    apart = ops.unary(b, "Relu", ops.subtract(b, cosine, margin))
    first = ops.where(b, ops.binary(b, "Equal", aim, 1), near, nought)
    second = ops.where(b, ops.binary(b, "Equal", aim, -1), apart, nought)
    return over_all(call, ops.add(b, first, second), reduction)


@aten("triplet_margin_loss")
def triplet_margin_loss(
    call: Call,
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Edge:
    """max(0, margin + the distance to the positive - that to the negative)."""
    b = call.b
    near = pairwise_distance(call, anchor, positive, p, eps)
    far = pairwise_distance(call, anchor, negative, p, eps)
    if swap:
        far = ops.binary(b, "Min", far, pairwise_distance(call, positive, negative, p, eps))
    apart = ops.add(b, ops.subtract(b, near, far), margin)
    return over_all(call, ops.unary(b, "Relu", apart), reduction)


@aten("nll_loss", "nll_loss2d", "nll_loss_nd", "nll_loss_forward", "nll_loss2d_forward")
def nll_loss(
    call: Call,
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: int = 1,
    ignore_index: int = -100,
) -> Edge:
    """-x at the target's class, weighted; the mean is over the weights."""
    b, edge = call.b, call.tensor(x)
    name = ("none", "mean", "sum")[reduction]
    aim = ops.cast(b, call.tensor(target), INT64)
    alone = edge.rank == 1
    if alone:
        edge, aim = ops.unsqueeze(b, edge, 0), ops.unsqueeze(b, aim, 0)
    given = [edge, aim] + ([call.tensor(weight)] if weight is not None else [])
    made = b.emit(
        "NegativeLogLikelihoodLoss",
        given,
        edge.dtype,
        aim.shape if reduction == 0 else (),
        reduction=name,
        ignore_index=ignore_index,
    )
    return ops.squeeze(b, made, 0) if alone and reduction == 0 else made


@aten("cross_entropy_loss")
def cross_entropy(
    call: Call,
    x: Any,
    target: Any,
    weight: Any = None,
    reduction: int = 1,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Edge:
    """The negative log-likelihood of the softmax; the target a class, or a probability of each."""
    b, edge, aim = call.b, call.tensor(x), call.tensor(target)
    axis = 0 if edge.rank == 1 else 1
    logs = b.emit("LogSoftmax", [edge], edge.dtype, edge.shape, axis=axis)
    if aim.dtype.kind != "float" and label_smoothing == 0:
        return nll_loss(call, logs, aim, weight, reduction, ignore_index)
    each = _part_of_each(call, edge, axis, label_smoothing)
    weighted = logs
    if weight is not None:
        wide = ops.reshape(b, call.tensor(weight), [-1, *[1] * (edge.rank - axis - 1)])
        weighted = ops.multiply(b, logs, wide)
    if aim.dtype.kind == "float":
        spread = aim
        if label_smoothing:
            spread = ops.add(b, ops.multiply(b, aim, 1 - label_smoothing), each)
        made = ops.reduce(b, "ReduceSum", ops.multiply(b, weighted, spread), [axis])
        made = ops.unary(b, "Neg", made)
        return over_all(call, made, reduction)
    return _smooth_classes(
        call,
        logs,
        weighted,
        aim,
        weight,
        reduction,
        ignore_index,
        each,
        axis,
        1 - label_smoothing,
    )


def _part_of_each(call: Call, x: Edge, axis: int, part: float) -> Edge:
    """A part shared out among the classes along an axis."""
    b = call.b
    classes = ops.squeeze(b, ops.vector(b, [ops.extent(b, x, axis)]), 0)
    return ops.divide(b, b.constant(part, x.dtype), ops.cast(b, classes, x.dtype))


def _smooth_classes(
    call: Call,
    logs: Edge,
    weighted: Edge,
    aim: Edge,
    weight: Any,
    reduction: int,
    ignore_index: int,
    each: Edge,
    axis: int,
    rest: float,
) -> Edge:
    """A part of the loss from all classes alike."""
    b = call.b
    plain = nll_loss(call, logs, aim, weight, reduction, ignore_index)
    ignored = ops.binary(b, "Equal", ops.cast(b, aim, INT64), ignore_index)
    sums = ops.unary(b, "Neg", ops.reduce(b, "ReduceSum", weighted, [axis]))
    sums = ops.where(b, ignored, b.constant(0, sums.dtype), sums)
    if reduction == 2:
        sums = over_all(call, sums, 2)
    elif reduction == 1:
        there = ops.unary(b, "Not", ignored)
        counted = ops.cast(b, there, logs.dtype)
        if weight is not None:
            safe = ops.where(b, ignored, b.constant(0, INT64), ops.cast(b, aim, INT64))
            counted = ops.multiply(b, ops.gather(b, call.tensor(weight), safe, 0), counted)
        total = counted if counted.rank == 0 else ops.reduce(b, "ReduceSum", counted, None)
        sums = ops.divide(b, over_all(call, sums, 2), total)
    return ops.add(b, ops.multiply(b, plain, rest), ops.multiply(b, sums, each))


@aten("multi_margin_loss")
def multi_margin_loss(
    call: Call,
    x: Any,
    target: Any,
    p: float = 1,
    margin: float = 1,
    weight: Any = None,
    reduction: int = 1,
) -> Edge:
    """The mean over the other classes of max(0, margin - x_target + x)^p."""
    b, edge = call.b, call.tensor(x)
    aim = ops.cast(b, call.tensor(target), INT64)
    classes = ops.arange(b, ops.extent(b, edge, -1))
    wide = ops.unsqueeze(b, aim, aim.rank) if edge.rank > aim.rank else aim
    own = b.emit("GatherElements", [edge, wide], edge.dtype, wide.shape, axis=-1)
    apart = ops.unary(b, "Relu", ops.add(b, ops.subtract(b, edge, own), margin))
    apart = ops.multiply(b, apart, apart) if p == 2 else apart
    if weight is not None:
        apart = ops.multiply(b, apart, ops.gather(b, call.tensor(weight), wide, 0))
    apart = ops.where(
        b, ops.binary(b, "Equal", wide, classes), in_dtype(call, 0, apart.dtype), apart
    )
    return over_all(call, ops.reduce(b, "ReduceMean", apart, [-1]), reduction)


@aten("multilabel_margin_loss")
def multilabel_margin_loss(call: Call, x: Any, target: Any, reduction: int = 1) -> Edge:
    """The sum over targets and other classes of max(0, 1 - x_target + x_other), over all classes.

    The targets are those before the first negative number.
    """
    b, edge = call.b, call.tensor(x)
    aim = ops.cast(b, call.tensor(target), INT64)
    none = ops.cast(b, ops.binary(b, "Less", aim, 0), INT64)
    ended = b.emit("CumSum", [none, b.constant(-1, INT64)], INT64, aim.shape)
    given = ops.binary(b, "Equal", ended, 0)
    places = ops.where(b, given, aim, b.constant(0, INT64))
    own = b.emit("GatherElements", [edge, places], edge.dtype, places.shape, axis=-1)
    classes = ops.arange(b, ops.extent(b, edge, -1))
    here = ops.binary(b, "Equal", ops.unsqueeze(b, places, places.rank), classes)
    here = ops.binary(b, "And", here, ops.unsqueeze(b, given, given.rank))
    wanted = ops.reduce(b, "ReduceMax", ops.cast(b, here, edge.dtype), [-2], True)
    apart = ops.subtract(b, ops.unsqueeze(b, edge, edge.rank - 1), ops.unsqueeze(b, own, own.rank))
    apart = ops.unary(b, "Relu", ops.add(b, apart, 1))
    counts = ops.cast(b, ops.unsqueeze(b, given, given.rank), edge.dtype)
    others = ops.subtract(b, b.constant(1, edge.dtype), wanted)
    apart = ops.multiply(b, apart, ops.multiply(b, counts, others))
    sums = ops.reduce(b, "ReduceSum", ops.reduce(b, "ReduceMean", apart, [-1]), [-1])
    return over_all(call, sums, reduction)


@aten("multilabel_margin_loss_forward")
def multilabel_margin_loss_forward(call: Call, x: Any, target: Any, reduction: int) -> Edge:
    """As ``multilabel_margin_loss``."""
    return multilabel_margin_loss(call, x, target, reduction)
