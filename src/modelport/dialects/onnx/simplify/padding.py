"""Padding before a convolution or pooling is part of it."""

from __future__ import annotations

import math

from modelport.dialects.onnx.simplify.ranges import span
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node


@rule("Conv", "AveragePool", "MaxPool")
def padded(scene: Scene, node: Node) -> bool:
    """Zeros around a picture, or for MaxPool what is never the largest."""
    pad = scene.inner(node.inputs[0], "Pad")
    shape = scene.known(node.inputs[0]).shape
    automatic = node.attributes.get("auto_pad", "NOTSET")
    automatic = automatic.decode() if isinstance(automatic, bytes) else automatic
    if pad is None or shape is None or automatic not in ("NOTSET", "VALID"):
        return False
    added = _amounts(scene, pad, len(shape))
    value = _value(scene, pad)
    if added is None or value is None or len(node.outputs) > 1:
        return False
    own = [int(item) for item in node.attributes.get("pads", ())] or [0] * len(added)
    settings = {key: held for key, held in node.attributes.items() if key != "auto_pad"}
    settings["pads"] = [a + b for a, b in zip(own, added, strict=True)]
    if node.op_type != "Conv":
        kernel = [int(item) for item in node.attributes["kernel_shape"]]
        if any(a >= k for a, k in zip(settings["pads"], kernel * 2, strict=True)):
            return False
        if node.attributes.get("ceil_mode", 0):
            return False
    if node.op_type == "AveragePool":
        if value != 0 or (any(own) and not node.attributes.get("count_include_pad", 0)):
            return False
        settings["count_include_pad"] = 1
    elif node.op_type == "MaxPool":
        low = value == -math.inf or (value == 0 and span(scene, pad.inputs[0])[0] >= 0)
        if not low:
            return False
    elif value != 0:
        return False
    return scene.become(node, node.op_type, [pad.inputs[0], *node.inputs[1:]], **settings)


def _amounts(scene: Scene, pad: Node, rank: int) -> list[int] | None:
    """What is added before and after each axis of the picture; None where it is something else."""
    mode = pad.attributes.get("mode", "constant")
    amounts = scene.whole(pad.inputs[1])
    if (mode.decode() if isinstance(mode, bytes) else mode) != "constant" or amounts is None:
        return None
    axes = list(range(rank))
    if len(pad.inputs) > 3 and pad.inputs[3]:
        given = scene.whole(pad.inputs[3])
        if given is None:
            return None
        axes = [axis % rank for axis in given]
    found = [0] * (2 * rank)
    for index, axis in enumerate(axes):
        found[axis], found[axis + rank] = amounts[index], amounts[index + len(axes)]
    if min(found) < 0 or any(found[:2]) or any(found[rank : rank + 2]):
        return None
    return [*found[2:rank], *found[rank + 2 :]]


def _value(scene: Scene, pad: Node) -> float | None:
    if len(pad.inputs) < 3 or not pad.inputs[2]:
        return 0.0
    return scene.number(pad.inputs[2])
