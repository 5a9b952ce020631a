"""Sequences of several lengths, packed: the rows that they have, step by step, longest first.

Which rows those are is a mask of time by sequence. Source: ``torch.nn.utils.rnn``,
``torch/aten/src/ATen/native/PackedSequence.cpp``.
"""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten
from modelport.model.dtype import BOOL, INT64


@aten("_pack_padded_sequence")
def pack_padded_sequence(call: Call, input: Any, lengths: Any, batch_first: bool) -> list[Edge]:
    """The rows within the lengths of their sequences, and how many sequences each step has."""
    b, x = call.b, call.tensor(input)
    x = ops.transpose(b, x, (1, 0, *range(2, x.rank))) if batch_first else x
    steps = ops.unsqueeze(b, ops.arange(b, ops.extent(b, x, 0)), 1)
    longer = ops.unsqueeze(b, ops.cast(b, call.tensor(lengths), INT64), 0)
    mask = b.emit("Less", [steps, longer], BOOL, x.shape[:2])
    counts = ops.reduce(b, "ReduceSum", ops.cast(b, mask, INT64), [1])
    some = b.emit("Greater", [counts, b.constant(0, INT64)], BOOL, counts.shape)
    return [pack(call, x, mask), b.emit("Compress", [counts, some], INT64, (None,), axis=0)]


@aten("_pad_packed_sequence")
def pad_packed_sequence(
    call: Call,
    data: Any,
    batch_sizes: Any,
    batch_first: bool,
    padding_value: Any,
    total_length: Any = -1,
) -> list[Edge]:
    """The sequences side by side, filled up, and their lengths."""
    b, mask = call.b, unpacked_mask(call, call.tensor(batch_sizes))
    fixed = isinstance(total_length, int) and total_length <= 0
    time = None if fixed or total_length is None else call.extent(total_length)
    found = unpack(call, call.tensor(data), mask, padding_value, time)
    lengths = ops.reduce(b, "ReduceSum", ops.cast(b, mask, INT64), [0])
    if batch_first:
        found = ops.transpose(b, found, (1, 0, *range(2, found.rank)))
    return [found, lengths]


def unpacked_mask(call: Call, batch_sizes: Edge) -> Edge:
    """Whether a sequence has a step, from the number of sequences that each step has."""
    b = call.b
    first = ops.slice_axis(b, batch_sizes, 0, 0, 1)
    first = Edge(b.name(first), INT64, (1,))
    places = ops.unsqueeze(b, ops.arange(b, first), 0)
    sizes = ops.unsqueeze(b, batch_sizes, 1)
    return b.emit("Less", [places, sizes], BOOL, (batch_sizes.shape[0], None))


def pack(call: Call, x: Edge, mask: Edge) -> Edge:
    """The rows of steps by sequences that a mask names."""
    b, rest = call.b, x.shape[2:]
    rows = [-1, *(ops.extent(b, x, axis) for axis in range(2, x.rank))]
    flat = b.emit("Reshape", [x, ops.vector(b, rows)], x.dtype, (None, *rest))
    named = b.emit("Reshape", [mask, b.constant([-1], INT64)], BOOL, (None,))
    return b.emit("Compress", [flat, named], x.dtype, (None, *rest), axis=0)


def unpack(
    call: Call, data: Edge, mask: Edge, padding: Any = 0, time: ops.Extent | None = None
) -> Edge:
    """Rows where a mask names them, else ``padding``; of ``time`` steps, where that is stated."""
    b, rest = call.b, range(1, data.rank)
    steps = ops.extent(b, mask, 0) if time is None else time
    extents = [steps, ops.extent(b, mask, 1), *(ops.extent(b, data, axis) for axis in rest)]
    shape = (steps if isinstance(steps, int) else None, mask.shape[1], *data.shape[1:])
    filling = b.constant(padding, data.dtype)
    blank = b.emit("Expand", [filling, ops.vector(b, extents)], data.dtype, shape)
    found = b.emit("NonZero", [mask], INT64, (2, None))
    places = ops.transpose(b, found, (1, 0))
    return b.emit("ScatterND", [blank, places, data], data.dtype, shape)
