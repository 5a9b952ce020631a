"""Pickles and files of joblib: arrays as tensors, everything else as a readable tree."""

from __future__ import annotations

import argparse
import bz2
import collections
import gzip
import io
import lzma
import pickle
import tracemalloc
import warnings
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.torch
import torch
from tests.samples import FILES

import modelport
from modelport.commands.inspect import inspect, unreadable
from modelport.commands.scan import scan, scan_file
from modelport.errors import ConversionError, LimitExceeded, MalformedFile, ModelportError
from modelport.model.component import Component
from modelport.model.model import Level
from modelport.wire import lz4
from modelport.wire.compressed import unpack
from modelport.wire.source import BytesSource

FOLDER = FILES / "pickle"
VALUES = sorted(FOLDER.glob("values*.pkl*"))
FORESTS = sorted(FOLDER.glob("forest*.joblib"))


@pytest.mark.parametrize("path", [*VALUES, *FORESTS], ids=lambda path: path.name)
def test_arrays_are_those_that_were_pickled(path: Path) -> None:
    tensors = modelport.open(path).tensors
    with np.load(FOLDER / "values.io.npz") as recorded:
        for name, key in {
            "layers.0.w": "w0",
            "layers.0.b": "b",
            "layers.1.w": "w1",
            "big": "big",
        }.items():
            assert np.array_equal(tensors[name].numpy(), recorded[key]), name
    assert tensors["text"].numpy().tolist() == ["a", "bcd"]


@pytest.mark.parametrize("path", VALUES, ids=lambda path: path.name)
def test_other_values_are_shown_as_they_are(path: Path) -> None:
    found = inspect(path)
    assert found["verdict"]["level"] == "inert"
    assert found["python_objects"]["epoch"] == 3
    assert found["python_objects"]["rate"] == 0.5
    assert found["python_objects"]["mixed"] == [1, None, "x"]
    assert found["python_objects"]["layers"][0]["w"] == {"tensor": "float32", "shape": [60, 4]}


@pytest.mark.parametrize("path", [FOLDER / "forest.pkl", *FORESTS], ids=lambda path: path.name)
def test_an_estimator_shows_class_parameters_and_fitted_arrays(path: Path) -> None:
    found = inspect(path)
    objects = found["python_objects"]
    forest = objects if path.suffix == ".pkl" else objects["forest"]
    assert forest["class"] == "sklearn.ensemble._forest.RandomForestClassifier"
    assert forest["max_depth"] == 2
    assert [tree["class"] for tree in forest["estimators_"]] == (
        ["sklearn.tree._classes.DecisionTreeClassifier"] * 2
    )
    assert found["producer"]["name"] == "scikit-learn"
    assert found["verdict"]["level"] == "needs-code"
    names = modelport.open(path).tensors
    assert any(name.endswith("estimators_.1.tree_.values") for name in names)


@pytest.mark.parametrize(
    ("name", "shown"),
    {
        "estimators.joblib": "sklearn.linear_model._stochastic_gradient.SGDClassifier",
        "frames.joblib": "pandas.DataFrame",
        "distributions.joblib": "scipy.stats._continuous_distns.norm_gen",
        "classes.pkl": "cloudpickle.cloudpickle._make_skeleton_class",
    }.items(),
)
def test_what_people_keep_needs_its_package_and_no_more(name: str, shown: str) -> None:
    found = inspect(FOLDER / name)
    findings = found["verdict"]["findings"]
    assert [held for held in findings if held["level"] != "needs-code"] == []
    assert shown in str(found["python_objects"])


@pytest.mark.parametrize(
    "text",
    [
        "import io\nimport os\n\nprint(1)\n",
        "class Net(Module):\n    pass\n",
        "chat_template:\n  {{ message }}\n",
        "certifi\nidna\npip\n",
        "config\nmodel\nweights\n",
    ],
)
def test_text_beside_models_is_no_pickle(tmp_path: Path, text: str) -> None:
    path = tmp_path / "beside.txt"
    path.write_text(text)
    assert scan_file(str(path))["level"] is None
    path.write_bytes(b"cos\nsystem\n" + text.encode())
    assert scan_file(str(path))["level"] == Level.MALFORMED


