"""Operations of keras.ops against Keras 3: live models, and the files that Keras writes of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest

import modelport

keras = pytest.importorskip("keras")
ops = keras.ops


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


X, Y, WHOLE, IMAGE = (4, 6), (4, 6), (4, 6), (8, 9, 3)
VALUES = [
    normal(3, 4, 6),
    normal(3, 4, 6, seed=1),
    np.random.default_rng(2).integers(-5, 9, (3, 4, 6)).astype(np.int32),
    normal(3, 8, 9, 3),
]
VALUES[0][0, 0, :3] = [0, 1, -1]
VALUES[1][0, 1, :3] = VALUES[0][0, 1, :3]


def compare(wanted: list[Any], found: list[np.ndarray], names: list[str], tolerance: float) -> None:
    wrong = []
    for name, want, got in zip(names, wanted, found, strict=True):
        want = np.asarray(want)
        if got.dtype != want.dtype or got.shape != want.shape:
            wrong.append(f"{name}: {got.dtype}{got.shape} for {want.dtype}{want.shape}")
        elif want.dtype.kind in "biuO":
            wrong += [name] if not np.array_equal(got, want) else []
        else:
            finite = np.abs(want[np.isfinite(want)])
            scale = max(1.0, float(finite.max())) if finite.size else 1.0
            close = np.isclose(got / scale, want / scale, rtol=0, atol=tolerance, equal_nan=True)
            if not close.all():
                wrong.append(f"{name}: {got[~close][:4]} for {want[~close][:4]}")
    assert not wrong, "\n".join(wrong)


def flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [item for part in value for item in flat(part)]
    return [value]


def check(build: dict[str, Any], tolerance: float = 2e-6) -> None:
    """Every entry: a function of (x, y, whole, image), as one output of one model."""
    inputs = [keras.Input(X), keras.Input(Y), keras.Input(WHOLE, dtype="int32"), keras.Input(IMAGE)]
    names, outputs = [], []
    for name, function in build.items():
        made = flat(function(*inputs))
        names += [f"{name} {place}" for place in range(len(made))]
        outputs += made
    model = keras.Model(inputs, outputs)
    found = live.run(live.to_onnx(model), VALUES)
    compare(flat(model(VALUES, training=False)), found, names, tolerance)


def table(names: str, call: Any) -> dict[str, Any]:
    return {
        name: lambda *given, name=name: call(getattr(ops, name), *given) for name in names.split()
    }


def test_elementwise() -> None:
    of_any = (
        "abs ceil floor round trunc negative sign square exp exp2 expm1 cos cosh sin sinh tan tanh "
        "arctan arcsinh isnan isinf isfinite isposinf isneginf isreal signbit logical_not sinc "
        "deg2rad rad2deg cbrt conj copy real imag erf erfc reciprocal angle stop_gradient"
    )
    build = table(of_any, lambda f, x, y, n, i: f(x))
    build |= table("log log2 log10 log1p sqrt rsqrt arccosh", lambda f, x, y, n, i: f(abs(x) + 1))
    build |= table("arccos arcsin arctanh", lambda f, x, y, n, i: f(ops.tanh(x) * 0.9))
    whole = {
        f"{name} of int": call
        for name, call in table(
            "abs negative sign square exp sqrt ceil floor round trunc "
            "logical_not bitwise_not tanh isnan",
            lambda f, x, y, n, i: f(abs(n)),
        ).items()
    }
    check(build | whole, 5e-6)


def test_binary() -> None:
    both = (
        "add subtract multiply divide true_divide divide_no_nan floor_divide mod maximum minimum "
        "fmax fmin hypot arctan2 logaddexp logaddexp2 heaviside greater greater_equal less "
        "less_equal equal not_equal logical_and logical_or logical_xor isclose"
    )
    build = table(both, lambda f, x, y, n, i: f(x, y))
    skipped = ("heaviside", "hypot", "logaddexp2")
    build |= {
        f"{name} of int": call
        for name, call in table(both, lambda f, x, y, n, i: f(n, n * 2 - 7)).items()
        if name not in skipped
    }
    build |= {
        "numbers": lambda x, y, n, i: [x + 1, 2 - x, x * 2.5, 3 / x, x**2, 2**x, x // 2, x % 3, -x],
        "whole numbers": lambda x, y, n, i: [
            n + 1,
            2 - n,
            n * 2.5,
            n / 3,
            n**2,
            n // 2,
            n % 3,
            n > 2,
        ],
        "mixed": lambda x, y, n, i: [n + x, n * x, n / x, n - x, ops.maximum(n, x), n < x],
        "truth": lambda x, y, n, i: [
            (x > 0) & (y > 0),
            (x > 0) | (y > 0),
            ~(x > 0),
            (x > 0) ^ (y > 0),
        ],
        "arrays": lambda x, y, n, i: [
            x * normal(6),
            ops.subtract(normal(4, 1), x),
            x + np.arange(6),
            n + np.arange(6),
        ],
        "bits": lambda x, y, n, i: [
            ops.bitwise_and(n, n + 3),
            ops.bitwise_or(n, n + 5),
            ops.bitwise_xor(n, np.array([6, 1, 2, 3, 4, 5], np.int32)),
            ops.left_shift(n, np.array([2], np.int32)),
            ops.right_shift(n, np.array([1], np.int32)),
        ],
        "where": lambda x, y, n, i: [
            ops.where(x > 0, x, y),
            ops.where(x > y, x, 0.0),
            ops.where(n > 1, n, 0),
        ],
        "clip": lambda x, y, n, i: [ops.clip(x, -0.5, 0.5), ops.clip(n, 0, 3)],
        "select": lambda x, y, n, i: ops.select([x > 1, x > 0], [x, y], x * y),
        "nan": lambda x, y, n, i: [
            ops.nan_to_num(ops.log(x)),
            ops.nan_to_num(1 / x, nan=2.0, posinf=5.0, neginf=-5.0),
            ops.fmax(ops.log(x), y),
            ops.isnan(ops.log(x)),
        ],
        "casts": lambda x, y, n, i: [
            ops.cast(x, "int32"),
            ops.cast(n, "float32"),
            ops.cast(x, "bool"),
            ops.saturate_cast(x * 1e3, "int8"),
            ops.saturate_cast(n * 100, "uint8"),
            ops.convert_to_tensor(x),
        ],
        "close": lambda x, y, n, i: [ops.isclose(x, x + 1e-6), ops.isclose(x, y, rtol=1.0)],
        "ldexp": lambda x, y, n, i: ops.ldexp(x, n),
        "decimals": lambda x, y, n, i: [ops.round(x, 2), ops.round(x * 100, -1)],
    }
    check(build, 5e-6)


def test_reductions() -> None:
    names = "sum mean max min prod var std any all ptp logsumexp"
    names += " nansum nanmean nanmax nanmin nanprod nanvar nanstd"
    build: dict[str, Any] = {}
    for name in names.split():
        function = getattr(ops, name)
        for axis in (None, 1, -1, (1, 2)):
            for keep in (False, True):
                build[f"{name} {axis} {keep}"] = lambda x, y, n, i, f=function, a=axis, k=keep: f(
                    x, axis=a, keepdims=k
                )
        if not name.startswith("nan") and name != "logsumexp":
            build[f"{name} of int"] = lambda x, y, n, i, f=function: f(n, axis=1)
    for name in ("argmax", "argmin"):
        function = getattr(ops, name)
        build[name] = lambda x, y, n, i, f=function: [
            f(x),
            f(x, axis=1),
            f(n, axis=-1, keepdims=True),
        ]
    for name in ("cumsum", "cumprod"):
        function = getattr(ops, name)
        build[name] = lambda x, y, n, i, f=function: [f(x, axis=1), f(n, axis=-1), f(x, axis=2)]
    build |= {
        "initial": lambda x, y, n, i: [ops.max(x, axis=1, initial=0.5), ops.min(x, initial=-9.0)],
        "nan": lambda x, y, n, i: [
            f(ops.where(x > 0, x, math.nan), axis=1)
            for f in (ops.nansum, ops.nanmean, ops.nanmax, ops.nanvar)
        ],
        "average": lambda x, y, n, i: [
            ops.average(x, axis=1),
            ops.average(x, axis=1, weights=np.array([1.0, 2, 3, 4], np.float32)),
        ],
        "count": lambda x, y, n, i: ops.count_nonzero(n, axis=1),
        "moments": lambda x, y, n, i: [ops.moments(x, [1]), ops.moments(x, [1, 2], keepdims=True)],
        "diff": lambda x, y, n, i: [ops.diff(x), ops.diff(x, 2, axis=1)],
        "flat": lambda x, y, n, i: ops.cumsum(x),
    }
    check(build, 1e-5)


def test_shapes() -> None:
    build = {
        "reshape": lambda x, y, n, i: [
            ops.reshape(x, (-1, 24)),
            ops.reshape(x, (-1, 4, 3, 2)),
            ops.reshape(x, (-1,)),
        ],
        "ravel": lambda x, y, n, i: ops.ravel(x),
        "expand": lambda x, y, n, i: [
            ops.expand_dims(x, 1),
            ops.expand_dims(x, (0, -1)),
            ops.expand_dims(x, -2),
        ],
        "squeeze": lambda x, y, n, i: [ops.squeeze(x[:, :1], 1), ops.squeeze(x[:, :1, :1], (1, 2))],
        "transpose": lambda x, y, n, i: [
            ops.transpose(x),
            ops.transpose(x, (0, 2, 1)),
            ops.transpose(i, (0, 3, 1, 2)),
        ],
        "axes": lambda x, y, n, i: [
            ops.swapaxes(x, 1, 2),
            ops.moveaxis(i, 3, 1),
            ops.moveaxis(i, (1, 2), (-1, 1)),
        ],
        "broadcast": lambda x, y, n, i: ops.broadcast_to(x[0], (3, 4, 6)),
        "flip": lambda x, y, n, i: [ops.flip(x), ops.flip(x, 1), ops.flip(x, (1, 2))],
        "rot90": lambda x, y, n, i: [ops.rot90(x[..., :4], k, (1, 2)) for k in (1, 2, 3)],
        "roll": lambda x, y, n, i: [
            ops.roll(x, 2, 1),
            ops.roll(x, -1, 2),
            ops.roll(x, 1, 0),
            ops.roll(x, (1, 2), (1, 2)),
        ],
        "tile": lambda x, y, n, i: [
            ops.tile(x, (1, 2, 3)),
            ops.tile(x, (2, 1, 1, 1)),
            ops.tile(x, 2),
        ],
        "repeat": lambda x, y, n, i: [
            ops.repeat(x, 2, 1),
            ops.repeat(x, 3, 0),
            ops.repeat(x, [1, 0, 2, 1], 1),
            ops.repeat(x, 2),
        ],
        "pad": lambda x, y, n, i: [
            ops.pad(x, ((0, 0), (1, 2), (0, 1))),
            ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=3),
            ops.pad(x, ((0, 0), (1, 2), (2, 1)), mode="reflect"),
            ops.pad(x, ((0, 0), (1, 2), (2, 1)), mode="symmetric"),
        ],
        "concatenate": lambda x, y, n, i: [
            ops.concatenate([x, y], 1),
            ops.concatenate([x, y], -1),
            ops.concatenate([x, n], 1),
            ops.append(x, y, 2),
        ],
        "stack": lambda x, y, n, i: [
            ops.stack([x, y]),
            ops.stack([x, y], 1),
            ops.stack([x, y], -1),
        ],
        "stacks": lambda x, y, n, i: [ops.hstack([x, y]), ops.vstack([x, y]), ops.dstack([x, y])],
        "split": lambda x, y, n, i: [
            ops.split(x, 2, 1),
            ops.split(x, [1, 3], 2),
            ops.array_split(x, 4, 2),
            ops.hsplit(x, 2),
            ops.dsplit(x, 3),
        ],
        "unstack": lambda x, y, n, i: [ops.unstack(x, axis=1)],
        "like": lambda x, y, n, i: [
            ops.zeros_like(x),
            ops.ones_like(n),
            ops.full_like(x, 3),
            ops.zeros_like(x, dtype="int32"),
        ],
        "meshgrid": lambda x, y, n, i: [
            ops.meshgrid(x[0, 0], y[0, :, 0]),
            ops.meshgrid(x[0, 0], y[0, :, 0], indexing="ij"),
        ],
    }
    check(build)


def test_indexing() -> None:
    build = {
        "slices": lambda x, y, n, i: [
            x[:, 1:],
            x[:, 0],
            x[..., ::2],
            x[:, ::-1],
            x[0],
            x[:, -1, -2:],
            x[:, 1:3, None],
            x[..., None, :, 0],
        ],
        "take": lambda x, y, n, i: [
            ops.take(x, [0, 2], 1),
            ops.take(x, [[0, -1]], 2),
            ops.take(x, 3, 2),
            ops.take(x, [1, 5]),
        ],
        "along": lambda x, y, n, i: [
            ops.take_along_axis(x, abs(n) % 4, 1),
            ops.take_along_axis(x, ops.argsort(x, 2), 2),
        ],
        "one_hot": lambda x, y, n, i: [
            ops.one_hot(n, 5),
            ops.one_hot(n, 5, axis=1),
            ops.one_hot(n, 3, dtype="int32"),
        ],
        "multi_hot": lambda x, y, n, i: ops.multi_hot(n, 5),
        "order": lambda x, y, n, i: [
            ops.sort(x),
            ops.sort(n, 1),
            ops.argsort(x, 1),
            ops.top_k(x, 3),
        ],
        "in_top_k": lambda x, y, n, i: ops.in_top_k(ops.argmax(y[:, 0], -1), x[:, 0], 2),
        "digitize": lambda x, y, n, i: [
            ops.digitize(x, np.array([-1.0, 0.0, 1.0])),
            ops.digitize(n, np.array([0.0, 0.5, 1.5])),
            ops.digitize(ops.cast(x, "float64"), np.array([0.1, 0.7])),
            ops.digitize(ops.cast(x, "float16"), np.array([0.1, 0.7])),
        ],
        "triangles": lambda x, y, n, i: [ops.tril(x), ops.triu(x, 1), ops.tril(n, -1)],
        "diagonal": lambda x, y, n, i: [
            ops.diagonal(x, 1, 1, 2),
            ops.diagonal(x, -2, 1, 2),
            ops.trace(x, 0, 1, 2),
        ],
        "slice": lambda x, y, n, i: ops.slice(x, [0, 1, 2], [3, 2, 3]),
        "update": lambda x, y, n, i: [
            ops.slice_update(x, [0, 1, 2], y[:, :2, :3]),
            ops.scatter_update(x, [[0, 1, 2], [1, 0, 0]], [7.0, 8.0]),
        ],
    }
    check(build)


def test_products() -> None:
    matrix = normal(6, 5)
    build = {
        "matmul": lambda x, y, n, i: [
            ops.matmul(x, ops.transpose(y, (0, 2, 1))),
            ops.matmul(x, matrix),
            ops.matmul(x, normal(6)),
            ops.matmul(normal(2, 4), x),
        ],
        "dot": lambda x, y, n, i: [
            ops.dot(x, matrix),
            ops.dot(x, normal(6)),
            ops.dot(x[0], ops.transpose(y, (0, 2, 1))),
        ],
        "inner": lambda x, y, n, i: [
            ops.inner(x, normal(2, 6)),
            ops.vdot(x, y),
            ops.outer(x[0, 0], y[0, :, 0]),
        ],
        "tensordot": lambda x, y, n, i: [
            ops.tensordot(x, matrix, 1),
            ops.tensordot(x, normal(4, 6, 2), 2),
        ],
        "einsum": lambda x, y, n, i: [
            ops.einsum("bij,bkj->bik", x, y),
            ops.einsum("...j,jk->...k", x, matrix),
            ops.einsum("bij->bji", x),
            ops.einsum("bij,bij->b", x, y),
            ops.einsum("bij->", x),
        ],
        "cross": lambda x, y, n, i: ops.cross(x[..., :3], y[..., :3]),
        "norm": lambda x, y, n, i: [
            ops.norm(x[0]),
            ops.norm(x, axis=-1),
            ops.norm(x, ord=1, axis=1, keepdims=True),
            ops.norm(x, ord=3, axis=1),
            ops.norm(x, ord=np.inf, axis=1),
            ops.norm(x, ord="fro", axis=(1, 2)),
            ops.norm(x, ord=1, axis=(1, 2)),
            ops.norm(x, ord=np.inf, axis=(1, 2)),
        ],
        "det": lambda x, y, n, i: [ops.det(x[:, :, :4]), ops.slogdet(x[:, :, :4])],
        "normalize": lambda x, y, n, i: [
            ops.normalize(x),
            ops.normalize(x, axis=1, order=1),
            ops.normalize(x, order=3),
        ],
        "kron": lambda x, y, n, i: ops.kron(x[0], y[1]),
    }
    check(build, 1e-5)


def test_activations() -> None:
    names = (
        "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid "
        "log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
        "sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink"
    )
    build = table(names, lambda f, x, y, n, i: f(x * 3))
    build |= {
        "arguments": lambda x, y, n, i: [
            ops.gelu(x, approximate=False),
            ops.elu(x, 0.7),
            ops.leaky_relu(x, 0.3),
            ops.threshold(x, 0.3, -1.0),
            ops.softmax(x, axis=1),
            ops.log_softmax(x, axis=1),
        ],
        "crossentropy": lambda x, y, n, i: [
            ops.binary_crossentropy(ops.sigmoid(x), ops.sigmoid(y)),
            ops.binary_crossentropy(ops.sigmoid(x), y, from_logits=True),
            ops.categorical_crossentropy(ops.softmax(x), ops.softmax(y)),
            ops.categorical_crossentropy(ops.softmax(x), y, from_logits=True),
        ],
    }
    check(build, 1e-5)


def test_windows() -> None:
    kernel, deep = normal(3, 3, 3, 4), normal(3, 3, 3, 2)
    build = {
        "pool": lambda x, y, n, i: [
            ops.max_pool(i, 2),
            ops.max_pool(i, (3, 2), 1, "same"),
            ops.average_pool(i, 2, 2, "same"),
            ops.max_pool(x, 2),
            ops.average_pool(i, 2, data_format="channels_first"),
            ops.adaptive_max_pool(i, (4, 3)),
            ops.adaptive_average_pool(i, (2, 2)),
        ],
        "conv": lambda x, y, n, i: [
            ops.conv(i, kernel),
            ops.conv(i, kernel, 2, "same"),
            ops.conv(i, kernel, 1, "same", dilation_rate=2),
            ops.conv(x, normal(2, 6, 3)),
        ],
        "others": lambda x, y, n, i: [
            ops.depthwise_conv(i, deep, 1, "same"),
            ops.separable_conv(i, deep, normal(1, 1, 6, 5), 2),
        ],
        "blocks": lambda x, y, n, i: [
            ops.space_to_depth(i[:, :, :8], 2),
            ops.depth_to_space(ops.concatenate([i] * 4, -1), 2),
        ],
        "norm": lambda x, y, n, i: [
            ops.batch_normalization(i, normal(3), abs(normal(3)) + 0.1, -1, normal(3), normal(3)),
            ops.layer_normalization(x, normal(6), normal(6)),
            ops.layer_normalization(x, axis=(1, 2)),
            ops.rms_normalization(x, normal(6)),
        ],
        "attention": lambda x, y, n, i: [
            ops.dot_product_attention(*(ops.reshape(e, (-1, 4, 2, 3)) for e in (x, y, x))),
            ops.dot_product_attention(
                *(ops.reshape(e, (-1, 4, 2, 3)) for e in (x, y, x)), is_causal=True, scale=0.3
            ),
        ],
    }
    check(build, 1e-5)


def test_images() -> None:
    build = {
        "resize": lambda x, y, n, i: [
            ops.image.resize(i, size, interpolation=kind, antialias=smooth)
            for size in ((4, 5), (16, 11))
            for kind in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
            for smooth in (False, True)
        ],
        "proportions": lambda x, y, n, i: [
            ops.image.resize(i, (4, 8), crop_to_aspect_ratio=True),
            ops.image.resize(i, (4, 8), pad_to_aspect_ratio=True, fill_value=2.0),
            ops.image.resize(i[0], (4, 4)),
            ops.image.resize(i, (5, 4), data_format="channels_first"),
        ],
        "pad": lambda x, y, n, i: [
            ops.image.pad_images(i, 1, 2, 3, 4),
            ops.image.pad_images(i, 1, 2, target_height=12, target_width=12),
            ops.image.crop_images(i, 1, 2, 3, 4),
            ops.image.crop_images(i, 1, 2, target_height=4, target_width=3),
        ],
        "gray": lambda x, y, n, i: ops.image.rgb_to_grayscale(i),
        "patches": lambda x, y, n, i: [
            ops.image.extract_patches(i, (2, 3)),
            ops.image.extract_patches(i, (3, 3), (2, 1), padding="same"),
        ],
    }
    check(build, 1e-5)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_with_operations_become_onnx_and_keras_files(suffix: str, tmp_path: Path) -> None:
    layers = keras.layers
    x, y = keras.Input(X), keras.Input(Y)
    outputs = [
        x + 1,
        2 - x,
        x * np.arange(6, dtype=np.float32),
        x[:, 1:],
        x[..., None, ::2],
        x + y,
        layers.Add()([x, y]),
        ops.subtract(x, y),
        layers.Subtract()([x, y]),
        ops.softmax(x),
        layers.Softmax()(x),
        ops.reshape(x, (-1, 8, 3)),
        layers.Reshape((8, 3))(x),
        ops.concatenate([x, y], 1),
        layers.Concatenate()([x, y]),
        ops.average(x, axis=1),
        layers.Average()([x, y]),
        ops.split(x, 2, axis=1)[1],
        ops.where(x > 0, x, 0.0),
        ops.take(layers.Dense(3)(x), np.array([1, 2]), axis=1),
        ops.pad(x, ((0, 0), (1, 1), (0, 0))),
    ]
    model = keras.Model([x, y], outputs)
    live.randomize(model)
    source = tmp_path / f"model{suffix}"
    model.save(source)
    expected = model(VALUES[:2])
    modelport.convert(source, tmp_path / "model.onnx", verify=False)
    found = live.run((tmp_path / "model.onnx").read_bytes(), VALUES[:2])
    names = [str(place) for place in range(len(outputs))]
    compare(expected, found, names, 1e-6)
    modelport.convert(source, tmp_path / "again.keras", verify=False)
    again = keras.models.load_model(tmp_path / "again.keras")
    compare(expected, [np.asarray(out) for out in again(VALUES[:2])], names, 1e-6)


def test_what_onnx_cannot_hold_is_named() -> None:
    x = keras.Input((4, 4))
    for make in (ops.qr, ops.nonzero, lambda x: ops.where(x > 0), ops.svd):
        with pytest.raises(modelport.ModelportError, match=r"keras\.ops"):
            live.to_onnx(keras.Model(x, make(x)))


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("OneHot", {"num_classes": 10**12}),
        ("OneHot", {"num_classes": "many"}),
        ("Repeat", {"repeats": 10**12, "axis": 1}),
        ("Split", {"indices_or_sections": 10**12, "axis": 0}),
        ("Diff", {"n": 10**12}),
        ("Resize", {"size": [10**9, 10**9], "interpolation": "lanczos3"}),
        ("Transpose", {"axes": [0, 0, 7]}),
        ("Reshape", {"newshape": {"class_name": "__numpy__", "config": {}}}),
        ("Sum", {"axis": [[1], {}]}),
        ("Einsum", {"subscripts": "a,b->c"}),
        ("Pad", {"pad_width": [[1, 2, 3]]}),
    ],
)
def test_settings_that_no_keras_writes_end_in_one_error(name: str, config: dict[str, Any]) -> None:
    with pytest.raises(modelport.ModelportError):
        live.run_node(name, config, [VALUES[0]], module="keras.src.ops.numpy")


def test_fourier_transforms() -> None:
    real, imaginary = keras.Input((4, 6)), keras.Input((4, 6))
    sound, open_end = keras.Input((2, 50)), keras.Input((None,))
    pair = (real, imaginary)
    outputs = [*ops.fft(pair), *ops.fft2(pair), *ops.ifft2(pair), *ops.rfft(real)]
    outputs += [*ops.rfft(real, fft_length=5), *ops.rfft(real, fft_length=9)]
    outputs += ops.stft(sound, 12, 5, 16)
    outputs += ops.stft(sound, 9, 5, 16, window="hamming", center=False)
    outputs += ops.stft(open_end, 12, 5, 16, window=None)
    outputs += ops.stft(open_end, 4, 3, 5, window=[0.1, 0.5, 0.4, 0.2])
    values = [*VALUES[:2], normal(3, 2, 50), normal(3, 41)]
    live.check(keras.Model([real, imaginary, sound, open_end], outputs), values, 1e-5)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "int32", "int64", "float32"])
def test_powers(dtype: str) -> None:
    x, y = keras.Input((4,), dtype=dtype), keras.Input((4,), dtype=dtype)
    values = [np.array([[1, 2, 3, 2], [5, 2, 0, 1]], dtype), np.array([[4, 5, 2, 0]] * 2, dtype)]
    live.check(keras.Model([x, y], [ops.power(x, y), ops.power(x, 2)]), values)
