"""Equal nodes are one, and so are equal small constants."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Node

RANDOM = frozenset(
    "Bernoulli Dropout Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike"
    .split()
)  # fmt: skip
"""Operators that give something else at each call."""
MOST_COMPARED = 64
"""Elements of constants that are compared by their values."""


def again(scene: Scene, node: Node) -> bool:
    """What a node before gives already is not computed again."""
    if node.domain != DOMAIN or node.op_type in RANDOM or not node.inputs:
        return False
    key = _key(scene, node)
    if key is None:
        return False
    first = scene.seen.get(key)
    if first is None or first is node or not scene.has(first) or _key(scene, first) != key:
        scene.seen[key] = node
        return False
    if scene.place(first) > scene.place(node):
        scene.seen[key] = node
        first, node = node, first
    pairs = list(zip(first.outputs, node.outputs, strict=False))
    if len(node.outputs) > len(first.outputs) or any(b and not a for a, b in pairs):
        return False
    if any(b in scene.pinned for _, b in pairs):
        return False
    done = [scene.pass_on(node, a, index) for index, (a, b) in enumerate(pairs) if b]
    return all(done)


def _key(scene: Scene, node: Node) -> tuple[Any, ...] | None:
    settings = []
    for name in sorted(node.attributes):
        value = _frozen(node.attributes[name])
        if value is None:
            return None
        settings.append((name, value))
    inputs = tuple(_operand(scene, name) for name in node.inputs)
    return node.op_type, inputs, tuple(settings)


def _operand(scene: Scene, name: str) -> Any:
    """A value; constants that say how something is done are the same if their elements are."""
    known = scene.known(name) if name else None
    if known is None or known.held is None or known.dtype is None:
        return name
    if known.dtype.kind != "int" and name not in scene.made:
        return name
    array = scene.array(name)
    if array is None or array.size > MOST_COMPARED:
        return name
    return known.dtype.name, array.shape, array.tobytes()


def unite(scene: Scene) -> None:
    """Let constants that are no weights of the file be one where they are equal."""
    first: dict[Any, str] = {}
    for name in list(scene.graph.tensors):
        if name in scene.made and name not in scene.pinned:
            key = _operand(scene, name)
            kept = first.setdefault(key, name)
            if kept != name:
                scene.rename_uses(name, kept)


def _frozen(value: Any) -> Any:
    if isinstance(value, int | float | str | bytes):
        # -0.0 and 0.0 are equal to Python, and so are 1 and 1.0.
        return type(value).__name__, repr(value)
    if isinstance(value, list | tuple):
        items = [_frozen(item) for item in value]
        return None if None in items else tuple(items)
    return None
