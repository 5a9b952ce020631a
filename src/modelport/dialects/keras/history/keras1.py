"""The words of Keras 1.0 to 1.2 as those of Keras 2 and later: classes, arguments, values.

What the old names mean is taken from the classes of Keras 1.2.2 and from the conversion tables
that Keras 2 had for code written for Keras 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from modelport.dialects.keras.history.era import History
from modelport.model.component import Component
from modelport.model.report import Kind

Config: TypeAlias = dict[str, Any]

CLASSES = {
    **{f"Convolution{n}D": f"Conv{n}D" for n in (1, 2, 3)},
    "Deconvolution2D": "Conv2DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    # A Dense works on the last axis of any rank today.
    "TimeDistributedDense": "Dense",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
}
"""Classes that only have another name."""

_NAMES = {
    "nb_filter": "filters",
    "subsample": "strides",
    "subsample_length": "strides",
    "stride": "strides",
    "pool_length": "pool_size",
    "border_mode": "padding",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "bias": "use_bias",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "U_constraint": "recurrent_constraint",
    "b_constraint": "bias_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "p": "rate",
    "sigma": "stddev",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "depthwise_init": "depthwise_initializer",
    "pointwise_init": "pointwise_initializer",
    "alpha_init": "alpha_initializer",
}
"""Arguments that only have another name, in every class that has them."""

_UNITS = ("Dense", "LSTM", "GRU", "SimpleRNN", "MaxoutDense")


def modern(class_name: str, config: Mapping[str, Any], history: History) -> tuple[str, Config]:
    """A Keras 1 class and its config in the words of Keras 2."""
    name = CLASSES.get(class_name, class_name)
    renamed = {_NAMES.get(key, key): value for key, value in config.items()}
    if name in _UNITS and "output_dim" in renamed:
        renamed["units"] = renamed.pop("output_dim")
    if name != "Embedding":
        renamed.pop("input_dim", None)
    if name in _SPECIAL:
        _SPECIAL[name](renamed)
    if name == "BatchNormalization":
        _batch_normalization(renamed, history)
    _values(name, renamed, history)
    return name, renamed


def _values(name: str, config: Config, history: History) -> None:
    """Values that are spelt otherwise: axis orders, bias and gate initializers."""
    default = "th" if history.backend == "theano" else "tf"
    if "data_format" in config:
        given = config["data_format"]
        order = default if given in (None, "default") else given
        config["data_format"] = {"th": "channels_first", "tf": "channels_last"}.get(order, order)
    if "forget_bias_init" in config:
        config["unit_forget_bias"] = config.pop("forget_bias_init") in ("one", "ones")
    config.pop("consume_less", None)


def stores_deviations(history: History) -> bool:
    """Whether a BatchNormalization keeps a running deviation, where later ones keep a variance.

    By the sources of the releases: all to 1.0.5, and 1.0.6 on Theano. They divide by
    ``deviation + epsilon``.
    """
    last = (1, 0, 6) if history.backend == "theano" else (1, 0, 5)
    return bool(history.version) and history.version <= last


def _batch_normalization(config: Config, history: History) -> None:
    if history.version == (1, 0, 7) and history.backend == "theano":
        why = "Keras 1.0.7 added epsilon behind the square root on Theano, today's adds it inside"
        place = str(config.get("name", "BatchNormalization"))
        history.report.add(Kind.APPROXIMATED, Component.HYPERPARAMETERS, place, why)


def _convolution_1d(config: Config) -> None:
    if "filter_length" in config:
        config["kernel_size"] = config.pop("filter_length")


def _convolution_2d(config: Config) -> None:
    _join(config, "kernel_size", "nb_row", "nb_col")


def _deconvolution(config: Config) -> None:
    """The output's extents, which Keras 1 stated, as the rows and columns beyond the least."""
    _convolution_2d(config)
    stated = config.pop("output_shape", None)
    sizes, strides = config.get("kernel_size"), config.get("strides", [1, 1])
    if not isinstance(stated, list | tuple) or len(stated) != 4:
        return
    extents = stated[2:] if config.get("data_format") == "th" else stated[1:3]
    lists = (extents, sizes, strides)
    if not all(isinstance(each, list | tuple) and len(each) == 2 for each in lists):
        return
    rows = [tuple(row) for row in zip(extents, sizes or [], strides, strict=True)]
    if not all(isinstance(item, int) and item > 0 for row in rows for item in row):
        return
    same = config.get("padding") == "same"
    more = [_beyond(extent, size, stride, same) for extent, size, stride in rows]
    usual = [stride - size % 2 if same else max(stride - size, 0) for _, size, stride in rows]
    if more != usual:
        config["output_padding"] = more


