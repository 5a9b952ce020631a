"""Lists of integers that were attributes and became inputs: axes, starts, pads, lengths ..."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since, take_ints
from modelport.model.dtype import INT64
from modelport.model.graph import Node

_REDUCTIONS = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
    "ReduceSumSquare"
).split()


@since(5, "Reshape")
def reshape(node: Node, write: Rewriting) -> None:
    """``shape``; not given, it was empty."""
    node.attributes.pop("consumed_inputs", None)
    _append(node, "shape", take_ints(node, "shape", write) or [], write)
    write.put(node)


@since(10, "Slice")
def slices(node: Node, write: Rewriting) -> None:
    """``starts``, ``ends`` and ``axes``."""
    for name in ("starts", "ends", "axes"):
        _append(node, name, take_ints(node, name, write), write)
    write.put(node)


@since(10, "TopK")
def top(node: Node, write: Rewriting) -> None:
    """``k``."""
    node.inputs.append(write.constant([node.attributes.pop("k")], "k"))
    write.put(node)


@since(2, "Pad")
def paddings(node: Node, write: Rewriting) -> None:
    """``paddings`` became ``pads``, all begins before all ends, as the attribute's text has it."""
    node.attributes["pads"] = node.attributes.pop("paddings")
    write.put(node)


@since(11, "Pad")
def pads(node: Node, write: Rewriting) -> None:
    """``pads``, and ``value`` where it is not 0."""
    _append(node, "pads", take_ints(node, "pads", write), write)
    value = node.attributes.pop("value", 0.0)
    if value:
        node.inputs.append(write.like(value, node.inputs[0], "value"))
    write.put(node)


@since(13, "Squeeze", "Unsqueeze", "ReduceSum")
@since(18, *_REDUCTIONS)
def axes(node: Node, write: Rewriting) -> None:
    """``axes``; a reduction over none of them was one over all."""
    found = take_ints(node, "axes", write)
    if found or node.op_type == "Unsqueeze":
        _append(node, "axes", found or [], write)
    write.put(node)


@since(2, "Split")
def first_split(node: Node, write: Rewriting) -> None:
    """The lengths could also come as an input, of the data's type; it stays one."""
    if len(node.inputs) > 1 and node.inputs[1]:
        if write.dtype(node.inputs[1]) != INT64:
            node.inputs[1] = write.node("Cast", [node.inputs[1]], to=7)
        node.attributes.pop("split", None)
    write.put(node)


@since(13, "Split")
def split(node: Node, write: Rewriting) -> None:
    """``split``."""
    _append(node, "split", take_ints(node, "split", write), write)
    write.put(node)


@since(18, "Split")
def equal_split(node: Node, write: Rewriting) -> None:
    """Without lengths the number of parts must be said."""
    if len(node.inputs) < 2 or not node.inputs[1]:
        node.attributes["num_outputs"] = len(node.outputs)
    write.put(node)


@since(20, "DFT")
def transform(node: Node, write: Rewriting) -> None:
    """``axis``, whose default was 1 and is the last but one."""
    axis = node.attributes.pop("axis", 1)
    node.inputs.extend([""] * (2 - len(node.inputs)))
    node.inputs.append(write.constant(axis, "axis"))
    write.put(node)


def _append(node: Node, role: str, found: list[int] | None, write: Rewriting) -> None:
    node.inputs.append("" if found is None else write.constant(found, role))
