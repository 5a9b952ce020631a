"""RNN, LSTM and GRU of several layers and two directions, as ONNX's operators.

Torch has the gates i f g o (LSTM) and r z n (GRU), rows first; ONNX i o f c and z r h. Torch has
two biases, which ONNX takes side by side. Torch's GRU applies the reset gate after the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, aten
from modelport.model.expression import Expression, concatenate

_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}


@aten("lstm.input")
def lstm(
    call: Call,
    input: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Edge]:
    """Outputs of the last layer, and the last hidden and cell states of all."""
    states = [call.tensor(state) for state in hx]
    options = (has_biases, num_layers, bidirectional, batch_first)
    return _stack(call, "LSTM", call.tensor(input), states, params, *options)


def _stack(
    call: Call,
    op_type: str,
    x: Edge,
    states: Sequence[Edge],
    params: Sequence[Any],
    has_biases: bool,
    layers: int,
    bidirectional: bool,
    batch_first: bool,
) -> list[Edge]:
    b, directions = call.b, 2 if bidirectional else 1
    sequence = ops.transpose(b, x, (1, 0, 2)) if batch_first else x
    each = len(params) // (layers * directions)
    finals: list[list[Edge]] = [[] for _ in states]
    for layer in range(layers):
        first = layer * directions
        weights = [params[each * (first + d) : each * (first + d + 1)] for d in range(directions)]
        begin = [ops.slice_axis(b, state, 0, first, first + directions) for state in states]
        sequence, last = _layer(call, op_type, sequence, begin, weights, has_biases)
        for found, state in zip(finals, last, strict=True):
            found.append(state)
    output = ops.transpose(b, sequence, (1, 0, 2)) if batch_first else sequence
    return [output, *(ops.concat(b, parts, 0) if layers > 1 else parts[0] for parts in finals)]


def _layer(
    call: Call,
    op_type: str,
    x: Edge,
    states: Sequence[Edge],
    weights: Sequence[Sequence[Any]],
    has_biases: bool,
) -> tuple[Edge, list[Edge]]:
    """One layer, time first: its outputs of all directions, and its last states."""
    b, directions = call.b, len(weights)
    if not all(isinstance(item, Parameter) for group in weights for item in group):
        raise ValueError("its weights are computed by the model")
    hidden = weights[0][1].shape[1]
    parts = [_joined(call, op_type, weights, place) for place in (0, 1)]
    if has_biases:
        parts.append(_biases(call, op_type, weights))
    names = [b.name(x), *(b.name(part) for part in parts)]
    names += ([] if has_biases else [""]) + ["", *(b.name(state) for state in states)]
    found = b.node(
        op_type,
        names,
        1 + len(states),
        hidden_size=hidden,
        direction="bidirectional" if directions == 2 else "forward",
        linear_before_reset=1 if op_type == "GRU" else None,
    )
    time, batch = x.shape[0], x.shape[1]
    whole = Edge(found[0], x.dtype, (time, directions, batch, hidden))
    if directions == 1:
        output = ops.squeeze(b, whole, 1)
    else:
        moved = ops.transpose(b, whole, (0, 2, 1, 3))
        output = ops.reshape(b, moved, (None, None, directions * hidden))
        output.shape = (time, batch, directions * hidden)
    return output, [Edge(name, x.dtype, (directions, batch, hidden)) for name in found[1:]]


def _joined(call: Call, op_type: str, weights: Sequence[Sequence[Any]], place: int) -> Edge:
    matrices = [_regate(group[place].expression, op_type) for group in weights]
    data = concatenate([matrix.reshape(1, *matrix.shape) for matrix in matrices], 0)
    return call.weight(weights[0][place], data)


def _biases(call: Call, op_type: str, weights: Sequence[Sequence[Any]]) -> Edge:
    rows = [
        concatenate(
            [_regate(group[2].expression, op_type), _regate(group[3].expression, op_type)], 0
        )
        for group in weights
    ]
    data = concatenate([row.reshape(1, *row.shape) for row in rows], 0)
    return call.weight(weights[0][2], data)


def _regate(weight: Expression, op_type: str) -> Expression:
    gates = _GATES[op_type]
    if len(gates) == 1:
        return weight
    parts = weight.split(0, len(gates))
    return concatenate([parts[gate] for gate in gates], 0)
