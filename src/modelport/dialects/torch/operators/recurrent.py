"""RNN, LSTM and GRU of several layers and two directions, as ONNX's operators.

Torch has the gates i f g o (LSTM) and r z n (GRU), rows first; ONNX i o f c and z r h. Torch has
two biases, which ONNX takes side by side. Torch's GRU applies the reset gate after the product.
An LSTM with a projection of its output has no operator in ONNX and becomes a Scan of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.assumptions import DROPS
from modelport.dialects.torch.call import Call, Parameter, aten
from modelport.dialects.torch.operators.cells import projected_layer
from modelport.dialects.torch.operators.packed import pack, unpack, unpacked_mask
from modelport.model.dtype import INT32
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
    _check(call, dropout, train, num_layers)
    options = (has_biases, num_layers, bidirectional, batch_first)
    return _stack(call, "LSTM", None, input, hx, params, *options)


def _one_state(op_type: str, activation: str | None) -> Any:
    def lower(
        call: Call,
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> list[Edge]:
        _check(call, dropout, train, num_layers)
        options = (has_biases, num_layers, bidirectional, batch_first)
        return _stack(call, op_type, activation, input, [hx], params, *options)

    return lower


aten("gru.input")(_one_state("GRU", None))
aten("rnn_tanh.input")(_one_state("RNN", "Tanh"))
aten("rnn_relu.input")(_one_state("RNN", "Relu"))


@aten("lstm.data")
def packed_lstm(
    call: Call,
    data: Any,
    batch_sizes: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> list[Edge]:
    """An LSTM over packed sequences: what it gives is packed likewise."""
    _check(call, dropout, train, num_layers)
    options = (params, has_biases, num_layers, bidirectional)
    return _packed(call, "LSTM", None, data, batch_sizes, hx, *options)


def _one_packed_state(op_type: str, activation: str | None) -> Any:
    def lower(
        call: Call,
        data: Any,
        batch_sizes: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
    ) -> list[Edge]:
        _check(call, dropout, train, num_layers)
        options = (params, has_biases, num_layers, bidirectional)
        return _packed(call, op_type, activation, data, batch_sizes, [hx], *options)

    return lower


aten("gru.data")(_one_packed_state("GRU", None))
aten("rnn_tanh.data")(_one_packed_state("RNN", "Tanh"))
aten("rnn_relu.data")(_one_packed_state("RNN", "Relu"))


def _packed(
    call: Call,
    op_type: str,
    activation: str | None,
    data: Any,
    batch_sizes: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    layers: int,
    bidirectional: bool,
) -> list[Edge]:
    """Unpack, run over sequences of several lengths, and pack again."""
    mask = unpacked_mask(call, call.tensor(batch_sizes))
    x = unpack(call, call.tensor(data), mask)
    lengths = ops.reduce(call.b, "ReduceSum", ops.cast(call.b, mask, INT32), [0])
    options = (has_biases, layers, bidirectional, False, lengths)
    output, *states = _stack(call, op_type, activation, x, hx, params, *options)
    return [pack(call, output, mask), *states]


def _check(call: Call, dropout: float, train: bool, layers: int) -> None:
    if dropout and train and layers > 1:
        call.b.note(call.name, DROPS)


def _stack(
    call: Call,
    op_type: str,
    activation: str | None,
    input: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    layers: int,
    bidirectional: bool,
    batch_first: bool,
    lengths: Edge | None = None,
) -> list[Edge]:
    """All layers; ``lengths`` is how long each sequence is, where they are not all the same."""
    b, directions, x = call.b, 2 if bidirectional else 1, call.tensor(input)
    states = [call.tensor(state) for state in hx]
    sequence = ops.transpose(b, x, (1, 0, 2)) if batch_first else x
    each = len(params) // (layers * directions)
    finals: list[list[Edge]] = [[] for _ in states]
    for layer in range(layers):
        first = layer * directions
        weights = [params[each * (first + d) : each * (first + d + 1)] for d in range(directions)]
        begin = [ops.slice_axis(b, state, 0, first, first + directions) for state in states]
        if op_type == "LSTM" and each == (5 if has_biases else 3):
            if lengths is not None:
                raise ValueError("sequences of several lengths with a projection of the output")
            sequence, last = projected_layer(call, sequence, begin, weights, has_biases)
        else:
            kind = (op_type, activation, has_biases)
            sequence, last = _layer(call, kind, sequence, begin, weights, lengths)
        for found, state in zip(finals, last, strict=True):
            found.append(state)
    output = ops.transpose(b, sequence, (1, 0, 2)) if batch_first else sequence
    return [output, *(ops.concat(b, parts, 0) if layers > 1 else parts[0] for parts in finals)]


def _layer(
    call: Call,
    kind: tuple[str, str | None, bool],
    x: Edge,
    states: Sequence[Edge],
    weights: Sequence[Sequence[Any]],
    lengths: Edge | None,
) -> tuple[Edge, list[Edge]]:
    """One layer, time first: its outputs of all directions, and its last states."""
    op_type, activation, has_biases = kind
    b, directions = call.b, len(weights)
    hidden = weights[0][1].shape[1]
    if not isinstance(hidden, int):
        raise ValueError("the number of its units is computed by the model")
    parts = [_joined(call, op_type, [[group[place]] for group in weights]) for place in (0, 1)]
    if has_biases:
        parts.append(_joined(call, op_type, [group[2:4] for group in weights]))
    names = [b.name(x), *(b.name(part) for part in parts)]
    names += [] if has_biases else [""]
    names += ["" if lengths is None else b.name(lengths), *(b.name(state) for state in states)]
    found = b.node(
        op_type,
        names,
        1 + len(states),
        hidden_size=hidden,
        direction="bidirectional" if directions == 2 else "forward",
        activations=[activation] * directions if activation else None,
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


def _joined(call: Call, op_type: str, groups: Sequence[Sequence[Any]]) -> Edge:
    """The weights of all directions, one under the other, their gates in ONNX's order."""
    first = groups[0][0]
    if all(isinstance(item, Parameter) for group in groups for item in group):
        rows = [
            concatenate([_regate(item.expression, op_type) for item in group], 0)
            for group in groups
        ]
        return call.weight(first, concatenate([row.reshape(1, *row.shape) for row in rows], 0))
    b = call.b
    made = []
    for group in groups:
        parts: list[Edge] = []
        for item in group:
            gates = ops.split(b, call.tensor(item), 0, len(_GATES[op_type]))
            parts.extend(gates[gate] for gate in _GATES[op_type])
        made.append(ops.unsqueeze(b, ops.concat(b, parts, 0), 0))
    return ops.concat(b, made, 0) if len(made) > 1 else made[0]


def _regate(weight: Expression, op_type: str) -> Expression:
    gates = _GATES[op_type]
    if len(gates) == 1:
        return weight
    parts = weight.split(0, len(gates))
    return concatenate([parts[gate] for gate in gates], 0)
