"""Windows that move over the axes between batch and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, channels_last
from modelport.model.expression import transpose


@raises("Conv")
def conv(call: Call) -> Held:
    """A convolution with a kernel of the file, (out, in / groups, spatial ...) in ONNX."""
    weight, bias = call.weight(1), call.weight(2)
    if weight is None or (call.has(2) and bias is None):
        raise call.refused("its kernel is computed, where Keras has weights")
    spatial = len(weight.shape) - 2
    strides = call.ints("strides") or [1] * spatial
    dilations = call.ints("dilations") or [1] * spatial
    x, padding = padded(call, weight.shape[2:], strides, dilations)
    weights = {"kernel": transpose(weight, (*range(2, spatial + 2), 1, 0))}
    if bias is not None:
        weights["bias"] = bias
    config = {
        "filters": weight.shape[0],
        "kernel_size": list(weight.shape[2:]),
        "strides": strides,
        "padding": padding,
        "data_format": "channels_last",
        "dilation_rate": dilations,
        "groups": int(call.attribute("group", 1)),
        "activation": "linear",
        "use_bias": bias is not None,
    }
    return call.layer(f"Conv{spatial}D", config, x, weights)


def padded(
    call: Call,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    zeros: bool = False,
    lowest: bool = False,
    only_same: bool = False,
) -> tuple[Held, str]:
    """The operand, channels last, and the padding a layer can do itself; else it is padded.

    Zeros are put around it, or the ``lowest`` number. A layer's own padding counts for nothing in
    a mean: ``zeros`` says that it has to, ``only_same`` that it must not.
    """
    spatial = len(kernel)
    pads = call.ints("pads") or [0] * (2 * spatial)
    x = call.last(0)
    if not any(pads):
        return x, "valid"
    around = list(zip(pads[:spatial], pads[spatial:], strict=True))
    if around == _same(call, kernel, strides, dilations) and not zeros:
        return x, "same"
    if only_same:
        raise call.refused("the padding of its windows counts for nothing, and is not Keras' own")
    if lowest:
        width = [[0, 0], *(list(pair) for pair in around), [0, 0]]
        dtype = call.known(0).dtype
        least = float(np.finfo(dtype.numpy).min) if dtype and dtype.name != "bfloat16" else -3e38
        return call.op("Pad", x, least, pad_width=width, mode="constant"), "valid"
    padding: list[Any] = [list(pair) for pair in around]
    if spatial == 1:
        return call.layer("ZeroPadding1D", {"padding": padding[0]}, x), "valid"
    config = {"padding": padding, "data_format": "channels_last"}
    return call.layer(f"ZeroPadding{spatial}D", config, x), "valid"


def _same(
    call: Call, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """What Keras' ``same`` pads: to ceil(extent / stride) elements, more at the end."""
    extents = (call.known(0).shape or ())[2:]
    found = []
    for extent, size, stride, dilation in zip(extents, kernel, strides, dilations, strict=True):
        reach = (size - 1) * dilation + 1
        if stride == 1:
            missing = reach - 1
        elif isinstance(extent, int):
            missing = max(0, (-(-extent // stride) - 1) * stride + reach - extent)
        else:
            missing = -1
        found.append((missing // 2, missing - missing // 2))
    return found


@raises("GlobalAveragePool", "GlobalMaxPool")
def global_pool(call: Call) -> Held:
    """The mean or the largest element over all but batch and channels, their extents 1."""
    x = call.last(0)
    kind = "Average" if call.node.op_type == "GlobalAveragePool" else "Max"
    config = {"data_format": "channels_last", "keepdims": True}
    return call.layer(f"Global{kind}Pooling{x.rank - 2}D", config, x)


@raises("MaxPool", "AveragePool")
def pool(call: Call) -> Held:
    """The largest element or the mean of each window."""
    kernel = call.ints("kernel_shape")
    spatial = len(kernel)
    strides = call.ints("strides") or [1] * spatial
    dilations = call.ints("dilations") or [1] * spatial
    if call.attribute("ceil_mode", 0) or set(dilations) - {1}:
        raise call.refused("its windows lie in a way that Keras has not")
    kind = "Max" if call.node.op_type == "MaxPool" else "Average"
    if kind == "Average" and call.attribute("count_include_pad", 0):
        x, padding = padded(call, kernel, strides, dilations, zeros=True)
    elif kind == "Average":
        x, padding = padded(call, kernel, strides, dilations, only_same=True)
    else:
        x, padding = padded(call, kernel, strides, dilations, lowest=True)
    config = {
        "pool_size": kernel,
        "strides": strides,
        "padding": padding,
        "data_format": "channels_last",
    }
    return call.layer(f"{kind}Pooling{spatial}D", config, x, order=channels_last(x.rank))
