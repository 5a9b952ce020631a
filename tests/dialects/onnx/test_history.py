"""Graphs of old operator sets, run as they are and upgraded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.dialects.onnx.history_cases import CASES
from tests.dialects.onnx.history_cases_more import MORE_CASES
from tests.dialects.onnx.history_live import Case, give_shapes, run, upgraded

from modelport.dialects.onnx.history.rewriting import STEPS


@pytest.mark.parametrize("shaped", [True, False], ids=["shapes", "no-shapes"])
@pytest.mark.parametrize("case", [*CASES, *MORE_CASES], ids=lambda case: case.id)
def test_the_meaning_is_kept(case: Case, shaped: bool, tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    path.write_bytes(case.proto(shaped=shaped).SerializeToString())
    _, target = upgraded(path)
    made = onnx.load(target)
    results = case.truth()
    for found, wanted in zip(run(made, case.inputs), results, strict=True):
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        scale = max(1.0, np.abs(wanted).max(initial=0))
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * scale)
    give_shapes(made.graph.input, case.inputs.values())
    give_shapes(made.graph.output, results)
    onnx.checker.check_model(made, full_check=True)


def test_every_change_is_run_by_a_case() -> None:
    run_from = {(node.op_type, case.opset) for case in [*CASES, *MORE_CASES] for node in case.nodes}
    for op_type, version in STEPS:
        assert any(op == op_type and opset < version for op, opset in run_from), (op_type, version)
