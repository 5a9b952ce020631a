"""Branches, loops and lists of ONNX in Keras, which has none of them, held against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser
from tests.frameworks.test_raise_keras import close, run

import modelport
from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

IF = "If <then_branch = t () => (float[n, 3] p) {%s}, else_branch = e () => (float[n, 3] q) {%s}>"
BODY = "<body = b (int64 i, bool on, float[n, 3] a) => (bool more, float[n, 3] next{}) {{{}}}>"

FLOW = {
    "a choice": """
        s = ReduceSum <keepdims = 0> (x)
        c = Greater (s, zero)
        y = """
    + IF % ("p = Sqrt (x)", "q = Add (x, one)")
    + " (c)",
    "a choice within a choice": """
        s = ReduceSum (x)
        t1 = Greater (s, zero)
        axes = Constant <value_ints = [0, 1]> ()
        c = Squeeze (t1, axes)
        y = """
    + IF
    % (
        "p = Exp (x)",
        "m = ReduceMin <keepdims = 0> (x) d = Less (m, zero) q = "
        + IF.replace("t (", "t2 (").replace("e (", "e2 (").replace("float[n, 3] q", "float[n, 3] r")
        % ("p = Neg (x)", "r = Identity (x)")
        + " (d)",
    )
    + " (c)",
    "a known choice": "c = Constant <value_int = 1> () d = Cast <to = 9> (c) y = "
    + IF % ("p = Neg (x)", "q = Abs (x)")
    + " (d)",
    "rounds that count": "n3 = Constant <value_int = 3> () on = Cast <to = 9> (n3) y = Loop "
    + BODY.format("", "f = CastLike (i, a) g = Add (a, f) next = Mul (g, x) more = Identity (on)")
    + " (n3, on, x)",
    "rounds that leave something": "n3 = Constant <value_int = 3> () z, y = Loop "
    + BODY.format(", float[n, 3] row", "next = Sin (a) row = Add (next, x) more = Identity (on)")
    + " (n3, , x)",
    "rounds within rounds": "n2 = Constant <value_int = 2> () y = Loop "
    + BODY.format(
        "",
        "h = Cos (a) next = Loop "
        + "<body = c (int64 j, bool go, float[n, 3] k) => (bool on2, float[n, 3] l) "
        + "{ f = CastLike (i, k) u = Add (k, h) l = Add (u, f) on2 = Identity (go) }>"
        + " (n2, , a) more = Identity (on)",
    )
    + " (n2, , x)",
    "a scan that goes back": """
        t = Transpose <perm = [1, 0]> (x)
        z0 = ReduceSum (t, first)
        z1 = Squeeze (z0, first)
        z, y = Scan <num_scan_inputs = 1, scan_input_directions = [1], scan_output_axes = [1],
            body = b (float[n] a, float[n] r) => (float[n] more, float[n] row)
            { more = Add (a, r) row = Identity (more) }> (z1, t)
    """,
    "lists": """
        s = SplitToSequence <axis = 1, keepdims = 0> (x)
        place = Constant <value_int = 1> ()
        a = SequenceAt (s, place)
        b = Neg (a)
        s2 = SequenceInsert (s, b, place)
        s3 = SequenceErase (s2)
        count = SequenceLength (s3)
        s4 = SequenceMap <body = b (float[n] o, int64 k) => (float[n] d)
            { f = CastLike (k, o) d = Add (o, f) }> (s3, count)
        y = ConcatFromSequence <axis = 1, new_axis = 1> (s4)
    """,
    "parts of given sizes": """
        sizes = Constant <value_int = 2> ()
        s = SplitToSequence <axis = 1> (x, sizes)
        place = Constant <value_int = -1> ()
        a = SequenceAt (s, place)
        b = SequenceConstruct (x, a)
        y = ConcatFromSequence <axis = -1> (b)
    """,
}


def model(nodes: str) -> onnx.ModelProto:
    return parser.parse_model(f"""
        <ir_version: 10, opset_import: ["" : 19]>
        net (float[n, 3] x) => (y)
        <float zero = {{0.0}}, float one = {{1.0}}, int64[1] first = {{0}}>
        {{ {nodes} }}
    """)


@pytest.mark.parametrize("name", FLOW)
def test_what_flows_agrees(name: str, tmp_path: Path) -> None:
    found = model(FLOW[name])
    (tmp_path / "m.onnx").write_bytes(found.SerializeToString())
    modelport.convert(tmp_path / "m.onnx", tmp_path / "m.keras", verify=False)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    positive = np.random.default_rng(1).uniform(0.1, 1, (4, 3)).astype("f4")
    for x in (positive, -positive, positive - 0.2):
        close(run(tmp_path / "m.keras", [x]), session.run(None, {"x": x}))


@pytest.mark.parametrize(
    "nodes",
    [
        # One branch alone can fail, or they have other shapes.
        "s = ReduceSum <keepdims = 0> (x) c = Greater (s, zero) k = Cast <to = 7> (x) y = "
        + IF % ("p = GatherElements (x, k)", "q = Neg (x)")
        + " (c)",
        "s = ReduceSum <keepdims = 0> (x) c = Greater (s, zero) y = "
        + IF.replace("float[n, 3] p", "p") % ("p = Concat <axis = 0> (x, x)", "q = Neg (x)")
        + " (c)",
        # Who knows how many rounds there are.
        "s = ReduceSum <keepdims = 0> (x) k = Cast <to = 7> (s) y = Loop "
        + BODY.format("", "next = Sin (a) more = Identity (on)")
        + " (k, , x)",
    ],
)
def test_what_only_a_run_can_decide_is_refused(nodes: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(model(nodes).SerializeToString())
    with pytest.raises(ConversionError, match=r"If|Loop"):
        modelport.convert(tmp_path / "m.onnx", tmp_path / "m.keras", verify=False)
