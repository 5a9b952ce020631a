"""Operators that move elements: tiles, joins, one-hot rows, scattered updates."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, renamed, since
from modelport.model.dtype import INT64
from modelport.model.graph import Node

_INT64 = 7


@since(4, "Concat")
def concat(node: Node, write: Rewriting) -> None:
    """``axis`` had the default 1."""
    node.attributes.setdefault("axis", 1)
    write.put(node)


@since(6, "Tile")
def tile(node: Node, write: Rewriting) -> None:
    """One axis and its number of copies, both of the data's type; now a number for each axis."""
    data, copies, axis = node.inputs
    place = _one(axis, write)
    rank = write.rank(data)
    if rank is None:
        count = write.node("Shape", [write.node("Shape", [data])])
        ones = write.node("Expand", [write.constant([1], "ones"), count])
    else:
        ones = write.constant([1] * rank, "ones")
    repeats = write.node("ScatterElements", [ones, place, _one(copies, write)])
    node.inputs = [data, repeats]
    write.put(node)


def _one(number: str, write: Rewriting) -> str:
    """A value of one element as int64 of shape ``(1,)``."""
    found = write.values(number)
    if found is not None and found.size == 1:
        return write.constant([int(found.reshape(-1)[0])], "number")
    if write.dtype(number) != INT64:
        number = write.node("Cast", [number], to=_INT64)
    return write.node("Reshape", [number, write.constant([1], "ones")])


@since(11, "OneHot")
def one_hot(node: Node, write: Rewriting) -> None:
    """Negative indices were outside; now they count from the end, so they are put outside."""
    indices, depth = node.inputs[:2]
    if write.dtype(indices) != INT64:
        indices = write.node("Cast", [indices], to=_INT64)
    outside = _one(depth, write)
    outside = write.node("Reshape", [outside, write.constant([], "scalar")])
    negative = write.node("Less", [indices, write.constant(0, "least")])
    node.inputs[0] = write.node("Where", [negative, outside, indices])
    write.put(node)


@since(11, "Scatter")
def scatter(node: Node, write: Rewriting) -> None:
    """The same operator under a new name."""
    write.put(renamed(node, "ScatterElements"))
