"""PyTorch's own files of all ages, against what torch itself has in memory."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.corpus import SHARED, needs_shared
from tests.samples import FILES

import modelport
from modelport.commands.inspect import inspect
from modelport.errors import MalformedFile, ModelportError, UnsafeFile
from modelport.model.model import Level

TRUTH = SHARED / "truth" / "torch"
FORMS = ("pytorch/{}.pt", "pytorch-legacy/{}.pth")


@pytest.mark.parametrize("form", FORMS)
def test_every_dtype_and_view_is_read(form: str) -> None:
    tensors = modelport.open(FILES / form.format("tensors")).tensors
    with np.load(FILES / "pytorch" / "tensors.io.npz") as recorded:
        assert list(tensors) == list(recorded)
        for name, wanted in recorded.items():
            found = tensors[name].numpy()
            assert found.shape == wanted.shape, name
            assert np.array_equal(found.astype(wanted.dtype), wanted), name
    for name, tensor in tensors.items():
        if name.startswith("of_"):
            assert tensor.dtype.name == name.removeprefix("of_")


@pytest.mark.parametrize("form", [*FORMS, "pytorch-tar/{}.pt"])
def test_a_checkpoint_is_told_apart(form: str) -> None:
    found = inspect(FILES / form.format("checkpoint"))
    assert found["weights"]["parameters"] == 159
    assert found["loss"] == "CrossEntropyLoss"
    assert found["optimizer"]["name"] == "AdamW"
    assert found["optimizer"]["hyperparameters"]["lr"] == 0.01
    assert found["optimizer_state"] == {"step": 3, "tensors": 24}
    assert found["hyperparameters"] == {"epoch": 3, "best": {"loss": 0.5, "at": [1, 2]}}
    assert found["metadata"] == {"note": "made for the tests"}
    args = {"class": "argparse.Namespace", "lr": 0.01, "layers": [4, 2]}
    assert found["python_objects"] == {"args": args}
    assert found["architecture"] is None
    assert found["verdict"]["level"] == "needs-code"


@pytest.mark.parametrize("form", [*FORMS, "pytorch-tar/{}.pt"])
def test_a_pickled_module_shows_its_tree(form: str) -> None:
    found = inspect(FILES / form.format("module"))
    assert found["architecture"]["kind"] == "modules"
    layers = {layer["name"]: layer for layer in found["architecture"]["layers"]}
    assert list(layers) == ["conv", "norm", "act", "pool", "flat", "own", "own.inner", "head"]
    assert layers["conv"]["type"] == "torch.nn::Conv2d"
    assert layers["conv"]["parameters"] == 112
    model = modelport.open(FILES / form.format("module"))
    conv = model.graph.nodes[0]
    assert conv.attributes["kernel_size"] == [3, 3]
    assert conv.parameters == {"weight": "conv.weight", "bias": "conv.bias"}


def test_source_code_of_classes_is_kept_as_text() -> None:
    model = modelport.open(FILES / "pytorch-legacy" / "module.pth")
    assert "class Residual(nn.Module):" in model.metadata["source code"]["__main__.Residual"]
    assert model.level is Level.NEEDS_CODE


@needs_shared
@pytest.mark.parametrize("name", ["mlp", "cnn_bn", "resblock", "lstm", "embed"])
@pytest.mark.parametrize("file", ["checkpoint.tar", "checkpoint_legacy.pth", "module.pt"])
def test_weights_are_those_that_torch_recorded(name: str, file: str) -> None:
    tensors = modelport.open(TRUTH / name / file).tensors
    with np.load(TRUTH / name / "weights3.npz") as recorded:
        assert set(tensors) == set(recorded)
        for key, wanted in recorded.items():
            assert np.array_equal(tensors[key].numpy(), wanted), key


def rewritten(path: Path, change: dict[str, bytes | None]) -> None:
    """A zip of torch with members replaced, added, or (None) left out."""
    with zipfile.ZipFile(FILES / "pytorch" / "state_dict.pt") as source:
        members = {name: source.read(name) for name in source.namelist()}
    members |= {f"state_dict/{name}": data for name, data in change.items()}  # type: ignore[dict-item]
    with zipfile.ZipFile(path, "w") as target:
        for name, data in members.items():
            if data is not None:
                target.writestr(name, data)


RUNS = b"cposix\nsystem\n(S'touch /nowhere/x'\ntR."


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("data.pkl", RUNS),
        ("extra/hidden.pkl", RUNS),
        ("hidden", b"\x80\x02" + RUNS),
    ],
)
def test_any_pickle_of_the_archive_is_judged(member: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    rewritten(path, {member: data})
    assert modelport.open(path).level is Level.DANGEROUS


def test_what_follows_the_object_is_judged(tmp_path: Path) -> None:
    with zipfile.ZipFile(FILES / "pytorch" / "state_dict.pt") as source:
        first = source.read("state_dict/data.pkl")
    path = tmp_path / "model.pt"
    rewritten(path, {"data.pkl": first + RUNS})
    assert modelport.open(path).level is Level.DANGEROUS


@pytest.mark.parametrize(
    "change",
    [
        {"data/0": None},
        {"data/0": b"123"},
        {"data.pkl": b"\x80\x02N"},
        {"data.pkl": b"\x80\x02X\x01\x00\x00\x00aQ."},
        {"byteorder": b"middle"},
    ],
)
def test_a_broken_archive_ends_in_one_error(
    change: dict[str, bytes | None], tmp_path: Path
) -> None:
    path = tmp_path / "model.pt"
    rewritten(path, change)
    with pytest.raises(MalformedFile):
        modelport.open(path)


def test_a_pickle_that_was_changed_after_it_was_saved_is_refused(tmp_path: Path) -> None:
    raw = (FILES / "pytorch" / "state_dict.pt").read_bytes()
    assert raw.count(b"conv.weight") == 1
    path = tmp_path / "model.pt"
    path.write_bytes(raw.replace(b"conv.weight", b"conv.height"))
    with pytest.raises(MalformedFile, match="CRC"):
        modelport.open(path)


def test_a_view_outside_its_storage_is_refused(tmp_path: Path) -> None:
    legacy = (FILES / "pytorch-legacy" / "state_dict.pth").read_bytes()
    path = tmp_path / "model.pth"
    path.write_bytes(legacy[:-4])
    with pytest.raises(MalformedFile):
        modelport.open(path)
    path.write_bytes(legacy + b"more")
    with pytest.raises(MalformedFile):
        modelport.open(path)


def test_a_link_in_a_tar_is_refused(tmp_path: Path) -> None:
    raw = bytearray((FILES / "pytorch-tar" / "checkpoint.pt").read_bytes())
    at = raw.index(b"pickle\x00")
    size = int(raw[at + 124 : at + 135], 8)
    del raw[at + 512 : at + 512 - (-size // 512) * 512]  # links have no bytes
    raw[at + 124 : at + 135] = b"0" * 11
    raw[at + 156] = ord("2")
    raw[at + 148 : at + 156] = b" " * 8
    total = sum(raw[at : at + 512])
    raw[at + 148 : at + 156] = b"%06o\0 " % total
    path = tmp_path / "model.pt"
    path.write_bytes(raw)
    with pytest.raises(UnsafeFile):
        modelport.open(path)


@pytest.mark.parametrize("form", [*FORMS, "pytorch-tar/{}.pt"])
def test_a_file_cut_anywhere_ends_in_one_error(form: str, tmp_path: Path) -> None:
    whole = (FILES / form.format("checkpoint")).read_bytes()
    path = tmp_path / "model.pt"
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        if form.startswith("pytorch-tar") and not any(whole[length:]):
            continue  # only zeros are missing, which tar allows
        with pytest.raises(ModelportError):
            modelport.open(path)


def test_big_endian_storages_are_swapped(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(FILES / "pytorch" / "state_dict.pt") as source:
        raw = source.read("state_dict/data/0")
    count = len(raw) // 4
    swapped = struct.pack(f">{count}f", *struct.unpack(f"<{count}f", raw))
    plain = modelport.open(FILES / "pytorch" / "state_dict.pt").tensors["conv.weight"].numpy()
    rewritten(path, {"byteorder": b"big", "data/0": swapped})
    assert np.array_equal(modelport.open(path).tensors["conv.weight"].numpy(), plain)
