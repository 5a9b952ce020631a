"""Every stock layer class of Keras 3, built: the measure for tables of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shape = tuple[int, ...]

VECTOR, SEQUENCE = (2, 4), (2, 5, 3)
GRIDS: dict[int, Shape] = {1: (2, 6, 3), 2: (2, 8, 8, 3), 3: (2, 6, 6, 6, 3)}

NOT_BUILT = {
    *("FlaxLayer", "JaxLayer", "Layer", "TFSMLayer", "TorchModuleWrapper", "Lambda"),
    "STFTSpectrogram",
}
"""Classes that hold code or mean nothing by themselves, and one that needs scipy to be made."""


def stock() -> dict[str, tuple[Callable[..., Any], list[Shape]]]:
    """For each class: a maker that takes further arguments, and the shapes of its inputs."""
    import keras

    made: dict[str, tuple[Callable[..., Any], list[Shape]]] = {}

    def add(name: str, *args: Any, shapes: Any = VECTOR, **kwargs: Any) -> None:
        layer_class = getattr(keras.layers, name)

        def make(**more: Any) -> Any:
            return layer_class(*args, **{**kwargs, **more})

        made[name] = make, shapes if isinstance(shapes, list) else [shapes]

    _images(add)
    _sequences(add, keras.layers)
    _plain(add)
    _preprocessing(add)
    add("Pipeline", [keras.layers.Rescaling(2.0)])
    return made


def _images(add: Callable[..., None]) -> None:
    for n, grid in GRIDS.items():
        for name in ("Cropping", "UpSampling", "ZeroPadding", "MaxPooling", "GlobalMaxPooling"):
            add(f"{name}{n}D", shapes=grid)
        add(f"GlobalAveragePooling{n}D", shapes=grid)
        for name in ("AdaptiveAveragePooling", "AdaptiveMaxPooling", "AveragePooling"):
            add(f"{name}{n}D", 2, shapes=grid)
        add(f"SpatialDropout{n}D", 0.5, shapes=grid)
        add(f"Conv{n}D", 4, 2, shapes=grid)
        add(f"Conv{n}DTranspose", 4, 2, shapes=grid)
        add(f"ConvLSTM{n}D", 4, 2, shapes=(2, 3, *grid[1:]))
    for n in (1, 2):
        add(f"DepthwiseConv{n}D", 2, depth_multiplier=2, shapes=GRIDS[n])
        add(f"SeparableConv{n}D", 4, 2, depth_multiplier=2, shapes=GRIDS[n])


def _sequences(add: Callable[..., None], layers: Any) -> None:
    for name in ("SimpleRNN", "LSTM", "GRU"):
        add(name, 4, shapes=SEQUENCE)
        add(f"{name}Cell", 4, shapes=[VECTOR])
    add("RNN", layers.GRUCell(4), shapes=SEQUENCE)
    cells = [layers.LSTMCell(4), layers.GRUCell(3), layers.LSTMCell(3)]
    add("StackedRNNCells", cells, shapes=[VECTOR])
    add("Bidirectional", layers.LSTM(4), shapes=SEQUENCE)
    add("TimeDistributed", layers.BatchNormalization(), shapes=SEQUENCE)
    add("SpectralNormalization", layers.Dense(4))
    add("Wrapper", layers.Dense(4))
    add("Attention", shapes=[SEQUENCE, SEQUENCE])
    add("AdditiveAttention", shapes=[SEQUENCE, SEQUENCE])
    add("MultiHeadAttention", 2, 3, shapes=[SEQUENCE, SEQUENCE])
    add("GroupQueryAttention", 3, 4, 2, shapes=[SEQUENCE, SEQUENCE])
    add("Masking", shapes=SEQUENCE)


def _plain(add: Callable[..., None]) -> None:
    for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"):
        add(name, shapes=[VECTOR, VECTOR])
    add("Dot", 1, shapes=[VECTOR, VECTOR])
    for name in ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"):
        add(name, 0.5)
    for name in ("BatchNormalization", "LayerNormalization", "RMSNormalization"):
        add(name)
    for name in ("UnitNormalization", "ActivityRegularization", "Identity"):
        add(name)
    for name in ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"):
        add(name)
    add("GroupNormalization", shapes=(2, 32))
    add("InputLayer", (4,))
    add("Activation", "relu")
    add("Dense", 3)
    add("EinsumDense", "ab,bc->ac", 5, bias_axes="c")
    add("Embedding", 7, 3)
    add("ReversibleEmbedding", 7, 3)
    add("Flatten", shapes=GRIDS[2])
    add("Permute", (2, 1), shapes=SEQUENCE)
    add("RepeatVector", 3)
    add("Reshape", (2, 2))


def _preprocessing(add: Callable[..., None]) -> None:
    add("CategoryEncoding", 4)
    add("Discretization", [1.0, 2.0])
    add("HashedCrossing", 4, shapes=[(2,), (2,)])
    add("Hashing", 4)
    add("IntegerLookup", vocabulary=[1, 2, 3])
    for name in ("StringLookup", "TextVectorization"):
        add(name, vocabulary=["a", "b"])
    add("Normalization")
    add("Rescaling", 2.0)
    add("MelSpectrogram", shapes=(2, 4096))
    add("MaxNumBoundingBoxes", 4)
    image = GRIDS[2]
    for name in ("Resizing", "CenterCrop", "RandomCrop"):
        add(name, 4, 4, shapes=image)
    for name in _AUGMENTATIONS:
        add(name, shapes=image)
    for name in _FACTORS:
        add(name, 4 if name == "RandomPosterization" else 0.1, shapes=image)
    add("RandomTranslation", 0.1, 0.1, shapes=image)


_AUGMENTATIONS = [
    "AugMix",
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MixUp",
    "RandAugment",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPerspective",
    "RandomShear",
    "Solarization",
]

_FACTORS = [
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomContrast",
    "RandomHue",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomZoom",
]


def build(name: str, layer: Any, shapes: list[Shape]) -> None:
    """Build a layer on inputs of those shapes, by a call where the layer can be called."""
    import keras

    # Neither weights nor a plain tensor to call them on.
    if name in ("StringLookup", "TextVectorization", "InputLayer", "MaxNumBoundingBoxes"):
        return
    if name.endswith("Cell") or name in ("StackedRNNCells", "Wrapper"):
        layer.build(shapes[0])
        return
    inputs = [keras.Input(batch_shape=shape) for shape in shapes]
    if name in ("MultiHeadAttention", "GroupQueryAttention"):
        layer(*inputs)
    else:
        layer(inputs if len(inputs) > 1 else inputs[0])
