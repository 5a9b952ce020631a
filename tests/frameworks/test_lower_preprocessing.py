"""Preprocessing layers against Keras 3 and tf_keras: the saved files against the live models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from test_lower_operations import compare, normal

import modelport

keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")
tf = pytest.importorskip("tensorflow")

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy", "ignore:__array__:DeprecationWarning")

RANDOM = np.random.default_rng(0)


def check(
    framework: Any,
    folder: Path,
    inputs: list[Any],
    outputs: list[Any],
    values: list[np.ndarray],
    tolerance: float = 2e-6,
) -> None:
    model = framework.Model(inputs, outputs)
    suffix = ".keras" if framework is keras else ".h5"
    model.save(folder / f"model{suffix}")
    given = [tf.constant(value) for value in values]
    expected = model(given if len(given) > 1 else given[0], training=False)
    expected = expected if isinstance(expected, list) else [expected]
    modelport.convert(folder / f"model{suffix}", folder / "model.onnx", verify=False)
    found = live.run((folder / "model.onnx").read_bytes(), values)
    wanted = [np.asarray(out) for out in expected]
    names = [str(place) for place in range(len(outputs))]
    compare([decoded(want) for want in wanted], found, names, tolerance)


def decoded(values: np.ndarray) -> np.ndarray:
    """Words as onnxruntime gives them."""
    if values.dtype != object:
        return values
    return np.array([word.decode() for word in values.reshape(-1)], object).reshape(values.shape)


BOTH = pytest.mark.parametrize("framework", [keras, tf_keras], ids=["keras", "tf_keras"])


@BOTH
def test_numbers(framework: Any, tmp_path: Path) -> None:
    layers = framework.layers
    x, whole = framework.Input((4, 6)), framework.Input((4, 6), dtype="int32")
    adapted = [
        layers.Normalization(),
        layers.Normalization(axis=None),
        layers.Normalization((1, 2)),
    ]
    for layer in adapted:
        layer.adapt(normal(20, 4, 6) * 3 + 1)
    outputs = [layer(x) for layer in adapted] + [
        layers.Normalization(mean=2.0, variance=3.0)(x),
        layers.Normalization(mean=list(range(6)), variance=[1.0, 2, 3, 4, 5, 6])(x),
        layers.Normalization(axis=1, mean=[1.0, 2, 3, 4], variance=[1.0, 2, 3, 4], invert=True)(x),
        layers.Rescaling(1 / 127.5, -1.0)(x),
        layers.Rescaling(0.5)(whole),
        layers.Rescaling([1.0, 2, 3, 4, 5, 6], offset=[0.0, 1, 2, 3, 4, 5])(x),
        layers.Discretization([-1.0, 0.0, 0.5])(x),
        layers.Discretization([0.0, 2.0, 4.0])(whole),
    ]
    check(framework, tmp_path, [x, whole], outputs, [normal(3, 4, 6), counts(3, 4, 6)])


def counts(*shape: int, most: int = 6) -> np.ndarray:
    return RANDOM.integers(0, most, shape).astype(np.int32)


@BOTH
def test_categories(framework: Any, tmp_path: Path) -> None:
    layers = framework.layers
    x, one = framework.Input((5,)), framework.Input((1,), dtype="int32")
    many = framework.Input((5,), dtype="int32")
    weights = framework.Input((5,))
    outputs = [
        layers.CategoryEncoding(6, output_mode="one_hot")(one),
        layers.CategoryEncoding(6, output_mode="multi_hot")(many),
        layers.CategoryEncoding(6, output_mode="count")(many),
        layers.CategoryEncoding(6, output_mode="count")(many, count_weights=weights),
        layers.Discretization([-1.0, 0.0, 0.5], output_mode="multi_hot")(x),
        layers.Discretization([-1.0, 0.0, 0.5], output_mode="count")(x),
        layers.Discretization([2.0, 4.0], output_mode="one_hot")(one),
    ]
    values = [normal(3, 5), counts(3, 1), counts(3, 5), normal(3, 5)]
    check(framework, tmp_path, [x, one, many, weights], outputs, values)


@BOTH
def test_vocabularies(framework: Any, tmp_path: Path) -> None:
    layers = framework.layers
    words, numbers = framework.Input((4,), dtype="string"), framework.Input((4,), dtype="int64")
    places = framework.Input((4,), dtype="int64")
    text, known = ["red", "green", "blue"], [10, 20, 30]
    outputs = [
        layers.StringLookup(vocabulary=text)(words),
        layers.StringLookup(vocabulary=text, mask_token="")(words),
        layers.StringLookup(vocabulary=["", "[UNK]", *text], mask_token="")(words),
        layers.StringLookup(vocabulary=text, output_mode="multi_hot")(words),
        layers.StringLookup(vocabulary=text, output_mode="count", mask_token="")(words),
        layers.StringLookup(
            vocabulary=text, output_mode="multi_hot", max_tokens=9, pad_to_max_tokens=True
        )(words),
        layers.StringLookup(vocabulary=text, output_mode="tf_idf", idf_weights=[0.5, 0.25, 2.0])(
            words
        ),
        layers.StringLookup(vocabulary=text, invert=True)(places),
        layers.StringLookup(vocabulary=text, invert=True, mask_token="-")(places),
        layers.IntegerLookup(vocabulary=known)(numbers),
        layers.IntegerLookup(vocabulary=known, num_oov_indices=3)(numbers),
        layers.IntegerLookup(vocabulary=known, mask_token=0, output_mode="count")(numbers),
        layers.IntegerLookup(vocabulary=known, invert=True)(places),
    ]
    values = [
        np.array([["red", "blue", "", "pink"], ["green", "green", "red", "x"]], object),
        np.array([[10, 30, 0, 7], [20, 20, -4, 8]], np.int64),
        np.array([[0, 1, 2, 3], [3, 2, 1, 0]], np.int64),
    ]
    check(framework, tmp_path, [words, numbers, places], outputs, values)


@BOTH
def test_images(framework: Any, tmp_path: Path) -> None:
    layers = framework.layers
    image, bytes_ = framework.Input((9, 8, 3)), framework.Input((9, 8, 3), dtype="uint8")
    kinds = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    if framework is tf_keras:
        kinds += ("area", "gaussian", "mitchellcubic")
    outputs = [
        layers.Resizing(*size, interpolation=kind)(image)
        for kind in kinds
        for size in ((4, 5), (13, 16))
    ]
    outputs += [
        layers.Resizing(4, 6, crop_to_aspect_ratio=True)(image),
        layers.Resizing(6, 4, crop_to_aspect_ratio=True)(image),
        layers.Resizing(18, 16)(bytes_),
        layers.CenterCrop(4, 5)(image),
        layers.CenterCrop(12, 5)(image),
        layers.CenterCrop(4, 4)(bytes_),
    ]
    if framework is keras:
        outputs += [
            layers.Resizing(6, 4, pad_to_aspect_ratio=True, fill_value=1.5)(image),
            layers.Resizing(4, 5, antialias=True)(image),
            layers.Resizing(4, 2, data_format="channels_first")(image),
            layers.CenterCrop(4, 2, data_format="channels_first")(image),
            layers.AutoContrast(value_range=(-3, 3))(image),
            layers.Solarization()(image),
        ]
    pixels = RANDOM.integers(0, 256, (3, 9, 8, 3)).astype(np.uint8)
    check(framework, tmp_path, [image, bytes_], outputs, [normal(3, 9, 8, 3), pixels], 1e-5)


def test_images_of_unknown_size(tmp_path: Path) -> None:
    layers = keras.layers
    image = keras.Input((None, None, 3))
    outputs = [layers.Resizing(4, 5)(image), layers.CenterCrop(4, 5)(image)]
    outputs += [
        layers.Resizing(*size, interpolation="bicubic")(image) for size in ((4, 5), (13, 20))
    ]
    check(keras, tmp_path, [image], outputs, [normal(2, 9, 8, 3)])


def test_a_table_of_weights_needs_the_size_of_the_image(tmp_path: Path) -> None:
    image = keras.Input((None, None, 3))
    made = keras.layers.Resizing(4, 5, interpolation="lanczos3")(image)
    keras.Model(image, made).save(tmp_path / "model.keras")
    with pytest.raises(modelport.ModelportError, match="'lanczos3' needs spatial extents"):
        modelport.convert(tmp_path / "model.keras", tmp_path / "model.onnx", verify=False)


def test_sound(tmp_path: Path) -> None:
    layers = keras.layers
    sound, other = keras.Input((64, 2)), keras.Input((2, 64))
    modes = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
    given = {"frame_length": 16, "frame_step": 8, "fft_length": 32, "window": None}
    outputs = [layers.STFTSpectrogram(mode=mode, **given)(sound) for mode in modes]
    outputs += [
        layers.STFTSpectrogram(expand_dims=True, padding="same", **given)(sound),
        layers.STFTSpectrogram(data_format="channels_first", **given)(other),
    ]
    values = [normal(3, 64, 2), normal(3, 2, 64)]
    check(keras, tmp_path, [sound, other], outputs, values, 1e-4)


@pytest.mark.parametrize(
    "given",
    [
        {"num_mel_bins": 8, "sampling_rate": 800, "sequence_stride": 12, "fft_length": 32},
        {"sequence_length": 24, "fft_length": 48, "sequence_stride": 7, "window": "hamming"},
        {"fft_length": 32, "sequence_length": 15, "mag_exp": 1.0, "power_to_db": False},
        {"fft_length": 64, "window": None, "top_db": 20.0, "ref_power": 0.3, "min_power": 1e-3},
    ],
)
def test_mel_spectrogram(tmp_path: Path, given: dict[str, object]) -> None:
    whole, open_end = keras.Input((200,)), keras.Input((None,))
    layer = keras.layers.MelSpectrogram(**given)
    values = [normal(2, 200), normal(2, 150)]
    check(keras, tmp_path, [whole, open_end], [layer(whole), layer(open_end)], values, 1e-4)


def test_what_onnx_cannot_hold_is_named(tmp_path: Path) -> None:
    layers = keras.layers
    text = {
        "hash": layers.Hashing(3),
        "words": layers.StringLookup(vocabulary=["a"], num_oov_indices=2),
    }
    for name, layer in text.items():
        x = keras.Input((3,), dtype="string")
        keras.Model(x, layer(x)).save(tmp_path / f"{name}.keras")
        with pytest.raises(modelport.ModelportError, match="hash"):
            modelport.convert(tmp_path / f"{name}.keras", tmp_path / "x.onnx", verify=False)
