"""Operations of ``keras.ops`` in the ``.h5`` files of Keras 3, which leave out their module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelport.model.graph import Node


def with_module(node: Node) -> Node:
    """The node, with the module of operations where it is one.

    Some have the name of a layer (``Add``, ``Reshape``), but a layer always says whether it is
    trainable, and an operation never does.
    """
    attributes = node.attributes
    config = attributes.get("config")
    if attributes.get("module") or attributes.get("registered_name"):
        return node
    if not isinstance(config, Mapping) or "trainable" in config or "graph" in attributes:
        return node
    # The table of lowerings is heavy to import, and few files need it.
    from modelport.dialects.keras.layer import lowerings

    if f"keras.ops.{node.op_type}" not in lowerings():
        return node
    return replace(node, attributes={**attributes, "module": "keras.src.ops"})
