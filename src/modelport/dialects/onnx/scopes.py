"""The path of modules to each node, from what exporters leave in a file.

torch.onnx writes it into ``metadata_props`` (dynamo) or into the names of nodes (TorchScript);
Keras' and TensorFlow's exporters into names. All are hints for readers of source, nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from modelport.model.graph import Node, Scope

_NAMES, _CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"


def scope_of(node: Node) -> tuple[Scope, ...]:
    """The modules around a node, outermost first; empty where nothing is known."""
    if node.scope:
        return node.scope
    names = _listed(node.metadata.get(_NAMES))
    if names:
        return _of_metadata(names, _listed(node.metadata.get(_CLASSES)))
    if node.name.startswith("/"):
        return _relative(node.name.split("/")[1:-1], [""] * node.name.count("/"))
    return ()


def class_of(node: Node) -> str:
    """The class of the innermost module around a node, without its package; empty if unknown."""
    scope = scope_of(node)
    return scope[-1].type.rpartition(".")[2] if scope else ""


def _of_metadata(names: Sequence[str], classes: Sequence[str]) -> tuple[Scope, ...]:
    # The first is the model itself, the last the operator.
    kinds = [*classes, *[""] * len(names)]
    return _relative(names[1:-1], [kind.rpartition(".")[2] for kind in kinds[1:]])


def _relative(names: Sequence[str], types: Sequence[str]) -> tuple[Scope, ...]:
    """Paths such as ``layer1``, ``layer1.0``, each below the one before, as single steps."""
    steps: list[Scope] = []
    before = ""
    for name, kind in zip(names, types, strict=False):
        own = name.removeprefix(f"{before}.") if before else name
        parts = own.split(".")
        steps += [Scope(part, "") for part in parts[:-1]]
        steps.append(Scope(parts[-1], kind))
        before = name
    return tuple(step for step in steps if step.name)


def _listed(text: str | None) -> list[str]:
    """A list of texts as Python writes it; empty where it is none."""
    if not text or len(text) > 100_000:
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    fine = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return found if fine else []
