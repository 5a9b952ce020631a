"""Reading ModelProto, FunctionProto and TrainingInfoProto."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelport.errors import ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.shared.onnx.graph_read import read_attributes, read_graph, read_node
from modelport.formats.shared.onnx.reading import Reading, SideFiles, add_pair, read_pair
from modelport.formats.shared.onnx.schema import (
    DOMAIN,
    HYPERPARAMETERS_KEY,
    LAYERS_KEY,
    MODEL_FACTS,
    TRAINING_KEY,
    TrainingInfo,
)
from modelport.formats.shared.onnx.types_read import read_value
from modelport.model.component import Component
from modelport.model.graph import Function, Graph
from modelport.model.model import LAYERS, Model
from modelport.model.signature import Signature
from modelport.model.training import Optimizer, TrainingConfig
from modelport.wire.protobuf import LENGTH, VARINT, Walker, signed
from modelport.wire.source import ByteSource

_TEXTS = {2: "producer_name", 3: "producer_version", 4: "domain", 6: "doc_string"}


def read(candidate: Candidate) -> Model:
    """The model in a file; weights and most attributes stay in the file until asked for.

    ``metadata["onnx"]`` has what ModelProto has own fields for (domain, model version, remark).
    ``extras`` has ``ir_version`` (None where the file states none), and where the file has them
    ``training_info`` and, as the file's own bytes, ``onnx_unknown``.

    Raises:
        MalformedFile, LimitExceeded, UnsupportedFeature: see the walker and the tensor reader.
    """
    source, folder = candidate.source, candidate.path.parent
    return read_message(source, folder, str(candidate.path), candidate.side_files)


def read_message(
    source: ByteSource, folder: Path, path: str = "", side_files: tuple[Path, ...] = ()
) -> Model:
    """The model in the bytes of a ModelProto; ``folder`` is where its side files may lie.

    Raises:
        MalformedFile, LimitExceeded, UnsupportedFeature: see the walker and the tensor reader.
    """
    files = SideFiles(path, folder, side_files)
    reading = Reading(Walker(source), files)
    model = Model("onnx", path, source.size, dialect=DOMAIN, kind="graph")
    facts = _read_fields(reading, model, source.size)
    model.producer.name = facts.pop("producer_name", None) or None
    model.producer.version = facts.pop("producer_version", None) or None
    stated = {name: fact for name, fact in facts.items() if fact}
    if stated:
        model.metadata[MODEL_FACTS] = stated
    model.findings = files.findings
    model.signature = _signature(model.graph)
    _take_hints(model)
    model.evidence = _evidence(model, files)
    return model


def _read_fields(reading: Reading, model: Model, size: int) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    walker = reading.walker
    unknown = b""
    graphs = 0
    model.extras["ir_version"] = None
    for number, wire, first, second, at in walker.fields(0, size):
        if wire == VARINT and number == 1:
            model.extras["ir_version"] = signed(first)
            model.format_version = str(signed(first))
        elif wire == VARINT and number == 5:
            facts["model_version"] = signed(first)
        elif wire != LENGTH:
            unknown += walker.read(at, second)
        elif number in _TEXTS:
            facts[_TEXTS[number]] = walker.text(first, second)
        elif number == 7:
            graphs += 1
            if graphs > 1:
                reading.malformed(at, "one graph", "a second one")
            model.graph = read_graph(reading, first, second)
        else:
            unknown += _read_rest(reading, model, number, first, second, at)
    if unknown:
        model.extras["onnx_unknown"] = unknown
    return facts


def _read_rest(
    reading: Reading, model: Model, number: int, first: int, second: int, at: int
) -> bytes:
    """Take one of the rarer fields into ``model``; returns the field where it has no place."""
    if number == 8:
        return _add_opset(reading, model.opsets, first, second, at)
    if number == 14:
        pair = read_pair(reading, first, second)
        if pair is not None and pair[0] == MODEL_FACTS:
            return reading.walker.read(at, second)
        return add_pair(reading, model.metadata, first, second, at)
    if number == 20:
        model.extras.setdefault("training_info", []).append(_training(reading, first, second))
    elif number == 25:
        function = _function(reading, first, second)
        key = (function.domain, function.name, function.overload)
        if key in model.functions:
            reading.malformed(at, "each function once", f"a second {function.name!r}")
        model.functions[key] = function
    else:
        return reading.walker.read(at, second)
    return b""


def _add_opset(
    reading: Reading, opsets: dict[str, int], start: int, end: int, field_start: int
) -> bytes:
    domain, version = "", 0
    plain = True
    for number, wire, first, second, _ in reading.walker.fields(start, end):
        if number == 1 and wire == LENGTH:
            domain = reading.walker.text(first, second)
        elif number == 2 and wire == VARINT:
            version = signed(first)
        else:
            plain = False
    domain = domain or DOMAIN
    if domain in opsets or not plain:
        return reading.walker.read(field_start, end)
    opsets[domain] = version
    return b""


def _function(reading: Reading, start: int, end: int) -> Function:
    function = Function(DOMAIN, "")
    walker = reading.walker
    spans: list[tuple[int, int]] = []
    for number, wire, first, second, at in walker.fields(start, end):
        if wire != LENGTH:
            function.unknown += walker.read(at, second)
        elif number == 7:
            function.nodes.append(read_node(reading, first, second))
        elif number == 11:
            spans.append((first, second))
        elif number in (4, 5, 6):
            names = {4: function.inputs, 5: function.outputs, 6: function.attributes}
            names[number].append(walker.text(first, second))
        else:
            function.unknown += _read_function_rest(reading, function, number, first, second, at)
    if spans:
        function.defaults = read_attributes(reading, spans)
    return function


def _read_function_rest(
    reading: Reading, function: Function, number: int, first: int, second: int, at: int
) -> bytes:
    walker = reading.walker
    if number == 9:
        return _add_opset(reading, function.opsets, first, second, at)
    if number == 14:
        return add_pair(reading, function.metadata, first, second, at)
    if number == 1:
        function.name = walker.text(first, second)
    elif number == 8:
        function.doc = walker.text(first, second)
    elif number == 10:
        function.domain = walker.text(first, second) or DOMAIN
    elif number == 13:
        function.overload = walker.text(first, second)
    elif number == 12:
        value = read_value(reading, first, second)
        if value.name in function.values:
            return walker.read(at, second)
        function.values[value.name] = value
    else:
        return walker.read(at, second)
    return b""


def _training(reading: Reading, start: int, end: int) -> TrainingInfo:
    info = TrainingInfo()
    for number, wire, first, second, at in reading.walker.fields(start, end):
        pair = None
        if wire == LENGTH and number in (3, 4):
            pair = read_pair(reading, first, second)
        if wire == LENGTH and number == 1 and info.initialization is None:
            info.initialization = read_graph(reading, first, second)
        elif wire == LENGTH and number == 2 and info.algorithm is None:
            info.algorithm = read_graph(reading, first, second)
        elif pair is not None:
            bindings = info.initialization_binding if number == 3 else info.update_binding
            bindings.append(pair)
        else:
            info.unknown += reading.walker.read(at, second)
    return info


def _signature(graph: Graph) -> Signature:
    # Before IR 4 every initializer is listed among the inputs too.
    inputs = [
        value
        for value in graph.inputs
        if value.name not in graph.tensors and value.name not in graph.sparse_tensors
    ]
    return Signature(inputs, list(graph.outputs))


def _take_hints(model: Model) -> None:
    """Turn modelport's own metadata back into what it stands for, where it has the right form."""
    training = _plain(model.metadata.get(TRAINING_KEY))
    if training is not None and isinstance(training.get("dialect"), str):
        model.training = _training_config(training)
        del model.metadata[TRAINING_KEY]
    hyperparameters = _plain(model.metadata.get(HYPERPARAMETERS_KEY))
    if hyperparameters is not None:
        model.hyperparameters = hyperparameters
        del model.metadata[HYPERPARAMETERS_KEY]
    if LAYERS_KEY in model.metadata:
        model.extras[LAYERS] = model.metadata.pop(LAYERS_KEY)


