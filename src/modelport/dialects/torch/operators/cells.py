"""Single steps of recurrences, and the recurrences that have no operator in ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.dialects.torch.operators.linear import linear


def lstm_step(b: Builder, gates: Edge, cell: Edge) -> tuple[Edge, Edge]:
    """The new output and cell state from the sums of the gates i f g o."""
    i, f, g, o = ops.split(b, gates, -1, 4)
    i, f, o = (ops.unary(b, "Sigmoid", part) for part in (i, f, o))
    kept = ops.multiply(b, f, cell)
    after = ops.add(b, kept, ops.multiply(b, i, ops.unary(b, "Tanh", g)))
    return ops.multiply(b, o, ops.unary(b, "Tanh", after)), after


@aten("lstm_cell")
def lstm_cell(
    call: Call,
    input: Any,
    hx: Sequence[Any],
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
) -> list[Edge]:
    """One step of an LSTM."""
    sides = [linear(call, input, w_ih, b_ih), linear(call, hx[0], w_hh, b_hh)]
    return list(lstm_step(call.b, ops.add(call.b, *sides), call.tensor(hx[1])))


@aten("gru_cell")
def gru_cell(
    call: Call, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
) -> Edge:
    """One step of a GRU."""
    state = call.tensor(hx)
    given = linear(call, input, w_ih, b_ih)
    return gru_step(call.b, given, linear(call, state, w_hh, b_hh), state)


def gru_step(b: Builder, from_input: Edge, from_state: Edge, state: Edge) -> Edge:
    """The new state from the sums of the gates r z n, of the input and of the state before."""
    given, held = ops.split(b, from_input, -1, 3), ops.split(b, from_state, -1, 3)
    reset, update = (
        ops.unary(b, "Sigmoid", ops.add(b, *pair)) for pair in zip(given[:2], held[:2], strict=True)
    )
    new = ops.unary(b, "Tanh", ops.add(b, given[2], ops.multiply(b, reset, held[2])))
    return ops.add(b, new, ops.multiply(b, update, ops.subtract(b, state, new)))


def _rnn_cell(op_type: str) -> Any:
    def lower(
        call: Call, input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None
    ) -> Edge:
        sides = [linear(call, input, w_ih, b_ih), linear(call, hx, w_hh, b_hh)]
        return ops.unary(call.b, op_type, ops.add(call.b, *sides))

    return lower


aten("rnn_tanh_cell")(_rnn_cell("Tanh"))
aten("rnn_relu_cell")(_rnn_cell("Relu"))


def projected_layer(
    call: Call,
    x: Edge,
    states: Sequence[Edge],
    weights: Sequence[Sequence[Any]],
    has_biases: bool,
) -> tuple[Edge, list[Edge]]:
    """A layer of an LSTM whose output is projected, time first; its outputs and last states."""
    b = call.b
    outputs: list[Edge] = []
    finals: list[list[Edge]] = [[], []]
    for direction, group in enumerate(weights):
        begin = [
            ops.squeeze(b, ops.slice_axis(b, state, 0, direction, direction + 1), 0)
            for state in states
        ]
        biases = group[2:4] if has_biases else [None, None]
        over = linear(call, x, group[0], biases[0])
        over = ops.flip(b, over, 0) if direction else over
        output, last = _walk(call, over, begin, group[1], biases[1], group[-1])
        outputs.append(ops.flip(b, output, 0) if direction else output)
        for found, state in zip(finals, last, strict=True):
            found.append(ops.unsqueeze(b, state, 0))
    joined = ops.concat(b, outputs, 2) if len(outputs) > 1 else outputs[0]
    return joined, [ops.concat(b, parts, 0) if len(parts) > 1 else parts[0] for parts in finals]


def _walk(
    call: Call, over: Edge, begin: Sequence[Edge], w_hh: Any, b_hh: Any, w_hr: Any
) -> tuple[Edge, list[Edge]]:
    b = call.b
    body = b.subgraph("step")
    names = [b.name(edge) for edge in (*begin, over)]
    hidden, cell = (body.input(f"{b.path}/state", e.dtype, e.shape) for e in begin)
    now = body.input(f"{b.path}/gates", over.dtype, over.shape[1:])
    inner = Call(body, call.op_type, call.overload, call.name)
    gates = ops.add(body, now, linear(inner, hidden, w_hh, b_hh))
    output, after = lstm_step(body, gates, cell)
    projected = linear(inner, output, w_hr)
    for edge in (projected, after, projected):
        body.output(f"{b.path}/next", edge)
    found = b.node("Scan", names, 3, body=body.finish(), num_scan_inputs=1)
    dtype, width = over.dtype, projected.shape[-1]
    last = [Edge(name, dtype, e.shape) for name, e in zip(found[:2], begin, strict=True)]
    return Edge(found[2], dtype, (*over.shape[:2], width)), last
