"""Shapes, pieces and indices of ONNX as PyTorch, by onnx's own tests and by onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

OPERATORS = (
    "CenterCropPad Compress Concat DepthToSpace Expand Flatten Gather GatherElements GatherND "
    "NonZero Pad Reshape ReverseSequence ScatterElements ScatterND Shape Size Slice "
    "SpaceToDepth Split Squeeze TensorScatter Tile Transpose Trilu Unsqueeze"
).split()

RNG = np.random.default_rng(1)
X = RNG.normal(size=(2, 3, 4)).astype(np.float32)
FAR = 2**63 - 1


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_tests(operator: str) -> None:
    cases = raise_live.node_cases()[operator]
    assert cases
    assert [text for case in cases for text in raise_live.failures(case)] == []


def _vector(*items: int) -> Any:
    return np.array(items, np.int64)


SLICES = [
    ([1], [3], [1], [1]),
    ([0, 1], [2**31 - 1, -1], [0, 2], [1, 1]),
    ([-1], [-FAR], [2], [-1]),
    ([2], [0], [2], [-1]),
    ([0], [FAR], [-1], [2]),
    ([-3], [-1], [-2], [1]),
    ([-1, 0], [-FAR, 2], [1, 2], [-2, 1]),
    ([5], [9], [0], [1]),
]
PADS = [
    ([0, 0, 1, 0, 0, 2], "constant"),
    ([1, 0, -1, 1, 2, 1], "constant"),
    ([0, 0, 1, 0, 0, 2], "reflect"),
    ([1, 0, 1, 1, 2, 1], "reflect"),
    ([0, 1, 0, 0, 0, 1], "edge"),
    ([1, 0, 1, 1, 2, 1], "wrap"),
    ([0, 0, 2, 0, 0, 3], "wrap"),
]


def _cases() -> Iterator[Any]:
    """An operator, its settings, its operands; each of them may be a constant or an input."""
    for place, parts in enumerate(SLICES):
        operands = [X, *(_vector(*part) for part in parts)]
        yield f"slice{place}", "Slice", {}, operands
    for place, (pads, mode) in enumerate(PADS):
        yield f"pad{place}", "Pad", {"mode": mode}, [X, _vector(*pads)]
    yield "pad axes", "Pad", {"mode": "edge"}, [X, _vector(1, 2), None, _vector(-1)]
    yield "pad value", "Pad", {}, [X, _vector(0, 0, 1, 0, 0, 2), np.array(-np.inf, np.float32)]
    whole = (X * 9).astype(np.int64)
    yield "pad whole", "Pad", {"mode": "reflect"}, [whole, _vector(0, 0, 1, 0, 0, 2)]
    yield "reshape keeps", "Reshape", {}, [X, _vector(0, -1, 2)]
    yield "reshape empty", "Reshape", {"allowzero": 1}, [X[:0], _vector(0, 4, 2)]
    yield "squeeze", "Squeeze", {}, [X[:1, :, :1], _vector(-1, 0)]
    yield "unsqueeze", "Unsqueeze", {}, [X, _vector(-1, 0, 2)]
    yield "expand", "Expand", {}, [X[0, :, :1], _vector(2, 1, 6)]
    yield "expand less", "Expand", {}, [X[0], _vector(1)]
    yield "tile", "Tile", {}, [X, _vector(2, 0, 2)]
    yield "split", "Split", {"axis": -1, "outputs": 2}, [X, _vector(1, 3)]
    yield "split evenly", "Split", {"axis": 1, "outputs": 2, "num_outputs": 2}, [X]
    yield "reversed", "ReverseSequence", {}, [X.transpose(2, 1, 0), _vector(2, 4, 1)]
    for axis in (0, 1, -1):
        indices = np.array([[0, -1], [1, 1]])
        yield f"gather{axis}", "Gather", {"axis": axis}, [X, indices]
        yield f"gather one{axis}", "Gather", {"axis": axis}, [X, np.array(-1)]
        yield f"gather none{axis}", "Gather", {"axis": axis}, [X, _vector()]
        yield f"flatten{axis}", "Flatten", {"axis": axis}, [X[:, :0]]
        cube = RNG.normal(size=(3, 3, 3)).astype(np.float32)
        places = np.array([[[0], [-1]], [[2], [1]]])
        yield f"elements{axis}", "GatherElements", {"axis": axis}, [cube, places]
        for how in ("none", "add", "mul", "max", "min"):
            settings = {"axis": axis, "reduction": how}
            operands = [cube, places, X[:, :2, :1]]
            yield f"scatter{axis} {how}", "ScatterElements", settings, operands
    for how in ("none", "add", "mul", "max", "min"):
        operands = [X, np.array([[0, 1], [1, -1], [1, 1]]), X[0]]
        yield f"parts {how}", "ScatterND", {"reduction": how}, operands
    for batch, indices in ((0, [[0, 1], [1, -1]]), (1, [[[1], [0]], [[2], [-1]]]), (1, [[1], [0]])):
        operands = [X, np.array(indices)]
        yield f"rows {batch} {indices}", "GatherND", {"batch_dims": batch}, operands
    yield "compress", "Compress", {"axis": -1}, [X, np.array([True, False, True])]
    yield "flat compress", "Compress", {}, [X, np.array([False, True])]


CASES = list(_cases())


@pytest.mark.parametrize("constant", [False, True], ids=["inputs", "constants"])
@pytest.mark.parametrize("free", [False, True], ids=["fixed", "free"])
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_operands_may_be_constants_or_inputs(case: Any, free: bool, constant: bool) -> None:
    _, op_type, settings, operands = case
    names = ["" if operand is None else f"i{place}" for place, operand in enumerate(operands)]
    given = {n: o for n, o in zip(names, operands, strict=True) if n}
    held = {n: given.pop(n) for n in list(given)[1:]} if constant else {}
    settings = dict(settings)
    outputs = [f"o{i}" for i in range(settings.pop("outputs", 1))]
    node = make_node(op_type, names, outputs, **settings)
    made = raise_live.model([node], given, held, free=free)
    assert raise_live.against_onnxruntime(made, list(given.values())) == []


@pytest.mark.parametrize("kind", ["uint16", "uint32", "uint64", "int8", "float16", "bool"])
def test_elements_of_any_type_move(kind: str) -> None:
    x = np.arange(6).reshape(2, 3).astype(kind)
    places, rows = np.array([[0, -1, 0], [1, 0, -1]]), np.array([[1], [-2]])
    nodes = [
        make_node("GatherElements", ["x", "places"], ["gathered"]),
        make_node("ScatterElements", ["x", "columns", "x"], ["scattered"], axis=1),
        make_node("ScatterND", ["x", "rows", "x"], ["swapped"]),
        make_node("Trilu", ["x"], ["upper"]),
        make_node("NonZero", ["x"], ["found"]),
    ]
    given = {"x": x, "places": places, "columns": np.array([[2, 0, -2]] * 2), "rows": rows}
    outputs = [node.output[0] for node in nodes]
    made = raise_live.model(nodes, given, outputs=outputs)
    wanted = [
        np.take_along_axis(x, places, axis=0),
        x[:, [1, 2, 0]],
        x[::-1],
        np.triu(x),
        np.array(np.nonzero(x)),
    ]
    found = raise_live.run(made, list(given.values()))
    for result, other in zip(found, wanted, strict=True):
        assert list(raise_live.differences(result, other)) == []


def test_shapes_stay_numbers() -> None:
    nodes = [
        make_node("Shape", ["x"], ["shape"]),
        make_node("Gather", ["shape", "zero"], ["batch"]),
        make_node("Unsqueeze", ["batch", "zeros"], ["first"]),
        make_node("Slice", ["shape", "one", "two"], ["second"]),
        make_node("Concat", ["second", "first", "rest"], ["wanted"], axis=0),
        make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    weights = {"zero": np.array(0), "zeros": _vector(0), "one": _vector(1), "two": _vector(2)}
    made = raise_live.model(nodes, {"x": X}, weights | {"rest": _vector(-1)})
    assert raise_live.against_onnxruntime(made, [X], [X[:1]]) == []
    text = raise_live.source(made).text("")
    assert "return x.reshape(x.shape[1], x.shape[0], -1)" in text


def test_embeddings_are_modules() -> None:
    ids = np.array([[0, 3], [1, 1]])
    made = raise_live.model(
        [make_node("Gather", ["table", "x"], ["y"])], {"x": ids}, {"table": X.reshape(4, 6)}
    )
    assert raise_live.against_onnxruntime(made, [ids]) == []
    assert "nn.Embedding(4, 6)" in raise_live.source(made).text("")
