"""Weights of old files in the arrangement that Keras 3 has: gates joined, kernels turned.

The rules are those by which Keras 2 read files of Keras 1 and of other backends
(``preprocess_weights_for_loading``), and Theano's true convolution, which mirrors every kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.words import number
from modelport.model.component import Component
from modelport.model.expression import Expression, Sum, concatenate
from modelport.model.report import Kind

Arrays: TypeAlias = list[Expression]
Config: TypeAlias = Mapping[str, Any]


def modern_weights(
    class_name: str, name: str, config: Config, arrays: Arrays, history: History, where: str
) -> Arrays:
    """The weights of a layer in the order and arrangement of Keras 3's ``.h5`` files.

    ``class_name`` is the file's own word for the class, ``name`` and ``config`` are canonical;
    ``arrays`` come in the order of the file. Wrong counts or ranks come back unchanged, for the
    assignment of roles to refuse.
    """
    if name in ("Bidirectional", "TimeDistributed", "Wrapper") and history.era < Era.KERAS3:
        return _inside(name, config, arrays, history, where)
    before = list(arrays)
    if history.era is Era.KERAS1 and name in _KERAS1:
        arrays = _KERAS1[name](arrays, config)
    if history.backend == "theano" and name in _CONVOLUTIONS:
        arrays = _mirrored(name, arrays)
    if name in ("LSTM", "GRU"):
        arrays = _from_cudnn(name, arrays, history, where)
    if {id(new) for new in arrays} - {id(old) for old in before}:
        history.rearranged(where, f"the weights of an old {class_name} in today's arrangement")
    return arrays


def _inside(name: str, config: Config, arrays: Arrays, history: History, where: str) -> Arrays:
    if name != "Bidirectional":
        return _inner(config.get("layer"), arrays, history, where)
    half = len(arrays) // 2
    forward = _inner(config.get("layer"), arrays[:half], history, where)
    return forward + _inner(config.get("backward_layer"), arrays[half:], history, where)


def _inner(layer: Any, arrays: Arrays, history: History, where: str) -> Arrays:
    if not isinstance(layer, Mapping) or not isinstance(layer.get("config"), Mapping):
        return arrays
    name = str(layer.get("class_name"))
    return modern_weights(name, name, layer["config"], arrays, history, where)


# Keras 1


def _gates(order: Sequence[int]) -> Callable[[Arrays, Config], Arrays]:
    """Kernel, recurrent kernel and bias from one triple a gate, in ``order`` of today's gates."""

    def joined(arrays: Arrays, config: Config) -> Arrays:
        if len(arrays) != 3 * len(order):
            return arrays
        if not all(array.shape for array in arrays):
            return arrays
        picked = [[arrays[3 * gate + part] for gate in order] for part in range(3)]
        if any(not _joinable(parts) for parts in picked):
            return arrays
        return [concatenate(parts, -1) for parts in picked]

    return joined


def _joinable(parts: Sequence[Expression]) -> bool:
    return len({part.shape[:-1] for part in parts}) == 1


_LSTM_GATES = (0, 2, 1, 3)
"""The file has i, c, f, o; today's order is i, f, c, o."""


def _conv_lstm(arrays: Arrays, config: Config) -> Arrays:
    if len(arrays) == 12 and _first(config):
        # Each gate's kernel is (filters, channels, rows, columns).
        turned = [a.transpose(2, 3, 1, 0) if len(a.shape) == 4 else a for a in arrays]
        return _gates(_LSTM_GATES)(turned, config)
    return _gates(_LSTM_GATES)(arrays, config)


def _conv1d(arrays: Arrays, config: Config) -> Arrays:
    if not arrays or len(arrays[0].shape) != 4:
        return arrays
    kernel, window = arrays[0], config.get("kernel_size")
    length = window[0] if isinstance(window, list) and window else None
    filters = number(config, "filters")
    if kernel.shape[:2] != (length, 1) or kernel.shape[3] != filters:
        # Before 1.2: (filters, channels, length, 1).
        kernel = kernel.transpose(2, 3, 1, 0)
    if kernel.shape[1] != 1:
        return arrays
    return [kernel.reshape(kernel.shape[0], *kernel.shape[2:]), *arrays[1:]]


