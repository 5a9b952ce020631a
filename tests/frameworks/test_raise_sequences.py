"""Recurrence, attention, lists and loops of ONNX as PyTorch, by onnx's tests and onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.helper import make_node
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

OPERATORS = (
    "Attention ConcatFromSequence FlexAttention GRU If LSTM LinearAttention Loop Optional "
    "OptionalGetElement OptionalHasElement RNN RotaryEmbedding Scan SequenceAt "
    "SequenceConstruct SequenceEmpty "
    "SequenceErase SequenceInsert SequenceLength SequenceMap SplitToSequence"
).split()


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_tests(operator: str) -> None:
    cases = raise_live.node_cases()[operator]
    assert [text for case in cases for text in raise_live.failures(case)] == []


RNG = np.random.default_rng(3)
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, BATCH, FEATURES, HIDDEN = 5, 3, 4, 2


def _array(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def _weights(kind: str, directions: int) -> dict[str, Any]:
    size = GATES[kind] * HIDDEN
    return {
        "W": _array(directions, size, FEATURES),
        "R": _array(directions, size, HIDDEN),
        "B": _array(directions, 2 * size),
    }


def _recurrent(kind: str, direction: str, names: list[str], outputs: list[str], **more: Any) -> Any:
    if kind == "GRU":
        more = {"linear_before_reset": 1} | more
    settings = {"hidden_size": HIDDEN, "direction": direction, **more}
    while names[-1] == "":
        names = names[:-1]
    return make_node(kind, names, outputs, **settings)


CELLS = {
    "LSTM": ["", "bias", "state", "lengths", "functions", "clip", "peepholes", "coupled"],
    "GRU": ["", "bias", "state", "lengths", "functions", "clip", "before"],
    "RNN": ["", "bias", "state", "lengths", "functions", "clip", "relu"],
}
FUNCTIONS = {
    "LSTM": (["HardSigmoid", "Relu", "Tanh"], [0.3]),
    "GRU": (["Sigmoid", "Softsign"], []),
    "RNN": (["LeakyRelu"], [0.2]),
}


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("kind", "what"), [(kind, what) for kind, choices in CELLS.items() for what in choices]
)
def test_cells(kind: str, what: str, direction: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    weights = _weights(kind, directions)
    given = {"x": _array(STEPS, BATCH, FEATURES)}
    names, more = ["x", "W", "R", "B", "", "", "", ""], {}
    if what == "bias":
        names[3] = ""
        del weights["B"]
    elif what == "state":
        for place, name in ((5, "h"), (6, "c"))[: 2 if kind == "LSTM" else 1]:
            given[name], names[place] = _array(directions, BATCH, HIDDEN), name
    elif what == "lengths":
        given["n"], names[4] = np.array([5, 2, 3], np.int32), "n"
    elif what == "functions":
        functions, alpha = FUNCTIONS[kind]
        more = {"activations": functions * directions}
        more |= {"activation_alpha": alpha * directions} if alpha else {}
    elif what == "clip":
        more = {"clip": 0.3}
    elif what == "peepholes":
        weights["P"], names[7] = _array(directions, 3 * HIDDEN), "P"
    elif what == "coupled":
        more = {"input_forget": 1}
    elif what == "before":
        more = {"linear_before_reset": 0}
    elif what == "relu":
        more = {"activations": ["Relu"] * directions}
    outputs = ["y", "h_n", "c_n"][: 3 if kind == "LSTM" else 2]
    node = _recurrent(kind, direction, names, outputs, **more)
    made = raise_live.model([node], given, weights, free=[0, 1])
    assert raise_live.against_onnxruntime(made, list(given.values())) == []
    module = f"nn.{kind}(" in raise_live.source(made).text("")
    assert module == (what in ("", "bias", "state", "relu"))


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("kind", GATES)
def test_transposes_around_a_layer_become_batch_first(kind: str, direction: str) -> None:
    directions = 2 if direction == "bidirectional" else 1
    nodes = [
        make_node("Transpose", ["x"], ["turned"], perm=[1, 0, 2]),
        _recurrent(kind, direction, ["turned", "W", "R", "B"], ["y", "h_n"]),
    ]
    if directions == 1:
        nodes.append(make_node("Squeeze", ["y", "one"], ["joined"]))
    else:
        nodes.append(make_node("Transpose", ["y"], ["side"], perm=[0, 2, 1, 3]))
        nodes.append(make_node("Reshape", ["side", "shape"], ["joined"]))
    nodes.append(make_node("Transpose", ["joined"], ["z"], perm=[1, 0, 2]))
    weights = _weights(kind, directions)
    weights |= {"one": np.array([1]), "shape": np.array([0, 0, -1])}
    x = _array(BATCH, STEPS, FEATURES)
    made = raise_live.model(nodes, {"x": x}, weights, free=[0, 1], outputs=["z", "h_n"])
    assert raise_live.against_onnxruntime(made, [x], [x[:1, :2]]) == []
    text = raise_live.source(made).text("")
    assert "batch_first=True" in text
    assert "transpose" not in text
    made = raise_live.model(nodes[:-1], {"x": x}, weights, free=[0, 1], outputs=["joined"])
    assert raise_live.against_onnxruntime(made, [x]) == []


@pytest.mark.parametrize("states", ["zeros", "given", "apart"])
@pytest.mark.parametrize("kind", GATES)
def test_layers_on_layers_are_one_module(kind: str, states: str) -> None:
    weights = {"one": np.array([1])} | {f"at{i}": np.array([i]) for i in range(3)}
    nodes, x, lasts = [], "x", []
    given = {"x": _array(STEPS, BATCH, HIDDEN), "h": _array(2, BATCH, HIDDEN)}
    for number in range(2):
        size = GATES[kind] * HIDDEN
        held = {
            "W": _array(1, size, HIDDEN),
            "R": _array(1, size, HIDDEN),
            "B": _array(1, 2 * size),
        }
        weights |= {f"{name}{number}": array for name, array in held.items()}
        names = [x, *(f"{name}{number}" for name in held), "", "", ""]
        if states != "zeros":
            place = number if states == "given" else 1 - number
            cut = ["h", f"at{place}", f"at{place + 1}", "at0"]
            nodes.append(make_node("Slice", cut, [f"h{number}"]))
            names[5] = f"h{number}"
        nodes.append(_recurrent(kind, "forward", names, [f"y{number}", f"n{number}"]))
        nodes.append(make_node("Squeeze", [f"y{number}", "one"], [f"s{number}"]))
        x = f"s{number}"
        lasts.append(f"n{number}")
    nodes.append(make_node("Concat", lasts, ["n"], axis=0))
    made = raise_live.model(nodes, given, weights, free=[1], outputs=[x, "n"])
    assert raise_live.against_onnxruntime(made, list(given.values())) == []
    assert ("num_layers=2" in raise_live.source(made).text("")) == (states != "apart")


LOOPS = {
    "while that counts": (
        """g (float[n,m] x) => (float[n,m] y, int64[k] c) {
        go = Constant<value = bool {1}>()
        y, c = Loop(, go, x) <body = b (int64 i, bool go_in, float[n,m] s)
        => (bool go_out, float[n,m] s2, int64 i2) {
            one = Constant<value = float {1.0}>()
            s2 = Add(s, one)
            last = Constant<value = int64 {4}>()
            go_out = Less(i, last)
            i2 = Identity(i)
        }> }""",
        [[]],
    ),
    "for that may end": (
        """g (float[n,m] x, int64 t, bool go) => (float[n,m] y, float[k,n,m] c) {
        y, c = Loop(t, go, x) <body = b (int64 i, bool go_in, float[n,m] s)
        => (bool go_out, float[n,m] s2, float[n,m] o) {
            one = Constant<value = float {1.0}>()
            s2 = Add(s, one)
            sum = ReduceSum<keepdims=0>(s2)
            most = Constant<value = float {40.0}>()
            go_out = Less(sum, most)
            o = Mul(s2, s2)
        }> }""",
        [[5, True], [0, True], [5, False], [50, True]],
    ),
    "for that uses its condition": (
        """g (float[n,m] x, int64[1] t) => (float[n,m] y) {
        y = Loop(t, , x) <body = b (int64 i, bool go_in, float[n,m] s)
        => (bool go_out, float[n,m] s2) {
            f = Cast<to=1>(go_in)
            s2 = Add(s, f)
            go_out = Identity(go_in)
        }> }""",
        [[[5]], [[0]]],
    ),
    "branches in a loop in a branch": (
        """g (float[n,m] x, bool c, int64 t) => (float[n,m] y) {
        y = If(c) <then_branch = tb () => (float[n,m] r) {
            go = Constant<value = bool {1}>()
            r = Loop(t, go, x) <body = b (int64 i, bool go_in, float[n,m] s)
            => (bool go_out, float[n,m] s2) {
                two = Constant<value = int64 {2}>()
                big = Greater(i, two)
                s2 = If(big) <then_branch = t2 () => (float[n,m] q) { q = Mul(s, x) },
                              else_branch = e2 () => (float[n,m] p) { p = Neg(s) }>
                go_out = Identity(go_in)
            }>
        }, else_branch = eb () => (float[n,m] r2) { r2 = Abs(x) }> }""",
        [[True, 5], [False, 5]],
    ),
    "two results of a branch": (
        """g (float[n,m] x, bool c) => (float[n,m] y, float[a,b] z) {
        y, z = If(c) <then_branch = tb () => (float[n,m] r, float[a,b] r2) {
            r = Neg(x)
            r2 = Transpose<perm=[1,0]>(r)
        }, else_branch = eb () => (float[n,m] q, float[a,b] q2) {
            q = Identity(x)
            q2 = Identity(x)
        }> }""",
        [[True], [False]],
    ),
    "a list from round to round": (
        """g (float[n,m] x, int64 t) => (float[k,m] y) {
        go = Constant<value = bool {1}>()
        e = SequenceEmpty<dtype=1>()
        first = SequenceInsert(e, x)
        q = Loop(t, go, first) <body = b (int64 i, bool go_in, seq(float[n,m]) s)
        => (bool go_out, seq(float[n,m]) s2) {
            z = Constant<value = int64 {0}>()
            a = SequenceAt(s, z)
            minus = Neg(a)
            s2 = SequenceInsert(s, minus, z)
            go_out = Identity(go_in)
        }>
        y = ConcatFromSequence<axis=0>(q) }""",
        [[3], [0]],
    ),
    "a state that grows": (
        """g (float[n,m] x) => (float[a,b] y) {
        go = Constant<value = bool {1}>()
        s = Shape<end=1>(x)
        axis = Constant<value = int64[1] {0}>()
        t = Squeeze(s, axis)
        y = Loop(t, go, x) <body = b (int64 i, bool go_in, float[p,q] s0)
        => (bool go_out, float[pp,qq] s2) {
            s2 = Concat<axis=0>(s0, x)
            go_out = Identity(go_in)
        }> }""",
        [[]],
    ),
    "states that change places": (
        """g (float[n,m] x, int64 t) => (int64 y, int64[k] ys) {
        a = Constant<value = int64 {0}>()
        b = Constant<value = int64 {1}>()
        y, u, ys = Loop(t, , a, b) <body = bb (int64 i, bool go_in, int64 p, int64 q)
        => (bool go_out, int64 q2, int64 r, int64 o) {
            r = Add(p, q)
            q2 = Identity(q)
            o = Identity(p)
            go_out = Identity(go_in)
        }> }""",
        [[7], [0]],
    ),
    "a scan along other axes": (
        """g (float[n,m] x, float[n] h) => (float[n] last, float[m,n] y, float[n,m] z) {
        last, y, z = Scan<num_scan_inputs=2, scan_input_axes=[-1,1],
            scan_input_directions=[1,0], scan_output_axes=[0,-1], scan_output_directions=[0,1],
            body = b (float[n] s, float[n] a, float[n] c) => (float[n] s2, float[n] o, float[n] p) {
                t = Add(s, a)
                s2 = Mul(t, c)
                o = Identity(s2)
                p = Sub(s2, a)
            }>(h, x, x) }""",
        [[[0.5, 1.0, 2.0]]],
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_branches_and_loops(name: str) -> None:
    text, sets = LOOPS[name]
    made = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 22]>\n{text}')
    onnx.checker.check_model(made, full_check=True)
    x = _array(3, 4)
    kinds = {1: np.float32, 7: np.int64, 9: np.bool_}
    types = [kinds[value.type.tensor_type.elem_type] for value in made.graph.input]
    given = [
        [x, *(np.array(item, kind) for item, kind in zip(items, types[1:], strict=True))]
        for items in sets
    ]
    assert raise_live.against_onnxruntime(made, *given) == []


def test_pieces_have_names_of_their_own() -> None:
    nodes = [make_node("SplitToSequence", ["x", "two"], ["list"], axis=1)]
    nodes += [make_node("SequenceAt", ["list", f"i{i}"], [f"y{i}"]) for i in range(3)]
    weights = {f"i{i}": np.array(i) for i in range(3)} | {"two": np.array(2)}
    x = _array(3, 5)
    made = raise_live.model(nodes, {"x": x}, weights, free=[0], outputs=["y2", "y0", "y1"])
    assert raise_live.against_onnxruntime(made, [x]) == []
    assert "x, y, z = x.split(2, dim=1)" in raise_live.source(made).text("")


def _attentions() -> Iterator[Any]:
    """Operands beside queries, keys and values; settings; whether torch does it by itself."""
    yield {}, {}, True
    yield {"mask": _array(5, 6)}, {}, True
    yield {"mask": _array(2, 1, 5, 6) > 0}, {}, True
    yield {}, {"is_causal": 1}, True
    yield {}, {"scale": 0.3}, True
    yield {}, {"softcap": 2.0}, False
    yield {"mask": _array(5, 6) > 0}, {"is_causal": 1}, False
    yield {"mask": _array(5, 4)}, {}, False


ATTENTIONS = list(_attentions())


@pytest.mark.parametrize("place", range(len(ATTENTIONS)))
def test_attention(place: int) -> None:
    from onnx.reference import ReferenceEvaluator

    more, settings, plain = ATTENTIONS[place]
    given = {"q": _array(2, 4, 5, 8), "k": _array(2, 2, 6, 8), "v": _array(2, 2, 6, 8)} | more
    node = make_node("Attention", list(given), ["y"], **settings)
    made = raise_live.model([node], given, free=[0], opset=24)
    (wanted,) = ReferenceEvaluator(made).run(None, given)
    (found,) = raise_live.run(made, list(given.values()))
    assert list(raise_live.differences(found, wanted)) == []
    text = raise_live.source(made).text("")
    assert ("F.scaled_dot_product_attention(" in text) == plain
