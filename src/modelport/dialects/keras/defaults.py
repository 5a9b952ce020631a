"""The constructor arguments of every stock Keras 3 layer, with the values they have when absent.

Initializers stand as their class names here; ``complete`` spells them out. Arguments that only
recent versions of Keras 3 know (``RECENT``) are left out of a config unless a file states them,
so that a written file loads in every Keras 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from modelport.dialects.keras.history.objects import initializer

RECENT = frozenset(
    {
        *("quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "use_gate"),
        *("sliding_window", "rms_scaling", "ragged", "antialias", "oov_method", "salt"),
    }
)
"""Arguments that do not exist in every version of Keras 3."""

REQUIRED: dict[str, tuple[str, ...]] = {}
"""The arguments of each class that have no default."""

DEFAULTS: dict[str, dict[str, Any]] = {}
"""The arguments of each class that have a default; initializers by class name."""

UNNAMED = frozenset(
    {"Discretization", "HashedCrossing", *(f"SpatialDropout{n}D" for n in (1, 2, 3))}
)
"""Classes whose configs have no ``trainable``: most of their constructors refuse it."""

AS_STATED = frozenset(
    {
        *("AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix"),
        *("Equalization", "MixUp", "RandAugment", "RandomBrightness", "RandomColorDegeneration"),
        *("RandomColorJitter", "RandomContrast", "RandomCrop", "RandomElasticTransform"),
        *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue"),
        *("RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation"),
        *("RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
        *("Solarization", "MaxNumBoundingBoxes", "MelSpectrogram", "STFTSpectrogram", "Pipeline"),
    }
)
"""Stock classes of Keras 3 whose configs are kept as a file states them."""


def complete(op_type: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with every absent argument of the class filled in; others are kept as they are.

    Classes that are not Keras 3's own come back unchanged.
    """
    if op_type not in DEFAULTS:
        return dict(config)
    filled = dict(config)
    for key, value in DEFAULTS[op_type].items():
        if key not in filled:
            filled[key] = initializer(value) if key.endswith("_initializer") else _copied(value)
    filled.setdefault("dtype", "float32")
    if op_type not in UNNAMED and op_type != "InputLayer":
        filled.setdefault("trainable", True)
    return filled


def arguments(op_type: str) -> frozenset[str] | None:
    """Every key that a config of the class may hold; None for a class that is not Keras 3's own."""
    if op_type not in DEFAULTS:
        return None
    own = {*DEFAULTS[op_type], *REQUIRED[op_type], "name", "dtype"}
    common = set() if op_type in UNNAMED or op_type == "InputLayer" else {"trainable"}
    return frozenset(own | common | _ALSO.get(op_type, frozenset()) | RECENT_OF.get(op_type, set()))


def _copied(value: Any) -> Any:
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _define(names: str, required: str = "", *parts: Mapping[str, Any], **defaults: Any) -> None:
    for name in names.split():
        DEFAULTS[name] = {key: value for part in parts for key, value in part.items()} | defaults
        REQUIRED[name] = tuple(required.split())


def _each(kinds: Iterable[str], **initializers: str) -> dict[str, Any]:
    """Initializer, regularizer and constraint of every kind of weight."""
    found: dict[str, Any] = {}
    for kind in kinds:
        found[f"{kind}_initializer"] = initializers.get(kind, "GlorotUniform")
        found[f"{kind}_regularizer"] = found[f"{kind}_constraint"] = None
    return found


_FORMAT = {"data_format": "channels_last"}
_USE_BIAS = {"activation": "linear", "use_bias": True}
_KERNEL_BIAS = _each(["kernel", "bias"], bias="Zeros")
_ACTIVITY = {"activity_regularizer": None}


def _ones(n: int) -> list[int]:
    return [1] * n


def _convolutions() -> None:
    for n in (1, 2, 3):
        window = {"strides": _ones(n), "padding": "valid", "dilation_rate": _ones(n), **_FORMAT}
        plain = (window, _USE_BIAS, _KERNEL_BIAS, _ACTIVITY)
        _define(f"Conv{n}D", "filters kernel_size", *plain, groups=1)
        _define(f"Conv{n}DTranspose", "filters kernel_size", *plain, output_padding=None)
        lstm = _each(["kernel", "recurrent", "bias"], recurrent="Orthogonal", bias="Zeros")
        _define(f"ConvLSTM{n}D", "filters kernel_size", window, _RNN, _GATED, lstm, _ACTIVITY)
        DEFAULTS[f"ConvLSTM{n}D"] |= {"unit_forget_bias": True, "seed": None}
        if n < 3:
            depth = _each(["depthwise", "bias"], bias="Zeros")
            deep = (window, _USE_BIAS, _ACTIVITY, {"depth_multiplier": 1})
            _define(f"DepthwiseConv{n}D", "kernel_size", *deep, depth)
            both = _each(["depthwise", "pointwise", "bias"], bias="Zeros")
            _define(f"SeparableConv{n}D", "filters kernel_size", *deep, both)


