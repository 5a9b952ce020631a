from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from modelport.runtimes import memory
from modelport.runtimes.exchange import pack, unpack
from modelport.runtimes.memory import Appetite, available


def test_a_runtime_needs_more_than_the_weights() -> None:
    assert Appetite(10, 2.0, 1.0).need([3, 5]) == 10 + 16 + 5
    assert Appetite(10, 2.0, 1.0).need([]) == 10


def test_a_group_with_less_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, groups = tmp_path / "cgroup", tmp_path / "groups"
    (groups / "a").mkdir(parents=True)
    own.write_text("0::/a\n")
    (groups / "a" / "memory.max").write_text("5000\n")
    (groups / "a" / "memory.current").write_text("3000\n")
    (groups / "a" / "memory.stat").write_text("inactive_file 500\n")
    monkeypatch.setattr(memory, "OWN_CGROUP", own)
    monkeypatch.setattr(memory, "CGROUPS", groups)
    assert available() == 2500
    (groups / "a" / "memory.max").write_text("max\n")
    assert available() > 1 << 20


def test_every_array_comes_back_as_it_was(tmp_path: Path) -> None:
    arrays = [
        np.arange(3.0),
        np.ones((2, 2), ml_dtypes.bfloat16),
        np.array([["a", "b\n"]], object),
        np.array([], np.int8),
    ]
    pack(tmp_path / "a.npz", {"names": ["x"]}, arrays)
    told, found = unpack(tmp_path / "a.npz")
    assert told == {"names": ["x"]}
    for before, after in zip(arrays, found, strict=True):
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)
