"""Weights in several files with an index, against what huggingface_hub wrote and torch reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch
from tests.samples import FILES

import modelport
from modelport.commands.scan import scan
from modelport.errors import LimitExceeded, MalformedFile, ModelportError, UnsafeFile
from modelport.formats.candidate import Candidate
from modelport.formats.table import container
from modelport.model.model import Level

FOLDER = FILES / "sharded"
INDEXES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"]
TRUTH = np.load(FOLDER / "weights.io.npz")
SHARD = "model-00001-of-00003.safetensors"

Index = dict[str, Any]


@pytest.fixture(params=INDEXES)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the model, to be changed."""
    home = tmp_path / "model"
    shutil.copytree(FOLDER, home)
    for other in INDEXES:
        if other != request.param:
            (home / other).unlink()
    return home / request.param


def change(index: Path, how: Callable[[Index], object]) -> None:
    value = json.loads(index.read_bytes())
    how(value)
    index.write_text(json.dumps(value))


def test_one_model_of_all_files(index: Path) -> None:
    model = modelport.open(index)
    listed = json.loads(index.read_bytes())
    assert model.format == "sharded"
    assert model.level is Level.INERT
    assert set(model.tensors) == set(listed["weight_map"])
    for name, tensor in model.tensors.items():
        assert np.array_equal(tensor.numpy().astype(np.float32), TRUTH[name]), name
    assert listed["metadata"].items() <= model.metadata.items()


def test_a_folder_stands_for_its_index(index: Path, tmp_path: Path) -> None:
    assert modelport.open(index.parent).path == str(index)
    shutil.copy(index, index.with_name("other.index.json"))
    with pytest.raises(ModelportError, match=r"several indexes.*other\.index\.json"):
        modelport.open(index.parent)
    with pytest.raises(ModelportError, match="a folder"):
        modelport.open(tmp_path)


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pt", ".pth", ".h5"])
def test_to_one_file(index: Path, ending: str, tmp_path: Path) -> None:
    target = tmp_path / f"whole{ending}"
    to = {".pth": "pytorch-legacy"}.get(ending)
    report = modelport.convert(index, target, to=to)
    assert report.verification is not None
    assert report.verification["status"] == "weights-only"
    assert report.verification["weights_exact"]
    found = LOADERS[ending](target)
    for name in json.loads(index.read_bytes())["weight_map"]:
        assert np.array_equal(found[name], TRUTH[name]), name
    told = modelport.diff(index, target)["tensors"]
    assert told["equal"] == len(found)


def _torch(path: Path) -> dict[str, Any]:
    held = torch.load(path, weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in held.items()}


def _safetensors(path: Path) -> dict[str, Any]:
    return {name: t.float().numpy() for name, t in safetensors.torch.load_file(path).items()}


def _npz(path: Path) -> dict[str, Any]:
    import ml_dtypes

    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    return {
        name: (array.view(ml_dtypes.bfloat16) if array.dtype.kind == "V" else array).astype("f4")
        for name, array in arrays.items()
    }


def _h5(path: Path) -> dict[str, Any]:
    import ml_dtypes

    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            array = item[()]
            narrow = array.dtype.kind == "V"
            found[name.rsplit("/")[-1]] = (
                array.view(ml_dtypes.bfloat16) if narrow else array
            ).astype("f4")

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


LOADERS = {".safetensors": _safetensors, ".npz": _npz, ".pt": _torch, ".pth": _torch, ".h5": _h5}


def missing_file(value: Index) -> None:
    value["weight_map"]["0.bias"] = "none.safetensors"


def another_place(name: str) -> Callable[[Index], None]:
    def point(value: Index) -> None:
        value["weight_map"] = dict.fromkeys(value["weight_map"], name)

    return point


HOSTILE: dict[str, Callable[[Index], object]] = {
    "missing file": missing_file,
    "missing name": lambda value: value["weight_map"].update({"nobody": _any(value)}),
    "unlisted name": lambda value: value["weight_map"].pop("0.bias"),
    "wrong file": lambda value: value["weight_map"].update({"0.bias": _any(value, last=True)}),
    "one file by two names": lambda value: value["weight_map"].update(
        {"0.bias": f"./{_any(value)}"}
    ),
    "itself": another_place("model.index.json"),
    "its folder": another_place("."),
    "outside": another_place("../secret.safetensors"),
    "absolute": another_place("/etc/passwd"),
    "drive": another_place("C:\\weights.safetensors"),
    "zero byte": another_place("a\0b"),
    "no name": another_place(""),
    "address": another_place("https://example.org/model.safetensors"),
    "another format": another_place("weights.io.npz"),
    "no text": lambda value: value["weight_map"].update({"0.bias": 3}),
    "several files": lambda value: value["weight_map"].update({"0.bias": ["a.h5", "b.h5"]}),
    "a list": lambda value: value.update({"weight_map": [1]}),
    "nothing": lambda value: value.update({"weight_map": {}}),
    "metadata": lambda value: value.update({"metadata": "x"}),
    "depth": lambda value: value.update({"more": json.loads("[" * 40 + "]" * 40)}),
}


