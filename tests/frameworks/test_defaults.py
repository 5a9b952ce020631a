"""The table of default arguments against the configs and signatures of the installed Keras."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import pytest
from stock import stock

from modelport.dialects.keras.defaults import (
    AS_STATED,
    DEFAULTS,
    RECENT,
    RECENT_OF,
    REQUIRED,
    arguments,
    complete,
)

STOCK = stock()
GIVEN = ("vocabulary", "bin_boundaries", "backward_layer", "depth_multiplier", "bias_axes")
"""Arguments with a default that the maker of every stock layer sets all the same."""


@pytest.mark.parametrize("name", [name for name in STOCK if name in DEFAULTS])
def test_a_completed_config_is_what_keras_writes(name: str) -> None:
    make, _ = STOCK[name]
    layer = make()
    config = layer.get_config()
    given = {key: config[key] for key in (*REQUIRED[name], "name") if key in config}
    given |= {key: config[key] for key in GIVEN if key in config}
    found = complete(name, given)
    wanted = {key: _plain(value) for key, value in config.items() if key not in RECENT}
    extra = {"vocabulary_size", "sparse"} if name != "InputLayer" else set()
    for key in found.keys() | wanted.keys():
        if key in extra and key not in found:
            continue
        if key == "activity_regularizer" and key not in wanted:
            # Keras leaves it out of some configs where it is None.
            assert found[key] is None
        elif key == "dtype" and name in ("Hashing", "HashedCrossing"):
            continue
        elif key == "seed" and key not in wanted:
            assert found[key] is None
        else:
            assert _plain(found[key]) == wanted[key], key


@pytest.mark.parametrize("name", [name for name in STOCK if name in DEFAULTS])
def test_every_argument_of_the_class_is_known(name: str) -> None:
    make, _ = STOCK[name]
    own = set(inspect.signature(type(make()).__init__).parameters) - {"self", "kwargs"}
    other = {"weights", "shape", "batch_size", "input_tensor", "cells"}
    assert own - other - (arguments(name) or set()) == set()


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_default_is_accepted(name: str) -> None:
    if name in ("Lambda",):
        return
    recent = dict.fromkeys(RECENT_OF[name])
    signature = inspect.signature(getattr(keras.layers, name).__init__).parameters
    takes_more = any(p.kind is p.VAR_KEYWORD for p in signature.values())
    assert takes_more or (arguments(name) or set()) <= set(signature)
    assert recent.keys() <= RECENT


def test_every_stock_class_has_a_table_or_is_kept_as_stated() -> None:
    assert (set(STOCK) | {"STFTSpectrogram"}) - DEFAULTS.keys() == AS_STATED


def _plain(value: Any) -> Any:
    """Tuples as lists, policies by name, initializers without arguments that are newer."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        return {k: _plain(v) for k, v in value.items() if k not in ("input_axes", "output_axes")}
    return value
