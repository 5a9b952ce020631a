"""No class that Keras itself ships is called unknown: neither in a verdict nor in an error."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import pytest
import tf_keras

from modelport.dialects.keras.history.keras2 import CLASSES as RENAMED
from modelport.dialects.keras.layer import lowerings
from modelport.dialects.keras.unheld import why_not
from modelport.formats.shared.keras.classes import CLASSES
from modelport.formats.shared.keras.findings import find
from modelport.model.model import Level

ABSTRACT = {"InputSpec"}
"""No layer at all."""

PLACES = {
    "keras": keras.layers,
    "tf_keras": tf_keras.layers,
    "tf_keras.preprocessing": tf_keras.layers.experimental.preprocessing,
}


def classes(module: Any) -> set[str]:
    """Every class of a module, under its public names and its own."""
    held = {name: item for name, item in vars(module).items() if inspect.isclass(item)}
    return {name for public, item in held.items() for name in (public, item.__name__)} - ABSTRACT


@pytest.mark.parametrize("place", PLACES)
def test_every_public_layer_is_known(place: str) -> None:
    assert classes(PLACES[place]) - CLASSES == set()


@pytest.mark.parametrize("place", PLACES)
def test_no_stock_layer_is_taken_for_custom_code(place: str) -> None:
    unknown = [
        name
        for name in sorted(classes(PLACES[place]) & CLASSES)
        if name not in lowerings() and "custom code" in why_not(name)
    ]
    # The upgrade replaces older names before a layer is lowered.
    assert set(unknown) - set(RENAMED) == set()


def test_a_grouped_query_attention_is_inert() -> None:
    x = keras.Input((5, 8))
    model = keras.Model(x, keras.layers.GroupQueryAttention(4, 4, 2)(x, x))
    written = keras.saving.serialize_keras_object(model)
    assert [found for found in find(written) if found.level is not Level.INERT] == []
