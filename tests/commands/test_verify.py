from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tests.samples import FILES

import modelport
from modelport.commands.verify import as_json
from modelport.errors import UnreadableFile

PLAIN = FILES / "onnx" / "metadata.onnx"


def changed(path: Path, target: Path, amount: float) -> Path:
    """A copy of an ONNX file with one number of its last weight changed."""
    model = onnx.load(path)
    tensor = model.graph.initializer[-1]
    values = numpy_helper.to_array(tensor).copy()
    values.reshape(-1)[0] += amount
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    onnx.save(model, target)
    return target


def test_a_file_agrees_with_itself() -> None:
    agreement = modelport.verify(PLAIN, PLAIN)
    told = as_json(agreement)
    assert told["schema"] == "modelport.verify/1"
    assert told["agree"] is True
    assert told["max_abs_error"] == 0
    assert told["weights_exact"] is True
    assert told["unused_source_tensors"] == []
    assert told["runtimes"] == {"a": "onnxruntime", "b": "onnxruntime"}


def test_disagreement_names_the_first_layer(tmp_path: Path) -> None:
    other = changed(PLAIN, tmp_path / "b.onnx", 1.0)
    agreement = modelport.verify(PLAIN, other)
    assert not agreement.agree
    assert agreement.weights_exact is False
    assert agreement.max_abs_error is not None
    assert agreement.max_abs_error > 0.5
    assert agreement.first_difference


def test_given_inputs_are_used(tmp_path: Path) -> None:
    value = onnx.load(PLAIN).graph.input[0]
    shape = [dim.dim_value or 2 for dim in value.type.tensor_type.shape.dim]
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, **{value.name: np.ones(shape, np.float32)})
    assert modelport.verify(PLAIN, PLAIN, inputs=inputs).agree
    with pytest.raises(UnreadableFile):
        modelport.verify(PLAIN, PLAIN, inputs=tmp_path / "none.npz")


def test_weights_alone_are_proved(tmp_path: Path) -> None:
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(a, w=np.arange(3.0))
    np.savez(b, w=np.arange(3.0) + 1)
    same = modelport.verify(a, a)
    assert same.agree
    assert same.status == "weights-only"
    assert not modelport.verify(a, b).agree


def test_a_tensor_left_over_is_named(tmp_path: Path) -> None:
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    np.savez(a, w=np.arange(3.0), gone=np.ones(2))
    np.savez(b, renamed=np.arange(3.0))
    agreement = modelport.verify(a, b)
    assert agreement.weights_exact is False
    assert agreement.unused_source_tensors == ["gone"]
    assert not agreement.agree


def test_inputs_that_do_not_fit_are_no_agreement(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, x=np.ones((1, 2, 3, 4), np.float32))
    agreement = modelport.verify(PLAIN, PLAIN, inputs=inputs)
    assert agreement.status == "not-run"
    assert not agreement.agree
    assert "\x1b" not in agreement.reason
