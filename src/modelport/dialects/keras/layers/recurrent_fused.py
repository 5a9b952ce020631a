"""Recurrences as the ONNX operators RNN, LSTM and GRU, where they compute exactly the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers.recurrent_scan import time_major
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT16, FLOAT32
from modelport.model.expression import Expression, concatenate, fill
from modelport.model.graph import Dim

ACTIVATIONS: dict[str | None, tuple[str, float | None, float | None]] = {
    None: ("Affine", 1.0, 0.0),
    "linear": ("Affine", 1.0, 0.0),
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "softsign": ("Softsign", None, None),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "hard_sigmoid_keras2": ("HardSigmoid", 0.2, 0.5),
}
"""The activations that the operators know, with alpha and beta where they take them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a cell class maps to an operator.

    ``gates`` gives, for each gate of the operator, its place among the gates of Keras.
    """

    op_type: str
    gates: tuple[int, ...]
    activations: tuple[str, ...]
    states: int


KINDS: dict[str, Kind] = {
    "SimpleRNNCell": Kind("RNN", (0,), ("activation",), 1),
    "LSTMCell": Kind("LSTM", (0, 3, 1, 2), ("recurrent_activation", "activation", "activation"), 2),
    "GRUCell": Kind("GRU", (0, 1, 2), ("recurrent_activation", "activation"), 1),
}


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a fused operator: all outputs in time order, and the last states."""

    sequence: Edge
    states: list[Edge]


def fits(cell: Layer) -> bool:
    """Whether a fused operator computes what the cell does.

    onnxruntime implements them in 32 bits (and runs 16 bits so); other dtypes take a Scan.
    """
    kind = KINDS.get(cell.op_type)
    if kind is None or cell.dtype not in (FLOAT32, FLOAT16):
        return False
    wanted = [cell.config[key] for key in kind.activations]
    return all((name is None or isinstance(name, str)) and name in ACTIVATIONS for name in wanted)


def fits_together(forward: Layer, backward: Layer) -> bool:
    """Whether one bidirectional operator computes both cells."""
    same = ("units", "reset_after")
    return (
        fits(forward)
        and fits(backward)
        and forward.op_type == backward.op_type
        and forward.dtype == backward.dtype
        and all(forward.config.get(key) == backward.config.get(key) for key in same)
    )


def fused(
    layer: Layer, cells: Sequence[Layer], x: Edge, initial: Sequence[Edge] | None, direction: str
) -> list[Direction]:
    """Run one cell (``forward``, ``reverse``) or two (``bidirectional``) over the time axis.

    ``initial`` holds the states of all directions, one direction after the other. ``layer`` owns
    the weights' names.
    """
    kind, config = KINDS[cells[0].op_type], cells[0].config
    # A cell may compute in another dtype than the layer around it.
    x = ops.cast(layer.b, x, cells[0].dtype)
    if initial is not None:
        initial = [ops.cast(layer.b, state, cells[0].dtype) for state in initial]
    weights = [_weight(layer, cells, role, make) for role, make in _PARTS.items()]
    states = [_initial(layer, initial, i, kind.states, len(cells)) for i in range(kind.states)]
    sequence = ops.transpose(layer.b, x, time_major(x.rank))
    inputs = [sequence, *weights, None, *states]
    names = [layer.b.name(edge) if edge is not None else "" for edge in inputs]
    while not names[-1]:
        names.pop()
    found = layer.b.node(
        kind.op_type,
        names,
        1 + kind.states,
        hidden_size=config["units"],
        direction=direction,
        linear_before_reset=int(config["reset_after"]) if kind.op_type == "GRU" else None,
        **_activations(cells, kind),
    )
    return _directions(layer, found, x, cells)


_Part: TypeAlias = Callable[[Layer, Kind], Expression]


def _activations(cells: Sequence[Layer], kind: Kind) -> dict[str, Any]:
    chosen = [ACTIVATIONS[cell.config[key]] for cell in cells for key in kind.activations]
    names = [name for name, _, _ in chosen]
    alphas = [alpha for _, alpha, _ in chosen if alpha is not None]
    betas = [beta for _, _, beta in chosen if beta is not None]
    return {
        "activations": names,
        "activation_alpha": alphas or None,
        "activation_beta": betas or None,
    }


def _weight(layer: Layer, cells: Sequence[Layer], role: str, make: _Part) -> Edge | None:
    if role == "bias" and not any(cell.config["use_bias"] for cell in cells):
        return None
    kind = KINDS[cells[0].op_type]
    data = concatenate([make(cell, kind) for cell in cells], 0)
    owner = cells[0] if len(cells) == 1 else layer
    return ops.cast(layer.b, owner.variable(role, data), cells[0].dtype)


def _matrix(role: str) -> _Part:
    def make(cell: Layer, kind: Kind) -> Expression:
        kernel = _regate(cell.expression(role), kind).transpose(1, 0)
        return kernel.reshape(1, *kernel.shape)

    return make


def _bias(cell: Layer, kind: Kind) -> Expression:
    size = len(kind.gates) * cell.config["units"]
    if not cell.config["use_bias"]:
        return fill((1, 2 * size), 0.0, cell.expression("kernel").dtype)
    bias = cell.expression("bias")
    if len(bias.shape) == 2:
        # The reset_after GRU: a row for the input, a row for the state, as ONNX wants them.
        return _regate(bias, kind).reshape(1, 2 * size)
    zeros = fill((size,), 0.0, bias.dtype)
    return concatenate([_regate(bias, kind), zeros], 0).reshape(1, 2 * size)


def _regate(weight: Expression, kind: Kind) -> Expression:
    if kind.gates == tuple(range(len(kind.gates))):
        return weight
    axis = len(weight.shape) - 1
    parts = weight.split(axis, len(kind.gates))
    return concatenate([parts[place] for place in kind.gates], axis)


_PARTS: dict[str, _Part] = {
    "kernel": _matrix("kernel"),
    "recurrent_kernel": _matrix("recurrent_kernel"),
    "bias": _bias,
}


def _initial(
    layer: Layer, initial: Sequence[Edge] | None, state: int, states: int, directions: int
) -> Edge | None:
    if initial is None:
        return None
    mine = [
        ops.unsqueeze(layer.b, initial[direction * states + state], 0)
        for direction in range(directions)
    ]
    return mine[0] if directions == 1 else ops.concat(layer.b, mine, 0)


def _directions(
    layer: Layer, found: Sequence[str], x: Edge, cells: Sequence[Layer]
) -> list[Direction]:
    b, dtype, units = layer.b, cells[0].dtype, cells[0].config["units"]
    batch, time = x.shape[:2]
    count = len(cells)
    whole = Edge(found[0], dtype, (time, count, batch, units))
    sequences = [_time_major(ops.squeeze(b, part, 1)) for part in _parts(layer, whole, 1)]
    states = [
        [ops.squeeze(b, part, 0) for part in _parts(layer, Edge(name, dtype, shape), 0)]
        for name in found[1:]
        for shape in [(count, batch, units)]
    ]
    return [
        Direction(sequences[i], [by_direction[i] for by_direction in states]) for i in range(count)
    ]


def _parts(layer: Layer, edge: Edge, axis: int) -> list[Edge]:
    count = edge.shape[axis]
    return [edge] if count == 1 else ops.split(layer.b, edge, axis, 2)


def _time_major(edge: Edge) -> Edge:
    time, batch, units = edge.shape
    shape: tuple[Dim, ...] = (batch, time, units)
    return layout.moved(edge.name or "", time_major(3), edge.dtype, shape)
