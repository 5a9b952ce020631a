"""Small models of what moves, resizes, normalises and repeats, over every form there was."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tests.dialects.onnx.history_cases import BOOL, DOUBLE, HALF, INT64, ints, positive, real
from tests.dialects.onnx.history_live import Case, case

from modelport.dialects.onnx.history.learned import LEARNED_DOMAIN

FLOAT = TensorProto.FLOAT
INT32 = TensorProto.INT32


def lists() -> Iterator[Case]:
    x = real(2, 3, 4)
    for shape in ([6, 4], [0, -1], [2, 1, 12]):
        yield case(
            "Reshape",
            1,
            {"x": x},
            lambda g, s=shape: [np.reshape(g["x"], s)] if 0 not in s else [g["x"].reshape(2, 12)],
            shape=shape,
            name=str(shape),
        )
        yield case("Reshape", 7, {"x": x}, constants={"s": ints(*shape)}, name=str(shape))
    for attributes in (
        {"starts": [0, 1], "ends": [1, -1]},
        {"starts": [-2, 1], "ends": [1000, 3], "axes": [2, 1]},
        {"starts": [0], "ends": [-1], "axes": [1]},
    ):
        axes = attributes.get("axes", [0, 1])
        cut = [slice(None)] * 3
        for axis, start, end in zip(axes, attributes["starts"], attributes["ends"], strict=True):
            cut[axis] = slice(start, end)
        yield case(
            "Slice", 1, {"x": x}, lambda g, c=tuple(cut): [g["x"][c]], name=str(axes), **attributes
        )
        yield case("Slice", 9, {"x": x}, name=str(axes), **attributes)
    two = {"y": FLOAT, "i": INT64}
    yield case(
        "TopK",
        1,
        {"x": x},
        lambda g: [-np.sort(-g["x"], 1)[:, :2], np.argsort(-g["x"], 1)[:, :2]],
        outputs=two,
        k=2,
        axis=1,
    )
    yield case("TopK", 9, {"x": x}, outputs=two, k=3)
    yield case("TopK", 10, {"x": x}, constants={"k": ints(2)}, outputs=two)
    yield case(
        "Pad",
        1,
        {"x": x},
        lambda g: [np.pad(g["x"], ((0, 1), (2, 0), (1, 1)))],
        paddings=[0, 2, 1, 1, 0, 1],
    )
    for mode in ("constant", "reflect", "edge"):
        yield case(
            "Pad",
            2,
            {"x": x},
            pads=[0, 2, 1, 1, 0, 1],
            mode=mode,
            name=mode,
            expected=lambda g, m=mode: [np.pad(g["x"], ((0, 1), (2, 0), (1, 1)), m)],
        )
        yield case("Pad", 10, {"x": x}, pads=[1, 2, 1, 1, 0, 1], mode=mode, name=mode)
    yield case("Pad", 10, {"x": x}, pads=[0, -1, 0, 0, 2, -1], value=1.5, name="cut")
    yield case(
        "Pad",
        10,
        {"x": x.astype(np.float64)},
        pads=[0, 1, 0, 0, 2, 1],
        value=1.5,
        outputs={"y": DOUBLE},
        name="double",
    )
    one = real(1, 3, 1, 2)
    yield case("Squeeze", 1, {"x": one}, lambda g: [g["x"][0, :, 0]], axes=[0, 2])
    for attributes in ({}, {"axes": [0]}, {"axes": [-2]}):
        yield case("Squeeze", 11, {"x": one}, name=str(attributes), **attributes)
    yield case("Squeeze", 13, {"x": one}, constants={"a": ints(0, 2)})
    yield case("Unsqueeze", 1, {"x": x}, lambda g: [g["x"][:, None, :, None]], axes=[1, 3])
    yield case("Unsqueeze", 11, {"x": x}, axes=[0, -1])
    yield case("Unsqueeze", 13, {"x": x}, constants={"a": ints(1)})


REDUCTIONS = {
    "ReduceL1": lambda x, **how: np.abs(x).sum(**how),
    "ReduceL2": lambda x, **how: np.sqrt((x * x).sum(**how)),
    "ReduceLogSum": lambda x, **how: np.log(x.sum(**how)),
    "ReduceLogSumExp": lambda x, **how: np.log(np.exp(x).sum(**how)),
    "ReduceMax": np.max,
    "ReduceMean": np.mean,
    "ReduceMin": np.min,
    "ReduceProd": np.prod,
    "ReduceSum": np.sum,
    "ReduceSumSquare": lambda x, **how: (x * x).sum(**how),
}


def reductions() -> Iterator[Case]:
    for op, compute in REDUCTIONS.items():
        for axes, keep in ((None, 1), ([1], 0), ([0, 2], 1), ([0, 1, 2], 0)):
            attributes = {"keepdims": keep} if axes is None else {"axes": axes, "keepdims": keep}

            def expected(g, compute=compute, axes=axes, keep=keep):
                axis = None if axes is None else tuple(axes)
                return [compute(g["x"], axis=axis, keepdims=bool(keep))]

            for opset in (1, 11):
                yield case(
                    op,
                    opset,
                    {"x": positive(2, 3, 4)},
                    expected,
                    name=f"{axes}-{keep}",
                    **attributes,
                )
        yield case(op, 12, {"x": positive(2, 3, 4)}, axes=[-1])
    yield case("ReduceSum", 13, {"x": real(2, 3)}, constants={"a": ints(1)})
    yield case("ReduceMax", 13, {"x": real(2, 3)}, axes=[0])
    for op in ("ArgMax", "ArgMin"):
        for opset in (7, 11, 12):
            yield case(
                op, opset, {"x": np.float32([[1, 3, 3], [0, 0, 1]])}, axis=1, outputs={"y": INT64}
            )


def splits() -> Iterator[Case]:
    x = real(2, 6, 4)
    two = {"y": FLOAT, "z": FLOAT}
    halves = lambda g: [g["x"][:, :3], g["x"][:, 3:]]  # noqa: E731
    parts = lambda g: [g["x"][:, :2], g["x"][:, 2:]]  # noqa: E731
    yield case("Split", 1, {"x": x}, halves, outputs=two, axis=1, name="equal")
    yield case("Split", 1, {"x": x}, parts, outputs=two, axis=1, split=[2, 4], name="attribute")
    yield case(
        "Split", 1, {"x": x, "s": np.float32([2, 4])}, parts, outputs=two, axis=1, name="input"
    )
    yield case("Split", 2, {"x": x}, parts, outputs=two, axis=1, split=[2, 4])
    for opset in (7, 11):
        yield case("Split", opset, {"x": x}, outputs=two, axis=1)
        yield case("Split", opset, {"x": x}, outputs=two, axis=1, split=[5, 1], name="lengths")
    yield case("Split", 13, {"x": x}, outputs=two)
    yield case("Split", 13, {"x": x}, constants={"s": ints(1, 3)}, outputs=two, axis=-1, name="in")
    yield case(
        "Concat", 1, {"a": x, "b": real(2, 2, 4)}, lambda g: [np.concatenate([g["a"], g["b"]], 1)]
    )
    for axis in (0, 2):
        tiles = {"t": np.float32(3), "a": np.float32(axis)}
        copies = [1, 1, 1]
        copies[axis] = 3
        wanted = lambda g, c=copies: [np.tile(g["x"], c)]  # noqa: E731
        yield case("Tile", 1, {"x": x}, wanted, constants=tiles, name=f"constant-{axis}")
        yield case("Tile", 1, {"x": x, **tiles}, wanted, name=f"input-{axis}")
    yield case("Tile", 7, {"x": x}, constants={"r": ints(1, 2, 1)})


def rows() -> Iterator[Case]:
    """The text of version 9: negative indices are outside; onnxruntime wraps them at once."""
    for dtype in (np.int64, np.int32, np.float32):
        for depth in (np.array(3, np.int64), np.float32([3])):

            def expected(g):
                row = np.arange(3)
                hit = g["i"].astype(int)[..., None] == row
                return [np.where(hit, g["v"][1], g["v"][0])]

            yield case(
                "OneHot",
                9,
                {"i": np.array([[-1, 0], [2, 5]], dtype), "d": depth},
                expected,
                constants={"v": np.float32([-1, 4])},
                name=f"{np.dtype(dtype)}-{depth.ndim}",
            )
    yield case(
        "OneHot", 11, {"i": ints(-1, 0, 2)}, constants={"d": np.array(3), "v": np.float32([0, 1])}
    )
    yield case(
        "Scatter",
        9,
        {"x": np.zeros((3, 3), np.float32)},
        axis=1,
        constants={"i": np.array([[1, 0, 2], [0, 2, 1]]), "u": real(2, 3)},
    )
    yield case(
        "ScatterElements",
        11,
        {"x": np.zeros((3, 3), np.float32)},
        constants={"i": np.array([[1, 0, 2], [0, 2, 1]]), "u": real(2, 3)},
    )
    yield case(
        "Gather",
        1,
        {"x": real(3, 4)},
        lambda g: [g["x"][:, [2, 0]]],
        axis=1,
        constants={"i": ints(2, 0)},
    )


def resizes() -> Iterator[Case]:
    x = real(1, 2, 3, 4)
    yield case(
        "Upsample",
        1,
        {"x": x},
        lambda g: [g["x"].repeat(2, 2).repeat(3, 3)],
        height_scale=2.0,
        width_scale=3.0,
        mode="nearest",
    )
    later = case("Upsample", 7, {"x": x}, scales=[1.0, 1.0, 2.0, 1.5], mode="linear")
    yield case(
        "Upsample",
        1,
        {"x": x},
        lambda _: later.truth(),
        height_scale=2.0,
        width_scale=1.5,
        mode="bilinear",
        name="bilinear",
    )
    for mode in ("nearest", "linear"):
        for scales in ([1.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.7, 2.3]):
            yield case("Upsample", 7, {"x": x}, scales=scales, mode=mode, name=f"{mode}-{scales}")
            held = {"s": np.float32(scales)}
            yield case("Upsample", 9, {"x": x}, constants=held, mode=mode, name=f"{mode}-{scales}")
        for scales in ([1, 1, 2, 3], [1, 1, 0.6, 0.6], [1, 1, 1.6, 0.6], [1, 1, 0.5, 1]):
            held = {"s": np.float32(scales)}
            name = f"{mode}-{scales}"
            yield case("Resize", 10, {"x": x}, constants=held, mode=mode, name=name)
            yield case("Resize", 10, {"x": x, **held}, mode=mode, name=f"{name}-input")
    empty = {"r": np.float32([]), "s": np.float32([])}
    for coordinates in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"):
        for mode in ("nearest", "linear", "cubic"):
            yield case(
                "Resize",
                11,
                {"x": x},
                constants={**empty, "n": ints(1, 2, 5, 7)},
                mode=mode,
                coordinate_transformation_mode=coordinates,
                name=f"{coordinates}-{mode}",
            )
    held = {"r": np.float32([]), "s": np.float32([1, 1, 1.5, 0.7])}
    yield case("Resize", 11, {"x": x}, constants=held)
    yield case(
        "Resize",
        11,
        {"x": x},
        mode="linear",
        name="crop",
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=9.0,
        constants={
            "r": np.float32([0, 0, 0.2, -0.1, 1, 1, 0.7, 1.2]),
            "s": np.float32([1, 1, 1.5, 2]),
        },
    )
    for rounding, exact in (
        ("floor", np.floor),
        ("round_prefer_floor", lambda v: np.ceil(v - 0.5)),
    ):

        def expected(g, exact=exact):
            """(i + 1/2) / scale of version 11; onnxruntime computes it so too, but in floats."""
            made = g["x"]
            for axis, scale in ((2, 2.0), (3, 0.5)):
                count = int(made.shape[axis] * scale)
                place = exact((np.arange(count) + 0.5) / scale).astype(int)
                made = made.take(place.clip(0, made.shape[axis] - 1), axis)
            return [made]

        for opset in (11, 18):  # gone from 13 on, which tf2onnx and onnxruntime do not mind
            yield case(
                "Resize",
                opset,
                {"x": x},
                expected,
                mode="nearest",
                nearest_mode=rounding,
                coordinate_transformation_mode="tf_half_pixel_for_nn",
                name=f"tf-{rounding}",
                constants={"r": np.float32([]), "s": np.float32([1, 1, 2, 0.5])},
            )


def sampling() -> Iterator[Case]:
    x = positive(1, 2, 6, 6)
    for p in (1, 2, 3):
        new = case("LpPool", 11, {"x": x}, p=p, kernel_shape=[2, 3], strides=[2, 1])
        yield new
        yield case(
            "LpPool",
            1,
            {"x": x},
            lambda _, new=new: new.truth(),
            p=float(p),
            kernel_shape=[2, 3],
            strides=[2, 1],
            name=str(p),
        )
        new = case("GlobalLpPool", 7, {"x": x}, p=p)
        yield new
        yield case(
            "GlobalLpPool", 1, {"x": x}, lambda _, new=new: new.truth(), p=float(p), name=str(p)
        )
    for op in ("MaxPool", "AveragePool"):
        for opset in (7, 8, 10, 11):
            for attributes in (
                {"pads": [1, 0, 1, 1]},
                {"auto_pad": "SAME_UPPER"},
                {"auto_pad": "SAME_LOWER"},
                {"auto_pad": "VALID"},
            ):
                yield case(
                    op,
                    opset,
                    {"x": x},
                    kernel_shape=[3, 2],
                    strides=[2, 2],
                    name=str(attributes),
                    **attributes,
                )
        yield case(op, 10, {"x": x}, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, name="ceil")
    boxes = {"r": np.float32([[0.3, 0.2, 4.1, 3.7], [1, 1, 5, 4]]), "b": ints(0, 0)}
    for mode in ("avg", "max"):
        yield case(
            "RoiAlign",
            10,
            {"x": x},
            constants=boxes,
            mode=mode,
            output_height=2,
            output_width=3,
            sampling_ratio=2,
            name=mode,
        )
    for mode in (None, "bilinear", "nearest", "bicubic"):
        attributes = {"mode": mode} if mode else {}
        yield case("GridSample", 16, {"x": x, "g": real(1, 3, 4, 2)}, name=str(mode), **attributes)
    for onesided, inverse in ((0, 0), (1, 0), (0, 1)):
        data = real(2, 5, 3, 2 if inverse else 1)
        yield case(
            "DFT", 17, {"x": data}, onesided=onesided, inverse=inverse, name=f"{onesided}{inverse}"
        )
        yield case(
            "DFT",
            17,
            {"x": data},
            axis=2,
            onesided=onesided,
            inverse=inverse,
            constants={"n": np.array(4)},
            name=f"{onesided}{inverse}-axis",
        )
    # The formula of version 1 puts the odd element elsewhere than its text and every runtime.
    turned = {"x": real(1, 2, 4)}, {"w": real(2, 2, 3)}
    new = case("ConvTranspose", 11, turned[0], constants=turned[1], strides=[2], output_shape=[8])
    yield new
    yield case(
        "ConvTranspose",
        1,
        turned[0],
        lambda _: new.truth(),
        constants=turned[1],
        strides=[2],
        output_shape=[8],
    )


def normalizations() -> Iterator[Case]:
    x = real(2, 3, 4, 5)
    held = {"s": real(3), "b": real(3), "m": real(3), "v": positive(3)}

    def normal(g, axes=(0, 2, 3), training=False, momentum=0.9):
        g = {name: array.astype(np.float64) for name, array in g.items()}
        side = [1 if axis in axes else n for axis, n in enumerate(g["x"].shape)]
        s, b, m, v = (g[key].reshape(side) for key in "sbmv")
        mean, variance = (m, v)
        if training:
            mean = g["x"].mean(axes, keepdims=True)
            variance = g["x"].var(axes, keepdims=True)
        y = (g["x"] - mean) / np.sqrt(variance + 1e-5) * s + b
        running = m * momentum + mean * (1 - momentum), v * momentum + variance * (1 - momentum)
        rest = [array.reshape(g["m"].shape) for array in (*running, mean, variance)]
        return [array.astype(np.float32) for array in (y, *rest)]

    five = dict.fromkeys(("y", "om", "ov", "sm", "sv"), FLOAT)
    test = lambda g: normal(g)[:1]  # noqa: E731
    yield case(
        "BatchNormalization",
        1,
        {"x": x},
        test,
        constants=held,
        is_test=1,
        consumed_inputs=[0, 0, 0, 1, 1],
    )
    yield case("BatchNormalization", 6, {"x": x}, test, constants=held, is_test=1)
    yield case("BatchNormalization", 6, {"x": x}, test, constants=held, name="unsaid")
    yield case(
        "BatchNormalization",
        6,
        {"x": x},
        lambda g: normal(g, training=True)[:1],
        constants=held,
        is_test=0,
        name="batch",
    )
    for opset in (7, 9, 14, 15):
        yield case("BatchNormalization", opset, {"x": x}, constants=held)
    for opset in (6, 7, 9):
        yield case(
            "BatchNormalization",
            opset,
            {"x": x},
            lambda g: normal(g, training=True),
            constants=held,
            outputs=five,
            name="training",
        )
    each = {key: real(3, 4, 5) if key != "v" else positive(3, 4, 5) for key in "sbmv"}
    for opset, more in ((6, {"is_test": 1}), (7, {})):
        yield case(
            "BatchNormalization",
            opset,
            {"x": x},
            lambda g: normal(g, (0,))[:1],
            constants=each,
            spatial=0,
            name="each",
            **more,
        )
    yield case(
        "BatchNormalization",
        7,
        {"x": real(16, 3, 4, 5)},  # of two examples alone the variance may be almost nothing
        lambda g: normal(g, (0,), True),
        constants=each,
        outputs=five,
        spatial=0,
        name="each-training",
    )
    flat = {key: held[key] for key in "sbmv"}
    yield case(
        "BatchNormalization",
        7,
        {"x": real(4, 3)},
        constants=flat,
        spatial=0,
        name="flat",
        expected=lambda g: normal(g, (0,))[:1],
    )
    new = case("InstanceNormalization", 6, {"x": x}, constants={k: held[k] for k in "sb"})
    later = case("InstanceNormalization", 7, new.inputs, constants=new.constants)
    yield later
    yield case(
        "InstanceNormalization",
        1,
        new.inputs,
        lambda _: later.truth(),
        constants=new.constants,
        consumed_inputs=[0],
    )
    for dtype, kind in ((np.float32, FLOAT), (np.float64, DOUBLE)):

        def grouped(g):
            x = g["x"].astype(np.float64).reshape(2, 2, -1)
            x = (x - x.mean(2, keepdims=True)) / np.sqrt(x.var(2, keepdims=True) + 1e-5)
            x = x * g["s"][:, None] + g["b"][:, None]
            return [x.reshape(g["x"].shape).astype(g["x"].dtype)]

        data = {"x": real(2, 6, 4), "s": real(2), "b": real(2)}
        data = {name: array.astype(dtype) for name, array in data.items()}
        yield case(
            "GroupNormalization",
            18,
            data,
            grouped,
            num_groups=2,
            outputs={"y": kind},
            name=np.dtype(dtype).name,
        )
    for across in (0, 1):
        for variance in (0, 1):

            def centred(g, across=across, variance=variance):
                axes = (0, 1, 2, 3) if across else (0, 2, 3)
                away = g["x"] - g["x"].mean(axes, keepdims=True)
                deviation = np.sqrt((away * away).mean(axes, keepdims=True)) if variance else 1
                return [away / deviation]

            yield case(
                "MeanVarianceNormalization",
                1,
                {"x": x},
                centred,
                across_channels=across,
                normalize_variance=variance,
                name=f"{across}{variance}",
            )


def value(name: str, kind: int = FLOAT, shape: list[int] | None = None):
    return helper.make_tensor_value_info(name, kind, shape)


def control() -> Iterator[Case]:
    shape = [3]
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "step"], ["next"]),
            helper.make_node("Softmax", ["next"], ["soft"], axis=0),
            helper.make_node("Mul", ["soft", "weight"], ["given"]),
        ],
        "body",
        [value("state", shape=shape), value("step", shape=shape)],
        [value("next", shape=shape), value("given", shape=shape)],
    )
    two = {"y": FLOAT, "z": FLOAT}

    def scan(g, reverse=0):
        lengths = g.get("n", np.full(2, 4))
        finals, steps = [], []
        for state, rows, length in zip(g["s"], g["x"], lengths, strict=True):
            given = np.zeros((4, 3), np.float32)
            state = state.copy()
            order = rows[:length][::-1] if reverse else rows[:length]
            for place, row in enumerate(order):
                state = state + row
                given[place] = np.exp(state) / np.exp(state).sum() * g["weight"]
            finals.append(state)
            steps.append(given)
        return [np.stack(finals), np.stack(steps)]

    inputs = {"s": real(2, 3), "x": real(2, 4, 3), "weight": real(3)}
    yield case("Scan", 8, inputs, outputs=two, order="- s x", body=body, num_scan_inputs=1)
    yield case(
        "Scan",
        8,
        inputs,
        lambda g: scan(g, 1),
        outputs=two,
        order="- s x",
        body=body,
        num_scan_inputs=1,
        directions=[1],
        name="reverse",
    )
    for reverse in (0, 1):
        yield case(
            "Scan",
            8,
            {**inputs, "n": ints(4, 2)},
            lambda g, r=reverse: scan(g, r),
            outputs=two,
            order="n s x",
            body=body,
            num_scan_inputs=1,
            directions=[reverse],
            name=f"lengths-{reverse}",
        )
    yield case(
        "Scan",
        9,
        {**inputs, "s": real(3), "x": real(4, 3)},
        outputs=two,
        order="s x",
        body=body,
        num_scan_inputs=1,
    )
    branch = [
        helper.make_graph(
            [helper.make_node("ReduceSum", ["x"], [name], axes=[axis])], name, [], [value(name)]
        )
        for axis, name in enumerate(("rows", "columns"))
    ]
    for truth in (True, False):
        yield case(
            "If",
            11,
            {"c": np.array(truth), "x": real(3, 4)},
            order="c",
            name=str(truth),
            then_branch=branch[0],
            else_branch=branch[1],
        )
    loop = helper.make_graph(
        [
            helper.make_node("Unsqueeze", ["a"], ["wide"], axes=[0]),
            helper.make_node("Softmax", ["wide"], ["soft"]),
            helper.make_node("Squeeze", ["soft"], ["out"], axes=[0]),
            helper.make_node("Identity", ["c"], ["on"]),
            helper.make_node("Identity", ["out"], ["each"]),
        ],
        "loop",
        [value("i", INT64, []), value("c", BOOL, []), value("a", shape=shape)],
        [value("on", BOOL, []), value("out", shape=shape), value("each", shape=shape)],
    )
    yield case(
        "Loop", 11, {"n": np.array(3), "c": np.array(True), "a": real(3)}, outputs=two, body=loop
    )


def removed() -> Iterator[Case]:
    """Experimental operators: onnxruntime is the one runtime that still has them."""
    x = real(1, 3, 4, 5)
    yield case("Affine", 7, {"x": x}, lambda g: [2.5 * g["x"] - 1], alpha=2.5, beta=-1.0)
    yield case("Scale", 7, {"x": x}, lambda g: [2.5 * g["x"]], scale=2.5)
    yield case(
        "ImageScaler",
        7,
        {"x": x},
        bias=[1.0, 2.0, 3.0],
        scale=0.5,
        expected=lambda g: [g["x"] * 0.5 + np.float32([1, 2, 3])[:, None, None]],
    )
    yield case(
        "ParametricSoftplus",
        7,
        {"x": x},
        alpha=2.0,
        beta=0.5,
        expected=lambda g: [2 * np.log(np.exp(0.5 * g["x"]) + 1)],
    )
    yield case(
        "ScaledTanh", 7, {"x": x}, lambda g: [2 * np.tanh(0.5 * g["x"])], alpha=2.0, beta=0.5
    )
    yield case("Crop", 7, {"x": x}, lambda g: [g["x"][:, :, 2:-1, 1:]], border=[1, 2, 0, 1])
    yield case(
        "Crop",
        7,
        {"x": x},
        lambda g: [g["x"][:, :, 2:4, 1:4]],
        border=[1, 2, 0, 0],
        scale=[2, 3],
        name="size",
    )
    yield case(
        "DynamicSlice",
        7,
        {"x": x},
        lambda g: [g["x"][:, 1:3]],
        constants={"s": ints(1), "e": ints(3), "a": ints(1)},
    )
    yield case(
        "ThresholdedRelu", 7, {"x": x}, lambda g: [np.where(g["x"] > 0.5, g["x"], 0)], alpha=0.5
    )
    yield case(
        "ConstantFill",
        7,
        {"s": ints(2, 3)},
        lambda g: [np.full((2, 3, 4), 1.5, np.float32)],
        input_as_shape=1,
        extra_shape=[4],
        value=1.5,
    )
    yield case(
        "ConstantFill",
        7,
        {},
        lambda g: [np.full((2, 3), 2, np.int32)],
        shape=[2, 3],
        value=2.0,
        dtype=INT32,
        outputs={"y": INT32},
        name="list",
    )
    yield case(
        "ConstantLike",
        7,
        {"x": x.astype(np.float16)},
        outputs={"y": HALF},
        value=3.0,
        dtype=HALF,
        expected=lambda g: [np.full(g["x"].shape, 3, np.float16)],
    )
    yield case(
        "GivenTensorFill",
        7,
        {},
        lambda g: [np.float32([[1, 2], [3, 4]])],
        shape=[2, 2],
        values=[1.0, 2.0, 3.0, 4.0],
    )


def constants() -> Iterator[Case]:
    """Lengths and scales that a Constant node gives."""
    scales = numpy_helper.from_array(np.float32([1, 1, 2, 2]))
    nodes = [
        helper.make_node("Constant", [], ["s"], value=scales),
        helper.make_node("Upsample", ["x", "s"], ["u"]),
        helper.make_node("Flatten", ["u"], ["f"]),
        helper.make_node("Softmax", ["f"], ["y"]),
    ]
    yield Case("Constant-9", 9, nodes, {"x": real(1, 2, 3, 4)})


def learned() -> Iterator[Case]:
    """What skl2onnx writes around a network."""
    for x in (real(3, 4), np.arange(12, dtype=np.int64).reshape(3, 4)):
        for numbers in ([1.0, 2.0, 3.0, 4.0], [0.5]):
            kind = f"{x.dtype}-{len(numbers)}"
            numbers = {"offset": numbers, "scale": numbers}
            yield case("Scaler", 13, {"x": x}, name=kind, domain=LEARNED_DOMAIN, **numbers)
    for x in (real(5), real(3, 4), real(2, 3, 4), ints(7, 8, 9, 6)):  # labels of classes, often
        yield case(
            "ArrayFeatureExtractor",
            13,
            {"i": ints(2, 0, 3, 0)},
            constants={"x": x},
            order="x i",
            outputs={"y": INT64 if x.dtype == np.int64 else FLOAT},
            name=f"{x.dtype}-{x.ndim}",
            domain=LEARNED_DOMAIN,
        )


MORE_CASES = [
    *lists(),
    *reductions(),
    *splits(),
    *rows(),
    *resizes(),
    *sampling(),
    *normalizations(),
    *control(),
    *removed(),
    *constants(),
    *learned(),
]
