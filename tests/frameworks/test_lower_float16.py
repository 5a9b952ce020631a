"""Graphs in 16 bits that onnxruntime loads with its default options, in a process of their own.

Versions up to 1.32 at least end their process over some of them, so each family is run in a child.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest

keras = pytest.importorskip("keras")
layers = keras.layers

CHILD = """
import sys, numpy, onnxruntime
for path in sys.argv[1:]:
    given = numpy.load(path + ".npz")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {meta.name: given[key] for meta, key in zip(session.get_inputs(), given.files)}
    numpy.savez(path + ".out.npz", *session.run(None, feed))
"""

RECURRENT: dict[str, Any] = {
    "SimpleRNN": layers.SimpleRNN,
    "LSTM": layers.LSTM,
    "GRU": layers.GRU,
    "GRU-before": lambda units, **given: layers.GRU(units, reset_after=False, **given),
    "cells": lambda units, **given: layers.RNN(
        [layers.LSTMCell(units), layers.GRUCell(units)], **given
    ),
    "Bidirectional": lambda units, **given: layers.Bidirectional(layers.LSTM(units, **given)),
    "mixed-ways": lambda units, **given: layers.Bidirectional(
        layers.GRU(units, activation="elu", **given), merge_mode="sum"
    ),
}
MASKS: dict[str, Any] = {
    "none": lambda x: x,
    "masking": lambda x: layers.Masking()(x),
    "zeroed": lambda x: layers.Masking()(x),
}
AFTER: dict[str, Any] = {
    "nothing": lambda y: y,
    "dense": lambda y: layers.Dense(3)(y),
    "again": lambda y: layers.LSTM(3)(y),
    "attention": lambda y: layers.MultiHeadAttention(2, 3)(y, y),
    "convolution": lambda y: layers.Conv1D(2, 2, padding="same")(y),
    "turned": lambda y: layers.Dense(3)(layers.Permute((2, 1))(y)),
    "swapped": lambda y: layers.Dense(3)(keras.ops.transpose(y, (1, 0, 2))),
    "twice": lambda y: layers.Dense(3)(keras.ops.transpose(layers.Permute((2, 1))(y), (1, 0, 2))),
}


def in_a_child(folder: Path, models: dict[str, Any], x: Any) -> None:
    """Every model run by onnxruntime with default options, against Keras."""
    paths = []
    for name, model in models.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(live.to_onnx(model))
        np.savez(f"{path}.npz", x)
        paths.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    for name, model in models.items():
        with np.load(folder / f"{name}.onnx.out.npz") as found:
            outputs = [found[key].astype("float32") for key in found.files]
        expected = model(x, training=False)
        given = expected if isinstance(expected, list) else [expected]
        for want, got in zip(given, outputs, strict=True):
            want = np.asarray(want).astype("float32")
            scale = max(1.0, float(np.max(np.abs(want))))
            np.testing.assert_allclose(got / scale, want / scale, atol=1e-2, err_msg=name)


@pytest.mark.filterwarnings("ignore:.*does not support masking:UserWarning")
@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
@pytest.mark.parametrize("recurrent", RECURRENT)
def test_recurrent_layers_run_with_default_options(recurrent, policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        models = {
            f"{mask}-{alone}": _model(recurrent, mask, heads, policy)
            for mask in MASKS
            for alone, heads in (("all", list(AFTER)), ("dense", ["dense"]), ("again", ["again"]))
        }
    finally:
        keras.config.set_dtype_policy(before)
    x = np.random.default_rng(1).normal(0, 1, (2, 5, 3)).astype("float16")
    x[:, 2] = 0
    x[0, 4] = 0
    in_a_child(tmp_path, models, x if policy == "float16" else x.astype("float32"))


def _model(recurrent: str, mask: str, heads: list[str], policy: str) -> Any:
    x = keras.Input((5, 3), dtype="float16" if policy == "float16" else "float32")
    given = {"return_sequences": True}
    if mask == "zeroed" and recurrent != "cells":
        given["zero_output_for_mask"] = True
    y = RECURRENT[recurrent](4, **given)(MASKS[mask](x))
    model = keras.Model(x, [AFTER[head](y) for head in heads])
    live.randomize(model)
    return model
