"""A pickled ``nn.Module``: the tree of its submodules, without any of their code.

An instance is pickled with its ``__dict__``: ``_parameters``, ``_buffers`` and ``_modules``, hooks,
and the arguments its class was made with. What ``forward`` does is nowhere in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from modelport.formats.shared.pickle.objects import Objects, attributes, class_name
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.packed import SCRIPT_OBJECT, packed
from modelport.model.component import Component
from modelport.model.graph import Node, Scope
from modelport.model.model import Model
from modelport.wire.pickle import PersistentId, Stub

_INNER = ("_parameters", "_buffers", "_modules")
_OWN_WORDS = ("_backend", "training")
_HOOKS = ("_forward_pre_hooks", "_forward_hooks")
_LIBRARY = "torch.nn.modules."


def is_module(stub: Stub) -> bool:
    """Whether an object has what every ``nn.Module`` has."""
    found = attributes(stub)
    return "_modules" in found and "_parameters" in found


def read_module(
    model: Model, root: Stub, objects: Objects, key: str = ""
) -> Iterator[tuple[str, Array]]:
    """Put the tree of modules into the model's graph; the tensors by their path in it.

    A module that occurs twice is one module with two paths; its tensors appear under the first, the
    second says where that is. A module without a name is an attribute of the graph.
    """
    model.dialect, model.kind = "torch", "modules"
    told = "modules of torch.nn with their settings; what each of them does is known"
    name = _foreign(root, objects)
    if name is not None:
        model.extras["forward"] = f"what forward of {name} does is not in the file"
        told = f"the tree of modules with their settings; {model.extras['forward']}"
    model.evidence[Component.ARCHITECTURE] = told
    if attributes(root).get("training") is True:
        model.graph.attributes["training"] = True
    waiting: list[tuple[str, Stub, tuple[Scope, ...]]] = [(key, root, ())]
    seen: dict[int, str] = {}
    while waiting:
        path, stub, scope = waiting.pop()
        if id(stub) in seen:
            model.graph.nodes.append(_again(path, stub, scope, seen[id(stub)]))
            continue
        seen[id(stub)] = path
        found, tensors = attributes(stub), {}
        for name, array in _own_tensors(stub, found, objects):
            tensors[name] = f"{path}.{name}" if path else name
            yield tensors[name], array
        inside = _children(found, objects)
        node = _node(path, stub, found, tensors, scope, objects)
        if not path:
            model.graph.attributes["module"] = node
        if path or tensors or not inside:
            model.graph.nodes.append(node)
        deeper = (*scope, Scope(path.rsplit(".", 1)[-1], class_name(stub), 0)) if path else scope
        waiting.extend(
            (f"{path}.{name}" if path else name, child, deeper)
            for name, child in reversed(inside.items())
        )


def _own_tensors(
    stub: Stub, found: Mapping[Any, Any], objects: Objects
) -> Iterator[tuple[str, Array]]:
    """Parameters and buffers, and what quantised modules keep packed."""
    for kind in _INNER[:2]:
        inner = objects.build(found.get(kind))
        for name, value in inner.items() if isinstance(inner, Mapping) else ():
            built = objects.build(value)
            if isinstance(built, Array) and isinstance(name, str):
                yield name, built
    yield from packed(stub, objects)
    for key, value in found.items():
        if isinstance(value, Stub) and class_name(value) == SCRIPT_OBJECT:
            for name, array in packed(value, objects):
                yield f"{key}.{name}", array


def _foreign(root: Stub, objects: Objects) -> str | None:
    """The first class that is not torch's, whose order of modules only its code knows."""
    waiting, seen = [root], set[int]()
    while waiting:
        stub = waiting.pop()
        if id(stub) in seen:
            continue
        seen.add(id(stub))
        name = class_name(stub)
        if not name.startswith((_LIBRARY, "torch.nn.parallel.")):
            return name
        waiting.extend(reversed(_children(attributes(stub), objects).values()))
    return None


def _again(path: str, stub: Stub, scope: tuple[Scope, ...], first: str) -> Node:
    """A module that stood at another place already."""
    domain, op_type = _vocabulary(class_name(stub))
    return Node(domain, op_type, path, attributes={"same as": first}, scope=scope)


def _vocabulary(name: str) -> tuple[str, str]:
    """The domain of a class, and its name there."""
    if name.startswith(_LIBRARY):
        return "torch.nn", name.rsplit(".", 1)[-1]
    return "torch", name


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
    domain, op_type = _vocabulary(name)
    settings = {
        key: plain(value, objects)
        for key, value in found.items()
        if isinstance(key, str) and key not in _OWN_WORDS and not key.startswith("_")
    }
    hooks = [
        told if isinstance(told, Mapping) and "class" in told else {"class": _word(told)}
        for kind in _HOOKS
        for told in map(partial(plain, objects=objects), _values(found.get(kind), objects))
    ]
    if hooks:
        settings["hooks"] = hooks
    return Node(
        domain=domain,
        op_type=op_type,
        name=path or name.rsplit(".", 1)[-1],
        inputs=[],
        outputs=[],
        attributes=settings,
        parameters=tensors,
        scope=scope,
    )


def _values(mapping: Any, objects: Objects) -> list[Any]:
    built = objects.build(mapping)
    return list(built.values()) if isinstance(built, Mapping) else []


def _word(told: Any) -> str:
    """The name of a function, as far as it is told."""
    return str(told.get("name", "?")) if isinstance(told, Mapping) else "?"


def is_class(persistent: PersistentId) -> bool:
    """Whether an id stands for a class: ``('module', class, source file, source)``."""
    parts = persistent.id
    return isinstance(parts, tuple) and len(parts) == 4 and parts[0] == "module"


def source_text(persistent: PersistentId) -> tuple[str, str] | None:
    """The path and the text of a class's source code, which torch kept until 1.5, or None."""
    path, text = persistent.id[2:] if is_class(persistent) else (None, None)
    return (path, text) if isinstance(path, str) and isinstance(text, str) else None
