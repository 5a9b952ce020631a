"""Nodes that do nothing."""

from __future__ import annotations

import numpy as np

from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.known import DTYPE_OF
from modelport.model.graph import Node


def same_shape(scene: Scene, a: str, b: str) -> bool:
    """Whether two values have the same shape for sure."""
    first, second = scene.known(a).shape, scene.known(b).shape
    return first is not None and None not in first and first == second


@rule("Identity")
def identity(scene: Scene, node: Node) -> bool:
    """The same value under another name."""
    return scene.pass_on(node, node.inputs[0])


@rule("Dropout")
def dropout(scene: Scene, node: Node) -> bool:
    """Drops nothing but in training, and not even there what has no place in attention."""
    ratio = scene.array(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1] else 0.5
    if ratio is None or (np.any(ratio) and scene.producer(node.inputs[0], "Softmax") is None):
        return False
    training = node.inputs[2] if len(node.inputs) > 2 else ""
    off = scene.array(training) if training else None
    if training and (off is None or off.any()):
        return False
    if len(node.outputs) > 1 and scene.is_used(node.outputs[1]):
        return False
    return scene.pass_on(node, node.inputs[0])


@rule("Cast", "CastLike")
def cast(scene: Scene, node: Node) -> bool:
    """To the type that it has already."""
    dtype = scene.dtype(node.inputs[0])
    if node.op_type == "Cast":
        wanted = DTYPE_OF.get(int(node.attributes.get("to", 0)))
    else:
        wanted = scene.dtype(node.inputs[1])
    return dtype is not None and dtype == wanted and scene.pass_on(node, node.inputs[0])


@rule("Reshape", "Expand", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Pad", "Tile")
def unshaped(scene: Scene, node: Node) -> bool:
    """Where the shape stays, the elements do, but for what a Slice or Pad may do to them."""
    source = node.inputs[0]
    if not same_shape(scene, source, node.outputs[0]):
        return False
    if node.op_type in ("Slice", "Pad") and not _keeps(scene, node):
        return False
    return scene.pass_on(node, source)


def _keeps(scene: Scene, node: Node) -> bool:
    """Whether every element stays in its place."""
    if node.op_type == "Slice":
        steps = scene.whole(node.inputs[4]) if len(node.inputs) > 4 and node.inputs[4] else [1]
        return steps is not None and all(step == 1 for step in steps)
    amounts = scene.whole(node.inputs[1])
    return amounts is not None and not any(amounts)


@rule("Concat", "Sum", "Mean", "Max", "Min")
def alone(scene: Scene, node: Node) -> bool:
    """One value with nothing, or two as a sum; empty values add nothing to a Concat."""
    if len(node.inputs) == 1:
        return scene.pass_on(node, node.inputs[0])
    if node.op_type == "Sum" and len(node.inputs) == 2:
        return scene.become(node, "Add", node.inputs)
    if node.op_type != "Concat":
        return False
    axis = int(node.attributes["axis"])
    left = [name for name in node.inputs if scene.known(name).dim(axis) != 0]
    if not left or len(left) == len(node.inputs):
        return False
    return scene.rewire(node, left)


@rule("Transpose")
def untransposed(scene: Scene, node: Node) -> bool:
    """Axes in the order they have."""
    order = order_of(scene, node)
    return order == list(range(len(order or ()))) != [] and scene.pass_on(node, node.inputs[0])


def order_of(scene: Scene, node: Node) -> list[int] | None:
    """The axes of a Transpose, where they are known."""
    order = node.attributes.get("perm")
    if order is not None:
        return [int(axis) for axis in order]
    rank = scene.rank(node.inputs[0])
    return None if rank is None else list(reversed(range(rank)))


@rule("Split")
def whole(scene: Scene, node: Node) -> bool:
    """Into one part."""
    return len(node.outputs) == 1 and scene.pass_on(node, node.inputs[0])


@rule("Mul", "Div", "Add", "Sub", "Pow")
def neutral(scene: Scene, node: Node) -> bool:
    """Times 1, or 0 more."""
    wanted = 0 if node.op_type in ("Add", "Sub") else 1
    places = (1, 0) if node.op_type in ("Mul", "Add") else (1,)
    for place in places:
        source = node.inputs[1 - place]
        if scene.number(node.inputs[place]) == wanted and scene.tensor(source) is None:
            fits = same_shape(scene, source, node.outputs[0])
            return fits and scene.pass_on(node, source)
    return False
