"""The nodes of derived tensor data: leaves, rearrangements and what is computed.

They are built by the functions of ``modelport.model.expression``, which simplify on the way.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.model.dtype import DType
from modelport.model.tensor import Box, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Expression(ABC):
    """Tensor data made of other tensors, with its operations as methods."""

    __slots__ = ()

    @property
    @abstractmethod
    def dtype(self) -> DType:
        """The type of one element."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""

    def transpose(self, *permutation: int) -> Expression:
        """The axes in the order ``permutation``; reversed when none is given."""
        from modelport.model.expression import transpose

        return transpose(self, permutation or tuple(reversed(range(len(self.shape)))))

    def reshape(self, *shape: int) -> Expression:
        """The same elements in C order under another shape; one extent may be -1."""
        from modelport.model.expression import reshape

        return reshape(self, shape)

    def slice(self, axis: int, start: int | None, stop: int | None, step: int = 1) -> Expression:
        """Python's ``start:stop:step`` along one axis."""
        from modelport.model.expression import slice_axis

        return slice_axis(self, axis, start, stop, step)

    def flip(self, *axes: int) -> Expression:
        """The given axes in reverse order."""
        flipped: Expression = self
        for axis in axes:
            flipped = flipped.slice(axis, None, None, -1)
        return flipped

    def split(self, axis: int, parts: int) -> list[Expression]:
        """Equal parts along one axis; ValueError where there is a rest."""
        extent, rest = divmod(self.shape[axis], parts)
        if rest:
            raise ValueError(f"axis {axis} of {self.shape} has no {parts} equal parts")
        return [self.slice(axis, i * extent, (i + 1) * extent) for i in range(parts)]

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``."""
        from modelport.model.evaluate import read_box

        return read_box(self, box)


@dataclass(frozen=True, slots=True, eq=False)
class Source(Expression):
    """A leaf: a tensor of the source model, by identity."""

    tensor: Tensor

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.tensor.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.tensor.shape


@dataclass(frozen=True, slots=True)
class Fill(Expression):
    """A leaf of one repeated value, for what a target demands and the source never had."""

    value: float | int | bool
    shape: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True, slots=True, eq=False)
class Transpose(Expression):
    """Axis i of the result is axis ``permutation[i]`` of the child."""

    child: Expression
    permutation: tuple[int, ...]

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.child.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return tuple(self.child.shape[axis] for axis in self.permutation)


@dataclass(frozen=True, slots=True, eq=False)
class Reshape(Expression):
    """The child's elements in C order under another shape."""

    child: Expression
    shape: tuple[int, ...]

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.child.dtype


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Expression):
    """Along ``axis``, ``count`` elements from ``start``, ``step`` apart (negative: flipped)."""

    child: Expression
    axis: int
    start: int
    count: int
    step: int

    @property
    def indices(self) -> range:
        """The chosen indices of the child's axis."""
        return range(self.start, self.start + self.step * self.count, self.step)

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.child.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        shape = list(self.child.shape)
        shape[self.axis] = self.count
        return tuple(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Concatenate(Expression):
    """The children one after another along ``axis``."""

    children: tuple[Expression, ...]
    axis: int

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.children[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        shape = list(self.children[0].shape)
        shape[self.axis] = sum(child.shape[self.axis] for child in self.children)
        return tuple(shape)


@dataclass(frozen=True, slots=True, eq=False)
class Scaled(Expression):
    """The child times a constant; computed, never exact."""

    child: Expression
    factor: float

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.child.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.child.shape


@dataclass(frozen=True, slots=True, eq=False)
class Cast(Expression):
    """The child's values in another dtype; computed, never exact."""

    child: Expression
    dtype: DType

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.child.shape


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Expression):
    """The children added element by element; computed, never exact."""

    children: tuple[Expression, ...]

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.children[0].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.children[0].shape


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that ``expression`` is directly made of."""
    if isinstance(expression, Concatenate | Sum):
        return expression.children
    if isinstance(expression, Transpose | Reshape | Slice | Scaled | Cast):
        return (expression.child,)
    return ()


def leaves(expression: Expression) -> Iterator[Source | Fill]:
    """The leaves, from left to right."""
    if isinstance(expression, Source | Fill):
        yield expression
        return
    for child in children(expression):
        yield from leaves(child)


def sources(expression: Expression) -> tuple[Tensor, ...]:
    """The distinct tensors the values come from, in the order they first appear."""
    found = [leaf.tensor for leaf in leaves(expression) if isinstance(leaf, Source)]
    return tuple({id(tensor): tensor for tensor in found}.values())


def is_exact(expression: Expression) -> bool:
    """Whether every value is a value of a source or fill, unchanged."""
    if isinstance(expression, Scaled | Cast | Sum):
        return False
    return all(is_exact(child) for child in children(expression))


def same(a: Expression, b: Expression) -> bool:
    """Whether two expressions are built in the same way over the same leaves.

    Expressions are simplified as they are built, so this also holds for most that came about in
    different ways; where it holds, all values are equal.
    """
    if a is b:
        return True
    if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if isinstance(a, Source) and isinstance(b, Source):
        return a.tensor is b.tensor
    if isinstance(a, Fill) and isinstance(b, Fill):
        return same_value(a.value, b.value)
    if _arguments(a) != _arguments(b):
        return False
    ours, theirs = children(a), children(b)
    return len(ours) == len(theirs) and all(map(same, ours, theirs))


def _arguments(node: Expression) -> tuple[Any, ...]:
    if isinstance(node, Transpose):
        return node.permutation
    if isinstance(node, Slice):
        return (node.axis, node.indices)
    if isinstance(node, Concatenate):
        return (node.axis,)
    return (node.factor,) if isinstance(node, Scaled) else ()


def same_value(a: float | int | bool, b: float | int | bool) -> bool:
    """Whether two fill values have the same bits: NaN equals itself, the zeros differ in sign."""
    if a != a or b != b:
        return a != a and b != b
    return a == b and math.copysign(1, a) == math.copysign(1, b)
