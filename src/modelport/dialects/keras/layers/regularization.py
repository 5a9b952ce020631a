"""Regularisation layers: no effect at inference, kept in the graph where ONNX can."""

from __future__ import annotations

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import layout, ops, resize
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
    old = layer.era < Era.KERAS3 and layer.op_type not in ("RandomHeight", "RandomWidth")
    return layout.unary(layer.b, "Identity", _in_floats(layer) if old else layer.x)


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
    return layout.unary(layer.b, "Identity", _in_floats(layer))


def _in_floats(layer: Layer) -> Edge:
    return ops.cast(layer.b, layer.x, layer.dtype)


@lowers("RandomCrop", autocast=False)
def random_crop(layer: Layer) -> Edge:
    """The images as they are in Keras 3; in Keras 2 their middle, resized to the wanted extent."""
    b, x = layer.b, layer.x
    if layer.era >= Era.KERAS3:
        return layout.unary(b, "Identity", x)
    x = ops.cast(b, x, layer.dtype) if x.dtype.kind == "float" else x
    wanted = (layer.config["height"], layer.config["width"])
    if x.rank != 4 or not all(isinstance(extent, int) for extent in x.shape[1:]):
        raise layer.error("it needs images of known height and width")
    x = ops.cast(b, x, layer.dtype)
    extents = [extent for extent in x.shape[1:3] if isinstance(extent, int)]
    cut = [
        max(min(extents[0], extents[1] * wanted[0] // wanted[1]), 1),
        max(min(extents[1], extents[0] * wanted[1] // wanted[0]), 1),
    ]
    for axis, (extent, size) in enumerate(zip(extents, cut, strict=True)):
        start = (extent - size) // 2
        x = ops.slice_axis(b, x, axis + 1, start, start + size)
    return resize.bilinear(b, x, wanted)
