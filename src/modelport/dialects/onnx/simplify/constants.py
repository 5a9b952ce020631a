"""Constants: what is known becomes a tensor of the graph."""

from __future__ import annotations

import numpy as np

from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.dtype import from_numpy
from modelport.model.graph import Node
from modelport.model.tensor import InMemory, Tensor, TensorData

_WITH_WEIGHTS = (
    *("BatchNormalization", "Conv", "ConvTranspose", "GRU", "Gemm", "GroupNormalization"),
    *("InstanceNormalization", "LSTM", "LayerNormalization", "MatMul", "PRelu", "RNN"),
)
_REARRANGED = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity")


def known(scene: Scene, node: Node) -> bool:
    """A node all of whose results are known is a constant of the graph.

    But what is computed from weights stays: their names and their values are the model's.
    """
    if not node.outputs or (scene.outer is not None and _gives(scene, node)):
        return False
    if any(_is_weight(scene, name) for name in node.inputs):
        return False
    held: list[TensorData | None] = []
    for name in node.outputs:
        array = scene.array(name) if name else None
        if name and (array is None or from_numpy(array.dtype) != scene.dtype(name)):
            return False
        held.append(None if array is None else InMemory(np.asarray(array, order="C")))
    return scene.hold(node, held)


def _is_weight(scene: Scene, name: str) -> bool:
    """Whether a value is a tensor of the file that may have been learned."""
    tensor = scene.tensor(name) if name else None
    if tensor is None or tensor.dtype.kind != "float" or tensor.size == 1:
        return False
    return name not in scene.made


def _gives(scene: Scene, node: Node) -> bool:
    # What a body gives must be made in it.
    return any(name in scene.pinned for name in node.outputs)


@rule("Constant")
def large(scene: Scene, node: Node) -> bool:
    """A constant too large to look into is a weight under the name of the value."""
    value = node.attributes.get("value")
    if not isinstance(value, Tensor) or (scene.outer is not None and _gives(scene, node)):
        return False
    return scene.hold(node, [value.data])


@rule("ConstantOfShape")
def weight_of_one_number(scene: Scene, node: Node) -> bool:
    """What takes weights gets one, though it holds the same number throughout.

    Elsewhere a node that fills a shape says more than a tensor that is filled.
    """
    output = node.outputs[0]
    known, value = scene.known(output), node.attributes.get("value")
    shape = known.shape
    if shape is None or not all(isinstance(extent, int) for extent in shape):
        return False
    if not _is_weight_only(scene, output):
        return False
    number = np.zeros((), np.float32) if value is None else np.asarray(value.numpy())
    if from_numpy(number.dtype) != known.dtype or number.size != 1:
        return False
    fixed = tuple(extent for extent in shape if isinstance(extent, int))
    return scene.hold(node, [InMemory(np.broadcast_to(number.reshape(()), fixed))])


def _is_weight_only(scene: Scene, name: str, depth: int = 0) -> bool:
    """Whether a value is taken as a weight alone, rearranged or as it is."""
    if name in scene.pinned or depth > 3:
        return False
    for user in scene.users(name):
        if user.op_type in _REARRANGED and user.inputs[0] == name and scene.has(user):
            if not _is_weight_only(scene, user.outputs[0], depth + 1):
                return False
        elif user.op_type not in _WITH_WEIGHTS or user.inputs[0] == name:
            return False
    return True
