"""Proof of the weights: every tensor of the target is a rearrangement of the source's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelport.convert.account import unused
from modelport.convert.carry import canonical
from modelport.convert.compare import Fingerprint, differing, equal, fingerprint
from modelport.model.expression import Expression, is_exact
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the written weights are exactly the source's, and which of those are left over."""

    exact: bool
    unused: list[str]
    differing: list[str]


def prove(source: Model, carried: Model, written: Model, report: Report | None = None) -> Proof:
    """Hold the weights as written against what they were derived from, bit by bit.

    ``carried`` is the model in memory, whose tensors are expressions over those of ``source``;
    ``written`` is the file read again. What ``report`` says was dropped or approximated is not
    exact, but no surprise either.
    """
    found = comparable(written) if carried.dialect == "keras" else written
    paired = _under_carried_names(carried.tensors, found.tensors)
    names = differing(carried.tensors, paired)
    lossy = (Kind.DROPPED, Kind.APPROXIMATED)
    told = {change.where for change in report or () if change.kind in lossy}
    left_over = unused(source, carried)
    if source is carried:
        left_over = [name for name in source.tensors if name not in paired]
    exact = not names and not left_over and _all_exact(carried.tensors)
    return Proof(exact, left_over, [name for name in names if name not in told])


def _under_carried_names(
    carried: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The written tensors; those under another name than they were carried under get it back.

    They are told by content: same dtype, shape and bits.
    """
    paired = {name: tensor for name, tensor in found.items() if name in carried}
    strange = {name: tensor for name, tensor in found.items() if name not in carried}
    by_content: dict[Fingerprint, list[str]] = {}
    for name, tensor in strange.items():
        by_content.setdefault(fingerprint(tensor), []).append(name)
    for name, tensor in carried.items():
        if name in found or not strange:
            continue
        alike = by_content.get(fingerprint(tensor), [])
        match = next((other for other in alike if equal(tensor, strange[other])), None)
        if match is not None:
            alike.remove(match)
            paired[name] = strange.pop(match)
    return paired | strange


def comparable(model: Model) -> Model:
    """A model with its weights under canonical names, where its dialect has such."""
    return canonical(model, Report()) if model.dialect == "keras" else model


def _all_exact(tensors: Mapping[str, Tensor]) -> bool:
    return all(
        is_exact(tensor.data) for tensor in tensors.values() if isinstance(tensor.data, Expression)
    )
