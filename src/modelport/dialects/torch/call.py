"""One call of an aten operator as its lowering sees it, and the registry of lowerings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias, TypeVar

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.builder import Builder
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.families import FAMILIES
from modelport.errors import ConversionError
from modelport.model.dtype import (
    BOOL,
    COMPLEX64,
    COMPLEX128,
    DTYPES,
    FLOAT32,
    FLOAT64,
    INT64,
    DType,
)
from modelport.model.expression import Expression, source
from modelport.model.graph import Dim, Graph, TensorType
from modelport.model.tensor import Tensor

_IN_PLACE = re.compile(r"[a-z].*[^_]_|__i(?!s(?:not)?__)[a-z]+__")

RESHAPING = frozenset(
    "resize_ resize_as_ squeeze_ swapaxes_ swapdims_ t_ transpose_ unsqueeze_".split()
)
"""Operators that give a tensor another shape in place: a view, for whoever uses it from then on."""

BROKEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a lowering raises when it is given arguments that no torch could have written."""


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A weight as an argument: its tensor, and the name it gets in the graph."""

    tensor: Tensor
    name: str

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.tensor.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.tensor.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.tensor.shape)

    @property
    def expression(self) -> Expression:
        """The weight, to be rearranged."""
        return source(self.tensor)


@dataclass(frozen=True, slots=True, eq=False)
class Complex:
    """A complex tensor, which ONNX has not: its real and its imaginary part."""

    real: Edge
    imag: Edge

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return COMPLEX128 if self.real.dtype == FLOAT64 else COMPLEX64

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The extent of each axis."""
        return self.real.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.real.rank


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """A quantised tensor: whole numbers, and the scale and zero point that belong to them.

    These are of rank 0, or vectors along ``axis``; the zero point has the dtype of the numbers.
    """

    values: Edge
    scale: Edge
    zero_point: Edge
    axis: int | None = None

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.values.dtype

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The extent of each axis."""
        return self.values.shape

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.values.rank


Value: TypeAlias = Edge | Parameter | Complex | Quantised
Lower: TypeAlias = Callable[..., Any]

_LOWERINGS: dict[str, Lower] = {}
HANDED_ON = ("args", "named")
"""The parameters of a lowering that hands its arguments on to aten's."""
_Lower = TypeVar("_Lower", bound=Lower)


def aten(*names: str) -> Callable[[_Lower], _Lower]:
    """Register a function as the lowering of the operators of those names.

    ``name`` is for every overload, ``name.overload`` for one of them. The function's parameters
    after the call are the operator's arguments under the names of its schema, with ``x``, or else
    the first of them, for ``self``; those with a default may be missing. It returns an edge, or a
    list of them.
    """

    def register(function: _Lower) -> _Lower:
        for name in names:
            _LOWERINGS[name] = function
        return function

    return register


@cache
def lowerings() -> Mapping[str, Lower]:
    """Every lowering, by the name of its operator."""
    for family in FAMILIES:
        import_module(f"modelport.dialects.torch.operators.{family}")
    return _LOWERINGS


def lowering_of(domain: str, op_type: str, overload: str) -> Lower | None:
    """The lowering of an operator; one that works in place computes as its other form does."""
    known = lowerings()
    # A form that writes its result into a given tensor computes as the other does.
    overload = "" if overload == "out" else overload.removesuffix("_out")
    prefix = "" if domain == "aten" else f"{domain}::"
    shorter = in_place(op_type) or op_type in RESHAPING
    # A copy of a view has the elements of the view.
    names = [op_type, op_type[:-1] if shorter else op_type.removesuffix("_copy")]
    for name in names:
        found = known.get(f"{prefix}{name}.{overload}") or known.get(f"{prefix}{name}")
        if found is not None:
            return found
    # The primitives that aten's operators are made of bear their names, where they do the same.
    return lowering_of("aten", op_type, "") if domain == "prims" else None


