"""Reading and writing ONNX, judged by the onnx package."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.corpus import SHARED, corpus, needs_shared
from tests.formats.onnx_messages import load, normal, same

from modelport.errors import ConversionError
from modelport.formats import table
from modelport.formats.candidate import Candidate
from modelport.formats.onnx import FORMAT
from modelport.formats.shared.onnx import model_write
from modelport.model.component import Component
from modelport.model.dtype import FLOAT32
from modelport.model.expression import fill, source, transpose
from modelport.model.graph import (
    Graph,
    Node,
    Reference,
    Scope,
    SequenceType,
    SparseTensor,
    TensorType,
    UnknownType,
    Value,
)
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.model.tensor import FileSlice, InMemory, Tensor
from modelport.wire.output import Output
from modelport.wire.source import FileSource

FILES = Path(__file__).parents[1] / "files" / "onnx"
SAMPLES = sorted(path.name for path in FILES.glob("*.onnx"))
PACKAGE_DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"


def read(path: Path) -> Model:
    return table.read(Candidate(path))


def save_path(model: Model, path: Path, *, external_data: bool = False) -> Path:
    with Output(path, overwrite=True) as output:
        model_write.write(model, output, Report(), external_data=external_data)
        output.publish()
    return path


def save(model: Model, path: Path) -> bytes:
    return save_path(model, path).read_bytes()


def valid(model: onnx.ModelProto) -> bool:
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError):
        return False
    return True


def check_round_trip(data: bytes, folder: Path) -> None:
    """Read, write, and let onnx compare both."""
    (folder / "a.onnx").write_bytes(data)
    written = load(save(read(folder / "a.onnx"), folder / "b.onnx"))
    stated = load(data)
    if not stated.ir_version:  # there must be one, so it is set
        stated.ir_version = written.ir_version
    assert same(stated, written)
    assert not valid(stated) or valid(written)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_survive(name: str, tmp_path: Path) -> None:
    stated = onnx.load(FILES / name)
    for tensor in stated.graph.initializer:  # values that were beside the file are inside now
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    written = load(save(read(FILES / name), tmp_path / "b.onnx"))
    assert same(stated, written)


def test_models_of_the_package_survive(tmp_path: Path) -> None:
    paths = sorted(PACKAGE_DATA.rglob("*.onnx"))
    assert len(paths) > 100
    for path in paths:
        check_round_trip(path.read_bytes(), tmp_path)


def test_models_of_every_operator_survive(tmp_path: Path) -> None:
    models = list(operator_models())
    assert len(models) > 1000
    for data in models[::4]:  # all of them pass too, in four times the time
        check_round_trip(data, tmp_path)


def operator_models() -> Iterator[bytes]:
    """The test models of every operator that the onnx package makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases(None)
    return (case.model.SerializeToString() for case in cases if case.model is not None)


@needs_shared
@pytest.mark.parametrize("name", corpus("onnx"))
def test_real_files_survive(name: str, tmp_path: Path) -> None:
    check_round_trip((SHARED / "corpus" / name).read_bytes(), tmp_path)


