"""Pools: the largest element or the mean of windows, or of everything."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, arguments, pair, raises
from modelport.dialects.torch.raises.window import Window, window

WINDOW_SUM = '''
def _window_sum(x, kernel, stride, dilation):
    """The sum of each window of each channel."""
    conv = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    ones = x.new_ones(1, 1, *kernel)
    total = conv(x.flatten(0, 1).unsqueeze(1), ones, stride=stride, dilation=dilation)
    return total.squeeze(1).unflatten(0, x.shape[:2])
'''
WHOLE_INDICES = '''
def _whole_indices(index, padded, x, pads, columns=False):
    """Places in the padded planes of a pool as places in the whole of x."""
    places = torch.unravel_index(index, padded.shape[2:])
    places = [place - before for place, before in zip(places, pads)]
    planes = x.shape[0] * x.shape[1]
    found = torch.zeros_like(index)
    sizes = list(zip(places, x.shape[2:]))
    for place, extent in reversed(sizes) if columns else sizes:
        found = found * extent + place
    plane = torch.arange(planes, device=x.device).reshape(
        *x.shape[:2], *[1] * len(pads)
    )
    return found + plane * math.prod(x.shape[2:])
'''
UNPOOL = '''
def _max_unpool(x, indices, shape, wanted):
    """Elements at their places in zeros of a shape, in the corner of zeros of another."""
    shape = [*x.shape[:2], *shape]
    flat = x.new_zeros(math.prod(shape)).scatter(0, indices.flatten(), x.flatten())
    pads = [n for have, want in zip(shape, wanted) for n in (want - have, 0)]
    return F.pad(flat.reshape(shape), pads[::-1])
'''


def _torch_pads(found: Window) -> bool:
    """Whether torch's pools take the padding themselves."""
    return found.even and all(
        2 * before <= kernel for before, kernel in zip(found.pads, found.kernel, strict=False)
    )


def _lowest(call: Call) -> str:
    """What never is the largest element."""
    dtype = call.dtype(0)
    return "-math.inf" if dtype.kind == "float" else f"torch.iinfo(torch.{dtype.name}).min"


@raises("MaxPool")
def max_pool(call: Call) -> None:
    """The largest element of each window, and where it is."""
    found = window(call, call.ints("kernel_shape"))
    inside = _torch_pads(found) and not call.wanted(1)
    x = call[0] if inside else found.padded(call, call[0], _lowest(call))
    text = arguments(
        pair(found.kernel),
        stride=(pair(found.stride), pair(found.kernel)),
        padding=(found.padding if inside else "0", "0"),
        dilation=(pair(found.dilation), "1"),
        ceil_mode=(found.ceil and inside, False),
    )
    if call.wanted(1):
        return _max_pool_with_indices(call, found, x, text)
    wide = call.dtype(0).name in ("int8", "uint8") or call.dtype(0).kind == "bool"
    if wide:
        x = f"{x}.int()"
    module = f"nn.MaxPool{found.axes}d({text})" if x == call[0] else ""
    back = f".to(torch.{call.dtype(0).name})" if wide else ""
    call.activation(module, f"F.max_pool{found.axes}d({x}, {text}){back}")
    return None


def _max_pool_with_indices(call: Call, found: Window, x: str, text: str) -> None:
    writer = call.writer
    if found.same:
        raise call.refused("indices of windows whose padding only shows when it runs")
    padded = writer.ref()
    writer.let((padded,), x)
    values, index = writer.target(call.node.outputs[0]), writer.ref()
    text = f"F.max_pool{found.axes}d({padded}, {text}, return_indices=True)"
    writer.let((values, index), text)
    columns = ", columns=True" if call.attribute("storage_order", 0) else ""
    name = call.helper(WHOLE_INDICES)
    begin = found.pads[: found.axes]
    writer.bind(call.node.outputs[1], f"{name}({index}, {padded}, {call[0]}, {begin}{columns})")


