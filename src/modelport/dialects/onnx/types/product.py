"""Products of matrices, and attention."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import FLOATS, NUMBERS, WHOLE, Call, rule
from modelport.dialects.onnx.types.dims import broadcast, demand, equal, plus, quotient, times
from modelport.dialects.onnx.types.known import Known, made
from modelport.model.dtype import INT32
from modelport.model.graph import Dim, Shape

_MOST_LETTERS = 4096


@rule("MatMul", kinds=NUMBERS)
def _matmul(call: Call) -> Sequence[Known]:
    x, y = call.need(0), call.need(1)
    fine = x.dtype is None or y.dtype is None or x.dtype == y.dtype
    demand(fine, f"a matrix product of {x.dtype} and {y.dtype}")
    return [made(x.dtype or y.dtype, multiplied(x.shape, y.shape))]


@rule("MatMulInteger", kinds=WHOLE)
def _whole_matmul(call: Call) -> Sequence[Known]:
    return [made(INT32, multiplied(call.need(0).shape, call.need(1).shape))]


@rule("QLinearMatMul")
def _quantized_matmul(call: Call) -> Sequence[Known]:
    # a, its scale and zero point, b, its scale and zero point, y's scale and zero point
    shape = multiplied(call.need(0).shape, call.need(3).shape)
    return [made(call.need(7).dtype, shape)]


def multiplied(x: Shape, y: Shape) -> Shape:
    """The shape of a matrix product; vectors count as one row or one column.

    Raises:
        ValueError: the shapes do not go together.
    """
    if x is None or y is None:
        return None
    shown = f"{list(x)} and {list(y)}"
    demand(len(x) > 0 and len(y) > 0, f"no matrix product of {shown}")
    inner = y[0] if len(y) == 1 else y[-2]
    demand(equal(x[-1], inner), f"no matrix product of {shown}")
    rows, columns = x[-2:-1], y[-1:] if len(y) > 1 else ()
    both = max(len(x), len(y)) > 2
    lead = broadcast([x[:-2], y[:-2]]) if both else ()
    return (*lead, *rows, *columns)


@rule("Gemm", kinds=NUMBERS)
def _gemm(call: Call) -> Sequence[Known]:
    x, y = call.need(0), call.need(1)
    for item in (x, y):
        if item.shape is not None:
            demand(len(item.shape) == 2, f"a Gemm of {list(item.shape)}, which is no matrix")
    first, second = call.number("transA", 0) != 0, call.number("transB", 0) != 0
    fine = equal(x.dim(0 if first else 1), y.dim(1 if second else 0))
    demand(fine, f"no matrix product of {x.shape} and {y.shape}")
    shape = (x.dim(1 if first else 0), y.dim(0 if second else 1))
    added = call.at(2).shape
    if added is not None:
        together = broadcast([shape, added])
        demand(len(together) == 2 and equal(together[0], shape[0]), f"{list(added)} on {shape}")
    return [Known(x.dtype or y.dtype, shape)]


@rule("Einsum", kinds=NUMBERS)
def _einsum(call: Call) -> Sequence[Known]:
    items = call.given()
    equation = "".join(call.text("equation").split())
    dtype = next((item.dtype for item in items if item.dtype is not None), None)
    demand(len(equation) <= _MOST_LETTERS, "an equation of too many letters")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    demand(len(terms) == len(items), f"{equation!r} for {len(items)} values")
    extents: dict[str, Dim] = {}
    hidden: list[Sequence[Dim]] = []
    known = True
    for term, item in zip(terms, items, strict=True):
        before, dots, after = term.partition("...")
        if item.shape is None:
            known = known and not dots
            for letter in before + after:
                extents.setdefault(letter, None)
            continue
        rank = len(item.shape)
        fine = len(before + after) <= rank if dots else len(before) == rank
        demand(fine, f"{term!r} for {list(item.shape)}")
        stop = rank - len(after)
        if dots:
            hidden.append(item.shape[len(before) : stop])
        pairs = [
            *zip(before, item.shape, strict=False),
            *zip(after, item.shape[stop:], strict=False),
        ]
        for letter, extent in pairs:
            _meet(extents, letter, extent, equation)
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        single = sorted(letter for letter in set(letters) if letters.count(letter) == 1)
        right = ("..." if "..." in left else "") + "".join(single)
    return [Known(dtype, _out_of(right, extents, hidden, known, equation))]


def _meet(extents: dict[str, Dim], letter: str, extent: Dim, equation: str) -> None:
    found = extents.get(letter, 1)
    fine = equal(found, extent) or 1 in (found, extent)
    demand(fine, f"{letter} in {equation!r} is {found} and {extent}")
    if not isinstance(found, int) and extent == 1:
        return
    if (
        letter not in extents
        or found == 1
        or (isinstance(extent, int) and extent != 1)
        or found is None
    ):
        extents[letter] = extent


def _out_of(
    right: str, extents: dict[str, Dim], hidden: list[Sequence[Dim]], known: bool, equation: str
) -> Shape:
    before, dots, after = right.partition("...")
    unknown = [letter for letter in before + after if letter not in extents]
    demand(not unknown, f"{equation!r} gives {unknown[:3]}, which no value has")
    if dots and not known:
        return None
    middle = broadcast(hidden) if dots and hidden else ()
    return (*(extents[item] for item in before), *middle, *(extents[item] for item in after))


@rule("Det", kinds=FLOATS)
def _det(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None)]
    demand(len(x.shape) > 1, f"{list(x.shape)} is no matrix")
    demand(equal(x.shape[-1], x.shape[-2]), f"the matrices {list(x.shape)} are not square")
    return [Known(x.dtype, x.shape[:-2])]


@rule("Attention", kinds=FLOATS)
def _attention(call: Call) -> Sequence[Known]:
    q, k, v = call.need(0), call.need(1), call.need(2)
    past_k, past_v = call.at(4), call.at(5)
    if q.shape is None:
        four = (None,) * 4
        return [
            Known(q.dtype, None),
            Known(k.dtype, four),
            Known(v.dtype, four),
            Known(q.dtype, four),
        ]
    rank = len(q.shape)
    demand(rank in (3, 4), f"queries have 3 or 4 axes, not {rank}")
    for item in (k, v):
        demand(item.rank in (None, rank), f"{item.shape} beside queries {list(q.shape)}")
    batch = q.shape[0]
    if rank == 4:
        heads, length, _ = q.shape[1:]
        kv_heads, kv_length, v_size = k.dim(1), k.dim(2), v.dim(3)
        k_size = k.dim(3)
        shape: tuple[Dim, ...] = (batch, heads, length, v_size)
    else:
        heads, groups = call.number("q_num_heads"), call.number("kv_num_heads")
        demand(heads > 0 and groups > 0, f"attention of {heads} and {groups} heads")
        kv_heads, length, kv_length = groups, q.shape[1], k.dim(1)
        k_size = quotient([k.dim(2)], [groups])
        v_size = quotient([v.dim(2)], [groups])
        shape = (batch, length, times([heads, v_size]))
    if not call.has(4):
        total = kv_length
    else:
        total = plus([past_k.dim(2), kv_length]) if kv_length is not None else None
        total = None if past_k.dim(2) is None else total
    if call.has(6) and total is None:
        total = kv_length
    return [
        made(q.dtype, shape),
        made(k.dtype, (batch, kv_heads, total, k_size if k_size is not None else past_k.dim(3))),
        made(v.dtype, (batch, kv_heads, total, v_size if v_size is not None else past_v.dim(3))),
        made(q.dtype, (batch, heads, length, total)),
    ]


@rule("LinearAttention", kinds=FLOATS)
def _linear_attention(call: Call) -> Sequence[Known]:
    q, k, v, past = call.need(0), call.need(1), call.need(2), call.at(3)
    heads, groups = call.number("q_num_heads"), call.number("kv_num_heads")
    demand(heads > 0 and groups > 0, f"attention of {heads} and {groups} heads")
    k_size, v_size = quotient([k.dim(2)], [groups]), quotient([v.dim(2)], [groups])
    dtype = past.dtype or (None if call.has(3) else q.dtype)
    state = (q.dim(0), groups, k_size, v_size)
    return [made(q.dtype, (q.dim(0), q.dim(1), times([heads, v_size]))), made(dtype, state)]


@rule("RotaryEmbedding", kinds=FLOATS)
def _rotary(call: Call) -> Sequence[Known]:
    return [call.need(0).bare()]
