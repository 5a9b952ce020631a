"""Calls of TorchScript with numbers and extents that only a run tells, held against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tests.frameworks import script_calls as calls
from tests.frameworks import script_live, torch_live
from torch import ones, randn
from torch.utils._pytree import tree_leaves

import modelport
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")

MODULES = ("Ranges", "Windows", "Dividing", "Losing", "Searching", "Typing", "Writing")


@pytest.mark.parametrize("name", MODULES)
def test_calls_with_computed_numbers_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, x = getattr(calls, name)(), randn(4, 5)
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(module, [], "script", source)
    np.savez(tmp_path / "given.npz", x=x.numpy(), n=np.asarray(3))
    report = modelport.convert(source, target, inputs=tmp_path / "given.npz")
    assert report.verification["status"] == "agreed"
    session = onnxruntime.InferenceSession(target)
    for n in (2, 1, 5):
        held: dict[str, Any] = {"x": x.numpy(), "n": np.asarray(n)}
        feeds = {value.name: held[value.name] for value in session.get_inputs()}
        if name == "Windows" or n < 5:
            wanted = tree_leaves(module(x, n))
            for ours, theirs in zip(session.run(None, feeds), wanted, strict=True):
                torch_live.same(np.asarray(ours), theirs)


def test_axes_of_unknown_extent_are_taken_to_go_and_reported(tmp_path: Path) -> None:
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(calls.Squeezing(), [], "script", source)
    given = [tmp_path / "one.npz", tmp_path / "two.npz"]
    np.savez(given[0], x=ones(2, 1, 3).numpy())
    np.savez(given[1], x=ones(4, 2, 3).numpy())
    report = modelport.convert(source, target, verify=False, inputs=given)
    assumed = [change for change in report if "takes away" in change.why]
    assert {change.kind for change in assumed} == {Kind.INVENTED}
    session = onnxruntime.InferenceSession(target)
    torch_live.compare(calls.Squeezing(), [randn(1, 1, 3)], session)
    with pytest.raises(Exception, match="Squeeze"):  # no wrong shape: none at all
        session.run(None, {"x": np.ones((1, 2, 3), np.float32)})


def test_pooling_to_an_extent_needs_none_known(tmp_path: Path) -> None:
    others = [[randn(1, 3, 9, 14)], [randn(3, 3, 20, 7)]]
    script_live.check(calls.Adapting(), [randn(2, 3, 12, 10)], tmp_path, "script", others)


def test_complex_numbers_are_pairs_in_code_too(tmp_path: Path) -> None:
    script_live.check(calls.Turning(), [randn(2, 8)], tmp_path, "trace", [[randn(2, 8)]])