@raises("AveragePool")
def average_pool(call: Call) -> None:
    """The mean of each window."""
    found = window(call, call.ints("kernel_shape"))
    include = bool(call.attribute("count_include_pad", 0))
    if _torch_pads(found) and set(found.dilation) == {1}:
        text = arguments(
            pair(found.kernel),
            stride=(pair(found.stride), pair(found.kernel)),
            padding=(found.padding, "0"),
            ceil_mode=(found.ceil, False),
            count_include_pad=(include or not any(found.pads), True),
        )
        module = f"nn.AvgPool{found.axes}d({text})"
        call.activation(module, f"F.avg_pool{found.axes}d({call[0]}, {text})")
        return
    name = call.helper(WINDOW_SUM)
    where = f"{found.kernel}, {found.stride}, {found.dilation}"
    total = f"{name}({found.padded(call, call[0])}, {where})"
    ones = f"torch.ones_like({call[0]})"
    ones = found.padded(call, ones, "1.0" if include else "0.0", "0.0" if include else None)
    call.writer.bind(call.node.outputs[0], f"{total} / {name}({ones}, {where})")


@raises("LpPool")
def lp_pool(call: Call) -> str:
    """The norm of each window."""
    found = window(call, call.ints("kernel_shape"))
    p = call.attribute("p", 2)
    x = call[0] if p % 2 == 0 else f"{call[0]}.abs()"
    where = f"{found.kernel}, {found.stride}, {found.dilation}"
    total = f"{call.helper(WINDOW_SUM)}({found.padded(call, f'{x} ** {p}')}, {where})"
    return total if p == 1 else f"{total}.sqrt()" if p == 2 else f"{total} ** (1 / {p})"


def _spatial(call: Call) -> str:
    rank = call.rank(0)
    axes = [str(axis) for axis in range(2, rank)]
    return f"({', '.join(axes)})" if len(axes) != 1 else axes[0]


@raises("GlobalAveragePool")
def global_average_pool(call: Call) -> None:
    """The mean over all but batch and channels, their extents 1."""
    spatial = call.rank(0) - 2
    if not 1 <= spatial <= 3:
        text = f"{call[0]}.mean({_spatial(call)}, keepdim=True)" if spatial else call[0]
        call.activation("", text)
        return
    text = f"F.adaptive_avg_pool{spatial}d({call[0]}, 1)"
    call.activation(f"nn.AdaptiveAvgPool{spatial}d(1)", text)


@raises("GlobalMaxPool")
def global_max_pool(call: Call) -> None:
    """The largest element over all but batch and channels, their extents 1."""
    spatial = call.rank(0) - 2
    if not 1 <= spatial <= 3:
        text = f"{call[0]}.amax({_spatial(call)}, keepdim=True)" if spatial else call[0]
        call.activation("", text)
        return
    text = f"F.adaptive_max_pool{spatial}d({call[0]}, 1)"
    call.activation(f"nn.AdaptiveMaxPool{spatial}d(1)", text)


@raises("GlobalLpPool")
def global_lp_pool(call: Call) -> str:
    """The norm over all but batch and channels, their extents 1."""
    p = call.attribute("p", 2)
    return f"torch.linalg.vector_norm({call[0]}, {p}, dim={_spatial(call)}, keepdim=True)"


@raises("MaxUnpool")
def max_unpool(call: Call) -> str:
    """Elements back at the places a pool took them from."""
    found = window(call, call.ints("kernel_shape"))
    extents = [
        f"({call[0]}.shape[{axis + 2}] - 1) * {found.stride[axis]} + {found.kernel[axis]}"
        f" - {found.pads[axis] + found.pads[axis + found.axes]}"
        for axis in range(found.axes)
    ]
    shape = f"[{', '.join(extents)}]"
    if call.has(2):
        wanted = f"[{call.sizes(2).text()}]"
    else:
        wanted = f"[*{call[0]}.shape[:2], {', '.join(extents)}]"
    return f"{call.helper(UNPOOL)}({call[0]}, {call[1]}, {shape}, {wanted})"
