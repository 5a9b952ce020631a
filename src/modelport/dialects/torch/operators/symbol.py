"""Python numbers that a program computes: extents, and arithmetic with them.

Such a number is an edge of shape (1,) that knows it is one (``number_edge``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from modelport.dialects.onnx import arithmetic, ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, dim_of, number_edge
from modelport.model.dtype import BOOL, FLOAT64, INT64


@aten("sym_size.int", "size.int")
def size(call: Call, x: Any, dim: int) -> Edge:
    """The extent of an axis."""
    edge = call.tensor(x)
    found = ops.extent(call.b, edge, dim)
    if isinstance(found, int):
        found = call.b.constant([found])
    return number_edge(found, edge.shape[dim])


@aten("sym_numel")
def numel(call: Call, x: Any) -> Edge:
    """The number of elements."""
    made = call.b.emit("Size", [call.tensor(x)], INT64, ())
    return number_edge(ops.unsqueeze(call.b, made, 0))


def _edge(call: Call, value: Any) -> Edge:
    """A number as an edge of shape (1,): bool, int64 or float64."""
    if isinstance(value, Edge):
        flat = ops.reshape(call.b, value, [1]) if value.rank != 1 else value
        wanted = FLOAT64 if value.dtype.kind == "float" else INT64
        wanted = BOOL if value.dtype == BOOL else wanted
        return ops.cast(call.b, Edge(flat.name, flat.dtype, (1,)), wanted)
    dtype = BOOL if isinstance(value, bool) else FLOAT64 if isinstance(value, float) else INT64
    return call.b.constant([value], dtype)


def _pair(call: Call, a: Any, b: Any, floats: bool = False) -> list[Edge]:
    edges = [_edge(call, item) for item in (a, b)]
    float_ = floats or any(edge.dtype == FLOAT64 for edge in edges)
    return [ops.cast(call.b, edge, FLOAT64 if float_ else INT64) for edge in edges]


def _known(value: Any) -> Any:
    if isinstance(value, Edge):
        dim = value.values[0] if value.values else None
        return dim if isinstance(dim, int) else None
    return value


Python = Callable[[Any, Any], Any]


def _binary(python: Python, graph: Callable[[Call, Any, Any], Edge]) -> Any:
    def lower(call: Call, a: Any, b: Any) -> Edge:
        left, right = _known(a), _known(b)
        if left is not None and right is not None:
            made = python(left, right)
            whole = type(made) is int and made >= 0
            return number_edge(_edge(call, made), made if whole else None)
        if python in _NEUTRAL and right == _NEUTRAL[python] and isinstance(a, Edge):
            return a
        return number_edge(graph(call, a, b))

    return lower


_NEUTRAL: dict[Any, int] = {operator.add: 0, operator.sub: 0, operator.mul: 1}


def _of(op_type: str, floats: bool = False) -> Callable[[Call, Any, Any], Edge]:
    return lambda call, a, b: ops.binary(call.b, op_type, *_pair(call, a, b, floats))


def _logic(op_type: str) -> Callable[[Call, Any, Any], Edge]:
    def lower(call: Call, a: Any, b: Any) -> Edge:
        return ops.binary(
            call.b, op_type, *(ops.cast(call.b, _edge(call, i), BOOL) for i in (a, b))
        )

    return lower


_BINARY: dict[str, tuple[Python, Callable[[Call, Any, Any], Edge]]] = {
    "add": (operator.add, _of("Add")),
    "sub": (operator.sub, _of("Sub")),
    "mul": (operator.mul, _of("Mul")),
    "pow": (operator.pow, _of("Pow")),
    "truediv": (operator.truediv, _of("Div", True)),
    "floordiv": (
        operator.floordiv,
        lambda call, a, b: arithmetic.floor_divide(call.b, *_pair(call, a, b)),
    ),
    "mod": (operator.mod, lambda call, a, b: arithmetic.modulo(call.b, *_pair(call, a, b))),
    "eq": (operator.eq, _of("Equal")),
    "ne": (operator.ne, lambda call, a, b: ops.unary(call.b, "Not", _of("Equal")(call, a, b))),
    "lt": (operator.lt, _of("Less")),
    "le": (operator.le, _of("LessOrEqual")),
    "gt": (operator.gt, _of("Greater")),
    "ge": (operator.ge, _of("GreaterOrEqual")),
    "and_": (operator.and_, _logic("And")),
    "or_": (operator.or_, _logic("Or")),
    "lshift": (
        operator.lshift,
        lambda call, a, b: ops.multiply(
            call.b, _edge(call, a), arithmetic.power_of_two(call.b, _edge(call, b))
        ),
    ),
    "rshift": (
        operator.rshift,
        lambda call, a, b: arithmetic.floor_divide(
            call.b, _edge(call, a), arithmetic.power_of_two(call.b, _edge(call, b))
        ),
    ),
}
for _name, (_python, _graph) in _BINARY.items():
    aten(f"operator::{_name}")(_binary(_python, _graph))
aten("torch::sym_max")(_binary(max, _of("Max")))
aten("torch::sym_min")(_binary(min, _of("Min")))


@aten("operator::neg")
def negative(call: Call, a: Any) -> Edge:
    """-a."""
    return number_edge(ops.unary(call.b, "Neg", _edge(call, a)))


@aten("operator::pos")
def positive(call: Call, a: Any) -> Edge:
    """The number as it is."""
    return number_edge(_edge(call, a), dim_of(a))


@aten("operator::abs")
def absolute(call: Call, a: Any) -> Edge:
    """|a|."""
    return number_edge(ops.unary(call.b, "Abs", _edge(call, a)))


@aten("operator::not_", "torch::sym_not")
def not_(call: Call, a: Any) -> Edge:
    """Whether a number is 0."""
    return number_edge(ops.unary(call.b, "Not", ops.cast(call.b, _edge(call, a), BOOL)))


@aten("torch::sym_float")
def as_float(call: Call, a: Any) -> Edge:
    """A number as a float."""
    return number_edge(ops.cast(call.b, _edge(call, a), FLOAT64))


@aten("math::trunc", "operator::trunc")
def trunc(call: Call, x: Any) -> Edge:
    """A number without what is behind the point."""
    return number_edge(ops.cast(call.b, _edge(call, x), INT64))


@aten("torch::sym_int")
def as_int(call: Call, a: Any) -> Edge:
    """A number without what is behind the point."""
    return trunc(call, a)


@aten("math::floor", "operator::floor")
def floor(call: Call, x: Any) -> Edge:
    """A number rounded down."""
    down = ops.unary(call.b, "Floor", ops.cast(call.b, _edge(call, x), FLOAT64))
    return number_edge(ops.cast(call.b, down, INT64))


@aten("math::ceil", "operator::ceil")
def ceil(call: Call, x: Any) -> Edge:
    """A number rounded up."""
    up = ops.unary(call.b, "Ceil", ops.cast(call.b, _edge(call, x), FLOAT64))
    return number_edge(ops.cast(call.b, up, INT64))


@aten("operator::round", "torch::sym_round")
def rounded(call: Call, a: Any) -> Edge:
    """The nearest whole number."""
    near = ops.unary(call.b, "Round", ops.cast(call.b, _edge(call, a), FLOAT64))
    return number_edge(ops.cast(call.b, near, INT64))


@aten("torch::sym_sqrt", "torch::_sym_sqrt", "math::sqrt")
def root(call: Call, a: Any) -> Edge:
    """The square root."""
    return number_edge(ops.unary(call.b, "Sqrt", ops.cast(call.b, _edge(call, a), FLOAT64)))


@aten("torch::sym_sum")
def total(call: Call, args: Any) -> Edge:
    """The sum of several numbers."""
    made = _edge(call, args[0])
    for item in args[1:]:
        made = ops.binary(call.b, "Add", *_pair(call, made, item))
    return number_edge(made)


@aten("torch::sym_ite")
def choose(call: Call, b: Any, t: Any, f: Any) -> Edge:
    """The number ``t`` where ``b`` holds, else ``f``."""
    return number_edge(ops.where(call.b, _edge(call, b), *_pair(call, t, f)))
