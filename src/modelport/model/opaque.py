"""Tensors with elements that no source has, as tensors of their own for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from modelport.model.derived import Fill, Source, leaves
from modelport.model.dtype import DType
from modelport.model.expression import Expression, rebase, source
from modelport.model.tensor import Box, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """The data of a tensor whose derivation nobody looks into for a while."""

    inside: Expression

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.inside.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.inside.shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``."""
        return self.inside.read_box(box)


def closed(tensor: Tensor) -> Tensor:
    """The tensor as a leaf, where it has elements that no other tensor has; else as it is."""
    data = tensor.data
    if not (isinstance(data, Expression) and any(isinstance(leaf, Fill) for leaf in leaves(data))):
        return tensor
    return Tensor(tensor.name, Opaque(data), dict(tensor.metadata), tensor.doc)


def held_as(name: str, expression: Expression) -> Tensor:
    """What an expression gives as a leaf of a name of its own."""
    return Tensor(name, Opaque(expression))


def opened(expression: Expression) -> Expression:
    """The expression over what closed tensors were derived from."""

    def inside(leaf: Source | Fill) -> Expression:
        if isinstance(leaf, Source) and isinstance(leaf.tensor.data, Opaque):
            return leaf.tensor.data.inside
        return leaf

    return rebase(expression, inside)


def opened_tensor(tensor: Tensor) -> Tensor:
    """A tensor as it was before it, or what it is made of, was closed."""
    if isinstance(tensor.data, Opaque):
        return Tensor(tensor.name, tensor.data.inside, dict(tensor.metadata), tensor.doc)
    if isinstance(tensor.data, Expression):
        return Tensor(tensor.name, opened(source(tensor)), dict(tensor.metadata), tensor.doc)
    return tensor
