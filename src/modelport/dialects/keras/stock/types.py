"""The dtypes of values inside a model, as far as layers and operations of Keras 3 fix them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelport.dialects.keras.history.configs import is_operation
from modelport.model.graph import Node

_TRUTHS = frozenset(
    {
        *("All", "Any", "Equal", "Greater", "GreaterEqual", "Isfinite", "Isinf", "Isnan", "Less"),
        *("LessEqual", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "NotEqual"),
    }
)

_PLACES = frozenset({"Argmax", "Argmin", "Argsort", "CountNonzero", "Digitize", "SearchSorted"})

_KEEP = frozenset(
    {
        *("Absolute", "Add", "Clip", "Concatenate", "Copy", "ExpandDims", "Flip", "FloorDivide"),
        *("GetItem", "Max", "Maximum", "Min", "Minimum", "Mod", "Multiply", "Negative"),
        *("OnesLike", "Pad", "Power", "Repeat", "Reshape", "Roll", "Sign", "Sort", "Split"),
        *("Square", "Squeeze", "Stack", "StopGradient", "Subtract", "Tile", "Transpose"),
        *("Unstack", "ZerosLike"),
    }
)
"""Operations that give the dtype of their tensors, where these have the same."""

_KEEP_WHOLE = frozenset(
    {
        *("ActivityRegularization", "Add", "Average", "Concatenate", "Cropping1D", "Cropping2D"),
        *("Cropping3D", "Flatten", "InputLayer", "Maximum", "Minimum", "Multiply", "Permute"),
        *("RepeatVector", "Reshape", "Subtract", "ZeroPadding1D", "ZeroPadding2D"),
        *("ZeroPadding3D", "UpSampling1D"),
    }
)
"""Layers that give whole numbers for whole numbers."""


def settle(node: Node, types: dict[str, str]) -> None:
    """Note the dtypes of a node's outputs in ``types``, where they are known."""
    found = _given(node, types)
    if found is not None:
        types.update(dict.fromkeys(node.outputs, found))


def _given(node: Node, types: Mapping[str, str]) -> str | None:
    config = node.attributes.get("config") or {}
    if not is_operation(node.attributes.get("module")):
        return _alike(node.inputs, types) if node.op_type in _KEEP_WHOLE else None
    stated = config.get("dtype")
    if isinstance(stated, str):
        return stated
    if node.op_type in _TRUTHS:
        return "bool"
    if node.op_type in _PLACES:
        return "int32"
    if node.op_type == "Take":
        return types.get(node.inputs[0]) if node.inputs else None
    return _alike(node.inputs, types) if node.op_type in _KEEP else None


def _alike(names: Sequence[str], types: Mapping[str, str]) -> str | None:
    found = {types.get(name) for name in names}
    return found.pop() if len(found) == 1 else None
