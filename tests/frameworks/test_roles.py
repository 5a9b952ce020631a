"""The roles of every stock layer against the live layer and the object tree Keras saves."""

from __future__ import annotations

from typing import Any

import h5py
import keras
import pytest
from stock import NOT_BUILT, SEQUENCE, VECTOR, build, stock

from modelport.dialects.keras.roles import roles, stored_order

# Keras itself asks numpy for copies in a way that numpy 2 warns about.

STOCK = stock()

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in STOCK],
    ("Dense", {"use_bias": False}),
    ("Conv2D", {"use_bias": False}),
    ("SeparableConv2D", {"use_bias": False}),
    ("DepthwiseConv2D", {"use_bias": False}),
    ("LSTM", {"use_bias": False}),
    ("GRU", {"reset_after": False}),
    ("GRU", {"trainable": False}),
    ("BatchNormalization", {"scale": False}),
    ("BatchNormalization", {"center": False}),
    ("BatchNormalization", {"renorm": True}),
    ("BatchNormalization", {"trainable": False}),
    ("LayerNormalization", {"scale": False}),
    ("GroupNormalization", {"center": False}),
    ("Attention", {"use_scale": True, "score_mode": "concat"}),
    ("AdditiveAttention", {"use_scale": False}),
    ("MultiHeadAttention", {"use_bias": False}),
    ("MultiHeadAttention", {"use_gate": True}),
    ("GroupQueryAttention", {"use_gate": True}),
    ("EinsumDense", {"bias_axes": None}),
    ("ReversibleEmbedding", {"tie_weights": False}),
    ("Normalization", {"mean": 1.0, "variance": 2.0}),
    ("Bidirectional", {"backward_layer": keras.layers.GRU(3, go_backwards=True)}),
]


def test_every_stock_class_is_tried() -> None:
    classes = {
        name
        for name in dir(keras.layers)
        if isinstance(getattr(keras.layers, name), type)
        and issubclass(getattr(keras.layers, name), keras.layers.Layer)
        and keras.saving.get_registered_name(getattr(keras.layers, name)).endswith(name)
    }
    assert classes - NOT_BUILT - set(STOCK) == set()


@pytest.mark.parametrize(
    ("name", "options"), VARIANTS, ids=[f"{n}-{'-'.join(o)}" for n, o in VARIANTS]
)
def test_roles_are_the_variables_of_the_live_layer(name: str, options: dict[str, Any]) -> None:
    make, shapes = STOCK[name]
    layer = make(**options)
    build(name, layer, shapes)
    found = roles(name, layer.get_config())

    assert [role.name for role in found] == [w.name for w in layer.weights]
    assert [role.trainable for role in found] == [_among(w, layer) for w in layer.weights]
    legacy = layer.trainable_weights + layer.non_trainable_weights
    assert [role.name for role in stored_order(found)] == [w.name for w in legacy]
    for role, variable in zip(found, layer.weights, strict=True):
        if role.shape is not None:
            assert len(role.shape) == len(variable.shape)
            assert all(a in (None, b) for a, b in zip(role.shape, variable.shape, strict=True))
        assert _attribute(layer, role.path) is variable


def _among(variable: Any, layer: Any) -> bool:
    return any(variable is each for each in layer.trainable_weights)


def _attribute(layer: Any, path: str) -> Any:
    value = layer
    for part in path.split("/")[:-1]:
        if part.isdigit():
            value = value[int(part)]
        else:
            value = getattr(value, part, None) or getattr(value, f"_{part}")
    last = path.rsplit("/", 1)[-1]
    return next(w for w in value.weights if w.name == last)


WITH_WEIGHTS = [(n, o) for n, o in VARIANTS if n not in ("StackedRNNCells", "Wrapper")]


@pytest.mark.parametrize(
    ("name", "options"), WITH_WEIGHTS, ids=[f"{n}-{'-'.join(o)}" for n, o in WITH_WEIGHTS]
)
def test_stored_paths_are_those_of_a_saved_file(
    name: str, options: dict[str, Any], tmp_path: Any
) -> None:
    make, shapes = STOCK[name]
    layer = make(**options)
    found = roles(name, layer.get_config())
    if name.endswith("Cell") or not found:
        return
    inputs = [keras.Input(batch_shape=shape) for shape in shapes]
    several = inputs if len(inputs) > 1 else inputs[0]
    attention = name in ("MultiHeadAttention", "GroupQueryAttention")
    model = keras.Model(inputs, layer(*inputs) if attention else layer(several))
    for variable in model.weights:
        variable.assign(keras.random.uniform(variable.shape))
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        groups = [g for k, g in file["layers"].items() if not k.startswith("input_layer")]
        assert len(groups) == 1
        for role, variable in zip(found, layer.weights, strict=True):
            for path in filter(None, (role.stored, role.copy)):
                assert (groups[0][path][()] == keras.ops.convert_to_numpy(variable)).all()


def test_nested_wrappers_name_their_whole_path(tmp_path: Any) -> None:
    cells = [keras.layers.LSTMCell(4), keras.layers.LSTMCell(3)]
    layer = keras.layers.Bidirectional(keras.layers.RNN(cells))
    layer(keras.Input(batch_shape=SEQUENCE))
    found = roles("Bidirectional", layer.get_config())
    assert [role.name for role in found] == [w.name for w in layer.weights]
    assert found[3].path == "forward_layer/cell/cells/1/kernel"
    assert found[3].stored == "forward_layer/cell/cells/lstm_cell_1/vars/0"
    assert VECTOR != SEQUENCE
