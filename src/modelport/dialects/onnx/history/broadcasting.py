"""Operators of two inputs before version 7, which broadcast only where told, and from an axis."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since
from modelport.model.graph import Node

_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow")
_COMPARISONS = ("And", "Or", "Xor", "Equal", "Greater", "Less")


@since(7, *_ARITHMETIC, *_COMPARISONS)
def two_inputs(node: Node, write: Rewriting) -> None:
    """``broadcast`` and ``axis``: the second shape lies within the first from ``axis`` on.

    Without ``axis`` its end is matched, as numpy does.
    """
    axis = node.attributes.pop("axis", None)
    if node.attributes.pop("broadcast", 0) and axis is not None:
        node.inputs[1] = _aligned(node.inputs[1], node.inputs[0], axis, write)
    write.put(node)


@since(7, "PRelu")
def slopes(node: Node, write: Rewriting) -> None:
    """One slope for each channel, which is axis 1, not the last one."""
    shape = write.shape(node.inputs[1])
    if shape is None or (len(shape) == 1 and shape != (1,)):
        node.inputs[1] = _aligned(node.inputs[1], node.inputs[0], 1, write)
    write.put(node)


@since(7, "Gemm")
def gemm(node: Node, write: Rewriting) -> None:
    """``broadcast`` only allowed what is always allowed now."""
    node.attributes.pop("broadcast", None)
    write.put(node)


def _aligned(small: str, big: str, axis: int, write: Rewriting) -> str:
    """``small`` with axes of 1 at its end, so that it begins at an axis of ``big``."""
    inner, outer = write.rank(small), write.rank(big)
    if inner is not None and outer is not None:
        missing = outer - axis % max(outer, 1) - inner
        if missing <= 0 or inner == 0:
            return small
        return write.node("Unsqueeze", [small], axes=list(range(inner, inner + missing)))
    shape = write.node("Shape", [small])
    ranks = [write.node("Size", [write.node("Shape", [name])]) for name in (big, small)]
    start = write.constant(axis, "axis")
    if axis < 0:
        start = write.node("Add", [ranks[0], start])
    missing_axes = write.node("Sub", [write.node("Sub", [ranks[0], start]), ranks[1]])
    none = write.constant(0, "least")
    count = write.node("Unsqueeze", [write.node("Max", [missing_axes, none])], axes=[0])
    ones = write.node("Expand", [write.constant([1], "ones"), count])
    whole = write.node("Concat", [shape, ones], axis=0)
    return write.node("Reshape", [small, whole], allowzero=1)
