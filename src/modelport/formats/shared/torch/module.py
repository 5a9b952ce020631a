"""A pickled ``nn.Module``: the tree of its submodules, without any of their code.

An instance is pickled with its ``__dict__``: ``_parameters``, ``_buffers`` and ``_modules``, hooks,
and the arguments its class was made with. What ``forward`` does is nowhere in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.formats.shared.pickle.objects import Objects, attributes, class_name
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.torch.array import Array
from modelport.model.component import Component
from modelport.model.graph import Node, Scope
from modelport.model.model import Model
from modelport.wire.pickle import PersistentId, Stub

_INNER = ("_parameters", "_buffers", "_modules")
_OWN_WORDS = ("_backend", "training")


def is_module(stub: Stub) -> bool:
    """Whether an object has what every ``nn.Module`` has."""
    found = attributes(stub)
    return "_modules" in found and "_parameters" in found


def read_module(
    model: Model, root: Stub, objects: Objects, key: str = ""
) -> Iterator[tuple[str, Array]]:
    """Put the tree of modules into the model's graph; the tensors by their path in it.

    A module that occurs twice is one module with two paths; its tensors appear under the first.
    """
    model.dialect, model.kind = "torch", "modules"
    model.evidence[Component.ARCHITECTURE] = (
        "the tree of modules with their settings; what forward does is not in the file"
    )
    waiting: list[tuple[str, Stub, tuple[Scope, ...]]] = [(key, root, ())]
    seen = set[int]()
    while waiting:
        path, stub, scope = waiting.pop()
        if id(stub) in seen:
            continue
        seen.add(id(stub))
        found, tensors = attributes(stub), {}
        for kind in _INNER[:2]:
            inner = objects.build(found.get(kind))
            for name, value in inner.items() if isinstance(inner, Mapping) else ():
                built = objects.build(value)
                if isinstance(built, Array) and isinstance(name, str):
                    tensors[name] = f"{path}.{name}" if path else name
                    yield tensors[name], built
        inside = _children(found, objects)
        if path or tensors or not inside:
            model.graph.nodes.append(_node(path, stub, found, tensors, scope, objects))
        deeper = (*scope, Scope(path.rsplit(".", 1)[-1], class_name(stub), 0)) if path else scope
        waiting.extend(
            (f"{path}.{name}" if path else name, child, deeper)
            for name, child in reversed(inside.items())
        )


def _children(found: Mapping[Any, Any], objects: Objects) -> dict[str, Stub]:
    inner = objects.build(found.get("_modules"))
    if not isinstance(inner, Mapping):
        return {}
    built = {name: objects.build(value) for name, value in inner.items() if isinstance(name, str)}
    return {name: value for name, value in built.items() if isinstance(value, Stub)}


def _node(
    path: str,
    stub: Stub,
    found: Mapping[Any, Any],
    tensors: dict[str, str],
    scope: tuple[Scope, ...],
    objects: Objects,
) -> Node:
    name = class_name(stub)
    own = name.startswith("torch.nn.")
    settings = {
        key: plain(value, objects)
        for key, value in found.items()
        if isinstance(key, str) and key not in _OWN_WORDS and not key.startswith("_")
    }
    return Node(
        domain="torch.nn" if own else "torch",
        op_type=name.rsplit(".", 1)[-1] if own else name,
        name=path or name.rsplit(".", 1)[-1],
        inputs=[],
        outputs=[],
        attributes=settings,
        parameters=tensors,
        scope=scope,
    )


def is_class(persistent: PersistentId) -> bool:
    """Whether an id stands for a class: ``('module', class, source file, source)``."""
    parts = persistent.id
    return isinstance(parts, tuple) and len(parts) == 4 and parts[0] == "module"


def source_text(persistent: PersistentId) -> tuple[str, str] | None:
    """The path and the text of a class's source code, which torch kept until 1.5, or None."""
    path, text = persistent.id[2:] if is_class(persistent) else (None, None)
    return (path, text) if isinstance(path, str) and isinstance(text, str) else None