def _beyond(extent: int, size: int, stride: int, same: bool) -> int:
    """Keras 3's ``output_padding`` for an output of that extent."""
    if same:
        return stride - (-extent) % stride - size % 2
    return (extent - size) % stride


def _convolution_3d(config: Config) -> None:
    _join(config, "kernel_size", "kernel_dim1", "kernel_dim2", "kernel_dim3")


def _join(config: Config, name: str, *parts: str) -> None:
    if all(part in config for part in parts):
        config[name] = [config.pop(part) for part in parts]


def _embedding(config: Config) -> None:
    for what in ("initializer", "regularizer", "constraint"):
        if f"kernel_{what}" in config:
            config[f"embeddings_{what}"] = config.pop(f"kernel_{what}")
    config.pop("dropout", None)  # of whole words, in training only


def _separable(config: Config) -> None:
    _convolution_2d(config)
    # One initializer served both kernels.
    init = config.pop("kernel_initializer", None)
    for kind in ("depthwise", "pointwise"):
        if init is not None:
            config.setdefault(f"{kind}_initializer", init)


def _prelu(config: Config) -> None:
    if "kernel_initializer" in config:
        config["alpha_initializer"] = config.pop("kernel_initializer")


def _upsampling_1d(config: Config) -> None:
    if "length" in config:
        config["size"] = config.pop("length")


def _zero_padding_1d(config: Config) -> None:
    padding = config.get("padding")
    if isinstance(padding, Mapping):
        config["padding"] = [padding.get("left_pad", 0), padding.get("right_pad", 0)]


def _zero_padding_2d(config: Config) -> None:
    padding = config.get("padding")
    if isinstance(padding, Mapping):
        sides = [padding.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
        padding = sides
    if isinstance(padding, list | tuple) and len(padding) == 4:
        config["padding"] = [list(padding[:2]), list(padding[2:])]


_SPECIAL: dict[str, Callable[[Config], None]] = {
    "Conv1D": _convolution_1d,
    "LocallyConnected1D": _convolution_1d,
    "Conv2D": _convolution_2d,
    "Conv2DTranspose": _deconvolution,
    "ConvLSTM2D": _convolution_2d,
    "LocallyConnected2D": _convolution_2d,
    "SeparableConv2D": _separable,
    "Conv3D": _convolution_3d,
    "Embedding": _embedding,
    "PReLU": _prelu,
    "UpSampling1D": _upsampling_1d,
    "ZeroPadding1D": _zero_padding_1d,
    "ZeroPadding2D": _zero_padding_2d,
}

_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "concat": "Concatenate",
    "ave": "Average",
    "max": "Maximum",
    "dot": "Dot",
    "cos": "Dot",
}


def merge(config: Mapping[str, Any]) -> tuple[str, Config] | None:
    """The layer that a ``Merge`` of Keras 1 is today; None for one that holds a function."""
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw" or mode not in _MERGES:
        return None
    kept = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode == "concat":
        kept["axis"] = config.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        kept["axes"] = _dot_axes(config.get("dot_axes", -1))
        kept["normalize"] = mode == "cos"
    return _MERGES[mode], kept


def _dot_axes(axes: Any) -> Any:
    """Keras 1 wrote the axes as a number or as one list of a single axis for each input."""
    if isinstance(axes, list | tuple):
        return [axis[0] if isinstance(axis, list | tuple) and axis else axis for axis in axes]
    return axes
