"""Whole convolutional networks of keras.applications against Keras 3, with random weights."""

from __future__ import annotations

import live
import numpy as np
import pytest

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
