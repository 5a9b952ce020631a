"""One call of an operator, as the rules see it, and the table where the rules register."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from modelport.dialects.onnx.edge import MOST
from modelport.dialects.onnx.types.dims import demand
from modelport.dialects.onnx.types.known import DTYPE_OF, UNKNOWN, Known
from modelport.model.dtype import DType
from modelport.model.graph import Graph

Settings: TypeAlias = Mapping[str, Any]
Body: TypeAlias = Callable[[Graph, Sequence[Known]], "list[Known]"]
"""What the outputs of a body are, given its inputs."""


@dataclass(slots=True)
class Call:
    """An operator on its inputs; an input that is None is left out.

    ``body`` tells what a graph inside gives; without it only the types that the graph states
    itself are known.
    """

    op_type: str
    inputs: Sequence[Known | None]
    settings: Settings
    outputs: int = 1
    body: Body | None = None

    def has(self, index: int) -> bool:
        """Whether that input is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def at(self, index: int) -> Known:
        """That input; nothing is known of one that is left out."""
        found = self.inputs[index] if index < len(self.inputs) else None
        return UNKNOWN if found is None else found

    def need(self, index: int) -> Known:
        """That input.

        Raises:
            ValueError: it is left out.
        """
        found = self.inputs[index] if index < len(self.inputs) else None
        if found is None:
            raise ValueError(f"{self.op_type} needs an input {index + 1}")
        return found

    def given(self) -> list[Known]:
        """The inputs that are not left out, at least one."""
        found = [item for item in self.inputs if item is not None]
        demand(bool(found), f"{self.op_type} needs an input")
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """A setting that is a whole number.

        Raises:
            ValueError: it is none, or missing without a default.
        """
        value = self.settings.get(name, default)
        fine = isinstance(value, int) and -MOST - 1 <= value <= MOST
        demand(fine, f"{self.op_type} does not take {str(value)[:80]} as its {name}")
        return int(value or 0)

    def numbers(self, name: str) -> list[int] | None:
        """A setting that lists whole numbers, None where it is left out."""
        value = self.settings.get(name)
        if value is None:
            return None
        fine = isinstance(value, list | tuple) and all(
            isinstance(item, int) and -MOST - 1 <= item <= MOST for item in value
        )
        demand(fine, f"{self.op_type} does not take {str(value)[:80]} as its {name}")
        return [int(item) for item in value]

    def text(self, name: str, default: str | None = None) -> str:
        """A setting that is a word."""
        value = self.settings.get(name, default)
        fine = isinstance(value, str)
        demand(fine, f"{self.op_type} does not take {str(value)[:80]} as its {name}")
        return str(value)

    def dtype(self, name: str, default: DType | None = None) -> DType:
        """A setting that is the number of a data type; 0 is the default, too."""
        number = self.number(name, 0 if default is not None else None)
        if number == 0 and default is not None:
            return default
        demand(number in DTYPE_OF, f"{number} is the number of no data type")
        return DTYPE_OF[number]

    def graph(self, name: str) -> Graph:
        """A setting that is a graph."""
        value = self.settings.get(name)
        if not isinstance(value, Graph):
            raise ValueError(f"{self.op_type} needs a graph as its {name}")
        return value

    def axis(self, name: str, rank: int, default: int | None = None) -> int:
        """A setting that is an axis among so many, counted from the front."""
        return within(self.number(name, default), rank)


def within(axis: int, rank: int) -> int:
    """An axis among so many, counted from the front.

    Raises:
        ValueError: there is no such axis.
    """
    demand(-rank <= axis < rank, f"no axis {axis} among {rank}")
    return axis % rank


def distinct(axes: Sequence[int], rank: int) -> list[int]:
    """Axes among so many, counted from the front, no two alike."""
    found = [within(axis, rank) for axis in axes]
    demand(len(set(found)) == len(found), f"an axis twice in {list(axes)[:64]}")
    return found


Rule: TypeAlias = Callable[[Call], Sequence[Known]]


class Entry(NamedTuple):
    """The rule of an operator, and the kinds of types its first input may have."""

    rule: Rule
    kinds: tuple[str, ...] | None


RULES: dict[str, Entry] = {}
"""Of every operator of ONNX' default domain, its rule; filled by the files beside this one."""

FLOATS = ("float",)
NUMBERS = ("float", "int", "uint")
WHOLE = ("int", "uint")
BOOLS = ("bool",)


def rule(*op_types: str, kinds: tuple[str, ...] | None = None) -> Callable[[Rule], Rule]:
    """Register the rule of these operators."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            RULES[op_type] = Entry(function, kinds)
        return function

    return register
