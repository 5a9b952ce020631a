"""The state of an optimizer of any Keras era, slot by slot under the weights of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelport.dialects.keras.training.order import Weight, annotate, layers, weights
from modelport.dialects.keras.training.slots import Found, Question, exists, slot_shape, tell_apart
from modelport.dialects.keras.training.stated import Stated, stated_optimizer
from modelport.model.component import Component
from modelport.model.expression import (
    Cast,
    Concatenate,
    Expression,
    Fill,
    Reshape,
    Scaled,
    Slice,
    Source,
    Sum,
    Transpose,
    concatenate,
    fill,
    is_exact,
    rebase,
    source,
    sources,
)
from modelport.model.graph import Graph
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor
from modelport.model.training import OptimizerState
from modelport.optimizers import adafactor, nadam
from modelport.optimizers.rule import Era


def upgrade_state(
    native: Model, canonical: Model, optimizer: Stated, report: Report
) -> OptimizerState | None:
    """The state told apart and laid out as the weights are; None where there is none or no telling.

    Every difference is in ``report``.
    """
    stated = native.optimizer_state
    if stated is None:
        return None
    own = list(weights(canonical.graph))
    trainable = [weight for weight in own if weight.trainable]
    found = _found(native, stated, own, optimizer)
    if found.why:
        report.add(Kind.DROPPED, Component.OPTIMIZER_STATE, "optimizer", found.why)
        return None
    for name in found.frozen:
        why = "its layer was frozen after compiling; Keras 3 has no slots for it"
        report.add(Kind.DROPPED, Component.OPTIMIZER_STATE, name, why)
    for remark in found.remarks:
        report.add(Kind.INVENTED, Component.OPTIMIZER_STATE, "optimizer", remark)
    state = OptimizerState(stated.step, dict(stated.tensors))
    _set_step(state, found, optimizer, report)
    _set_scalars(state, found, optimizer, report)
    state.slots = {
        slot: {
            weight.name: _slot_tensor(weight, slot, found, optimizer, report)
            for weight in trainable
            if exists(optimizer.rule, optimizer.settings, slot, weight)
        }
        for slot in _used_slots(optimizer, found, report)
    }
    return state


def native_slots(native: Model, canonical: Model) -> dict[str, dict[str, Tensor]]:
    """The slots of a file under its own names of weights; empty where they cannot be told apart.

    ``canonical`` is the upgraded model; its graph gets Keras' order (``order.annotate``).
    """
    annotate(canonical.graph, canonical.kind == "sequential")
    stated, training = native.optimizer_state, native.training
    optimizer = stated_optimizer(native, training, Report()) if training is not None else None
    if stated is None or optimizer is None:
        return {}
    found = _found(native, stated, list(weights(canonical.graph)), optimizer)
    return {
        slot: {
            name: held[id(tensor)] for name, tensor in native.tensors.items() if id(tensor) in held
        }
        for slot, held in found.slots.items()
    }


def _found(native: Model, stated: OptimizerState, own: list[Weight], optimizer: Stated) -> Found:
    """The state of the trainable weights, or of those with what was frozen after compiling."""
    trainable = [weight for weight in own if weight.trainable]
    found = _told_apart(native, stated, trainable, optimizer)
    frozen = [weight for weight in own if weight.frozen]
    if not found.why or not frozen:
        return found
    every = [weight for weight in own if weight.trainable or weight.frozen]
    wider = _told_apart(native, stated, every, optimizer)
    if wider.why:
        return found
    wider.frozen.extend(weight.name for weight in frozen)
    return wider


def _told_apart(
    native: Model, stated: OptimizerState, trainable: list[Weight], optimizer: Stated
) -> Found:
    question = Question(
        optimizer.rule,
        optimizer.settings,
        optimizer.era,
        list(_native_order(native, trainable, optimizer.era)),
        sorted_first=optimizer.era is Era.KERAS_1_2 and _up_to_2_0_5(native.producer.version),
        wrapped=optimizer.wrapper is not None,
        scheduled=isinstance(optimizer.given.get("learning_rate"), Mapping),
    )
    return tell_apart(stated.tensors, question)


def _up_to_2_0_5(version: str | None) -> bool:
    numbers = [int(part) for part in re.findall(r"\d+", version or "")[:3]]
    return bool(numbers) and numbers <= [2, 0, 5]


def _native_order(native: Model, trainable: list[Weight], era: Era) -> Iterator[Weight]:
    """The file's own trainable weights, in the order in which its optimizer met them."""
    wanted: dict[int, Tensor] = {}
    for weight in trainable:
        for tensor in sources(source(weight.tensor)):
            wanted.setdefault(id(tensor), tensor)
    if era is Era.KERAS_3 or native.format == "keras-v3":
        # The tree of a .keras file has no order of its own; that of the layers' weights counts.
        for tensor in wanted.values():
            yield Weight(tensor.name, tensor, True)
        return
    for tensor in _tensors(native.graph):
        if wanted.pop(id(tensor), None) is not None:
            yield Weight(tensor.name, tensor, True)


def _tensors(graph: Graph) -> Iterator[Tensor]:
    for calls in layers(graph).values():
        for name in calls[0].parameters.values():
            yield graph.tensors[name]
        inner = calls[0].attributes.get("graph")
        if isinstance(inner, Graph):
            yield from _tensors(inner)