@pytest.mark.parametrize(
    "wrap",
    [gzip.compress, zlib.compress, bz2.compress, lzma.compress],
    ids=["gzip", "zlib", "bzip2", "xz"],
)
def test_danger_is_seen_through_any_wrapper(wrap: object, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(wrap(b"\x80\x02cposix\nsystem\n(S'x'\ntR."))  # type: ignore[operator]
    assert modelport.open(path).level is Level.DANGEROUS


def test_what_was_found_before_the_end_broke_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02cposix\nsystem\n(S'x'\ntR")
    with pytest.raises(MalformedFile) as caught:
        modelport.open(path)
    verdict = unreadable(path, caught.value)["verdict"]
    assert verdict["level"] == "dangerous"
    assert [finding["rule"] for finding in verdict["findings"]] == ["PKL-001", "PKL-020"]


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_second_stream_is_judged(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([1], protocol) + b"cposix\nsystem\n(S'x'\ntR.")
    assert modelport.open(path).level is Level.DANGEROUS


def test_a_plain_pickle_refers_to_nothing_outside(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02K\x01Q.")
    with pytest.raises(MalformedFile):
        modelport.open(path)


def test_a_bomb_is_refused() -> None:
    packed = gzip.compress(bytes(300 << 20), 9)
    with pytest.raises(LimitExceeded):
        unpack(BytesSource(packed), "gzip")


@pytest.mark.parametrize("path", FORESTS, ids=lambda path: path.name)
def test_a_file_cut_anywhere_ends_in_one_error(path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    cut = tmp_path / "cut.joblib"
    for length in range(0, len(whole), 61):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelportError):
            modelport.open(cut)


def test_lz4_frames_of_every_kind_are_unpacked() -> None:
    stored = b"\x04\x22\x4d\x18\x60\x40\x82" + (1 << 31 | 3).to_bytes(4, "little") + b"abc"
    source = BytesSource(stored + bytes(4))
    assert b"".join(lz4.unpack(source)) == b"abc"
    # four literals, then a copy of nine bytes that reaches into what it writes
    block = b"\x45abcd\x04\x00\x10e"
    frame = b"\x04\x22\x4d\x18\x60\x40\x82" + len(block).to_bytes(4, "little") + block + bytes(4)
    assert b"".join(lz4.unpack(BytesSource(frame))) == b"abcdabcdabcdae"


def shared_and_cyclic() -> dict[str, object]:
    array = np.arange(12.0, dtype=">f8").reshape(3, 4)
    names: list[object] = ["a", 1, -(2**70), 1.5, None, True, 2 + 3j, b"raw" * 200, bytearray(b"x")]
    value = {"array": array, "again": array, "names": names, "sets": [{1}, frozenset({"b"})]}
    names.append(names)
    value["kinds"] = [collections.OrderedDict(b=1, a=2), np.float32(1.5), array[0], (1, (2,))]
    return value


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_written_again(protocol: int, tmp_path: Path) -> None:
    value = shared_and_cyclic()
    path, target = tmp_path / "a.pkl", tmp_path / "b.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    assert modelport.convert(path, target).lossless
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pickle.loads(target.read_bytes())
    assert found["array"] is found["again"]
    assert found["names"].pop() is found["names"]
    value["names"].pop()  # type: ignore[attr-defined]
    assert found["names"] == value["names"]
    assert found["sets"] == value["sets"]
    assert type(found["kinds"][0]) is collections.OrderedDict
    assert type(found["kinds"][1]) is np.float32
    assert found["kinds"][3] == (1, (2,))
    for name in ("array", "again"):
        assert np.array_equal(found[name], value[name])
        assert found[name].dtype == pickle.loads(path.read_bytes())[name].dtype


@pytest.mark.parametrize("name", ["forest.pkl", "forest.joblib", "forest_lz4.joblib"])
def test_arrays_alone_are_left_of_what_needs_code(name: str, tmp_path: Path) -> None:
    source, target = FILES / "pickle" / name, tmp_path / "b.pkl"
    report = modelport.convert(source, target)
    assert any(change.component is Component.PYTHON_OBJECTS for change in report)
    written = modelport.open(target)
    assert written.level is Level.INERT
    found, arrays = pickle.loads(target.read_bytes()), modelport.open(source).tensors
    dropped = {change.where for change in report}
    assert set(found) == set(arrays) - dropped
    for key, array in found.items():
        assert np.array_equal(array, arrays[key].numpy()), key


def test_objects_without_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(argparse.Namespace(a=1)))
    with pytest.raises(ConversionError, match="no arrays"):
        modelport.convert(path, tmp_path / "b.pkl")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_of_torch_in_a_plain_pickle(protocol: int, tmp_path: Path) -> None:
    torch.manual_seed(1)
    weight = torch.randn(3, 4)
    value = {
        "state": collections.OrderedDict(w=weight, t=weight.t(), n=torch.arange(3)),
        "list": [torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16)), np.arange(3)],
        "sparse": torch.eye(2).to_sparse(),
    }
    path, target = tmp_path / "a.pkl", tmp_path / "b.safetensors"
    path.write_bytes(pickle.dumps(value, protocol))
    model = modelport.open(path)
    assert model.level is Level.INERT
    assert model.producer.name == "PyTorch"
    for name, wanted in {
        "state.w": weight,
        "state.t": weight.t(),
        "state.n": torch.arange(3),
        "list.1": torch.arange(3),
        "sparse.values": torch.ones(2),
    }.items():
        assert np.array_equal(model.tensors[name].numpy(), wanted.numpy()), name
    assert model.tensors["list.0"].dtype.name == "bfloat16"
    modelport.convert(path, target)
    assert torch.equal(safetensors.torch.load_file(target)["state.t"], weight.t())
    modelport.convert(path, tmp_path / "again.pkl")
    again = pickle.loads((tmp_path / "again.pkl").read_bytes())
    assert torch.equal(again["state"]["t"], weight.t())


