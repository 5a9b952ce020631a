"""Reshaping and regularisation layers against Keras 3."""

from __future__ import annotations

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_reshape_flatten_permute():
    x, vector, free = keras.Input((4, 5, 6)), keras.Input((12,)), keras.Input((None, 6))
    wide = layers.Conv2D(6, 1)(x)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(wide)
    makers = [
        layers.Reshape((20, 6)),
        layers.Reshape((-1, 3)),
        layers.Reshape((4, 5, 6)),
        layers.Reshape((120,)),
        layers.Flatten(),
        layers.Flatten(data_format="channels_first"),
        layers.Permute((3, 1, 2)),
        layers.Permute((2, 1, 3)),
    ]
    outputs = [layer(edge) for layer in makers for edge in (x, wide)]
    outputs += [
        layers.Reshape((1, 1, 12))(vector),
        layers.Reshape((3, 4))(vector),
        layers.Reshape((-1,))(vector),
        layers.Flatten()(vector),
        layers.Reshape((6,))(pooled),
        layers.Flatten()(pooled),
        layers.Reshape((-1, 2))(free),
        layers.Reshape((-1, 2, 3))(free),
        layers.Flatten()(free),
        layers.RepeatVector(3)(vector),
        layers.Dense(3)(layers.Flatten(data_format="channels_first")(x)),
    ]
    model = keras.Model([x, vector, free], outputs)
    live.randomize(model)
    live.check(model, [normal(3, 4, 5, 6), normal(3, 12), normal(3, 7, 6)], 1e-6)


def test_squeeze_and_excite_needs_no_transpose():
    x = keras.Input((4, 5, 6))
    wide = layers.Conv2D(6, 1)(x)
    y = layers.Reshape((1, 1, 6))(layers.GlobalAveragePooling2D()(wide))
    y = layers.Conv2D(6, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="silu")(y))
    y = layers.GlobalMaxPooling2D(keepdims=True)(layers.Multiply()([wide, y]))
    model = keras.Model(x, layers.Flatten()(layers.Conv2D(4, 1)(y)))
    live.randomize(model)
    assert live.count(live.check(model, [normal(3, 4, 5, 6)]), "Transpose") == 1


def test_permute_into_a_convolution_needs_no_transpose():
    x = keras.Input((3, 8, 8))
    y = layers.Conv2D(4, 3)(layers.ReLU()(layers.Permute((2, 3, 1))(x)))
    model = keras.Model(x, layers.GlobalAveragePooling2D()(y))
    live.randomize(model)
    assert live.count(live.check(model, [normal(2, 3, 8, 8)]), "Transpose") == 0


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_padding_cropping_repeating(first, dynamic):
    form = {"data_format": "channels_first" if first else "channels_last"}

    def entry(*shape):
        known = (None,) * len(shape) if dynamic else shape
        return keras.Input((3, *known) if first else (*known, 3))

    image, volume = entry(6, 7), entry(5, 6, 4)
    sequence = keras.Input((None if dynamic else 6, 3))
    wide = image if first else layers.Conv2D(3, 1)(image)
    outputs = [
        layers.ZeroPadding1D(2)(sequence),
        layers.ZeroPadding1D((1, 3))(sequence),
        layers.Cropping1D((1, 2))(sequence),
        layers.Cropping1D(2)(sequence),
        layers.UpSampling1D(3)(sequence),
        layers.UpSampling1D(3)(layers.Conv1D(2, 1)(sequence)),
    ]
    for edge in (image, wide):
        outputs += [
            layers.ZeroPadding2D(2, **form)(edge),
            layers.ZeroPadding2D((1, 2), **form)(edge),
            layers.ZeroPadding2D(((1, 0), (0, 2)), **form)(edge),
            layers.Cropping2D(2, **form)(edge),
            layers.Cropping2D(((0, 1), (2, 0)), **form)(edge),
            layers.UpSampling2D((2, 3), **form)(edge),
            layers.UpSampling2D(2, interpolation="bilinear", **form)(edge),
        ]
    outputs += [
        layers.ZeroPadding3D(1, **form)(volume),
        layers.ZeroPadding3D(((0, 1), (2, 0), (1, 1)), **form)(volume),
        layers.Cropping3D(1, **form)(volume),
        layers.Cropping3D(((0, 1), (2, 0), (1, 1)), **form)(volume),
        layers.UpSampling3D((2, 1, 3), **form)(volume),
    ]
    model = keras.Model([image, volume, sequence], outputs)
    live.randomize(model)
    shapes = [(6, 7), (5, 6, 4)]
    images = [normal(2, *((3, *shape) if first else (*shape, 3))) for shape in shapes]
    live.check(model, [*images, normal(2, 6, 3)], 2e-6)


