"""Normalizations, recurrent layers and losses."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import FLOATS, Call, rule
from modelport.dialects.onnx.types.dims import broadcast, demand, equal, fits
from modelport.dialects.onnx.types.known import DTYPE_OF, Known, made
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Dim


@rule("LRN", "LpNormalization", "MeanVarianceNormalization", kinds=FLOATS)
def _same(call: Call) -> Sequence[Known]:
    return [call.need(0).bare()]


@rule("BatchNormalization", "GroupNormalization", "InstanceNormalization", kinds=FLOATS)
def _channelwise(call: Call) -> Sequence[Known]:
    """Vectors of one number a channel."""
    x = call.need(0).bare()
    statistics = [call.at(3), call.at(4)]
    if x.shape is not None:
        demand(len(x.shape) > 1, f"no channels in {list(x.shape)}")
        for vector in call.inputs[1:]:
            if vector is not None and vector.shape is not None:
                shown = f"weights {list(vector.shape)} for {x.shape[1]} channels"
                demand(fits(vector.shape, (x.shape[1],)), shown)
    return [x, *(Known(item.dtype, item.shape or (x.dim(1),)) for item in statistics)]


@rule("LayerNormalization", "RMSNormalization", kinds=FLOATS)
def _layerwise(call: Call) -> Sequence[Known]:
    x = call.need(0).bare()
    wide = call.need(1).dtype if call.op_type == "RMSNormalization" else x.dtype
    x = Known(wide or x.dtype, x.shape)
    number = call.number("stash_type", 1)
    inner = DTYPE_OF.get(number, FLOAT32)
    if x.shape is None:
        return [x, Known(inner, None), Known(inner, None)]
    for scale in call.inputs[1:]:
        if scale is not None and scale.shape is not None:
            rank = len(x.shape) - len(broadcast([x.shape, scale.shape]))
            demand(rank == 0, f"a scale {list(scale.shape)} for {list(x.shape)}")
    axis = call.axis("axis", len(x.shape), -1)
    shape = (*x.shape[:axis], *[1] * (len(x.shape) - axis))
    return [x, Known(inner, shape), Known(inner, shape)]


@rule("LSTM", "GRU", "RNN", kinds=FLOATS)
def _recurrent(call: Call) -> Sequence[Known]:
    x, kernel, recurrent = call.need(0), call.need(1), call.need(2)
    if x.shape is not None:
        rank = len(x.shape)
        demand(rank == 3, f"sequences of vectors have 3 axes, not {rank}")
    size: Dim = recurrent.dim(2)
    if "hidden_size" in call.settings:
        size = call.number("hidden_size")
    directions = kernel.dim(0)
    if directions is None:
        directions = 2 if call.text("direction", "forward") == "bidirectional" else 1
    batch_first = call.number("layout", 0) != 0
    batch, length = (x.dim(0), x.dim(1)) if batch_first else (x.dim(1), x.dim(0))
    if x.shape is not None and isinstance(size, int):
        _check_recurrent(call, size, batch_first)
    if batch_first:
        last = made(x.dtype, (batch, directions, size))
        return [made(x.dtype, (batch, length, directions, size)), last, last]
    last = made(x.dtype, (directions, batch, size))
    return [made(x.dtype, (length, directions, batch, size)), last, last]


def _check_recurrent(call: Call, size: int, batch_first: bool) -> None:
    x, kernel, recurrent, bias = call.at(0), call.at(1), call.at(2), call.at(3)
    demand(size > 0, f"{call.op_type} of {size} units")
    if kernel.shape is None or recurrent.shape is None:
        return
    demand(len(kernel.shape) == 3, f"a kernel {list(kernel.shape)} for {size} units")
    directions, rows, columns = kernel.shape
    demand(equal(x.dim(2), columns), f"{x.dim(2)} features, its kernel wants {columns}")
    wanted = (directions, rows, size)
    demand(fits(recurrent.shape, wanted), f"a kernel {list(recurrent.shape)} for {size} units")
    gates = rows // size if isinstance(rows, int) else 0
    fine = not isinstance(rows, int) or gates * size == rows
    demand(fine, f"a kernel {list(kernel.shape)} for {size} units")
    if bias.shape is not None and isinstance(rows, int):
        fine = fits(bias.shape, (directions, 2 * rows))
        demand(fine, f"a bias {list(bias.shape)} for {size} units")
    states = (x.dim(0), directions, size) if batch_first else (directions, x.dim(1), size)
    for state in (call.at(5), call.at(6)):
        if state.shape is not None and (call.op_type == "LSTM" or state is call.at(5)):
            fine = fits(state.shape, states)
            demand(fine, f"a state {list(state.shape)} for {size} units")


@rule("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", kinds=FLOATS)
def _loss(call: Call) -> Sequence[Known]:
    x, target = call.need(0), call.need(1)
    each = call.text("reduction", "mean") == "none"
    shape = target.shape
    if shape is None and x.shape is not None and len(x.shape) > 1:
        shape = (x.shape[0], *x.shape[2:])
    return [Known(x.dtype, shape if each else ()), x.bare()]
