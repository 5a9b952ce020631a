"""Small facts of a Keras config: names, shapes and types of layers, as the file states them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelport.errors import MalformedFile, ModelportError
from modelport.model.dtype import DTYPES, DType
from modelport.model.graph import Shape, TensorType

MOST_OUTPUTS = 4096


@contextmanager
def keras_config(where: str) -> Iterator[None]:
    """Turn what goes wrong inside a config of the wrong form into MalformedFile."""
    try:
        yield
    except ModelportError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise MalformedFile(
            where,
            expected="the config of a Keras model",
            found=f"{type(error).__name__}: {error}",
        ) from error


def wrappers_around(config: Any) -> int:
    """How many wrappers stand around the model that a wrapper's config has inside, if it has one.

    A model itself, and a layer that has no other inside, have none.
    """
    count = 0
    while isinstance(config, dict) and "layers" not in config:
        held = config.get("layer")
        if not isinstance(held, dict):
            break
        count, config = count + 1, held.get("config")
    return count


_OWN_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}
"""What classes of Keras are called inside it, where that differs from their public name."""


def snake_case(class_name: str) -> str:
    """The group name that Keras derives from a class (``Conv2DTranspose``: ``conv2d_transpose``).

    A registered name counts with its last part only, as the class itself is called.
    """
    public = class_name.rsplit(">", 1)[-1]
    name = re.sub(r"\W+", "", _OWN_NAMES.get(public, public))
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def layers_of(entry: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The layers of a model's entry, or None where the entry is no model with stated layers."""
    config = entry.get("config")
    if isinstance(config, list) and entry.get("class_name") in (
        "Sequential",
        "Functional",
        "Model",
    ):
        return [_entry(layer) for layer in config]
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        return None
    if entry.get("class_name") in ("Merge", "StackedRNNCells", "FeatureSpace"):
        return None
    return [_entry(layer) for layer in config["layers"]]


def _entry(layer: Any) -> dict[str, Any]:
    if not isinstance(layer, dict) or not isinstance(layer.get("class_name"), str):
        raise ValueError(f"a layer without a class name: {str(layer)[:80]}")
    return layer


def layer_name(entry: dict[str, Any], number: int) -> str:
    """The layer's own name; ``<class>_<number>`` for a list-style Sequential, which has none."""
    config = entry.get("config")
    stated = entry.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return stated if isinstance(stated, str) else f"{snake_case(entry['class_name'])}_{number}"


def stated_dtype(config: dict[str, Any]) -> DType | None:
    """The type that a layer's config names, as text or as a policy object."""
    for key in ("input_dtype", "dtype"):
        value = config.get(key)
        if isinstance(value, dict):
            value = (value.get("config") or {}).get("name")
        if isinstance(value, str) and value in DTYPES:
            return DTYPES[value]
    return None


def stated_shape(value: Any) -> Shape:
    """A shape as JSON has it; None where it is not a plain list of extents."""
    if isinstance(value, dict) and value.get("class_name") in ("TensorShape", "__tuple__"):
        value = value.get("items")
    if not isinstance(value, list | tuple):
        return None
    if not all(item is None or (type(item) is int and item >= 0) for item in value):
        return None
    return tuple(value)


def input_type(entry: dict[str, Any]) -> TensorType | None:
    """What a layer says about the values that enter it, or None where it says nothing."""
    config = entry.get("config")
    if not isinstance(config, dict):
        return None
    built = entry.get("build_config")
    build_shape = built.get("input_shape") if isinstance(built, dict) else None
    shape: Shape = None
    for value in (
        config.get("batch_input_shape"),
        config.get("batch_shape"),
        _with_batch(config.get("input_shape")),
        config.get("build_input_shape"),
        build_shape,
        _short_shape(entry["class_name"], config),
    ):
        shape = stated_shape(value)
        if shape is not None:
            break
    dtype = stated_dtype(config)
    return None if shape is None and dtype is None else TensorType(dtype, shape)


def _with_batch(shape: Any) -> Any:
    return [None, *shape] if isinstance(shape, list) else None


def _short_shape(class_name: str, config: dict[str, Any]) -> Any:
    """The shape behind ``input_dim`` (of an Embedding that is its vocabulary, not an extent)."""
    extent, length = config.get("input_dim"), config.get("input_length")
    if class_name == "Embedding" or type(extent) is not int:
        return None
    return [None, length, extent] if length is not None else [None, extent]
