"""Functions of numbers of which some are computed, and numbers taken out of tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Complex,
    Parameter,
    Quantised,
    is_number,
    lowering_of,
    number_edge,
    run,
)
from modelport.dialects.torch.script.overloads import is_tensor
from modelport.errors import ConversionError
from modelport.model.dtype import BOOL, FLOAT64, INT64
from modelport.wire.torchscript.plain import PLAIN, evaluate

SCALAR_TYPES = (
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex32",
    "complex64",
    "complex128",
    "bool",
    "qint8",
    "quint8",
    "qint32",
    "bfloat16",
)
"""``c10::ScalarType``: the numbers that stand for dtypes in code."""

OPERATORS = {
    "add": "operator::add",
    "sub": "operator::sub",
    "mul": "operator::mul",
    "pow": "operator::pow",
    "div": "operator::truediv",
    "true_divide": "operator::truediv",
    "truediv": "operator::truediv",
    "floordiv": "operator::floordiv",
    "floor_divide": "operator::floordiv",
    "remainder": "operator::mod",
    "mod": "operator::mod",
    "eq": "operator::eq",
    "ne": "operator::ne",
    "lt": "operator::lt",
    "le": "operator::le",
    "gt": "operator::gt",
    "ge": "operator::ge",
    "__and__": "operator::and_",
    "__or__": "operator::or_",
    "__not__": "operator::not_",
    "neg": "operator::neg",
    "abs": "operator::abs",
    "max": "torch::sym_max",
    "min": "torch::sym_min",
    "floor": "math::floor",
    "ceil": "math::ceil",
    "round": "operator::round",
    "trunc": "math::trunc",
    "sqrt": "math::sqrt",
    "int": "torch::sym_int",
    "Int": "torch::sym_int",
    "IntImplicit": "torch::sym_int",
    "float": "torch::sym_float",
    "Float": "torch::sym_float",
    "FloatImplicit": "torch::sym_float",
}
CASTS = {
    "int": INT64,
    "Int": INT64,
    "IntImplicit": INT64,
    "float": FLOAT64,
    "Float": FLOAT64,
    "FloatImplicit": FLOAT64,
    "bool": BOOL,
    "Bool": BOOL,
    "is_nonzero": BOOL,
    "item": None,
    "ScalarImplicit": None,
    "Number": None,
}


@dataclass(slots=True, eq=False)
class Stacked:
    """A list that a loop filled: its items along a new first axis of ``edge``."""

    edge: Edge


@dataclass(slots=True, eq=False)
class Growing:
    """A list inside the loop that fills it: what it held before, and the items of this round.

    Among both may be lists that other loops filled. ``loop`` is the one that fills it, and
    ``place`` that of the list in what goes from round to round.
    """

    prefix: tuple[Any, ...] = ()
    items: tuple[Any, ...] = ()
    place: int = -1
    loop: Any = None


@dataclass(slots=True, eq=False)
class Maybe:
    """A value that is None in some runs: what it is in the others, and whether it is there."""

    value: Any
    there: Edge


def sure(value: Any) -> Any:
    """A value that code has found not to be None."""
    if isinstance(value, list | tuple):
        return [sure(item) for item in value]
    return value.value if isinstance(value, Maybe) else value


class Read(Exception):
    """A loop reads a list that it fills."""

    def __init__(self, items: Growing) -> None:
        super().__init__("a loop reads the list that it fills")
        self.items = items


def growing_in(value: Any) -> Growing | None:
    """A list that is being filled, as an argument or in one."""
    if isinstance(value, list | tuple):
        return next((found for item in value if (found := growing_in(item))), None)
    return value if isinstance(value, Growing) else None


def plain(value: Any) -> Any:
    """A computed number that is known after all, as Python has it."""
    if isinstance(value, Edge) and is_number(value) and value.values:
        known = value.values[0]
        if isinstance(known, int) and value.dtype == INT64:
            return known
    return value


def computed(value: Any) -> bool:
    """Whether a value holds something that is no plain value."""
    if isinstance(value, list | tuple):
        return any(computed(item) for item in value)
    return isinstance(value, Edge | Parameter | Complex | Quantised | Stacked | Growing | Maybe)


def whole_number(value: Any) -> bool:
    """Whether a value is a constant of a trace that stands for a number: it computes with sizes."""
    if not isinstance(value, Parameter) or value.shape:
        return False
    return value.dtype.kind == "int" and value.name.startswith("CONSTANTS.")


def holds_tensor(value: Any) -> bool:
    """Whether a value holds a tensor."""
    if isinstance(value, list | tuple):
        return any(holds_tensor(item) for item in value)
    return is_tensor(value) or isinstance(value, Stacked | Growing)


def without_words(value: Any) -> Any:
    """A value with dtypes as the numbers that code compares them with."""
    if isinstance(value, Mapping) and "dtype" in value:
        return SCALAR_TYPES.index(value["dtype"]) if value["dtype"] in SCALAR_TYPES else -1
    return value


def of_numbers(call: Call, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A function of numbers, some of them computed."""
    values = args[0] if len(args) == 1 and isinstance(args[0], list) else args
    if name in ("eq", "ne") and any(isinstance(item, list) for item in values):
        return _lists_equal(call, name, values)
    if any(isinstance(item, list) for item in values):
        return _list_arithmetic(name, values)
    if name == "div" and kwargs.get("rounding_mode") in ("floor", "trunc"):
        name = "floordiv"
    if name in ("eq", "ne") and any(isinstance(item, str | None | Mapping) for item in values):
        return name == "ne"
    found = _known_truth(name, values)
    if found is not None:
        return found
    domain, _, operator = OPERATORS[name].partition("::")
    function = lowering_of(domain, operator, "")
    if function is None:
        raise ConversionError(call.where, "ONNX has no form of it that modelport knows")
    made = values[0]
    if len(values) == 1:
        return run(call, function, [made], {})[0]
    for other in values[1:]:
        made = run(call, function, [made, other], {})[0]
    return made


