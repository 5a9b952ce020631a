"""Values that are made from numbers."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import INT32, INT64
from modelport.model.graph import Node


@rule("Range")
def whole_numbers(scene: Scene, node: Node) -> bool:
    """Whole numbers as floats, up to one that was whole: counted as whole numbers."""
    limit = scene.producer(node.inputs[1], "Cast")
    start, step = scene.number(node.inputs[0]), scene.number(node.inputs[2])
    dtype = scene.dtype(node.outputs[0])
    if limit is None or start is None or not step or dtype is None:
        return False
    if dtype.name not in ("float32", "float64"):
        return False
    own = scene.dtype(limit.inputs[0])
    if own not in (INT64, INT32) or own is None or not start.is_integer() or not step.is_integer():
        return False
    where = node.name or node.outputs[0]
    first = scene.constant(int(start), own, f"{where}/start")
    each = scene.constant(int(step), own, f"{where}/step")
    counted = scene.put(node, "Range", [first, limit.inputs[0], each])
    return scene.become(node, "Cast", [counted], to=ONNX_DTYPES[dtype.name])
