"""Layer normalization that TensorFlow computes as that of a batch: each row is a channel of it."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.simplify.match import axes_of, is_all
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.expression import fill
from modelport.model.graph import Dim, Node

_BUT_CHANNELS = [0, 2, 3]


@rule("Reshape")
def by_rows(scene: Scene, node: Node) -> bool:
    """Rows as (1, rows, features, 1), normalized with their own statistics, and back."""
    norm = scene.inner(node.inputs[0], "BatchNormalization")
    before = None if norm is None else scene.producer(norm.inputs[0], "Reshape")
    if norm is None or before is None or norm.attributes.get("training_mode", 0):
        return False
    x = before.inputs[0]
    shape, middle, dtype = scene.known(x).shape, scene.known(norm.inputs[0]).shape, scene.dtype(x)
    if not shape or middle is None or dtype is None or len(middle) != 4:
        return False
    features = shape[-1]
    if not isinstance(features, int) or (middle[0], *middle[2:]) != (1, features, 1):
        return False
    plain = _is_filled(scene, norm.inputs[1], 1.0) and _is_filled(scene, norm.inputs[2], 0.0)
    if not plain or not _is_alike(shape, scene.known(node.outputs[0]).shape):
        return False
    if not _are_its_own(scene, norm, features):
        return False
    ones = scene.add_tensor(f"{node.name or node.outputs[0]}/ones", fill([features], 1.0, dtype))
    epsilon = float(norm.attributes.get("epsilon", 1e-5))
    return scene.become(node, "LayerNormalization", [x, ones], epsilon=epsilon)


def _is_filled(scene: Scene, name: str, value: float) -> bool:
    spread = scene.producer(name, "Expand")
    return is_all(scene, name, value) or (
        spread is not None and scene.number(spread.inputs[0]) == value
    )


def _is_alike(shape: Sequence[Dim], other: Sequence[Dim] | None) -> bool:
    """Whether shapes of as many elements are equal: all extents but one being equal is enough."""
    if other is None or len(shape) != len(other):
        return False
    apart = [pair for pair in zip(shape, other, strict=True) if pair[0] is None or len({*pair}) > 1]
    return len(apart) < 2 and not any(isinstance(dim, int) for pair in apart for dim in pair)


def _are_its_own(scene: Scene, norm: Node, features: int) -> bool:
    """Whether mean and variance are those of what is normalized."""
    x = norm.inputs[0]
    mean = _reduced(scene, norm.inputs[3], "ReduceMean")
    share = scene.producer(norm.inputs[4], "Div")
    squares = None if share is None else _reduced(scene, share.inputs[0], "ReduceSumSquare")
    if mean is None or share is None or squares is None:
        return False
    centred = scene.producer(squares.inputs[0], "Sub")
    return (
        mean.inputs[0] == x
        and scene.number(share.inputs[1]) == features
        and centred is not None
        and centred.inputs[0] == x
        and scene.producer(centred.inputs[1], "ReduceMean") is mean
    )


def _reduced(scene: Scene, name: str, op_type: str) -> Node | None:
    """The reduction over all but the channels that a value is, without axes of 1 or with them."""
    squeezed = scene.producer(name, "Squeeze")
    node = scene.producer(name if squeezed is None else squeezed.inputs[0], op_type)
    return node if node is not None and axes_of(scene, node, 4) == _BUT_CHANNELS else None