@needs_shared
def test_only_onnx_matches() -> None:
    paths = [path for path in (SHARED / "corpus").rglob("*") if path.is_file()]
    assert len(paths) > 200
    for path in paths:
        assert FORMAT.match(Candidate(path)) == (path.parent.name == "onnx"), path


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"\x08\x01",  # an IR version alone
        b"ir_version: 7\nproducer_name: 'text form'\ngraph { node { } }\n" * 20,
        b":   : : : : text with the tag of a graph",
        helper.make_tensor("t", TensorProto.FLOAT, [2], [1.0, 2.0]).SerializeToString(),
        b"\x08\x01\x12\x06\x0a\x04serve",  # a SavedModel begins like this
        b"\x80\x02}q\x00.",
    ],
)
def test_other_bytes_do_not_match(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(data)
    assert not FORMAT.match(Candidate(tmp_path / "a.onnx"))


def test_values_of_every_dtype() -> None:
    stated = onnx.load(FILES / "dtypes.onnx")
    tensors = read(FILES / "dtypes.onnx").tensors
    for tensor in stated.graph.initializer:
        if tensor.data_type == TensorProto.STRING:
            continue
        found = tensors[tensor.name]
        expected = numpy_helper.to_array(tensor)
        raw = numpy_helper.from_array(expected).raw_data
        assert found.numpy().dtype == expected.dtype, tensor.name
        assert found.numpy().tobytes() == expected.tobytes(), tensor.name
        box = found.data.read_box(((1, 3),))
        assert box.tobytes() == expected[1:3].tobytes(), tensor.name
        assert b"".join(found.pieces()) == raw, tensor.name
        assert found.shape == expected.shape
        assert found.nbytes == len(raw)
    assert tensors["STRING_typed"].numpy().tolist() == ["plain", "größer", b"\xff\x00raw"]


def test_unpacked_and_split_typed_fields(tmp_path: Path) -> None:
    """Old writers state every number as a field of its own; both spellings may be mixed."""
    packed = b"\x08\x05\x10\x07" + b"\x3a\x02\x01\x02" + b"\x38\x03" + b"\x3a\x02\x04\x05"
    floats = b"\x08\x02\x10\x01" + b"\x25\0\0\x80\x3f" + b"\x25\0\0\0\x40"
    model = onnx.load(FILES / "early.onnx")
    for name, data in (("ints", packed), ("floats", floats)):
        tensor = model.graph.initializer.add()
        tensor.ParseFromString(data)
        tensor.name = name
    stated = model.SerializeToString()
    spelled = b""
    for name, data in (("ints", packed), ("floats", floats)):
        tensor = data + b"\x42" + bytes([len(name)]) + name.encode()
        spelled += b"\x2a" + bytes([len(tensor)]) + tensor
    early = onnx.load(FILES / "early.onnx")
    graph = early.graph.SerializeToString() + spelled
    early.ClearField("graph")
    head = early.SerializeToString()
    path = tmp_path / "a.onnx"
    path.write_bytes(head + b"\x3a" + _varint(len(graph)) + graph)
    tensors = read(path).tensors
    assert tensors["ints"].numpy().tolist() == [1, 2, 3, 4, 5]
    assert tensors["floats"].numpy().tolist() == [1.0, 2.0]
    assert same(load(stated), load(save(read(path), tmp_path / "b.onnx")))


def _varint(value: int) -> bytes:
    out = []
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def test_attributes_are_plain_values() -> None:
    attributes = read(FILES / "attributes.onnx").graph.nodes[0].attributes
    assert attributes["float"] == 1.0
    assert isinstance(attributes["float"], float)
    assert attributes["int"] == -3
    assert attributes["text"] == "größer"
    assert attributes["bytes"] == b"\xff\xfe"
    assert attributes["ints"] == [1, -(2**63), 2**63 - 1]
    assert attributes["texts"] == ["a", b"\xff"]
    assert attributes["tensor"].numpy().tolist() == [1.0, 2.0]
    assert isinstance(attributes["graph"], Graph)
    assert isinstance(attributes["sparse"], SparseTensor)
    assert isinstance(attributes["type"], TensorType)
    assert attributes["no_strings"] == []
    assert "absent" not in attributes
    assert len(attributes) == 21


def test_long_attributes(tmp_path: Path) -> None:
    """Such as the tables of a tree ensemble: passed quickly, decoded when asked for."""
    stated = {
        "ints": [(-1) ** index * index**4 for index in range(20_000)],
        "floats": np.linspace(-1, 1, 20_000, dtype=np.float32).tolist(),
        "strings": ["BRANCH_LEQ", "LEAF"] * 1000,
        "tensor": numpy_helper.from_array(np.arange(5000.0)),
        "after": 3,
    }
    node = helper.make_node("TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", **stated)
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([node], "trees", [value], [value])
    opset = helper.make_opsetid("ai.onnx.ml", 5)
    data = helper.make_model(graph, opset_imports=[opset]).SerializeToString()
    (tmp_path / "a.onnx").write_bytes(data)
    attributes = read(tmp_path / "a.onnx").graph.nodes[0].attributes
    assert attributes["ints"] == stated["ints"]
    assert attributes["floats"] == stated["floats"]
    assert attributes["strings"] == stated["strings"]
    assert attributes["tensor"].numpy().tolist() == list(range(5000))
    assert attributes["after"] == 3
    check_round_trip(data, tmp_path)


def test_functions_refer_to_attributes() -> None:
    function = read(FILES / "function.onnx").functions["my.ops", "Scale", "float"]
    assert function.nodes[0].attributes["value_float"] == Reference("alpha", "FLOAT")
    assert function.attributes == ["alpha"]
    assert dict(function.defaults) == {"beta": 0.5}
    assert function.metadata == {"written_by": "hand"}
    assert function.opsets == {"ai.onnx": 21}


def test_types() -> None:
    inputs = {value.name: value for value in read(FILES / "types.onnx").graph.inputs}
    tensor = TensorType(inputs["image"].dtype, ("N", 4))
    assert inputs["sequence"].type == SequenceType(tensor)
    assert inputs["image"].type.denotation == "IMAGE"
    assert inputs["image"].type.dim_denotations == ("DATA_BATCH", "DATA_CHANNEL", "", "")
    assert inputs["mapping"].type.key.name == "int64"
    assert inputs["mapping"].doc == "from numbers"
    assert inputs["sparse"].type.sparse
    assert inputs["thing"].type.name == "thing"
    assert inputs["untyped"].type == UnknownType(b"")


def test_metadata_and_training() -> None:
    model = read(FILES / "metadata.onnx")
    assert model.metadata["licence"] == "Apache-2.0"
    assert model.metadata["onnx"] == {
        "domain": "org.sample",
        "model_version": 7,
        "doc_string": "a model",
    }
    assert model.graph.nodes[0].metadata == {"place": "1", "empty": ""}
    assert model.graph.tensors["dense/kernel"].metadata == {"place": "2", "empty": ""}
    assert model.producer.name == "sample"
    assert model.format_version == "11"
    trained = read(FILES / "training.onnx")
    assert trained.training.loss == "mse"
    assert trained.training.optimizer.hyperparameters == {"learning_rate": 0.001}
    assert trained.hyperparameters == {"epochs": 3}
    assert {Component.LOSS, Component.OPTIMIZER, Component.WEIGHTS} <= trained.components
    assert model.training is None


def test_early_files_list_weights_as_inputs() -> None:
    model = read(FILES / "early.onnx")
    assert [value.name for value in model.signature.inputs] == ["x"]
    assert [value.name for value in model.graph.inputs] == ["x", "dense/kernel", "dense/bias"]
    assert model.opsets == {}
    assert model.graph.nodes[1].attributes["broadcast"] == 1


def test_the_last_of_two_initializers_counts(tmp_path: Path) -> None:
    model = onnx.load(FILES / "early.onnx")
    again = model.graph.initializer.add()
    again.CopyFrom(numpy_helper.from_array(np.ones(256, np.float32), "dense/bias"))
    onnx.save(model, tmp_path / "a.onnx")
    found = read(tmp_path / "a.onnx")
    assert found.tensors["dense/bias"].numpy().tolist() == [1.0] * 256
    assert [finding.rule for finding in found.findings] == ["ONX-003"]
    assert found.level == "inert"


def test_unknown_fields_are_kept(tmp_path: Path) -> None:
    future = b"\xca\x3e\x03new" + b"\xd0\x3e\x07" + b"\xdd\x3e\x01\x02\x03\x04"
    model = onnx.load(FILES / "metadata.onnx")
    parts = (
        model,
        model.graph,
        model.graph.node[0],
        model.graph.initializer[0],
        model.graph.input[0],
        model.graph.node[0].attribute.add(name="a", type=onnx.AttributeProto.INT),
    )
    for part in parts:
        part.MergeFromString(future)
    data = model.SerializeToString()
    assert data.count(future) == len(parts)
    (tmp_path / "a.onnx").write_bytes(data)
    written = save(read(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    assert written.count(future) == len(parts)
    assert same(load(data), load(written))


def test_segments_are_kept_but_not_joined(tmp_path: Path) -> None:
    model = onnx.load(FILES / "early.onnx")
    tensor = model.graph.initializer[1]
    tensor.segment.begin, tensor.segment.end = 0, 2
    tensor.raw_data = bytes(8)
    onnx.save(model, tmp_path / "a.onnx")
    found = read(tmp_path / "a.onnx")
    with pytest.raises(Exception, match="segments"):
        found.tensors["dense/bias"].numpy()
    assert same(model, load(save(found, tmp_path / "b.onnx")))


def test_external_values(tmp_path: Path) -> None:
    model = read(FILES / "external.onnx")
    expected = onnx.load(FILES / "external.onnx")
    for tensor in expected.graph.initializer:
        found = model.tensors[tensor.name].numpy()
        assert found.tobytes() == numpy_helper.to_array(tensor).tobytes()
    save_path(model, tmp_path / "out.onnx", external_data=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.onnx", "out.onnx.data"]
    headers = onnx.load(tmp_path / "out.onnx", load_external_data=False)
    entries = [
        {entry.key: entry.value for entry in tensor.external_data}
        for tensor in headers.graph.initializer
    ]
    assert entries[0] == {"location": "out.onnx.data", "offset": "0", "length": "16384"}
    assert entries[1] == {}  # small tensors stay inside
    written = onnx.load(tmp_path / "out.onnx")
    for a, b in zip(expected.graph.initializer, written.graph.initializer, strict=True):
        assert numpy_helper.to_array(a).tobytes() == numpy_helper.to_array(b).tobytes()
    onnx.checker.check_model(str(tmp_path / "out.onnx"))


def test_over_two_gigabytes_values_go_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_write, "MAX_BYTES", 10_000)
    save(read(FILES / "external.onnx"), tmp_path / "out.onnx")
    assert (tmp_path / "out.onnx.data").stat().st_size == 16384


def built() -> Model:
    kernel = Tensor("kernel", InMemory(np.arange(6, dtype=np.float32).reshape(2, 3)))
    graph = Graph(
        "built",
        inputs=[Value("x", TensorType(kernel.dtype, (None, 3)))],
        outputs=[Value("y", TensorType(kernel.dtype, ("N", 2)))],
    )
    graph.tensors["kernel"] = Tensor("kernel", transpose(source(kernel), (1, 0)))
    graph.tensors["bias"] = Tensor("bias", fill((2,), 0.5, kernel.dtype), {"role": "bias"})
    graph.nodes = [Node("ai.onnx", "Gemm", "dense", ["x", "kernel", "bias"], ["y"], {"alpha": 1.0})]
    return Model("onnx", "", dialect="ai.onnx", kind="graph", graph=graph, opsets={"ai.onnx": 21})


def test_built_models_pass_the_checker(tmp_path: Path) -> None:
    data = save(built(), tmp_path / "a.onnx")
    written = load(data)
    onnx.checker.check_model(written, full_check=True)
    assert written.ir_version == 10
    assert numpy_helper.to_array(written.graph.initializer[0]).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert numpy_helper.to_array(written.graph.initializer[1]).tolist() == [0.5, 0.5]
    assert save(built(), tmp_path / "b.onnx") == data


def test_the_ir_version_suits_the_dtypes(tmp_path: Path) -> None:
    import ml_dtypes

    model = built()
    values = np.ones(2, ml_dtypes.float8_e8m0fnu)
    model.graph.tensors["scale"] = Tensor("scale", InMemory(values))
    assert load(save(model, tmp_path / "a.onnx")).ir_version == 12


@pytest.mark.parametrize(
    "node",
    [
        Node("ai.onnx", "A", "n", outputs=["a"], attributes={"a": None}),
        Node("ai.onnx", "A", "n", outputs=["a"], attributes={"a": [1, "one"]}),
        Node("ai.onnx", "A", "n", outputs=["a"], attributes={"a": {"key": 1}}),
        Node("keras", "Dense", "n", outputs=["a"], parameters={"kernel": "n/kernel"}),
    ],
)
def test_what_onnx_cannot_hold_is_named(node: Node, tmp_path: Path) -> None:
    model = built()
    model.graph.nodes.append(node)
    with pytest.raises(ConversionError, match=r"^n: "):
        save(model, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_python_values_become_attributes(tmp_path: Path) -> None:
    given = {"a": True, "b": np.int64(4), "c": np.float32(0.5), "d": (1, 2.5), "e": [], "f": b"x"}
    model = built()
    model.opsets["my.ops"] = 1
    model.graph.nodes.append(Node("my.ops", "A", "n", outputs=["a"], attributes=dict(given)))
    written = load(save(model, tmp_path / "a.onnx")).graph.node[1]
    found = {a.name: helper.get_attribute_value(a) for a in written.attribute}
    assert found == {"a": 1, "b": 4, "c": 0.5, "d": [1.0, 2.5], "e": [], "f": b"x"}
    assert read(tmp_path / "a.onnx").graph.nodes[1].domain == "my.ops"


def test_the_scope_of_a_node_survives(tmp_path: Path) -> None:
    model = built()
    scope = (Scope("encoder", "Model", 1), Scope("dense", "Dense"))
    model.graph.nodes[0].scope = scope
    save(model, tmp_path / "a.onnx")
    node = read(tmp_path / "a.onnx").graph.nodes[0]
    assert node.scope == scope
    assert node.metadata == {}


def test_attributes_of_a_graph_are_reported(tmp_path: Path) -> None:
    model = built()
    model.graph.attributes["trainable"] = False
    report = Report()
    with Output(tmp_path / "a.onnx") as output:
        model_write.write(model, output, report)
    assert [(change.kind, change.where) for change in report] == [("dropped", "built trainable")]


def test_writing_needs_little_memory(tmp_path: Path) -> None:
    (tmp_path / "values").write_bytes(bytes(64_000_000))
    values = FileSlice(FileSource(tmp_path / "values"), 0, 64_000_000, FLOAT32, (16_000_000,))
    model = built()
    model.graph.tensors["big"] = Tensor("big", values)
    tracemalloc.start()
    try:
        data = save_path(model, tmp_path / "a.onnx")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert data.stat().st_size > 64_000_000
    assert peak < 8_000_000


def test_listing_reads_no_values_and_imports_no_numpy(tmp_path: Path) -> None:
    model = onnx.load(FILES / "early.onnx")
    for index in range(4):
        array = np.zeros(1_000_000, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, f"big{index}"))
    onnx.save(model, tmp_path / "a.onnx")
    candidate = Candidate(tmp_path / "a.onnx")
    found = table.read(candidate)
    assert sum(tensor.nbytes for tensor in found.tensors.values()) > 16_000_000
    assert candidate.source.bytes_read < 200_000
    script = (
        "import sys; from pathlib import Path; from modelport.formats import table;"
        "from modelport.formats.candidate import Candidate;"
        "m = table.read(Candidate(Path(sys.argv[1])));"
        "[len(n.attributes) for n in m.graph.nodes]; m.tensors; m.signature;"
        "sys.exit('numpy' in sys.modules)"
    )
    for path in (tmp_path / "a.onnx", FILES / "attributes.onnx", FILES / "dtypes.onnx"):
        subprocess.run([sys.executable, "-c", script, str(path)], check=True)


def test_samples_are_what_their_maker_makes(tmp_path: Path) -> None:
    maker = importlib.util.spec_from_file_location("make_samples", FILES / "make_samples.py")
    assert maker is not None
    assert maker.loader is not None
    module = importlib.util.module_from_spec(maker)
    maker.loader.exec_module(module)
    module.FOLDER = tmp_path
    module.early()
    assert normal(onnx.load(tmp_path / "early.onnx")) == normal(onnx.load(FILES / "early.onnx"))


def test_the_samples_prove_the_table() -> None:
    for component, name in FORMAT.samples.items():
        assert component in read(FILES.parent / name).components
