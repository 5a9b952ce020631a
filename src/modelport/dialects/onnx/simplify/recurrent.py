"""Recurrent layers that begin with nothing."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.match import is_all
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node

_KEEPS_ELEMENTS = (
    *("Cast", "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split"),
    *("Squeeze", "Tile", "Transpose", "Unsqueeze"),
)
_DEEPEST = 12


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


def is_zero(scene: Scene, name: str, depth: int = 0) -> bool:
    """Whether a value is 0 throughout, whatever its shape."""
    if is_all(scene, name, 0.0):
        return True
    node = scene.producer(name) if depth < _DEEPEST else None
    if node is None:
        return False
    if node.op_type == "ConstantOfShape":
        value = node.attributes.get("value")
        return value is None or (value.size == 1 and not value.numpy().any())
    if node.op_type not in _KEEPS_ELEMENTS:
        return False
    given = node.inputs if node.op_type == "Concat" else node.inputs[:1]
    return all(is_zero(scene, item, depth + 1) for item in given)
