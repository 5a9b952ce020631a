"""Proof of the weights: every tensor of the target is a rearrangement of the source's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelport.convert.account import unused
from modelport.convert.carry import canonical, carry
from modelport.convert.compare import Fingerprint, differing, equal, fingerprint
from modelport.dialects.keras.raises.value import Layout
from modelport.errors import MalformedFile, ModelportError
from modelport.formats.table import by_name
from modelport.model.axes import axes_of
from modelport.model.expression import Expression, is_exact
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether the written weights are exactly the source's, and which of those are left over.

    ``differing`` are those that are not alike on both sides, ``strange`` those that only the
    other side has.
    """

    exact: bool
    unused: list[str]
    differing: list[str]
    strange: list[str] = field(default_factory=list)


def prove(source: Model, carried: Model, written: Model, report: Report | None = None) -> Proof:
    """Hold the weights as written against what they were derived from, bit by bit.

    Bytes that were only copied are read back and held against two checksums, CRC-32 and CRC-32C,
    of the bytes as they went out; the source is not read a second time for them.

    ``carried`` is the model in memory, whose tensors are expressions over those of ``source``;
    ``written`` is the file read again. What ``report`` says was dropped or approximated is not
    exact, but no surprise either.
    """
    found = comparable(written) if carried.dialect == "keras" else written
    paired = _under_carried_names(carried.tensors, found.tensors)
    names = differing(carried.tensors, paired)
    lossy = (Kind.DROPPED, Kind.APPROXIMATED)
    told = {change.where for change in report or () if change.kind in lossy}
    left_over = unused(source, carried, report)
    if source is carried:
        left_over = [name for name in source.tensors if name not in paired]
    exact = not names and not left_over and _all_exact(carried.tensors)
    return Proof(exact, left_over, [name for name in names if name not in told])


def prove_alike(a: Model, b: Model) -> Proof | None:
    """Proof that two files, whoever made them, hold the same weights; None where none can be told.

    Either file is carried to the format of the other, so that both are in one layout; what has
    other names is told by content. Where that leads nowhere, weights are told by content in any
    order of their elements. Constants that a graph needs for itself are no weights.
    """
    proof = _by_carrying(a, b)
    if proof is None:
        back = _by_carrying(b, a)
        proof = Proof(back.exact, back.strange, back.differing) if back is not None else None
    if proof is None and a.dialect != b.dialect and a.dialect and b.dialect:
        proof = _by_content(a, b)
    return proof


def _by_carrying(a: Model, b: Model) -> Proof | None:
    try:
        # Weights alone are compared as they are; writing them is not what is asked.
        carried = a if a.format == b.format and a.dialect is None else _carried(a, b)
        found = comparable(b) if carried.dialect == "keras" else b
    except MalformedFile:
        raise  # values that are damaged, which other ways of pairing them would not mend
    except ModelportError:
        return None
    paired = _under_carried_names(carried.tensors, found.tensors)
    strange = [name for name in paired if name not in carried.tensors]
    wanted = carried.tensors
    if a.dialect != b.dialect:
        # Of a translation, weights alone have to be there; it may do without our constants.
        absent = [name for name in wanted if name not in paired]
        wanted = {
            name: tensor
            for name, tensor in wanted.items()
            if name in paired or isinstance(tensor.data, Expression) or a.dialect is None
        }
        strange = [name for name in strange if not _own_constant(paired[name])]
        translated = a.dialect is not None and b.dialect is not None
        if translated and (strange or any(name in wanted for name in absent)):
            return None
    names = differing(wanted, {name: paired[name] for name in paired if name in wanted})
    if carried is a:
        left_over = [name for name in a.tensors if name not in paired]
    else:
        left_over = unused(a, carried)
    exact = not (names or left_over or strange) and _all_exact(wanted)
    return Proof(exact, left_over, names, strange)


def _carried(a: Model, b: Model) -> Model:
    asked = axes_of(b).layout
    layout = Layout(asked) if asked in list(Layout) else Layout.SOURCE
    return carry(a, by_name(b.format), Report(), layout)


def _by_content(a: Model, b: Model) -> Proof | None:
    """Pair weights whose elements are the same in any order; None unless all find their pair."""
    waiting: dict[Fingerprint, int] = {}
    for tensor in b.tensors.values():
        if not _own_constant(tensor):
            found = fingerprint(tensor)
            waiting[found] = waiting.get(found, 0) + 1
    for tensor in a.tensors.values():
        found = fingerprint(tensor)
        if not waiting.get(found) and not _own_constant(tensor):
            return None
        waiting[found] = waiting.get(found, 0) - 1
    return None if any(count > 0 for count in waiting.values()) else Proof(True, [], [])


def _own_constant(tensor: Tensor) -> bool:
    """Whether a tensor is a number or a shape that a graph needs, rather than a weight."""
    return tensor.dtype.kind not in ("float", "complex") or tensor.size <= 1


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
