"""Whoever is asked what an old file computes says what the Keras that wrote it once computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.corpus import SHARED, corpus
from tests.samples import FILES

import modelport
from modelport.runtimes import tf_keras_runtime
from modelport.runtimes.runtime import Run
from modelport.verify.agreement import compare_outputs
from modelport.verify.verify import Side, run_both
from modelport.verify.witness import changed_meaning, witnesses

OLD = FILES / "keras-h5"
TRUTH = Path(__file__).parents[1] / "truth" / "corpus"


def recorded() -> dict[Path, Path]:
    """Old files with what their own Keras computed for them: ours, and other people's."""
    found = {path.with_name(path.name.removesuffix(".io.npz") + ".h5"): path
             for path in OLD.glob("*.io.npz")}  # fmt: skip
    found |= {path.with_suffix(".h5"): path for path in OLD.glob("masked_keras_*.npz")}
    names = {path.name.removesuffix(".npz"): path for path in TRUTH.glob("*.npz")}
    for path in corpus("keras_h5_full"):
        if Path(path).name in names:
            found[SHARED / "corpus" / path] = names[Path(path).name]
    return dict(sorted(found.items()))


RECORDED = recorded()
TRUSTED = [path for path in RECORDED if witnesses(modelport.open(path))[0]]


@pytest.mark.parametrize("path", TRUSTED, ids=lambda path: path.stem)
def test_a_witness_tells_the_truth(path: Path) -> None:
    with np.load(RECORDED[path]) as held:
        inputs = [(f"x{i}", held[f"x{i}"]) for i in range(len(held.files)) if f"x{i}" in held]
        truth = [held[f"y{i}"] for i in range(len(held.files)) if f"y{i}" in held]
    if witnesses(modelport.open(path))[0][0].name != "tf_keras" or not inputs:
        return
    try:
        outputs, _ = tf_keras_runtime.run(path, inputs, [])
    except ValueError:
        return  # refused to load, so a stand-in is asked
    found = Run("tf_keras", [y for _, y in outputs], [str(i) for i in range(len(outputs))])
    told = Run("truth", truth, [str(i) for i in range(len(truth))])
    assert all(output.agree for output in compare_outputs(told, found))


CHANGED = [
    "masked_keras_1.2.2",
    "masked_keras_2.2.4",
    "keras2.2.4-tensorflow-masking-sequences",
    "keras2.2.4-tensorflow-up-sampling-bilinear",
    "keras2.2.4-theano-conv1d",
    "keras2.2.4-theano-conv2d-same-strides",
    "keras2.2.4-theano-conv-lstm2d-same",
    "keras2.2.4-theano-pooling-same",
    "keras2.1.3-theano-conv2d",
]


@pytest.mark.parametrize("name", CHANGED)
def test_words_that_changed_their_meaning_have_no_witness(name: str) -> None:
    model = modelport.open(OLD / f"{name}.h5")
    able, why = witnesses(model)
    assert able == []
    assert "tf_keras is no witness" in why


@pytest.mark.parametrize(
    "name", ["keras2.2.4-tensorflow-gru", "keras2.2.4-tensorflow-lstm", "graphs_tf_keras"]
)
def test_words_that_kept_it_have_one(name: str) -> None:
    model = modelport.open(OLD / f"{name}.h5")
    assert changed_meaning(model) is None
    assert [runtime.name for runtime in witnesses(model)[0]] == ["tf_keras"]


@pytest.mark.parametrize("name", ["masked_keras_2.2.4", "masked_keras_1.2.2"])
def test_a_masked_bidirectional_of_old(name: str, tmp_path: Path) -> None:
    """Its ONNX and its ``.keras``, said in parts, are run beside each other and agree."""
    for target, runtime in (
        ("a.onnx", "keras (as keras-v3)"),
        ("a.keras", "onnxruntime (as onnx)"),
    ):
        report = modelport.convert(OLD / f"{name}.h5", tmp_path / target)
        assert report.published
        assert report.verification["status"] == "agreed"
        assert report.verification["runtimes"]["a"] == runtime
    with np.load(OLD / f"{name}.npz") as held:
        agreement = run_both(
            Side(modelport.open(OLD / f"{name}.h5"), OLD / f"{name}.h5"),
            Side(modelport.open(OLD / f"{name}.h5"), OLD / f"{name}.h5"),
            inputs=[("x", held["x0"])],
        )
    assert agreement.status == "agreed"


def test_an_old_bilinear_up_sampling_is_right_as_onnx(tmp_path: Path) -> None:
    source = OLD / "keras2.2.4-tensorflow-up-sampling-bilinear.h5"
    report = modelport.convert(source, tmp_path / "a.onnx")
    assert report.published
    assert report.verification["status"] == "weights-only"


def test_a_flipped_kernel_is_seen_by_a_stand_in(tmp_path: Path) -> None:
    report = modelport.convert(OLD / "keras2.2.4-theano-conv1d.h5", tmp_path / "a.onnx")
    assert report.verification["status"] == "agreed"
    assert report.verification["runtimes"]["a"] == "keras (as keras-v3)"
