"""BatchNormalization of every era, and GroupNormalization."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since
from modelport.model.dtype import FLOAT64
from modelport.model.graph import Node


@since(7, "BatchNormalization")
def batch_mode(node: Node, write: Rewriting) -> None:
    """``is_test``; where it is not given, having only one output says the same.

    Until version 14 the mode then stands as ``training_mode``.
    """
    tested = node.attributes.pop("is_test", None)
    if tested is None:
        tested = not any(node.outputs[1:])
    if tested:
        if any(write.wanted(name) for name in node.outputs[1:]):
            raise write.fail("something takes its statistics, which it has only in training")
        node.outputs = node.outputs[:1]
    node.attributes["training_mode"] = int(not tested)
    write.put(node)


@since(9, "BatchNormalization")
def batch_features(node: Node, write: Rewriting) -> None:
    """Not ``spatial``: every place has statistics of its own, as if it were a channel."""
    if node.attributes.pop("spatial", 1) or write.rank(node.inputs[0]) == 2:
        write.put(node)
        return
    old = list(node.inputs)
    node.attributes.setdefault("training_mode", int(any(node.outputs[1:])))
    wanted = [name if write.wanted(name) else "" for name in node.outputs]
    row = write.constant([-1], "row")
    node.inputs = [
        write.node("Flatten", [old[0]], axis=1),
        *(write.node("Reshape", [name, row]) for name in old[1:]),
    ]
    node.outputs = [
        write.name(f"flat_{index}") if name else "" for index, name in enumerate(wanted)
    ]
    write.put(node)
    for flat, name, source in zip(node.outputs, wanted, [old[0], *old[3:], *old[3:]], strict=False):
        if name:
            shape = write.node("Shape", [source])
            write.node("Reshape", [flat, shape], [name], allowzero=1)


@since(14, "BatchNormalization")
def batch_training(node: Node, write: Rewriting) -> None:
    """More than one output meant training; two of them are gone, the statistics of the batch."""
    training = node.attributes.pop("training_mode", any(node.outputs[1:]))
    saved = [name if write.wanted(name) else "" for name in (*node.outputs[3:], "", "")]
    if training:
        node.attributes["training_mode"] = 1
        outputs = [*node.outputs, "", ""][:3]
        node.outputs = [name or write.name("running") for name in outputs]
    else:
        node.outputs = node.outputs[:1]
    if any(saved):
        _batch_statistics(node.inputs[0], saved[0], saved[1], write)
    write.put(node)


def _batch_statistics(data: str, mean: str, variance: str, write: Rewriting) -> None:
    """Mean and (population) variance of every channel, which is axis 1."""
    rows = write.node("Reshape", [data, write.constant([0, 0, -1], "rows")])
    if mean:
        write.node("ReduceMean", [rows], [mean], axes=[0, 2], keepdims=0)
    if variance:
        middle = write.node("ReduceMean", [rows], axes=[0, 2], keepdims=1)
        away = write.node("Sub", [rows, middle])
        square = write.node("Mul", [away, away])
        write.node("ReduceMean", [square], [variance], axes=[0, 2], keepdims=0)


@since(21, "GroupNormalization")
def groups(node: Node, write: Rewriting) -> None:
    """Scale and bias were given for each group; now for each channel of it."""
    count = write.constant([node.attributes["num_groups"]], "groups")
    shape = write.shape(node.inputs[0])
    if shape is not None and isinstance(shape[1], int):
        whole = write.constant([1, shape[1] // node.attributes["num_groups"]], "channels")
    else:
        channels = write.node("Shape", [node.inputs[0]], start=1, end=2)
        whole = write.node("Concat", [count, write.node("Div", [channels, count])], axis=0)
    row = write.constant([-1], "row")
    for place in (1, 2):
        column = write.node("Unsqueeze", [node.inputs[place], write.constant([1], "ones")])
        spread = write.node("Expand", [column, whole])
        node.inputs[place] = write.node("Reshape", [spread, row])
    if write.dtype(node.inputs[0]) == FLOAT64:
        node.attributes["stash_type"] = 11
    write.put(node)
