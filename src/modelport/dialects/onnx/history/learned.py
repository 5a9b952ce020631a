"""Operators of classical learning that stand around networks, in those of ``ai.onnx``."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, Step
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Node

LEARNED_DOMAIN = "ai.onnx.ml"


def scaler(node: Node, write: Rewriting) -> None:
    """Features less an offset, times a factor; whatever they were, they are float32 then."""
    x = write.node("Cast", node.inputs[:1], to=ONNX_DTYPES[FLOAT32.name])
    steps = [(op, node.attributes[name], name) for op, name in _SCALING if name in node.attributes]
    for op, numbers, role in steps:
        x = write.node(op, [x, write.constant(numbers, role, FLOAT32)])
    write.node("Identity", [x], node.outputs)


_SCALING = (("Sub", "offset"), ("Mul", "scale"))


def array_feature_extractor(node: Node, write: Rewriting) -> None:
    """Elements of the last axis by their places; of a vector they are a row."""
    x, places = node.inputs
    rank = write.rank(x)
    if rank is None:
        raise ConversionError(write.where, "the number of axes of its operand is not known")
    if rank == 1:
        x = write.node("Unsqueeze", [x, write.constant([0], "axes")])
    flat = write.node("Reshape", [places, write.constant([-1], "shape")])
    write.node("Gather", [x, flat], node.outputs, axis=-1)


def zip_map(node: Node, write: Rewriting) -> None:
    """Probabilities with the names of classes, row by row: nothing that a network gives."""
    why = "it makes a list of dictionaries, which neither PyTorch nor Keras gives"
    hint = "export the model again with options={'zipmap': False}, and it is a tensor"
    raise ConversionError(write.where, f"ZipMap: {why}; {hint}")


LEARNED: dict[str, Step] = {
    "ArrayFeatureExtractor": array_feature_extractor,
    "Scaler": scaler,
    "ZipMap": zip_map,
}
"""What is said in operators of ``ai.onnx``, by operator; the others stay."""
