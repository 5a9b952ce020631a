"""The way to PyTorch: source code, and the weights under the names of its modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from modelport.dialects.onnx.history import NEWEST, upgrade
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.dialects.torch.raises.graph import raised
from modelport.dialects.torch.raises.held import held
from modelport.model.expression import source as source_of
from modelport.model.expression import sources
from modelport.model.model import Model
from modelport.model.signature import Signature
from modelport.model.tensor import Tensor

NO_NAMES = frozenset(("", "graph", "main", "main_graph", "model", "torch_jit", "torch-jit-export"))
"""What exporters call the graph of any model."""


def with_source(model: Model, named: Mapping[str, Tensor]) -> Model:
    """A model of ONNX with its source for PyTorch, its graph over the tensors of that.

    ``named`` are the tensors of the source; those that modules of torch count with are there.

    Raises:
        ConversionError: an operator that torch cannot express; names it and its node.
    """
    newest = upgrade(model.graph, model.opsets.get("ai.onnx", 1), model.functions)
    graph = simplified(newest)
    # Before IR 4 every initializer is listed among the inputs too.
    graph.inputs = [value for value in graph.inputs if value.name not in graph.tensors]
    own = {id(tensor) for tensor in named.values()}
    weights = {
        name
        for name, tensor in model.graph.tensors.items()
        if any(id(leaf) in own for leaf in sources(source_of(tensor)))
    }
    name = graph.name if graph.name not in NO_NAMES else Path(model.path).stem
    source = raised(graph, f"{name}, converted by modelport.", weights)
    for key in list(source.state):
        counted = f"{key.removesuffix('running_mean')}num_batches_tracked"
        if key.endswith(".running_mean") and counted in named:
            source.state[counted] = source_of(named[counted])
    stored = held(graph, source.state)
    return replace(
        model,
        graph=stored,
        signature=Signature(stored.inputs, stored.outputs),
        opsets={**model.opsets, "ai.onnx": NEWEST},
        functions={},
        optimizer_state=None,
        extras={**model.extras, "torch_source": source},
    )
