"""What goes along an axis in order: running sums, sorting, places of extremes, distinct values."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises, torch_dtype
from modelport.dialects.torch.raises.dtypes import Wide, is_whole
from modelport.dialects.torch.raises.whole import bare

_CUMSUM = '''
def _cumsum(x, dim, exclusive=False, reverse=False):
    """The sum of all elements up to each one, or only of those before it."""
    if reverse:
        x = x.flip(dim)
    if exclusive and x.shape[dim]:
        first = torch.zeros_like(x.narrow(dim, 0, 1))
        x = torch.cat([first, x.narrow(dim, 0, x.shape[dim] - 1)], dim)
    x = torch.cumsum(x, dim, dtype=x.dtype)
    return x.flip(dim) if reverse else x
'''
_CUMPROD = '''
def _cumprod(x, dim, exclusive=False, reverse=False):
    """The product of all elements up to each one, or only of those before it."""
    if reverse:
        x = x.flip(dim)
    if exclusive and x.shape[dim]:
        first = torch.ones_like(x.narrow(dim, 0, 1))
        x = torch.cat([first, x.narrow(dim, 0, x.shape[dim] - 1)], dim)
    x = torch.cumprod(x, dim, dtype=x.dtype)
    return x.flip(dim) if reverse else x
'''
_TOP_K = '''
def _top_k(x, k, dim, largest=True):
    """The k largest or smallest elements in order, and where they are: first ones first."""
    values, places = torch.sort(x, dim=dim, descending=largest, stable=True)
    return values.narrow(dim, 0, k), places.narrow(dim, 0, k)
'''
_UNIQUE = '''
def _unique(x, dim=None, ordered=True):
    """Distinct elements (or slices), their first places, which each one is, their counts."""
    values, inverse, counts = torch.unique(
        x, return_inverse=True, return_counts=True, dim=dim
    )
    inverse = inverse.flatten()
    places = torch.arange(len(inverse), device=x.device)
    first = torch.full_like(counts, len(inverse))
    first = first.scatter_reduce(0, inverse, places, "amin")
    if not ordered:
        order = first.argsort()
        values = values.index_select(dim or 0, order)
        first, counts, inverse = first[order], counts[order], order.argsort()[inverse]
    return values, first, inverse, counts
'''


@raises("CumSum", "CumProd")
def cumulative(call: Call) -> str:
    """Running sums or products."""
    name = call.node.op_type.lower()
    wide = Wide(call)
    axis = bare(call.sizes(1).items[0])
    flags = [f"{flag}=True" for flag in ("exclusive", "reverse") if call.attribute(flag, 0)]
    if flags:
        function = call.helper(_CUMSUM if name == "cumsum" else _CUMPROD)
        return wide.back(f"{function}({wide[0]}, {axis}, {', '.join(flags)})")
    small = is_whole(call.dtype(0)) and call.dtype(0).bits < 64 and not wide.method
    kind = f", dtype={torch_dtype(call.dtype(0))}" if small else ""
    return wide.back(f"torch.{name}({wide[0]}, {axis}{kind})")


@raises("ArgMax", "ArgMin")
def place_of_extreme(call: Call) -> str:
    """Where the largest or smallest element along an axis is: the first or last of them."""
    name, axis = call.node.op_type.lower(), call.attribute("axis", 0)
    x = Wide(call, order=True)[0]
    keep = ", keepdim=True" if call.attribute("keepdims", 1) else ""
    if call.attribute("select_last_index", 0):
        return f"{x}.shape[{axis}] - 1 - {x}.flip({axis}).{name}({axis}{keep})"
    return f"{x}.{name}({axis}{keep})"


def _bind(call: Call, wide: Wide, text: str, count: int) -> None:
    """One statement for the ``count`` results of an expression, the first in a wider type."""
    names = [*call.node.outputs, *[""] * count][:count]
    first = call.writer.ref()
    call.writer.let([first, *(call.writer.target(name) for name in names[1:])], text)
    if names[0]:
        call.writer.bind(names[0], wide.back(str(first)))


@raises("TopK")
def top_k(call: Call) -> list[str] | None:
    """The first of the elements in order; equal ones in the order they have."""
    k, axis = call.sizes(1).items[0], call.attribute("axis", -1)
    wide = Wide(call, order=True)
    smallest = "" if call.attribute("largest", 1) else ", largest=False"
    if not call.wanted(1):
        dim = "" if axis == -1 else f", dim={axis}"
        return [wide.back(f"{wide[0]}.topk({k}{dim}{smallest}).values")]
    text = f"{call.helper(_TOP_K)}({wide[0]}, {k}, {axis}{smallest})"
    _bind(call, wide, text, 2)
    return None


@raises("Unique")
def unique(call: Call) -> list[str] | None:
    """Distinct elements of everything, or distinct slices along an axis."""
    if call.dtype(0).kind in ("string", "complex"):
        raise call.refused(f"torch finds no distinct elements of {call.dtype(0)}")
    wide = Wide(call, order=True)
    axis, ordered = call.attribute("axis"), bool(call.attribute("sorted", 1))
    dim = "" if axis is None else f", dim={axis}"
    if ordered and not any(call.wanted(i) for i in (1, 2, 3)):
        return [wide.back(f"torch.unique({wide[0]}{dim})")]
    text = f"{call.helper(_UNIQUE)}({wide[0]}{dim}{'' if ordered else ', ordered=False'})"
    _bind(call, wide, text, 4)
    return None