def _any(value: Index, *, last: bool = False) -> Any:
    files = sorted(set(value["weight_map"].values()))
    return files[-1] if last else files[0]


@pytest.mark.parametrize("how", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_index_ends_in_one_error(index: Path, how: Callable[[Index], object]) -> None:
    shutil.copy(FOLDER / SHARD, index.parent.parent / "secret.safetensors")
    renamed = index.rename(index.with_name("model.index.json"))
    change(renamed, how)
    with pytest.raises(ModelportError) as error:
        modelport.open(renamed)
    assert str(renamed) in str(error.value)


@pytest.mark.parametrize(
    "text",
    ['{"weight_map": {"a": "x", "a": "y"}}', '{"weight_map": {"a": "x"}', '{"weight_map": {"a"}}'],
)
def test_a_broken_index(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(text)
    with pytest.raises(MalformedFile):
        modelport.open(path)
    path.write_text(text + " " * (64 << 20))
    with pytest.raises(LimitExceeded):
        modelport.open(path)


@pytest.mark.parametrize("total", [1147, 1147.0, 1144.375, 1144])
def test_the_ways_of_counting(total: float, tmp_path: Path) -> None:
    """Values; or as accelerate counts, a bool as one bit."""
    home = tmp_path / "model"
    shutil.copytree(FOLDER, home)
    index = home / INDEXES[0]
    change(index, lambda value: value["metadata"].update({"total_size": total}))
    assert modelport.open(index).metadata["total_size"] == total


@pytest.mark.parametrize("total", [1, 10**12, -1, "many", [1], True, 0.5])
def test_a_wrong_total_is_noted(total: object, index: Path) -> None:
    """Loaders do not look at it, and files of hubs count in units of their own."""
    change(index, lambda value: value["metadata"].update({"total_size": total}))
    model = modelport.open(index)
    assert set(model.tensors) == set(json.loads(index.read_bytes())["weight_map"])
    (finding,) = model.findings
    assert (finding.rule, model.level) == ("IDX-001", Level.INERT)
    assert "total_size" in finding.what


def test_links_lead_out_only_where_allowed(index: Path, tmp_path: Path) -> None:
    """As in the cache of the hub: the folder has links to blobs that lie elsewhere."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for name in set(json.loads(index.read_bytes())["weight_map"].values()):
        (index.parent / name).rename(blobs / name)
        (index.parent / name).symlink_to(blobs / name)
    with pytest.raises(UnsafeFile, match="--side-files"):
        modelport.open(index)
    assert len(modelport.inspect(index, tensors=True, side_files=blobs)["tensors"]) == 11
    (alone,) = scan([index])["files"]
    assert alone["level"] == "dangerous"
    assert "--side-files DIR" in alone["findings"][0]["what"]
    for paths in ([index], [index.parent]):
        (found,) = [
            file
            for file in scan(paths, side_files=blobs)["files"]
            if file["path"].endswith(".index.json")
        ]
        assert (found["level"], found["findings"]) == ("inert", [])
    levels = {Path(file["path"]).name: file["level"] for file in scan([tmp_path])["files"]}
    assert levels[index.name] == "inert"  # what the link leads to is scanned too


def test_what_one_file_would_do_is_told(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return print, ("never",)

    torch.save({"a": torch.zeros(2)}, tmp_path / "1.bin")
    torch.save({"b": torch.zeros(2), "_extra_state": Evil()}, tmp_path / "2.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "1.bin", "b": "2.bin"}}))
    (described,) = scan([index])["files"]
    assert described["format"] == "sharded"
    assert described["level"] in ("dangerous", "needs-code")
    assert described["findings"][0]["where"].startswith("2.bin: ")
    (tmp_path / "2.bin").write_bytes((tmp_path / "2.bin").read_bytes()[:-9])
    assert scan([index])["files"][0]["level"] == "malformed"


@pytest.mark.parametrize("head", [b'{"abcd":{"', b' {\n"a', b"\xef\xbb\xbf{"])
def test_text_is_not_taken_for_a_length(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(head + b" " * 30)
    assert container(Candidate(path)) == "text"
    lengths = [8827, 123, 0x227B, 0x7B]
    for length in lengths:
        path.write_bytes(length.to_bytes(8, "little") + b'{"a":1}')
        assert container(Candidate(path)) == "json"
