"""Look-ups of rows by index."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten


@aten("embedding")
def embedding(
    call: Call,
    weight: Any,
    indices: Any,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Edge:
    """Rows of ``weight``; the padding index matters for gradients alone."""
    return ops.gather(call.b, call.tensor(weight), call.tensor(indices), 0)
