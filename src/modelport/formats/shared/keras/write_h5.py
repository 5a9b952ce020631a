"""Writing Keras models and weights as HDF5."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.hdf5_values import write_attributes
from modelport.formats.shared.keras.foreign import OWN_KEYS, foreign_metadata, write_datasets
from modelport.formats.shared.keras.lookups import account_for_config, add_weights
from modelport.formats.shared.keras.write_2 import keras_2_model, plain_objects
from modelport.formats.shared.keras.write_config import model_entry
from modelport.formats.shared.keras.write_h5_config import for_hdf5, full_names
from modelport.formats.shared.keras.write_layers import (
    LayerTensors,
    of_graph,
    of_names,
    write_layers,
)
from modelport.formats.shared.keras.write_store import (
    all_variables,
    integer,
    write_model,
    write_optimizer,
)
from modelport.formats.shared.keras.write_v3 import KERAS_VERSION, check, compiled_optimizer
from modelport.formats.shared.weights_only import cast, check_paths, fitting, report_apart
from modelport.model.component import Component
from modelport.model.dtype import DTYPES, FLOAT32
from modelport.model.expression import fill
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor
from modelport.model.training import OptimizerState
from modelport.optimizers import adafactor, loss_scale, table
from modelport.optimizers.rule import Era, alternating
from modelport.wire.hdf5_write import HDF5Writer, has_type
from modelport.wire.output import Output

KERAS_2_VERSION = "2.15.0"
"""What a file says whose source is older than that and whose words are those of tf_keras."""


def speaks_keras_2(model: Model) -> bool:
    """Whether the source is of Keras 1 or 2: its ``.h5`` is then written for tf_keras.

    A full ``.h5`` cannot serve both: Keras 3 refuses the optimizers of tf_keras, tf_keras the
    layers' objects of Keras 3, and ``hard_sigmoid`` means two different things.
    """
    major = str(model.producer.version or "1").split(".")[0]
    return major in ("0", "1", "2")


def write_full(model: Model, output: Output, report: Report) -> None:
    """Write a canonical Keras model with weights, training config and optimizer state.

    Raises:
        ConversionError: the model has no architecture.
    """
    check(model)
    keras_2 = speaks_keras_2(model)
    account_for_config(model.graph, report)
    if keras_2:
        add_weights(model.graph)
    entry = model_entry(model.graph, report, keras_2)
    with HDF5Writer(output.path) as writer:
        _producer(writer, "/", model, keras_2)
        config = keras_2_model(entry) if keras_2 else for_hdf5(entry, report)
        writer.attribute("/", "model_config", json.dumps(config))
        if compiled_optimizer(model) is not None:
            training = _training_config(model, keras_2, report)
            writer.attribute("/", "training_config", json.dumps(training))
        _producer(writer, "/model_weights", model, keras_2)
        layers = _readable(of_graph(model.graph, ":0" if keras_2 else ""), report)
        write_layers(writer, "/model_weights", layers)
        writer.names("/model_weights/top_level_model_weights", "weight_names", [])
        if model.optimizer_state is not None:
            _write_state(writer, model, model.optimizer_state, keras_2, report)
        write_datasets(writer, model, report)
        write_attributes(writer, foreign_metadata(model), model.extras, report)


def _readable(layers: LayerTensors, report: Report) -> LayerTensors:
    """Weights in types that Keras can load: what HDF5 has no type for goes as float32.

    Keras itself writes such weights as opaque bytes into an ``.h5``, and then fails to load them.
    """
    return [
        (layer, [(name, _known_type(tensor, report)) for name, tensor in weights])
        for layer, weights in layers
    ]


def _known_type(tensor: Tensor, report: Report) -> Tensor:
    if has_type(tensor.dtype) or tensor.dtype.kind != "float":
        return tensor
    why = f"HDF5 has no {tensor.dtype}; stored as float32, every value equal"
    report.add(Kind.APPROXIMATED, Component.WEIGHTS, tensor.name, why, 0.0)
    return cast(tensor, FLOAT32)


def _producer(writer: HDF5Writer, group: str, model: Model, keras_2: bool) -> None:
    version = str(model.producer.version or "")
    if keras_2 and not re.match(r"2\.(1[1-9]|[2-9]\d)\.", version):
        version = KERAS_2_VERSION
    writer.attribute(group, "keras_version", version or KERAS_VERSION)
    writer.attribute(group, "backend", "tensorflow")


def _training_config(model: Model, keras_2: bool, report: Report) -> dict[str, Any]:
    stated = dict(model.training.config) if model.training is not None else {}
    optimizer = stated.pop("optimizer")
    if not keras_2:
        for key in ("loss", "metrics", "weighted_metrics"):
            if key in stated:
                stated[key] = full_names(stated[key], report)
        return {**stated, "optimizer_config": _rated(optimizer, model.optimizer_state)}
    config = {
        key: plain_objects(stated.get(key))
        for key in ("loss", "metrics", "weighted_metrics", "loss_weights")
    }
    return {**config, "optimizer_config": _keras_2_optimizer(optimizer, model, report)}


def _rated(optimizer: dict[str, Any], state: OptimizerState | None) -> dict[str, Any]:
    """The optimizer with the learning rate of its state, where that was changed later."""
    rate = None if state is None else state.scalars.get("learning_rate")
    settings = dict(optimizer["config"])
    if rate is not None and isinstance(settings.get("learning_rate"), float):
        settings["learning_rate"] = rate
    return {**optimizer, "config": settings}


def _keras_2_optimizer(optimizer: dict[str, Any], model: Model, report: Report) -> dict[str, Any]:
    if optimizer["class_name"] in loss_scale.NAMES:
        inner = _keras_2_optimizer(optimizer["config"]["inner_optimizer"], model, report)
        stated = optimizer["config"]
        config = {key: stated[key] for key in loss_scale.SETTINGS}
        config |= {"inner_optimizer": inner, "dynamic": True}
        if stated["dynamic_growth_steps"] == loss_scale.NEVER_GROWS:
            config |= {"dynamic": False, "dynamic_growth_steps": None}
        return {"class_name": "LossScaleOptimizerV3", "config": config}
    settings = plain_objects(_rated(optimizer, model.optimizer_state)["config"])
    for key in ("loss_scale_factor", "gradient_accumulation_steps"):
        if settings.pop(key, None) is not None:
            report.add(Kind.DROPPED, Component.OPTIMIZER, key, "tf_keras has no such setting")
    settings |= {"jit_compile": False, "is_legacy_optimizer": False}
    return {"class_name": f"Custom>{optimizer['class_name']}", "config": settings}


def _write_state(
    writer: HDF5Writer, model: Model, state: OptimizerState, keras_2: bool, report: Report
) -> None:
    optimizer = compiled_optimizer(model)
    if optimizer is None:
        return
    if keras_2 and optimizer["class_name"] in loss_scale.NAMES:
        why = "the state is there as tf_keras writes it, but tf_keras reads none of a loss scale"
        report.add(Kind.APPROXIMATED, Component.OPTIMIZER_STATE, optimizer["class_name"], why)
        optimizer = optimizer["config"]["inner_optimizer"]
    make = _keras_2_variables if keras_2 else _keras_3_variables
    variables = list(make(optimizer, state))
    writer.names("/optimizer_weights", "weight_names", [tensor.name for tensor in variables])
    for tensor in variables:
        writer.dataset(f"/optimizer_weights/{tensor.name}", tensor)


def _keras_2_variables(optimizer: dict[str, Any], state: OptimizerState) -> Iterator[Tensor]:
    rule = table.find(optimizer["class_name"])
    yield integer("iteration:0", state.step or 0)
    if rule is None:
        return
    layout = rule.layout(optimizer["config"], Era.TF_KERAS)
    weights = list(next(iter(state.slots.values()), {}))
    for slot, index in alternating(layout, len(weights)):
        held = state.slots.get(slot.name, {}).get(weights[index])
        if rule is adafactor.RULE:
            shape = state.slots["velocity"][weights[index]].shape
            if not adafactor.has_slot(slot.name, shape, Era.TF_KERAS):
                continue
        if held is None:  # a slot that tf_keras has and never uses
            like = next(iter(state.slots.values()))[weights[index]]
            held = Tensor("", fill(like.shape, 0.0, like.dtype))
        yield Tensor(f"{rule.name}/{slot.short}/{weights[index]}:0", held.data)


def _keras_3_variables(optimizer: dict[str, Any], state: OptimizerState) -> Iterator[Tensor]:
    name = optimizer["config"]["name"]
    taken: set[str] = set()
    for tensor in all_variables(optimizer, state):
        # A name is one step long, as Keras 3 writes it; the order says what belongs where.
        own = re.sub("/", "_", tensor.name)
        path = f"{name}/{'variable' if own == 'u_product' else own}"
        while path in taken:
            path += "_"
        taken.add(path)
        yield Tensor(path, tensor.data)


def write_weights(model: Model, output: Output, report: Report) -> None:
    """Write weights alone.

    A model whose layers are known goes, under a name that ends in ``.weights.h5``, into the tree
    of objects that Keras 3 demands there (with the optimizer's state), and under any other name
    into one group a layer, which ``load_weights`` of every Keras reads. Weights without
    an architecture keep the layout and names they have.
    """
    whole = (found for found in DTYPES.values() if found.kind == "string" or found.bits >= 8)
    known = dict.fromkeys(found.name for found in whole)
    names = fitting(model, known, "HDF5", report)
    if not model.graph.nodes:
        check_paths(names, "HDF5")
        report_apart(names, "HDF5", report)
    tree = output.final.name.endswith(".weights.h5") if model.graph.nodes else _is_tree(names)
    with HDF5Writer(output.path) as writer:
        if tree and model.graph.nodes:
            write_model(writer, model.graph)
            for name in names:
                why = "a place in the tree of objects stands for its name"
                report.add(Kind.REARRANGED, Component.WEIGHTS, name, why)
            optimizer = compiled_optimizer(model)
            if optimizer is not None and model.optimizer_state is not None:
                write_optimizer(writer, optimizer, model.optimizer_state)
        elif tree:
            _write_tree(writer, model, names)
        if tree:
            for key in sorted(OWN_KEYS & model.metadata.keys()):
                why = "the tree of objects that Keras 3 reads has no place for it"
                report.add(Kind.DROPPED, Component.METADATA, key, why)
            write_datasets(writer, model, report)
            write_attributes(writer, foreign_metadata(model), model.extras, report)
            return
        keras_2 = speaks_keras_2(model)
        _producer(writer, "/", model, keras_2)
        if model.graph.nodes:
            write_layers(writer, "", of_graph(model.graph, ":0" if keras_2 else ""))
        else:
            write_layers(writer, "", of_names(names, model.extras.get("layers")))
        write_datasets(writer, model, report)
        write_attributes(writer, foreign_metadata(model), model.extras, report)
        if model.optimizer_state is not None:
            why = "weights by layer have no place for it; a name in .weights.h5 has"
            report.add(Kind.DROPPED, Component.OPTIMIZER_STATE, "optimizer", why)


def _is_tree(names: dict[str, Tensor]) -> bool:
    return bool(names) and all(re.search(r"(^|/)vars/\d+$", name) for name in names)


def _write_tree(writer: HDF5Writer, model: Model, names: dict[str, Tensor]) -> None:
    stated = model.extras.get("names", {})
    writer.group("/vars")
    for name, tensor in names.items():
        writer.dataset(name, tensor)
    for path, name in stated.items():
        writer.attribute(f"{path}/vars" if path else "/vars", "name", name)
    state = model.optimizer_state.tensors if model.optimizer_state is not None else {}
    for name, tensor in state.items():
        writer.dataset(name, tensor)
