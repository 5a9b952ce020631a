"""Windows that move over the last axes: convolutions, pools; and normalisation by channel."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, arguments, pair, raises, torch_dtype


@raises("Conv")
def conv(call: Call) -> str:
    """A convolution over (batch, channels, ...)."""
    weight, bias = call.weight(1), call.weight(2)
    spatial = call.rank(1) - 2
    x, padding = padded(call, call[0], spatial)
    settings = {
        "stride": (pair(call.ints("strides") or [1] * spatial), "1"),
        "padding": (padding, "0"),
        "dilation": (pair(call.ints("dilations") or [1] * spatial), "1"),
        "groups": (call.attribute("group", 1), 1),
    }
    if weight is not None and (bias is not None or not call.has(2)):
        text = arguments(
            weight.shape[1] * int(call.attribute("group", 1)),
            weight.shape[0],
            pair(weight.shape[2:]),
            **settings,
            bias=(call.has(2), True),
            dtype=(torch_dtype(weight.dtype), "torch.float32"),
        )
        module = call.module(f"nn.Conv{spatial}d({text})", weight=weight, bias=bias)
        if module is not None:
            return f"{module}({x})"
    operands = [x, call[1], *([call[2]] if call.has(2) else [])]
    return f"F.conv{spatial}d({arguments(*operands, **settings)})"


def padded(call: Call, x: str, spatial: int, value: str = "0.0") -> tuple[str, str]:
    """The operand, padded where a layer cannot do it itself, and the layer's own padding."""
    pads = call.ints("pads") or [0] * (2 * spatial)
    if pads[:spatial] == pads[spatial:]:
        return x, pair(pads[:spatial])
    around = [pads[axis + end * spatial] for axis in reversed(range(spatial)) for end in (0, 1)]
    filled = "" if value == "0.0" else f", value={value}"
    return f"F.pad({x}, ({', '.join(map(str, around))}){filled})", "0"


@raises("MaxPool")
def max_pool(call: Call) -> None:
    """The largest element of each window."""
    kernel = call.ints("kernel_shape")
    spatial = len(kernel)
    x, padding = padded(call, call[0], spatial, "-math.inf")
    text = arguments(
        pair(kernel),
        stride=(pair(call.ints("strides") or [1] * spatial), pair(kernel)),
        padding=(padding, "0"),
        dilation=(pair(call.ints("dilations") or [1] * spatial), "1"),
        ceil_mode=(bool(call.attribute("ceil_mode", 0)), False),
    )
    module = f"nn.MaxPool{spatial}d({text})" if x == call[0] else ""
    call.activation(module, f"F.max_pool{spatial}d({x}, {text})")


@raises("GlobalAveragePool")
def global_average_pool(call: Call) -> None:
    """The mean over all but batch and channels, their extents 1."""
    spatial = call.rank(0) - 2
    text = f"F.adaptive_avg_pool{spatial}d({call[0]}, 1)"
    call.activation(f"nn.AdaptiveAvgPool{spatial}d(1)", text)


@raises("BatchNormalization")
def batch_normalization(call: Call) -> str:
    """Scale and shift by the statistics of each channel."""
    weights = [call.weight(i) for i in range(1, 5)]
    spatial = max(1, call.rank(0) - 2)
    if all(weight is not None for weight in weights) and weights[0] is not None:
        text = arguments(
            weights[0].shape[0],
            eps=(call.attribute("epsilon", 1e-5), 1e-5),
            dtype=(torch_dtype(weights[0].dtype), "torch.float32"),
        )
        module = call.module(
            f"nn.BatchNorm{spatial}d({text})",
            weight=weights[0],
            bias=weights[1],
            running_mean=weights[2],
            running_var=weights[3],
        )
        if module is not None:
            return f"{module}({call[0]})"
    scale, shift, mean, variance = (call[i] for i in range(1, 5))
    eps = call.attribute("epsilon", 1e-5)
    return f"F.batch_norm({call[0]}, {mean}, {variance}, {scale}, {shift}, eps={eps})"
