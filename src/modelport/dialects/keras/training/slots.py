"""Telling the tensors of an optimizer's state apart: which weight and which slot each belongs to.

Files keep them in an order that depends on the era (see ``optimizers/rule.py``); names help in
some. Nothing is guessed: every tensor must have the shape its place demands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelport.dialects.keras.training.order import Weight
from modelport.model.tensor import Tensor
from modelport.optimizers import adafactor, muon
from modelport.optimizers.rule import Era, Rule, Slot, alternating


@dataclass(slots=True)
class Found:
    """What a state holds: one tensor for each slot and weight (by its identity), and scalars.

    ``step`` is None where the file keeps none. ``remarks`` are what a reader of the report must
    know, ``frozen`` the weights whose slots no later Keras makes. ``why`` says why the slots could
    not be told apart, and is empty where they could.
    """

    slots: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    scalars: dict[str, Tensor] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A state to be told apart.

    ``weights`` are the trainable weights in the order of the layers; ``sorted_first`` says that
    the file's Keras sorted them by name, ``wrapped`` that a loss scale stands around the
    optimizer, ``scheduled`` that a schedule gave its learning rate.
    """

    rule: Rule
    settings: Mapping[str, Any]
    era: Era
    weights: Sequence[Weight]
    sorted_first: bool = False
    wrapped: bool = False
    scheduled: bool = False


def tell_apart(tensors: Mapping[str, Tensor], question: Question) -> Found:
    """Assign the tensors of a state, given in file order."""
    found = Found()
    rest = _without_scalars(list(tensors.items()), question, found)
    if not rest and not question.rule.layout(question.settings, Era.KERAS_3):
        return found
    named = _by_names(rest, question)
    if named is not None:
        found.slots = named
        return found
    places = _places(question, question.weights)
    if len(rest) > len(places) and all(item.size == 1 for _, item in rest[len(places) :]):
        rest = rest[: len(places)]  # placeholders of slots that are switched off
    if len(rest) != len(places):
        found.why = (
            f"{len(rest)} tensors for {len(question.weights)} trainable weights; "
            f"{question.rule.name} of {question.era} has {len(places)}"
        )
        return found
    _by_order(rest, question, found)
    return found


_STEP = re.compile(r"(^|/)(iterations?|iter)(_\d+)?(:0)?$")
_SCALARS = (
    (re.compile(r"(^|/)_?(current_)?learning_rate(_\d+)?(:0)?$"), "learning_rate"),
    (re.compile(r"(^|/)(momentum_cache|m_schedule)(_\d+)?(:0)?$"), "u_product"),
    (re.compile(r"(^|/)(current_loss_scale|dynamic_scale)(_\d+)?(:0)?$"), "dynamic_scale"),
    (re.compile(r"(^|/)(good_steps|step_counter)(_\d+)?(:0)?$"), "step_counter"),
)

_Named = list[tuple[str, Tensor]]


def _without_scalars(items: _Named, question: Question, found: Found) -> _Named:
    """The tensors without the counters and rates around them."""
    items = [(name, item) for name, item in items if "inner_optimizer/" not in name]
    if question.era is Era.KERAS_3 or any(name.startswith("optimizer/vars/") for name, _ in items):
        return _by_position(items, question, found)
    rest = []
    for index, (name, item) in enumerate(items):
        kind = "step" if _STEP.search(name) else _scalar_kind(name)
        if kind is None and index == 0 and item.shape == () and question.era is Era.KERAS_1_2:
            kind = "step"
        if kind is None or item.size != 1:
            rest.append((name, item))
        else:
            found.scalars[kind] = item
    return rest


def _scalar_kind(name: str) -> str | None:
    return next((kind for pattern, kind in _SCALARS if pattern.search(name)), None)


def _by_position(items: _Named, question: Question, found: Found) -> _Named:
    heads = ["step"]
    if question.era is Era.KERAS_3:
        if question.wrapped:
            heads = ["outer_step", "outer_learning_rate", "step_counter", "dynamic_scale", "step"]
        if not question.scheduled:
            heads.append("learning_rate")
    tails = list(question.rule.scalars) if question.era is Era.KERAS_3 else []
    size = len(items) - len(tails)
    for kind, (_, item) in zip(heads, items, strict=False):
        if item.size == 1:
            found.scalars[kind] = item
    for kind, (_, item) in zip(tails, items[max(size, 0) :], strict=False):
        if item.size == 1:
            found.scalars[kind] = item
    return items[len(heads) : max(size, 0)]


