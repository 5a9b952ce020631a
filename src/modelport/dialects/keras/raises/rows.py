"""Features that lie in another order than in ONNX, because those who take them do not mind.

An image flattened channels last has its features in another order than one flattened channels
first. Where all who take them have weights for each, as Dense and BatchNormalization do, these are
turned instead of the image; and so are those of a Dense whose features become an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport.dialects.keras.raises.value import channels_last
from modelport.dialects.keras.raises.wishes import Order
from modelport.model.expression import Expression, concatenate
from modelport.model.graph import Dim, Node

if TYPE_CHECKING:
    from modelport.dialects.keras.raises.writer import Writer

KEEPING = frozenset(
    "Cast Celu Clip Dropout Elu Gelu HardSigmoid HardSwish Identity LeakyRelu Mish Relu Selu "
    "Sigmoid Softplus Softsign Swish Tanh BatchNormalization".split()
)
"""Operators that keep the features of a matrix as they lie."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How features lie: one part behind the other, each spread over extents in some order."""

    parts: tuple[tuple[tuple[int, ...], Order], ...]

    @classmethod
    def spread(cls, extents: Sequence[int], order: Sequence[int]) -> Rows:
        """Those of one image: it has these extents in ONNX, and lies in that order."""
        return cls(((tuple(extents), tuple(order)),))

    def turned(self, weight: Expression, axis: int) -> Expression:
        """A weight with an axis of features, these as they lie."""
        before, after = weight.shape[:axis], weight.shape[axis + 1 :]
        found, begin = [], 0
        for extents, order in self.parts:
            size = 1
            for extent in extents:
                size *= extent
            part = weight.slice(axis, begin, begin + size).reshape(*before, *extents, *after)
            moved = [axis + place for place in order]
            rest = range(axis + len(extents), len(part.shape))
            part = part.transpose(*range(axis), *moved, *rest)
            found.append(part.reshape(*before, size, *after))
            begin += size
        return concatenate(found, axis) if len(found) > 1 else found[0]


def may_lie(writer: Writer, node: Node) -> bool:
    """Whether features may lie in any order: all who take them have weights for each."""
    waiting, seen = [node.outputs[0]], {node.outputs[0]}
    while waiting:
        name = waiting.pop()
        if not writer.users(name):
            return False
        for user in writer.users(name):
            if _keeps(writer, user) or _joins(writer, user):
                waiting += {user.outputs[0]} - seen
                seen.add(user.outputs[0])
            elif not _is_dense(writer, user, name):
                return False
    return True


def _keeps(writer: Writer, node: Node) -> bool:
    """Whether a node keeps features as they lie; what it takes beside them are weights."""
    others = node.inputs[1:]
    weights = all(not name or writer.weight(name) is not None for name in others)
    return node.op_type in KEEPING and weights


def _joins(writer: Writer, node: Node) -> bool:
    """Whether features are put one behind the other, their numbers known."""
    if node.op_type != "Concat" or writer.known(node.outputs[0]).rank != 2:
        return False
    known = all(isinstance(writer.known(name).dim(1), int) for name in node.inputs)
    return known and int(node.attributes["axis"]) in (1, -1)


def _is_dense(writer: Writer, node: Node, name: str) -> bool:
    """Whether a node is a Dense of a value."""
    from modelport.dialects.keras.raises.call import Call
    from modelport.dialects.keras.raises.linear import product

    taken = node.op_type in ("Gemm", "MatMul") and name not in node.inputs[1:]
    return taken and product(Call(writer, node)) is not None


def joined(writer: Writer, names: Sequence[str], sizes: Sequence[int]) -> Rows | None:
    """How features lie that are values one behind the other; None where they lie as in ONNX."""
    held = [writer.rows.get(name) for name in names]
    if not any(held):
        return None
    pairs = zip(held, sizes, strict=True)
    return Rows(tuple(p for rows, n in pairs for p in (rows.parts if rows else (((n,), (0,)),))))


def wanted(writer: Writer, node: Node) -> Rows | None:
    """How the features of a Dense should lie, where they become an image with channels last."""
    users = writer.users(node.outputs[0])
    while len(users) == 1 and _keeps(writer, users[0]):
        node = users[0]
        users = writer.users(node.outputs[0])
    if len(users) != 1 or users[0].op_type != "Reshape":
        return None
    before, after = (writer.known(name).shape for name in (node.outputs[0], users[0].outputs[0]))
    wish = writer.wishes.get(users[0].outputs[0])
    if not _is_image(before, after) or after is None or wish != channels_last(len(after)):
        return None
    extents = [extent for extent in after[1:] if isinstance(extent, int)]
    return Rows.spread(extents, [axis - 1 for axis in wish[1:]])


def _is_image(before: Sequence[Dim] | None, after: Sequence[Dim] | None) -> bool:
    """Whether a matrix becomes an image, its batch and features what they were."""
    if before is None or after is None or len(before) != 2 or len(after) < 3:
        return False
    fixed = all(isinstance(extent, int) for extent in (*before[1:], *after[1:]))
    return fixed and before[0] == after[0] is not None
