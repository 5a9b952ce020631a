"""Wrappers: Bidirectional, TimeDistributed, and Masking, which starts a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, call, lowers
from modelport.dialects.keras.layers.cells import cell_of
from modelport.dialects.keras.layers.recurrent import (
    RECURRENT,
    Arguments,
    arguments,
    explicit_mask,
    note_stateful,
    run,
)
from modelport.dialects.keras.layers.recurrent_fused import fits_together, fused
from modelport.dialects.keras.layers.recurrent_scan import Outcome
from modelport.dialects.keras.lower import MODELS, lower_graph
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import BOOL, INT32


@lowers("Masking", mask="own")
def masking(layer: Layer) -> Edge:
    """Steps whose values all equal ``mask_value`` become zero and masked."""
    b, x = layer.b, layer.x
    value = layer.config["mask_value"]
    if isinstance(value, Mapping):
        value = value["config"]["value"]
    differs = ops.unary(b, "Not", ops.binary(b, "Equal", x, value))
    mask = _any(b, differs)
    y = ops.where(b, ops.unsqueeze(b, mask, -1), x, b.constant(0, x.dtype))
    return replace(y, shape=x.shape, mask=mask)


def _any(b: Builder, x: Edge) -> Edge:
    """Whether any entry along the last axis is true."""
    return ops.cast(b, ops.reduce(b, "ReduceMax", ops.cast(b, x, INT32), [-1]), BOOL)


@lowers("Bidirectional", mask="own")
def bidirectional(layer: Layer) -> list[Edge]:
    """A recurrent layer forwards and another backwards, their outputs merged."""
    given = arguments(layer)
    forward, backward = _halves(layer)
    if _shares_operator(forward, backward, given.mask):
        there, back = _together(layer, forward, backward, given)
    else:
        there, back = _apart(forward, backward, given)
    outputs = _merged(layer, _output(there), _output(back))
    if forward.config["return_sequences"]:
        mask = explicit_mask(layer) or given.sequences.mask
        outputs = [replace(edge, mask=mask) for edge in outputs]
    return [*outputs, *_states(forward, there), *_states(backward, back)]


def _halves(layer: Layer) -> list[Layer]:
    halves = []
    for key, path in (("layer", "forward_layer"), ("backward_layer", "backward_layer")):
        half = layer.inner(layer.config[key], path, layer.inputs[:1])
        if half.op_type not in RECURRENT:
            raise layer.error(f"it wraps {half.op_type!r}, which is no recurrent layer of Keras")
        # Outputs at masked steps are zero, so that they merge; before tf.keras they were repeated.
        zero = half.config["return_sequences"] and layer.era >= Era.TF_KERAS
        half.config = {**half.config, "zero_output_for_mask": zero}
        halves.append(half)
    return halves


def _shares_operator(forward: Layer, backward: Layer, mask: Edge | None) -> bool:
    ways = (forward.config["go_backwards"], backward.config["go_backwards"])
    return (
        mask is None and ways == (False, True) and fits_together(*map(cell_of, (forward, backward)))
    )


def _together(
    layer: Layer, forward: Layer, backward: Layer, given: Arguments
) -> tuple[Outcome, Outcome]:
    cells = [cell_of(forward), cell_of(backward)]
    for half in (forward, backward):
        note_stateful(half)
    results = fused(layer, cells, given.sequences, given.initial, "bidirectional")
    wanted = forward.config["return_sequences"]
    there, back = (
        Outcome(result.states[0], result.sequence if wanted else None, result.states)
        for result in results
    )
    return there, back


def _apart(forward: Layer, backward: Layer, given: Arguments) -> tuple[Outcome, Outcome]:
    initial = given.initial
    half = len(initial) // 2 if initial else 0
    mine, other = (initial[:half], initial[half:]) if initial else (None, None)
    there = run(forward, Arguments(given.sequences, mine, given.mask))
    turned = backward.config["go_backwards"]
    back = run(backward, Arguments(given.sequences, other, given.mask), in_time_order=turned)
    if back.sequence is not None and not turned:
        back = replace(back, sequence=ops.flip(backward.b, back.sequence, 1))
    return there, back


def _output(outcome: Outcome) -> Edge:
    return outcome.last if outcome.sequence is None else outcome.sequence


def _states(half: Layer, outcome: Outcome) -> list[Edge]:
    return outcome.states if half.config["return_state"] else []


def _merged(layer: Layer, y: Edge, other: Edge) -> list[Edge]:
    b, mode = layer.b, layer.config["merge_mode"]
    if mode is None:
        return [y, other]
    if mode == "concat":
        return [ops.concat(b, [y, other], -1)]
    if mode == "mul":
        return [ops.multiply(b, y, other)]
    total = ops.add(b, y, other)
    return [ops.divide(b, total, 2) if mode == "ave" else total]


@lowers("TimeDistributed", mask="own")
def time_distributed(layer: Layer) -> list[Edge]:
    """The inner layer over every step: the time axis joins the batch for it."""
    b, config = layer.b, layer.config["layer"]
    if config["class_name"] == "Dense":
        # Dense works on the last axis alone, so the steps need not be taken apart.
        outputs = _inner(layer, config, [replace(layer.x, mask=None)])
        return [replace(edge, mask=_steps_mask(layer, None)) for edge in outputs]
    first = replace(layer.x, mask=layer.mask)
    others = [edge for edge in layer.inputs[1:] if edge is not layer.mask]
    outputs = _inner(layer, config, [_joined(b, edge) for edge in (first, *others)])
    return [replace(_parted(layer, edge), mask=_steps_mask(layer, edge.mask)) for edge in outputs]


def _inner(layer: Layer, config: Mapping[str, Any], inputs: Sequence[Edge]) -> list[Edge]:
    if config["class_name"] in MODELS and layer.graph is not None:
        return lower_graph(layer.b, layer.graph, inputs)
    return call(layer.inner(config, "layer", inputs))


def _joined(b: Builder, edge: Edge) -> Edge:
    """The time axis joined to the batch, in the mask too where it has axes beyond time."""
    rest = [ops.extent(b, edge, axis) for axis in range(2, edge.rank)]
    joined = ops.reshape(b, edge, [-1, *rest])
    batch, time = edge.shape[:2]
    rows = batch * time if isinstance(batch, int) and isinstance(time, int) else None
    mask = _joined(b, edge.mask) if edge.mask is not None and edge.mask.rank > 2 else None
    return replace(joined, shape=(rows, *edge.shape[2:]), mask=mask)


def _parted(layer: Layer, edge: Edge) -> Edge:
    """The time axis taken out of the batch again."""
    b = layer.b
    lead = [ops.extent(b, layer.x, axis) for axis in (0, 1)]
    rest = [ops.extent(b, edge, axis) for axis in range(1, edge.rank)]
    parted = ops.reshape(b, edge, [*lead, *rest])
    return replace(parted, shape=(*layer.x.shape[:2], *edge.shape[1:]))


def _steps_mask(layer: Layer, inner: Edge | None) -> Edge | None:
    """The mask of the whole: Keras 3 hands its input's on, Keras 2 asks the inner layer first."""
    mask = layer.mask
    if layer.era >= Era.KERAS3:
        return mask
    if inner is not None:
        return _parted(layer, inner)
    while mask is not None and mask.rank > 2:
        mask = _any(layer.b, mask)
    return mask
