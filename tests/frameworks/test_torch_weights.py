"""A state dict of every dtype and layout, through every pair of formats of weights alone.

What is written is loaded by the libraries that the formats belong to, and has equal bits.
"""

from __future__ import annotations

import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch

import modelport
from modelport.convert.compare import equal
from modelport.model.report import Kind, Report

FORMATS = (
    *("pytorch", "pytorch-legacy", "safetensors", "npz", "keras-weights-h5", "hdf5", "pickle"),
)
DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128),
    *(torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu),
)
TIED = {"tied.a", "tied.b", "tied.rows", "tied.t"}


def bits_of(dtype: torch.dtype) -> torch.Tensor:
    """All kinds of bit patterns, NaN and denormals among them."""
    raw = torch.randint(0, 256, (3 * 4 * 16,), dtype=torch.uint8)
    return (raw[:12] > 127 if dtype == torch.bool else raw.view(dtype)[:12]).reshape(3, 4).clone()


def state_dict() -> OrderedDict[str, torch.Tensor]:
    torch.manual_seed(1)
    weights = OrderedDict((f"of.{str(d).removeprefix('torch.')}", bits_of(d)) for d in DTYPES)
    tied = torch.randn(6, 4)
    return weights | OrderedDict(
        {
            "scalar": torch.tensor(3.5),
            "empty": torch.zeros(0, 3),
            "empty.half": torch.zeros(2, 0, dtype=torch.bfloat16),
            "transposed": torch.randn(4, 5).t(),
            "strided": torch.randn(10, 10)[::2, 1::3],
            "expanded": torch.randn(1, 4).expand(3, 4),
            "repeated": torch.tensor(2.0).expand(5),
            "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
            "odd / name: é中😀*": torch.ones(2),
            "a": torch.ones(1),
            "a.b": torch.ones(2),
            "tied.a": tied,
            "tied.b": tied,
            "tied.rows": tied[2:4],
            "tied.t": tied.t(),
        }
    )


STATE = state_dict()


def raw(value: Any) -> tuple[tuple[int, ...], bytes]:
    """Shape and bytes of a tensor of torch or an array."""
    if isinstance(value, torch.Tensor):
        flat = value.contiguous().reshape(-1)
        data = flat.view(torch.uint8).numpy() if flat.numel() else np.zeros(0)
        return tuple(value.shape), data.tobytes()
    array = np.asarray(value)
    return array.shape, array.tobytes()


def _h5(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        for group in file.values():
            for name in group.attrs["weight_names"]:
                text = name.decode() if isinstance(name, bytes) else name
                found[text] = group[text][()]
    return found


def _plain(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems_links(lambda name, _: found.update({unquote(name): file[name]}))
        return {name: item[()] for name, item in found.items() if isinstance(item, h5py.Dataset)}


def _npz(path: Path) -> dict[str, Any]:
    with np.load(path) as held:
        return {name: held[name] for name in held.files}


def _torch(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = torch.load(path, weights_only=True)
    return found


LOADERS: dict[str, Callable[[Path], Mapping[str, Any]]] = {
    "pytorch": _torch,
    "pytorch-legacy": _torch,
    "safetensors": safetensors.torch.load_file,
    "npz": _npz,
    "keras-weights-h5": _h5,
    "hdf5": _plain,
    "pickle": lambda path: pickle.loads(path.read_bytes()),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Report]]:
    """The state dict in every format, converted from the zip form."""
    home = tmp_path_factory.mktemp("weights")
    source = home / "source.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(STATE, source)
    paths = {name: home / f"{name}.bin" for name in FORMATS}
    return {name: (path, modelport.convert(source, path, to=name)) for name, path in paths.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_libraries_load_equal_bits(name: str, written: dict[str, tuple[Path, Report]]) -> None:
    path, report = written[name]
    assert report.verification is not None
    dropped = {change.where for change in report if change.kind is Kind.DROPPED}
    assert dropped == ({"of.complex128"} if name == "safetensors" else set())
    found = LOADERS[name](path)
    assert set(found) == set(STATE) - dropped
    for key, value in found.items():
        assert raw(value) == raw(STATE[key]), key
    if name.startswith("pytorch"):
        assert all(value.dtype == STATE[key].dtype for key, value in found.items())
        assert len({found[key].untyped_storage().data_ptr() for key in TIED}) == 1
    else:
        apart = {change.where for change in report if "apart" in change.why}
        linked = {"tied.a", "tied.b"} if name == "hdf5" else {"tied.a"}
        assert apart == TIED - linked


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_between_any_two_formats(
    source: str, target: str, written: dict[str, tuple[Path, Report]], tmp_path: Path
) -> None:
    path = tmp_path / "target.bin"
    report = modelport.convert(written[source][0], path, to=target)
    dropped = {change.where for change in report if change.kind is Kind.DROPPED}
    before, after = (modelport.open(file).tensors for file in (written[source][0], path))
    assert set(after) == set(before) - dropped
    assert all(equal(before[name], after[name]) for name in after)
    told = modelport.diff(written[source][0], path)["tensors"]
    assert told["equal"] == len(after)
