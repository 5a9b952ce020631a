"""A file with a graph and a file with weights as one model: ``convert GRAPH DST --state FILE``.

Weights are matched by name, a common prefix apart (``module.``, ``_orig_mod.``); where no name is
known on both sides, by shape and order. Nothing is guessed: what is missing, not expected, of
another shape, or could be meant in two ways ends in an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelport.convert.layouts import Layouts
from modelport.convert.matching import COUNTER, Match, by_name, by_order, is_made_up, shown
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.expression import Cast, Expression, Source
from modelport.model.graph import Graph
from modelport.model.model import BESIDE, CONSTANTS, Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor

_TORCH = ("pytorch", "pytorch-legacy", "pytorch-tar", "torchscript", "pt2")
_READ_FROM = ("torch_object", "members")
"""Extras that hold the file as it was, with its own weights."""


def join(model: Model, state: Model, report: Report) -> Model:
    """The model with the weights of ``state``, and with what that knows of training.

    No value is read; ``model`` itself is changed. What was done is in the report.

    Raises:
        ConversionError: one has no graph, the other no weights; they speak different languages of
            layouts; or weights are missing, not expected, of other shapes, or ambiguous.
    """
    _check_kinds(model, state)
    needed = _needed(model)
    weights = _by_stated_names(state)
    match = _matched(model, state, weights, needed)
    layouts = Layouts(model.graph if _may_be_turned(model, state) else Graph())
    pairs = {name: (model.tensors[name], weights[own]) for name, own in match.names.items()}
    made: dict[int, Tensor] = {}
    for name, expression in layouts.fitted(pairs).items():
        held, own = pairs[name]
        derived = _cast(expression, held, own, report)
        data = own.data if isinstance(derived, Source) else derived
        made[id(held)] = Tensor(held.name, data, dict(held.metadata), held.doc)
    _tell(match, layouts, model, state, report)
    for graph in model.graph.subgraphs():
        graph.tensors.update(
            {name: made[id(held)] for name, held in graph.tensors.items() if id(held) in made}
        )
    _carry_training(model, state, report)
    return model


def _check_kinds(model: Model, state: Model) -> None:
    """Refuse what cannot belong together.

    Raises:
        ConversionError: no graph, no weights, or layouts of different frameworks.
    """
    if model.dialect is None:
        why = "it has no architecture; give the file with the graph first, --state the weights"
        raise ConversionError(model.path, why)
    if not state.tensors:
        raise ConversionError(state.path, "it holds no weights to join with the graph")
    ours, theirs = model.dialect, _language(state)
    if theirs is None or theirs == ours or (ours, theirs) == ("ai.onnx", "torch"):
        if "keras" in (ours, theirs) and _first_era(model) != _first_era(state):
            why = "one is of Keras 1 and the other is not; their layouts of weights differ"
            raise ConversionError(state.path, why)
        return
    why = (
        f"its weights are laid out as {_title(theirs)} does, those of the graph as "
        f"{_title(ours)} does; join it with a graph of {_title(theirs)}, then convert that"
    )
    raise ConversionError(state.path, why)


def _language(state: Model) -> str | None:
    """Whose layouts a file of weights has; None for a format of everybody."""
    if state.dialect is not None:
        return state.dialect
    if state.format in _TORCH:
        return "torch"
    return "keras" if state.format.startswith("keras") else None


def _title(language: str) -> str:
    return {"ai.onnx": "ONNX", "torch": "PyTorch", "keras": "Keras"}.get(language, language)


def _first_era(model: Model) -> str | None:
    """The backend of a file of Keras 0 or 1, where layouts followed it; None for all others."""
    first = (model.producer.version or "").split(".")[0] in ("0", "1")
    return f"Keras 1 {model.producer.backend}" if first else None


def _may_be_turned(model: Model, state: Model) -> bool:
    """Whether a graph may hold weights in another layout than the file of weights."""
    return model.dialect == "ai.onnx" and _language(state) != "ai.onnx"


def _needed(model: Model) -> dict[str, Tensor]:
    """The weights of the graph that a checkpoint has to hold; constants and counters it need not.

    ONNX does not tell constants from weights: whole numbers and single ones are taken for such.
    """
    needed = {}
    for name, tensor in model.tensors.items():
        plain = tensor.dtype.kind != "float" or tensor.size <= 1
        free = name in constants_of(model) or name.endswith(COUNTER)
        if not (free or (model.dialect == "ai.onnx" and plain)):
            needed[name] = tensor
    if not needed:
        raise ConversionError(model.path, "its graph has no weights that others could replace")
    return needed


def _by_stated_names(state: Model) -> dict[str, Tensor]:
    """The weights of a file; where Keras calls groups by class, by the names that layers state."""
    stated = state.extras.get("names") or {}
    found = {}
    own = {name: tensor for name, tensor in state.tensors.items() if name not in _no_weights(state)}
    for name, tensor in own.items():
        steps = name.split("/")
        told = [
            stated.get("/".join(steps[: at + 1]), step)
            if at and steps[at - 1] == "layers"
            else step
            for at, step in enumerate(steps)
        ]
        found["/".join(told)] = tensor
    return found if len(found) == len(own) else own


def _no_weights(state: Model) -> frozenset[str]:
    """The names of tensors in a checkpoint that are none of its model's weights."""
    return constants_of(state) | frozenset(state.extras.get(BESIDE, ()))


