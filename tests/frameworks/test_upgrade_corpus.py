"""Real files of Keras 1.1 to 2.2 and the recorded models: outputs as their writers computed them.

Once with every canonical layer made by the live Keras 3 from its config and run with its weights,
so that nothing of modelport but the readers and the upgrade takes part; once by way of ONNX.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from frameworks_onnx import serialise
from rebuild import close, run

from modelport.dialects.keras.lower import lower
from modelport.dialects.keras.upgrade import upgrade
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.report import Report

TESTS = Path(__file__).parents[1]
SHARED = TESTS.parents[1] / "shared"
OLD = TESTS / "files" / "keras-h5"
CORPUS = TESTS / "truth" / "corpus"
NUMPY = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}

NOT_IN_KERAS3 = (
    *("removed-layers", "removed-layers-2"),  # MaxoutDense, Highway
    "shapes",  # LocallyConnected1D
    "locally-connected",
    "theano-pooling-same",  # another padding than TensorFlow's
    "up-sampling-bilinear",  # measured from the corners of pixels
    "wrapped-even-pooling",
    "keras2.2.4-tensorflow-masking-sequences",  # Bidirectional repeated outputs at masked steps,
    "masked-modes",  # which stock layers say only in parts
    "masked-stacked",
)
"""Old models with a layer that no stock layer of Keras 3 can stand for; ONNX can."""


def pairs() -> list[tuple[str, Path, Path]]:
    """Model files and what their framework computed: (id, model, recorded values)."""
    found = [
        (path.name[: -len(".io.npz")], path.with_name(path.name.replace(".io.npz", ".h5")), path)
        for path in sorted(OLD.glob("*.io.npz"))
    ]
    found = [row for row in found if row[1].is_file()]
    if SHARED.is_dir():
        corpus = SHARED / "corpus" / "keras_h5_full"
        found += [(p.name[:-4], corpus / p.name[:-4], p) for p in sorted(CORPUS.glob("*.npz"))]
        for folder in sorted(SHARED.glob("truth/keras*/*")):
            for name in ("model.h5", "model.keras"):
                found.append((f"{folder.name}-{name}", folder / name, folder / "io.npz"))
    return found


PAIRS = pairs()
LIVE = [row for row in PAIRS if not row[0].endswith(NOT_IN_KERAS3)]


def values(record: Path, letter: str) -> list[Any]:
    """The recorded inputs (``x``) or outputs (``y``), in order."""
    recorded = np.load(record)
    return [recorded[f"{letter}{i}"] for i in range(len(recorded)) if f"{letter}{i}" in recorded]


@pytest.mark.parametrize(("model", "record"), [row[1:] for row in LIVE], ids=[r[0] for r in LIVE])
def test_live_layers_give_the_recorded_outputs(model: Path, record: Path) -> None:
    upgraded = upgrade(read(Candidate(model)), Report())
    outputs = run(upgraded.graph, values(record, "x"))
    for found, want in zip(outputs, values(record, "y"), strict=True):
        close(found, want)


@pytest.mark.parametrize(("model", "record"), [row[1:] for row in PAIRS], ids=[r[0] for r in PAIRS])
def test_onnx_gives_the_recorded_outputs(model: Path, record: Path) -> None:
    upgraded = upgrade(read(Candidate(model)), Report())
    data = serialise(lower(upgraded.graph))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    feeds = {
        meta.name: value.astype(NUMPY[meta.type])
        for meta, value in zip(session.get_inputs(), values(record, "x"), strict=True)
    }
    for found, want in zip(session.run(None, feeds), values(record, "y"), strict=True):
        close(found, want)
