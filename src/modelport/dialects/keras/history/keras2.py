"""The words of Keras 2 and tf_keras that Keras 3 spells otherwise or no longer has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.history.objects import modern_dtype

Config: TypeAlias = dict[str, Any]

CLASSES = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    **{f"Convolution{n}DTranspose": f"Conv{n}DTranspose" for n in (1, 2, 3)},
    **{f"SeparableConvolution{n}D": f"SeparableConv{n}D" for n in (1, 2)},
    **{f"MaxPool{n}D": f"MaxPooling{n}D" for n in (1, 2, 3)},
    **{f"AvgPool{n}D": f"AveragePooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalMaxPool{n}D": f"GlobalMaxPooling{n}D" for n in (1, 2, 3)},
    **{f"GlobalAvgPool{n}D": f"GlobalAveragePooling{n}D" for n in (1, 2, 3)},
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "GroupedQueryAttention": "GroupQueryAttention",
    "ThresholdedReLU": "ReLU",
}
"""Classes with another name today."""

IGNORED = frozenset(
    {
        *("batch_input_shape", "input_dtype", "input_shape", "input_length", "input_spec"),
        *("implementation", "ragged", "fused", "virtual_batch_size", "adjustment", "num_constants"),
        *("build_config", "activity_regularizer", "autocast", "name", "trainable", "dtype"),
        *("_keras_api_names", "_keras_api_names_v1", "seed", "force_generator", "weights"),
        *("rng_type", "experimental_autocast", "inner_activation", "lora_rank", "lora_alpha"),
        *("query_shape", "key_shape", "value_shape", "reduction_axes", "causal"),
    }
)
"""Arguments that say nothing about what a loaded layer computes, or that are read elsewhere."""


_NEUTRAL = {"groups": 1, "mode": 0}
"""Values of arguments that Keras 3 lacks, by which they change nothing."""


def says_something(name: str, key: str, value: Any) -> bool:
    """Whether an argument that the class has no longer would be missed."""
    if key in IGNORED or value in (None, False, [], {}) or _NEUTRAL.get(key) == value:
        return False
    # Convolutions by depth inherited the words for a kernel that they do not have.
    deep = name.startswith(("Separable", "Depthwise"))
    return not (deep and key.startswith("kernel_"))


def modern(class_name: str, config: Mapping[str, Any], history: History) -> tuple[str, Config]:
    """A class and its config with the names and the stated defaults that Keras 3 has."""
    name = CLASSES.get(class_name, class_name)
    renamed = dict(config)
    if class_name == "SyncBatchNormalization":
        renamed["synchronized"] = True
    if class_name.startswith("CuDNN"):
        # NVIDIA's kernels know one kind of cell only, and its words are not in the config.
        renamed |= {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True}
        renamed |= {"reset_after": True} if name == "GRU" else {}
    if name in _SPECIAL:
        _SPECIAL[name](renamed)
    if history.era < Era.KERAS3:
        _era_defaults(name, renamed, history)
    return name, renamed


def _era_defaults(name: str, config: Config, history: History) -> None:
    """What an absent argument meant at the time."""
    if history.era <= Era.KERAS2:
        if name in ("LSTM", "GRU", "LSTMCell", "GRUCell") or name.startswith("ConvLSTM"):
            config.setdefault("recurrent_activation", "hard_sigmoid")
        if name in ("GRU", "GRUCell"):
            config.setdefault("reset_after", False)
    elif name.startswith("ConvLSTM"):
        config.setdefault("recurrent_activation", "hard_sigmoid")
    bilinear = name == "UpSampling2D" and config.get("interpolation") == "bilinear"
    if bilinear and history.era <= Era.KERAS2:
        # TensorFlow 1 measured from the corners of pixels, not from their centres.
        config["interpolation"] = "bilinear_keras2"
    if history.era is Era.KERAS1 and name == "BatchNormalization":
        config.setdefault("momentum", 0.99)


def _input_layer(config: Config) -> None:
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    if shape is None:
        inner = config.get("shape", config.get("input_shape"))
        if isinstance(inner, list | tuple):
            shape = [config.get("batch_size"), *inner]
    if isinstance(shape, Mapping):
        shape = shape.get("items")  # tf_keras serialises shapes as objects
    config["batch_shape"] = list(shape) if isinstance(shape, list | tuple) else None
    dtype = config.pop("input_dtype", None) or config.get("dtype")
    config["dtype"] = modern_dtype(dtype)
    for key in ("sparse", "ragged", "optional"):
        if key in config:
            config[key] = bool(config[key])
    if not config.get("ragged"):
        config.pop("ragged", None)


def _leaky_relu(config: Config) -> None:
    if "alpha" in config:
        config["negative_slope"] = config.pop("alpha")


def _relu(config: Config) -> None:
    if "theta" in config:
        config["threshold"] = config.pop("theta")


def _batch_normalization(config: Config) -> None:
    axis = config.get("axis")
    if isinstance(axis, list | tuple) and len(axis) == 1:
        config["axis"] = axis[0]


def _up_sampling(config: Config) -> None:
    size = config.get("size")
    if isinstance(size, list | tuple) and len(size) == 1:
        config["size"] = size[0]


def _lookup(config: Config) -> None:
    for key in ("vocabulary_file", "file_path"):
        config.pop(key, None)


def _category_encoding(config: Config) -> None:
    if "max_tokens" in config and "num_tokens" not in config:
        config["num_tokens"] = config.pop("max_tokens")
    if config.get("output_mode") == "binary":
        config["output_mode"] = "multi_hot"


_SPECIAL: dict[str, Callable[[Config], None]] = {
    "InputLayer": _input_layer,
    "LeakyReLU": _leaky_relu,
    "ReLU": _relu,
    "BatchNormalization": _batch_normalization,
    "UpSampling1D": _up_sampling,
    "CategoryEncoding": _category_encoding,
    "StringLookup": _lookup,
    "IntegerLookup": _lookup,
}
