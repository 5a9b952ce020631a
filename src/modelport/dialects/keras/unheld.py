"""Why a layer or an operation has no ONNX form: what an error says of stock ones and of others."""

from __future__ import annotations

from collections.abc import Mapping

from modelport.dialects.keras.defaults import AS_STATED, DEFAULTS

_REASONS: Mapping[str, str] = {
    "Lambda": "what it computes is Python code; rebuild the model with stock layers in its place",
    "FlaxLayer": "what it computes is Python code of JAX",
    "JaxLayer": "what it computes is Python code of JAX",
    "TFSMLayer": "what it computes is in a SavedModel of its own",
    "TorchModuleWrapper": "what it computes is a pickled PyTorch module",
    "AbstractRNNCell": "the base class of cells computes nothing of its own",
    "PreprocessingLayer": "the base class of preprocessing computes nothing of its own",
    "Layer": "the base class of all layers computes nothing of its own",
    "Wrapper": "the base class of wrappers computes nothing of its own",
    "DenseFeatures": "feature columns have no ONNX form",
    "SequenceFeatures": "feature columns have no ONNX form",
    "FeatureSpace": "a feature space has no ONNX form",
}
"""Stock classes that no effort would bring to ONNX."""

_OTHER_STOCK = frozenset(
    {
        *("AtrousConv1D", "AtrousConv2D", "BaseRandomLayer", "ConvLSTM2DCell", "ConvRNN2D"),
        *("ConvRecurrent2D", "DynamicEmbedding", "DynamicLookup", "Graph", "LinearModel"),
        *("RandomApply", "RandomFourierFeatures", "WideDeepModel"),
    }
)
"""Stock classes of older Keras that ``defaults`` does not list."""


def why_not(op_type: str) -> str:
    """One line that says why a class, or an operation ``keras.ops.X``, cannot become ONNX."""
    if op_type.startswith("keras.ops."):
        return f"modelport knows no ONNX form of the operation {op_type}"
    if op_type in _REASONS:
        return _REASONS[op_type]
    if op_type in DEFAULTS or op_type in AS_STATED or op_type in _OTHER_STOCK:
        return "modelport knows no ONNX form of this stock layer of Keras"
    return "modelport knows no ONNX form of this layer (custom code?)"
