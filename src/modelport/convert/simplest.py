"""Where every way out of ONNX begins: the graph of any opset, in the newest and without detours."""

from __future__ import annotations

from pathlib import Path

from modelport.dialects.onnx.history import upgrade
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.model.graph import Graph
from modelport.model.model import Model

_NO_NAMES = frozenset(("", "graph", "main", "main_graph", "model", "torch_jit", "torch-jit-export"))
"""What exporters call the graph of any model."""


def simplest(model: Model) -> Graph:
    """The graph of a model of ONNX to be raised; its inputs are those that nobody has values for.

    Raises:
        ConversionError: a node that no runtime would load, or that no newer opset can say.
    """
    graph = simplified(upgrade(model.graph, model.opsets.get("ai.onnx", 1), model.functions))
    # Before IR 4 every initializer is listed among the inputs too.
    graph.inputs = [value for value in graph.inputs if value.name not in graph.tensors]
    return graph


def name_of(model: Model) -> str:
    """What a model is called: as its graph is, or else as its file."""
    name = model.graph.name
    return Path(model.path).stem if name in _NO_NAMES else name
