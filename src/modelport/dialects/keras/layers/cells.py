"""Recurrent cells: what one time step computes, over weights prepared outside the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers.activations import activate
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.graph import Dim

States: TypeAlias = list[Edge]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell ready to step.

    ``sizes`` are the extents of its states and ``output`` those of its output, both without the
    batch. ``project`` is the part of a step that depends on the input alone, over any leading
    axes; it may stand outside the loop, over all time steps at once, where ``projects_ahead``.
    ``step`` takes a projected input and the states and gives the output and the new states.
    """

    sizes: tuple[tuple[Dim, ...], ...]
    output: tuple[Dim, ...]
    project: Callable[[Builder, Edge], Edge]
    step: Callable[[Builder, Edge, States], tuple[Edge, States]]
    projects_ahead: bool = True


def cell_of(layer: Layer) -> Layer:
    """The cell of a recurrent layer as a layer of its own: that of ``RNN``, or the implied one."""
    if layer.op_type == "RNN":
        return layer.inner(layer.config["cell"], "cell", layer.inputs)
    return replace(layer, op_type=f"{layer.op_type}Cell", prefix=f"{layer.prefix}cell/")


def prepare(layer: Layer) -> Cell:
    """The cell a layer of a cell class describes.

    Raises:
        ConversionError: a cell class that is not Keras' own.
    """
    if layer.op_type == "StackedRNNCells":
        return _stacked(layer, layer.config["cells"])
    maker = _CELLS.get(layer.op_type)
    if maker is None:
        raise layer.error(f"modelport knows no ONNX form of the cell {layer.op_type!r}")
    return maker(layer)


def _simple(layer: Layer) -> Cell:
    recurrent = layer.weight("recurrent_kernel")

    def step(b: Builder, x: Edge, states: States) -> tuple[Edge, States]:
        total = ops.add(b, x, ops.matmul(b, states[0], recurrent))
        h = _activate(layer, b, total, "activation")
        return h, [h]

    return _units(layer, 1, _projection(layer), step)


def _lstm(layer: Layer) -> Cell:
    recurrent = layer.weight("recurrent_kernel")

    def step(b: Builder, x: Edge, states: States) -> tuple[Edge, States]:
        h, c = states
        total = ops.add(b, x, ops.matmul(b, h, recurrent))
        i, f, g, o = ops.split(b, total, -1, 4)
        i, f, o = (_activate(layer, b, gate, "recurrent_activation") for gate in (i, f, o))
        g = _activate(layer, b, g, "activation")
        c = ops.add(b, ops.multiply(b, f, c), ops.multiply(b, i, g))
        h = ops.multiply(b, o, _activate(layer, b, c, "activation"))
        return h, [h, c]

    return _units(layer, 2, _projection(layer), step)


def _gru(layer: Layer) -> Cell:
    candidate = _reset_after(layer) if layer.config["reset_after"] else _reset_before(layer)

    def step(b: Builder, x: Edge, states: States) -> tuple[Edge, States]:
        h = states[0]
        z, total = candidate(b, ops.split(b, x, -1, 3), h)
        new = _activate(layer, b, total, "activation")
        kept = ops.multiply(b, z, h)
        fresh = ops.multiply(b, ops.subtract(b, b.constant(1, z.dtype), z), new)
        h = ops.add(b, kept, fresh)
        return h, [h]

    return _units(layer, 1, _projection(layer), step)


_Candidate: TypeAlias = Callable[[Builder, Sequence[Edge], Edge], tuple[Edge, Edge]]
"""From the projected inputs of z, r, h and the state to the gate z and the candidate's argument."""


def _reset_after(layer: Layer) -> _Candidate:
    recurrent = layer.weight("recurrent_kernel")
    bias = None
    if layer.config["use_bias"]:
        rows = layer.expression("bias")
        bias = layer.weight("bias", rows.slice(0, 1, 2).reshape(-1), "/recurrent")

    def candidate(b: Builder, x: Sequence[Edge], h: Edge) -> tuple[Edge, Edge]:
        inner = ops.split(b, _affine(b, h, recurrent, bias), -1, 3)
        z, r = (
            _activate(layer, b, ops.add(b, x[i], inner[i]), "recurrent_activation") for i in (0, 1)
        )
        return z, ops.add(b, x[2], ops.multiply(b, r, inner[2]))

    return candidate


def _reset_before(layer: Layer) -> _Candidate:
    kernel, units = layer.expression("recurrent_kernel"), layer.config["units"]
    gates = layer.weight("recurrent_kernel", kernel.slice(1, 0, 2 * units), "/gates")
    new = layer.weight("recurrent_kernel", kernel.slice(1, 2 * units, None), "/candidate")

    def candidate(b: Builder, x: Sequence[Edge], h: Edge) -> tuple[Edge, Edge]:
        inner = ops.split(b, ops.matmul(b, h, gates), -1, 2)
        z, r = (
            _activate(layer, b, ops.add(b, x[i], inner[i]), "recurrent_activation") for i in (0, 1)
        )
        return z, ops.add(b, x[2], ops.matmul(b, ops.multiply(b, r, h), new))

    return candidate


def _stacked(layer: Layer, cells: Sequence[Mapping[str, Any]]) -> Cell:
    parts = [prepare(layer.inner(cell, f"cells/{i}", layer.inputs)) for i, cell in enumerate(cells)]

    def step(b: Builder, x: Edge, states: States) -> tuple[Edge, States]:
        new: States = []
        for i, cell in enumerate(parts):
            mine = states[len(new) : len(new) + len(cell.sizes)]
            x, changed = cell.step(b, x if i == 0 else cell.project(b, x), mine)
            new += changed
        return x, new

    sizes = tuple(size for cell in parts for size in cell.sizes)
    return Cell(sizes, parts[-1].output, parts[0].project, step)


def _projection(layer: Layer) -> Callable[[Builder, Edge], Edge]:
    kernel, bias = layer.weight("kernel"), None
    if layer.config["use_bias"]:
        rows = layer.expression("bias")
        if len(rows.shape) == 2:
            bias = layer.weight("bias", rows.slice(0, 0, 1).reshape(-1), "/input")
        else:
            bias = layer.weight("bias")
    return lambda b, x: _affine(b, x, kernel, bias)


def _affine(b: Builder, x: Edge, kernel: Edge, bias: Edge | None) -> Edge:
    y = ops.matmul(b, x, kernel)
    return y if bias is None else ops.add(b, y, bias)


def _activate(layer: Layer, b: Builder, x: Edge, key: str) -> Edge:
    return activate(replace(layer, b=b), x, layer.config[key])


def _units(
    layer: Layer,
    states: int,
    project: Callable[[Builder, Edge], Edge],
    step: Callable[[Builder, Edge, States], tuple[Edge, States]],
) -> Cell:
    size: tuple[Dim, ...] = (layer.config["units"],)
    return Cell((size,) * states, size, project, step)


_CELLS: dict[str, Callable[[Layer], Cell]] = {
    "SimpleRNNCell": _simple,
    "LSTMCell": _lstm,
    "GRUCell": _gru,
}
