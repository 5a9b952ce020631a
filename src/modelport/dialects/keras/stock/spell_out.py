"""A canonical graph in what stock Keras 3 has: the last step before a ``.keras`` is written."""

from __future__ import annotations

from modelport.dialects.keras.lower import output_types
from modelport.dialects.keras.stock.chain import Chain, Dims, Names
from modelport.dialects.keras.stock.changed import changed, tell_attention, tell_lost_penalty
from modelport.dialects.keras.stock.masked import (
    bidirectional,
    makes_mask,
    merge,
    merges_otherwise,
    reached_by_masks,
    repeats_masked_steps,
)
from modelport.dialects.keras.stock.removed import REMOVED
from modelport.dialects.keras.stock.tensorflow import TENSORFLOW
from modelport.dialects.keras.stock.types import settle
from modelport.dialects.keras.stock.wrapped import open_wrappers
from modelport.errors import ConversionError
from modelport.model.component import Component
from modelport.model.graph import Graph, Node, TensorType
from modelport.model.report import Kind, Report


def spell_out(graph: Graph, report: Report) -> None:
    """Replace, in a canonical graph and those inside it, what Keras 3 has only other words for.

    Each replacement computes the same from the same weights, and is noted as a rearrangement.

    Raises:
        ConversionError: Keras 3 has no words for a layer or a call of TensorFlow.
    """
    # A graph is asked for those inside it only once it has been handed out.
    for each in graph.subgraphs():
        open_wrappers(each, lambda node: node.op_type in REMOVED or changed(node) is not None)
    every = list(graph.subgraphs())
    masks = any(makes_mask(node) for each in every for node in each.nodes)
    for each in every:
        _spell_out(each, report, masks and each is not graph)


def _spell_out(graph: Graph, report: Report, masked_inputs: bool) -> None:
    masked = reached_by_masks(graph, masked_inputs)
    names = Names(graph, {node.scope[-1].name for node in graph.nodes})
    names.types.update(
        (value.name, value.dtype.name) for value in graph.inputs if value.dtype is not None
    )
    dims: dict[str, Dims] = {}
    types: dict[str, TensorType] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        made = len(nodes)
        chain = Chain(node, names, report, dims)
        if repeats_masked_steps(node) and node.inputs[0] in masked:
            nodes += chain.finish(bidirectional(chain))
            why = (
                "at masked steps it repeats its last output, and today's gives zeros; said in parts"
            )
            report.add(Kind.REARRANGED, Component.ARCHITECTURE, chain.owner, why)
        elif merges_otherwise(node, masked):
            types = types or output_types(graph)
            said = merge(chain, masked, types)
            nodes += [node] if said is None else chain.finish(said)
        else:
            tell_attention(node, any(name in masked for name in node.inputs), report)
            nodes += _said(node, chain)
        for each in nodes[made:]:
            settle(each, names.types)
    graph.nodes[:] = nodes
    for name in names.replaced:
        del graph.tensors[name]
    for value in graph.outputs:
        if value.name in dims:
            raise ConversionError(f"output {value.name!r}", "Keras 3 gives no shape as a tensor")


def _said(node: Node, chain: Chain) -> list[Node]:
    says = REMOVED.get(node.op_type) or TENSORFLOW.get(node.op_type) or changed(node)
    if says is None:
        tell_lost_penalty(node, chain.report)
        return [node]
    values = says(chain)
    if all(isinstance(value, Dims) for value in values):
        chain.dims.update(zip(node.outputs, values, strict=False))
        return []
    if node.op_type in REMOVED:
        why = f"Keras 3 has no {node.op_type}; said with layers and operations that do the same"
        chain.report.add(Kind.REARRANGED, Component.ARCHITECTURE, chain.owner, why)
    return chain.finish(values)
