"""Writing ModelProto: everything but values is put together first, then values are streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.onnx.graph_write import write_attributes, write_graph, write_node
from modelport.formats.shared.onnx.reading import Reading, SideFiles, read_pair
from modelport.formats.shared.onnx.schema import (
    DOMAIN,
    GRAPH_NAME,
    HYPERPARAMETERS_KEY,
    LAYERS_KEY,
    MODEL_FACTS,
    TRAINING_KEY,
    TrainingInfo,
)
from modelport.formats.shared.onnx.tensors_write import ExternalData, write_pairs
from modelport.formats.shared.onnx.types_write import write_value
from modelport.formats.shared.onnx.versions import Versions, versions_of
from modelport.formats.shared.onnx.wiring import check_wiring
from modelport.model.component import Component
from modelport.model.graph import Function, Graph
from modelport.model.model import LAYERS, Model
from modelport.model.report import Kind, Report
from modelport.model.training import TrainingConfig
from modelport.wire.output import Output
from modelport.wire.protobuf import LENGTH, Walker
from modelport.wire.protobuf_write import Message
from modelport.wire.source import BytesSource

MAX_BYTES = (1 << 31) - 1
"""The most that one protobuf message may take; over it values go into a file beside."""


def write(model: Model, output: Output, report: Report, *, external_data: bool = False) -> None:
    """Write a model whose nodes are ONNX' (or a custom domain's).

    Values go into ``<name>.data`` beside the file where ``external_data`` asks for it or the file
    would be over 2 GB. A model that was read from ONNX keeps its IR version. Where the source
    breaks a rule of the specification, the file does not: it is mended where there is but one way,
    which is reported, and refused otherwise.

    Raises:
        ConversionError: something ONNX cannot hold, nodes that do not fit together, operators of
            no stated version, or more than 2 GB that must stay inside.
    """
    check_wiring(model)
    versions = versions_of(model, report)
    external = None
    message = None if external_data else _model(model, versions, None)
    if message is None or message.size > MAX_BYTES:
        external = ExternalData(f"{output.final.name}.data")
        message = _model(model, versions, external)
    if message.size > MAX_BYTES:
        why = f"{message.size:,} bytes beside its weights; protobuf allows {MAX_BYTES:,}"
        raise ConversionError(output.final.name, why)
    _report(model, report)
    try:
        if external is not None and external.payloads:
            with output.companion(external.name).open("wb") as file:
                external.write(file)
        with output.path.open("wb") as file:
            message.write(file)
    except ValueError as error:
        raise ConversionError(output.final.name, str(error)) from error


def message_of(model: Model, report: Report) -> Message:
    """The message of a model with all its values, which must be few.

    Raises:
        ConversionError: see ``write``.
    """
    check_wiring(model)
    return _model(model, versions_of(model, report), None)


def _model(model: Model, versions: Versions, external: ExternalData | None) -> Message:
    message = Message()
    facts = model.metadata.get(MODEL_FACTS)
    facts = facts if isinstance(facts, dict) else {}
    message.integer(1, versions.ir)
    for number, text in (
        (2, model.producer.name),
        (3, model.producer.version),
        (4, facts.get("domain")),
    ):
        if text:
            message.text(number, text)
    if facts.get("model_version"):
        message.integer(5, facts["model_version"])
    if facts.get("doc_string"):
        message.text(6, facts["doc_string"])
    message.message(7, write_graph(model.graph, external))
    _write_opsets(message, 8, versions.opsets)
    write_pairs(message, 14, _metadata(model))
    for info in model.extras.get("training_info", ()):
        message.message(20, _training(info, external))
    for function in model.functions.values():
        message.message(25, _function(function, external))
    for _, unknown in _unknown_fields(model):
        message.raw(unknown)
    return message


def _unknown_fields(model: Model, repeated: bool = False) -> Iterator[tuple[str, bytes]]:
    """The fields of ModelProto that the model has no place for, with their keys if they have one.

    Keys of ``metadata_props`` must differ: those that come again are left out, or, with
    ``repeated``, are all there is.
    """
    fields = model.extras.get("onnx_unknown", b"")
    reading = Reading(Walker(BytesSource(fields)), SideFiles("", Path()))
    keys = {*_metadata(model)}
    for number, wire, first, second, at in reading.walker.fields(0, len(fields)):
        pair = read_pair(reading, first, second) if (number, wire) == (14, LENGTH) else None
        key = pair[0] if pair else ""
        if (key in keys) is repeated:
            yield key, fields[at:second]
        if pair:
            keys.add(key)


def _write_opsets(message: Message, number: int, opsets: dict[str, int]) -> None:
    for domain, version in opsets.items():
        entry = Message()
        entry.text(1, "" if domain == DOMAIN else domain)
        entry.integer(2, version)
        message.message(number, entry)


def _metadata(model: Model) -> dict[str, str]:
    entries: dict[str, Any] = {
        key: value for key, value in model.metadata.items() if key != MODEL_FACTS
    }
    if model.training is not None:
        entries[TRAINING_KEY] = _training_config(model.training)
    if model.hyperparameters:
        entries[HYPERPARAMETERS_KEY] = model.hyperparameters
    if LAYERS in model.extras:
        entries[LAYERS_KEY] = model.extras[LAYERS]
    return {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in entries.items()
    }


def _training_config(training: TrainingConfig) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "dialect": training.dialect,
        "loss": training.loss,
        "metrics": training.metrics,
    }
    if training.optimizer is not None:
        stated["optimizer"] = {
            "name": training.optimizer.name,
            "hyperparameters": training.optimizer.hyperparameters,
        }
    return {**stated, "config": training.config}


def _function(function: Function, external: ExternalData | None) -> Message:
    message = Message()
    message.text(1, function.name)
    names = ((4, function.inputs), (5, function.outputs), (6, function.attributes))
    for number, texts in names:
        for text in texts:
            message.text(number, text)
    for node in function.nodes:
        message.message(7, write_node(node, external))
    if function.doc:
        message.text(8, function.doc)
    _write_opsets(message, 9, function.opsets)
    if function.domain != DOMAIN:
        message.text(10, function.domain)
    write_attributes(message, 11, function.defaults, function.name, external)
    for value in function.values.values():
        message.message(12, write_value(value))
    if function.overload:
        message.text(13, function.overload)
    write_pairs(message, 14, function.metadata)
    message.raw(function.unknown)
    return message


def _training(info: TrainingInfo, external: ExternalData | None) -> Message:
    message = Message()
    if info.initialization is not None:
        message.message(1, write_graph(info.initialization, external))
    if info.algorithm is not None:
        message.message(2, write_graph(info.algorithm, external))
    for number, pairs in ((3, info.initialization_binding), (4, info.update_binding)):
        for pair in pairs:
            write_pairs(message, number, dict([pair]))
    message.raw(info.unknown)
    return message


def _report(model: Model, report: Report) -> None:
    """Note what the file has no place for, and what it must have."""
    for graph in _graphs(model):
        if not graph.name:
            why = f"the source gives the graph no name; written as {GRAPH_NAME!r}"
            report.add(Kind.INVENTED, Component.ARCHITECTURE, "graph", why)
        for name in graph.attributes:
            why = "ONNX has no attributes of graphs"
            report.add(Kind.DROPPED, Component.ARCHITECTURE, f"{graph.name} {name}", why)
    for key, _ in _unknown_fields(model, repeated=True):
        why = "the source has the key twice; the first one counts"
        report.add(Kind.DROPPED, Component.METADATA, key, why)


def _graphs(model: Model) -> Iterator[Graph]:
    yield from model.graph.subgraphs()
    for function in model.functions.values():
        yield from Graph(function.name, nodes=function.nodes).subgraphs()
    for info in model.extras.get("training_info", ()):
        for graph in (info.initialization, info.algorithm):
            if graph is not None:
                yield from graph.subgraphs()