def in_place(op_type: str) -> bool:
    """Whether an operator changes the elements of its first argument, by its name."""
    return op_type not in RESHAPING and _IN_PLACE.fullmatch(op_type) is not None


def plain(op_type: str) -> str:
    """The name of the form that gives a view, of an operator that reshapes in place."""
    return op_type[:-1] if op_type in RESHAPING else op_type


@cache
def arguments_of(function: Lower) -> tuple[str, ...]:
    """The names of a lowering's arguments, in the order of the schema."""
    return tuple(inspect.signature(function).parameters)[1:]


@dataclass(slots=True)
class Call:
    """One call of an operator.

    ``name`` is the node's own. ``types`` are the dtypes and shapes that the file states for the
    outputs, None where it states none. ``lower_graph`` lowers a graph that the call holds, over
    values for its inputs, into a builder. ``memory`` is the order in which the axes of the first
    input lie in memory, None where the file does not state it.
    """

    b: Builder
    op_type: str
    overload: str
    name: str
    domain: str = "aten"
    types: Sequence[TensorType | None] = ()
    lower_graph: Callable[[Builder, Graph, Sequence[Any]], list[Any]] | None = None
    memory: Sequence[int] | None = None

    def tensor(self, value: Any) -> Edge:
        """A tensor argument as an edge; a Python number becomes a constant of rank 0."""
        if meets_complex(value):
            raise ConversionError(self.where, "ONNX has no complex numbers; it is given some")
        if isinstance(value, Quantised):
            raise ConversionError(self.where, "modelport knows no form of it for quantised tensors")
        if isinstance(value, Edge):
            return ops.squeeze(self.b, value, 0) if is_number(value) else value
        if isinstance(value, Parameter):
            return self.b.weight(value.name, value.expression)
        if isinstance(value, bool):
            return self.b.constant(value, BOOL)
        if isinstance(value, int):
            return self.b.constant(value, INT64)
        if isinstance(value, float):
            return self.b.constant(value, FLOAT32)
        raise ValueError(f"{value!r} is no tensor")

    def weight(self, value: Parameter, expression: Expression, suffix: str = "") -> Edge:
        """A weight in another arrangement, under the weight's own name."""
        return self.b.weight(value.name + suffix, expression)

    def extent(self, value: Any) -> ops.Extent:
        """A number of elements: an int, or an int64 edge of shape (1,)."""
        if not isinstance(value, Edge | Parameter):
            return int(value)
        edge = self.tensor(value) if isinstance(value, Parameter) else value
        if edge.values and isinstance(edge.values[0], int):
            return edge.values[0]
        edge = ops.unsqueeze(self.b, edge, 0) if edge.rank == 0 else edge
        return Edge(self.b.name(ops.cast(self.b, edge, INT64)), INT64, (1,), values=edge.values)

    def extents(self, value: Any) -> list[ops.Extent]:
        """A list of extents, from a list of numbers, one number, or one vector."""
        if isinstance(value, Edge) and value.rank == 1 and not is_number(value):
            count = value.shape[0]
            if not isinstance(count, int):
                raise ValueError("a shape of unknown length")
            parts = [ops.slice_axis(self.b, value, 0, i, i + 1) for i in range(count)]
            known = value.values or (None,) * count
            return [
                dim
                if isinstance(dim, int)
                else Edge(part.name, part.dtype, part.shape, values=(dim,))
                for part, dim in zip(parts, known, strict=True)
            ]
        if isinstance(value, list | tuple):
            return [self.extent(item) for item in value]
        return [self.extent(value)]

    def fixed(self, value: Any, what: str) -> int:
        """A number that has to be known when the graph is made."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConversionError(self.where, f"{what} is computed by the model")
        return value

    @property
    def floats(self) -> DType:
        """The dtype that whole numbers give where floats result: the author's default."""
        stated = self.types[0].dtype if self.types and self.types[0] is not None else None
        return stated if stated is not None and stated.kind == "float" else FLOAT32

    @property
    def where(self) -> str:
        """The node as errors name it."""
        overload = f".{self.overload}" if self.overload else ""
        return f"node {self.name!r} ({self.domain}::{self.op_type}{overload})"


