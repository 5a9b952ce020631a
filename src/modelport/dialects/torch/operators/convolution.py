"""Convolutions over one, two and three axes, and their gradients."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
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
    if x.rank == kernel.rank - 1:
        one = ops.unsqueeze(call.b, x, 0)
        made = convolution(call, one, kernel, bias, stride, padding, dilation, groups)
        return ops.squeeze(call.b, made, 0)
    rank = kernel.rank - 2
    strides, dilations = pair(stride, rank), pair(dilation, rank)
    sizes = _sizes(kernel)
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


def _sizes(kernel: Edge) -> list[int]:
    sizes = [extent for extent in kernel.shape[2:] if isinstance(extent, int)]
    if len(sizes) < kernel.rank - 2:
        raise ValueError("the size of its kernel is computed by the model")
    return sizes


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


@aten("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input")
def transposed(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Edge:
    """The gradient of a convolution; the kernel is (in, out / groups, ...), as in ONNX."""
    x, kernel = call.tensor(input), call.tensor(weight)
    if x.rank == kernel.rank - 1:
        one = ops.unsqueeze(call.b, x, 0)
        options = (stride, padding, output_padding, groups, dilation)
        return ops.squeeze(call.b, transposed(call, one, kernel, bias, *options), 0)
    rank = kernel.rank - 2
    strides, dilations, pads = pair(stride, rank), pair(dilation, rank), pair(padding, rank)
    more, sizes = pair(output_padding, rank), _sizes(kernel)
    inputs = [x, kernel] + ([call.tensor(bias)] if bias is not None else [])
    spatial: list[Dim] = [
        (extent - 1) * step - 2 * pad + dilate * (size - 1) + add + 1
        if isinstance(extent, int)
        else None
        for extent, step, pad, dilate, size, add in zip(
            x.shape[2:], strides, pads, dilations, sizes, more, strict=True
        )
    ]
    each = kernel.shape[1]
    return call.b.emit(
        "ConvTranspose",
        inputs,
        x.dtype,
        (x.shape[0], each * groups if isinstance(each, int) else None, *spatial),
        kernel_shape=sizes,
        strides=strides,
        pads=[*pads, *pads],
        dilations=dilations,
        output_padding=more if any(more) else None,
        group=groups,
    )


@aten("convolution", "convolution_overrideable")
def general(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Edge:
    """A convolution or its gradient."""
    if transposed:
        options = (stride, padding, output_padding, groups, dilation)
        return gradient(call, input, weight, bias, *options)
    return convolution(call, input, weight, bias, stride, padding, dilation, groups)


gradient = transposed


@aten("_convolution")
def with_hints(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    benchmark: bool = False,
    deterministic: bool = False,
    cudnn_enabled: bool = False,
    allow_tf32: bool = False,
) -> Edge:
    """A convolution or its gradient, as traced programs call it."""
    options = (stride, padding, dilation, transposed, output_padding, groups)
    return general(call, input, weight, bias, *options)


@aten("_convolution_mode")
def with_mode(
    call: Call,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: str,
    dilation: Any,
    groups: int,
) -> Edge:
    """A convolution with ``same`` or ``valid`` padding."""
    return convolution(call, input, weight, bias, stride, padding, dilation, groups)


@aten("conv_tbc")
def time_first(call: Call, x: Any, weight: Any, bias: Any, pad: int = 0) -> Edge:
    """A convolution over (time, batch, channels) with a kernel (width, in, out)."""
    b = call.b
    moved = ops.transpose(b, call.tensor(x), (1, 2, 0))
    kernel = ops.transpose(b, call.tensor(weight), (2, 1, 0))
    made = convolution(call, moved, kernel, bias, 1, pad)
    return ops.transpose(b, made, (2, 0, 1))
