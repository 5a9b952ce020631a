"""Recurrent layers: SimpleRNN, LSTM, GRU, RNN over cells, ConvLSTM.

An operator of ONNX' own where it computes exactly the same, else a Scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.layers import conv_lstm
from modelport.dialects.keras.layers.cells import cell_of, prepare
from modelport.dialects.keras.layers.recurrent_fused import fits, fused
from modelport.dialects.keras.layers.recurrent_scan import Outcome, Walk, scan, zeros
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

CONVOLUTIONAL = ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", *CONVOLUTIONAL)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a recurrent layer is called on; ``mask`` is the one the recurrence heeds."""

    sequences: Edge
    initial: list[Edge] | None
    mask: Edge | None


@lowers(*RECURRENT, mask="own")
def recurrent(layer: Layer) -> list[Edge]:
    """The output (last or all), then the last states where they are returned."""
    given = arguments(layer)
    outcome = run(layer, given)
    output = outcome.sequence if outcome.sequence is not None else outcome.last
    # The mask goes on even where it was not heeded.
    mask = explicit_mask(layer) or given.sequences.mask
    output = replace(output, mask=mask if layer.config["return_sequences"] else None)
    return [output, *outcome.states] if layer.config["return_state"] else [output]


def arguments(layer: Layer) -> Arguments:
    """The sequences, initial states and mask of a call, in each of the ways to write it."""
    sequences, initial = layer.x, layer.argument("initial_state", 1)
    listed = layer.args[0] if layer.args else layer.x
    if initial is None and isinstance(listed, list):
        initial = listed[1:]
    states = [edge for edge in flat(initial) if isinstance(edge, Edge)]
    mask = explicit_mask(layer)
    # Keras 3 finds a mask by the only tensor argument: with initial states there are two.
    if mask is None and (not states or layer.era < Era.KERAS3):
        mask = sequences.mask
    return Arguments(sequences, states or None, mask)


def explicit_mask(layer: Layer) -> Edge | None:
    """The mask given as an argument of the call."""
    mask = layer.argument("mask", 2)
    return mask if isinstance(mask, Edge) else None


def flat(value: Any) -> list[Any]:
    """The items of nested lists, in order; a single item is a list of one."""
    if isinstance(value, list | tuple):
        return [item for part in value for item in flat(part)]
    return [] if value is None else [value]


def run(layer: Layer, given: Arguments, in_time_order: bool = False) -> Outcome:
    """Run a recurrent layer; ``in_time_order``: outputs in the order of the inputs always."""
    note_stateful(layer)
    backwards = layer.config["go_backwards"]
    cell = cell_of(layer)
    if given.mask is None and fits(cell):
        direction = "reverse" if backwards else "forward"
        (result,) = fused(cell, [cell], given.sequences, given.initial, direction)
        sequence = result.sequence
        if backwards and not in_time_order and layer.config["return_sequences"]:
            sequence = ops.flip(layer.b, sequence, 1)
        wanted = sequence if layer.config["return_sequences"] else None
        return Outcome(result.states[0], wanted, result.states)
    crossed = given.mask is not None and _zeroes_crossed(layer)
    zero_masked = bool(layer.config.get("zero_output_for_mask")) and not crossed
    walk = Walk(backwards, in_time_order, layer.config["return_sequences"], zero_masked)
    outcome = _scanned(layer, cell, given, walk)
    if crossed and outcome.sequence is not None and given.mask is not None:
        mask = ops.flip(layer.b, given.mask, 1) if in_time_order else given.mask
        return replace(outcome, sequence=_zeroed(layer, outcome.sequence, mask))
    return outcome


def note_stateful(layer: Layer) -> None:
    """Say that states do not outlive a run, where the layer wants them to."""
    if layer.config.get("stateful"):
        layer.note("ONNX keeps no state between runs: every run starts from the initial states")


def _scanned(layer: Layer, cell: Layer, given: Arguments, walk: Walk) -> Outcome:
    x, initial, mask = given.sequences, given.initial, given.mask
    if layer.op_type in CONVOLUTIONAL:
        return conv_lstm.run(layer, cell, x, initial, mask, walk)
    ready = prepare(cell)
    # A cell may compute in another dtype than the layer around it.
    x = ops.cast(layer.b, x, cell.dtype)
    if initial is None:
        initial = [zeros(layer.b, x, size, cell.dtype) for size in ready.sizes]
    initial = [ops.cast(layer.b, state, cell.dtype) for state in initial]
    return scan(layer.b, ready, x, initial, mask, walk)


def _zeroes_crossed(layer: Layer) -> bool:
    """Whether Keras zeroes the wrong steps: unrolled backwards it forgets to turn the mask."""
    wanted = ("unroll", "go_backwards", "return_sequences", "zero_output_for_mask")
    return all(layer.config.get(key) for key in wanted)


def _zeroed(layer: Layer, sequence: Edge, mask: Edge) -> Edge:
    wide = ops.unsqueeze(layer.b, mask, *range(mask.rank, sequence.rank))
    zero = layer.b.constant(0, sequence.dtype)
    return replace(ops.where(layer.b, wide, sequence, zero), shape=sequence.shape)
