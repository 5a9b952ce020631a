"""Extents that only a run knows, reached from values that have them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices
from modelport.errors import ConversionError
from modelport.model.graph import Dim, Node, Shape

if TYPE_CHECKING:
    from modelport.dialects.keras.raises.writer import Writer

_NODE = Node("", "Extent", "")


class Extents:
    """The named extents of a graph, each with a value that has it."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._where: dict[str, tuple[Held, int]] = {}
        self._zeros: dict[str, Held] = {}

    def found(self, held: Held, shape: Shape) -> None:
        """Remember the extents of a value; ``shape`` is that of ONNX."""
        for axis, extent in enumerate(shape or ()):
            if isinstance(extent, str):
                self._where.setdefault(extent, (held, held.axis(axis)))

    def line(self, extent: Dim) -> Held:
        """As many zeros (int64) as the extent says, reached at no cost.

        Raises:
            ConversionError: no value has this extent.
        """
        if not isinstance(extent, str) or extent not in self._where:
            raise ConversionError(str(extent), "an extent that no value of the model has")
        if extent not in self._zeros:
            x, axis = self._where[extent]
            one = (0,)
            if x.rank > 1:
                chosen = [slices() if i == axis else slices(0, 0) for i in range(x.rank)]
                part = self._op("GetItem", x, chosen, order=plain(x.rank))
                others = [i for i in range(x.rank) if i != axis]
                x = self._op("Sum", part, axis=others, keepdims=False, order=one)
            self._zeros[extent] = self._op("ZerosLike", x, dtype="int64", order=one)
        return self._zeros[extent]

    def ramp(self, extent: Dim) -> Held:
        """The whole numbers (int64) from 0 to below the extent."""
        ones = self._op("Add", self.line(extent), 1)
        return self._op("Subtract", self._op("Cumsum", ones, axis=0), 1)

    def number(self, extent: Dim) -> Held:
        """The extent itself, a scalar (int64)."""
        ones = self._op("Add", self.line(extent), 1)
        return self._op("Sum", ones, axis=[0], keepdims=False, order=())

    def fixed(self, number: int) -> Held:
        """A number that is known, a scalar (int64)."""
        return self._op(
            "Add", self._op("Cast", self._writer.constants.zero(), dtype="int64"), number
        )

    def product(self, extents: Sequence[Dim]) -> Held:
        """The product of extents, a scalar (int64)."""
        total = self.fixed(math.prod(extent for extent in extents if isinstance(extent, int)))
        for extent in extents:
            if not isinstance(extent, int):
                total = self._op("Multiply", total, self.number(extent))
        return total

    def zeros(self, extents: Sequence[Dim], dtype: str) -> Held:
        """Zeros that have the open extents and are 1 long along the others."""
        total: Held | None = None
        rank = len(extents)
        for axis, extent in enumerate(extents):
            if isinstance(extent, int):
                continue
            shape = [1] * rank
            shape[axis] = -1
            part = self._op("Reshape", self.line(extent), newshape=shape, order=plain(rank))
            total = part if total is None else self._op("Add", total, part)
        if total is None:
            raise ConversionError("", "no extent is open")
        return self._op("Cast", total, dtype=dtype)

    def _op(
        self, name: str, *args: object, order: tuple[int, ...] | None = None, **settings: object
    ) -> Held:
        return self._writer.op(_NODE, name, args, settings, order)[0]
