"""Small models of one node or a few, over every form that an operator once had."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper
from tests.dialects.onnx.history_live import Case, case

RNG = np.random.default_rng(7)
BOOL, INT64, DOUBLE, HALF = (
    TensorProto.BOOL,
    TensorProto.INT64,
    TensorProto.DOUBLE,
    TensorProto.FLOAT16,
)


def real(*shape: int, dtype: str = "float32") -> np.ndarray:
    return RNG.standard_normal(shape).astype(dtype)


def positive(*shape: int) -> np.ndarray:
    return np.asarray(np.abs(RNG.standard_normal(shape)) + 0.5, np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def suffixed(a, b, axis):
    """Version 1 to 6: the shape of b lies within that of a, from ``axis`` on."""
    if axis is None or b.size == 1:
        return b
    return b.reshape(b.shape + (1,) * (a.ndim - axis - b.ndim))


BINARY = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Xor": np.logical_xor,
    "Equal": np.equal,
    "Greater": np.greater,
    "Less": np.less,
}


def broadcasting() -> Iterator[Case]:
    for op, compute in BINARY.items():
        truths = op in ("And", "Or", "Xor")
        kind = BOOL if truths or op in ("Equal", "Greater", "Less") else TensorProto.FLOAT
        shapes = [((3, 4, 5), axis) for axis in (None,)] + [
            ((4, 5), None),
            ((3, 4), 1),
            ((2,), 0),
            ((3,), 1),
            ((1, 1), None),
            ((), None),
            ((4,), -2),
            ((1,), 0),
        ]
        for shape, axis in shapes:
            a, b = positive(2, 3, 4, 5), positive(*shape)
            if op in ("Equal",):
                a, b = (a * 2).astype(np.int32), (b * 2).astype(np.int32)
            if truths:
                a, b = a > 1, b > 1

            def expected(arrays, compute=compute, axis=axis):
                a, b = arrays["a"], arrays["b"]
                place = axis if axis is None or axis >= 0 else axis + a.ndim
                return [compute(a, suffixed(a, b, place))]

            attributes = {"broadcast": 1} if axis is None else {"broadcast": 1, "axis": axis}
            yield case(
                op,
                1 if kind == BOOL else 6,
                {"a": a, "b": b},
                expected,
                outputs={"y": kind},
                name=f"{shape}-{axis}",
                **attributes,
            )
        if not truths and op not in ("Equal", "Greater", "Less", "Pow"):
            yield case(
                op,
                1,
                {"a": positive(2, 3), "b": positive(2, 3)},
                lambda arrays, compute=compute: [compute(arrays["a"], arrays["b"])],
                consumed_inputs=[0, 0],
                name="in-place",
            )


UNARY = {
    "Abs": np.abs,
    "Ceil": np.ceil,
    "Exp": np.exp,
    "Floor": np.floor,
    "Log": np.log,
    "Neg": np.negative,
    "Reciprocal": lambda x: 1 / x,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
    "Elu": lambda x: np.where(x < 0, np.exp(x) - 1, x),
    "LeakyRelu": lambda x: np.where(x < 0, 0.01 * x, x),
    "HardSigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "Selu": lambda x: 1.0507 * np.where(x > 0, x, 1.6732 * (np.exp(x) - 1)),
}


def in_place() -> Iterator[Case]:
    for op, compute in UNARY.items():
        x = positive(2, 3, 4) if op in ("Log", "Sqrt", "Reciprocal") else real(2, 3, 4)
        yield case(
            op,
            1,
            {"x": x},
            lambda arrays, compute=compute: [compute(arrays["x"])],
            consumed_inputs=[1],
        )
        yield case(op, 8, {"x": x})
    for op, compute in {"Max": np.maximum, "Min": np.minimum, "Sum": np.add}.items():
        yield case(
            op,
            1,
            {"a": real(2, 3), "b": real(2, 3)},
            lambda arrays, compute=compute: [compute(arrays["a"], arrays["b"])],
            consumed_inputs=[0, 0],
        )
        yield case(op, 8, {"a": real(2, 3), "b": real(3)})
    yield case(
        "Mean",
        1,
        {"a": real(2, 3), "b": real(2, 3)},
        lambda arrays: [(arrays["a"] + arrays["b"]) / 2],
        consumed_inputs=[0, 0],
    )


def softmaxes() -> Iterator[Case]:
    def compute(op, x, axis):
        flat = x.reshape(int(np.prod(x.shape[:axis])), -1).astype(np.float64)
        shifted = np.exp(flat - flat.max(1, keepdims=True))
        made = shifted / shifted.sum(1, keepdims=True)
        if op == "LogSoftmax":
            made = np.log(made)
        if op == "Hardmax":
            made = np.eye(flat.shape[1])[flat.argmax(1)]
        return made.reshape(x.shape).astype(np.float32)

    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for axis in (None, 0, 1, 2, 3, -1, -2, -4):
            opset = 12 if axis is not None and axis < 0 else 9
            attributes = {} if axis is None else {"axis": axis}
            yield case(op, opset, {"x": real(2, 3, 4, 5)}, name=str(axis), **attributes)
        for axis in (0, 1):
            yield case(
                op,
                1,
                {"x": real(3, 4)},
                lambda arrays, op=op, axis=axis: [compute(op, arrays["x"], axis)],
                axis=axis,
                name=str(axis),
            )
        yield case(op, 11, {"x": real(3, 4)})
        yield case(op, 13, {"x": real(3, 4, 5)}, axis=1)


def clips_and_casts() -> Iterator[Case]:
    x = real(3, 4) * 3
    for opset in (1, 6, 10):
        for bounds in ({}, {"min": -1.0}, {"max": 0.5}, {"min": -0.5, "max": 2.0}):
            low, high = bounds.get("min", -np.inf), bounds.get("max", np.inf)
            yield case(
                "Clip",
                opset,
                {"x": x},
                lambda arrays, low=low, high=high: [np.clip(arrays["x"], low, high)],
                name="-".join(bounds),
                **bounds,
            )
    yield case(
        "Clip",
        10,
        {"x": x.astype(np.float64)},
        outputs={"y": DOUBLE},
        min=0.25,
        expected=lambda arrays: [np.clip(arrays["x"], 0.25, None)],
        name="double",
    )
    yield case(
        "Clip",
        10,
        {"x": x.astype(np.float16)},
        outputs={"y": HALF},
        max=0.25,
        expected=lambda arrays: [np.clip(arrays["x"], None, 0.25)],
        name="half",
    )
    yield case(
        "Clip", 12, {"x": np.arange(-3, 4)}, constants={"low": np.array(-1)}, outputs={"y": INT64}
    )
    for spelled, kind, dtype in (
        ("INT32", TensorProto.INT32, np.int32),
        ("DOUBLE", DOUBLE, np.float64),
        ("FLOAT16", HALF, np.float16),
        ("BOOL", BOOL, np.bool_),
        ("FLOAT", 1, np.float32),
    ):
        yield case(
            "Cast",
            1,
            {"x": x},
            outputs={"y": kind},
            to=spelled,
            name=spelled,
            expected=lambda arrays, dtype=dtype: [arrays["x"].astype(dtype)],
        )
        yield case(
            "Cast",
            6,
            {"x": x},
            outputs={"y": kind},
            to=kind,
            name=spelled,
            expected=lambda arrays, dtype=dtype: [arrays["x"].astype(dtype)],
        )
    # onnxruntime and the reference compute Erf of real numbers only.
    yield case(
        "Erf",
        9,
        {"x": np.arange(-9, 10, 3, dtype=np.int32)},
        outputs={"y": TensorProto.INT32},
        name="integers",
        expected=lambda arrays: [np.sign(arrays["x"]) * (abs(arrays["x"]) >= 6)],
    )
    yield case("Erf", 9, {"x": x})
    for op in ("ReduceLogSum", "ReduceLogSumExp"):
        data = np.arange(1, 7, dtype=np.int32).reshape(2, 3)

        def log_sum(arrays, op=op):
            data = arrays["x"].astype(np.float64)
            if op == "ReduceLogSumExp":
                data = np.exp(data)
            return [np.log(data.sum(1, keepdims=True)).astype(np.int32)]

        yield case(
            op,
            13,
            {"x": data},
            log_sum,
            outputs={"y": TensorProto.INT32},
            axes=[1],
            name="integers",
        )


def slopes() -> Iterator[Case]:
    for shape in ((2, 3), (2, 3, 4), (2, 3, 4, 5)):
        for size in (1, 3):

            def expected(arrays):
                x, slope = arrays["x"], arrays["s"]
                slope = slope.reshape(-1, *(1,) * (x.ndim - 2))
                return [np.where(x < 0, x * slope, x)]

            yield case(
                "PRelu",
                6,
                {"x": real(*shape), "s": real(size)},
                expected,
                name=f"{len(shape)}-{size}",
            )
    yield case(
        "PRelu",
        1,
        {"x": real(2, 3, 4)},
        constants={"s": real(3)},
        consumed_inputs=[0, 0],
        expected=lambda a: [np.where(a["x"] < 0, a["x"] * a["s"][:, None], a["x"])],
    )
    yield case("PRelu", 7, {"x": real(2, 3, 4), "s": real(3, 1)})


def products() -> Iterator[Case]:
    for shape in ((4,), (3, 4), (1,), (3, 1)):
        for opset in (1, 6):
            yield case(
                "Gemm",
                opset,
                {"a": real(2, 3), "b": real(4, 2), "c": real(*shape)},
                lambda g: [0.5 * g["a"].T @ g["b"].T + 2.0 * g["c"]],
                name=str(shape),
                transA=1,
                transB=1,
                alpha=0.5,
                beta=2.0,
                broadcast=1,
            )
    for opset in (7, 9, 11):
        yield case("Gemm", opset, {"a": real(2, 3), "b": real(3, 4), "c": real(4)})
    yield case("MatMul", 1, {"a": real(2, 3), "b": real(3, 4)}, lambda g: [g["a"] @ g["b"]])


def dropouts() -> Iterator[Case]:
    x = real(3, 4)
    both = {"y": TensorProto.FLOAT, "mask": TensorProto.FLOAT}
    yield case("Dropout", 1, {"x": x}, lambda g: [g["x"]], is_test=1, consumed_inputs=[1])
    yield case("Dropout", 6, {"x": x}, lambda g: [g["x"]], is_test=1, ratio=0.3)
    # Keeping everything, training is no different from inference.
    yield case(
        "Dropout",
        6,
        {"x": x},
        lambda g: [g["x"], np.ones((3, 4), np.float32)],
        ratio=0.0,
        outputs=both,
        name="training",
    )
    yield case(
        "Dropout",
        7,
        {"x": x},
        lambda g: [g["x"], np.ones((3, 4), np.float32)],
        outputs=both,
        ratio=0.4,
    )
    yield case(
        "Dropout",
        10,
        {"x": x},
        lambda g: [g["x"], np.ones((3, 4), bool)],
        outputs={"y": TensorProto.FLOAT, "mask": BOOL},
        ratio=0.4,
    )
    yield case("Dropout", 10, {"x": x})
    yield case("Dropout", 12, {"x": x})


def recurrent() -> Iterator[Case]:
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}
    for op, count in gates.items():
        inputs = {"x": real(3, 2, 4)}
        weights = {"w": real(1, count * 5, 4), "r": real(1, count * 5, 5)}
        both = {"y": TensorProto.FLOAT, "h": TensorProto.FLOAT}
        new = case(op, 7, inputs, constants=weights, outputs=both, hidden_size=5)

        def expected(_arrays, new=new):
            return new.truth()

        yield new
        yield case(op, 14, inputs, constants=weights, outputs=both, hidden_size=5)
        yield case(
            op,
            1,
            inputs,
            expected,
            constants=weights,
            outputs=both,
            hidden_size=5,
            output_sequence=1,
        )
        if op == "GRU":
            yield case(
                op,
                1,
                inputs,
                expected,
                constants=weights,
                outputs=both,
                hidden_size=5,
                output_sequence=1,
                direction="foward",
                name="misspelt",
            )
            yield case(
                op,
                3,
                inputs,
                expected,
                constants=weights,
                outputs=both,
                hidden_size=5,
                output_sequence=1,
            )


def functions() -> Iterator[Case]:
    body = [
        helper.make_node("Softmax", ["a"], ["s"]),
        helper.make_node("ReduceSum", ["s"], ["t"], keepdims=0),
        helper.make_node("Add", ["t", "b"], ["c"]),
    ]
    for node, name, referred, kind in (
        (body[0], "axis", "from", AttributeProto.INT),
        (body[1], "axes", "over", AttributeProto.INTS),
    ):
        node.attribute.add(name=name, ref_attr_name=referred, type=kind)
    inner = helper.make_function(
        "own", "Inner", ["a", "b"], ["c"], body, [helper.make_opsetid("", 11)], ["from", "over"]
    )
    calls = [
        helper.make_node(
            "Inner", ["x", last], [made], made, domain="own", over=[0, 2], **{"from": axis}
        )
        for last, made, axis in (("z", "m", 1), ("m", "n", 2))
    ]
    imports = [helper.make_opsetid("", 15), helper.make_opsetid("own", 1)]
    outer = helper.make_function("own", "Outer", ["x", "z"], ["n", "z"], calls, imports)
    nodes = [
        helper.make_node("Outer", ["x", "z"], ["y", "again"], "outer", domain="own"),
        helper.make_node("Outer", ["x", "y"], ["two", ""], "other", domain="own"),
    ]

    def soft(x, axis):
        flat = np.exp(x.reshape(int(np.prod(x.shape[:axis])), -1))
        return (flat / flat.sum(1, keepdims=True)).reshape(x.shape)

    def expected(arrays):
        x, z = arrays["x"], arrays["z"]
        once = soft(x, 1).sum((0, 2)) + soft(x, 2).sum((0, 2))
        return [once + z, z, once + once + z]

    outputs = dict.fromkeys(("y", "again", "two"), TensorProto.FLOAT)
    inputs = {"x": real(2, 3, 4), "z": real(3)}
    yield Case("functions", 18, nodes, inputs, {}, outputs, expected, (inner, outer))
    yield _function_with_branches()


def _function_with_branches() -> Case:
    """Both branches call their values alike, hold a weight, and take one from around them."""
    branches = []
    for number, axis in enumerate((0, 1)):
        reduced = helper.make_node("ReduceMean", ["sum"], ["t"], axes=[axis], keepdims=0)
        scaled = helper.make_node("Mul", ["t", "w"], ["r"])
        result = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
        weight = numpy_helper.from_array(np.float32(number + 2), "w")
        made = helper.make_graph([reduced, scaled], f"b{number}", [], [result], [weight])
        branches.append(made)
    body = [
        helper.make_node("Add", ["a", "a"], ["sum"]),
        helper.make_node("If", ["c"], ["r2"], then_branch=branches[0], else_branch=branches[1]),
    ]
    imports = [helper.make_opsetid("", 13)]
    function = helper.make_function("own", "Choose", ["a", "c"], ["r2"], body, imports)
    nodes = [
        helper.make_node("Choose", ["x", name], [made], made, domain="own")
        for name, made in (("yes", "y"), ("no", "z"))
    ]
    inputs = {"x": real(3, 3), "yes": np.array(True), "no": np.array(False)}
    return Case(
        "function-branches",
        18,
        nodes,
        inputs,
        {},
        {"y": TensorProto.FLOAT, "z": TensorProto.FLOAT},
        lambda g: [2 * (2 * g["x"]).mean(0), 3 * (2 * g["x"]).mean(1)],
        (function,),
    )


CASES = [
    *broadcasting(),
    *in_place(),
    *softmaxes(),
    *clips_and_casts(),
    *slopes(),
    *products(),
    *dropouts(),
    *recurrent(),
    *functions(),
]
