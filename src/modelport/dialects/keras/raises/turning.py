"""Values with their axes in another order, each turned once for all who want it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelport.dialects.keras.raises.value import Held, between, channels_last, plain
from modelport.dialects.keras.raises.wishes import Order
from modelport.model.graph import Dim, Node

if TYPE_CHECKING:
    from modelport.dialects.keras.raises.writer import Writer


class Turning:
    """Which values have been turned, and what they were before they got another shape."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._turned: dict[tuple[str, Order], Held] = {}
        self._before: dict[str, tuple[Held, tuple[Dim, ...]]] = {}
        self._extents: dict[str, tuple[Dim, ...]] = {}

    def found(self, held: Held, shape: Sequence[Dim] | None) -> None:
        """Remember the extents of a value; ``shape`` is that of ONNX."""
        if shape is not None:
            self._extents[held.name] = tuple(shape[axis] for axis in held.order)

    def remember(self, made: Held, before: Held, extents: Sequence[Dim]) -> None:
        """Note what a value was before it got another shape; ``extents`` are those it had."""
        self._before[made.name] = (before, tuple(extents))

    def before(self, held: Held, extents: Sequence[Dim]) -> str | None:
        """The value of these extents that a value was before it got another shape."""
        before, had = self._before.get(held.name, (held, (None,)))
        return None if None in had or had != tuple(extents) else before.name

    def cheapest(self, held: Sequence[Held], wish: Order | None = None) -> Order:
        """The order in which values of one rank are together with the fewest turned."""

        def costs(order: Order) -> tuple[int, bool, bool, bool]:
            turned = {
                x.name for x in held if x.order != order and (x.name, order) not in self._turned
            }
            rank = len(order)
            unlike = order != (wish or order), order != channels_last(rank), order != plain(rank)
            return len(turned), *unlike

        return min(dict.fromkeys(x.order for x in held), key=costs)

    def ordered(self, held: Held, order: Order) -> Held:
        """The same value with its axes in another order."""
        if held.order == order:
            return held
        key = (held.name, order)
        if key not in self._turned:
            axes = between(held.order, order)
            node = Node("", "Transpose", held.name.partition(":")[0])
            turned = self._reshaped(held, axes, order)
            if turned is None and axes[0] == 0:
                config = {"dims": list(axes[1:])}
                turned = self._writer.layer(node, "Permute", config, held, {}, order)
            elif turned is None:
                settings = {"axes": list(axes)}
                turned = self._writer.op(node, "Transpose", (held,), settings, order)[0]
            self._turned[key] = turned
            self._turned[turned.name, held.order] = held
        return self._turned[key]

    def _reshaped(self, held: Held, axes: Sequence[int], order: Order) -> Held | None:
        """The same where only axes of one element move: another shape over what lies as it did."""
        extents = self._extents.get(held.name)
        if extents is None:
            return None
        long = [axis for axis in axes if extents[axis] != 1]
        wanted = tuple(extents[axis] for axis in axes)
        if long != sorted(long):
            return None
        x, had = self._before.get(held.name, (held, extents))
        if had == wanted and None not in had:
            return Held(x.name, order)
        shape = [extent if isinstance(extent, int) else -1 for extent in wanted]
        node = Node("", "Reshape", held.name.partition(":")[0])
        if shape[1:].count(-1) < 2 and had[0] == wanted[0] is not None and len(shape) > 1:
            config = {"target_shape": shape[1:]}
            made = self._writer.layer(node, "Reshape", config, x, {}, order)
        elif shape.count(-1) < 2:
            made = self._writer.op(node, "Reshape", (x,), {"newshape": shape}, order)[0]
        else:
            return None
        self.remember(made, x, had)
        self._extents[made.name] = wanted
        return made
