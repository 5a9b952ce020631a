"""The state dict of an optimizer of ``torch.optim``.

``state`` maps the position of a weight to its slots, ``param_groups`` lists settings and the
positions they are for. Before torch 1.5 a memory address stood in place of the position.
The class is not stated; which settings there are tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.torch.array import Array
from modelport.model.tensor import Tensor
from modelport.model.training import Optimizer, OptimizerState

_BY_SETTINGS: tuple[tuple[str, frozenset[str]], ...] = (
    ("LBFGS", frozenset({"history_size", "max_iter"})),
    ("Rprop", frozenset({"etas", "step_sizes"})),
    ("NAdam", frozenset({"betas", "momentum_decay"})),
    ("Muon", frozenset({"ns_steps", "momentum"})),
    ("Adafactor", frozenset({"beta2_decay"})),
    ("Adadelta", frozenset({"rho", "eps"})),
    ("RMSprop", frozenset({"alpha", "centered"})),
    ("ASGD", frozenset({"lambd", "t0"})),
    ("Adagrad", frozenset({"lr_decay", "initial_accumulator_value"})),
    ("Adagrad", frozenset({"lr_decay"})),
    ("Adam", frozenset({"betas", "amsgrad"})),
    ("SGD", frozenset({"momentum", "dampening"})),
    ("RAdam", frozenset({"betas", "decoupled_weight_decay"})),
    ("Adam", frozenset({"betas", "eps"})),
)
_STEP = "step"


def is_optimizer(value: Any, objects: Objects) -> bool:
    """Whether a value is the state dict of an optimizer, by its two keys."""
    if not isinstance(value, Mapping) or not {"state", "param_groups"} <= set(value):
        return False
    state, groups = (objects.build(value[key]) for key in ("state", "param_groups"))
    return isinstance(state, Mapping) and isinstance(groups, list) and bool(groups)


def read_optimizer(value: Mapping[str, Any], objects: Objects) -> tuple[Optimizer, OptimizerState]:
    """The optimizer's name and settings, and its state under ``<position>.<slot>``."""
    groups = [objects.build(group) for group in objects.build(value["param_groups"])]
    groups = [group for group in groups if isinstance(group, Mapping)]
    first = groups[0] if groups else {}
    settings = {key: plain(item, objects) for key, item in first.items() if key != "params"}
    if len(groups) > 1:
        settings["param_groups"] = [
            {key: plain(item, objects) for key, item in group.items() if key != "params"}
            for group in groups
        ]
    state = _state(objects.build(value["state"]), _positions(groups, objects), objects)
    return Optimizer(_name(settings, state), settings), state


def _positions(groups: list[Mapping[str, Any]], objects: Objects) -> dict[Any, int]:
    """Key of the state -> position, counted through all groups."""
    keys = [
        key
        for group in groups
        for key in objects.build(group.get("params", [])) or []
        if isinstance(key, int)
    ]
    return {key: position for position, key in enumerate(keys)}


def _state(state: Mapping[Any, Any], positions: dict[Any, int], objects: Objects) -> OptimizerState:
    found = OptimizerState()
    known = [key for key in state if key in positions]
    others = [key for key in state if key not in positions]
    for key in sorted(known, key=positions.__getitem__) + others:
        slots = objects.build(state[key])
        if not isinstance(slots, Mapping):
            continue
        for slot, item in slots.items():
            built = objects.build(item)
            name = f"{positions.get(key, key)}.{slot}"
            if isinstance(built, Array):
                found.tensors[name] = Tensor(name, built.data)
            elif slot == _STEP and isinstance(built, int | float):
                found.scalars[name] = built
    found.step = _step(found)
    return found


def _step(state: OptimizerState) -> int | None:
    steps = {int(value) for name, value in state.scalars.items() if name.endswith(f".{_STEP}")}
    for name, tensor in state.tensors.items():
        if name.endswith(f".{_STEP}") and tensor.shape == ():
            value = tensor.peek().item()
            if isinstance(value, int | float) and value == value:
                return int(value)
    return max(steps) if steps else None


def _name(settings: Mapping[str, Any], state: OptimizerState) -> str:
    for name, keys in _BY_SETTINGS:
        if keys <= set(settings):
            return _kind_of_adam(settings, state) if name == "Adam" else name
    return "unknown"


def _kind_of_adam(settings: Mapping[str, Any], state: OptimizerState) -> str:
    if settings.get("decoupled_weight_decay") is True:
        return "AdamW"
    if any(name.endswith(".exp_inf") for name in state.tensors):
        return "Adamax"
    return "Adam" if "weight_decay" in settings else "SparseAdam"
