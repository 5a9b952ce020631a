"""Bidirectional layers of Keras 1 to 2.2 where a mask reaches them.

At masked steps they repeat their last output, while the Bidirectional of today gives zeros; so
the two layers inside stand for themselves. They are joined by operations, for the merging layers
of Keras 3 heed masks in ways of their own; then the mask is given back to the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.defaults import complete
from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import lowerings
from modelport.dialects.keras.stock.chain import ELLIPSIS, Chain, V
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.report import Kind

_INSIDE = ("LSTM", "GRU", "SimpleRNN", "RNN")
_END_MASKS = ("Flatten", "Lambda", "GlobalAveragePooling1D", "GlobalMaxPooling1D")


def makes_mask(node: Node) -> bool:
    """Whether a layer masks steps by itself."""
    config = node.attributes.get("config")
    return node.op_type == "Masking" or (
        isinstance(config, Mapping) and config.get("mask_zero") is True
    )


def reached_by_masks(graph: Graph, masked_inputs: bool) -> dict[str, str]:
    """The values that may carry a mask, each with what the mask began at; in doubt one does."""
    found = {value.name: value.name for value in graph.inputs} if masked_inputs else {}
    for node in graph.nodes:
        inner = node.attributes.get("graph")
        inside = isinstance(inner, Graph) and any(
            makes_mask(each) for every in inner.subgraphs() for each in every.nodes
        )
        carried = [found[name] for name in node.inputs if name in found]
        if makes_mask(node) or inside or (carried and merges_masks(node, found)):
            found.update((name, name) for name in node.outputs)
        elif carried and not _ends_mask(node):
            found.update(dict.fromkeys(node.outputs, carried[0]))
    return found


def _ends_mask(node: Node) -> bool:
    if node.op_type in ("RNN", "LSTM", "GRU", "SimpleRNN"):
        return (node.attributes.get("config") or {}).get("return_sequences") is False
    known = lowerings().get(node.op_type)
    return node.op_type in _END_MASKS or (known is not None and known.mask == "stop")


_MERGING = ("Add", "Subtract", "Average", "Concatenate", "Multiply", "Maximum", "Minimum")
_HEEDING = ("Multiply", "Maximum", "Minimum")
"""Those that leave masked values out of what they compute in Keras 3."""


def merges_masks(node: Node, masked: Mapping[str, str]) -> bool:
    """Whether a layer merges values under masks that are, or may be, not the same."""
    return node.op_type in _MERGING and len({masked.get(name, "") for name in node.inputs}) > 1


def merges_otherwise(node: Node, masked: Mapping[str, str]) -> bool:
    """Whether Keras 3 merges values under masks otherwise than the version that wrote the file.

    It keeps the steps that any value keeps, has no mask where one value has none, and leaves
    masked values out of products and comparisons; older versions keep the steps that all masks
    keep, and compute without looking.
    """
    old = Era(node.attributes.get("era", Era.KERAS3)) < Era.KERAS3
    under = old and any(name in masked for name in node.inputs)
    axis = (node.attributes.get("config") or {}).get("axis")
    in_time = node.op_type == "Concatenate" and axis in (1, -2)  # masks are put together too
    heeds = node.op_type in _HEEDING
    return under and not in_time and (heeds or merges_masks(node, masked))


def merge(
    chain: Chain, masked: Mapping[str, str], types: Mapping[str, TensorType]
) -> list[Any] | None:
    """The values merged by operations, under the mask that all of theirs keep.

    None, and a word in the report, where they are not known to be sequences of vectors.
    """
    (values,), _ = chain.call()
    found = [types.get(value.name) for value in values if isinstance(value, V)]
    if len(found) < len(values) or not all(
        each is not None and each.dtype == FLOAT32 and len(each.shape or ()) == 3 for each in found
    ):
        why = "Keras 3 merges values under masks otherwise than the version of the file"
        chain.report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, chain.owner, why)
        return None
    y = _together(chain, values)
    masks = [_mask(chain, value) for value in values if value.name in masked]
    mask = masks[0]
    for other in masks[1:]:
        mask = chain.op("LogicalAnd", mask, other)
    why = "Keras 3 makes another mask of those of its inputs; said with operations"
    chain.report.add(Kind.REARRANGED, Component.ARCHITECTURE, chain.owner, why)
    return [_masked(chain, y, mask)]


def _together(chain: Chain, values: Sequence[V]) -> V:
    kind = chain.node.op_type
    if kind == "Concatenate":
        joined: V = chain.op("Concatenate", list(values), axis=-1)
        return joined
    y = values[0]
    for other in values[1:]:
        y = chain.op("Add" if kind == "Average" else kind, y, other)
    return chain.op("Divide", y, float(len(values))) if kind == "Average" else y


def repeats_masked_steps(node: Node) -> bool:
    """Whether a layer gives its last output again where today's Bidirectional gives zeros."""
    inner = (node.attributes.get("config") or {}).get("layer")
    half = inner.get("config") if isinstance(inner, Mapping) else None
    return (
        node.op_type == "Bidirectional"
        and isinstance(inner, Mapping)
        and inner.get("class_name") in _INSIDE
        and isinstance(half, Mapping)
        and half.get("return_sequences") is True
        and half.get("zero_output_for_mask") is False
        and len(node.inputs) == 1
    )


