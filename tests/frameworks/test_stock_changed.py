"""What Keras 3 predicts otherwise than tf_keras under the same name: the .keras made, both run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

layers = tf_keras.layers
WHOLE = np.arange(15, dtype=np.int32).reshape(5, 3)
IMAGES = np.random.default_rng(0).normal(size=(2, 7, 8, 3)).astype(np.float32)
pytestmark = pytest.mark.filterwarnings("ignore")


def carried(model: Any, folder: Path) -> tuple[Any, list[Kind]]:
    model.save(folder / "a.h5")
    report = modelport.convert(folder / "a.h5", folder / "b.keras", verify=False)
    return keras.saving.load_model(folder / "b.keras"), [change.kind for change in report]


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
def test_lookups_mark_in_floats(mode: str, tmp_path: Path) -> None:
    x = tf_keras.Input((3,), dtype="int32")
    marked = layers.IntegerLookup(vocabulary=[1, 2, 5], output_mode=mode)(x)
    model = tf_keras.Model(x, [marked, layers.Activation("gelu")(marked)])
    loaded, _ = carried(model, tmp_path)
    for want, got in zip(model(WHOLE), loaded(WHOLE), strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("wanted", [(4, 7), (7, 8), (9, 3)])
def test_a_random_crop_predicts_on_the_middle(wanted: tuple[int, int], tmp_path: Path) -> None:
    x = tf_keras.Input((7, 8, 3))
    model = tf_keras.Model(x, layers.Flatten()(layers.RandomCrop(*wanted)(x)))
    loaded, kinds = carried(model, tmp_path)
    assert Kind.APPROXIMATED in kinds
    np.testing.assert_allclose(loaded(IMAGES), model(IMAGES, training=False), atol=1e-6)


def test_an_einsum_without_its_operands_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    x = tf_keras.Input((4, 3))
    tf_keras.Model(x, tf.einsum("bij->bji", x)).save(tmp_path / "a.h5")
    with pytest.raises(ConversionError, match="without its operands"):
        modelport.convert(tmp_path / "a.h5", tmp_path / "b.keras", verify=False)


@pytest.mark.parametrize(("dilation", "strides"), [(1, 1), (3, 1), (1, 2)])
def test_causal_convolutions_by_depth(dilation: int, strides: int, tmp_path: Path) -> None:
    x = tf_keras.Input((None, 3))
    given = {"padding": "causal", "dilation_rate": dilation, "strides": strides}
    layer = layers.SeparableConv1D(4, 3, activation="tanh", **given)
    model = tf_keras.Model(x, [layer(x), layer(layers.Activation("relu")(x))])
    loaded, _ = carried(model, tmp_path)
    values = IMAGES[:, 0]
    for want, got in zip(model(values), loaded(values), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)
    assert len(loaded.trainable_weights) == 3


@pytest.mark.parametrize("inside", ["layer", "model", "penalty", "nothing"])
def test_a_penalty_at_every_step_is_told(inside: str, tmp_path: Path) -> None:
    entry = tf_keras.Input((3,))
    held = {
        "layer": lambda: layers.Dense(2, activity_regularizer="l2"),
        "model": lambda: tf_keras.Model(entry, layers.Dense(2, activity_regularizer="l2")(entry)),
        "penalty": lambda: layers.ActivityRegularization(l1=0.1),
        "nothing": lambda: layers.Dense(2, kernel_regularizer="l2"),
    }
    x = tf_keras.Input((4, 3))
    model = tf_keras.Model(x, layers.TimeDistributed(held[inside]())(x))
    loaded, kinds = carried(model, tmp_path)
    given = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    model(given, training=True)
    loaded(given, training=True)
    sums = [sum(float(loss) for loss in each.losses) for each in (model, loaded)]
    told = Kind.DROPPED in kinds or Kind.APPROXIMATED in kinds
    assert told == (abs(sums[0] - sums[1]) > 1e-6)


def merged(kind: str, masks: int) -> Any:
    """Two sequences, of which the first, the second or both have masks of their own, merged."""
    given = [tf_keras.Input((5, 3)), tf_keras.Input((5, 3))]
    both = [layers.Masking()(x) if masks & (i + 1) else x for i, x in enumerate(given)]
    made = getattr(layers, kind)()(both)
    return tf_keras.Model(given, layers.GlobalAveragePooling1D()(made))


@pytest.mark.parametrize(
    "kind", ["Add", "Subtract", "Average", "Maximum", "Multiply", "Concatenate"]
)
@pytest.mark.parametrize("masks", [0, 1, 2, 3])
def test_merges_under_masks_keep_what_all_keep(kind: str, masks: int, tmp_path: Path) -> None:
    model = merged(kind, masks)
    loaded, kinds = carried(model, tmp_path)
    values = [IMAGES[:, 0, :5].copy(), IMAGES[:, 1, :5].copy()]
    values[0][:, 3:] = values[1][0, :2] = 0
    np.testing.assert_allclose(loaded(values), model(values), atol=1e-6)
    assert Kind.APPROXIMATED not in kinds


def test_merges_of_one_masked_sequence_stay_as_they_are(tmp_path: Path) -> None:
    x = tf_keras.Input((5, 3))
    masked = layers.Masking()(x)
    deep = layers.Dense(3)(layers.LSTM(4, return_sequences=True)(masked))
    model = tf_keras.Model(x, layers.GlobalAveragePooling1D()(layers.Add()([masked, deep])))
    loaded, kinds = carried(model, tmp_path)
    values = IMAGES[:, 0, :5].copy()
    values[:, 3:] = 0
    np.testing.assert_allclose(loaded(values), model(values), atol=1e-6)
    assert Kind.APPROXIMATED not in kinds


def test_an_attention_that_says_it_is_frozen_is_told(tmp_path: Path) -> None:
    x = tf_keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 3, trainable=False)
    loaded, kinds = carried(tf_keras.Model(x, layers.Dense(2)(attention(x, x))), tmp_path)
    assert len(loaded.trainable_weights) > 2  # else there is nothing to tell any more
    assert Kind.APPROXIMATED in kinds


def test_a_shared_merge_under_masks_goes_on_to_onnx(tmp_path: Path) -> None:
    words, more = tf_keras.Input((5,), dtype="int32"), tf_keras.Input((5, 3))
    known = layers.Embedding(7, 3, mask_zero=True)(words)
    add = layers.Add()
    y = add([layers.LSTM(3, return_sequences=True)(add([known, more])), known])
    model = tf_keras.Model([words, more], layers.GRU(2)(y))
    loaded, _ = carried(model, tmp_path)
    values = [np.array([[3, 2, 0, 1, 0], [0, 5, 6, 0, 0]], np.int32), IMAGES[:, 0, :5].copy()]
    np.testing.assert_allclose(loaded(values), model(values), atol=1e-6)
    report = modelport.convert(tmp_path / "b.keras", tmp_path / "c.onnx")
    assert report.verification["status"] == "agreed"


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_steps_that_attend_to_nothing_are_told(dropout: float, tmp_path: Path) -> None:
    x = tf_keras.Input((5, 3))
    masked = layers.Masking()(x)
    y = layers.MultiHeadAttention(2, 3, dropout=dropout)(masked, masked)
    model = tf_keras.Model(x, layers.Flatten()(y))
    loaded, kinds = carried(model, tmp_path)
    values = IMAGES[:, 0, :5].copy()
    values[:, 3:] = 0
    same = np.allclose(loaded(values), model(values), atol=1e-6)
    assert same is (dropout == 0.0)
    assert (Kind.APPROXIMATED in kinds) is not same
