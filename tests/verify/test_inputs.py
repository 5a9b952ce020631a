from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.samples import FILES

import modelport
from modelport.errors import ConversionError
from modelport.model.dtype import BOOL, DTYPES, FLOAT32, INT32, STRING, UINT8, DType
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.model.signature import Signature
from modelport.verify.inputs import random_inputs
from modelport.verify.verify import as_onnx


def stated(*values: Value) -> Model:
    return Model("onnx", "model", signature=Signature(list(values)))


@pytest.mark.parametrize(
    "dtype", [FLOAT32, INT32, UINT8, BOOL, STRING, DTYPES["float16"], DTYPES["complex64"]], ids=str
)
def test_dtypes_and_shapes_are_respected(dtype: DType) -> None:
    model = stated(Value("x", TensorType(dtype, ("batch", None, 3))))
    ((name, array),) = random_inputs(model, None, samples=2, extent=5)
    assert name == "x"
    assert array.shape == (2, 5, 3)
    assert array.dtype == dtype.numpy


def test_one_name_is_one_extent() -> None:
    first = Value("a", TensorType(FLOAT32, ("n", "time", 2)))
    second = Value("b", TensorType(FLOAT32, ("n", "time", 4)))
    made = dict(random_inputs(stated(first, second), None, samples=3, extent=7))
    assert made["a"].shape == (3, 7, 2)
    assert made["b"].shape == (3, 7, 4)


def test_the_same_seed_gives_the_same_inputs() -> None:
    model = stated(Value("x", TensorType(FLOAT32, (None, 4))))
    first, again, other = (random_inputs(model, None, seed=s)[0][1] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def sample(name: str) -> Path:
    return FILES / "keras-h5" / name


def test_indices_stay_inside_their_table() -> None:
    model = modelport.open(sample("keras1.2.2-theano-embedding-mask-lstm.h5"))
    rows = next(t.shape[0] for name, t in model.tensors.items() if "embedding" in name)
    ((_, array),) = random_inputs(model, as_onnx(model), samples=50)
    assert array.min() >= 0
    assert array.max() < rows
    assert (array[-1, -1:] == 0).all()  # masked steps are tried


def test_masked_steps_are_tried() -> None:
    model = modelport.open(sample("keras2.2.4-tensorflow-masking-sequences.h5"))
    ((_, array),) = random_inputs(model, None)
    assert (array[-1, -1] == 0).all()
    assert (array[0, 0] != 0).all()


def test_a_model_without_inputs_is_an_error() -> None:
    with pytest.raises(ConversionError, match="no inputs"):
        random_inputs(Model("safetensors", "a"), None)
    with pytest.raises(ConversionError, match="rank"):
        random_inputs(stated(Value("x")), None)
