"""Other people's files, upgraded: they compute what they did, and what their makers recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from tests.corpus import SHARED, corpus
from tests.dialects.onnx.history_live import session, upgraded

PACKAGE = Path(onnx.__file__).parent / "backend" / "test" / "data"
RECORDED = sorted(
    path
    for folder in ("pytorch-converted", "pytorch-operator", "simple")
    for path in (PACKAGE / folder).glob("*/model.onnx")
)
OWN = sorted((Path(__file__).parents[2] / "files" / "onnx").glob("*.onnx"))
FILES = [*OWN, *(SHARED / "corpus" / path for path in corpus("onnx"))]
SEED = 3


def loaded(path: Path) -> object:
    value = onnx.load_tensor(path) if path.stat().st_size else None
    return None if value is None else numpy_helper.to_array(value)


def valid(path: Path) -> bool:
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def copied(path: Path, folder: Path) -> Path:
    for beside in (path, *path.parent.glob("*.bin")):
        shutil.copy(beside, folder)
    return folder / path.name


def has_tensors_alone(path: Path) -> bool:
    graph = onnx.load(path).graph
    values = (*graph.input, *graph.output)
    return all(value.type.HasField("tensor_type") for value in values)


@pytest.mark.parametrize(
    "path", [path for path in RECORDED if has_tensors_alone(path)], ids=lambda p: p.parent.name
)
def test_recorded_results_come_out(path: Path, tmp_path: Path) -> None:
    _, target = upgraded(copied(path, tmp_path))
    assert valid(target)
    try:
        running = session(target)
    except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
        # operators of training, and locales that the machine lacks
        assert "ai.onnx.preview.training" in str(error) or "locale" in str(error)
        return
    for record in path.parent.glob("test_data_set_*"):
        names = [value.name for value in running.get_inputs()]
        feeds = {name: loaded(record / f"input_{i}.pb") for i, name in enumerate(names)}
        for i, found in enumerate(running.run(None, feeds)):
            wanted = loaded(record / f"output_{i}.pb")
            if wanted.dtype.kind in "OU":
                assert found.astype(str).tolist() == wanted.astype(str).tolist()
            else:
                np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def some_inputs(running: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    kinds = {
        "float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_,
        "string": np.str_, "int64": np.int64, "int32": np.int32,
    }  # fmt: skip
    feeds = {}
    for value in running.get_inputs():
        shape = [extent if isinstance(extent, int) and extent > 0 else 2 for extent in value.shape]
        kind = kinds[value.type.removeprefix("tensor(").removesuffix(")")]
        feeds[value.name] = np.asarray(rng.uniform(0, 2, shape)).astype(kind)
    return feeds


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_compute_what_they_did(path: Path, tmp_path: Path) -> None:
    old = copied(path, tmp_path)
    _, target = upgraded(old)
    assert valid(target) or not valid(old)
    failures = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        before = session(old)
        feeds = some_inputs(before)
        wanted = before.run(None, feeds)
    except (
        failures.Fail,
        failures.NotImplemented,
        failures.InvalidGraph,
        failures.RuntimeException,
    ):
        return  # a file that onnxruntime does not run as it is
    for found, expected in zip(session(target).run(None, feeds), wanted, strict=True):
        if expected.dtype.kind == "f":
            scale = max(1.0, float(np.abs(expected).max(initial=0)))
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * scale)
        else:
            np.testing.assert_array_equal(found, expected)
