"""The module of a TorchScript archive: an object whose attributes are tensors and modules.

Its classes are those of the file's own code, named ``__torch__.<path>.<Class>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.pickle.objects import Objects, attributes, class_name
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.packed import packed
from modelport.model.component import Component
from modelport.model.graph import Node, Scope
from modelport.model.model import Model
from modelport.wire.pickle import Stub

OWN = "__torch__."
_MANGLED = re.compile(r"\.?___torch_mangle_\d+")


def plain_class(name: str) -> str:
    """The class as its author named it: ``torch.nn.modules.linear.Linear``."""
    return _MANGLED.sub("", name.removeprefix(OWN))


def read_modules(model: Model, root: Any, objects: Objects) -> Iterator[tuple[str, Array]]:
    """Put the tree of modules into the model's graph; the tensors by their path in it."""
    model.dialect, model.kind = "torch", "modules"
    model.evidence[Component.ARCHITECTURE] = "the tree of modules, and their code as text"
    waiting: list[tuple[str, Any, tuple[Scope, ...]]] = [("", root, ())]
    seen = set[int]()
    while waiting:
        path, stub, scope = waiting.pop()
        if not isinstance(stub, Stub) or id(stub) in seen:
            continue
        seen.add(id(stub))
        name = plain_class(class_name(stub))
        tensors: dict[str, str] = {}
        settings: dict[str, Any] = {}
        inside: list[tuple[str, Stub]] = []
        for key, value in attributes(stub).items():
            built = objects.build(value)
            if isinstance(built, Array):
                tensors[key] = f"{path}.{key}" if path else key
                yield tensors[key], built
            elif isinstance(built, Stub) and class_name(built).startswith(OWN):
                inside.append((key, built))
            elif not key.startswith("_"):
                settings[key] = plain(value, objects)
        for key, array in packed(stub, objects):
            tensors[key] = f"{path}.{key}" if path else key
            yield tensors[key], array
        own = name.startswith("torch.nn.")
        if path or tensors or not inside:
            model.graph.nodes.append(
                Node(
                    domain="torch.nn" if own else "torch",
                    op_type=name.rsplit(".", 1)[-1] if own else name,
                    name=path or name.rsplit(".", 1)[-1],
                    attributes=settings,
                    parameters=tensors,
                    scope=scope,
                )
            )
        deeper = (*scope, Scope(path.rsplit(".", 1)[-1], name, 0)) if path else scope
        waiting.extend(
            (f"{path}.{key}" if path else key, child, deeper) for key, child in reversed(inside)
        )
