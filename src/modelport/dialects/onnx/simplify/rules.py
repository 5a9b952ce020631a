"""Where rules register, and the order they are tried in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from modelport.model.graph import Node

if TYPE_CHECKING:
    from modelport.dialects.onnx.simplify.scene import Scene

Rule: TypeAlias = "Callable[[Scene, Node], bool]"
"""Makes a graph simpler at a node, the last one of what it knows; false where it does not fit."""

RULES: dict[str, list[Rule]] = {}
"""By operator; filled by the files beside this one."""


def rule(*op_types: str) -> Callable[[Rule], Rule]:
    """Register a rule that starts at nodes of these operators."""

    def register(function: Rule) -> Rule:
        for op_type in op_types:
            RULES.setdefault(op_type, []).append(function)
        return function

    return register
