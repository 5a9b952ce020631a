"""Recurrent layers with dynamically quantised weights.

What goes into a layer is quantised as widely as the whole sequence reaches, its state at each step.
Source: ``QuantizedCellParamsDynamic`` in ``torch/aten/src/ATen/native/RNN.cpp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Quantised, aten
from modelport.dialects.torch.operators.cells import gru_step, lstm_step
from modelport.dialects.torch.operators.quantised import whole
from modelport.dialects.torch.operators.quantised_layers import linear_over_range
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32

_KIND = "quantized_dynamic"


@aten("quantised::quantized_lstm")
def lstm(
    call: Call,
    input: Any,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
    dtype: Any = None,
    use_dynamic: bool = False,
) -> list[Edge]:
    """An LSTM: its outputs, and the last outputs and cell states of its layers."""
    states = hx if isinstance(hx, list) else [hx]
    return _stack(call, input, states, params, num_layers, bidirectional, batch_first)


@aten("quantised::quantized_gru")
def gru(
    call: Call,
    input: Any,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> list[Edge]:
    """A GRU: its outputs, and the last states of its layers."""
    return _stack(call, input, [hx], params, num_layers, bidirectional, batch_first)


def _stack(
    call: Call,
    input: Any,
    hx: Sequence[Any],
    params: Any,
    layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> list[Edge]:
    b, x, directions = call.b, call.tensor(input), 2 if bidirectional else 1
    if not isinstance(params, list | tuple) or len(params) != layers * directions or x.rank != 3:
        raise ConversionError(call.where, "modelport knows it for whole sequences only")
    states = [call.tensor(state) for state in hx]
    x = ops.transpose(b, x, (1, 0, 2)) if batch_first else x
    finals: list[list[Edge]] = [[] for _ in states]
    for layer in range(layers):
        outputs = []
        for direction in range(directions):
            place = layer * directions + direction
            begin = [
                ops.squeeze(b, ops.slice_axis(b, state, 0, place, place + 1), 0) for state in states
            ]
            output, last = _walk(call, x, begin, params[place], direction == 1)
            outputs.append(output)
            for found, state in zip(finals, last, strict=True):
                found.append(ops.unsqueeze(b, state, 0))
        x = ops.concat(b, outputs, 2) if directions == 2 else outputs[0]
    x = ops.transpose(b, x, (1, 0, 2)) if batch_first else x
    return [x, *(ops.concat(b, parts, 0) if len(parts) > 1 else parts[0] for parts in finals)]


def _walk(
    call: Call, x: Edge, begin: Sequence[Edge], cell: Any, backward: bool
) -> tuple[Edge, list[Edge]]:
    """One direction of a layer, time first: its outputs and last states."""
    b = call.b
    kind, _, _, (narrow, *_), ((w_ih, b_ih), (w_hh, b_hh)) = cell
    if kind != _KIND:
        raise ConversionError(call.where, f"its weights are packed in a form {kind!r}")
    top = 127 if narrow else 255
    over = linear_over_range(call, x, (w_ih, b_ih), top)
    over = ops.flip(b, over, 0) if backward else over
    # Whole numbers as floats, made once and not at each step.
    numbers = whole(call, w_hh)
    weight = Quantised(numbers, w_hh.scale, b.constant(0.0, FLOAT32), w_hh.axis)
    bias = None if b_hh is None else call.tensor(b_hh)
    for edge in (numbers, weight.scale, weight.zero_point, *([] if bias is None else [bias])):
        b.name(edge)
    names = [b.name(edge) for edge in (*begin, over)]
    body = b.subgraph("step")
    held = [body.input(f"{b.path}/state", e.dtype, e.shape) for e in begin]
    now = body.input(f"{b.path}/gates", over.dtype, over.shape[1:])
    inner = Call(body, call.op_type, call.overload, call.name)
    recurrent = linear_over_range(inner, held[0], (weight, bias), top)
    if len(begin) == 2:
        after = list(lstm_step(body, ops.add(body, recurrent, now), held[1]))
    else:
        after = [gru_step(body, now, recurrent, held[0])]
    for edge in (*after, after[0]):
        body.output(f"{b.path}/next", edge)
    found = b.node("Scan", names, len(after) + 1, body=body.finish(), num_scan_inputs=1)
    last = [Edge(name, FLOAT32, e.shape) for name, e in zip(found[:-1], begin, strict=True)]
    output = Edge(found[-1], FLOAT32, (*over.shape[:2], begin[0].shape[-1]))
    return (ops.flip(b, output, 0) if backward else output), last