def bidirectional(chain: Chain) -> list[Any]:
    """A layer forward, one backward whose sequence is turned round, and their merge."""
    args, kwargs = chain.call()
    (x,) = args
    forward = _half(chain, "layer", "forward_layer", x, kwargs)
    backward = _half(chain, "backward_layer", "backward_layer", x, kwargs)
    turned = chain.op("Flip", backward[0], axis=1)
    merged = _merged(chain, forward[0], turned)
    mask = _mask(chain, x)
    return [*(_masked(chain, y, mask) for y in merged), *forward[1:], *backward[1:]]


def _half(chain: Chain, key: str, path: str, x: V, kwargs: Mapping[str, Any]) -> list[V]:
    inner = chain.config[key]
    weights = {
        role.removeprefix(f"{path}/"): name
        for role, name in chain.node.parameters.items()
        if role.startswith(f"{path}/")
    }
    sequences = 2 if chain.config.get("merge_mode") is None else 1
    outputs = 1 + (len(chain.node.outputs) - sequences) // 2
    config = {name: value for name, value in inner["config"].items() if name != "name"}
    suffix = path.removesuffix("_layer")
    kind = str(inner["class_name"])
    return chain.layer(kind, config, [x], kwargs, weights, outputs, suffix)


def _merged(chain: Chain, y: V, other: V) -> list[V]:
    mode = chain.config.get("merge_mode")
    if mode is None:
        return [y, other]
    if mode == "concat":
        return [chain.op("Concatenate", [y, other], axis=-1)]
    if mode == "mul":
        return [chain.op("Multiply", y, other)]
    total = chain.op("Add", y, other)
    return [chain.op("Divide", total, 2.0) if mode == "ave" else total]


def _mask(chain: Chain, x: V) -> V:
    """The mask of a value as a tensor: true at the steps that count.

    A product of today's Keras takes a masked factor for 1, and the other factor is 0 everywhere.
    """
    zeros = chain.layer("ReLU", {"max_value": 0.0}, [x], suffix="zeros")[0]
    ones = chain.op("OnesLike", x)
    left_out = chain.layer("Multiply", {}, [[zeros, ones]], suffix="left_out")[0]
    first = chain.op("GetItem", left_out, [ELLIPSIS, 0])
    mask: V = chain.op("Equal", first, 0.0)
    return mask


def _masked(chain: Chain, value: V, mask: V) -> V:
    """The value with a mask: models alone take one as an argument and hand it to their layers."""
    (given,) = chain.model("masked", [value], {"mask": mask}, _identity)
    return given


def _identity(name: str, scope: tuple[Scope, ...]) -> Graph:
    value = Value("input:0:0", TensorType(FLOAT32, (None, None, None)))
    start: dict[str, Any] = {
        "name": "input",
        "batch_shape": [None, None, None],
        "dtype": "float32",
        "sparse": False,
        "optional": False,
    }
    graph = Graph(name, inputs=[value], outputs=[Value("identity:0:0", value.type)])
    end = complete("Identity", {"name": "identity"})
    layers: list[tuple[str, dict[str, Any], list[str], str]] = [
        ("InputLayer", start, [], value.name),
        ("Identity", end, [value.name], "identity:0:0"),
    ]
    for kind, config, inputs, output in layers:
        args = [{"tensor": i} for i in range(len(inputs))]
        attributes: dict[str, Any] = {"config": config, "call": {"args": args, "kwargs": {}}}
        attributes |= {"module": "keras.layers", "registered_name": None}
        own = str(config["name"])
        step = (*scope, Scope(own, kind, 0))
        graph.nodes.append(Node("keras", kind, own, inputs, [output], attributes, scope=step))
    return graph
