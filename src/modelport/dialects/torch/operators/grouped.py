"""Products of groups of rows with a matrix each, as mixtures of experts compute them."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.operators.linear import product


@aten("transformers::grouped_mm_fallback")
def grouped_fallback(call: Call, input: Any, weight: Any, offs: Any) -> Edge:
    """The same as it is where torch has no kernel for the dtype."""
    return grouped_products(call, input, weight, offs)


@aten("_grouped_mm")
def grouped_products(
    call: Call, x: Any, mat2: Any, offs: Any = None, bias: Any = None, out_dtype: Any = None
) -> Edge:
    """Rows times the matrix of their group; ``offs`` is where each group of rows ends.

    Rows beyond the last group give 0, where torch leaves them open.
    """
    b, rows, matrices = call.b, call.tensor(x), call.tensor(mat2)
    groups, wide = matrices.shape[0], matrices.shape[-1]
    if (rows.rank, matrices.rank) != (2, 3) or not isinstance(groups, int) or bias is not None:
        raise ValueError("groups of rows, each with a matrix of its own, are what is known")
    ends = [call.extent(ops.slice_axis(b, call.tensor(offs), 0, i, i + 1)) for i in range(groups)]
    parts = []
    for i, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        matrix = ops.squeeze(b, ops.slice_axis(b, matrices, 0, i, i + 1), 0)
        parts.append(product(call, ops.slice_axis(b, rows, 0, begin, end), matrix))
    whole = ops.concat(b, parts, 0)
    total = ops.vector(b, [ops.extent(b, rows, 0)])
    missing = ops.subtract(b, total, ops.vector(b, [ends[-1]]))
    pads = ops.vector(b, [0, 0, missing, 0])
    made = b.emit("Pad", [whole, pads], whole.dtype, (rows.shape[0], wide))
    return ops.cast(b, made, torch_dtype(out_dtype) or made.dtype)
