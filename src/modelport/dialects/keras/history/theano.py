"""Theano's padding "same", which is not TensorFlow's: written out with stock layers.

Theano pads a convolution by half the kernel on either side, whatever the strides; TensorFlow pads
as little as it takes, more at the end. Sources: ``conv2d``, ``pool2d`` and their helpers in the
Theano backends of Keras 1.2.2 and 2.2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelport.dialects.keras.defaults import complete
from modelport.dialects.keras.history.objects import serialised
from modelport.dialects.keras.history.shapes import rank


@dataclass(frozen=True, slots=True)
class Extra:
    """A stock layer in front of or behind another: class, ending of its name, config."""

    op_type: str
    suffix: str
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spelling:
    """A layer in other words: its changed arguments, and the layers around it.

    ``op_type`` is a name that only modelport's own lowering knows, or None for the same class.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    before: Extra | None = None
    after: Extra | None = None
    op_type: str | None = None


def same_padding(name: str, config: Mapping[str, Any]) -> Spelling | str | None:
    """How to say a layer that Theano computed.

    None where the words mean the same; a reason, as text, where no stock layers can say it.
    """
    held = [config[key] for key in _HOLDERS.get(name, ()) if isinstance(config.get(key), Mapping)]
    if held:
        return _inside(name, held[0]) if len(held) == 1 else _either(held)
    n = rank(name)
    if n is None:
        return None
    if name.startswith("ConvLSTM"):
        return _conv_lstm(config)
    if config.get("padding") != "same":
        return None
    if "Pooling" in name:
        return _pooling(name, config, n)
    if name.endswith("Transpose"):
        return _transposed(config, n)
    return _convolution(name, config, n)


_HOLDERS = {"TimeDistributed": ("layer",), "Bidirectional": ("layer", "backward_layer")}
"""Wrappers, and where in their configs the layers inside are."""


def _inside(name: str, held: Mapping[str, Any]) -> Spelling | str | None:
    """The layer inside a wrapper in other words; what stands around it is wrapped too."""
    if not isinstance(held.get("config"), Mapping):
        return None
    found = same_padding(str(held["class_name"]), held["config"])
    if found is None or isinstance(found, str):
        return found
    config = {**held["config"], **found.changes}
    changed = {**held, "class_name": found.op_type or held["class_name"], "config": config}
    before, after = (_wrapped(name, extra) for extra in (found.before, found.after))
    return Spelling({"layer": changed}, before, after)


def _wrapped(name: str, extra: Extra | None) -> Extra | None:
    if extra is None:
        return None
    inner = {"name": extra.suffix, **extra.config}
    held = serialised("keras.layers", extra.op_type, inner)
    return Extra(name, extra.suffix, complete(name, {"layer": held}))


def _either(held: Sequence[Mapping[str, Any]]) -> str | None:
    """Why not, of two layers that have no layers around them: recurrent ones."""
    found = [same_padding(str(each["class_name"]), each.get("config") or {}) for each in held]
    return next((why for why in found if isinstance(why, str)), None)


def _convolution(name: str, config: Mapping[str, Any], n: int) -> Spelling | None:
    windows = _windows(config)
    odd = all(window % 2 for window in windows)
    if odd and all(stride == 1 for stride in config["strides"]):
        return None
    # What an even kernel gives too much is cut off, but not in separable convolutions.
    less = 0 if name.startswith("Separable") else 1
    margins = [
        [window // 2, window // 2 if window % 2 else window // 2 - less] for window in windows
    ]
    padding = _layer(f"ZeroPadding{n}D", config, padding=margins if n > 1 else margins[0])
    return Spelling({"padding": "valid"}, before=Extra(f"ZeroPadding{n}D", "padding", padding))


def _windows(config: Mapping[str, Any]) -> list[int]:
    rates = config.get("dilation_rate") or [1] * len(config["kernel_size"])
    return [(k - 1) * rate + 1 for k, rate in zip(config["kernel_size"], rates, strict=True)]


def _transposed(config: Mapping[str, Any], n: int) -> Spelling | str | None:
    strides, windows = config["strides"], _windows(config)
    if any(window % 2 == 0 for window in windows):
        return "an even kernel and padding 'same' on Theano"
    if all(stride == 1 for stride in strides):
        return None
    # The whole result has (inputs - 1) * stride + window rows, of which inputs * stride stay, or
    # fewer where a smaller output was asked for.
    usual = [stride - 1 for stride in strides]
    asked = config.get("output_padding") or usual
    fewer = [most - given for most, given in zip(usual, asked, strict=True)]
    ends = [
        (window + 1) // 2 - stride + less
        for window, stride, less in zip(windows, strides, fewer, strict=True)
    ]
    crop = [[(w - 1) // 2, max(end, 0)] for w, end in zip(windows, ends, strict=True)]
    more = [max(-end, 0) for end in ends]
    cropping = _layer(f"Cropping{n}D", config, cropping=crop if n > 1 else crop[0])
    changes = {"padding": "valid", "output_padding": more}
    return Spelling(changes, after=Extra(f"Cropping{n}D", "cropping", cropping))


def _pooling(name: str, config: Mapping[str, Any], n: int) -> Spelling | None:
    strides, windows = config["strides"], config["pool_size"]
    if any(window not in (1, 3) for window in windows):
        return Spelling(op_type=f"Theano{name}")
    if all(stride == 1 for stride in strides):
        return None
    # A window of three is centred, so the result is every stride-th one of all windows.
    ones = [1] * n
    thinned = _layer(f"MaxPooling{n}D", config, pool_size=ones, strides=list(strides))
    return Spelling({"strides": ones}, after=Extra(f"MaxPooling{n}D", "strides", thinned))


def _conv_lstm(config: Mapping[str, Any]) -> str | None:
    even = any(window % 2 == 0 for window in config["kernel_size"])
    strided = config.get("padding") == "same" and any(s != 1 for s in config["strides"])
    return "an even kernel or strides with padding 'same' on Theano" if even or strided else None


def _layer(op_type: str, config: Mapping[str, Any], **arguments: Any) -> dict[str, Any]:
    shared = {key: config[key] for key in ("data_format", "dtype") if key in config}
    if op_type == "Cropping1D":
        shared.pop("data_format", None)
    return complete(op_type, {**shared, **arguments})