def test_interpolations():
    x = keras.Input((6, 7, 3))
    kinds = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    wide = layers.Conv2D(2, 1)(x)
    outputs = [
        layers.UpSampling2D(size, interpolation=kind)(edge)
        for kind in kinds
        for size in (2, (4, 1))
        for edge in (x, wide)
    ]
    model = keras.Model(x, outputs)
    live.randomize(model)
    live.check(model, [normal(2, 6, 7, 3)], 1e-5)


@pytest.mark.parametrize("extents", [(6, 7), (None, None)], ids=["known", "unknown"])
def test_bicubic_by_factors_that_are_no_power_of_two(extents):
    x = keras.Input((*extents, 2))
    factors = [3, (2, 3), (5, 1), 6, (7, 4)]
    outputs = [layers.UpSampling2D(factor, interpolation="bicubic")(x) for factor in factors]
    model = keras.Model(x, outputs)
    live.check(model, [normal(2, 6, 7, 2)], 1e-5)


def test_interpolations_of_keras_2():
    tf = pytest.importorskip("tensorflow")
    x = normal(2, 6, 7, 3)
    for kind in ("area", "gaussian", "mitchellcubic"):
        config = {"size": [3, 2], "data_format": "channels_last", "interpolation": kind}
        found = live.run_node("UpSampling2D", config, [x])
        expected = tf.image.resize(x, (18, 14), method=kind).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_regularisation_is_no_part_of_inference():
    x = keras.Input((5, 5, 3))
    sequence = keras.Input((5, 3))
    wide = layers.Conv2D(3, 1)(x)
    outputs = [
        layers.Dropout(0.3)(wide),
        layers.SpatialDropout1D(0.3)(sequence),
        layers.SpatialDropout2D(0.3)(wide),
        layers.SpatialDropout3D(0.3)(layers.Reshape((5, 5, 3, 1))(x)),
        layers.AlphaDropout(0.3)(x),
        layers.GaussianDropout(0.3)(x),
        layers.GaussianNoise(0.3)(x),
        layers.ActivityRegularization(0.1)(x),
    ]
    model = keras.Model([x, sequence], outputs)
    live.randomize(model)
    data = live.check(model, [normal(2, 5, 5, 3), normal(2, 5, 3)], 1e-6)
    assert live.count(data, "Dropout") == 4


def augmentations():
    arguments = {
        "RandomBrightness": {"factor": 0.1},
        "RandomColorDegeneration": {"factor": 0.1},
        "RandomContrast": {"factor": 0.1},
        "RandomCrop": {"height": 8, "width": 8},
        "RandomHue": {"factor": 0.1},
        "RandomPosterization": {"factor": 4},
        "RandomRotation": {"factor": 0.1},
        "RandomSaturation": {"factor": 0.1},
        "RandomSharpness": {"factor": 0.1},
        "RandomShear": {"x_factor": 0.1},
        "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
        "RandomZoom": {"height_factor": 0.1},
    }
    names = [name for name in dir(layers) if name.startswith("Random")]
    for name in [*names, "AugMix", "CutMix", "MixUp", "RandAugment"]:
        yield name, getattr(layers, name)(**arguments.get(name, {}))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_augmentation_is_no_part_of_inference(dtype):
    images = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3)).astype(dtype)
    for name, layer in augmentations():
        expected = np.asarray(layer(images, training=False))
        found = live.run_node(name, {"dtype": "float32"}, [images])
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected)
