"""Broken and hostile ONNX files: one typed error (or a finding), fast, in little memory."""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from modelport.errors import (
    LimitExceeded,
    MalformedFile,
    ModelportError,
    UnreadableFile,
    UnsafeFile,
)
from modelport.formats.candidate import Candidate
from modelport.formats.onnx import FORMAT
from modelport.formats.shared.onnx.model_write import write
from modelport.model.model import Level, Model
from modelport.model.report import Report
from modelport.model.tensor import Tensor
from modelport.wire.output import Output
from modelport.wire.protobuf_write import varint

FILES = Path(__file__).parents[1] / "files" / "onnx"
SMALL = ("attributes", "function", "sparse", "types", "external", "dtypes")


def read_all(path: Path) -> Model:
    """Read a file and everything in it, values too."""
    model = FORMAT.read(Candidate(path))
    graphs = [*model.graph.subgraphs()]
    nodes = [node for graph in graphs for node in graph.nodes]
    nodes += [node for function in model.functions.values() for node in function.nodes]
    tensors = [*model.tensors.values()]
    for node in nodes:
        tensors += [value for value in node.attributes.values() if isinstance(value, Tensor)]
    for tensor in tensors:
        assert tensor.numpy().shape == tensor.shape
    return model


def ends_well(data: bytes, folder: Path) -> bool:
    """Whether the bytes could be read; anything but a typed error is a failure of the test."""
    path = folder / "a.onnx"
    path.write_bytes(data)
    try:
        FORMAT.match(Candidate(path))
        read_all(path)
    except ModelportError:
        return False
    return True


@pytest.mark.parametrize("name", SMALL[:-1])
def test_cut_at_every_length(name: str, tmp_path: Path) -> None:
    (tmp_path / "external.bin").write_bytes((FILES / "external.bin").read_bytes())
    data = (FILES / f"{name}.onnx").read_bytes()
    # What is left of a cut between two fields of ModelProto is a shorter model.
    readable = sum(ends_well(data[:cut], tmp_path) for cut in range(len(data)))
    assert readable < 12
    assert ends_well(data, tmp_path)


@pytest.mark.parametrize("name", SMALL)
def test_flipped_bits(name: str, tmp_path: Path) -> None:
    (tmp_path / "external.bin").write_bytes((FILES / "external.bin").read_bytes())
    data = (FILES / f"{name}.onnx").read_bytes()
    chosen = random.Random(name)
    for _ in range(250):
        broken = bytearray(data)
        for _ in range(chosen.choice((1, 1, 3))):
            broken[chosen.randrange(len(broken))] ^= 1 << chosen.randrange(8)
        ends_well(bytes(broken), tmp_path)


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def model_of(graph: bytes) -> bytes:
    return b"\x08\x0a" + field(7, graph) + field(8, b"\x10\x15")


def with_tensor(tensor: bytes) -> bytes:
    return model_of(field(1, field(4, b"Identity")) + field(5, tensor))


def nested(levels: int) -> bytes:
    graph = field(2, b"g")
    for _ in range(levels):
        attribute = field(1, b"body") + field(6, graph) + b"\xa0\x01\x05"
        graph = field(1, field(4, b"Loop") + field(5, attribute))
    return model_of(graph)


def nested_types(levels: int) -> bytes:
    kind = field(1, b"\x08\x01")
    for _ in range(levels):
        kind = field(4, field(1, kind))
    return model_of(field(1, field(4, b"Identity")) + field(11, field(1, b"x") + field(2, kind)))


