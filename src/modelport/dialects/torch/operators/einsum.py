"""Sums of products over named axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.onnx.types.dims import broadcast
from modelport.dialects.torch.call import Call, aten
from modelport.model.graph import Dim


@aten("einsum")
def einsum(call: Call, equation: str, tensors: Sequence[Any], path: Any = None) -> Edge:
    """The sum over all letters that the result does not name."""
    edges = [call.tensor(item) for item in tensors]
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if not arrow:
        letters = sorted(re.findall(r"[A-Za-z]", left))
        once = [letter for letter in letters if letters.count(letter) == 1]
        right = ("..." if "..." in left else "") + "".join(once)
    dims, rest = _dims(terms, edges)
    shape: list[Dim] = []
    for name in re.findall(r"\.\.\.|[A-Za-z]", right):
        shape.extend(rest if name == "..." else [dims[name]])
    text, dtype = ",".join(terms) + "->" + right, edges[0].dtype
    return call.b.emit("Einsum", edges, dtype, shape, equation=text)


def _dims(terms: Sequence[str], edges: Sequence[Edge]) -> tuple[dict[str, Dim], list[Dim]]:
    """The extent of each letter, and those of the ellipsis."""
    dims: dict[str, Dim] = {}
    rests: list[Sequence[Dim]] = []
    for term, edge in zip(terms, edges, strict=True):
        names = re.findall(r"\.\.\.|[A-Za-z]", term)
        wide = edge.rank - (len(names) - ("..." in names))
        axis = 0
        for name in names:
            if name == "...":
                rests.append(edge.shape[axis : axis + wide])
                axis += wide
                continue
            if not isinstance(dims.get(name), int) or dims[name] == 1:
                dims[name] = edge.shape[axis]
            axis += 1
    return dims, list(broadcast(rests)) if rests else []