def _turned(first: Sequence[int], last: Sequence[int] | None, count: int = 1) -> Any:
    """Kernels transposed: by ``first`` in channels-first layers, by ``last`` in the others."""

    def turn(arrays: Arrays, config: Config) -> Arrays:
        order = first if _first(config) else last
        if order is None:
            return arrays
        return [
            array.transpose(*order) if i < count and len(array.shape) == len(order) else array
            for i, array in enumerate(arrays)
        ]

    return turn


def _first(config: Config) -> bool:
    return config.get("data_format") == "channels_first"


def _highway(arrays: Arrays, config: Config) -> Arrays:
    """Both kernels, then both biases: up to 1.1 each bias came after its kernel."""
    return sorted(arrays, key=lambda array: -len(array.shape))


_KERAS1: dict[str, Callable[[Arrays, Config], Arrays]] = {
    "LSTM": _gates(_LSTM_GATES),
    "GRU": _gates((0, 1, 2)),
    "ConvLSTM2D": _conv_lstm,
    "Conv1D": _conv1d,
    "Conv2D": _turned((2, 3, 1, 0), None),
    "Conv3D": _turned((2, 3, 4, 1, 0), None),
    "Conv2DTranspose": _turned((2, 3, 0, 1), (0, 1, 3, 2)),
    "SeparableConv2D": _turned((2, 3, 1, 0), None, 2),
    "Highway": _highway,
}

# Theano

_CONVOLUTIONS: dict[str, int] = {
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose"), 1),
    "ConvLSTM2D": 2,
}
"""Layers that Theano computes by true convolution, and how many of their weights are windows.

Depthwise kernels are not among them: Keras 2 mirrors those itself before it calls Theano.
"""


def _mirrored(name: str, arrays: Arrays) -> Arrays:
    count = _CONVOLUTIONS[name]
    return [
        array.flip(*range(len(array.shape) - 2)) if i < count and len(array.shape) > 2 else array
        for i, array in enumerate(arrays)
    ]


# CuDNN


def _from_cudnn(name: str, arrays: Arrays, history: History, where: str) -> Arrays:
    """Weights of ``CuDNNLSTM`` and ``CuDNNGRU``, told by their bias of twice the length."""
    gates = 4 if name == "LSTM" else 3
    if len(arrays) != 3 or [len(array.shape) for array in arrays] != [2, 2, 1]:
        return arrays
    kernel, recurrent, bias = arrays
    units = recurrent.shape[0]
    if bias.shape != (2 * gates * units,) or kernel.shape[1] != gates * units:
        return arrays
    if recurrent.shape != (units, gates * units):
        return arrays
    width = kernel.shape[0]
    # CuDNN keeps each gate's kernel as (units, inputs), under the shape (inputs, units).
    kernels = [part.reshape(units, width).transpose(1, 0) for part in kernel.split(1, gates)]
    recurrents = [part.transpose(1, 0) for part in recurrent.split(1, gates)]
    joined = [concatenate(kernels, 1), concatenate(recurrents, 1)]
    if name == "GRU":
        return [*joined, bias.reshape(2, gates * units)]
    history.report.add(
        Kind.APPROXIMATED,
        Component.WEIGHTS,
        where,
        "the two biases of a CuDNN LSTM are added into the one that Keras has",
    )
    return [*joined, Sum(tuple(bias.split(0, 2)))]


def stored_counts(class_name: str, trainable: int, fixed: int, history: History) -> tuple[int, int]:
    """How many arrays an old file has for a layer with so many variables of either kind today."""
    if history.era is Era.KERAS1:
        factor = {"LSTM": 4, "GRU": 3, "ConvLSTM2D": 4}.get(class_name, 1)
        return trainable * factor, fixed * factor
    return trainable, fixed
