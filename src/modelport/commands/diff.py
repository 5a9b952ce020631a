"""``diff``: what two files hold that is not the same."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from modelport.commands.layers import describe_layers
from modelport.commands.open import open_model
from modelport.convert.compare import Fingerprint, equal, fingerprint
from modelport.errors import ConversionError
from modelport.model.boxes import pieces_of
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.tensor import Tensor
from modelport.model.training import OptimizerState
from modelport.verify.weights import comparable

SCHEMA = "modelport.diff/1"
_AT_ONCE = 1 << 20


def diff(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    side_files: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Components, layers and tensors of two files side by side, as plain values.

    Tensors are matched by name, then by content: equal under another name, or the same elements
    in another order (a transpose, another layout). Free metadata is not compared. ``side_files``
    is one more folder that files may lie in that A or B lead to.

    Raises:
        ModelportError: a file cannot be opened.
    """
    left, right = (open_model(path, side_files=side_files) for path in (a, b))
    components = {
        str(c): {"a": c in left.components, "b": c in right.components} for c in Component
    }
    changed_layers = _layers(left, right)
    tensors = match_tensors(_tensors(left), _tensors(right))
    state = match_tensors(*_states(left, right))
    hyperparameters = _apart(left.hyperparameters, right.hyperparameters)
    objects = _apart(*(model.extras.get("python_objects") for model in (left, right)))
    same = (
        all(pair["a"] == pair["b"] for pair in components.values())
        and not any(changed_layers.values())
        and not any(tensors[key] for key in ("renamed", "rearranged", "changed"))
        and not any(found[key] for found in (tensors, state) for key in ("only_a", "only_b"))
        and not state["changed"]
        and not (hyperparameters or objects)
        and _training(left) == _training(right)
    )
    return {
        "schema": SCHEMA,
        "a": str(a),
        "b": str(b),
        "same": same,
        "formats": {"a": left.format, "b": right.format},
        "components": components,
        "layers": changed_layers,
        "training": {"a": _training(left), "b": _training(right)},
        "hyperparameters": hyperparameters,
        "python_objects": objects,
        "tensors": tensors,
        "optimizer_state": state,
    }


def _tensors(model: Model) -> dict[str, Tensor]:
    try:
        return dict(comparable(model).tensors)
    except ConversionError:
        return dict(model.tensors)


def _states(a: Model, b: Model) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What optimizers remember: by slot and weight where both files tell, else by their names."""
    states = [model.optimizer_state or OptimizerState() for model in (a, b)]
    if all(state.slots for state in states):
        one, other = (
            {
                f"{weight} {slot}": held
                for slot, all_ in s.slots.items()
                for weight, held in all_.items()
            }
            for s in states
        )
        return one, other
    return dict(states[0].tensors), dict(states[1].tensors)


def _apart(a: Any, b: Any) -> dict[str, dict[str, Any]]:
    """What both files state, with other values."""
    from modelport.commands.plain import plain

    left, right = (plain(item if isinstance(item, dict) else {"": item}) for item in (a, b))
    return {
        key: {"a": left[key], "b": right[key]}
        for key in left
        if key in right and left[key] != right[key]
    }


def _training(model: Model) -> dict[str, Any]:
    from modelport.commands.plain import plain

    training = model.training
    optimizer = training.optimizer if training else None
    return {
        "loss": plain(training.loss) if training else None,
        "optimizer": optimizer.name if optimizer else None,
        "hyperparameters": plain(optimizer.hyperparameters) if optimizer else None,
        "step": model.optimizer_state.step if model.optimizer_state else None,
    }


def _layers(a: Model, b: Model) -> dict[str, list[Any]]:
    left = {layer["name"]: layer for layer in describe_layers(a, upgraded=True).layers}
    right = {layer["name"]: layer for layer in describe_layers(b, upgraded=True).layers}
    if a.dialect != b.dialect:
        return {"only_a": [], "only_b": [], "changed": []}
    return {
        "only_a": [name for name in left if name not in right],
        "only_b": [name for name in right if name not in left],
        "changed": [
            {"name": name, "a": left[name], "b": right[name]}
            for name in left
            if name in right and left[name] != right[name]
        ],
    }


def match_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> dict[str, Any]:
    """Pair the tensors of two models, first by name and bits, then by content."""
    same = {name for name in a if name in b and equal(a[name], b[name])}
    left = {name: tensor for name, tensor in a.items() if name not in same}
    right = {name: tensor for name, tensor in b.items() if name not in same}
    found: dict[Fingerprint, dict[str, None]] = defaultdict(dict)
    for name, tensor in right.items():
        found[fingerprint(tensor)][name] = None
    renamed: list[dict[str, Any]] = []
    rearranged: list[dict[str, Any]] = []
    for name, tensor in list(left.items()):
        candidates = found.get(fingerprint(tensor), {})
        if not candidates:
            continue
        other = name if name in candidates else next(iter(candidates))
        del candidates[other]
        pair = {"a": name, "b": other}
        if equal(tensor, right[other]):
            renamed.append(pair)
        else:
            shapes = {"a": list(tensor.shape), "b": list(right[other].shape)}
            rearranged.append({**pair, "shapes": shapes})
        del left[name], right[other]
    changed = [_change(name, left[name], right[name]) for name in left if name in right]
    return {
        "equal": len(same),
        "renamed": renamed,
        "rearranged": rearranged,
        "changed": changed,
        "only_a": [name for name in left if name not in right],
        "only_b": [name for name in right if name not in left],
    }


def _change(name: str, a: Tensor, b: Tensor) -> dict[str, Any]:
    change: dict[str, Any] = {
        "name": name,
        "a": {"dtype": a.dtype.name, "shape": list(a.shape)},
        "b": {"dtype": b.dtype.name, "shape": list(b.shape)},
        "max_abs_error": None,
    }
    if a.shape == b.shape and {a.dtype.kind, b.dtype.kind} <= {"float", "int", "uint"}:
        change["max_abs_error"] = _largest_difference(a, b)
    return change


def _largest_difference(a: Tensor, b: Tensor) -> float:
    """The largest difference of two tensors of one shape, read piece by piece."""
    import numpy as np

    largest = np.float64(0.0)
    for box in pieces_of(a.shape, _AT_ONCE):
        left, right = (t.data.read_box(box).astype(np.float64) for t in (a, b))
        largest = np.maximum(largest, abs(left - right).max(initial=0.0))  # keeps a NaN
    return float(largest)
