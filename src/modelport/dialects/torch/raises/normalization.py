"""Normalisations: modules where the file holds their weights."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.torch.raises.call import Call, arguments, pair_of, raises, torch_dtype
from modelport.model.expression import Expression

BATCH_NORM = '''
def _batch_norm(x, weight, bias, mean, var, momentum, eps):
    """Normalised by the batch's own statistics; also the running ones after it."""
    axes = [0, *range(2, x.dim())]
    now, spread = x.mean(axes), x.var(axes, correction=0)
    mean = mean * momentum + now * (1 - momentum)
    var = var * momentum + spread * (1 - momentum)
    return F.batch_norm(x, now, spread, weight, bias, eps=eps), mean, var
'''
STATISTICS = '''
def _statistics(x, axis, eps):
    """The mean from an axis on, and one over the standard deviation."""
    axes = list(range(axis % x.dim(), x.dim()))
    var, mean = torch.var_mean(x.float(), axes, correction=0, keepdim=True)
    return mean, torch.rsqrt(var + eps)
'''


def _held(call: Call, indices: Sequence[int], shape: Sequence[int]) -> list[Expression] | None:
    """Operands that the file holds, all of this shape."""
    found = [call.weight(index) for index in indices]
    held = [weight for weight in found if weight is not None and weight.shape == tuple(shape)]
    return held if len(held) == len(found) else None


def _dtype(weight: Expression) -> tuple[object, object]:
    return torch_dtype(weight.dtype), "torch.float32"


@raises("BatchNormalization")
def batch_normalization(call: Call) -> str | None:
    """Scale and shift by the statistics of each channel."""
    eps, momentum = call.attribute("epsilon", 1e-5), call.attribute("momentum", 0.9)
    if call.attribute("training_mode", 0):
        operands = ", ".join(call[i] for i in range(5))
        text = f"{call.helper(BATCH_NORM)}({operands}, {momentum}, {eps})"
        if len(call.node.outputs) == 1:
            return f"{text}[0]"
        call.several(text)
        return None
    rank, first = call.known(0).rank, call.weight(1)
    held = _held(call, range(1, 5), first.shape) if first is not None else None
    if held and rank is not None and 2 <= rank <= 5:
        text = arguments(
            held[0].shape[0],
            eps=(eps, 1e-5),
            momentum=(float(f"{1 - momentum:.6g}"), 0.1),
            dtype=_dtype(held[0]),
        )
        module = call.module(
            f"nn.BatchNorm{max(1, rank - 2)}d({text})",
            weight=held[0],
            bias=held[1],
            running_mean=held[2],
            running_var=held[3],
        )
        if module is not None:
            return f"{module}({call[0]})"
    scale, shift, mean, variance = (call[i] for i in range(1, 5))
    text = arguments(call[0], mean, variance, scale, shift, eps=(eps, 1e-5))
    return f"F.batch_norm({text})"


@raises("InstanceNormalization")
def instance_normalization(call: Call) -> str:
    """Scale and shift of each channel of each example by its own statistics."""
    eps, rank, first = call.attribute("epsilon", 1e-5), call.known(0).rank, call.weight(1)
    held = _held(call, (1, 2), first.shape) if first is not None else None
    if held and rank is not None and 3 <= rank <= 5:
        text = arguments(held[0].shape[0], eps=(eps, 1e-5), affine=(True, False))
        text = arguments(text, dtype=_dtype(held[0]))
        constructor = f"nn.InstanceNorm{rank - 2}d({text})"
        module = call.module(constructor, weight=held[0], bias=held[1])
        if module is not None:
            return f"{module}({call[0]})"
    text = arguments(call[0], weight=(call[1], ""), bias=(call[2], ""), eps=(eps, 1e-5))
    return f"F.instance_norm({text})"


@raises("GroupNormalization")
def group_normalization(call: Call) -> str:
    """Scale and shift of groups of channels of each example by their own statistics."""
    groups, eps, first = (
        call.attribute("num_groups"),
        call.attribute("epsilon", 1e-5),
        call.weight(1),
    )
    held = _held(call, (1, 2), first.shape) if first is not None else None
    if held and len(held[0].shape) == 1:
        text = arguments(groups, held[0].shape[0], eps=(eps, 1e-5), dtype=_dtype(held[0]))
        module = call.module(f"nn.GroupNorm({text})", weight=held[0], bias=held[1])
        if module is not None:
            return f"{module}({call[0]})"
    text = arguments(call[0], groups, call[1], call[2], eps=(eps, 1e-5))
    return f"F.group_norm({text})"


def _tail(call: Call, axis: int) -> list[int] | None:
    """The extents from an axis on, where they are known."""
    shape = call.known(0).shape
    tail = [extent for extent in (shape or ())[axis:] if isinstance(extent, int)]
    return tail if shape is not None and len(tail) == len(shape[axis:]) else None


def _extents(call: Call, axis: int) -> str:
    """The extents from an axis on as torch takes them."""
    tail = _tail(call, axis)
    if tail is None:
        return f"{call[0]}.shape[{axis}:]"
    return f"({', '.join(map(str, tail))}{',' if len(tail) == 1 else ''})"


@raises("LayerNormalization")
def layer_normalization(call: Call) -> None:
    """Scale and shift by the statistics of all from an axis on."""
    axis, eps = call.axis(-1), call.attribute("epsilon", 1e-5)
    writer, outputs = call.writer, call.node.outputs
    writer.bind(outputs[0], _layer_norm(call, axis, eps))
    if call.wanted(1) or call.wanted(2):
        targets = [writer.target(name) for name in (*outputs[1:], "")[:2]]
        writer.let(targets, f"{call.helper(STATISTICS)}({call[0]}, {axis}, {eps})")


def _layer_norm(call: Call, axis: int, eps: float) -> str:
    tail, first = _tail(call, axis), call.weight(1)
    indices = (1, 2) if call.has(2) else (1,)
    held = _held(call, indices, tail) if tail else None
    if held and first is not None:
        extents = str(tail[0]) if tail and len(tail) == 1 else _extents(call, axis)
        bias = (call.has(2), True)
        text = arguments(extents, eps=(eps, 1e-5), bias=bias, dtype=_dtype(first))
        shift = held[1] if call.has(2) else None
        module = call.module(f"nn.LayerNorm({text})", weight=held[0], bias=shift)
        if module is not None:
            return f"{module}({call[0]})"
    rank = call.known(0).rank
    whole = rank is not None and all(
        call.known(index).shape == tuple(tail or ()) and tail for index in indices
    )
    dynamic = axis == -1 or (rank is not None and axis == rank - 1)
    if whole or (dynamic and all(call.known(index).rank == 1 for index in indices)):
        operands = [call[index] for index in indices]
        text = arguments(call[0], _extents(call, axis), *operands, eps=(eps, 1e-5))
        return f"F.layer_norm({text})"
    text = arguments(call[0], _extents(call, axis), eps=(eps, 1e-5))
    shift_text = f" + {call[2]}" if call.has(2) else ""
    return f"F.layer_norm({text}) * {call[1]}{shift_text}"


@raises("RMSNormalization")
def rms_normalization(call: Call) -> str:
    """Scaled by the root of the mean square of all from an axis on."""
    axis, eps = call.axis(-1), call.attribute("epsilon", 1e-5)
    tail, first = _tail(call, axis), call.weight(1)
    if tail and first is not None and first.shape == tuple(tail):
        extents = str(tail[0]) if len(tail) == 1 else _extents(call, axis)
        text = arguments(extents, eps=(eps, ""), dtype=_dtype(first))
        module = call.module(f"nn.RMSNorm({text})", weight=first)
        if module is not None:
            return f"{module}({call[0]})"
    if tail and call.known(1).shape == tuple(tail):
        return f"F.rms_norm({call[0]}, {_extents(call, axis)}, {call[1]}, eps={eps})"
    return f"F.rms_norm({call[0]}, {_extents(call, axis)}, eps={eps}) * {call[1]}"


@raises("LRN")
def local_response(call: Call) -> None:
    """Divided by the strength of the channels around."""
    size, rank = call.attribute("size"), call.rank(0)
    text = arguments(
        size,
        alpha=(call.attribute("alpha", 1e-4), 1e-4),
        beta=(call.attribute("beta", 0.75), 0.75),
        k=(call.attribute("bias", 1.0), 1.0),
    )
    x = call[0] if rank > 2 else f"{call[0]}.unsqueeze(2)"
    if size % 2:
        found = f"F.local_response_norm({x}, {text})"
    else:  # of an even number of channels torch has the odd one on the other side
        found = f"F.local_response_norm({x}.flip(1), {text}).flip(1)"
    found = found if rank > 2 else f"{found}.squeeze(2)"
    module = f"nn.LocalResponseNorm({text})" if size % 2 and rank > 2 else ""
    call.activation(module, found)


@raises("LpNormalization")
def lp_normalization(call: Call) -> str:
    """Divided by the norm along an axis."""
    axis = call.attribute("axis", -1)
    text = arguments(p=(call.attribute("p", 2), 2), dim=(axis, 1))
    return f"F.normalize({call[0]}{', ' + text if text else ''})"


@raises("MeanVarianceNormalization")
def mean_variance(call: Call) -> str:
    """Less the mean, divided by the standard deviation."""
    axes = pair_of(call.ints("axes", (0, 2, 3)))
    spread = f"{call[0]}.std({axes}, correction=0, keepdim=True) + 1e-09"
    return f"({call[0]} - {call[0]}.mean({axes}, keepdim=True)) / ({spread})"
