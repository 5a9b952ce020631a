"""Where the tensors of an ONNX graph come from: hints for those who hold them as the source did.

ONNX wants many weights turned, and one that is used in two layouts it has twice. Metadata of a
tensor names the one it was, and the order of axes. Whoever follows it only rearranges what the file
holds, so that a hint that is wrong makes no wrong result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from modelport.convert.compare import equal
from modelport.model.derived import Source, Transpose
from modelport.model.expression import source, transpose
from modelport.model.graph import Graph
from modelport.model.opaque import closed, held_as
from modelport.model.tensor import Tensor

ORIGIN = "modelport.origin"
"""The key of a tensor's metadata: the name of another tensor, and the order of its axes here."""


def note_origins(graph: Graph) -> None:
    """Write down of every weight that only lies otherwise than in the source what it was."""
    for tensor in graph.tensors.values():
        data = tensor.data
        child = data.child if isinstance(data, Transpose) else data
        if isinstance(child, Source) and (child is not data or child.tensor.name != tensor.name):
            axes = range(len(data.shape))
            order = list(data.permutation if isinstance(data, Transpose) else axes)
            tensor.metadata[ORIGIN] = json.dumps([child.tensor.name, order])


def over_origins(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a graph as leaves, or as expressions over what they were in the source.

    What two were that hold the same is one leaf. ``opened`` leads back to the given tensors.
    """
    stated = {name: _origin(tensor) for name, tensor in tensors.items()}
    found = {name: closed(tensor) for name, tensor in tensors.items()}
    leaves = {name: found[name] for name in tensors if stated[name] is None}
    for name, tensor in tensors.items():
        said = stated[name]
        if said is None:
            continue
        origin, order = said
        back = sorted(range(len(order)), key=order.__getitem__)
        made = held_as(origin, transpose(source(tensor), back))
        leaf = leaves.setdefault(origin, made)
        leaf = leaf if leaf is made or equal(leaf, made) else made
        data = transpose(source(leaf), order)
        found[name] = Tensor(name, data, dict(tensor.metadata), tensor.doc)
    return found


def _origin(tensor: Tensor) -> tuple[str, list[int]] | None:
    """What metadata says of a tensor, if it can be."""
    axes = list(range(len(tensor.shape)))
    try:
        name, order = json.loads(tensor.metadata.get(ORIGIN, "null"))
        fits = isinstance(name, str) and sorted(map(int, order)) == axes
    except (TypeError, ValueError, RecursionError):
        return None
    return (name, list(map(int, order))) if fits else None
