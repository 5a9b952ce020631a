"""Sums, means, extremes and the like over axes."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype


@aten("mean", "mean.dim")
def mean(call: Call, x: Any, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Edge:
    """The mean over axes (none given: all)."""
    edge = call.tensor(x)
    edge = ops.cast(call.b, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)
    return ops.reduce(call.b, "ReduceMean", edge, axes(dim), keepdim)


@aten("amax")
def amax(call: Call, x: Any, dim: Any = (), keepdim: bool = False) -> Edge:
    """The largest value over axes."""
    return ops.reduce(call.b, "ReduceMax", call.tensor(x), axes(dim), keepdim)


def axes(dim: Any) -> list[int] | None:
    """The axes an argument ``dim`` names; none given and an empty list mean all."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return None
    return list(dim) if isinstance(dim, list | tuple) else [dim]