def _plain(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "null")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _training_config(stated: dict[str, Any]) -> TrainingConfig:
    config = stated.get("config")
    training = TrainingConfig(
        stated["dialect"],
        stated.get("loss"),
        stated.get("metrics"),
        config=config if isinstance(config, dict) else {},
    )
    optimizer = stated.get("optimizer")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("name"), str):
        settings = optimizer.get("hyperparameters")
        training.optimizer = Optimizer(
            optimizer["name"], settings if isinstance(settings, dict) else {}
        )
    return training


def _evidence(model: Model, files: SideFiles) -> dict[Component, str]:
    graph = model.graph
    nodes = "1 node" if len(graph.nodes) == 1 else f"{len(graph.nodes):,} nodes"
    found = {Component.ARCHITECTURE: f"graph of {nodes}"}
    if model.tensors:
        withheld = [
            place for place, file in files.known.items() if isinstance(file, ModelportError)
        ]
        missing = f"; not the values in {', '.join(map(repr, withheld[:3]))}" if withheld else ""
        found[Component.WEIGHTS] = f"initializers of the graph{missing}"
    found[Component.SIGNATURE] = "inputs and outputs of the graph"
    if model.metadata:
        found[Component.METADATA] = "metadata_props and the fields of ModelProto"
    if model.training is not None:
        found[Component.LOSS] = found[Component.OPTIMIZER] = f"metadata_props, {TRAINING_KEY}"
    if model.hyperparameters:
        found[Component.HYPERPARAMETERS] = f"metadata_props, {HYPERPARAMETERS_KEY}"
    return {component: why for component, why in found.items() if component in model.components}
