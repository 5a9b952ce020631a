"""The way to PyTorch: source code, and the weights under the names of its modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelport.convert.origins import over_origins
from modelport.convert.simplest import name_of, simplest
from modelport.dialects.onnx.history import NEWEST
from modelport.dialects.torch.raises.graph import raised
from modelport.dialects.torch.raises.held import held
from modelport.errors import ConversionError
from modelport.formats.shared.torch.architecture import SOURCE
from modelport.model.expression import source as source_of
from modelport.model.expression import sources
from modelport.model.model import Model
from modelport.model.opaque import opened, opened_tensor
from modelport.model.signature import Signature
from modelport.model.tensor import Tensor


def with_source(model: Model, named: Mapping[str, Tensor]) -> Model:
    """A model of ONNX with its source for PyTorch, its graph over the tensors of that.

    ``named`` are the tensors of the source; those that modules of torch count with are there.

    Raises:
        ConversionError: an operator that torch cannot express; names it and its node.
    """
    # What a module holds is its own to train, also what the source never had: hence the graph
    # that goes along is over all of it.
    whole = over_origins(model.graph.tensors)
    closed_model = replace(model, graph=replace(model.graph, tensors=whole))
    graph = simplest(closed_model)
    own = {id(tensor) for tensor in named.values()}
    weights = {
        name
        for name, tensor in model.graph.tensors.items()
        if any(id(leaf) in own for leaf in sources(source_of(tensor)))
    }
    source = raised(graph, f"{name_of(model)}, converted by modelport.", weights)
    for key in list(source.state):
        counted = f"{key.removesuffix('running_mean')}num_batches_tracked"
        if key.endswith(".running_mean") and counted in named:
            source.state[counted] = source_of(named[counted])
    try:
        stored = held(closed_model.graph, source.state)
    except ConversionError:  # what was simplified away is in no parameter
        stored = held(graph, source.state)
        model = replace(model, opsets={**model.opsets, "ai.onnx": NEWEST}, functions={})
    source.state.update({key: opened(part) for key, part in source.state.items()})
    stored.tensors = {name: opened_tensor(tensor) for name, tensor in stored.tensors.items()}
    return replace(
        model,
        graph=stored,
        signature=Signature(stored.inputs, stored.outputs),
        optimizer_state=None,
        extras={**model.extras, SOURCE: source},
    )
