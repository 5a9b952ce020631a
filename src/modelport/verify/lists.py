"""Outputs that are lists on one side, and on the other one tensor with their items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.runtimes.runtime import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

STACKED = "a list of the one side is one tensor of the other, its items along a first axis"


def stacked_alike(a: Run, b: Run) -> Run | None:
    """``a`` with its lists as the tensors that ``b`` has for them; None where nothing fits so.

    Arrays of ``a`` that follow one another are a list where ``b`` has one array of one axis more,
    as long as they are many, and each of their shape.
    """
    import numpy as np

    found: list[NDArray[Any]] = []
    waiting = list(a.outputs)
    for wanted in b.outputs:
        if waiting and waiting[0].shape == wanted.shape:
            found.append(waiting.pop(0))
            continue
        count = wanted.shape[0] if wanted.ndim else 0
        items, waiting = waiting[:count], waiting[count:]
        if not count or len(items) < count or {item.shape for item in items} != {wanted.shape[1:]}:
            return None
        found.append(np.stack(items))
    if waiting:
        return None
    return Run(a.runtime, found, list(b.names), a.layers, a.refused)