def _places(question: Question, weights: Sequence[Weight]) -> list[tuple[Slot, Weight]]:
    groups = question.rule.layout(question.settings, question.era)
    return [
        (slot, weights[i])
        for slot, i in alternating(groups, len(weights))
        if exists(question.rule, question.settings, slot.name, weights[i], question.era)
    ]


def exists(
    rule: Rule, settings: Mapping[str, Any], slot: str, weight: Weight, era: Era = Era.KERAS_3
) -> bool:
    """Whether that weight has that slot: of Muon's two some weights have only one."""
    if rule is adafactor.RULE:
        return adafactor.has_slot(slot, weight.tensor.shape, era)
    if rule is muon.RULE and slot == "velocity":
        return muon.has_velocity(settings, weight.name, weight.tensor.shape)
    return True


def slot_shape(rule: Rule, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that a slot of a weight of ``shape`` has."""
    return adafactor.slot_shape(slot, shape) if rule is adafactor.RULE else shape


def _by_order(rest: _Named, question: Question, found: Found) -> None:
    if question.rule is muon.RULE and not muon.told(question.settings):
        found.why = "the layers that Muon leaves to Adam are given by patterns"
        return
    layers = list(question.weights)
    by_name = sorted(layers, key=lambda weight: weight.name)
    fits = {
        "by name": _fits(rest, question, by_name),
        "of the layers": _fits(rest, question, layers),
    }
    order = ["by name", "of the layers"] if question.sorted_first else ["of the layers"]
    if question.era is Era.KERAS_1_2 and not question.sorted_first:
        order.append("by name")
    chosen = next((name for name in order if fits[name]), None)
    if chosen is None:
        found.why = "the shapes of its tensors fit no order of the trainable weights"
        return
    weights = by_name if chosen == "by name" else layers
    if question.era is Era.KERAS_1_2 and all(fits.values()) and by_name != layers:
        found.remarks.append(
            f"the shapes fit the weights in both orders; the order {chosen} is that of the "
            "file's Keras version"
        )
    elif chosen != order[0]:
        found.remarks.append(f"the shapes fit only the weights in the order {chosen}")
    for (slot, weight), (_, item) in zip(_places(question, weights), rest, strict=True):
        found.slots.setdefault(slot.name, {})[id(weight.tensor)] = item


def _fits(rest: _Named, question: Question, weights: Sequence[Weight]) -> bool:
    places = _places(question, weights)
    return len(places) == len(rest) and all(
        item.shape == slot_shape(question.rule, slot.name, weight.tensor.shape)
        for (slot, weight), (_, item) in zip(places, rest, strict=True)
    )


def _by_names(rest: _Named, question: Question) -> dict[str, dict[int, Tensor]] | None:
    """The slots where every name says weight and slot (``Adam/m/dense/kernel:0``), else None."""
    if question.era not in (Era.OPTIMIZER_V2, Era.TF_KERAS):
        return None
    weights = {weight.name.removesuffix(":0"): weight for weight in question.weights}
    slots = [
        slot for group in question.rule.layout(question.settings, question.era) for slot in group
    ]
    found: dict[str, dict[int, Tensor]] = {slot.name: {} for slot in slots}
    for name, item in rest:
        matches = [
            (slot, weights[weight])
            for slot in slots
            for weight in _candidates(name, slot, question.era)
            if weight in weights
        ]
        if len(matches) != 1 or item.shape != matches[0][1].tensor.shape:
            return None
        taken = found[matches[0][0].name]
        if id(matches[0][1].tensor) in taken:
            return None
        taken[id(matches[0][1].tensor)] = item
    complete = all(len(each) == len(question.weights) for each in found.values())
    return found if complete else None


def _candidates(name: str, slot: Slot, era: Era) -> Iterator[str]:
    """The weights whose slot a name may mean; the optimizer's own scopes come first."""
    steps = name.removesuffix(":0").split("/")
    if era is Era.OPTIMIZER_V2:
        if steps[-1] == slot.legacy:
            yield from ("/".join(steps[start:-1]) for start in range(1, len(steps) - 1))
        return
    for start in range(len(steps) - 1):
        if steps[start] == slot.short:
            yield "/".join(steps[start + 1 :])
