"""Convolutions: modules where the file holds their weights."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, arguments, pair, raises, torch_dtype
from modelport.dialects.torch.raises.window import Window, window

CONV_TRANSPOSE = '''
def _conv_transpose(
    x, weight, bias, cuts=None, shape=None, extra=0, upper=False, **settings
):
    """A transposed convolution cut on each side (below 0: widened), or cut to a shape."""
    conv = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[x.dim() - 3]
    x = conv(x, weight, **settings)
    if cuts is None:
        cuts = []
        for have, wanted in zip(reversed(x.shape[2:]), reversed(shape)):
            total = max(have + extra - wanted, 0)
            before = total // 2 if upper else total - total // 2
            cuts += [before, have - wanted - before]
    x = F.pad(x, [-cut for cut in cuts])
    return x if bias is None else x + bias.reshape(-1, *[1] * (x.dim() - 2))
'''
DEFORM_CONV = '''
def _deform_conv(
    x, weight, offset, bias, mask, stride, padding, dilation, groups, parts
):
    """A convolution whose windows take their elements from where the offsets point."""
    batch, channels, height, width = x.shape
    rows, columns = weight.shape[2:]
    high, wide = offset.shape[2:]
    y = torch.arange(high, device=x.device) * stride[0] - padding[0]
    y = (
        y.reshape(-1, 1, 1, 1)
        + torch.arange(rows, device=x.device)[:, None] * dilation[0]
    )
    z = torch.arange(wide, device=x.device) * stride[1] - padding[1]
    z = z.reshape(-1, 1, 1) + torch.arange(columns, device=x.device) * dilation[1]
    offset = offset.reshape(batch * parts, rows, columns, 2, high, wide)
    offset = offset.permute(0, 3, 4, 5, 1, 2)
    y = (y + offset[:, 0]) * 2 / max(height - 1, 1) - 1 + (height == 1)
    z = (z + offset[:, 1]) * 2 / max(width - 1, 1) - 1 + (width == 1)
    grid = torch.stack([z, y], dim=-1).reshape(batch * parts, high * wide, -1, 2)
    x = x.reshape(batch * parts, channels // parts, height, width)
    x = F.grid_sample(x, grid.to(x.dtype), align_corners=True)
    x = x.reshape(batch, parts, channels // parts, high, wide, rows, columns)
    if mask is not None:
        mask = mask.reshape(batch, parts, 1, rows, columns, high, wide)
        x = x * mask.permute(0, 1, 2, 5, 6, 3, 4)
    x = x.reshape(batch, groups, channels // groups, high, wide, rows, columns)
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    x = torch.einsum("bgchwij,gocij->bgohw", x, weight).flatten(1, 2)
    return x if bias is None else x + bias.reshape(-1, 1, 1)
'''
CAUSAL_CONV = '''
def _causal_conv(x, weight, bias, past, activation):
    """A convolution over what came before; also the end of the input, for the next call."""
    keep = weight.shape[-1] - 1
    past = x.new_zeros(*x.shape[:2], keep) if past is None else past
    x = torch.cat([past, x], dim=-1)
    y = F.conv1d(x, weight, bias, groups=weight.shape[0])
    return F.silu(y) if activation else y, x[..., x.shape[-1] - keep :]
'''


def placed(call: Call, found: Window) -> tuple[str, str]:
    """The operand, padded where a layer cannot do it itself, and the layer's own padding."""
    if found.even:
        return call[0], found.padding
    if found.same == "upper" and set(found.stride) == {1}:
        return call[0], '"same"'
    return found.padded(call, call[0]), "0"


@raises("Conv")
def conv(call: Call) -> str:
    """A convolution over (batch, channels, ...)."""
    weight, bias = call.weight(1), call.weight(2)
    found = window(call, _kernel(call))
    x, padding = placed(call, found)
    groups = int(call.attribute("group", 1))
    settings: dict[str, tuple[object, object]] = {
        "stride": (pair(found.stride), "1"),
        "padding": (padding, "0"),
        "dilation": (pair(found.dilation), "1"),
        "groups": (groups, 1),
    }
    if weight is not None and (bias is not None or not call.has(2)):
        text = arguments(
            weight.shape[1] * groups,
            weight.shape[0],
            pair(weight.shape[2:]),
            **settings,
            bias=(call.has(2), True),
            dtype=(torch_dtype(weight.dtype), "torch.float32"),
        )
        module = call.module(f"nn.Conv{found.axes}d({text})", weight=weight, bias=bias)
        if module is not None:
            return f"{module}({x})"
    operands = [x, call[1], *([call[2]] if call.has(2) else [])]
    return f"F.conv{found.axes}d({arguments(*operands, **settings)})"


def _kernel(call: Call) -> list[int]:
    """The extents of the kernel; where they only show when it runs, any, if nothing needs them.

    Raises:
        ConversionError: the padding depends on them.
    """
    extents = [call.known(1).dim(axis) for axis in range(2, call.rank(1))]
    kernel = call.ints("kernel_shape") or [e for e in extents if isinstance(e, int)]
    if len(kernel) == len(extents):
        return kernel
    if call.attribute("auto_pad", "NOTSET").startswith("SAME") or call.ints("output_shape"):
        raise call.refused("its padding depends on the extents of a kernel that are not known")
    return [1] * len(extents)


