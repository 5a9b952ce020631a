"""Of every operator of ONNX' default domain what it demands, and the types and constants it gives.

A lowering follows a config that may say anything, over weights that need not fit it; a file may
state any graph. Held against these rules node by node, a graph that no runtime would load is never
finished and never followed. The rules are those of the operator specification
(https://onnx.ai/onnx/operators/) in its newest form, as far as ranks, known extents and types go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelport.dialects.onnx.edge import MOST
from modelport.dialects.onnx.types import (
    control,
    creation,
    elementwise,
    indexing,
    normalization,
    product,
    reduction,
    sequence,
    shaping,
    signal,
    window,
)
from modelport.dialects.onnx.types.call import RULES, Body, Call, Settings
from modelport.dialects.onnx.types.dims import demand
from modelport.dialects.onnx.types.known import UNKNOWN, Known

FAMILIES = (
    control,
    creation,
    elementwise,
    indexing,
    normalization,
    product,
    reduction,
    sequence,
    shaping,
    signal,
    window,
)
"""The files whose rules the table holds: importing them fills it."""

DOMAIN = "ai.onnx"

_POSITIVE = ("group", "hidden_size", "num_groups", "blocksize")
_POSITIVES = ("kernel_shape", "strides", "dilations")
_COUNTS = ("pads", "output_padding")
_FORMER: dict[str, tuple[str, ...]] = {
    "axes": ("Reduce", "Squeeze", "Unsqueeze", "Slice"),
    "axis": ("DFT",),
    "split": ("Split",),
}
"""Settings that became inputs: a node of an older operator set must not be read as a newer one."""
_NEEDED = {"GroupNormalization": "num_groups", "Concat": "axis", "Einsum": "equation"}


def results(
    op_type: str,
    inputs: Sequence[Known | None],
    settings: Settings,
    outputs: int = 1,
    body: Body | None = None,
    domain: str = DOMAIN,
) -> list[Known]:
    """What is known of each output; an input that is None is left out.

    Raises:
        ValueError: ONNX does not allow the operator on these inputs, with these settings.
    """
    entry = RULES.get(op_type) if domain == DOMAIN else None
    if entry is None:
        return [UNKNOWN] * outputs
    if settings:
        _check_settings(op_type, settings)
    first = inputs[0] if inputs else None
    if entry.kinds is not None and first is not None and first.dtype is not None:
        demand(first.dtype.kind in entry.kinds, f"{op_type} does not take {first.dtype}")
    found = list(entry.rule(Call(op_type, inputs, settings, outputs, body)))
    return found[:outputs] + [UNKNOWN] * (outputs - len(found))


def _check_settings(op_type: str, settings: Settings) -> None:
    needed = _NEEDED.get(op_type)
    demand(needed is None or needed in settings, f"{op_type} needs a {needed}")
    for name, value in settings.items():
        former = name in _FORMER and op_type.startswith(_FORMER[name])
        demand(not former, f"{op_type} takes its {name} as an input since long")
        fine = _is_setting(name, value) if op_type != "Pad" else True
        demand(fine, f"{op_type} does not take {str(value)[:80]} as its {name}")


def _is_setting(name: str, value: Any) -> bool:
    if name in _POSITIVE:
        return _is_whole(value, 1)
    if name in _POSITIVES or name in _COUNTS:
        least = 1 if name in _POSITIVES else 0
        return isinstance(value, list | tuple) and all(_is_whole(item, least) for item in value)
    return not isinstance(value, int) or -MOST <= value <= MOST


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and least <= value <= MOST