def _grids() -> None:
    for n in (1, 2, 3):
        for kind in ("Average", "Max"):
            _define(f"Global{kind}Pooling{n}D", "", _FORMAT, keepdims=False)
            _define(f"Adaptive{kind}Pooling{n}D", "output_size", _FORMAT)
            window = "" if kind == "Max" else "pool_size"
            _define(f"{kind}Pooling{n}D", window, _FORMAT, strides=[2] * n, padding="valid")
        DEFAULTS[f"MaxPooling{n}D"]["pool_size"] = [2] * n
        _define(f"SpatialDropout{n}D", "rate", _FORMAT if n > 1 else {}, seed=None)
    _define("Cropping1D", cropping=[1, 1])
    _define("Cropping2D", "", _FORMAT, cropping=[[0, 0], [0, 0]])
    _define("Cropping3D", "", _FORMAT, cropping=[[1, 1]] * 3)
    _define("ZeroPadding1D", "", _FORMAT, padding=[1, 1])
    _define("ZeroPadding2D", "", _FORMAT, padding=[[1, 1]] * 2)
    _define("ZeroPadding3D", "", _FORMAT, padding=[[1, 1]] * 3)
    _define("UpSampling1D", size=2)
    _define("UpSampling2D", "", _FORMAT, size=[2, 2], interpolation="nearest")
    _define("UpSampling3D", "", _FORMAT, size=[2, 2, 2])


_RNN = {
    **dict.fromkeys(("return_sequences", "return_state", "go_backwards", "stateful"), False),
    **dict.fromkeys(("unroll", "zero_output_for_mask"), False),
}
_CELL = {"activation": "tanh", "use_bias": True, "dropout": 0.0, "recurrent_dropout": 0.0}
_GATED = {**_CELL, "recurrent_activation": "sigmoid"}


def _recurrent() -> None:
    weights = _each(["kernel", "recurrent", "bias"], recurrent="Orthogonal", bias="Zeros")
    _define("SimpleRNN", "units", _RNN, _CELL, weights, _ACTIVITY)
    _define("SimpleRNNCell", "units", _CELL, weights, seed=None)
    _define("GRU", "units", _RNN, _GATED, weights, _ACTIVITY, reset_after=True, seed=None)
    _define("GRUCell", "units", _GATED, weights, reset_after=True, seed=None)
    _define("LSTM", "units", _RNN, _GATED, weights, _ACTIVITY, unit_forget_bias=True, seed=None)
    _define("LSTMCell", "units", _GATED, weights, unit_forget_bias=True, seed=None)
    _define("RNN", "cell", _RNN)
    _define("StackedRNNCells", "cells")
    _define("Bidirectional", "layer", merge_mode="concat", backward_layer=None)
    _define("TimeDistributed Wrapper", "layer")
    _define("SpectralNormalization", "layer", power_iterations=1)


def _core() -> None:
    _define("InputLayer", "batch_shape", sparse=False, ragged=False, optional=False)
    _define("Dense", "units", _USE_BIAS, _KERNEL_BIAS, _ACTIVITY, quantization_config=None)
    einsum = {"activation": "linear", "bias_axes": None, "quantization_config": None}
    _define("EinsumDense", "equation output_shape", einsum, _KERNEL_BIAS, _ACTIVITY)
    table = _each(["embeddings"], embeddings="RandomUniform") | {"mask_zero": False} | _ACTIVITY
    table |= {"quantization_config": None}
    _define("Embedding", "input_dim output_dim", table)
    reverse = {"tie_weights": True, "reverse_dtype": None, "logit_soft_cap": None}
    _define("ReversibleEmbedding", "input_dim output_dim", table, reverse)
    _define("Masking", mask_value=0.0)
    _define("Identity Add Average Maximum Minimum Multiply Subtract")
    _define("Concatenate", axis=-1)
    _define("Dot", "axes", normalize=False)
    _define("Flatten", "", _FORMAT)
    _define("Permute", "dims")
    _define("RepeatVector", "n")
    _define("Reshape", "target_shape")
    _define("Lambda", "function", output_shape=None, arguments={})
    _define("Activation", "activation")
    _define("ELU", alpha=1.0)
    _define("LeakyReLU", negative_slope=0.3)
    _define("PReLU", "", _each(["alpha"], alpha="Zeros"), shared_axes=None)
    _define("ReLU", max_value=None, negative_slope=0.0, threshold=0.0)
    _define("Softmax", axis=-1)
    _define("Dropout AlphaDropout", "rate", noise_shape=None, seed=None)
    _define("GaussianDropout", "rate", seed=None)
    _define("GaussianNoise", "stddev", seed=None)
    _define("ActivityRegularization", l1=0.0, l2=0.0)


