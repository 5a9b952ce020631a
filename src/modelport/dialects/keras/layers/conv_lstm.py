"""ConvLSTM1D, 2D, 3D: an LSTM whose products are convolutions, as a Scan of Conv.

Inside the Scan everything is channels-first, whatever the layer's own layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.layers.activations import activate
from modelport.dialects.keras.layers.cells import Cell, States
from modelport.dialects.keras.layers.recurrent_scan import Outcome, Walk, scan, time_major, zeros
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.graph import Dim


def run(
    layer: Layer,
    cell: Layer,
    x: Edge,
    initial: Sequence[Edge] | None,
    mask: Edge | None,
    walk: Walk,
) -> Outcome:
    """Run a ConvLSTM layer over (batch, time, ...) in either data format.

    Raises:
        ConversionError: spatial extents that are not known (Keras refuses them as well).
    """
    b, last = layer.b, layer.config["data_format"] == "channels_last"
    if last:
        x = _frames_first(b, x)
    ready = _prepare(cell, x)
    if initial is None:
        states = [zeros(b, x, size, layer.dtype) for size in ready.sizes]
    else:
        states = [_first(b, state) if last else state for state in initial]
    outcome = scan(b, ready, x, states, mask, walk)
    if not last:
        return outcome
    sequence = outcome.sequence
    return Outcome(
        _last(outcome.last),
        None if sequence is None else _frames_last(sequence),
        [_last(state) for state in outcome.states],
    )


def _prepare(cell: Layer, x: Edge) -> Cell:
    config, rank = cell.config, x.rank - 3
    extents = [extent for extent in x.shape[3:] if isinstance(extent, int)]
    if len(extents) != rank:
        raise cell.error("its spatial extents are not known")
    kernel, recurrent = (_kernel(cell, role, rank) for role in ("kernel", "recurrent_kernel"))
    bias = cell.weight("bias") if config["use_bias"] else None
    strides, rates = _tuple(config["strides"], rank), _tuple(config["dilation_rate"], rank)
    window = _tuple(config["kernel_size"], rank)
    pads = _pads(extents, window, strides, rates, config["padding"])
    inner = _extents(extents, window, strides, rates, pads)
    size: tuple[Dim, ...] = (config["filters"], *inner)
    same = _pads(inner, window, [1] * rank, [1] * rank, "same")

    def project(b: Builder, frame: Edge) -> Edge:
        shape = (frame.shape[0], 4 * config["filters"], *inner)
        given = {"strides": strides, "dilations": rates, "pads": pads}
        return b.emit("Conv", [frame, kernel, bias], frame.dtype, shape, **given)

    def step(b: Builder, frame: Edge, states: States) -> tuple[Edge, States]:
        h, c = states
        total = ops.add(b, frame, b.emit("Conv", [h, recurrent], h.dtype, frame.shape, pads=same))
        i, f, g, o = ops.split(b, total, 1, 4)
        i, f, o = (_activate(cell, b, gate, "recurrent_activation") for gate in (i, f, o))
        g = _activate(cell, b, g, "activation")
        c = ops.add(b, ops.multiply(b, f, c), ops.multiply(b, i, g))
        h = ops.multiply(b, o, _activate(cell, b, c, "activation"))
        return h, [h, c]

    return Cell((size, size), size, project, step, projects_ahead=False)


def _kernel(cell: Layer, role: str, rank: int) -> Edge:
    return cell.weight(role, cell.expression(role).transpose(rank + 1, rank, *range(rank)))


def _activate(cell: Layer, b: Builder, x: Edge, key: str) -> Edge:
    """Apply an activation to a channels-first edge, over the layer's own axes."""
    inside = replace(cell, b=b)
    if cell.config["data_format"] == "channels_first":
        return activate(inside, x, cell.config[key])
    y = activate(inside, _last(x), cell.config[key])
    return Edge(layout.channels_first(b, y), x.dtype, x.shape)


def _tuple(value: int | Sequence[int], rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value)


def _pads(
    extents: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    rates: Sequence[int],
    padding: str,
) -> list[int]:
    """Begins, then ends; TensorFlow's rule for ``same`` puts the odd one at the end."""
    if padding != "same":
        return [0] * (2 * len(extents))
    totals = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(extents, window, strides, rates, strict=True)
    ]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


def _extents(
    extents: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int],
    rates: Sequence[int],
    pads: Sequence[int],
) -> list[int]:
    rank = len(extents)
    return [
        (n + pads[i] + pads[rank + i] - (window[i] - 1) * rates[i] - 1) // strides[i] + 1
        for i, n in enumerate(extents)
    ]


def _scanned_layout(rank: int) -> tuple[int, ...]:
    """The permutation from (batch, time, ..., channels) to (time, batch, channels, ...)."""
    return (1, 0, rank - 1, *range(2, rank - 1))


def _frames_first(b: Builder, x: Edge) -> Edge:
    """(batch, time, ..., channels) as (batch, time, channels, ...), time-major underneath."""
    name = b.name(ops.transpose(b, x, _scanned_layout(x.rank)))
    shape = (*x.shape[:2], x.shape[-1], *x.shape[2:-1])
    return layout.moved(name, time_major(x.rank), x.dtype, shape)


def _frames_last(edge: Edge) -> Edge:
    """(batch, time, channels, ...), time-major underneath, as (batch, time, ..., channels)."""
    shape = (*edge.shape[:2], *edge.shape[3:], edge.shape[2])
    name = edge.twin.name if edge.twin is not None else ""
    return layout.moved(name, _scanned_layout(edge.rank), edge.dtype, shape)


def _first(b: Builder, edge: Edge) -> Edge:
    shape = (edge.shape[0], edge.shape[-1], *edge.shape[1:-1])
    return Edge(layout.channels_first(b, edge), edge.dtype, shape)


def _last(edge: Edge) -> Edge:
    shape = (edge.shape[0], *edge.shape[2:], edge.shape[1])
    return layout.from_channels_first(edge.name or "", edge.dtype, shape)