def is_number(value: Any) -> bool:
    """Whether a value is a Python number: written, or computed (of shape (1,), values known)."""
    if isinstance(value, Edge):
        return value.values is not None and value.shape == (1,)
    return isinstance(value, bool | int | float)


def number_edge(edge: Edge, known: Dim = None) -> Edge:
    """A computed Python number: an edge of shape (1,) and, perhaps, the name of the number."""
    return Edge(edge.name, edge.dtype, (1,), values=(known,))


def dim_of(item: Any) -> Dim:
    """What is known of an extent."""
    if isinstance(item, Edge):
        return item.values[0] if item.values else None
    return int(item)


def pair(value: Any, rank: int) -> list[int]:
    """A number for every spatial axis: given once, or as a list (empty: not given)."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    return [int(item) for item in (values * rank if len(values) == 1 else values)]


def torch_dtype(value: Any, default: DType | None = None) -> DType | None:
    """The dtype of an argument ``dtype``: a name or ``{"dtype": name}``."""
    if isinstance(value, Mapping):
        value = value.get("dtype")
    if value is None:
        return default
    return DTYPES[value] if isinstance(value, str) else value


def meets_complex(value: Any) -> bool:
    """Whether an argument is, or holds, a complex number or tensor."""
    if isinstance(value, list | tuple):
        return any(meets_complex(item) for item in value)
    if isinstance(value, Parameter | Edge):
        return value.dtype.kind == "complex"
    return isinstance(value, complex | Complex)


def meets_quantised(value: Any) -> bool:
    """Whether an argument is, or holds, a quantised tensor."""
    if isinstance(value, list | tuple):
        return any(meets_quantised(item) for item in value)
    return isinstance(value, Quantised)


def run(call: Call, function: Lower, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """Let a lowering write its operators.

    Raises:
        ConversionError: ONNX cannot hold the call, or it has other arguments than torch gives.
    """
    if call.domain == "aten" and meets_complex([*args, *kwargs.values()]):
        found = lowering_of("complex", call.op_type, call.overload)
        if found is None:
            why = "ONNX has no complex numbers, and modelport no form of it for pairs of numbers"
            raise ConversionError(call.where, why)
        function = found
    if call.domain == "aten" and meets_quantised([*args, *kwargs.values()]):
        found = lowering_of("quantised", call.op_type, call.overload)
        if found is None:
            why = "modelport knows no form of it for quantised tensors"
            raise ConversionError(call.where, why)
        function = found
    names = arguments_of(function)
    given = dict(zip(names, args, strict=False))
    if names and names[-1] == "rest":  # a lowering that takes whatever comes
        given = {"rest": [*args, *kwargs.values()]}
        args, kwargs = (), {}
    elif names == HANDED_ON:  # or hands it on
        given = {"args": args, "named": kwargs}
        args, kwargs = (), {}
    own = "x" if "x" in names or not names else names[0]
    given |= {(own if key == "self" else key): value for key, value in kwargs.items()}
    unknown = [key for key in given if key not in names]
    if unknown or len(args) > len(names):
        what = ", ".join(map(repr, unknown)) or f"{len(args)} arguments"
        raise ConversionError(call.where, f"it is given {what}, which modelport does not know")
    try:
        made = function(call, **given)
    except ConversionError as error:
        if error.where:
            raise
        raise ConversionError(call.where, error.why) from error
    except BROKEN as error:
        raise ConversionError(call.where, str(error) or type(error).__name__) from error
    return [made] if isinstance(made, Edge | Parameter | Complex | Quantised) else list(made)
