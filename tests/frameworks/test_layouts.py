"""Where axes lie in a model that becomes Keras: right in every layout, turned where need be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from tests.frameworks import torch_live
from tests.frameworks.frameworks_onnx import drop_hints
from tests.frameworks.layout_nets import NETS

import modelport
from modelport.model.axes import axes_of

pytestmark = pytest.mark.filterwarnings("ignore")
L = keras.layers


def turns(model: Any) -> int:
    """The layers of a model that only move axes."""
    return sum(type(layer).__name__ in ("Permute", "Transpose") for layer in model.operations)


def arrays(found: Any) -> list[np.ndarray]:
    return [np.asarray(item) for item in (found if isinstance(found, list | tuple) else [found])]


@pytest.mark.parametrize("name", NETS)
def test_a_network_of_torch(name: str, tmp_path: Path) -> None:
    make, shape, fewest = NETS[name]
    torch.manual_seed(3)
    network = make().eval()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    dynamic = ({0: torch.export.Dim.AUTO},)
    own = type(network).__name__ == "Net"
    torch_live.export(network, (x,), tmp_path / "m.pt2", (dynamic,) if own else dynamic)
    with torch.no_grad():
        result = network(torch.cat([x, x]))
    wanted = [item.numpy() for item in (result if isinstance(result, tuple) else (result,))]
    for layout, least in zip((None, "channels-last", "channels-first"), fewest, strict=True):
        path = tmp_path / f"{layout}.keras"
        report = modelport.convert(tmp_path / "m.pt2", path, layout=layout, verify=False)
        model = keras.saving.load_model(path)
        axes = axes_of(modelport.open(path))
        given, *_ = axes.inputs or (None,)
        fed = torch.cat([x, x]).numpy()
        found = arrays(model(fed if given is None else fed.transpose(given)))
        for ours, order, theirs in zip(found, axes.outputs or [None] * 9, wanted, strict=False):
            straight = ours if order is None else ours.transpose(np.argsort(order))
            assert straight.shape == theirs.shape
            scale = np.abs(theirs).max() or 1
            np.testing.assert_allclose(straight, theirs, 1e-3, 1e-4 * scale)
        assert turns(model) == least, layout
        changes = [change for change in report if change.component == "signature"]
        assert len(changes) == sum(order is not None for order in (*axes.inputs, *axes.outputs))


def _excited(x: Any) -> Any:
    y = L.Dense(4, activation="relu")(L.GlobalAveragePooling2D()(x))
    return L.Multiply()([x, L.Reshape((1, 1, 4))(L.Dense(4, activation="sigmoid")(y))])


def _unet(x: Any) -> Any:
    a = L.Conv2D(4, 3, padding="same", activation="relu")(x)
    b = L.UpSampling2D(interpolation="bilinear")(
        L.Conv2D(8, 3, padding="same")(L.MaxPooling2D()(a))
    )
    return L.Conv2D(2, 1, activation="softmax")(L.Concatenate()([b, a]))


def _twice(x: Any) -> Any:
    y = L.BatchNormalization()(L.Flatten()(L.Conv2D(4, 3)(x)))
    return [L.Dense(3)(L.Dropout(0.2)(y)), L.Dense(2)(y)]


MODELS = {
    "flat": ((9, 8, 3), lambda x: L.Dense(3)(L.Flatten()(L.MaxPooling2D()(L.Conv2D(4, 3)(x))))),
    "flat for two": ((9, 8, 3), _twice),
    "excited": ((9, 8, 3), lambda x: L.GlobalMaxPooling2D()(_excited(L.Conv2D(4, 3)(x)))),
    "unet": ((8, 8, 3), _unet),
    "past": ((9, 8, 3), lambda x: L.Add()([x, L.DepthwiseConv2D(3, padding="same")(x)])),
    "dense on maps": ((9, 8, 3), lambda x: L.Conv2D(3, 1)(L.Dense(6, "gelu")(L.Conv2D(4, 3)(x)))),
    "normal": (
        (9, 8, 3),
        lambda x: L.GroupNormalization(2)(L.LayerNormalization()(L.Conv2D(4, 3)(x))),
    ),
    "steps": ((16, 3), lambda x: L.Dense(3)(L.GRU(4)(L.Conv1D(4, 3)(x)))),
    "volume": ((8, 8, 8, 3), lambda x: L.SpatialDropout3D(0.1)(L.Conv3D(4, 3)(x))),
    "decoder": ((5,), lambda x: L.Conv2DTranspose(3, 4, 2)(L.Reshape((4, 4, 8))(L.Dense(128)(x)))),
    "boxes": ((9, 8, 3), lambda x: L.Reshape((-1, 6))(L.SeparableConv2D(12, 3)(x))),
    "frames": (
        (4, 9, 8, 3),
        lambda x: L.LSTM(3)(L.TimeDistributed(L.Flatten())(L.TimeDistributed(L.Conv2D(4, 3))(x))),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_keras_comes_back_from_onnx_unturned(name: str, tmp_path: Path) -> None:
    shape, make = MODELS[name]
    x = keras.Input(shape)
    model = keras.Model(x, make(x))
    model.save(tmp_path / "m.keras")
    modelport.convert(tmp_path / "m.keras", tmp_path / "m.onnx", verify=False)
    drop_hints(tmp_path / "m.onnx")
    for layout in (None, "channels-last"):
        path = tmp_path / f"{layout}.keras"
        modelport.convert(tmp_path / "m.onnx", path, verify=False, layout=layout)
        back = keras.saving.load_model(path)
        assert turns(back) == 0
        assert back.input_shape == model.input_shape
        fed = np.random.default_rng(0).normal(size=(2, *shape)).astype("f4")
        for ours, theirs in zip(arrays(back(fed)), arrays(model(fed)), strict=True):
            np.testing.assert_allclose(ours, theirs, 1e-4, 1e-5)