HOSTILE: dict[str, tuple[bytes, type[ModelportError]]] = {
    "a length of 2^40": (b"\x08\x0a\x3a" + varint(1 << 40) + b"\x0a\x02", MalformedFile),
    "a node of 2^40": (
        b"\x08\x0a\x3a\x12\x0a" + varint(1 << 40) + bytes(11),
        MalformedFile,
    ),
    "3,000 nested subgraphs": (nested(3000), LimitExceeded),
    "3,000 nested types": (nested_types(3000), LimitExceeded),
    "4 TB in 16 bytes": (
        with_tensor(b"\x08" + varint(1 << 40) + b"\x10\x01" + field(9, bytes(16))),
        MalformedFile,
    ),
    "4 TB without values": (with_tensor(b"\x08" + varint(1 << 40) + b"\x10\x01"), MalformedFile),
    "4 TB of typed values": (
        with_tensor(b"\x08" + varint(1 << 40) + b"\x10\x06" + field(5, bytes(16))),
        MalformedFile,
    ),
    "4 TB of strings": (
        with_tensor(b"\x08" + varint(1 << 40) + b"\x10\x08" + field(6, b"a")),
        MalformedFile,
    ),
    "extents that overflow to nothing": (
        with_tensor((b"\x08" + varint(1 << 32)) * 2 + b"\x10\x01" + field(9, b"")),
        MalformedFile,
    ),
    "no elements of huge extent": (
        with_tensor((b"\x08" + varint(1 << 62)) * 2 + b"\x08\x00\x10\x01"),
        MalformedFile,
    ),
    "an extent below zero": (with_tensor(b"\x08" + varint(-4) + b"\x10\x01"), MalformedFile),
    "100,000 axes": (with_tensor(b"\x08\x01" * 100_000 + b"\x10\x01"), LimitExceeded),
    "a group": (model_of(field(1, field(4, b"A")) + b"\x0b\x08\x01\x0c"), MalformedFile),
    "a varint of 11 bytes": (model_of(b"\x08" + b"\xff" * 10 + b"\x01"), MalformedFile),
    "values twice": (
        with_tensor(b"\x08\x01\x10\x01" + field(4, bytes(4)) + field(9, bytes(4))),
        MalformedFile,
    ),
    "values of another type": (
        with_tensor(b"\x08\x01\x10\x07" + field(5, b"\x01")),
        MalformedFile,
    ),
    "two graphs": (model_of(field(1, field(4, b"A"))) + field(7, b""), MalformedFile),
    "a name that is no text": (model_of(field(1, field(4, b"\xff"))), MalformedFile),
    "a packed varint without end": (
        with_tensor(b"\x08\x02\x10\x06" + field(5, b"\x01\x80")),
        MalformedFile,
    ),
    "a packed varint of 11 bytes": (
        with_tensor(b"\x08\x02\x10\x06" + field(5, b"\x80" * 10 + b"\x01\x01")),
        MalformedFile,
    ),
    "an attribute of no known type": (
        model_of(field(1, field(4, b"A") + field(5, field(1, b"a") + b"\xa0\x01\x63"))),
        MalformedFile,
    ),
    "a tensor attribute without tensor": (
        model_of(field(1, field(4, b"A") + field(5, field(1, b"a") + b"\xa0\x01\x04"))),
        MalformedFile,
    ),
    "an attribute twice": (
        model_of(field(1, field(4, b"A") + field(5, field(1, b"a") + b"\x18\x01") * 2)),
        MalformedFile,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name: str, tmp_path: Path) -> None:
    data, expected = HOSTILE[name]
    (tmp_path / "a.onnx").write_bytes(data)
    begun = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(expected):
            read_all(tmp_path / "a.onnx")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
    assert time.process_time() - begun < 2


def external(folder: Path, location: str, **entries: str) -> Path:
    """A model whose one initializer of 4 bytes lies in ``location``."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    x, y = (helper.make_tensor_value_info(name, 1, [1]) for name in "xy")
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], [tensor]))
    path = folder / "model" / "a.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())
    (path.parent / "w.bin").write_bytes(b"\0\0\x80\x3f")
    (folder / "secret").write_bytes(b"keys")
    return path


def symlink(folder: Path) -> None:
    (folder / "model" / "link").symlink_to(folder / "secret")


def hard_link(folder: Path) -> None:
    os.link(folder / "secret", folder / "model" / "link")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "model" / "link")


@pytest.mark.parametrize(
    ("location", "prepare"),
    [
        ("../secret", None),
        ("inner/../../secret", None),
        ("/etc/hostname", None),
        ("link", symlink),
        ("link", hard_link),
        ("link", pipe),
    ],
)
def test_files_outside_are_refused(
    location: str, prepare: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    path = external(tmp_path, location)
    if prepare is not None:
        prepare(tmp_path)
    model = FORMAT.read(Candidate(path))
    assert [finding.rule for finding in model.findings] == ["ONX-001"]
    assert model.level is Level.DANGEROUS
    with pytest.raises(UnsafeFile):
        model.tensors["w"].numpy()
    with Output(tmp_path / "out.onnx") as output, pytest.raises(UnsafeFile):
        write(model, output, Report())
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("numbers", [0, 100, 10_000])
def test_files_outside_hidden_in_attributes_are_found(numbers: int, tmp_path: Path) -> None:
    path = external(tmp_path, "../secret")
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer.pop()
    node = helper.make_node("Constant", [], ["w"], value=tensor)
    node.attribute[0].ints.extend([1] * numbers)
    node.attribute[0].floats.extend([1.0] * numbers)
    model.graph.node.append(node)
    path.write_bytes(model.SerializeToString())
    assert FORMAT.read(Candidate(path)).level is Level.DANGEROUS


def test_missing_files_are_a_finding(tmp_path: Path) -> None:
    model = FORMAT.read(Candidate(external(tmp_path, "none.bin")))
    assert [finding.rule for finding in model.findings] == ["ONX-002"]
    with pytest.raises(UnreadableFile):
        model.tensors["w"].numpy()


def test_side_files_allow_one_more_folder(tmp_path: Path) -> None:
    path = external(tmp_path, "link")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "blob").write_bytes(b"\0\0\0\x40")
    (tmp_path / "model" / "link").symlink_to(tmp_path / "cache" / "blob")
    model = FORMAT.read(Candidate(path, side_files=(tmp_path / "cache",)))
    assert model.tensors["w"].numpy().tolist() == [2.0]


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "1"},
        {"length": "5"},
        {"length": "3"},
        {"offset": "-4"},
        {"offset": "0x0"},
        {"offset": "9" * 30},
        {"length": "99999999999999999999"},
        {"__class__": "os.system"},
        {"dims": "4"},
    ],
)
def test_entries_must_be_right(entries: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        FORMAT.read(Candidate(external(tmp_path, "w.bin", **entries)))


def test_right_entries(tmp_path: Path) -> None:
    path = external(tmp_path, "w.bin", offset="0", length="4", checksum="0" * 40)
    assert FORMAT.read(Candidate(path)).tensors["w"].numpy().tolist() == [1.0]


def test_a_location_is_needed(tmp_path: Path) -> None:
    tensor = b"\x08\x01\x10\x01\x70\x01"
    (tmp_path / "a.onnx").write_bytes(with_tensor(tensor))
    with pytest.raises(MalformedFile, match="location"):
        FORMAT.read(Candidate(tmp_path / "a.onnx"))


def test_custom_operators_are_no_danger() -> None:
    assert FORMAT.read(Candidate(FILES / "attributes.onnx")).findings == []
