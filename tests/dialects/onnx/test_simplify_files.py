"""Other people's graphs, simplified: they compute what they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from tests.corpus import SHARED, corpus
from tests.dialects.onnx.history_live import session
from tests.dialects.onnx.simplify_live import FAILURES, pair
from tests.dialects.onnx.test_history_files import PACKAGE, copied, some_inputs

from modelport.errors import ConversionError

FILES = [
    *sorted((Path(__file__).parents[2] / "files" / "onnx").glob("*.onnx")),
    *(SHARED / "corpus" / path for path in corpus("onnx")),
    *sorted((SHARED / "truth").glob("*/*/*.onnx")),
    *sorted(path for name in ("pytorch-*", "simple") for path in PACKAGE.glob(f"{name}/*/*.onnx")),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_files_compute_what_they_did(path: Path, tmp_path: Path) -> None:
    try:
        both = pair(copied(path, tmp_path), tmp_path)
    except ConversionError as error:
        assert "sm_cnn" in path.name, error  # a file that no runtime loads
        return
    if not both.is_changed():
        return
    try:
        running = session(both.old)
        feeds = some_inputs(running)
        running.run(None, feeds)
    except (*FAILURES, KeyError):
        return  # a file that onnxruntime does not run as it is, or without tensors
    both.agrees(feeds)


@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_node_tests_compute_what_they_did(tmp_path: Path) -> None:
    cases = collect_testcases("")
    checked, wrong = 0, []
    for case in cases:
        try:
            both = pair(case.model, tmp_path)
        except ConversionError:
            continue  # of a domain whose operators are no standard yet
        if not both.is_changed():
            continue
        for given, _ in case.data_sets or ():
            feeds = dict(zip([item.name for item in case.model.graph.input], given, strict=False))
            try:
                both.agrees({name: _plain(item) for name, item in feeds.items()}, case.rtol)
            except (AssertionError, *FAILURES) as error:
                wrong.append(f"{case.name}: {error}")
            checked += 1
    assert not wrong, "\n".join(wrong)
    assert checked > 100


def _plain(item: object) -> object:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    return np.asarray(item) if isinstance(item, np.generic) else item
