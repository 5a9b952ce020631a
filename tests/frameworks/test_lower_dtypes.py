"""Every stock layer under every dtype policy: a valid file that agrees with Keras, or an error."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
)
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as MissingKernel,
)
from stock import stock

from modelport.errors import ConversionError

keras = pytest.importorskip("keras")

STOCK = stock()
POLICIES = {
    "float16": 5e-3,
    "mixed_float16": 5e-3,
    "bfloat16": 5e-2,
    "mixed_bfloat16": 5e-2,
    "float64": 1e-9,
}
"""The policies, and how far results may be off, relative to their scale."""

IN_FLOAT32 = {"Bidirectional", "RNN", "Resizing", "TimeDistributed"}
"""Layers that compute in float32 whatever the policy, themselves or in a layer of their own."""

NOT_IN_KERAS = {
    ("CategoryEncoding", "float16"),
    ("CategoryEncoding", "bfloat16"),
    ("Equalization", "float16"),
    ("Equalization", "bfloat16"),
    ("Equalization", "float64"),
    ("MelSpectrogram", "float64"),
    *(
        (f"{kind}Pooling3D", policy)
        for kind in ("Max", "Average", "AdaptiveMax", "AdaptiveAverage")
        for policy in ("float16", "mixed_float16", "float64")
    ),
}
"""What Keras itself cannot build or run."""

CASES = [
    (name, policy) for name in STOCK for policy in POLICIES if (name, policy) not in NOT_IN_KERAS
]

NOT_ALONE = {
    *("GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "InputLayer", "Wrapper"),
    "StringLookup",
}
"""Classes that are called on more than tensors of their own, or on texts."""

BY_POSITION = {"GroupQueryAttention", "MultiHeadAttention"}
"""Classes that are called on a query and a value."""

FIXED = {"Normalization"}
"""Layers that hold copies of their weights, made when they are built."""

UNHELD = {
    *("ContrastLimitedAdaptiveHistogramEqualization", "HashedCrossing", "Hashing"),
    *("MaxNumBoundingBoxes", "Pipeline", "TextVectorization"),
}
"""Layers that have no ONNX form in any dtype."""


RECURRENT = {"SimpleRNN", "LSTM", "GRU", *(f"ConvLSTM{n}D" for n in (1, 2, 3))}
"""Layers whose usual initializer has no kernel in bfloat16."""


def built(name: str, policy: str) -> Any:
    """A model of one layer."""
    make, shapes = STOCK[name]
    dtype = policy if not policy.startswith("mixed") else "float32"
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = [keras.Input(shape[1:], dtype=dtype) for shape in shapes]
        given = inputs if len(inputs) > 1 else inputs[0]
        initial = {"recurrent_initializer": "glorot_uniform"} if name in RECURRENT else {}
        layer = make(**initial)
        model = keras.Model(given, layer(*inputs) if name in BY_POSITION else layer(given))
    finally:
        keras.config.set_dtype_policy(before)
    if name not in FIXED:
        live.randomize(model)
    return model


def outputs(data: bytes, inputs: list[Any]) -> list[Any]:
    """By onnxruntime where it has every kernel, else by ONNX' reference implementation."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
        feed = {meta.name: x for meta, x in zip(session.get_inputs(), inputs, strict=True)}
        return list(session.run(None, feed))
    except (RuntimeError, MissingKernel, InvalidGraph, Fail, InvalidArgument):
        evaluator = ReferenceEvaluator(data)
        return evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))


@pytest.mark.parametrize(("name", "policy"), [case for case in CASES if case[0] not in NOT_ALONE])
def test_policy(name: str, policy: str) -> None:
    model = built(name, policy)
    if name in UNHELD:
        with pytest.raises(ConversionError):
            live.to_onnx(model)
        return
    data = live.to_onnx(model)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    generator = np.random.default_rng(0)
    inputs: list[Any] = [
        np.asarray(keras.ops.cast(generator.uniform(0, 1, (2, *x.shape[1:])), x.dtype))
        for x in model.inputs
    ]
    tolerance = max(POLICIES[policy], 1e-6 if name in IN_FLOAT32 else 0)
    expected = live._flat(model(inputs if len(inputs) > 1 else inputs[0], training=False))
    for want, got in zip(expected, outputs(data, inputs), strict=True):
        want = np.asarray(want).astype(np.float64)
        scale = max(1.0, float(np.max(np.abs(want))))
        found = np.asarray(got).astype(np.float64)
        assert found.shape == want.shape
        np.testing.assert_allclose(found / scale, want / scale, atol=tolerance, rtol=0)