def _normalizations() -> None:
    scaled = _each(["beta", "gamma"], beta="Zeros", gamma="Ones")
    scaled |= {"axis": -1, "epsilon": 0.001, "center": True, "scale": True}
    moving: dict[str, Any] = {
        "moving_mean_initializer": "Zeros",
        "moving_variance_initializer": "Ones",
    }
    moving |= {"renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}
    _define("BatchNormalization", "", scaled, moving, momentum=0.99, synchronized=False)
    _define("LayerNormalization", "", scaled, rms_scaling=False)
    _define("GroupNormalization", "", scaled, groups=32)
    _define("RMSNormalization", axis=-1, epsilon=1e-6)
    _define("UnitNormalization", axis=-1)
    _define("Normalization", axis=[-1], invert=False, mean=None, variance=None)


def _attention() -> None:
    _define("Attention", use_scale=False, score_mode="dot", dropout=0.0, seed=None)
    _define("AdditiveAttention", use_scale=True, dropout=0.0, seed=None)
    heads = {"dropout": 0.0, "use_bias": True, "use_gate": False, "sliding_window": None}
    heads |= {"seed": None, **_KERNEL_BIAS, **_ACTIVITY}
    _define("MultiHeadAttention", "num_heads key_dim value_dim", heads)
    DEFAULTS["MultiHeadAttention"] |= {"output_shape": None, "attention_axes": None}
    _define("GroupQueryAttention", "head_dim num_query_heads num_key_value_heads", heads)


_LOOKUP = {
    **dict.fromkeys(("invert", "sparse", "pad_to_max_tokens"), False),
    **{"max_tokens": None, "num_oov_indices": 1, "mask_token": None, "output_mode": "int"},
    **{"idf_weights": None, "vocabulary": None, "oov_method": "floormod", "salt": None},
}


def _preprocessing() -> None:
    _define("CategoryEncoding", "num_tokens", output_mode="multi_hot")
    _define("Discretization", output_mode="int", sparse=False, epsilon=0.01)
    DEFAULTS["Discretization"] |= {"bin_boundaries": None, "num_bins": None}
    _define("HashedCrossing", "num_bins", output_mode="int", sparse=False)
    _define("Hashing", "num_bins", output_mode="int", sparse=False, mask_value=None, salt=None)
    _define("IntegerLookup", "", _LOOKUP, vocabulary_dtype="int64", oov_token=-1)
    _define("StringLookup", "", _LOOKUP, encoding="utf-8", oov_token="[UNK]")
    text: dict[str, Any] = {
        "standardize": "lower_and_strip_punctuation",
        "split": "whitespace",
        "ngrams": None,
    }
    text |= {"output_sequence_length": None, "max_tokens": None, "output_mode": "int"}
    text |= dict.fromkeys(("pad_to_max_tokens", "sparse", "ragged"), False)
    text |= {"vocabulary": None, "idf_weights": None, "encoding": "utf-8"}
    _define("TextVectorization", "", text)
    _define("Rescaling", "scale", offset=0.0)
    sized = {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": False, "fill_mode": "constant"}
    sized |= {"interpolation": "bilinear", "fill_value": 0.0, "antialias": False, **_FORMAT}
    _define("Resizing", "height width", sized)
    _define("CenterCrop", "height width", _FORMAT)


_ALSO: dict[str, frozenset[str]] = {
    "Dense": frozenset({"lora_rank", "lora_alpha"}),
    "EinsumDense": frozenset({"lora_rank", "lora_alpha", "gptq_unpacked_column_size"}),
    **{f"Conv{n}D": frozenset({"lora_rank", "lora_alpha"}) for n in (1, 2, 3)},
    "Embedding": frozenset({"lora_rank", "lora_alpha"}),
    "ReversibleEmbedding": frozenset({"lora_rank", "lora_alpha"}),
    "CategoryEncoding": frozenset({"sparse"}),
    "Lambda": frozenset({"mask"}),
    "MultiHeadAttention": frozenset({"flash_attention"}),
    "GroupQueryAttention": frozenset({"flash_attention"}),
    **{name: frozenset({"vocabulary_size"}) for name in ("IntegerLookup", "StringLookup")},
    "TextVectorization": frozenset({"vocabulary_size"}),
    **{name: frozenset({"use_cudnn"}) for name in ("LSTM", "GRU")},
    "SimpleRNN": frozenset({"seed"}),
}
"""Arguments that a config states only where they were given."""

for _family in (_convolutions, _grids, _recurrent, _core, _normalizations, _attention):
    _family()
_preprocessing()

RECENT_OF: dict[str, set[str]] = {
    name: {key for key in defaults if key in RECENT} for name, defaults in DEFAULTS.items()
}
for _defaults in DEFAULTS.values():
    for _key in RECENT & _defaults.keys():
        del _defaults[_key]