@raises("ConvTranspose")
def conv_transpose(call: Call) -> str:
    """The gradient of a convolution, which widens."""
    weight, bias = call.weight(1), call.weight(2)
    axes = call.rank(1) - 2
    found = window(call, _kernel(call))
    extra = call.ints("output_padding") or [0] * axes
    groups = int(call.attribute("group", 1))
    settings: dict[str, tuple[object, object]] = {
        "stride": (pair(found.stride), "1"),
        "dilation": (pair(found.dilation), "1"),
        "groups": (groups, 1),
    }
    cuts = _cuts(call, found, extra)
    if cuts is None or not _torch_cuts(found, cuts):
        return _cut(call, found, extra, cuts, settings)
    begin = [before for before, _ in cuts]
    beyond = [before - after for before, after in cuts]
    more: dict[str, tuple[object, object]] = {
        "padding": (pair(begin), "0"),
        "output_padding": (pair(beyond), "0"),
    }
    if weight is not None and (bias is not None or not call.has(2)):
        text = arguments(
            weight.shape[0],
            weight.shape[1] * groups,
            pair(weight.shape[2:]),
            stride=settings["stride"],
            **more,
            groups=settings["groups"],
            bias=(call.has(2), True),
            dilation=settings["dilation"],
            dtype=(torch_dtype(weight.dtype), "torch.float32"),
        )
        module = call.module(f"nn.ConvTranspose{axes}d({text})", weight=weight, bias=bias)
        if module is not None:
            return f"{module}({call[0]})"
    operands = [call[0], call[1], *([call[2]] if call.has(2) else [])]
    return f"F.conv_transpose{axes}d({arguments(*operands, **settings, **more)})"


def _cuts(call: Call, found: Window, extra: list[int]) -> list[tuple[int, int]] | None:
    """What is cut off before and behind each axis of the full result; None where it is open."""
    shape, axes = call.ints("output_shape")[-found.axes :], found.axes
    auto = call.attribute("auto_pad", "NOTSET")
    if not shape and not auto.startswith("SAME"):
        pads = found.pads
        return [(pads[axis], pads[axis + axes] - extra[axis]) for axis in range(axes)]
    cuts = []
    for axis in range(axes):
        extent, stride = call.known(0).dim(axis + 2), found.stride[axis]
        reach = found.dilation[axis] * (found.kernel[axis] - 1) + 1
        if not shape:
            over = reach - stride
        elif isinstance(extent, int):
            over = (extent - 1) * stride + reach - shape[axis]
        else:
            return None
        total = max(over + extra[axis], 0)
        before = total // 2 if auto == "SAME_UPPER" else total - total // 2
        cuts.append((before, over - before))
    return cuts


def _torch_cuts(found: Window, cuts: list[tuple[int, int]]) -> bool:
    """Whether torch's padding and output_padding say the same."""
    return all(
        before >= 0 and 0 <= before - after < max(stride, dilation)
        for (before, after), stride, dilation in zip(
            cuts, found.stride, found.dilation, strict=True
        )
    )


def _cut(
    call: Call,
    found: Window,
    extra: list[int],
    cuts: list[tuple[int, int]] | None,
    settings: dict[str, tuple[object, object]],
) -> str:
    """A transposed convolution and what is cut off its result by itself."""
    bias = call[2] if call.has(2) else "None"
    more: dict[str, tuple[object, object]]
    if cuts is not None:
        flat = [item for both in reversed(cuts) for item in both]
        more = {"cuts": (f"({', '.join(map(str, flat))})", "")}
    else:
        if len(set(extra)) > 1:
            raise call.refused("its output_padding differs by axis beside an output_shape")
        more = {
            "shape": (call.ints("output_shape")[-found.axes :], ""),
            "extra": (extra[0], 0),
            "upper": (call.attribute("auto_pad", "NOTSET") == "SAME_UPPER", False),
        }
    text = arguments(call[0], call[1], bias, **more, **settings)
    return f"{call.helper(CONV_TRANSPOSE)}({text})"


@raises("DeformConv")
def deform_conv(call: Call) -> str:
    """A convolution whose windows are bent by offsets."""
    if call.rank(1) != 4:
        raise call.refused("only deformable convolutions over two axes can be written")
    found = window(call, call.ints("kernel_shape") or [1, 1])
    begin = found.pads[:2]
    operands = [call[i] if call.has(i) else "None" for i in range(5)]
    text = arguments(
        *operands,
        found.stride,
        begin,
        found.dilation,
        call.attribute("group", 1),
        call.attribute("offset_group", 1),
    )
    return f"{call.helper(DEFORM_CONV)}({text})"


@raises("CausalConvWithState")
def causal_conv(call: Call) -> None:
    """A convolution over what came before, and the state for the next call."""
    operands = [call[i] if call.has(i) else "None" for i in range(4)]
    silu = call.attribute("activation", "none") in ("silu", "swish")
    text = f"{call.helper(CAUSAL_CONV)}({', '.join(operands)}, {silu})"
    call.several(text)
