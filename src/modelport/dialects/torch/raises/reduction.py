"""Reductions: sums, means, extremes and norms along axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from modelport.dialects.torch.raises.call import Call, arguments, raises
from modelport.dialects.torch.raises.dtypes import Wide, is_whole, to
from modelport.dialects.torch.raises.whole import bare, combined, counts
from modelport.dialects.torch.source.sizes import Sizes, sizes
from modelport.model.dtype import INT64

_PROD = '''
def _prod(x, dims, keepdim=False):
    """The product along several axes."""
    for dim in sorted((dim % x.ndim for dim in dims), reverse=True):
        x = x.prod(dim, keepdim=keepdim, dtype=x.dtype)
    return x
'''
_INT_MEAN = '''
def _int_mean(x, dims, keepdim=False):
    """The mean of whole numbers, cut towards zero."""
    total = x.sum(dims, keepdim=keepdim)
    count = x.numel() // total.numel()
    return torch.div(total, count, rounding_mode="trunc").to(x.dtype)
'''
_EXTREME = '''
def _amax(x, dims, limit, keepdim=False):
    """The extreme of each part; that of nothing is a limit."""
    if x.numel():
        return x.amax(dims, keepdim=keepdim)
    return x.new_full(x.sum(dims, keepdim=keepdim).shape, limit)
'''
_WITHOUT = {
    "ReduceL1": "torch.abs({})",
    "ReduceL2": "torch.abs({})",
    "ReduceLogSum": "torch.log({})",
    "ReduceSumSquare": "torch.square({})",
}
"""What is left of a reduction along no axis; of others nothing."""
_COUNTED = {"ReduceSum": "Add", "ReduceProd": "Mul", "ReduceMax": "Max", "ReduceMin": "Min"}


@raises(
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare",
)  # fmt: skip
def reduced(call: Call) -> str | Sizes:
    """One number for all along some axes, or along all."""
    operator = call.node.op_type
    if operator in _COUNTED and counts(call, 0) and call.known(0).rank == 1:
        return _counted(call)
    wide = Wide(call, order=operator in ("ReduceMax", "ReduceMin"))
    plain = _WITHOUT.get(operator, "")
    without = wide.back(plain.format(wide[0])) if plain else call[0]
    noop = bool(call.attribute("noop_with_empty_axes", 0))
    none = not call.has(1) or call.known(1).dim(0) == 0
    if none and noop:
        return without
    text = wide.back(_reduction(call, wide, "" if none else dims_of(call, 1)))
    if noop and not isinstance(call.known(1).dim(0), int):
        return f"{text} if {call[1]}.numel() else {without}"
    return text


def _counted(call: Call) -> Sizes:
    """A number made of all extents of a vector."""
    found = call.sizes(0)
    operator = _COUNTED[call.node.op_type]
    start = {"Add": ["0"], "Mul": ["1"]}.get(operator, []) if not found.items else []
    item = reduce(lambda a, b: str(combined(call, operator, a, b)), [*start, *found.items])
    return sizes([item], not call.attribute("keepdims", 1), found.like)


def dims_of(call: Call, index: int) -> str:
    """Axes that an operand lists, as torch takes them."""
    if call.knows_sizes(index) or isinstance(call.known(index).dim(0), int):
        return axes_text([bare(item) for item in call.sizes(index).items])
    return f"{call[index]}.tolist() or {_all(call)}"


def axes_text(axes: Sequence[object]) -> str:
    """Axes as one number or several."""
    return str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"


def _all(call: Call) -> str:
    """All axes, listed."""
    rank = call.known(0).rank
    return f"tuple(range({call[0]}.ndim))" if rank is None else axes_text(range(rank))


def _reduction(call: Call, wide: Wide, dims: str) -> str:
    """The expression of a reduction; ``dims`` is empty for all axes."""
    operator, x, dtype = call.node.op_type, wide[0], call.dtype(0)
    keep = bool(call.attribute("keepdims", 1))
    listed = dims or _all(call)
    along = arguments(listed if keep or dims else "", keepdim=(keep, False)).removeprefix(", ")
    along = "" if not dims and not keep else along
    kind = "" if dtype is INT64 or not is_whole(dtype) or wide.method else _kind(dtype)
    match operator:
        case "ReduceMean" if is_whole(dtype):
            return f"{call.helper(_INT_MEAN)}({x}, {arguments(listed, keepdim=(keep, False))})"
        case "ReduceMean":
            return f"{x}.mean({along})"
        case "ReduceMax" | "ReduceMin":
            return _extreme(call, x, listed, keep, along)
        case "ReduceProd":
            return _product(call, x, dims, listed, keep)
        case "ReduceL2":
            return _norm(call, x, along)
        case "ReduceLogSumExp":
            along = arguments(listed, keepdim=(keep, False))
            return f"torch.logsumexp({x}, {along})"
    inner = {"ReduceL1": f"{x}.abs()", "ReduceSumSquare": f"{x}.square()"}.get(operator, x)
    if operator == "ReduceL1" and dtype.kind == "uint":
        inner = x
    settings = ", ".join(item for item in (along, kind) if item)
    return f"{inner}.sum({settings})" + (".log()" if operator == "ReduceLogSum" else "")


def _kind(dtype: object) -> str:
    return f"dtype=torch.{dtype}"


def _norm(call: Call, x: str, along: str) -> str:
    if is_whole(call.dtype(0)):
        return to(f"{x}.double().square().sum({along}).sqrt()", call.dtype(0))
    named = along if along.startswith("keepdim") or not along else f"dim={along}"
    return f"torch.linalg.vector_norm({x}{', ' if named else ''}{named})"


def _product(call: Call, x: str, dims: str, listed: str, keep: bool) -> str:
    """Along one axis by torch's own function."""
    kind = "" if not is_whole(call.dtype(0)) or call.dtype(0) is INT64 else f"dtype={x}.dtype"
    if not dims and not keep:
        return f"{x}.prod({kind})"
    if listed.isdigit() or (dims and call.known(1).dim(0) == 1):
        settings = [listed, *(["keepdim=True"] if keep else []), *([kind] if kind else [])]
        return f"{x}.prod({', '.join(settings)})"
    return f"{call.helper(_PROD)}({x}, {arguments(listed, keepdim=(keep, False))})"


def _extreme(call: Call, x: str, listed: str, keep: bool, along: str) -> str:
    """The largest or smallest; of nothing it is the type's own limit."""
    name = "amax" if call.node.op_type == "ReduceMax" else "amin"
    if 0 not in (call.known(0).shape or ()):
        return f"{x}.{name}({along})"
    limit = {"float": "math.inf", "bool": "True"}.get(
        call.dtype(0).kind, f"torch.iinfo({x}.dtype).max"
    )
    if name == "amax":
        limit = {"math.inf": "-math.inf", "True": "False"}.get(limit, limit.replace("max", "min"))
    settings = arguments(listed, limit, keepdim=(keep, False))
    return f"{call.helper(_EXTREME.replace('amax', name))}({x}, {settings})"