def _set_step(state: OptimizerState, found: Found, optimizer: Stated, report: Report) -> None:
    tensor = found.scalars.get("step")
    if tensor is not None:
        state.step = int(float(tensor.numpy().reshape(-1)[0]))
    if state.step is None:
        state.step = 0
        matters = isinstance(optimizer.settings["learning_rate"], Mapping)
        report.add(
            Kind.APPROXIMATED if matters else Kind.INVENTED,
            Component.OPTIMIZER_STATE,
            "iteration",
            "the file keeps no step count; it begins at 0"
            + ("" if not matters else ", and so does the schedule of the learning rate"),
        )


def _set_scalars(state: OptimizerState, found: Found, optimizer: Stated, report: Report) -> None:
    for kind, tensor in found.scalars.items():
        if kind not in ("step", "outer_step", "outer_learning_rate"):
            state.scalars[kind] = float(tensor.numpy().reshape(-1)[0])
    if found.scalars.get("outer_step") is not None:
        state.scalars["outer_step"] = float(found.scalars["outer_step"].numpy().reshape(-1)[0])
    moving = optimizer.wrapper is not None and not optimizer.fixed_scale
    if moving and "dynamic_scale" not in state.scalars:
        report.add(
            Kind.INVENTED,
            Component.OPTIMIZER_STATE,
            "dynamic_scale",
            "the file does not keep the scale of the loss; it begins anew at initial_scale",
        )
    if optimizer.rule is nadam.RULE and "u_product" not in state.scalars:
        old = optimizer.era in (Era.KERAS_1_2, Era.OPTIMIZER_V2)
        rate = optimizer.given.get("schedule_decay", optimizer.given.get("decay", 0.004))
        state.scalars["u_product"] = nadam.u_product(
            optimizer.settings, state.step or 0, float(rate or 0.0) if old else 1.0
        )
        report.add(
            Kind.INVENTED,
            Component.OPTIMIZER_STATE,
            "u_product",
            "the file does not keep the product of Nadam's momenta; it follows from the step",
        )


def _used_slots(optimizer: Stated, found: Found, report: Report) -> list[str]:
    layout = optimizer.rule.layout(optimizer.settings, Era.KERAS_3)
    used = [slot.name for group in layout for slot in group]
    for slot in found.slots:
        if slot not in used:
            report.add(
                Kind.REARRANGED,
                Component.OPTIMIZER_STATE,
                slot,
                f"{optimizer.rule.name} of these settings never uses it, and Keras 3 has none",
            )
    return used


def _slot_tensor(
    weight: Weight, slot: str, found: Found, optimizer: Stated, report: Report
) -> Tensor:
    """A slot as the weight itself was rearranged; what the file lacks starts anew."""
    expression = source(weight.tensor)
    held = found.slots.get(slot, {})
    shape = slot_shape(optimizer.rule, slot, weight.tensor.shape)
    name = f"{weight.name}/{slot}"
    if shape != weight.tensor.shape or isinstance(expression, Source):
        only = sources(expression)
        tensor = (
            held.get(id(only[0])) if len(only) == 1 and expression.shape == only[0].shape else None
        )
        if tensor is not None and tensor.shape == shape and isinstance(expression, Source):
            return Tensor(name, source(tensor))
        return _fresh(name, shape, weight, slot, optimizer, report)
    missing = [tensor for tensor in sources(expression) if id(tensor) not in held]
    if missing or not sources(expression):
        return _fresh(name, shape, weight, slot, optimizer, report)
    if not is_exact(expression):
        report.add(
            Kind.APPROXIMATED,
            Component.OPTIMIZER_STATE,
            name,
            "the weight was computed from several; the slot is that of the first",
        )
        expression = _first_of_sums(expression)

    def slot_of(leaf: Source | Fill) -> Expression:
        if isinstance(leaf, Source):
            return source(held[id(leaf.tensor)])
        return fill(leaf.shape, _initial(slot, optimizer), leaf.dtype)

    return Tensor(name, rebase(expression, slot_of))


def _first_of_sums(expression: Expression) -> Expression:
    if isinstance(expression, Sum):
        return _first_of_sums(expression.children[0])
    if isinstance(expression, Concatenate):
        return concatenate([_first_of_sums(part) for part in expression.children], expression.axis)
    if isinstance(expression, Transpose | Reshape | Slice | Scaled | Cast):
        return replace(expression, child=_first_of_sums(expression.child))
    return expression


def _fresh(
    name: str, shape: tuple[int, ...], weight: Weight, slot: str, optimizer: Stated, report: Report
) -> Tensor:
    if optimizer.rule is not adafactor.RULE or not adafactor.is_placeholder(
        slot, weight.tensor.shape
    ):
        report.add(
            Kind.INVENTED,
            Component.OPTIMIZER_STATE,
            name,
            "the file holds no such slot of this weight; it starts anew",
        )
    return Tensor(name, fill(shape, _initial(slot, optimizer), weight.tensor.dtype))


def _initial(slot: str, optimizer: Stated) -> float:
    for group in optimizer.rule.groups:
        for each in group:
            if each.name == slot and each.initial is not None:
                return float(optimizer.settings.get(each.initial) or 0.0)
    return 0.0
