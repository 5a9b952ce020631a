"""Convolutions over one, two and three axes."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, pair
from modelport.model.graph import Dim


@aten("conv1d", "conv2d", "conv3d")
def convolution(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Edge:
    """Channels first, as ONNX has them; ``padding`` may be ``same`` or ``valid``."""
    x, kernel = call.tensor(input), call.tensor(weight)
    rank = kernel.rank - 2
    strides, dilations = pair(stride, rank), pair(dilation, rank)
    sizes = [int(extent) for extent in kernel.shape[2:] if isinstance(extent, int)]
    begins, ends = _padding(padding, sizes, dilations, rank)
    inputs = [x, kernel] + ([call.tensor(bias)] if bias is not None else [])
    spatial: list[Dim] = [
        (extent + begin + end - dilate * (size - 1) - 1) // step + 1
        if isinstance(extent, int)
        else None
        for extent, begin, end, dilate, size, step in zip(
            x.shape[2:], begins, ends, dilations, sizes, strides, strict=True
        )
    ]
    return call.b.emit(
        "Conv",
        inputs,
        x.dtype,
        (x.shape[0], kernel.shape[0], *spatial),
        kernel_shape=sizes,
        strides=strides,
        pads=[*begins, *ends],
        dilations=dilations,
        group=groups,
    )


def _padding(
    padding: Any, sizes: list[int], dilations: list[int], rank: int
) -> tuple[list[int], list[int]]:
    if padding == "valid":
        return [0] * rank, [0] * rank
    if padding == "same":
        total = [dilate * (size - 1) for dilate, size in zip(dilations, sizes, strict=True)]
        return [part // 2 for part in total], [part - part // 2 for part in total]
    if isinstance(padding, str):
        raise ValueError(f"padding {padding!r}")
    return pair(padding, rank), pair(padding, rank)
