"""Regularisation layers: no effect at inference, kept in the graph where ONNX can."""

from __future__ import annotations

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge
from modelport.model.dtype import FLOAT32


@lowers("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", mask="pass")
def dropout(layer: Layer) -> Edge:
    """Dropout in its inference form, with the rate kept."""
    ratio = layer.b.constant(float(layer.config["rate"]), FLOAT32)
    return layout.unary(layer.b, "Dropout", layer.x, extra=[ratio])


@lowers("ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise", mask="pass")
def unchanged(layer: Layer) -> Edge:
    """The input; what these layers do in training has no operator of ONNX."""
    return layout.unary(layer.b, "Identity", layer.x)


@lowers(
    "MixUp",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomGrayscale",
    "RandomHeight",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomWidth",
)
def unaugmented(layer: Layer) -> Edge:
    """The images as they are: Keras augments in training only."""
    return layout.unary(layer.b, "Identity", layer.x)


@lowers(
    "AugMix",
    "CutMix",
    "RandAugment",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomPerspective",
    "RandomRotation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
)
def unaugmented_floats(layer: Layer) -> Edge:
    """The images as they are, but in the dtype of the layer, whole numbers too."""
    return layout.unary(layer.b, "Identity", ops.cast(layer.b, layer.x, layer.dtype))
