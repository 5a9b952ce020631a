"""Look-ups in quantised tables, each row with a scale and a zero point that has fractions.

Source: ``torch/aten/src/ATen/native/quantized/cpu/qembeddingbag.cpp``.
"""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Quantised, aten
from modelport.dialects.torch.operators.index import places_of
from modelport.dialects.torch.operators.quantised import along, through
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT16, FLOAT32, INT64, UINT4


@aten("quantized::embedding_byte")
def embedding(call: Call, weight: Any, indices: Any, pruned_weights: bool = False) -> Edge:
    """Rows of a table, which alone are dequantised."""
    _whole_table(call, pruned_weights, None)
    b, table, places = call.b, _table(call, weight), places_of(call, indices)
    rows, (scale, moved) = ops.gather(b, table.values, places, 0), _line(call, table)
    scale = ops.unsqueeze(b, ops.gather(b, scale, places, 0), -1)
    moved = ops.unsqueeze(b, ops.gather(b, moved, places, 0), -1)
    return ops.add(b, ops.multiply(b, ops.cast(b, rows, FLOAT32), scale), moved)


@aten("quantized::embedding_bag_byte", "quantized::embedding_bag_4bit")
def embedding_bag(
    call: Call,
    weight: Any,
    indices: Any,
    offsets: Any = None,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    pruned_weights: bool = False,
    per_sample_weights: Any = None,
    compressed_indices_mapping: Any = None,
    include_last_offset: bool = False,
) -> Edge:
    """Sums of the rows of each bag; without offsets a row of indices is one."""
    _whole_table(call, pruned_weights, compressed_indices_mapping)
    b, table = call.b, _table(call, weight)
    scale, moved = (along(b, item, 0, 2) for item in _line(call, table))
    rows = ops.add(b, ops.multiply(b, ops.cast(b, table.values, FLOAT32), scale), moved)
    places = call.tensor(indices)
    if offsets is None:
        starts = ops.arange(b, ops.extent(b, places, 0))
        length = ops.vector(b, [ops.extent(b, places, 1)])
        offsets = ops.multiply(b, ops.cast(b, starts, INT64), length)
        places = ops.reshape(b, places, [-1])
    # Whatever the mode says, the kernels sum.
    settings = [False, 0, False, per_sample_weights, include_last_offset]
    made: Edge = through(call, "embedding_bag", [rows, places, offsets, *settings], {})
    return made


def _whole_table(call: Call, pruned: Any, mapping: Any) -> None:
    if pruned or mapping is not None:
        raise ConversionError(call.where, "rows are left out of its table")


def _table(call: Call, packed: Any) -> Quantised:
    """The weight of ``(version, [weight], [], [bits])``, or of what it was packed of."""
    found = packed
    while isinstance(found, list | tuple):
        found = next(item for item in found if isinstance(item, list | tuple | Quantised))
    if not isinstance(found, Quantised) or found.axis != 0:
        raise ConversionError(call.where, "its weights are packed in an unknown form")
    return found


def _line(call: Call, table: Quantised) -> tuple[Edge, Edge]:
    """What a whole number is multiplied by, and what is added then; one of each for every row.

    Tables of 4 bits hold both in float16.
    """
    b = call.b
    found = (table.scale, ops.unary(b, "Neg", ops.multiply(b, table.zero_point, table.scale)))
    if table.dtype != UINT4:
        return found
    scale, moved = (ops.cast(b, ops.cast(b, item, FLOAT16), FLOAT32) for item in found)
    return scale, moved
