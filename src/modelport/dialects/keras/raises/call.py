"""One call of an ONNX operator as its translation to Keras sees it, and the registry of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.onnx.operands import Operands
from modelport.model.dtype import DType
from modelport.model.expression import Expression
from modelport.model.graph import Node

if TYPE_CHECKING:
    from modelport.dialects.keras.raises.writer import Writer

FAMILIES = (
    "activation",
    "attention",
    "blocks",
    "elementwise",
    "indexing",
    "linear",
    "loss",
    "normalization",
    "pooling",
    "quantized",
    "reduction",
    "recurrent",
    "reshape",
    "resizing",
    "rotary",
    "scattering",
    "shape",
    "window",
)
"""The files that hold translations: importing them fills the table."""

DOMAIN = "ai.onnx"

Result: TypeAlias = "Held | Sequence[Held]"
Translation: TypeAlias = "Callable[[Call], Result]"

KERAS_DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "float16 bfloat16 float32 float64".split()
)
"""The data types of Keras."""

_WIDER = {"bfloat16": "float32"}
"""Data types whose elements Python has no numbers for, and what holds them."""

_TABLE: dict[str, Translation] = {}


def raises(*op_types: str) -> Callable[[Translation], Translation]:
    """Register the translation of these operators: it returns what their outputs are in Keras."""

    def register(function: Translation) -> Translation:
        for op_type in op_types:
            _TABLE[op_type] = function
        return function

    return register


@cache
def table() -> Mapping[str, Translation]:
    """Every translation, by operator."""
    for family in FAMILIES:
        import_module(f"modelport.dialects.keras.raises.{family}")
    return _TABLE


class Call(Operands):
    """A node with what is known about its operands."""

    def __init__(self, writer: Writer, node: Node) -> None:
        super().__init__(writer, node)
        self.writer = writer

    def held(self, index: int = 0) -> Held:
        """The operand in whatever order its axes lie; a constant becomes a layer's weight."""
        return self.writer.value(self._name(index))

    def plain(self, index: int = 0) -> Held:
        """The operand with its axes as in ONNX."""
        held = self.held(index)
        return self.writer.ordered(held, plain(held.rank))

    def spatial(self, index: int = 0) -> Held:
        """The operand with its channels where layers that move windows have them here."""
        held = self.held(index)
        return self.writer.ordered(held, self.writer.spatial(held.rank))

    @property
    def data_format(self) -> str:
        """Where layers that move windows have the channels here."""
        return self.writer.data_format

    def is_constant(self, index: int) -> bool:
        """Whether the operand is a weight or constant."""
        return self.has(index) and self.writer.is_constant(self._name(index))

    def operands(self, *places: int) -> list[Any]:
        """Operands that are taken together: their axes in one order, constants spelt out.

        Those of fewer axes than another have them as in ONNX, and so have the others then. One at
        least is a value.
        """
        ranks = [self.known(i).rank or 0 for i in places]
        most = max(ranks)
        constant = [self.is_constant(i) for i in places]
        held = [self.held(i) for i, known in zip(places, constant, strict=True) if not known]
        if not held:
            return [self.held(places[0]), *(self.arranged(i, plain(most)) for i in places[1:])]
        wide = [x for x in held if x.rank == most]
        order = self.writer.cheapest(wide or [held[0]], self.writer.wish(self.node))
        if len(order) != most or any(1 < x.rank < most for x in held):
            order = plain(most)
        return [self.arranged(i, order) for i in places]

    def placed(self, place: int, order: tuple[int, ...]) -> Held:
        """An operand as a value whose axes lie in ``order``."""
        weight = self.weight(place) if self.is_constant(place) else None
        if weight is not None:
            return self.writer.constants.value(weight, order)
        return self.writer.ordered(self.held(place), order)

    def arranged(self, place: int, order: tuple[int, ...]) -> Any:
        """An operand beside others that lie in ``order``; a constant as a number or an array."""
        if not self.is_constant(place):
            return self._broadcast(self.held(place), order)
        weight = self.weight(place)
        if weight is None:
            raise self.refused("an operand of which nothing is known")
        found = self.writer.constants.spelt(weight, order)
        if isinstance(found, Held):
            return found
        single = found.size == 1 and found.ndim <= len(order)
        return found.astype(_WIDER.get(found.dtype.name, found.dtype)).item() if single else found

    def _broadcast(self, x: Held, order: tuple[int, ...]) -> Held:
        """A value of as many axes in that order, or of fewer, which are the last ones in ONNX."""
        if x.rank == len(order):
            return self.writer.ordered(x, order)
        x = self.writer.ordered(x, plain(x.rank))
        if x.rank == 1 and order[-1] != len(order) - 1:
            shape = [1] * len(order)
            shape[order.index(len(order) - 1)] = -1
            return self.op("Reshape", x, newshape=shape, order=order)
        return x

    def cast(self, x: Held, dtype: DType | None) -> Held:
        """A value in another data type."""
        if dtype is None or dtype.name not in KERAS_DTYPES:
            raise self.refused(f"Keras has no data type {dtype}")
        return self.op("Cast", x, dtype=dtype.name)

    def computes(self, place: int) -> dict[str, Any]:
        """The ``dtype`` of a layer that computes as an operand does."""
        dtype = self.known(place).dtype
        return {"dtype": dtype.name} if dtype is not None and dtype.kind == "float" else {}

    def layer(
        self,
        op_type: str,
        config: Mapping[str, Any],
        x: Held | Sequence[Held],
        weights: Mapping[str, Expression] | None = None,
        order: tuple[int, ...] | None = None,
    ) -> Held:
        """A call of a stock layer; its result lies as its operand does, or in ``order``."""
        return self.writer.layer(self.node, op_type, config, x, weights or {}, order)

    def layers(
        self,
        op_type: str,
        config: Mapping[str, Any],
        x: Held,
        weights: Mapping[str, Expression],
        keywords: Mapping[str, Any],
        outputs: int,
    ) -> list[Held]:
        """A call of a stock layer with several results, or with arguments by name."""
        return self.writer.layers(self.node, op_type, config, x, weights, None, keywords, outputs)

    def op(
        self, class_name: str, *args: Any, order: tuple[int, ...] | None = None, **settings: Any
    ) -> Held:
        """A call of an operation of ``keras.ops``; ``settings`` are its constructor's.

        Its result lies as its operand of the most axes does, or in ``order``.
        """
        return self.writer.op(self.node, class_name, args, settings, order)[0]

    def ops(
        self,
        class_name: str,
        outputs: int,
        *args: Any,
        order: tuple[int, ...] | None = None,
        **settings: Any,
    ) -> list[Held]:
        """A call of an operation with several results."""
        return self.writer.op(self.node, class_name, args, settings, order, outputs)

    def next(self, *op_types: str) -> Call | None:
        """The call that alone takes this one's only result, where it is one of these operators."""
        node = self.writer.follower(self.node, op_types)
        return None if node is None else Call(self.writer, node)

    def absorb(self, following: Call) -> None:
        """Let this translation stand for the following call, too."""
        self.writer.absorbed(self.node, following.node)
