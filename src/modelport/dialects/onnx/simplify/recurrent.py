"""Recurrent layers that begin with nothing."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.match import is_all
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node

_KEEPS_ELEMENTS = (
    *("Cast", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
)
_MOST = 64


@rule("LSTM", "GRU", "RNN")
def from_nothing(scene: Scene, node: Node) -> bool:
    """States of zeros at the beginning need not be given."""
    inputs = list(node.inputs)
    for index in (5, 6):
        if index < len(inputs) and inputs[index] and is_zero(scene, inputs[index]):
            inputs[index] = ""
    if inputs == node.inputs:
        return False
    while not inputs[-1]:
        inputs.pop()
    return scene.rewire(node, inputs)


def is_zero(scene: Scene, name: str) -> bool:
    """Whether a value is 0 throughout, whatever its shape."""
    waiting, seen = [name], {name}
    while waiting:
        item = waiting.pop()
        given = [] if is_all(scene, item, 0.0) else _made_of(scene, item)
        if given is None or len(seen) > _MOST:
            return False
        waiting += [other for other in given if other not in seen]
        seen.update(given)
    return True


def _made_of(scene: Scene, name: str) -> list[str] | None:
    """The values whose elements a value has; none where it is zeros, None where it is not known."""
    node = scene.producer(name)
    if node is None:
        return None
    if node.op_type == "ConstantOfShape":
        value = node.attributes.get("value")
        zero = value is None or (value.size == 1 and not value.numpy().any())
        return [] if zero else None
    if node.op_type == "Concat":
        return node.inputs
    return node.inputs[:1] if node.op_type in _KEEPS_ELEMENTS else None
