"""Softmax and its logarithm, written out as exponentials and sums."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.match import axes_of, is_float, keeps_axes
from modelport.dialects.onnx.simplify.nothing import same_shape
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node


@rule("Div")
def soft_max(scene: Scene, node: Node) -> bool:
    """``exp(x - max(x)) / sum(exp(x - max(x)))``; without the maximum it runs over, and stays."""
    grown = scene.producer(node.inputs[0], "Exp")
    total = scene.inner(node.inputs[1], "ReduceSum")
    if grown is None or total is None or total.inputs[0] != node.inputs[0]:
        return False
    found = _less_maximum(scene, grown.inputs[0], _axis(scene, total))
    return found is not None and _write(scene, node, "Softmax", *found)


@rule("Sub")
def log_soft_max(scene: Scene, node: Node) -> bool:
    """``x - max(x) - log(sum(exp(x - max(x))))``."""
    log = scene.inner(node.inputs[1], "Log")
    total = None if log is None else scene.inner(log.inputs[0], "ReduceSum")
    grown = None if total is None else scene.producer(total.inputs[0], "Exp")
    if total is None or grown is None or grown.inputs[0] != node.inputs[0]:
        return False
    found = _less_maximum(scene, node.inputs[0], _axis(scene, total))
    return found is not None and _write(scene, node, "LogSoftmax", *found)


def _write(scene: Scene, node: Node, op_type: str, x: str, axis: int) -> bool:
    fits = is_float(scene, x) and same_shape(scene, x, node.outputs[0])
    return fits and scene.become(node, op_type, [x], axis=axis)


def _axis(scene: Scene, node: Node) -> int | None:
    """The one axis of a reduction, which stays as an axis of 1."""
    rank = scene.rank(node.inputs[0])
    axes = None if rank is None or not keeps_axes(node) else axes_of(scene, node, rank)
    return axes[0] if axes is not None and len(axes) == 1 else None


def _less_maximum(scene: Scene, name: str, axis: int | None) -> tuple[str, int] | None:
    """The value that ``name`` is less its maximum along an axis."""
    node = scene.producer(name, "Sub")
    most = None if node is None else scene.producer(node.inputs[1], "ReduceMax")
    if node is None or most is None or axis is None or most.inputs[0] != node.inputs[0]:
        return None
    return (node.inputs[0], axis) if _axis(scene, most) == axis else None
