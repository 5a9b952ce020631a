"""Normalisation over batches, layers and groups."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, aten
from modelport.model.expression import fill


@aten("batch_norm")
def batch_norm(
    call: Call,
    input: Any,
    weight: Any = None,
    bias: Any = None,
    running_mean: Any = None,
    running_var: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Edge:
    """As in evaluation: with the running statistics."""
    if training or not isinstance(running_mean, Parameter):
        raise ValueError("it normalises by the batch's own statistics, as in training")
    x = call.tensor(input)
    size, dtype = running_mean.shape, running_mean.dtype
    scale = call.tensor(weight) if weight is not None else _filled(call, "weight", size, 1.0, dtype)
    shift = call.tensor(bias) if bias is not None else _filled(call, "bias", size, 0.0, dtype)
    inputs = [x, scale, shift, call.tensor(running_mean), call.tensor(running_var)]
    return call.b.emit("BatchNormalization", inputs, x.dtype, x.shape, epsilon=eps)


def _filled(call: Call, role: str, size: tuple[int, ...], value: float, dtype: Any) -> Edge:
    """What ONNX demands and the module does not have."""
    path = call.b.path
    return call.b.weight(f"{path}/{role}" if path else role, fill(size, value, dtype))
