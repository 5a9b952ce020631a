"""One .npy file alone, read as numpy reads it."""

from __future__ import annotations

import pickle
import zipfile
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


NAMED = np.array([(1.5, 2.5)], dtype=[("Open", "<f4"), ("Objects", "<f4", (1,))])


@pytest.mark.parametrize("ending", [".npy", ".npz", ".zip"])
def test_fields_called_like_objects_are_none(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"prices{ending}"
    np.save(tmp_path / "a.npy", NAMED)
    if ending == ".npy":
        np.save(path, NAMED)
    elif ending == ".npz":
        np.savez(path, prices=NAMED)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "a.npy", "a.npy")
            archive.writestr("readme.txt", "no model")
    assert not scan_file(str(path))["findings"]


@pytest.mark.parametrize("descr", ["f4,O", "(2,)O", "object"])
def test_objects_in_types_of_several_parts_are_found(descr: str, tmp_path: Path) -> None:
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': (1,), }}".ljust(117) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    assert np.dtype(descr).hasobject
    (tmp_path / "a.npy").write_bytes(start + pickle.dumps([1], 2))
    assert scan_file(str(tmp_path / "a.npy"))["level"] == "needs-code"


@pytest.mark.parametrize("descr", ["[5]", "[()]", "[('a',)]", "['f4']", "[('a', 5)]"])
def test_nonsense_for_a_type_is_no_crash(descr: str, tmp_path: Path) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".ljust(117) + "\n"
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    (tmp_path / "a.npy").write_bytes(start + bytes(8))
    assert scan_file(str(tmp_path / "a.npy"))["level"] in ("inert", "malformed")
