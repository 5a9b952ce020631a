"""The arithmetic of shapes: integers of Python in the source, with the same results."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

HEADER = '<ir_version: 10, opset_import: ["" : 21]> graph (float[n, c, h] x) => ({outputs}) '
GRAPHS = {
    "sums": (
        "int64[3] y, int64 z",
        "shape = Shape(x) two = Constant<value = int64 {2}>() all = Constant<value_ints=[0]>()"
        "double = Mul(shape, two) y = Add(double, shape)"
        "z = ReduceProd<keepdims = 0>(shape)",
    ),
    "quotients": (
        "int64[3] y, int64[3] z, int64[3] u",
        "shape = Shape(x) three = Constant<value = int64 {3}>()"
        "five = Constant<value = int64 {5}>()"
        "less = Sub(shape, five) y = Div(less, three) z = Mod(less, three)"
        "u = Mod<fmod = 1>(less, three)",
    ),
    "extremes": (
        "int64[3] y, int64 z, int64[1] u",
        "shape = Shape(x) three = Constant<value_ints = [3]>() y = Max(shape, three)"
        "least = Min(shape, three) z = ReduceMax<keepdims = 0>(least) u = ReduceSum(least)",
    ),
    "casts": (
        "int32[3] y, float[3] z, double u",
        "shape = Shape(x) y = Cast<to = 6>(shape) z = Cast<to = 1>(shape)"
        "count = ReduceProd<keepdims = 0>(shape) u = Cast<to = 11>(count)",
    ),
    "ranges": (
        "int64[k] y, int32[m] z",
        "s = Shape(x) n = ReduceProd<keepdims = 0>(s) zero = Constant<value = int64 {0}>()"
        "one = Constant<value = int64 {1}>() y = Range(zero, n, one)"
        "small = Cast<to = 6>(n) start = Constant<value = int32 {9}>()"
        "step = Constant<value = int32 {-2}>() z = Range(start, small, step)",
    ),
    "fills": (
        "float[a, b, c] y, int64[d] z",
        "shape = Shape(x) two = Constant<value_ints = [2]>() more = Mul(shape, two)"
        "y = ConstantOfShape<value = float[1] {2.5}>(more)"
        "total = ReduceSum(shape) z = ConstantOfShape<value = int64[1] {1}>(total)",
    ),
}


def model(name: str) -> onnx.ModelProto:
    outputs, nodes = GRAPHS[name]
    lines = [line for line in nodes.replace(")", ")\n").splitlines() if line.strip()]
    return parser.parse_model(HEADER.format(outputs=outputs) + "{" + "\n".join(lines) + "}")


@pytest.mark.parametrize("name", GRAPHS)
def test_shape_arithmetic(name: str) -> None:
    made = model(name)
    for shape in ((2, 3, 4), (7, 1, 5), (1, 12, 2)):
        x = np.zeros(shape, np.float32)
        wanted = ReferenceEvaluator(made).run(None, {"x": x})
        for found, want in zip(raise_live.run(made, [x]), wanted, strict=True):
            assert not list(raise_live.differences(found, np.asarray(want)))


def test_integers_stay_integers() -> None:
    text = raise_live.source(model("fills")).text("")
    assert "(x.shape[0] * 2, x.shape[1] * 2, x.shape[2] * 2), 2.5" in text
    assert "torch.tensor" not in text
