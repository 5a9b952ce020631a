"""The variables of every layer class: their paths, their order, and what shapes they can have.

The one place that knows them. A role is the path of a variable below its layer by Keras 3's
attribute names (``cell/kernel``); roles come in the order of the layer's ``weights``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from modelport.dialects.keras.words import is_model, length, number, snake_case

Extents: TypeAlias = tuple[int | None, ...] | None
"""A shape as far as a config alone tells it; None where even the rank is open."""


@dataclass(frozen=True, slots=True)
class Role:
    """One variable of a layer.

    ``stored`` is its path in the object tree of a ``.keras`` file below the layer's group
    (``cell/vars/0``); ``copy`` a second path where such a file holds the same variable again.
    ``name`` is the variable's own name (``kernel``).
    """

    path: str
    trainable: bool = True
    shape: Extents = None
    stored: str = ""
    copy: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rsplit("/", 1)[-1]


Config: TypeAlias = Mapping[str, Any]
Own: TypeAlias = Callable[[Config], Iterator[Role]]


def roles(op_type: str, config: Config) -> list[Role]:
    """The variables of a layer, in the order of ``layer.weights``.

    ``config`` is canonical (see ``upgrade``). A wrapped model has no roles here: its variables
    belong to its own graph. Unknown classes have none.
    """
    found = _own(op_type, config) + _wrapped(op_type, config)
    if op_type == "SpectralNormalization":
        # The wrapper has the kernel as its own attribute too, before vector_u.
        found = (
            [replace(role, copy="vars/0") for role in found[1:2]]
            + [replace(role, stored="vars/1") for role in found[:1]]
            + found[2:]
        )
    if config.get("trainable", True) is False:
        found = [replace(role, trainable=False) for role in found]
    return found


def stored_order(found: Sequence[Role]) -> list[Role]:
    """The order in which ``.h5`` files keep them: all trainable, then all others."""
    return sorted(found, key=lambda role: not role.trainable)


def knows(op_type: str) -> bool:
    """Whether the class has variables that this module lists."""
    return op_type in _OWN or op_type in _INNER


def inner_layers(op_type: str, config: Config) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The serialised layers inside a wrapper: (path, path in the object tree, layer)."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for key, path in _INNER.get(op_type, {}).items():
        inner = config.get(key)
        if isinstance(inner, Mapping):
            found.append((path, path, inner))
        elif isinstance(inner, Sequence) and not isinstance(inner, str):
            found.extend(_listed(path, [each for each in inner if isinstance(each, Mapping)]))
    return found


def _listed(
    path: str, inner: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    used: dict[str, int] = {}
    for i, layer in enumerate(inner):
        group = snake_case(str(layer.get("class_name")))
        count = used[group] = used.get(group, -1) + 1
        yield f"{path}/{i}", f"{path}/{group}_{count}" if count else f"{path}/{group}", layer


_INNER: dict[str, dict[str, str]] = {
    "Bidirectional": {"layer": "forward_layer", "backward_layer": "backward_layer"},
    "TimeDistributed": {"layer": "layer"},
    "SpectralNormalization": {"layer": "layer"},
    "Wrapper": {"layer": "layer"},
    "RNN": {"cell": "cell"},
    "StackedRNNCells": {"cells": "cells"},
}
"""Wrappers: where the config holds an inner layer, and the attribute that holds it at run time."""


def _own(op_type: str, config: Config) -> list[Role]:
    counts: dict[str, int] = {}
    found: list[Role] = []
    for role in _OWN[op_type](config) if op_type in _OWN else ():
        group = role.stored or role.path.rpartition("/")[0]
        count = counts[group] = counts.get(group, -1) + 1
        found.append(replace(role, stored=f"{group}/vars/{count}".lstrip("/")))
    return found


def _wrapped(op_type: str, config: Config) -> list[Role]:
    found: list[Role] = []
    for path, group, layer in inner_layers(op_type, config):
        inner = layer.get("config")
        if not isinstance(inner, Mapping) or is_model(layer.get("class_name"), inner):
            continue
        found.extend(
            replace(
                role,
                path=f"{path}/{role.path}",
                stored=f"{group}/{role.stored}",
                copy=f"{group}/{role.copy}" if role.copy else "",
            )
            for role in roles(str(layer.get("class_name")), inner)
        )
    return found


# The classes


def _bias(config: Config, *shape: int | None, path: str = "bias") -> Iterator[Role]:
    if config.get("use_bias", True):
        yield Role(path, shape=shape)


def _dense(config: Config) -> Iterator[Role]:
    units = number(config, "units")
    yield Role("kernel", shape=(None, units))
    yield from _bias(config, units)


def _window(config: Config) -> Extents:
    size = config.get("kernel_size")
    if isinstance(size, list | tuple):
        return tuple(extent if isinstance(extent, int) else None for extent in size)
    return None


def _conv(config: Config) -> Iterator[Role]:
    window, filters = _window(config), number(config, "filters")
    yield Role("kernel", shape=window and (*window, None, filters))
    yield from _bias(config, filters)


def _conv_transpose(config: Config) -> Iterator[Role]:
    window, filters = _window(config), number(config, "filters")
    yield Role("kernel", shape=window and (*window, filters, None))
    yield from _bias(config, filters)


def _depthwise(config: Config) -> Iterator[Role]:
    window = _window(config)
    yield Role("kernel", shape=window and (*window, None, number(config, "depth_multiplier")))
    yield from _bias(config, None)


def _separable(config: Config) -> Iterator[Role]:
    window, filters = _window(config), number(config, "filters")
    multiplier = number(config, "depth_multiplier")
    yield Role("depthwise_kernel", shape=window and (*window, None, multiplier))
    yield Role("pointwise_kernel", shape=window and (*(1 for _ in window), None, filters))
    yield from _bias(config, filters)


def _times(count: int, units: int | None) -> int | None:
    return None if units is None else count * units


def _cell(gates: int, prefix: str = "") -> Own:
    def variables(config: Config) -> Iterator[Role]:
        units = number(config, "units")
        wide = _times(gates, units)
        yield Role(f"{prefix}kernel", shape=(None, wide))
        yield Role(f"{prefix}recurrent_kernel", shape=(units, wide))
        twice = gates == 3 and config.get("reset_after", True)
        yield from _bias(config, *((2, wide) if twice else (wide,)), path=f"{prefix}bias")

    return variables


def _conv_lstm(config: Config) -> Iterator[Role]:
    window, filters = _window(config), number(config, "filters")
    wide = _times(4, filters)
    yield Role("cell/kernel", shape=window and (*window, None, wide))
    yield Role("cell/recurrent_kernel", shape=window and (*window, filters, wide))
    yield from _bias(config, wide, path="cell/bias")


def _scaled(config: Config) -> Iterator[Role]:
    """The learned part of a normalisation: one axis as a rule, several for a list of axes."""
    rms = config.get("rms_scaling", False)
    if config.get("scale", True) or rms:
        yield Role("gamma")
    if config.get("center", True) and not rms:
        yield Role("beta")


def _batch_normalization(config: Config) -> Iterator[Role]:
    yield from _scaled(config)
    names = ["moving_mean", "moving_variance"]
    if config.get("renorm", False):
        names += ["moving_stddev", "renorm_mean", "renorm_stddev"]
    for name in names:
        yield Role(name, trainable=False)


def _normalization(config: Config) -> Iterator[Role]:
    if config.get("mean") is None:
        yield Role("mean", trainable=False)
        yield Role("variance", trainable=False)
        yield Role("count", trainable=False, shape=())


def _waves(config: Config) -> Iterator[Role]:
    for part, other in (("real", "imag"), ("imag", "real")):
        if config.get("mode", "log") != other:
            yield Role(f"{part}_kernel", shape=(None, 1, None))


def _attention(config: Config) -> Iterator[Role]:
    if config.get("use_scale", False):
        yield Role("scale", shape=())
    if config.get("score_mode") == "concat":
        yield Role("concat_score_weight", shape=())


def _additive_attention(config: Config) -> Iterator[Role]:
    if config.get("use_scale", True):
        yield Role("scale", shape=(None,))


def _multi_head(config: Config) -> Iterator[Role]:
    gate = ("gate",) if config.get("use_gate", False) else ()
    for name in ("query", "key", *gate, "value", "output"):
        hidden = "_" if name == "gate" or "num_query_heads" in config else ""
        yield Role(f"{name}_dense/kernel", stored=f"{hidden}{name}_dense")
        if config.get("use_bias", True):
            yield Role(f"{name}_dense/bias", stored=f"{hidden}{name}_dense")


def _einsum(config: Config) -> Iterator[Role]:
    yield Role("kernel")
    if config.get("bias_axes"):
        yield Role("bias")


def _embedding(config: Config) -> Iterator[Role]:
    rows, width = number(config, "input_dim"), number(config, "output_dim")
    yield Role("embeddings", shape=(rows, width))
    if not config.get("tie_weights", True):
        yield Role("reverse_embeddings", shape=(width, rows))


def _highway(config: Config) -> Iterator[Role]:
    yield Role("kernel", shape=(None, None))
    yield Role("carry_kernel", shape=(None, None))
    yield from _bias(config, None)
    yield from _bias(config, None, path="carry_bias")


def _maxout(config: Config) -> Iterator[Role]:
    count, units = number(config, "nb_feature"), number(config, "units")
    yield Role("kernel", shape=(count, None, units))
    yield from _bias(config, count, units)


def _locally_connected(config: Config) -> Iterator[Role]:
    yield Role("kernel")
    yield from _bias(config, *(None,) * (length(config, "kernel_size", 1) + 1))


def _layer_scale(config: Config) -> Iterator[Role]:
    yield Role("gamma", shape=(number(config, "projection_dim"),))


def _named(*names: str) -> Own:
    return lambda config: iter([Role(name) for name in names])


def _vector_u(config: Config) -> Iterator[Role]:
    yield Role("vector_u", trainable=False, shape=(1, None))


_OWN: dict[str, Own] = {
    "Dense": _dense,
    **{f"Conv{n}D": _conv for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": _conv_transpose for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": _depthwise for n in (1, 2)},
    **{f"SeparableConv{n}D": _separable for n in (1, 2)},
    **{f"ConvLSTM{n}D": _conv_lstm for n in (1, 2, 3)},
    "LSTM": _cell(4, "cell/"),
    "GRU": _cell(3, "cell/"),
    "SimpleRNN": _cell(1, "cell/"),
    "LSTMCell": _cell(4),
    "GRUCell": _cell(3),
    "SimpleRNNCell": _cell(1),
    "BatchNormalization": _batch_normalization,
    "GroupNormalization": _scaled,
    "LayerNormalization": _scaled,
    "RMSNormalization": _named("scale"),
    "SpectralNormalization": _vector_u,
    "Normalization": _normalization,
    "STFTSpectrogram": _waves,
    "PReLU": _named("alpha"),
    "Attention": _attention,
    "AdditiveAttention": _additive_attention,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _multi_head,
    "EinsumDense": _einsum,
    "Embedding": _embedding,
    "ReversibleEmbedding": _embedding,
    "LayerScale": _layer_scale,
    # Layers of Keras 1 and 2 that Keras 3 no longer has, under today's words.
    "Highway": _highway,
    "MaxoutDense": _maxout,
    "SReLU": _named("t_left", "a_left", "t_right", "a_right"),
    "ParametricSoftplus": _named("alpha", "beta"),
    "LocallyConnected1D": _locally_connected,
    "LocallyConnected2D": _locally_connected,
}