def _known_truth(name: str, values: Sequence[Any]) -> bool | None:
    """What a comparison gives though a number in it is computed: extents have names."""
    if len(values) != 2:
        return None
    a, b = (item.values[0] if isinstance(item, Edge) and item.values else None for item in values)
    if name in ("__and__", "__or__"):
        for value in values:
            if isinstance(value, bool) and value is (name == "__or__"):
                return value
    if isinstance(a, str) and a == b and name in ("eq", "ne", "le", "ge", "lt", "gt"):
        return name in ("eq", "le", "ge")
    return None


def _lists_equal(call: Call, name: str, values: Sequence[Any]) -> Any:
    """Whether two lists are equal, item by item."""
    left, right = values
    if not isinstance(left, list) or not isinstance(right, list) or len(left) != len(right):
        return name == "ne"
    found: Any = True
    for a, b in zip(left, right, strict=True):
        told = not (computed(a) or computed(b))
        equal = a == b if told else of_numbers(call, "eq", [a, b], {})
        if equal is False or found is False:
            found = False
        elif equal is not True:
            found = equal if found is True else of_numbers(call, "__and__", [found, equal], {})
    if name == "eq":
        return found
    return (not found) if isinstance(found, bool) else of_numbers(call, "__not__", [found], {})


def _list_arithmetic(name: str, values: Sequence[Any]) -> Any:
    if name == "add" and all(isinstance(item, list) for item in values):
        return [*values[0], *values[1]]
    if name == "mul" and all(not isinstance(item, Edge) for item in values):
        return evaluate(name, values, {})
    raise ValueError("a list whose length only a run can tell")


def number(name: str) -> Callable[..., Any]:
    """The lowering of a cast to a Python number, by its name."""

    def lower(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
        value = args[0]
        if isinstance(value, Parameter) and value.tensor.size == 1:
            value = value.tensor.numpy().reshape(()).item()
        if not isinstance(value, Edge):
            return evaluate(name, [value], {}) if name in PLAIN else value
        made = value if is_number(value) else ops.reshape(call.b, value, [1])
        dtype = CASTS[name]
        wide = INT64 if made.dtype.kind in ("int", "uint") else made.dtype
        made = Edge(call.b.name(made), made.dtype, (1,))
        if dtype is INT64 and value.values:
            return value if value.dtype == INT64 else number_edge(ops.cast(call.b, made, INT64))
        return number_edge(ops.cast(call.b, made, dtype or wide))

    return lower


def dtype_of_number(value: Any) -> Any:
    """The dtype that a number in code stands for; other values as they are."""
    if type(value) is int:
        if not 0 <= value < len(SCALAR_TYPES):
            raise ValueError(f"there is no dtype of number {value}")
        return {"dtype": SCALAR_TYPES[value]}
    return value