class Storage:
    """Pickled as a storage of torch, with any bytes for its file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[object, ...]:
        return torch.storage._load_from_bytes, (self.data,)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("never",)


def saved(value: object, *, legacy: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "level"),
    [
        (saved(Evil()), Level.DANGEROUS),
        (saved(Evil(), legacy=False), Level.DANGEROUS),
        (pickle.dumps(Evil()), Level.DANGEROUS),
        (saved(Storage(saved(Evil()))), Level.DANGEROUS),
        (saved([torch.ones(2), Evil()]), Level.DANGEROUS),
        (saved(torch.ones(2).untyped_storage())[:-3], Level.MALFORMED),
        (saved(torch.ones(2).untyped_storage())[:40], Level.MALFORMED),
        (b"", Level.DANGEROUS),
    ],
    ids=["evil", "zip", "pickle", "twice", "list", "cut", "cut early", "nothing"],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_file_inside_a_pickle_is_judged(
    data: bytes, level: Level, protocol: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": Storage(data)}, protocol))
    (described,) = scan([path])["files"]
    assert described["level"] == level


class Calls:
    def __reduce__(self) -> tuple[object, ...]:
        return torch.from_file, ("weights.bin", False, 4)


@pytest.mark.parametrize(
    ("value", "level"),
    [(torch.relu, Level.NEEDS_CODE), ([torch.tanh] * 2, Level.NEEDS_CODE), (Calls(), "dangerous")],
    ids=["named", "twice", "called"],
)
def test_functions_of_torch_may_be_named_but_not_called(
    value: object, level: str, tmp_path: Path
) -> None:
    for path, data in (("a.pkl", pickle.dumps(value)), ("a.pt", saved(value, legacy=False))):
        (tmp_path / path).write_bytes(data)
        assert scan([tmp_path / path])["files"][0]["level"] == level


ML_DTYPES = ("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e8m0fnu")


@pytest.mark.parametrize("name", ML_DTYPES)
@pytest.mark.parametrize("protocol", range(2, 6))
def test_types_of_ml_dtypes_are_types_of_arrays(name: str, protocol: int, tmp_path: Path) -> None:
    values = np.arange(1, 13).reshape(3, 4).astype(getattr(ml_dtypes, name))
    held = {"c": values, "f": np.asfortranarray(values), "none": values[:0], "half": np.float16(2)}
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(held, protocol))
    model = modelport.open(path)
    assert model.level is Level.INERT
    assert {key: str(found.dtype) for key, found in model.tensors.items()} == dict.fromkeys(
        ("c", "f", "none"), name
    )
    for key, found in model.tensors.items():
        assert found.numpy().tobytes() == held[key].tobytes()


def test_lists_inside_each_other_take_time_and_memory_by_their_number(tmp_path: Path) -> None:
    depth = 60_000  # 4 GB of paths, were each put together
    path = tmp_path / "deep.pkl"
    path.write_bytes(b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b".")
    tracemalloc.start()
    try:
        assert modelport.open(path).level is Level.INERT
        assert tracemalloc.get_traced_memory()[1] < 200_000_000
    finally:
        tracemalloc.stop()
