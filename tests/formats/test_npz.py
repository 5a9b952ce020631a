from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.weights import FILES, bits, model_of, opened, written

import modelport
from modelport.errors import (
    ConversionError,
    LimitExceeded,
    MalformedFile,
    ModelportError,
    UnsupportedFeature,
)
from modelport.formats.candidate import Candidate
from modelport.formats.npz import FORMAT
from modelport.model.component import Component
from modelport.model.dtype import DTYPES
from modelport.model.expression import source
from modelport.model.model import Level, Model
from modelport.model.report import Kind
from modelport.model.tensor import FileSlice, InMemory, Tensor
from modelport.wire.npy import write_header
from modelport.wire.source import BytesSource

NPZ = FILES / "npz"
RAW = {"|V2": ml_dtypes.bfloat16}


def arrays_of(model: Model) -> dict[str, Tensor]:
    return dict(model.dataset.features if model.dataset else model.tensors)


def check_against_numpy(path: Path) -> None:
    tensors = arrays_of(opened(path, FORMAT))
    with np.load(path) as judge:
        assert list(tensors) == judge.files
        for name, tensor in tensors.items():
            wanted = judge[name]
            if wanted.dtype.kind == "V":
                wanted = wanted.view(RAW[wanted.dtype.str])
            assert tensor.shape == wanted.shape
            if wanted.dtype.kind in "SU":
                assert tensor.dtype.name == "string"
                assert tensor.numpy().tolist() == wanted.tolist()
                continue
            little = (
                wanted.astype(wanted.dtype.newbyteorder("="))
                if wanted.dtype.kind != "V"
                else wanted
            )
            assert bits(tensor.numpy()) == bits(little)
            limit = max(24, little.nbytes // 50)
            assert b"".join(tensor.pieces(limit)) == little.tobytes()
            box = tuple((extent // 3, extent) for extent in wanted.shape)
            cut = tuple(slice(*pair) for pair in box)
            assert bits(tensor.data.read_box(box)) == bits(little[cut])
            turned = Tensor("t", source(tensor).transpose())
            assert b"".join(turned.pieces(limit)) == np.ascontiguousarray(little.T).tobytes()


SAMPLES = ["all_dtypes", "compressed", "layouts", "training_data", "batches"]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_read_as_numpy_reads_them(name: str) -> None:
    check_against_numpy(NPZ / f"{name}.npz")


@needs_shared
@pytest.mark.parametrize("path", corpus("npz"))
def test_real_files_read_as_numpy_reads_them(path: str) -> None:
    check_against_numpy(SHARED / "corpus" / path)
    model = opened(SHARED / "corpus" / path, FORMAT)
    assert model.components == {Component.WEIGHTS}
    assert set(model.evidence) == {Component.WEIGHTS}


@needs_shared
def test_recorded_truth_reads_as_numpy_reads_it() -> None:
    for path in sorted((SHARED / "truth").glob("*/*/*.npz")):
        check_against_numpy(path)
        expected = Component.WEIGHTS if path.stem[:3] in ("wei", "opt") else Component.TRAINING_DATA
        assert opened(path, FORMAT).components == {expected}


def test_training_data_is_told_by_its_names() -> None:
    model = opened(NPZ / "batches.npz", FORMAT)
    assert model.components == {Component.TRAINING_DATA}
    assert model.dataset is not None
    assert model.dataset.records == 8
    split = opened(NPZ / "training_data.npz", FORMAT).dataset
    assert split is not None
    assert split.records is None
    assert split.features["x_train"].shape == (6, 4)


def test_objects_are_shown_and_never_read() -> None:
    model = opened(NPZ / "objects.npz", FORMAT)
    assert model.level is Level.NEEDS_CODE
    assert [(found.rule, found.where) for found in model.findings] == [("NPZ-001", "things.npy")]
    for name in ("things", "records", "when"):
        assert model.tensors[name].dtype.name == "object"
        with pytest.raises(UnsupportedFeature):
            model.tensors[name].numpy()
    assert model.tensors["weights"].numpy().shape == (2, 3, 4)


def test_later_header_versions() -> None:
    tensors = opened(NPZ / "versions.npz", FORMAT).tensors
    assert np.array_equal(tensors["two"].numpy(), np.arange(24).reshape(2, 3, 4))
    assert tensors["three"].shape == (1,)


def test_names_that_differ_in_case_are_two_arrays(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, W=np.zeros(2), w=np.ones(3))
    check_against_numpy(path)


def test_inspecting_imports_no_numpy_and_inflates_only_heads(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", w=np.random.default_rng(0).random(1_000_000))
    np.savez(tmp_path / "b.npz", w=np.zeros(1_000_000))
    code = (
        "import sys; from pathlib import Path\n"
        "from modelport.formats.candidate import Candidate\n"
        "from modelport.formats.npz import FORMAT\n"
        "for name in ('a.npz', 'b.npz'):\n"
        "    candidate = Candidate(Path(sys.argv[1]) / name)\n"
        "    assert FORMAT.match(candidate)\n"
        "    assert FORMAT.read(candidate).tensors['w'].size == 1_000_000\n"
        "    assert candidate.source.bytes_read < 200_000, candidate.source.bytes_read\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def npy(header: str | bytes, body: bytes = b"", version: int = 1) -> bytes:
    text = header if isinstance(header, bytes) else header.encode("latin-1")
    text += b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def plain(descr: str = "'<f4'", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def zipped(data: bytes, name: str = "a.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def attempt(tmp_path: Path, data: bytes) -> Model:
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    model = opened(path, FORMAT)
    for tensor in arrays_of(model).values():
        tensor.numpy()
    return model


BODY = bytes(8)
ATTACKS: dict[str, bytes] = {
    "no magic": b"NUMPY" + npy(plain(), BODY),
    "empty": b"",
    "cut in the length": npy(plain(), BODY)[:9],
    "cut in the header": npy(plain(), BODY)[:20],
    "shape of 8 TB": npy(plain(shape="(1000000, 2000000)"), BODY),
    "shape too small": npy(plain(shape="(1,)"), BODY),
    "values missing": npy(plain(), BODY[:4]),
    "negative extent": npy(plain(shape="(-2,)"), BODY),
    "call in the header": npy("__import__('os').system('true')"),
    "call as the shape": npy(plain(shape="tuple([2])"), BODY),
    "arithmetic as the shape": npy(plain(shape="(1+1,)"), BODY),
    "truth value as extent": npy(plain(shape="(True,)"), BODY[:4]),
    "list as the shape": npy(plain(shape="[2]"), BODY),
    "number as the type": npy(plain(descr="4"), BODY),
    "number as the order": npy(plain(order="0"), BODY),
    "key twice": npy(
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", BODY
    ),
    "key missing": npy("{'descr': '<f4', 'shape': (2,)}", BODY),
    "key too many": npy(plain()[:-1] + "'x': 1}", BODY),
    "not closed": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,", BODY),
    "more behind it": npy(plain() + " 1", BODY),
    "not UTF-8": npy(b"{'\xff': 1}", BODY, version=3),
    "bytes behind the values": npy(plain(), BODY + b"x"),
    "text too short": npy(plain("'<U3'"), BODY),
    "text beyond Unicode": npy(plain("'<U1'"), b"\xff" * 8),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_malformed(attack: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        attempt(tmp_path, zipped(ATTACKS[attack]))


@pytest.mark.parametrize(
    "header",
    [
        plain(descr="(" * 20_000),
        plain(shape="[" * 20_000 + "]" * 20_000),
        plain(shape="(" + "1, " * 100 + ")"),
        plain(shape="(0, 4611686018427387904)"),
    ],
    ids=["deep tuple", "deep list", "100 axes", "extents no array can have"],
)
def test_what_wants_too_much_is_over_a_limit(header: str, tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded):
        attempt(tmp_path, zipped(npy(header, version=2)))
    with pytest.raises(LimitExceeded):
        attempt(tmp_path, zipped(b"\x93NUMPY\2\0" + struct.pack("<I", 1 << 30) + bytes(99)))


@pytest.mark.parametrize(
    "descr", ["'|O'", "'<f16'", "'|V3'", "'|S0'", "'<M8[D]'", "[('a', '<f4')]", "'nonsense'"]
)
def test_types_without_an_equal_are_listed(descr: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFeature):
        attempt(tmp_path, zipped(npy(plain(descr), BODY)))


def test_flipped_values_are_noticed_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, w=np.arange(100.0), v=np.arange(5.0))
    data = bytearray(path.read_bytes())
    at = data.find(np.arange(100.0).tobytes()) + 300
    data[at] ^= 1
    path.write_bytes(data)
    tensors = opened(path, FORMAT).tensors
    assert tensors["v"].numpy().sum() == 10
    with pytest.raises(MalformedFile, match="CRC"):
        tensors["w"].numpy()
    with pytest.raises(MalformedFile, match="CRC"):
        opened(path, FORMAT).tensors["w"].data.read_box(((0, 3),))
    with pytest.raises(MalformedFile, match="CRC"):
        list(opened(path, FORMAT).tensors["w"].pieces())


def test_other_archives_are_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for data in (zipped(b"", "data.pkl"), b"PK\5\6" + bytes(18)):
        path.write_bytes(data)
        assert not FORMAT.match(Candidate(path))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_cut_at_every_length(tmp_path: Path, save) -> None:
    save(tmp_path / "w.npz", w=np.arange(3.0))
    whole = (tmp_path / "w.npz").read_bytes()
    for length in range(len(whole)):
        with pytest.raises(ModelportError):
            attempt(tmp_path, whole[:length])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_random_damage_never_changes_values(tmp_path: Path, save) -> None:
    rng = random.Random(6)
    save(tmp_path / "w.npz", weight=np.arange(30.0), bias=np.asfortranarray(np.ones((2, 3))))
    whole = (tmp_path / "w.npz").read_bytes()
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            model = attempt(tmp_path, bytes(data))
        except ModelportError:
            continue
        values = [tensor.numpy() for tensor in arrays_of(model).values()]
        assert np.array_equal(values[0], np.arange(30.0))
        assert np.array_equal(values[1], np.ones((2, 3)))


def test_random_headers_end_in_a_model_or_a_typed_error(tmp_path: Path) -> None:
    rng = random.Random(7)
    text = plain("[('a', '<f4'), ('b', '|O')]", "(2, 3)")
    for _ in range(2000):
        damaged = list(text)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice("{}()[],:'\"0123TrueFalsN <|O\\b\0")
        try:
            attempt(tmp_path, zipped(npy("".join(damaged), BODY)))
        except ModelportError:
            continue


ARRAYS = {
    "layer/weight": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "layer/bias": np.asfortranarray(np.arange(6, dtype=np.int64).reshape(2, 3)),
    "flag": np.array([True, False]),
    "scalar": np.array(2.5),
    "none": np.zeros((0, 3), np.float16),
    "complex": np.array([1 + 2j], np.complex64),
    "big": np.arange(3, dtype=">i2"),
    "text": np.array(["a", "äöü"]),
    "octets": np.array([b"a", b"bc"]),
}


def test_written_files_are_read_by_numpy(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    assert list(written(model_of(ARRAYS), path, FORMAT)) == []
    with np.load(path, allow_pickle=False) as judge:
        assert judge.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert judge[name].dtype == array.dtype.newbyteorder("<")
            assert np.array_equal(judge[name], array)
    check_against_numpy(path)


def test_narrow_floats_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    names = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e8m0fnu"]
    arrays = {name: np.arange(1, 4).astype(getattr(ml_dtypes, name)) for name in names}
    assert list(written(model_of(arrays), path, FORMAT)) == []
    with np.load(path, allow_pickle=False) as judge:
        for name, array in arrays.items():
            assert bits(judge[name].view(array.dtype)) == bits(array)
    tensors = opened(path, FORMAT).tensors
    for name, array in arrays.items():
        assert tensors[name].dtype.name == name
        assert bits(tensors[name].numpy()) == bits(array)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        written(opened(NPZ / "layouts.npz", FORMAT), tmp_path / name, FORMAT)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_everything_left_out_is_reported(tmp_path: Path) -> None:
    model = model_of({"/slash": np.zeros(2), "a/../b": np.ones(1), "w": np.arange(2.0)})
    model.dialect = "ai.onnx"
    model.metadata = {"licence": "MIT"}
    tensors = model.graph.tensors
    tensors["i4"] = Tensor("i4", InMemory(np.array([-8, 7]).astype(ml_dtypes.int4)))
    tensors["f4"] = Tensor("f4", InMemory(np.array([0.5, -6]).astype(ml_dtypes.float4_e2m1fn)))
    tensors["mixed"] = Tensor("mixed", InMemory(np.array(["a", b"b"], object)))
    tensors["mixed"].data.dtype = DTYPES["string"]
    tensors["padded"] = Tensor("padded", InMemory(np.array([b"a\0"], object)))
    tensors["padded"].data.dtype = DTYPES["string"]
    path = tmp_path / "x.npz"
    report = written(model, path, FORMAT)
    noted = {(change.kind, change.component, change.where) for change in report}
    weights = Component.WEIGHTS
    assert noted == {
        (Kind.DROPPED, Component.ARCHITECTURE, "test"),
        (Kind.DROPPED, Component.METADATA, "test"),
        (Kind.REARRANGED, weights, "/slash"),
        (Kind.REARRANGED, weights, "a/../b"),
        (Kind.APPROXIMATED, weights, "i4"),
        (Kind.APPROXIMATED, weights, "f4"),
        (Kind.DROPPED, weights, "mixed"),
        (Kind.DROPPED, weights, "padded"),
    }
    with np.load(path) as judge:
        assert set(judge.files) == {"%2Fslash", "a%2F%2E%2E%2Fb", "w", "i4", "f4"}
        assert judge["i4"].tolist() == [-8, 7]
        assert judge["f4"].tolist() == [0.5, -6]
    check_against_numpy(path)


def test_every_dtype_of_the_table_is_held_widened_or_reported(tmp_path: Path) -> None:
    for dtype in DTYPES.values():
        if dtype.bits == 0:
            continue
        raw = bytes(dtype.nbytes(8))
        model = model_of({})
        model.graph.tensors["w"] = Tensor(
            "w", FileSlice(BytesSource(raw), 0, len(raw), dtype, (8,))
        )
        path = tmp_path / f"{dtype}.npz"
        changes = list(written(model, path, FORMAT))
        back = opened(path, FORMAT).tensors["w"]
        assert back.dtype is dtype or changes[0].kind is Kind.APPROXIMATED
        assert back.shape == (8,)


def test_the_format_says_what_it_holds() -> None:
    assert set(FORMAT.holds) == set(Component)
    for component, sample in FORMAT.samples.items():
        assert component in opened(FILES / sample, FORMAT).components


@pytest.mark.parametrize("name", ["..", ".", "/lead", "x/", "a//b", "a/../b"])
def test_keras_weights_refuse_names_that_are_no_paths(name: str, tmp_path: Path) -> None:
    source = tmp_path / "a.safetensors"
    safetensors.numpy.save_file({name: np.zeros(2, np.float32)}, source)
    with pytest.raises(ConversionError, match="paths"):
        modelport.convert(source, tmp_path / "b.weights.h5")
    assert list(tmp_path.iterdir()) == [source]
    report = modelport.convert(source, tmp_path / "b.npz")
    assert report.verification["weights_exact"] is True


def test_members_that_are_no_arrays_are_listed() -> None:
    path = NPZ / "other_members.npz"
    model = modelport.open(path)
    with np.load(path) as loaded:
        arrays = {name: loaded[name] for name in loaded.files}
    others = [name for name, value in arrays.items() if isinstance(value, bytes)]
    assert model.metadata["other_members"] == others == ["notes.txt"]
    assert set(model.tensors) == arrays.keys() - set(others)
    for name, tensor in model.tensors.items():
        assert np.array_equal(tensor.numpy(), arrays[name])


def test_what_an_archive_holds_beside_arrays_is_reported_as_left_out(tmp_path: Path) -> None:
    report = modelport.convert(NPZ / "other_members.npz", tmp_path / "w.npz")
    assert [change.component for change in report.changes] == ["metadata"]


@pytest.mark.parametrize("other", ["pickle", "objects"])
def test_pickles_beside_arrays_are_judged(other: str, tmp_path: Path) -> None:
    runs = b"cposix\nsystem\n(S'touch /nowhere/x'\ntR."
    data = runs if other == "pickle" else write_header("|O", (1,)) + runs
    path = tmp_path / "arrays.npz"
    np.savez(path, a=np.zeros(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more", data)
    assert modelport.open(path).level is Level.DANGEROUS


def test_one_name_for_two_arrays_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez(path, a=np.zeros(3))
    with zipfile.ZipFile(path) as archive:
        data = archive.read("a.npy")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a", data)
    with pytest.raises(MalformedFile, match="one array a name"):
        modelport.open(path)


def test_zeros_that_numpy_packs_a_thousand_times_are_read(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, mask=np.zeros((9, 1 << 20), np.float16), weight=np.ones(3))
    tensors = modelport.open(path).tensors
    assert path.stat().st_size < 1 << 16
    assert tensors["mask"].shape == (9, 1 << 20)
    assert not tensors["mask"].numpy().any()
