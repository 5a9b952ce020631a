"""Windows, samples and normalisations of ONNX as PyTorch, by onnx's tests and onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

OPERATORS = (
    "AffineGrid AveragePool BatchNormalization CausalConvWithState Col2Im Conv ConvTranspose "
    "DeformConv GlobalAveragePool GlobalMaxPool GridSample GroupNormalization "
    "InstanceNormalization LRN LayerNormalization LpNormalization LpPool MaxPool MaxUnpool "
    "MeanVarianceNormalization NonMaxSuppression RMSNormalization Resize RoiAlign"
).split()
BEYOND = (
    # these take an extent times its factor for the number of elements, which is a whole number
    "test_resize_downsample_scales_linear_align_corners",
    "test_resize_downsample_scales_cubic_align_corners",
)


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_tests(operator: str) -> None:
    cases = [c for c in raise_live.node_cases()[operator] if c.name not in BEYOND]
    assert cases
    assert [text for case in cases for text in raise_live.failures(case)] == []


RNG = np.random.default_rng(2)


def _array(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


X = _array(2, 4, 9, 8)
WINDOWS: list[dict[str, Any]] = [
    {},
    {"strides": [2, 1], "pads": [1, 1, 1, 1]},
    {"pads": [0, 1, 2, 1]},
    {"strides": [2, 3], "pads": [0, 1, 1, 1]},
    {"strides": [2, 2], "pads": [1, 0, 0, 1]},
    {"dilations": [2, 1], "pads": [2, 0, 2, 0]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_LOWER"},
    {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"auto_pad": "VALID", "strides": [2, 2]},
]
WIDENING: list[dict[str, Any]] = [
    {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    {"strides": [2, 2], "pads": [1, 0, 0, 1]},
    {"strides": [2, 2], "pads": [0, 0, 1, 1]},
    {"strides": [2, 2], "pads": [1, 1, 0, 0]},
    {"strides": [3, 2], "output_shape": [28, 17]},
    {"strides": [2, 2], "output_shape": [18, 16], "auto_pad": "SAME_UPPER"},
    {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"strides": [2, 2], "dilations": [2, 2], "group": 2},
]


def _pools(settings: dict[str, Any]) -> Iterator[Any]:
    for op_type in ("MaxPool", "AveragePool", "LpPool"):
        for ceil in (0, 1) if "auto_pad" not in settings else (0,):
            more = {**settings, "ceil_mode": ceil, "kernel_shape": [3, 2]}
            if op_type == "AveragePool":
                yield op_type, more | {"count_include_pad": 1}, [X], 0
            yield op_type, more | ({"p": 3} if op_type == "LpPool" else {}), [X], 0


def _cases() -> Iterator[Any]:
    """An operator, its settings, its operands, how many of them the file holds."""
    for settings in WINDOWS:
        yield "Conv", settings, [X, _array(6, 4, 3, 2), _array(6)], 2
        yield from _pools(settings)
        if "auto_pad" not in settings:
            more = settings | {"kernel_shape": [3, 2], "outputs": 2}
            yield "MaxPool", more, [X], 0
            yield "MaxPool", more | {"storage_order": 1}, [X], 0
    yield "Conv", {"group": 2, "pads": [1, 1, 1, 1]}, [X, _array(6, 2, 3, 3)], 0
    yield "Conv", {"pads": [1, 0]}, [X[..., 0], _array(6, 4, 3)], 1
    yield "MaxPool", {"kernel_shape": [3, 3], "pads": [0, 1, 1, 0]}, [(X * 9).astype(np.int8)], 0
    for settings in WIDENING:
        out = 6 // settings.get("group", 1)
        yield "ConvTranspose", settings, [X, _array(4, out, 3, 3), _array(6)], 2
    offset, mask = _array(2, 24, 9, 7), _array(2, 12, 9, 7)
    deformed = {"group": 2, "offset_group": 2, "pads": [1, 0, 1, 0]}
    yield "DeformConv", deformed, [X, _array(6, 2, 3, 2), offset, _array(6), mask], 0
    yield from _norms()
    yield from _sampled()


def _norms() -> Iterator[Any]:
    scale, shift = _array(4), _array(4)
    for held in (0, 4):
        some = min(held, 2)
        spread = [scale, shift, _array(4), np.abs(_array(4))]
        yield "BatchNormalization", {"epsilon": 1e-3}, [X, *spread], held
        yield "InstanceNormalization", {}, [X, scale, shift], some
        yield "GroupNormalization", {"num_groups": 2}, [X, scale, shift], some
        for axis in (-1, 1, -2):
            shape = X.shape[axis:]
            settings = {"axis": axis, "epsilon": 1e-3}
            yield "LayerNormalization", settings, [X, _array(*shape), _array(*shape)], some
            yield "LayerNormalization", settings | {"outputs": 3}, [X, _array(*shape)], held // 4
            yield "RMSNormalization", settings, [X, _array(*shape)], held // 4
    for size in (1, 3, 5):
        yield "LRN", {"size": size, "alpha": 0.3, "beta": 0.6, "bias": 1.5}, [X], 0
    for axis in (-1, 1, 0):
        yield "LpNormalization", {"p": 1, "axis": axis}, [X], 0
        yield "LpNormalization", {"axis": axis}, [X], 0
    yield "MeanVarianceNormalization", {"axes": [0, 1]}, [X], 0


FACTORS = [(2, 2), (3, 2), (0.5, 0.5), (1.7, 2.3), (0.6, 0.8)]


def _sampled() -> Iterator[Any]:
    x = X[:1, :2, :6, :7]
    for where in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        settings = {"coordinate_transformation_mode": where, "opset": 19}
        for factors in FACTORS:
            operands = [x, None, np.array([1, 1, *factors], np.float32)]
            for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
                yield "Resize", settings | {"nearest_mode": near}, operands, 2
            yield "Resize", settings | {"mode": "linear"}, operands, 2
            yield "Resize", settings | {"mode": "cubic"}, operands, 2
            excluded = {"mode": "cubic", "cubic_coeff_a": -0.5, "exclude_outside": 1}
            yield "Resize", settings | excluded, operands, 2
            if where.endswith("half_pixel"):
                yield "Resize", settings | {"mode": "linear", "antialias": 1}, operands, 2
        for wanted in ((12, 14), (3, 3), (1, 1)):
            operands = [x, None, None, np.array([1, 2, *wanted])]
            yield "Resize", settings | {"mode": "linear"}, operands, 3
            yield "Resize", settings | {"mode": "linear", "fixed": True}, operands, 0
    for policy in ("not_larger", "not_smaller"):
        settings = {"axes": [2, 3], "keep_aspect_ratio_policy": policy, "opset": 19}
        yield "Resize", settings | {"mode": "linear"}, [x, None, None, np.array([9, 11])], 3
    corners = np.array([0, 0, 0.2, 0.3, 1, 1, 0.7, 1.2], np.float32)
    settings = {"coordinate_transformation_mode": "tf_crop_and_resize", "opset": 19}
    settings |= {"mode": "linear", "extrapolation_value": 9.0}
    yield "Resize", settings, [x, corners, None, np.array([1, 2, 4, 5])], 3
    for mode in ("linear", "nearest", "cubic"):
        for around in ("zeros", "border", "reflection"):
            for corners in (0, 1):
                settings = {"mode": mode, "padding_mode": around, "align_corners": corners}
                yield "GridSample", settings | {"opset": 20}, [x, _array(1, 4, 5, 2)], 0
    rois = np.array([[0, 0, 5, 6], [2, 1, 8, 8], [-2, 3, 20, 15]], np.float32)
    for mode in ("avg", "max"):
        for ratio in (0, 2):
            settings = {"mode": mode, "sampling_ratio": ratio, "spatial_scale": 0.7, "opset": 16}
            settings |= {"output_height": 3, "output_width": 2}
            yield "RoiAlign", settings, [X, rois, np.array([0, 1, 0])], 0
    scores = [np.array(3), np.array([0.5], np.float32), np.array([0.1], np.float32)]
    for centers in (0, 1):
        boxes = np.abs(_array(2, 6, 4))
        settings = {"center_point_box": centers}
        yield "NonMaxSuppression", settings, [boxes, np.abs(_array(2, 3, 6)), *scores], 3
    for pads in ([0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1]):
        places = (5 + pads[0] + pads[2]) * (6 + pads[1] + pads[3])
        operands = [_array(2, 8, places), np.array([6, 7]), np.array([2, 2])]
        yield "Col2Im", {"pads": pads}, operands, 2


CASES = list(_cases())


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_results_are_those_of_onnxruntime(case: Any) -> None:
    op_type, settings, operands, held = case
    names = ["" if operand is None else f"i{place}" for place, operand in enumerate(operands)]
    given = {n: o for n, o in zip(names, operands, strict=True) if n}
    weights = {n: given.pop(n) for n in list(given)[1:]} if held else {}
    settings = dict(settings)
    outputs = [f"o{i}" for i in range(settings.pop("outputs", 1))]
    opset, fixed = settings.pop("opset", 23), settings.pop("fixed", False)
    node = make_node(op_type, names, outputs, **settings)
    for free in ((), *([] if fixed else [(0, 2, 3)])):
        made = raise_live.model([node], given, weights, free=free, opset=opset)
        assert raise_live.against_onnxruntime(made, list(given.values())) == []


MODULES = {
    "Conv": "nn.Conv2d(4, 6, (3, 2))",
    "BatchNormalization": "nn.BatchNorm2d(4)",
    "LayerNormalization": "nn.LayerNorm(8)",
}


@pytest.mark.parametrize("op_type", MODULES)
def test_layers_are_modules(op_type: str) -> None:
    weights = {
        "Conv": [_array(6, 4, 3, 2), _array(6)],
        "BatchNormalization": [np.abs(_array(4)) for _ in range(4)],
        "LayerNormalization": [_array(8), _array(8)],
    }[op_type]
    names = [f"layer.{i}" for i in range(len(weights))]
    node = make_node(op_type, ["x", *names], ["y"])
    made = raise_live.model([node], {"x": X}, dict(zip(names, weights, strict=True)), free=[0])
    assert MODULES[op_type] in raise_live.source(made).text("")
    assert raise_live.against_onnxruntime(made, [X]) == []
