"""Members of zip archives: pickles and model files hidden in them, and checksums that lie."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from tests.formats.pickle_streams import Call, write
from tests.samples import FILES

from modelport.commands.scan import scan_file

LAMBDA = {
    "class_name": "Sequential",
    "config": {
        "name": "model",
        "layers": [
            {
                "class_name": "Lambda",
                "config": {
                    "name": "code",
                    "function": ["x", None, None],
                    "function_type": "lambda",
                },
            }
        ],
    },
}


def scanned(tmp_path: Path, data: bytes) -> dict[str, Any]:
    path = tmp_path / "file"
    path.write_bytes(data)
    return scan_file(str(path), sha256=False)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def saved(value: Any) -> bytes:
    made = io.BytesIO()
    torch.save(value, made)
    return made.getvalue()


def keras_h5() -> bytes:
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file.attrs["model_config"] = json.dumps(LAMBDA)
        file.attrs["keras_version"], file.attrs["backend"] = "2.4.0", "tensorflow"
        file.create_group("model_weights").attrs["layer_names"] = []
    return made.getvalue()


def keras_archive(**members: bytes) -> bytes:
    return zipped({"config.json": json.dumps(LAMBDA).encode(), "metadata.json": b"{}", **members})


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("model", [keras_h5, keras_archive])
def test_a_model_in_an_archive_of_anything_is_judged(
    model: Any, method: int, tmp_path: Path
) -> None:
    data = zipped({"readme.txt": b"text", "models/a": model()}, method)
    described = scanned(tmp_path, data)
    assert described["level"] == "dangerous"
    (finding,) = described["findings"]
    assert finding["rule"] == "KER-001"
    assert finding["where"].startswith("models/a: ")


def test_a_model_among_the_assets_of_keras_is_judged(tmp_path: Path) -> None:
    clean = (FILES / "keras-v3/gru_rmsprop.keras").read_bytes()
    with zipfile.ZipFile(io.BytesIO(clean)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert scanned(tmp_path, zipped(members))["findings"] == []
    described = scanned(tmp_path, zipped({**members, "assets/a.h5": keras_h5()}))
    assert [finding["rule"] for finding in described["findings"]] == ["KER-001"]


def test_ordinary_models_in_an_archive_are_no_finding(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=1, dims=[2], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="weights.bin")
    out = helper.make_tensor_value_info("y", 1, [2])
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [out])
    graph.initializer.append(weight)
    array = io.BytesIO()
    np.save(array, np.arange(3.0))
    members = {
        "a.pt": saved({"w": torch.ones(3)}),
        "b.h5": (FILES / "hdf5/arrays.h5").read_bytes(),
        "c.keras": (FILES / "keras-v3/gru_rmsprop.keras").read_bytes(),
        "d.onnx": helper.make_model(graph).SerializeToString(),
        "weights.bin": bytes(8),
        "e.npy": array.getvalue(),
        "f.txt": b"cat\nimages\n",
        "g.zip": zipped({"inside.txt": b"text"}),
    }
    described = scanned(tmp_path, zipped(members))
    assert described["findings"] == []


def test_archives_are_followed_three_deep(tmp_path: Path) -> None:
    data = write(Call("os.system", "touch x"), 2)
    for depth in range(6):
        data = zipped({"a": data, "b": b"x"})
        level = scanned(tmp_path, data)["level"]
        assert level == ("dangerous" if depth < 4 else "malformed"), depth


def with_wrong_crc(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        crc = struct.pack("<L", archive.getinfo(name).CRC)
    assert data.count(crc) >= 2
    return data.replace(crc, bytes(byte ^ 1 for byte in crc))


@pytest.mark.parametrize("member", ["data.pkl", "version", "byteorder"])
def test_a_wrong_checksum_is_malformed(member: str, tmp_path: Path) -> None:
    data = saved({"w": torch.ones(3)})
    broken = with_wrong_crc(data, f"archive/{member}")
    assert torch.load(io.BytesIO(broken))["w"].tolist() == [1, 1, 1]  # torch does not look at it
    assert scanned(tmp_path, data)["level"] == "inert"
    assert scanned(tmp_path, broken)["level"] == "malformed"


def test_an_attack_with_a_wrong_checksum_stays_one(tmp_path: Path) -> None:
    stream = write(Call("os.system", "touch x"), 2)
    for members in ({"a/data.pkl": stream, "a/version": b"3\n"}, {"a.pkl": stream, "b": b"x"}):
        described = scanned(tmp_path, with_wrong_crc(zipped(members), next(iter(members))))
        assert described["level"] == "dangerous"
        assert {finding["level"] for finding in described["findings"]} == {"dangerous", "malformed"}
