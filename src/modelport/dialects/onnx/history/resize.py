"""Upsample and Resize: from two modes to coordinates and roundings that are said."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, renamed, since, text
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Node

_FIRST = {"coordinate_transformation_mode": "asymmetric"}
_HALF_PIXEL = {"floor": "round_prefer_ceil", "round_prefer_floor": "ceil"}


@since(7, "Upsample")
def named_scales(node: Node, write: Rewriting) -> None:
    """``height_scale`` and ``width_scale`` of an image became ``scales`` of every axis."""
    sides = [float(node.attributes.pop(f"{side}_scale")) for side in ("height", "width")]
    node.attributes["scales"] = [1.0, 1.0, *sides]
    if text(node.attributes.get("mode", "nearest")) == "bilinear":
        node.attributes["mode"] = "linear"
    write.put(node)


@since(9, "Upsample")
def scales_input(node: Node, write: Rewriting) -> None:
    """``scales``."""
    scales = node.attributes.pop("scales")
    node.inputs.append(write.constant(list(scales), "scales", FLOAT32))
    write.put(node)


@since(10, "Upsample")
def upsample(node: Node, write: Rewriting) -> None:
    """Scales were 1 or more: the element at or before ``x / scale``, or between two."""
    node = renamed(node, "Resize")
    node.inputs.insert(1, "")
    node.attributes.update(_FIRST)
    if _is_nearest(node):
        node.attributes["nearest_mode"] = "floor"
    write.put(node, at=13)


@since(11, "Resize")
def resize(node: Node, write: Rewriting) -> None:
    """Coordinates were ``x / scale``; where an axis shrinks, the nearest was the next one.

    The text is silent about the rounding; this is what the specification's own test of version 10
    (``test_resize_downsample_nearest``: scale 0.6 takes elements 0 and 2) and onnxruntime say.
    Scales that are not known are split into those that stretch and those that shrink.
    """
    node.inputs.insert(1, "")
    node.attributes.update(_FIRST)
    if not _is_nearest(node):
        write.put(node)
        return
    scales = write.values(node.inputs[2])
    if scales is not None and (scales >= 1).all():
        node.attributes["nearest_mode"] = "floor"
    elif scales is not None and (scales <= 1).all():
        node.attributes["nearest_mode"] = "ceil"
    else:
        one = write.constant(1.0, "one", FLOAT32)
        longer, shorter = (write.node(op, [node.inputs[2], one]) for op in ("Max", "Min"))
        first = dict(node.attributes, nearest_mode="floor")
        stretched = write.node("Resize", [node.inputs[0], "", longer], **first)
        node.inputs = [stretched, "", shorter]
        node.attributes["nearest_mode"] = "ceil"
    write.put(node)


@since(13, "Resize")
def optional_inputs(node: Node, write: Rewriting) -> None:
    """Empty tensors stood for inputs that are not given."""
    mode = text(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
    if mode != "tf_crop_and_resize":
        node.inputs[1] = ""
    if len(node.inputs) > 3 and node.inputs[3]:
        node.inputs[2] = ""
    write.put(node)


@since(19, "Resize")
def half_pixels(node: Node, write: Rewriting) -> None:
    """One way of counting is gone since 13, but exporters and runtimes kept it.

    ``tf_half_pixel_for_nn`` is half a pixel more than ``half_pixel``, which some roundings undo:
    floor(x) is x - 1/2 rounded with halves up, x rounded with halves down is ceil(x - 1/2).
    """
    mode = text(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
    if mode == "tf_half_pixel_for_nn":
        rounding = text(node.attributes.get("nearest_mode", "round_prefer_floor"))
        if not _is_nearest(node) or rounding not in _HALF_PIXEL:
            why = f"{mode} with {rounding if _is_nearest(node) else 'interpolation'}"
            raise write.fail(f"{why} has no form in later versions")
        node.attributes["coordinate_transformation_mode"] = "half_pixel"
        node.attributes["nearest_mode"] = _HALF_PIXEL[rounding]
    write.put(node)


def _is_nearest(node: Node) -> bool:
    return text(node.attributes.get("mode", "nearest")) == "nearest"
