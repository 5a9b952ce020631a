"""Lists whose items are known: operators on them stay until nobody takes what they give."""

from __future__ import annotations

import numpy as np

from modelport.dialects.onnx.flat.writing import Names, Writing, stacked, writes
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Graph, Node


@writes("SequenceConstruct")
@writes("SequenceEmpty")
def construct(writing: Writing, node: Node) -> bool:
    """A list of values."""
    writing.lists[node.outputs[0]] = list(node.inputs)
    return False


@writes("Identity")
def same(writing: Writing, node: Node) -> bool:
    """The same list."""
    if node.inputs and node.inputs[0] in writing.lists:
        writing.lists[node.outputs[0]] = writing.lists[node.inputs[0]]
    return False


@writes("SequenceInsert")
def insert(writing: Writing, node: Node) -> bool:
    """A list with one item more."""
    items = writing.lists.get(node.inputs[0])
    place = _place(writing, node, 2, items)
    if items is not None and place is not None:
        new = [*items[:place], node.inputs[1], *items[place:]]
        writing.lists[node.outputs[0]] = new
    return False


def _place(writing: Writing, node: Node, at: int, items: Names | None) -> int | None:
    """Where in a list something happens; at its end where nothing is said."""
    if items is None:
        return None
    if len(node.inputs) <= at or not node.inputs[at]:
        return len(items)
    place = writing.number(node, at)
    return place if place is None or place >= 0 else place + len(items)


@writes("SequenceErase")
def erase(writing: Writing, node: Node) -> bool:
    """A list with one item less."""
    items = writing.lists.get(node.inputs[0])
    place = _place(writing, node, 1, items)
    if items is not None and place is not None:
        place = min(place, len(items) - 1)
        writing.lists[node.outputs[0]] = items[:place] + items[place + 1 :]
    return False


@writes("SplitToSequence")
def split(writing: Writing, node: Node) -> bool:
    """Parts along an axis, where it is known how many there are."""
    x = writing.known(node.inputs[0])
    axis = int(node.attributes.get("axis", 0))
    extent = x.dim(axis)
    if not isinstance(extent, int) or len(node.outputs) != 1:
        return False
    sizes = _sizes(writing, node, extent)
    if sizes is None or len(sizes) > writing.left:
        return False
    lengths = writing.constant(np.array(sizes, "int64"), f"{node.outputs[0]}/sizes")
    parts = [writing.unique(f"{node.outputs[0]}/part") for _ in sizes]
    made = Node(DOMAIN, "Split", writing.unique(f"{node.name}/Split"), [node.inputs[0], lengths])
    made.outputs, made.attributes, made.scope = parts, {"axis": axis}, node.scope
    writing.made.nodes.append(made)
    if len(node.inputs) < 2 and not node.attributes.get("keepdims", 1):
        axes = writing.constant(np.array([axis], "int64"), f"{node.outputs[0]}/axis")
        parts = [writing.put(node, "Squeeze", [part, axes]) for part in parts]
    writing.put(node, "SequenceConstruct", parts, node.outputs[0])
    writing.lists[node.outputs[0]] = parts
    return True


def _sizes(writing: Writing, node: Node, extent: int) -> list[int] | None:
    if len(node.inputs) < 2 or not node.inputs[1]:
        return [1] * extent
    given = writing.known(node.inputs[1]).array
    if given is None or (given.ndim == 0 and given < 1):
        return None
    if given.ndim:
        return [int(size) for size in given]
    size = int(given)
    return [min(size, extent - start) for start in range(0, extent, size)]


@writes("SequenceAt")
def at(writing: Writing, node: Node) -> bool:
    """One item."""
    items, place = writing.lists.get(node.inputs[0]), writing.number(node, 1)
    if items is None or place is None or not -len(items) <= place < len(items):
        return False
    return writing.stand(node, [items[place]])


@writes("SequenceLength")
def length(writing: Writing, node: Node) -> bool:
    """How many items there are."""
    items = writing.lists.get(node.inputs[0])
    if items is None:
        return False
    count = np.array(len(items), "int64")
    return writing.stand(node, [writing.constant(count, f"{node.outputs[0]}/length")])


@writes("ConcatFromSequence")
def concat(writing: Writing, node: Node) -> bool:
    """The items one behind the other."""
    items = writing.lists.get(node.inputs[0])
    if not items:
        return False
    axis = int(node.attributes["axis"])
    if node.attributes.get("new_axis", 0):
        return writing.stand(node, [stacked(writing, node, items, axis)])
    writing.put(node, "Concat", items, node.outputs[0], axis=axis)
    return True


@writes("SequenceMap")
def map_(writing: Writing, node: Node) -> bool:
    """A body for each item of a list, beside those of others or the same tensor every time."""
    body: Graph = node.attributes["body"]
    items = writing.lists.get(node.inputs[0])
    if items is None or not 0 < len(items) * len(body.nodes) <= writing.left:
        return False
    others = [writing.lists.get(name) for name in node.inputs]
    boxed = [bool(writing.known(name).boxes) for name in node.inputs]
    if any(box and other is None for box, other in zip(boxed, others, strict=True)):
        return False
    found = [
        writing.inline(
            body,
            [
                name if other is None else other[place]
                for name, other in zip(node.inputs, others, strict=True)
            ],
        )
        for place in range(len(items))
    ]
    for name, parts in zip(node.outputs, zip(*found, strict=True), strict=True):
        writing.put(node, "SequenceConstruct", parts, name)
        writing.lists[name] = list(parts)
    return True
