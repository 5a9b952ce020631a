"""Types and constants of ONNX graphs: truth is the onnx package's own tests and inference."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper, version_converter
from onnx.backend.test.case.node import collect_testcases
from onnx.shape_inference import InferenceError
from tests.corpus import SHARED, corpus, needs_shared
from tests.dialects.onnx.types_truth import contradictions, infer_file, less_known, newest, theirs
from tests.samples import SAMPLES

import modelport
from modelport.dialects.onnx.edge import MOST
from modelport.dialects.onnx.types.call import RULES
from modelport.dialects.onnx.types.infer import infer
from modelport.dialects.onnx.types.known import DTYPE_OF, MOST_ELEMENTS, Known, vector
from modelport.dialects.onnx.types.table import FAMILIES, results
from modelport.errors import ModelportError
from modelport.model.dtype import BOOL, FLOAT32, INT64
from modelport.model.graph import Graph, Node, SequenceType, TensorType, Value
from modelport.model.tensor import InMemory, Tensor

OPERATORS = sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == ""})

DOUBTFUL = {
    # onnx takes the element of an empty sequence for a scalar; the values in it are vectors.
    "test_loop13_seq",
    "test_loop16_seq_none",
}


def test_every_operator_of_the_installed_package_has_a_rule() -> None:
    assert FAMILIES
    assert sorted(set(OPERATORS) - set(RULES)) == []


def test_no_rule_is_for_an_operator_that_never_was() -> None:
    assert sorted(set(RULES) - set(OPERATORS)) == []


def _array(value: object) -> object:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


@pytest.fixture(scope="module")
def cases() -> list[object]:
    with np.errstate(all="ignore"):
        return [case for case in collect_testcases("") if newest(case.model)]


@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_node_tests_agree(tmp_path: Path, cases: list) -> None:
    """Every node test: as much is known as onnx knows, and the recorded outputs are of that."""
    wrong = []
    for case in cases:
        types = infer_file(case.model, tmp_path / "node.onnx")
        if case.name not in DOUBTFUL:
            wrong += [f"{case.name} {why}" for why in less_known(types, theirs(case.model))]
        for _, outputs in case.data_sets:
            dims: dict[str, int] = {}
            for value, output in zip(case.model.graph.output, outputs, strict=False):
                found = contradictions(types[value.name], _array(output), dims)
                wrong += [f"{case.name} {value.name}: {why}" for why in found]
    assert "\n".join(wrong) == ""
    assert len(cases) > 1500


SHAPES = st.none() | st.lists(
    st.sampled_from([0, 1, 2, 3, 4, 1 << 40, (1 << 63) - 1, "batch", "time", None]), max_size=5
).map(tuple)
"""Of plausible extents, names among them, and of some that no memory holds."""
NUMBERS = st.sampled_from([-(1 << 63), -(10**9), -2, -1, 0, 1, 2, 3, 7, 10**9, (1 << 63) - 1])
SETTINGS = (
    "axis axes perm to keepdims group kernel_shape strides pads dilations auto_pad blocksize "
    "num_outputs batch_dims equation body then_branch else_branch num_scan_inputs direction layout "
    "hidden_size q_num_heads kv_num_heads allowzero start end dtype output_dtype value value_ints "
    "output_shape output_padding pooled_shape sample_size shape type onesided ceil_mode fmod "
    "ngram_indexes reduction scales keep_aspect_ratio_policy stash_type scan_input_axes"
).split()
BODY = Graph("b", inputs=[Value("i", TensorType(FLOAT32, ("n",)))], outputs=[Value("i")])
VALUES = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, max_size=5),
    st.sampled_from(
        [1.5, "", "NOTSET", "SAME_UPPER", "ij,jk->ik", "...i,i...", "none", b"x", BODY]
    ),
    st.just(Tensor("t", InMemory(np.array([7])))),
    st.just(SequenceType(TensorType(FLOAT32))),
)


@st.composite
def _inputs(draw: st.DrawFn) -> Known | None:
    dtype = draw(st.sampled_from([None, *DTYPE_OF.values(), *[INT64, FLOAT32] * 8]))
    what = draw(st.integers(0, 9))
    if what == 0:
        return None
    if what < 4:
        numbers = draw(st.lists(NUMBERS, max_size=5))
        return vector(numbers, INT64, scalar=len(numbers) == 1 and what == 1)
    if what == 4:
        return vector(draw(SHAPES) or (), INT64)
    boxes = draw(st.sampled_from([(), (), (), ("sequence",), ("optional", "sequence")]))
    return Known(dtype, draw(SHAPES), None, boxes)


@settings(max_examples=1500, deadline=2000, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(OPERATORS),
    st.lists(_inputs(), max_size=8),
    st.dictionaries(st.sampled_from(SETTINGS), VALUES, max_size=4),
    st.integers(0, 4),
)
def test_nonsense_is_refused_or_followed(op_type, inputs, given_settings, outputs) -> None:
    """Extents beyond reason, settings of wrong types, missing inputs: a ValueError, or a type."""
    try:
        found = results(op_type, inputs, given_settings, outputs)
    except ValueError:
        return
    assert len(found) == outputs
    for known in found:
        for extent in known.shape or ():
            assert extent is None or isinstance(extent, str) or 0 <= extent <= MOST
        if known.array is not None:
            assert known.array.shape == known.shape
            assert known.array.size <= MOST_ELEMENTS
        elif known.extents is not None:
            assert known.rank in (0, 1)


@needs_shared
@pytest.mark.filterwarnings("ignore")
def test_whole_models_of_other_people_are_known_as_well_as_onnx_knows_them(tmp_path: Path) -> None:
    """Every ONNX file of the corpus that onnx itself can bring to the opset written here."""
    seen = 0
    for name in corpus("onnx"):
        model = onnx.load(SHARED / "corpus" / name, load_external_data=False)
        try:
            model = model if newest(model) else version_converter.convert_version(model, 21)
        except (InferenceError, version_converter.ConvertError):
            continue
        types = infer_file(model, tmp_path / "m.onnx")
        assert less_known(types, theirs(model)) == [], name
        seen += 1
    assert seen > 15


SMALL = [path for found, path in SAMPLES if found.name in ("keras-h5", "keras-v3", "pt2")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", SMALL[::4], ids=lambda path: path.name)
def test_what_every_value_of_a_converted_model_is(source: Path, tmp_path: Path) -> None:
    """All inner values of a model that was lowered here, as onnxruntime computes them."""
    path = tmp_path / "m.onnx"
    try:
        modelport.convert(str(source), str(path), verify=False)
    except ModelportError:
        return  # weights alone, or a custom layer: nothing to infer
    model = onnx.load(path)
    types = infer_file(model, tmp_path / "bare.onnx")
    assert less_known(types, theirs(model)) == []
    made = [name for node in model.graph.node for name in node.output if name]
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in made)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    dims: dict[str, int] = {}
    feeds = {}
    for value in session.get_inputs():
        shape = [d if isinstance(d, int) else dims.setdefault(d, 5) for d in value.shape]
        feeds[value.name] = np.ones(shape, _FEEDS[value.type])
    for name, output in zip(made, session.run(made, feeds), strict=True):
        assert contradictions(types[name], output, dims) == [], name


_FEEDS = {
    f"tensor({name})": kind
    for name, kind in [
        *[("float", "float32"), ("double", "float64"), ("int32", "int32"), ("int64", "int64")],
        *[("string", object), ("bool", "bool"), ("float16", "float16"), ("uint8", "uint8")],
    ]
}


def _vector(name: str, *numbers: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(numbers, np.int64), name)


def _model(nodes: list, inputs: list, constants: list) -> onnx.ModelProto:
    outputs = [helper.make_empty_tensor_value_info(nodes[-1].output[0])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def test_a_shape_flows_through_its_arithmetic_and_gives_a_shape(tmp_path: Path) -> None:
    """The ways exporters spell ``x.view(b, -1, c * h)``, ``expand`` ... over a named batch.

    Truth are the outputs of onnxruntime for two different sizes of the batch.
    """
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 3, 4, "time"])
    constants = [
        *[_vector(f"v{n}", n) for n in (0, 1, 2, 3, -1)],
        *[numpy_helper.from_array(np.array(n, np.int64), f"s{n}") for n in (0, 1, 3)],
        _vector("kept", 0, 3),
        numpy_helper.from_array(np.array([True, False]), "mask"),
        _vector("two", 1, 12),
    ]
    spelled = """
        Shape:x:shape Gather:shape,s0:b Gather:shape,s3:t Gather:shape,kept:bt
        Slice:shape,v1,v3:inner ReduceProd:inner:count Unsqueeze:b,v0:b1 Unsqueeze:t,v0:t1
        Concat:b1,count,t1:wanted Reshape:x,wanted:y1 Concat:b1,v-1:flat Reshape:x,flat:y2
        Mul:b,t:bt2 Unsqueeze:bt2,v0:bt3 Concat:bt3,v-1:rows Transpose:x:x2 Reshape:x,rows:y3
        Equal:wanted,v-1:none Not:none:all Where:all,wanted,v1:where Reshape:x,where:y4
        Where:mask,bt,two:half ConstantOfShape:half:zeros Mul:b1,v3:b3 Div:b3,v3:back
        Concat:back,v-1,v2:last Reshape:x,last:y5 Squeeze:b1,v0:b2 Range:s0,b2,s1:range
        Expand:range,b1:wide Size:x:size Cast:size:size2 Add:b1,v0:b4 Sub:b4,v0:b5
        Concat:b5,v1,v1:ones Tile:v1,b1:tiled
    """.split()
    nodes = []
    for word in spelled:
        op_type, inputs, output = word.split(":")
        given = {"Concat": {"axis": 0}, "Cast": {"to": 6}}.get(op_type, {})
        if op_type == "ReduceProd":
            nodes.append(helper.make_node(op_type, [inputs], [output], keepdims=1))
        else:
            nodes.append(helper.make_node(op_type, inputs.split(","), [output], **given))
    model = _model(nodes, [x], constants)
    types = infer_file(model, tmp_path / "m.onnx")
    made = [name for node in nodes for name in node.output]
    shapes = {name: types[name].shape for name in made}
    assert shapes["y1"] == ("batch", 12, "time")
    assert shapes["y2"] == ("batch", "12·time")
    assert shapes["y3"] == ("batch·time", 12)
    assert shapes["y4"] == ("batch", 12, "time")
    assert shapes["y5"] == ("batch", "6·time", 2)
    assert shapes["zeros"] == ("batch", 12)
    assert shapes["range"] == shapes["wide"] == shapes["tiled"] == ("batch",)
    assert types["shape"].value == ("batch", 3, 4, "time")
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in made)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for batch, steps in ((2, 5), (7, 3)):
        outputs = session.run(made, {"x": np.zeros((batch, 3, 4, steps), np.float32)})
        both = batch * steps
        dims = {"batch": batch, "time": steps, "12·time": 12 * steps, "6·time": 6 * steps}
        dims |= {"batch·time": both, "3·batch": 3 * batch, "12·batch·time": 12 * both}
        for name, output in zip(made, outputs, strict=True):
            assert contradictions(types[name], output, dims) == [], name


def test_huge_results_are_not_computed(tmp_path: Path) -> None:
    """Ranges and tilings that no memory holds: the extents are told, no element is."""
    constants = [
        *[numpy_helper.from_array(np.array(n, np.int64), f"s{n}") for n in (0, 1, 10**9)],
        _vector("one", 1),
        _vector("many", 10**12),
    ]
    nodes = [
        helper.make_node("Range", ["s0", f"s{10**9}", "s1"], ["range"]),
        helper.make_node("Tile", ["one", "many"], ["tiled"]),
        helper.make_node("ConstantOfShape", ["many"], ["filled"]),
        helper.make_node("Expand", ["one", "many"], ["wide"]),
    ]
    types = infer_file(_model(nodes, [], constants), tmp_path / "m.onnx")
    assert types["range"].shape == (10**9,)
    for name in ("tiled", "filled", "wide"):
        assert types[name].shape == (10**12,)
        assert types[name].value is None


def _nested(depth: int) -> Graph:
    """Loops within loops; each hands its growing state on, so that none is settled at once."""
    state = TensorType(FLOAT32, (1,))
    names = [f"i{depth}", f"c{depth}", f"x{depth}"]
    inputs = [Value(names[0], TensorType(INT64, ())), Value(names[1], TensorType(BOOL, ()))]
    graph = Graph(f"body{depth}", inputs=[*inputs, Value(names[2], state)])
    last = names[2]
    if depth:
        given = {"body": _nested(depth - 1)}
        last = f"y{depth}"
        graph.nodes.append(
            Node("ai.onnx", "Loop", f"loop{depth}", ["", names[1], names[2]], [last], given)
        )
    out = f"z{depth}"
    graph.nodes.append(Node("ai.onnx", "Concat", "", [last, last], [out], {"axis": 0}))
    graph.outputs = [Value(names[1]), Value(out)]
    return graph


def test_nesting_does_not_multiply_the_work() -> None:
    start = time.process_time()
    types = infer(_nested(40))
    assert time.process_time() - start < 2
    assert types["z40"].dtype == FLOAT32


def test_the_same_body_in_many_nodes_is_not_followed_over_and_over() -> None:
    """Sixty bodies, each called twice by the next: 2 to the power of 60 ways through."""
    inner = Graph("0", outputs=[Value("k")], tensors={"k": Tensor("k", InMemory(np.ones(3)))})
    for level in range(60):
        given = {"then_branch": inner, "else_branch": inner}
        nodes = [Node("ai.onnx", "If", f"{level}", ["cond"], [f"v{level}"], given)]
        inner = Graph(f"{level + 1}", nodes, outputs=[Value(f"v{level}")])
    inner.inputs = [Value("cond", TensorType(BOOL, ()))]
    start = time.process_time()
    infer(inner)
    assert time.process_time() - start < 2


def test_five_thousand_nodes_take_no_time(tmp_path: Path) -> None:
    """Alike exporters' shape arithmetic: reading the shape, gathering, joining, reshaping."""
    x = helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, ["batch", 4, 8])
    nodes = []
    for i in range(1000):
        nodes += [
            helper.make_node("Shape", [f"x{i}"], [f"s{i}"]),
            helper.make_node("Gather", [f"s{i}", "zero"], [f"g{i}"]),
            helper.make_node("Concat", [f"g{i}", "rest"], [f"c{i}"], axis=0),
            helper.make_node("Reshape", [f"x{i}", f"c{i}"], [f"r{i}"]),
            helper.make_node("Relu", [f"r{i}"], [f"x{i + 1}"]),
        ]
    path = tmp_path / "m.onnx"
    path.write_bytes(
        _model(nodes, [x], [_vector("zero", 0), _vector("rest", 4, -1)]).SerializeToString()
    )
    graph = modelport.open(str(path)).graph
    start = time.process_time()
    types = infer(graph)
    assert time.process_time() - start < 0.5
    assert types["x1000"].shape == ("batch", 4, 8)
