"""Whole convolutional networks of keras.applications against Keras 3, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest

import modelport

keras = pytest.importorskip("keras")


def scaled_randomly(model, seed: int = 0) -> None:
    """Random weights that neither explode nor vanish over a hundred layers."""
    generator = np.random.default_rng(seed)
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.name
        if name in ("gamma", "moving_variance", "variance"):
            value = generator.uniform(0.5, 1.5, shape)
        elif len(shape) < 2:
            value = generator.normal(0, 0.1, shape)
        else:
            fan = np.prod(shape[:2]) if "depthwise" in variable.path else np.prod(shape[:-1])
            value = generator.normal(0, np.sqrt(2 / fan), shape)
        if np.asarray(variable).dtype.kind == "f":
            variable.assign(value.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "side", "transposes"),
    [
        ("ResNet50", 64, 1),
        ("MobileNetV2", 64, 1),
        ("DenseNet121", 64, 1),
        ("EfficientNetB0", 64, 1),
        ("InceptionV3", 96, 1),
        ("Xception", 96, 1),
    ],
)
def test_application(name, side, transposes):
    make = getattr(keras.applications, name)
    model = make(weights=None, classifier_activation=None, input_shape=(side, side, 3), classes=20)
    scaled_randomly(model)
    x = np.random.default_rng(1).uniform(0, 1, (2, side, side, 3)).astype(np.float32)
    data = live.check(model, [x], 1e-4)
    assert np.std(live.run(data, [x])[0]) > 1e-3
    assert live.count(data, "Transpose") == transposes
    keras.backend.clear_session()


FAMILIES = {
    "ConvNeXtTiny": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "MobileNet": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
}
OLDER = {
    "ConvNeXtTiny": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "MobileNetV3Small": 32,
    "regnet.RegNetX002": 32,
    "regnet.RegNetY002": 32,
    "resnet_rs.ResNetRS50": 32,
}
"""What tf_keras has besides, or builds of other layers."""


def from_file(framework: Any, name: str, side: int, path: Path) -> None:
    """A model of a family in a file of that framework, against the framework."""
    make = framework.applications
    for part in name.split("."):
        make = getattr(make, part)
    given = {"weights": None, "input_shape": (side, side, 3), "classes": 5}
    model = make(classifier_activation=None, **given)
    quietly(model)
    model.save(path)
    modelport.convert(path, path.with_suffix(".onnx"), verify=False)
    x = np.random.default_rng(1).uniform(0, 1, (2, side, side, 3)).astype(np.float32)
    (found,) = live.run(path.with_suffix(".onnx").read_bytes(), [x])
    expected = np.asarray(model(x, training=False))
    scale = max(1.0, float(np.max(np.abs(expected))))
    assert np.std(expected) > 1e-4
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-4, rtol=0)
    framework.backend.clear_session()


def quietly(model: Any) -> None:
    """Random weights small enough that a hundred layers do not amplify rounding."""
    generator = np.random.default_rng(0)
    values = []
    for weight, value in zip(model.weights, model.get_weights(), strict=True):
        name = weight.name.split(":")[0].rsplit("/", 1)[-1]
        if name == "moving_variance":
            value = generator.uniform(0.5, 1.5, value.shape)
        elif name == "gamma":
            value = generator.uniform(0.3, 0.7, value.shape)
        elif len(value.shape) < 2:
            value = generator.normal(0, 0.1, value.shape)
        else:
            fan = np.prod(value.shape[:2] if "depthwise" in name else value.shape[:-1])
            value = generator.normal(0, np.sqrt(2 / fan), value.shape)
        values.append(np.asarray(value, np.float32))
    model.set_weights(values)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_in_a_keras_archive(name, tmp_path):
    from_file(keras, name, FAMILIES[name], tmp_path / "model.keras")


@pytest.mark.filterwarnings("ignore:You are saving your model:UserWarning")
@pytest.mark.filterwarnings("ignore:.*initializers.serialize:UserWarning")
@pytest.mark.parametrize("name", OLDER)
def test_a_family_in_an_h5_of_tf_keras(name, tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    from_file(tf_keras, name, OLDER[name], tmp_path / "model.h5")


@pytest.mark.filterwarnings("ignore:You are saving your model:UserWarning")
def test_layers_of_other_packages_are_not_those_of_applications(tmp_path):
    """The name alone is not enough where a file says where a class is from."""

    class LayerScale(keras.layers.Layer):
        def __init__(self, init_values, projection_dim, **kwargs):
            super().__init__(**kwargs)
            self.init_values, self.projection_dim = init_values, projection_dim

        def call(self, x):
            return x

        def get_config(self):
            own = {"init_values": self.init_values, "projection_dim": self.projection_dim}
            return {**super().get_config(), **own}

    x = keras.Input((3,))
    keras.Model(x, LayerScale(0.1, 3)(x)).save(tmp_path / "model.keras")
    with pytest.raises(modelport.ModelportError, match="LayerScale"):
        modelport.convert(tmp_path / "model.keras", tmp_path / "model.onnx", verify=False)


def test_layers_of_applications_are_inert(tmp_path):
    model = keras.applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), classes=5)
    model.save(tmp_path / "model.keras")
    found = modelport.open(tmp_path / "model.keras").findings
    assert [item for item in found if item.rule == "KER-007"] == []


def test_a_spatial_output_costs_one_more_transpose():
    model = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(64, 64, 3))
    scaled_randomly(model)
    x = np.random.default_rng(1).uniform(0, 1, (2, 64, 64, 3)).astype(np.float32)
    assert live.count(live.check(model, [x], 1e-4), "Transpose") == 2


def test_dynamic_image_size():
    model = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(None, None, 3)
    )
    scaled_randomly(model)
    for side in (64, 75):
        x = np.random.default_rng(1).uniform(0, 1, (1, side, side, 3)).astype(np.float32)
        live.check(model, [x], 1e-4)
