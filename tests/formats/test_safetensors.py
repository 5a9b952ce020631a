from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import safetensors
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.weights import FILES, bits, model_of, opened, written

from modelport.errors import (
    LimitExceeded,
    MalformedFile,
    ModelportError,
    UnsupportedFeature,
)
from modelport.formats.candidate import Candidate
from modelport.formats.safetensors import FORMAT
from modelport.formats.table import identify
from modelport.model.component import Component
from modelport.model.dtype import DTYPES, FLOAT4_E2M1FN, INT4, UINT2
from modelport.model.expression import source
from modelport.model.report import Kind
from modelport.model.tensor import FileSlice, InMemory, Tensor
from modelport.model.training import OptimizerState
from modelport.wire.source import BytesSource

SAMPLE = FILES / "safetensors" / "all_dtypes.safetensors"


def truth(path: Path) -> dict[str, tuple[str, list[int], bytes]]:
    """The library's own reading: code, shape and bytes of every tensor."""
    found = safetensors.deserialize(path.read_bytes())
    return {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in found}


CODES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}


def check_against_library(path: Path) -> None:
    model = opened(path, FORMAT)
    assert model.format == "safetensors"
    assert model.dialect is None
    expected = truth(path)
    assert set(model.tensors) == set(expected)
    for name, tensor in model.tensors.items():
        code, shape, data = expected[name]
        assert (tensor.dtype.name, list(tensor.shape)) == (CODES[code], shape)
        assert b"".join(tensor.pieces(7)) == data
        assert tensor.numpy().tobytes() == data
    with safetensors.safe_open(path, "np") as judge:
        assert model.metadata == (judge.metadata() or {})
        assert (Component.METADATA in model.components) == bool(judge.metadata())
    assert set(model.evidence) == set(model.components)


def test_every_dtype_reads_as_the_library_reads_it() -> None:
    check_against_library(SAMPLE)
    assert {tensor.dtype.name for tensor in opened(SAMPLE, FORMAT).tensors.values()} == set(
        CODES.values()
    )


@needs_shared
@pytest.mark.parametrize("path", corpus("safetensors"))
def test_real_files_read_as_the_library_reads_them(path: str) -> None:
    check_against_library(SHARED / "corpus" / path)


@needs_shared
@pytest.mark.parametrize(
    "path",
    sorted((SHARED / "truth").glob("torch/*/model.safetensors")),
    ids=lambda p: p.parent.name,
)
def test_files_of_torch_read_as_the_library_reads_them(path: Path) -> None:
    check_against_library(path)


