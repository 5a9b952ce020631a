"""Proof of the weights: every tensor of the target is a rearrangement of the source's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelport.convert.account import unused
from modelport.convert.carry import canonical
from modelport.convert.compare import differing
from modelport.model.expression import Expression, is_exact
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.model.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the written weights are exactly the source's, and which of those are left over."""

    exact: bool
    unused: list[str]
    differing: list[str]


def prove(source: Model, carried: Model, written: Model) -> Proof:
    """Hold the weights as written against what they were derived from, bit by bit.

    ``carried`` is the model in memory, whose tensors are expressions over those of ``source``;
    ``written`` is the file read again.
    """
    found = comparable(written) if carried.dialect == "keras" else written
    names = differing(carried.tensors, _under_carried_names(carried.tensors, found.tensors))
    left_over = unused(source, carried)
    exact = not names and not left_over and _all_exact(carried.tensors)
    return Proof(exact, left_over, names)


def _under_carried_names(
    carried: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The written tensors, those that the target had to rename under their first names.

    Writers keep the order, so the tensors without a counterpart are paired in turn.
    """
    lost = iter([name for name in carried if name not in found])
    return {name if name in carried else next(lost, name): found[name] for name in found}


def comparable(model: Model) -> Model:
    """A model with its weights under canonical names, where its dialect has such."""
    return canonical(model, Report()) if model.dialect == "keras" else model


def _all_exact(tensors: Mapping[str, Tensor]) -> bool:
    return all(
        is_exact(tensor.data) for tensor in tensors.values() if isinstance(tensor.data, Expression)
    )
