"""One .npy file alone, read as numpy reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import modelport
from modelport.commands.scan import scan_file


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((2, 3), "i2")), np.array(3, ">f4")],
    ids=["doubles", "fortran", "big-endian scalar"],
)
def test_an_array_alone_is_numpys(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    model = modelport.open(tmp_path / "a.npy")
    (tensor,) = model.tensors.values()
    assert np.array_equal(tensor.numpy(), array)
    assert scan_file(str(tmp_path / "a.npy"))["level"] == "inert"


def test_an_array_of_plain_objects_needs_pickle_and_no_more(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([1, "a", None], dtype=object), allow_pickle=True)
    assert scan_file(str(tmp_path / "a.npy"))["level"] == "needs-code"
