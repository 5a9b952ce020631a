"""Products of matrices."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, aten


@aten("linear")
def linear(call: Call, input: Any, weight: Any, bias: Any = None) -> Edge:
    """``input @ weight.T + bias``; the transposed weight is written, so that a MatMul takes it."""
    if isinstance(weight, Parameter) and weight.rank == 2:
        matrix = call.weight(weight, weight.expression.transpose(1, 0))
    else:
        edge = call.tensor(weight)
        matrix = ops.transpose(call.b, edge, (1, 0)) if edge.rank == 2 else edge
    product = ops.matmul(call.b, call.tensor(input), matrix)
    return product if bias is None else ops.add(call.b, product, call.tensor(bias))
