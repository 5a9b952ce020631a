"""Derived tensor data: rearrangements of other tensors, written down instead of carried out.

An expression is built from leaves, ``source(tensor)`` and ``fill(...)``, by transpose, reshape,
slice and concatenate. It is a pure rearrangement, so a conversion made of such expressions is
provably exact, and the same expression, rebased on an optimizer's slots, carries the state.
``Scaled``, ``Cast`` and ``Sum`` are computed and never exact.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
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
        return transpose(self, permutation or tuple(reversed(range(len(self.shape)))))

    def reshape(self, *shape: int) -> Expression:
        """The same elements in C order under another shape; one extent may be -1."""
        return reshape(self, shape)

    def slice(self, axis: int, start: int | None, stop: int | None, step: int = 1) -> Expression:
        """Python's ``start:stop:step`` along one axis."""
        return slice_axis(self, axis, start, stop, step)

    def flip(self, *axes: int) -> Expression:
        """The given axes in reverse order."""
        flipped: Expression = self
        for axis in axes:
            flipped = slice_axis(flipped, axis, None, None, -1)
        return flipped

    def split(self, axis: int, parts: int) -> list[Expression]:
        """Equal parts along one axis."""
        extent = self.shape[axis] // parts
        return [slice_axis(self, axis, i * extent, (i + 1) * extent) for i in range(parts)]

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


def source(tensor: Tensor) -> Expression:
    """The leaf for a tensor, or, where its data is derived already, that derivation."""
    return tensor.data if isinstance(tensor.data, Expression) else Source(tensor)


def fill(shape: Sequence[int], value: float | int | bool, dtype: DType) -> Expression:
    """One value repeated over ``shape``."""
    return Fill(value, tuple(shape), dtype)


def transpose(child: Expression, permutation: Sequence[int]) -> Expression:
    """The child with its axes in the order ``permutation``."""
    order = tuple(permutation)
    if sorted(order) != list(range(len(child.shape))):
        raise ValueError(f"{order} is no permutation of the axes of {child.shape}")
    if order == tuple(range(len(order))):
        return child
    if isinstance(child, Fill):
        return Fill(child.value, tuple(child.shape[axis] for axis in order), child.dtype)
    if isinstance(child, Transpose):
        return transpose(child.child, [child.permutation[axis] for axis in order])
    return Transpose(child, order)


def reshape(child: Expression, shape: Sequence[int]) -> Expression:
    """The child's elements in C order under ``shape``; one extent may be -1."""
    size = math.prod(child.shape)
    wanted = list(shape)
    if -1 in wanted:
        rest = math.prod(extent for extent in wanted if extent != -1)
        wanted[wanted.index(-1)] = size // rest if rest else 0
    if math.prod(wanted) != size:
        raise ValueError(f"cannot reshape {child.shape} to {tuple(shape)}")
    if tuple(wanted) == child.shape:
        return child
    if isinstance(child, Fill):
        return Fill(child.value, tuple(wanted), child.dtype)
    if isinstance(child, Reshape):
        return reshape(child.child, wanted)
    return Reshape(child, tuple(wanted))


def slice_axis(
    child: Expression, axis: int, start: int | None, stop: int | None, step: int = 1
) -> Expression:
    """Python's ``start:stop:step`` along one axis of the child."""
    axis %= len(child.shape)
    chosen = range(child.shape[axis])[slice(start, stop, step)]
    if chosen == range(child.shape[axis]):
        return child
    if isinstance(child, Fill):
        shape = (*child.shape[:axis], len(chosen), *child.shape[axis + 1 :])
        return Fill(child.value, shape, child.dtype)
    return Slice(child, axis, chosen.start, len(chosen), chosen.step)


def concatenate(children: Sequence[Expression], axis: int) -> Expression:
    """The children one after another along ``axis``."""
    if len(children) == 1:
        return children[0]
    return Concatenate(tuple(children), axis % len(children[0].shape))


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


def identity(expression: Expression) -> tuple[Any, ...]:
    """A key that two expressions share where they rearrange the same tensors the same way."""
    if isinstance(expression, Source):
        return ("source", id(expression.tensor))
    below: tuple[Any, ...] = tuple(identity(child) for child in children(expression))
    if isinstance(expression, Fill):
        below = (expression.value, expression.dtype.name)
    elif isinstance(expression, Transpose):
        below = (expression.permutation, *below)
    elif isinstance(expression, Slice):
        below = (expression.axis, expression.start, expression.step, *below)
    elif isinstance(expression, Concatenate):
        below = (expression.axis, *below)
    elif isinstance(expression, Scaled):
        below = (expression.factor, *below)
    return (type(expression).__name__, expression.dtype.name, expression.shape, *below)


def is_exact(expression: Expression) -> bool:
    """Whether every value is a value of a source or fill, unchanged."""
    if isinstance(expression, Scaled | Cast | Sum):
        return False
    return all(is_exact(child) for child in children(expression))


def rebase(expression: Expression, replace: Callable[[Source | Fill], Expression]) -> Expression:
    """The same rearrangement over other leaves, such as an optimizer's slots."""
    if isinstance(expression, Source | Fill):
        return replace(expression)
    parts = [rebase(child, replace) for child in children(expression)]
    if isinstance(expression, Transpose):
        return transpose(parts[0], expression.permutation)
    if isinstance(expression, Reshape):
        return reshape(parts[0], expression.shape)
    if isinstance(expression, Slice):
        return Slice(parts[0], expression.axis, expression.start, expression.count, expression.step)
    if isinstance(expression, Concatenate):
        return concatenate(parts, expression.axis)
    if isinstance(expression, Scaled):
        return Scaled(parts[0], expression.factor)
    if isinstance(expression, Cast):
        return Cast(parts[0], expression.dtype)
    return Sum(tuple(parts))