def _matched(
    model: Model, state: Model, weights: Mapping[str, Tensor], needed: Mapping[str, Tensor]
) -> Match:
    match = by_name(model.tensors, weights)
    if needed.keys().isdisjoint(match.names):
        match = by_order(needed, weights, state.path)
    else:
        match.add_counted(needed, weights)
    missing = [name for name in needed if name not in match.names and name not in match.kept]
    used = set(match.names.values())
    unexpected = [name for name in weights if name not in used and not name.endswith(COUNTER)]
    if missing or unexpected:
        told = [
            f"{len(names):,} {word}: {shown(names)}"
            for names, word in ((missing, "missing"), (unexpected, "not expected"))
            if names
        ]
        why = f"it does not fit the graph of {model.path}; weights {'; '.join(told)}"
        if any(is_made_up(name) for name in missing):
            why += (
                ". An exporter made up some names, for weights that it computed from several; "
                "export the graph without folding, or as .pt2"
            )
        raise ConversionError(state.path, why)
    return match


def _cast(expression: Expression, held: Tensor, own: Tensor, report: Report) -> Expression:
    """The weight in the dtype that the graph computes with."""
    if held.dtype == own.dtype:
        return expression
    if held.dtype.kind != own.dtype.kind:
        why = f"the graph takes {held.dtype}, the checkpoint holds {own.dtype}"
        raise ConversionError(f"weight {held.name!r}", why)
    # Of the float and integer types, one of twice the bits holds all values of the other.
    exact = 0.0 if held.dtype.bits >= 2 * own.dtype.bits else None
    why = f"the checkpoint holds {own.dtype}, the graph takes {held.dtype}; cast"
    report.add(Kind.APPROXIMATED, Component.WEIGHTS, held.name, why, exact)
    return Cast(expression, held.dtype)


def _tell(match: Match, layouts: Layouts, model: Model, state: Model, report: Report) -> None:
    """Say what was matched how, and which weights the checkpoint does not give."""
    place = state.path
    why = f"{match.how}: {len(match.names):,} weights, in place of those of {model.path}"
    kind = Kind.INVENTED if match.assumed else Kind.REARRANGED
    report.add(kind, Component.WEIGHTS, place, why)
    for name in match.ordered:
        why = f"taken to be {match.names[name]}, by shape and order"
        report.add(Kind.INVENTED, Component.WEIGHTS, name, why)
    for name in layouts.assumed:
        why = "transposed, as the weights of this graph are whose shape tells"
        report.add(Kind.INVENTED, Component.WEIGHTS, name, why)
    constants = constants_of(model)
    kept = [name for name in model.tensors if name.endswith(COUNTER) or name in constants]
    for name in [name for name in (*kept, *match.kept) if name not in match.names]:
        report.add(Kind.INVENTED, Component.WEIGHTS, name, f"not in {place}; the graph's own")
    used = set(match.names.values())
    for name in state.tensors:
        if name not in used and name.endswith(COUNTER):
            why = "the graph has no such counter"
            report.add(Kind.DROPPED, Component.WEIGHTS, name, why)


def _carry_training(model: Model, state: Model, report: Report) -> None:
    """What the checkpoint knows beside its weights goes along; the graph file's own state does not.

    The optimizer state of a Keras file is told apart by that file's own names.
    """
    fits = model.dialect != "keras" or state.format == model.format
    if model.optimizer_state is not None and not (fits and state.optimizer_state is not None):
        why = f"it belongs to the weights of {model.path}"
        report.add(Kind.DROPPED, Component.OPTIMIZER_STATE, model.path, why)
    model.optimizer_state = state.optimizer_state if fits else None
    if state.training is not None and fits:
        model.training = state.training
    model.hyperparameters = {**model.hyperparameters, **state.hyperparameters}
    model.metadata = {**state.metadata, **model.metadata}
    left = {Component.TRAINING_DATA, Component.PYTHON_OBJECTS}
    if not fits:
        left |= {Component.OPTIMIZER, Component.OPTIMIZER_STATE, Component.LOSS}
    for component in sorted(left & state.components):
        report.add(Kind.DROPPED, component, state.path, "only what the weights need is joined")
    for name in state.extras.get(BESIDE, ()):
        report.add(Kind.DROPPED, Component.WEIGHTS, name, "it stands beside the weights")
    for key in _READ_FROM:
        model.extras.pop(key, None)


def constants_of(model: Model) -> frozenset[str]:
    """The names of tensors that are part of a graph rather than of its state."""
    return frozenset(model.extras.get(CONSTANTS, ()))