def test_inspecting_imports_no_numpy_and_reads_only_the_header(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    header = b'{"w":{"dtype":"F32","shape":[1000,1000],"data_offsets":[0,4000000]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4_000_000))
    code = (
        "import sys; from pathlib import Path\n"
        "from modelport.formats.candidate import Candidate\n"
        "from modelport.formats.table import read\n"
        "candidate = Candidate(Path(sys.argv[1])); model = read(candidate)\n"
        "assert model.tensors['w'].size == 1_000_000\n"
        "assert candidate.source.bytes_read < 10_000, candidate.source.bytes_read\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def file_of(header: Any, body: bytes = b"", length: int | None = None, pad: bytes = b"") -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw += pad
    size = len(raw) if length is None else length
    return size.to_bytes(8, "little") + raw + body


def entry(
    begin: int, end: int, shape: list[Any] | None = None, dtype: str = "U8"
) -> dict[str, Any]:
    extents = [end - begin] if shape is None else shape
    return {"dtype": dtype, "shape": extents, "data_offsets": [begin, end]}


ONCE = b'"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}'
TWICE = b"{" + ONCE + b"," + ONCE + b"}"
ATTACKS: dict[str, bytes] = {
    "header of 2^60 bytes": file_of({"a": entry(0, 2)}, b"12", length=1 << 60),
    "header of 2^63 bytes": file_of({"a": entry(0, 2)}, b"12", length=(1 << 64) - 1),
    "header past the end": file_of({"a": entry(0, 2)}, b"", length=100),
    "overlap": file_of({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"),
    "same bytes twice": file_of({"a": entry(0, 2), "b": entry(0, 2)}, b"12"),
    "hole in the middle": file_of({"a": entry(0, 2), "b": entry(4, 6)}, b"123456"),
    "hole at the start": file_of({"a": entry(2, 4)}, b"1234"),
    "offset past the end": file_of({"a": entry(0, 4)}, b"12"),
    "offsets backwards": file_of({"a": entry(2, 0, [2])}, b"12"),
    "trailing bytes": file_of({"a": entry(0, 2)}, b"123"),
    "no tensors but bytes": file_of({}, b"1"),
    "shape product that overflows to 0": file_of({"a": entry(0, 0, [1 << 32, 1 << 32])}),
    "shape too large": file_of({"a": entry(0, 2, [3])}, b"12"),
    "shape too small": file_of({"a": entry(0, 2, [1])}, b"12"),
    "negative extent": file_of({"a": entry(0, 2, [-2])}, b"12"),
    "two negative extents": file_of({"a": entry(0, 2, [-2, -1])}, b"12"),
    "fractional extent": file_of({"a": entry(0, 2, [2.0])}, b"12"),
    "truth value as extent": file_of({"a": entry(0, 1, [True])}, b"1"),
    "text as shape": file_of({"a": {"dtype": "U8", "shape": "2", "data_offsets": [0, 2]}}, b"12"),
    "number as dtype": file_of({"a": {"dtype": 1, "shape": [2], "data_offsets": [0, 2]}}, b"12"),
    "three offsets": file_of(
        {"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 1, 2]}}, b"12"
    ),
    "entry without dtype": file_of({"a": {"shape": [2], "data_offsets": [0, 2]}}, b"12"),
    "entry with hidden content": file_of({"a": entry(0, 2) | {"x": "hidden"}}, b"12"),
    "entry that is a list": file_of({"a": [1]}, b""),
    "half a byte": file_of({"a": entry(0, 1, [3], "F4")}, b"1"),
    "name twice": file_of(TWICE, b"12"),
    "metadata twice": file_of(b'{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}'),
    "key of metadata twice": file_of(b'{"__metadata__":{"a":"1","a":"2"}}'),
    "metadata that is no text": file_of({"__metadata__": {"a": 1}}),
    "metadata that is a list": file_of({"__metadata__": ["a"]}),
    "nested metadata": file_of({"__metadata__": {"a": {"b": "c"}}}),
    "padding with line ends": file_of({"a": entry(0, 2)}, b"12", pad=b"\n\n"),
    "padding with zeros": file_of({"a": entry(0, 2)}, b"12", pad=b"\0\0"),
    "padding with content": file_of({"a": entry(0, 2)}, b"12", pad=b"  hidden"),
    "not JSON": file_of(b'{"a":', b"12"),
    "not UTF-8": file_of(b'{"\xff":{}}'),
    "not a number": file_of(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,2]}}', b"12"),
}
LIMITS: dict[str, bytes] = {
    "50,000 nested objects": file_of(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "50,000 nested lists": file_of(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "100 axes": file_of({"a": entry(0, 1, [1] * 100)}, b"1"),
    "extents no array can have": file_of({"a": entry(0, 0, [0, 1 << 62], "F64")}),
}


def attempt(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    opened(path, FORMAT)


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_malformed(attack: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        attempt(tmp_path, ATTACKS[attack])


@pytest.mark.parametrize("attack", LIMITS)
def test_what_wants_too_much_is_over_a_limit(attack: str, tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        attempt(tmp_path, LIMITS[attack])


def test_a_header_over_100_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write((100_000_001).to_bytes(8, "little") + b'{"')
        file.truncate(100_000_100)
    with pytest.raises(LimitExceeded):
        opened(path, FORMAT)


def test_an_unknown_dtype_is_not_supported(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFeature, match="F3"):
        attempt(tmp_path, file_of({"a": entry(0, 2, [2], "F3")}, b"12"))


def test_allowed_oddities_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for data in [
        file_of({}),
        file_of({"__metadata__": {}}),
        file_of({"__metadata__": None, "a": entry(0, 2)}, b"12", pad=b"    "),
        file_of({"b": entry(2, 4), "a": entry(0, 2)}, b"1234"),
        file_of({"z": entry(2, 2, [0, 3]), "a": entry(0, 2), "y": entry(0, 0)}, b"12"),
        file_of({"": entry(0, 1, [])}, b"1"),
    ]:
        path.write_bytes(data)
        model = opened(path, FORMAT)
        found = {name: b"".join(tensor.pieces()) for name, tensor in model.tensors.items()}
        assert found == {name: data for name, (_, _, data) in truth(path).items()}


def test_packed_types_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    header = {
        "f4": entry(0, 2, [4], "F4"),
        "f6": entry(2, 5, [4], "F6_E2M3"),
        "f6b": entry(5, 8, [2, 2], "F6_E3M2"),
    }
    path.write_bytes(file_of(header, bytes([0x21, 0x43, 1, 2, 3, 4, 5, 6])))
    tensors = opened(path, FORMAT).tensors
    assert tensors["f4"].numpy().astype(float).tolist() == [0.5, 1.0, 1.5, 2.0]
    assert tensors["f6"].dtype.name == "float6_e2m3fn"
    written(opened(path, FORMAT), tmp_path / "y.safetensors", FORMAT)
    assert truth(tmp_path / "y.safetensors") == truth(path)


def test_cut_at_every_length(tmp_path: Path) -> None:
    whole = file_of({"a": entry(0, 2), "b": entry(2, 10, [2], "F32")}, bytes(10), pad=b" ")
    attempt(tmp_path, whole)
    for length in range(len(whole)):
        with pytest.raises(ModelportError):
            attempt(tmp_path, whole[:length])


def test_random_damage_ends_in_a_model_or_a_typed_error(tmp_path: Path) -> None:
    rng = random.Random(5)
    whole = SAMPLE.read_bytes()[:2000]
    header = 8 + int.from_bytes(whole[:8], "little")
    path = tmp_path / "x.safetensors"
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(header)] = rng.randrange(256)
        path.write_bytes(data)
        try:
            model = opened(path, FORMAT)
        except ModelportError:
            continue
        for tensor in model.tensors.values():
            assert tensor.numpy().shape == tensor.shape


@pytest.mark.parametrize("data", [b"", b'{"a": 1}        ', file_of(b'["a"]'), file_of(b"{1}")])
def test_another_file_is_not_claimed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    assert not FORMAT.match(Candidate(path))


def test_the_table_finds_the_format() -> None:
    assert identify(Candidate(SAMPLE)) is FORMAT


ARRAYS = {
    "first": np.arange(6, dtype=np.int8),
    "z.weight": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "a.weight": np.arange(4).astype(ml_dtypes.bfloat16),
    "odd": np.array([True, False, True]),
    "eight": np.arange(3).astype(ml_dtypes.float8_e4m3fn),
    "scalar": np.array(3, np.int64),
    "none": np.zeros((0, 2), np.float64),
}


def test_written_files_are_read_by_the_library(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    model = model_of(ARRAYS)
    model.metadata = {"licence": "MIT", "ü": "ö"}
    report = written(model, path, FORMAT)
    assert list(report) == []
    found = truth(path)
    for name, array in ARRAYS.items():
        code, shape, data = found[name]
        assert (CODES[code], tuple(shape), data) == bits(array)
    with safetensors.safe_open(path, "np") as judge:
        assert judge.metadata() == model.metadata
        assert bits(judge.get_tensor("z.weight")) == bits(ARRAYS["z.weight"])
    again = opened(path, FORMAT)
    assert list(again.tensors) == list(ARRAYS)
    assert again.metadata == model.metadata
    for tensor in again.tensors.values():
        assert isinstance(tensor.data, FileSlice)
        assert tensor.data.offset % max(1, min(8, tensor.dtype.bits // 8)) == 0


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(opened(SAMPLE, FORMAT), tmp_path / f"{name}.safetensors", FORMAT)
    first = (tmp_path / "a.safetensors").read_bytes()
    assert first == (tmp_path / "b.safetensors").read_bytes()
    assert truth(tmp_path / "a.safetensors") == truth(SAMPLE)
    assert first == SAMPLE.read_bytes()  # the library lays files out in the same way


def test_derived_tensors_are_streamed(tmp_path: Path) -> None:
    model = model_of(ARRAYS)
    weight = model.graph.tensors["z.weight"]
    model.graph.tensors["z.weight"] = Tensor("z.weight", source(weight).transpose(1, 0))
    path = tmp_path / "x.safetensors"
    written(model, path, FORMAT)
    wanted = np.ascontiguousarray(ARRAYS["z.weight"].T).tobytes()
    assert truth(path)["z.weight"] == ("F32", [4, 3], wanted)


def test_everything_left_out_is_reported(tmp_path: Path) -> None:
    model = model_of({"w": np.zeros(3, np.float32)})
    model.dialect = "keras"
    model.optimizer_state = OptimizerState(step=3)
    model.hyperparameters = {"epochs": 3}
    model.metadata = {"version": "1", "nested": {"a": [1]}, "what": object()}
    tensors = model.graph.tensors
    tensors["text"] = Tensor("text", InMemory(np.array(["a", "b"])))
    tensors["c128"] = Tensor("c128", InMemory(np.zeros(2, np.complex128)))
    tensors["i4"] = Tensor("i4", InMemory(np.array([-8, 7, 1]).astype(ml_dtypes.int4)))
    tensors["u2"] = Tensor("u2", FileSlice(BytesSource(b"\xe4"), 0, 1, UINT2, (4,)))
    tensors["odd"] = Tensor("odd", InMemory(np.ones(3).astype(ml_dtypes.float4_e2m1fn)))
    tensors["__metadata__"] = Tensor("m", InMemory(np.zeros(1, np.float32)))
    path = tmp_path / "x.safetensors"
    report = written(model, path, FORMAT)
    noted = {(change.kind, change.component, change.where) for change in report}
    dropped, weights, metadata = Kind.DROPPED, Component.WEIGHTS, Component.METADATA
    assert noted == {
        (dropped, Component.ARCHITECTURE, "test"),
        (dropped, Component.OPTIMIZER_STATE, "test"),
        (dropped, Component.HYPERPARAMETERS, "test"),
        (dropped, weights, "text"),
        (dropped, weights, "c128"),
        (dropped, weights, "odd"),
        (dropped, weights, "__metadata__"),
        (Kind.APPROXIMATED, weights, "i4"),
        (Kind.APPROXIMATED, weights, "u2"),
        (Kind.REARRANGED, metadata, "nested"),
        (dropped, metadata, "what"),
    }
    found = truth(path)
    assert set(found) == {"w", "i4", "u2"}
    assert found["i4"] == ("I8", [3], bytes([0xF8, 7, 1]))
    assert found["u2"] == ("U8", [4], bytes([0, 1, 2, 3]))


def test_every_dtype_of_the_table_is_held_widened_or_reported(tmp_path: Path) -> None:
    for dtype in DTYPES.values():
        if dtype.bits == 0:
            continue
        raw = bytes(dtype.nbytes(8))
        model = model_of({})
        model.graph.tensors["w"] = Tensor(
            "w", FileSlice(BytesSource(raw), 0, len(raw), dtype, (8,))
        )
        path = tmp_path / f"{dtype}.safetensors"
        changes = list(written(model, path, FORMAT))
        back = opened(path, FORMAT).tensors
        if not changes:
            assert back["w"].dtype is dtype
        elif changes[0].kind is Kind.APPROXIMATED:
            assert back["w"].numpy().astype(float).tolist() == [0.0] * 8
        else:
            assert dtype.name == "complex128"
    assert FLOAT4_E2M1FN.bits == INT4.bits == 4


def test_the_format_says_what_it_holds() -> None:
    assert set(FORMAT.holds) == set(Component)
    for component, sample in FORMAT.samples.items():
        assert component in opened(FILES / sample, FORMAT).components
