from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import save_file
from tests.samples import FILES

import modelport
from modelport.commands.convert import as_json
from modelport.commands.target import target_format
from modelport.errors import ConversionError, OutputExists, WrongUsage

LSTM = FILES / "keras-h5" / "keras1.2.2-tensorflow-lstm.h5"


def test_keras_becomes_onnx_with_names_and_proof(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    report = modelport.convert(LSTM, target)
    told = as_json(report)
    assert told["schema"] == "modelport.convert/1"
    assert told["verification"]["weights_exact"] is True
    assert told["verification"]["status"] in ("agreed", "weights-only")
    assert told["kept"]["weights"] == "all"
    assert told["kept"]["optimizer_state"] == "none"
    assert any(change["component"] == "optimizer_state" for change in told["changes"])
    model = onnx.load(target)
    onnx.checker.check_model(model, full_check=True)
    assert any(node.name.startswith("lstm_1/") for node in model.graph.node)
    assert any(tensor.name.startswith("dense_1/kernel") for tensor in model.graph.initializer)


def test_onnx_outputs_are_what_the_old_keras_computed(tmp_path: Path) -> None:
    import onnxruntime

    modelport.convert(LSTM, tmp_path / "model.onnx", verify=False)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    with np.load(LSTM.with_name(f"{LSTM.stem}.io.npz")) as recorded:
        found = session.run(None, {session.get_inputs()[0].name: recorded["x0"]})
        np.testing.assert_allclose(found[0], recorded["y0"], atol=1e-5)


def test_a_disagreeing_target_does_not_appear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelport.commands import convert as command
    from modelport.verify.agreement import Agreement, Status

    disagreed = Agreement(Status.DISAGREED)
    monkeypatch.setattr(command, "run_both", lambda a, b, tolerance: disagreed)
    target = tmp_path / "model.onnx"
    report = modelport.convert(LSTM, target)
    assert not report.published
    assert list(tmp_path.iterdir()) == []
    assert modelport.convert(LSTM, target, keep=True).published
    assert target.exists()


def test_wrong_weights_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelport.formats.shared.onnx import tensors_read

    source = tmp_path / "a.safetensors"
    save_file({"w": np.arange(6, dtype=np.float32)}, source)
    report = modelport.convert(source, tmp_path / "b.npz")
    assert report.verification["weights_exact"] is True
    assert report.verification["status"] == "weights-only"
    assert tensors_read is not None


def test_an_ending_tells_the_format() -> None:
    model = modelport.open(LSTM)
    weights = modelport.open(FILES / "keras-weights-h5" / "gru_rmsprop.weights.h5")
    assert target_format(Path("a.onnx"), None, model).name == "onnx"
    assert target_format(Path("a.keras"), None, model).name == "keras-v3"
    assert target_format(Path("a.h5"), None, model).name == "keras-h5"
    assert target_format(Path("a.h5"), None, weights).name == "keras-weights-h5"
    assert target_format(Path("a.weights.h5"), None, model).name == "keras-weights-h5"
    plain = modelport.open(FILES / "pytorch" / "state_dict.pt")
    assert target_format(Path("a.h5"), None, plain).name == "hdf5"
    assert target_format(Path("a.weights.h5"), None, plain).name == "keras-weights-h5"
    assert target_format(Path("a.bin"), "npz", model).name == "npz"
    with pytest.raises(WrongUsage, match="ending"):
        target_format(Path("a.model"), None, model)


def test_the_report_says_what_else_an_ending_stands_for(tmp_path: Path) -> None:
    weights = modelport.convert(FILES / "pytorch" / "state_dict.pt", tmp_path / "a.h5")
    assert weights.other_meanings == ".h5 also stands for keras-weights-h5; --to FORMAT chooses"
    whole = modelport.convert(LSTM, tmp_path / "b.h5", verify=False)
    assert "keras-weights-h5 and hdf5" in whole.other_meanings
    named = modelport.convert(LSTM, tmp_path / "c.h5", to="keras-h5", verify=False)
    assert not named.other_meanings


def test_weights_alone_become_no_model(tmp_path: Path) -> None:
    source = tmp_path / "a.safetensors"
    save_file({"w": np.zeros(3, np.float32)}, source)
    with pytest.raises(ConversionError, match="no architecture"):
        modelport.convert(source, tmp_path / "a.onnx")


def test_source_and_target_must_differ(tmp_path: Path) -> None:
    source = tmp_path / "a.safetensors"
    save_file({"w": np.zeros(3, np.float32)}, source)
    with pytest.raises((WrongUsage, OutputExists)):
        modelport.convert(source, source, overwrite=True)
    assert source.exists()


def test_onnx_weights_become_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    source = FILES / "onnx" / "metadata.onnx"
    modelport.convert(source, tmp_path / "w.safetensors")
    truth = {t.name: numpy_helper.to_array(t) for t in onnx.load(source).graph.initializer}
    found = load_file(tmp_path / "w.safetensors")
    assert set(found) == set(truth)
    for name, values in truth.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("name", ["gru_rmsprop.h5", "keras2.1.3-theano-conv2d.h5"])
def test_a_model_becomes_weights_that_are_proved(name: str, tmp_path: Path) -> None:
    report = modelport.convert(FILES / "keras-h5" / name, tmp_path / "a.weights.h5")
    assert report.published
    assert report.verification["weights_exact"] is True


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_what_a_target_stores_wider_is_no_disagreement(ending: str, tmp_path: Path) -> None:
    report = modelport.convert(FILES / "onnx" / "dtypes.onnx", tmp_path / f"a{ending}")
    assert report.published
    assert report.verification["status"] == "weights-only"
    assert report.verification["weights_exact"] is False
    assert report.kept["weights"] == "part"
