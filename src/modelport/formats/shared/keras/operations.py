"""Calls of functions inside functional models, as operations of ``keras.ops``.

tf_keras keeps them as layers, which ``dialects.keras.stock`` says in operations of Keras 3; the
``.h5`` files of Keras 3 name them without their module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelport.formats.shared.keras.classes import LAYERS
from modelport.formats.shared.keras.operation_names import OPERATION_MODULES
from modelport.model.graph import Node

_ALSO_LAYERS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Dot")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its class, its settings, and its call (tensors as ``{"tensor": i}``)."""

    class_name: str
    config: dict[str, Any] = field(default_factory=dict)
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """The operation as Keras 3 serialises it, without its call."""
        return {
            "module": OPERATION_MODULES[self.class_name],
            "class_name": self.class_name,
            "config": dict(self.config),
            "registered_name": self.class_name,
        }


def as_operation(node: Node) -> Operation | None:
    """A node that calls a function as an operation of Keras 3; None for a layer."""
    call = node.attributes.get("call") or {}
    args, kwargs = list(call.get("args", [])), dict(call.get("kwargs", {}))
    config = node.attributes.get("config") or {}
    module = str(node.attributes.get("module") or "")
    if module.startswith(("keras.src.ops", "keras.ops")):
        if node.op_type not in OPERATION_MODULES:
            return None
        return Operation(node.op_type, dict(config), args, kwargs)
    if module or node.op_type not in OPERATION_MODULES:
        return None
    if node.op_type in _ALSO_LAYERS:
        return Operation(node.op_type, {}, args, kwargs) if len(args) > 1 else None
    # NotEqual is in the list of layers because tf_keras' and Keras 3's .h5 files have it there.
    if node.op_type in LAYERS and node.op_type != "NotEqual":
        return None
    settings = {key: value for key, value in config.items() if key != "trainable"}
    return Operation(node.op_type, settings, args, kwargs)
