"""Between what numbers a value lies, where its operators say so."""

from __future__ import annotations

import math
from typing import TypeAlias

from modelport.dialects.onnx.simplify.activation import bounds
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node

Range: TypeAlias = "tuple[float, float]"

_SAME = (
    "Reshape Flatten Squeeze Unsqueeze Transpose Expand Slice Gather Tile Identity Dropout Split"
).split()
_OPERATORS = {
    "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "HardSigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0),
    "Erf": (-1.0, 1.0), "Sin": (-1.0, 1.0), "Cos": (-1.0, 1.0),
    "Relu": (0.0, math.inf), "Abs": (0.0, math.inf), "Exp": (0.0, math.inf),
    "Softplus": (0.0, math.inf), "Sqrt": (0.0, math.inf),
}  # fmt: skip
_POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool")
_DEEPEST = 12
ANY = (-math.inf, math.inf)


def span(scene: Scene, name: str, depth: int = 0) -> Range:
    """The least and the largest number that a value can hold, as far as they are known."""
    array = scene.array(name)
    if array is not None and array.dtype.kind in "fiub":
        values = array.astype("float64")
        known = values.size > 0 and values.min() <= values.max()
        return (float(values.min()), float(values.max())) if known else ANY
    node = scene.producer(name)
    if node is None or depth > _DEEPEST:
        return (0.0, 1.0) if _is_truth(scene, name) else ANY
    if node.op_type in _OPERATORS:
        return _OPERATORS[node.op_type]
    if node.op_type in _SAME or node.op_type in _POOLS:
        low, high = span(scene, node.inputs[0], depth + 1)
        # what is padded with counts as 0 or lies below all others
        return (min(low, 0.0), max(high, 0.0)) if node.op_type == "AveragePool" else (low, high)
    return _of_node(scene, node, depth + 1)


def _is_truth(scene: Scene, name: str) -> bool:
    dtype = scene.dtype(name)
    return dtype is not None and dtype.kind == "bool"


def _of_node(scene: Scene, node: Node, depth: int) -> Range:
    if node.op_type in ("Cast", "CastLike") and _is_truth(scene, node.inputs[0]):
        return 0.0, 1.0
    if node.op_type == "Clip":
        low, high = bounds(scene, node)
        return (-math.inf if low is None else low, math.inf if high is None else high)
    if node.op_type in ("Where", "Concat"):
        names = node.inputs[1:] if node.op_type == "Where" else node.inputs
        found = [span(scene, name, depth) for name in names]
        return min(low for low, _ in found), max(high for _, high in found)
    if node.op_type not in ("Add", "Sub", "Mul"):
        return (0.0, 1.0) if _is_truth(scene, node.outputs[0]) else ANY
    (a, b), (c, d) = (span(scene, name, depth) for name in node.inputs)
    if not all(map(math.isfinite, (a, b, c, d))):
        return ANY
    if node.op_type == "Add":
        return a + c, b + d
    if node.op_type == "Sub":
        return a - d, b - c
    ends = [a * c, a * d, b * c, b * d]
    return min(ends), max(ends)
