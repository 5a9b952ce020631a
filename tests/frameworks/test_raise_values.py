"""Operators over all their data types, with constants and dynamic shapes, by onnx's reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

INTEGERS = "uint8 uint16 uint32 uint64 int8 int16 int32 int64".split()
WIDE = "uint32 uint64 int32 int64".split()
FLOATS = "float16 bfloat16 float32 float64".split()
PACKED = "int2 uint2 int4 uint4 float4_e2m1fn float8_e4m3fn float8_e5m2".split()
SHAPE = (2, 3, 4)
Case = tuple[str, list[Any], dict[str, Any], str]
"""An operator, its inputs, its attributes and the data type of its first result."""


def dtype_of(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name) if hasattr(ml_dtypes, name) else name)


def values(name: str, shape: Sequence[int], seed: int = 0) -> Any:
    """Elements of all the range of a type: its ends, and what is no finite number."""
    rng = np.random.default_rng(seed)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if name in INTEGERS:
        limits = np.iinfo(name)
        array = rng.integers(limits.min, limits.max, shape, np.dtype(name), endpoint=True)
        special: list[Any] = [limits.max, limits.min, 0]
    else:
        array = (rng.normal(size=shape) * 3).astype(dtype_of(name))
        special = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5]
    array = np.asarray(array)
    if array.size > len(special):
        array.flat[: len(special)] = special
    return array


def small(name: str, shape: Sequence[int], low: int = 1, high: int = 5) -> Any:
    return np.random.default_rng(1).integers(low, high, shape).astype(dtype_of(name))


def models(case: Case) -> Iterator[tuple[onnx.ModelProto, dict[str, Any]]]:
    """The operator with fixed and dynamic shapes, and with each input as a constant."""
    operator, inputs, attributes, result = case
    names = [f"x{i}" for i in range(len(inputs))]
    arrays = dict(zip(names, inputs, strict=True))
    for constants, dynamic in [(set(), False), (set(), True), *(({name}, True) for name in names)]:
        fed = {name: array for name, array in arrays.items() if name not in constants}
        if not fed:
            continue
        declared = [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(array.dtype),
                [None] * array.ndim if dynamic else array.shape,
            )
            for name, array in fed.items()
        ]
        element = helper.np_dtype_to_tensor_dtype(dtype_of(result))
        out = helper.make_value_info("y", helper.make_tensor_type_proto(element, None))
        graph = helper.make_graph(
            [helper.make_node(operator, names, ["y"], **attributes)],
            "graph",
            declared,
            [out],
            [numpy_helper.from_array(arrays[name], name) for name in sorted(constants)],
        )
        opsets = [helper.make_opsetid("", 28)]
        yield helper.make_model(graph, opset_imports=opsets, ir_version=10), fed


def wrong(case: Case) -> list[str]:
    """How the source does not give what the reference gives."""
    tolerance = 2e-2 if case[3] in ("float16", "bfloat16") else 1e-4
    found = []
    for number, (model, fed) in enumerate(models(case)):
        with np.errstate(all="ignore"):
            wanted = ReferenceEvaluator(model).run(None, fed)[0]
        result = raise_live.run(model, list(fed.values()))[0]
        for text in raise_live.differences(result, wanted, tolerance):
            found.append(f"{case[0]} {case[1][0].dtype} {case[2]} {number}: {text}")
    return found


def pairs(operators: str, names: Sequence[str], result: str = "") -> Iterator[Case]:
    for operator in operators.split():
        for name in names:
            a, b = values(name, SHAPE), values(name, (3, 1), 1)
            yield operator, [a, b], {}, result or name
            yield operator, [a, values(name, (), 2)], {}, result or name


def divisions() -> Iterator[Case]:
    for name in INTEGERS:
        a, b = values(name, SHAPE), small(name, SHAPE)
        yield "Mod", [a, b], {}, name
        yield "Mod", [a, b], {"fmod": 1}, name
        if name.startswith("u"):
            yield "Div", [a, b], {}, name
            yield "Div", [a, np.maximum(values(name, SHAPE, 3), 1)], {}, name
            yield "Mod", [a, np.maximum(values(name, SHAPE, 3), 1)], {}, name
    for name in FLOATS:
        yield "Mod", [small(name, SHAPE, -9, 9), small(name, SHAPE)], {"fmod": 1}, name
        yield "Div", [values(name, SHAPE), values(name, (4,), 1)], {}, name


def powers() -> Iterator[Case]:
    for base in ("int32", "int64", *FLOATS):
        for exponent in (*INTEGERS, *FLOATS):
            inputs = [small(base, SHAPE, 1, 4), small(exponent, SHAPE, 0, 3)]
            yield "Pow", inputs, {}, base
            yield "Pow", [inputs[0], inputs[1][0, 0, 0]], {}, base


def shifts() -> Iterator[Case]:
    for name in INTEGERS:
        by = small(name, SHAPE, 0, np.iinfo(name).bits)
        for direction in ("LEFT", "RIGHT"):
            yield "BitShift", [values(name, SHAPE), by], {"direction": direction}, name
        yield "BitwiseNot", [values(name, SHAPE)], {}, name


def choices() -> Iterator[Case]:
    for name in (*INTEGERS, *FLOATS, "bool"):
        condition, a, b = values("bool", SHAPE), values(name, SHAPE), values(name, SHAPE, 1)
        yield "Where", [condition, a, b], {}, name
        yield "Where", [condition, a[0, 0, 1], b[0, 0, 2]], {}, name
    for name in (*INTEGERS, *FLOATS):
        bounds = [small(name, (), low, low + 1) for low in (2, 5)]
        yield "Clip", [values(name, SHAPE), *bounds], {}, name
        yield "Clip", [values(name, SHAPE), *reversed(bounds)], {}, name
        yield "Clip", [values(name, SHAPE), bounds[0]], {}, name


def slopes() -> Iterator[Case]:
    for name in FLOATS:
        x = small(name, SHAPE, -5, 5)
        for shape in ((3, 1), (1,), (), (4,), (2, 3, 4), (1, 3, 1)):
            yield "PRelu", [x, small(name, shape)], {}, name
        for bias, edge in ((0.0, 1.0), (1.0, 1.0), (0.5, 2.0)):
            if name != "bfloat16":
                yield "Shrink", [values(name, SHAPE)], {"bias": bias, "lambd": edge}, name
        yield "ThresholdedRelu", [values(name, SHAPE)], {"alpha": 0.5}, name
    for name in WIDE:
        yield "PRelu", [small(name, SHAPE), small(name, (3, 1))], {}, name


def sums() -> Iterator[Case]:
    for name in ("int32", "uint64", "float16", "float32"):
        x = small(name, (2, 3, 4))
        for operator in "Sum Mean Max Min Prod L1 L2".split():
            for axes in ([1], [-1], [2, 0], [0, 1, 2], []):
                for noop in (0, 1):
                    settings = {"keepdims": noop, "noop_with_empty_axes": noop}
                    yield f"Reduce{operator}", [x, np.array(axes, np.int64)], settings, name
        for operator in ("CumSum", "CumProd"):
            for flags in (0, 1, 2, 3):
                settings = {"exclusive": flags % 2, "reverse": flags // 2}
                yield operator, [x, np.array(1)], settings, name
    empty = np.zeros((2, 0, 3), np.float32)
    for operator in "Sum Prod L1 L2 LogSum LogSumExp SumSquare".split():
        yield f"Reduce{operator}", [empty, np.array([1])], {}, "float32"


def places() -> Iterator[Case]:
    for name in (*INTEGERS, *FLOATS):
        x = np.concatenate([small(name, (3, 4)), values(name, (1, 4))])
        x = x if name in INTEGERS else small(name, (4, 4))
        for operator in ("ArgMax", "ArgMin"):
            for last in (0, 1):
                yield operator, [x], {"axis": last, "select_last_index": last}, "int64"
        for largest in (0, 1):
            yield "TopK", [x, np.array([2])], {"largest": largest, "axis": 0}, name
        if name != "bfloat16":
            yield "Unique", [x], {}, name
            yield "Unique", [x], {"axis": 1}, name


def casts() -> Iterator[Case]:
    for name in (*INTEGERS, *FLOATS, *PACKED, "bool"):
        x = np.array([0, 1, 1, 0]).astype(dtype_of(name))
        for target in (*INTEGERS, *FLOATS, *(PACKED if name not in PACKED else PACKED[4:]), "bool"):
            to = helper.np_dtype_to_tensor_dtype(dtype_of(target))
            yield "Cast", [x], {"to": to}, target
    beyond = np.array([1e6, -1e6, np.inf, -np.inf, np.nan, 465, 463, 5, 0.1], np.float32)
    for target in PACKED[-2:]:
        to = helper.np_dtype_to_tensor_dtype(dtype_of(target))
        for saturate in (0, 1):
            yield "Cast", [beyond], {"to": to, "saturate": saturate}, target


def scales() -> Iterator[Case]:
    for kind in ("float32", "float16", "bfloat16"):
        x = (small(kind, (2, 4, 6), -40, 40) / 4).astype(dtype_of(kind))
        for name in ("uint8", "int8", "uint16", "int16", *PACKED[:4]):
            for shape, settings in (
                ((), {}), ((4,), {"axis": 1}), ((6,), {"axis": -1}),
                ((2, 4, 3), {"axis": 2, "block_size": 2}),
                ((2, 2, 6), {"axis": 1, "block_size": 3}),
            ):  # fmt: skip
                scale = (small(kind, shape, 1, 4) / 4).astype(dtype_of(kind))
                zero = small(name, shape, 0, 2)
                yield "QuantizeLinear", [x, scale, zero], settings, name
                whole = small(name, (2, 4, 6), 0, 2)
                yield "DequantizeLinear", [whole, scale, zero], settings, kind


def products() -> Iterator[Case]:
    for name in (*WIDE, *FLOATS):
        for a, b in (((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 1, 2, 3), (2, 3, 4))):
            yield "MatMul", [small(name, a), small(name, b)], {}, name
        for bias in ((4,), (2, 4), (2, 1), (), (1,)):
            inputs = [small(name, (2, 3)), small(name, (3, 4)), small(name, bias)]
            yield "Gemm", inputs, {}, name
        inputs = [small(name, (3, 2)), small(name, (4, 3))]
        yield "Gemm", inputs, {"transA": 1, "transB": 1}, name
        inputs = [small(name, (2, 3)), small(name, (3, 4))]
        yield "Einsum", inputs, {"equation": "ij, jk -> ik"}, name
        yield "Einsum", [small(name, (2, 3, 3))], {"equation": "...ii->...i"}, name
    for a in ("uint8", "int8"):
        zeros = [small(a, (2, 1)), small("int8", (4,))]
        yield "MatMulInteger", [values(a, (2, 3)), values("int8", (3, 4)), *zeros], {}, "int32"


def transforms() -> Iterator[Case]:
    for name in ("float32", "float64", "float16"):
        for parts in (1, 2):
            x = small(name, (2, 8, 6, parts), -3, 3)
            for axis in (1, -2):
                for length in (5, 10):
                    for inverse in (0, 1):
                        for onesided in (0, int(parts == inverse + 1)):
                            settings = {"inverse": inverse, "onesided": onesided}
                            inputs = [x, np.array(length), np.array(axis)]
                            yield "DFT", inputs, settings, name
            for onesided in (0, 1):
                signal = small(name, (2, 20, parts), -3, 3)
                inputs = [signal, np.array(3), small(name, (6,))]
                yield "STFT", inputs, {"onesided": onesided}, name


def ranges() -> Iterator[Case]:
    for name in ("float32", "float64", "float16", "bfloat16", "int16", "int32", "int64"):
        for ends in ((0, 5, 1), (3, 9, 3), (10, 4, -2), (5, 0, 1), (1, 6, 2)):
            yield "Range", [np.asarray(end, dtype_of(name)) for end in ends], {}, name
    for name in (*INTEGERS, *FLOATS):
        inputs = [np.array([[0, 2], [-1, 7]]), np.array(4), np.array([2, 5], dtype_of(name))]
        for axis in (-1, 0):
            yield "OneHot", inputs, {"axis": axis}, name
        yield "EyeLike", [values(name, (3, 4))], {"k": 1}, name


FAMILIES = {
    "arithmetic": lambda: pairs("Add Sub Mul Max Min", (*INTEGERS, *FLOATS)),
    "comparisons": lambda: pairs(
        "Less LessOrEqual Greater GreaterOrEqual Equal", (*INTEGERS, *FLOATS), "bool"
    ),
    "bits": lambda: pairs("BitwiseAnd BitwiseOr BitwiseXor", INTEGERS),
    "logic": lambda: pairs("And Or Xor", ["bool"]),
} | {
    function.__name__: function
    for function in (
        divisions, powers, shifts, choices, slopes, sums, places, casts, scales, products,
        transforms, ranges,
    )
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_values(family: str) -> None:
    cases = list(FAMILIES[family]())
    assert [text for case in cases for text in wrong(case)] == []
