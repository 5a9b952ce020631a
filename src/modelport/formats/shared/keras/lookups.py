"""What lookup layers learnt, as a ``.keras`` archive keeps it beside the config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.graph import Graph, Node
from modelport.model.report import Kind, Report
from modelport.model.tensor import InMemory, Tensor

LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
"""The layers that keep a vocabulary, and its weights in a variable that is none of the model."""

VOCABULARY = "vocabulary.txt"
_WEIGHED = ("tf_idf", "tf-idf")
"""The output mode that multiplies with weights."""

_MOST_TOKENS = 1 << 24


def vocabularies(graph: Graph) -> dict[str, int]:
    """How many lines the vocabulary of each layer has that the file keeps beside its config."""
    return {
        node.scope[-1].name: len(text.split("\n"))
        for node in _nodes(graph)
        for path, text in _assets(node).items()
        if path == VOCABULARY
    }


def take_out(graph: Graph) -> None:
    """Leave to the archive, in the configs of a canonical graph, what it keeps beside them.

    The attribute ``idf_weights`` becomes the tensor that Keras demands of every layer that
    multiplies with them.

    Raises:
        ConversionError: a layer has no vocabulary, without which no Keras loads it.
    """
    for node in _nodes(graph):
        config: Mapping[str, Any] = node.attributes.get("config") or {}
        if node.op_type not in LOOKUPS or "idf_weights" in node.attributes:
            continue
        if config.get("vocabulary") is None and VOCABULARY not in _assets(node):
            where = f"layer {node.scope[-1].name!r} ({node.op_type})"
            raise ConversionError(where, "the file holds no vocabulary for it, and Keras wants one")
        if isinstance(config.get("vocabulary"), str):
            where = f"layer {node.scope[-1].name!r} ({node.op_type})"
            raise ConversionError(where, "its vocabulary is in a file of its own")
        if config.get("output_mode") in _WEIGHED:
            node.attributes["idf_weights"] = _weights(node, config)
        if VOCABULARY in _assets(node):
            left = {"vocabulary": None, "idf_weights": None}
            node.attributes["config"] = {**config, **left}


def add_weights(graph: Graph) -> None:
    """Make the idf weights weights of their layers, as which tf_keras counts them.

    Raises:
        ConversionError: a layer has none.
    """
    for each in graph.subgraphs():
        for node in each.nodes:
            config: Mapping[str, Any] = node.attributes.get("config") or {}
            if node.op_type not in LOOKUPS or config.get("output_mode") not in _WEIGHED:
                continue
            if not node.parameters:
                name = f"{node.scope[-1].name}/idf_weights"
                each.tensors.setdefault(name, _weights(node, config))
                node.parameters = {"idf_weights": name}
                node.attributes["trainable"] = {"idf_weights": False}


def account_for_config(graph: Graph, report: Report) -> None:
    """Say of each vocabulary beside a config whether it stands in the config now."""
    for node in _nodes(graph):
        where = node.scope[-1].name
        for path in _assets(node):
            if node.op_type in LOOKUPS and path == VOCABULARY:
                why = "its vocabulary stood beside the config, and now stands in it"
                report.add(Kind.REARRANGED, Component.ARCHITECTURE, where, why)
            elif node.op_type not in LOOKUPS:
                why = f"an .h5 file has no place for {path}, which stood beside its config"
                report.add(Kind.DROPPED, Component.ARCHITECTURE, where, why)


def _nodes(graph: Graph) -> Iterator[Node]:
    """Every layer once."""
    for each in graph.subgraphs():
        yield from {node.scope[-1].name: node for node in reversed(each.nodes)}.values()


def _assets(node: Node) -> Mapping[str, str]:
    found: Mapping[str, str] = node.attributes.get("assets") or {}
    return found


def _weights(node: Node, config: Mapping[str, Any]) -> Tensor:
    """The weights of all tokens: those in front share the mean, those to come have 0."""
    import numpy as np

    where = f"layer {node.scope[-1].name!r} ({node.op_type})"
    words, given = config["vocabulary"], config.get("idf_weights") or []
    text = node.op_type == "TextVectorization"
    outside, front = ("[UNK]", 1) if text else (config["oov_token"], config["num_oov_indices"])
    if not _are_numbers(given) or not isinstance(words, list) or len(given) != len(words):
        raise ConversionError(where, "the file holds no idf weights for the words of it")
    learnt = np.asarray(given, np.float32)
    special = len(words) >= front and words[:front] == [outside] * front
    lead = 0 if special else front
    most = config.get("max_tokens") if config.get("pad_to_max_tokens") else None
    count = max(most if isinstance(most, int) else 0, lead + len(learnt))
    if count > _MOST_TOKENS:
        raise ConversionError(where, f"it has more than {_MOST_TOKENS:,} tokens")
    values = np.zeros(count, np.float32)
    values[:lead] = learnt.mean()
    values[lead : lead + len(learnt)] = learnt
    return Tensor("idf_weights", InMemory(values))


def _are_numbers(given: Any) -> bool:
    return isinstance(given, list) and all(type(item) in (int, float) for item in given)
