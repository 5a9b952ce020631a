"""TensorFlow calls in functional models of tf_keras: the saved files against the live models."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from test_lower_operations import compare, normal

import modelport

tf = pytest.importorskip("tensorflow")
keras = pytest.importorskip("tf_keras")
K = keras.backend
NUMBERS = itertools.count()

pytestmark = pytest.mark.filterwarnings("ignore:.*legacy")

VALUES = [
    normal(3, 4, 6),
    normal(3, 4, 6, seed=1),
    np.random.default_rng(2).integers(0, 4, (3, 4, 6)).astype(np.int32),
    normal(3, 8, 9, 3),
]


def check(
    folder: Path, calls: dict[str, Any], suffix: str = ".h5", tolerance: float = 5e-6
) -> None:
    """Every entry: a function of (x, y, whole, image), as outputs of one saved model."""
    inputs = [
        keras.Input((4, 6)),
        keras.Input((4, 6)),
        keras.Input((4, 6), dtype="int32"),
        keras.Input((8, 9, 3)),
    ]
    names, outputs = [], []
    for name, call in calls.items():
        made = list(call(*inputs))
        names += [f"{name} {place}" for place in range(len(made))]
        outputs += made
    model = keras.Model(inputs, outputs)
    model.save(folder / f"model{suffix}")
    expected = model([tf.constant(value) for value in VALUES])
    modelport.convert(folder / f"model{suffix}", folder / "model.onnx", verify=False)
    found = live.run((folder / "model.onnx").read_bytes(), VALUES)
    compare(expected, found, names, tolerance)


def test_arithmetic(tmp_path: Path) -> None:
    unary = (
        "abs acos asin atan ceil cos cosh erf exp expm1 floor is_finite is_inf is_nan log_sigmoid "
        "negative reciprocal rint round sigmoid sign sin sinh softplus softsign square tan tanh"
    )
    binary = (
        "add subtract multiply divide truediv floordiv floormod maximum minimum greater less equal "
        "not_equal greater_equal less_equal squared_difference divide_no_nan atan2"
    )
    calls = {
        "unary": lambda x, y, n, i: [getattr(tf.math, f)(tf.tanh(x) * 0.9) for f in unary.split()],
        "positive": lambda x, y, n, i: [
            f(tf.abs(x) + 1.0) for f in (tf.math.log, tf.math.log1p, tf.sqrt, tf.math.rsqrt)
        ],
        "binary": lambda x, y, n, i: [getattr(tf.math, f)(x, y) for f in binary.split()],
        "numbers": lambda x, y, n, i: [
            x * 2 + 1,
            2 - x,
            3 / x,
            x / 3,
            x**2,
            -x,
            x // 2,
            x % 2,
            x > 0,
        ],
        "whole": lambda x, y, n, i: [
            n * 2,
            n / 2,
            n // 2,
            n % 3,
            n - 1,
            n > 1,
            tf.cast(n, tf.float32),
            *[tf.nn.relu(tf.cast(n, kind) - 2) for kind in (tf.int32, tf.int64)],
            *[tf.cast(n - 2, tf.int64) // 2, tf.math.floordiv(n - 2, 3), (n - 2) // -2],
            *[tf.math.truediv(n, 2), tf.math.floormod(n - 2, -3)],
        ],
        "types": lambda x, y, n, i: [
            *[tf.cast(n, kind) % 3 for kind in ("int8", "uint8", "int16", "int64", "float16")],
            *[tf.math.divide_no_nan(n, n - 1), tf.math.divide_no_nan(tf.cast(n, "int16"), 2)],
            *[tf.cast(n, "uint8") * -3, tf.cast(n, "uint16") / -3],
            *[tf.reshape(n, (-1, 6, 4)) / 2, tf.concat([n, n], 1)[:, 1:] / 3],
            *[keras.layers.Discretization([-0.5, 0.5])(x)[:, :2] / 2, tf.math.argmax(x, -1) / 2],
        ],
        "arrays": lambda x, y, n, i: [x * np.arange(6, dtype=np.float32), x + np.ones((4, 1), "f")],
        "residual": lambda x, y, n, i: [x + y, x - y, x * y, keras.layers.Dense(6)(x) + x],
        "logic": lambda x, y, n, i: [
            tf.logical_and(x > 0, y > 0),
            tf.logical_or(x > 0, y > 0),
            tf.logical_not(x > 0),
            (x > 0) & (y > 0),
            ~(x > 0),
            tf.where(x > 0, x, y),
            tf.where(x > y, x, 0.0),
            tf.add_n([x, y, x]),
            tf.clip_by_value(x, -0.5, 0.5),
            tf.math.scalar_mul(2.0, x),
        ],
    }
    check(tmp_path, calls)


def test_division_towards_zero(tmp_path: Path) -> None:
    calls = {
        "whole": lambda x, y, n, i: [
            *[tf.truncatediv(n - 2, 3), tf.truncatediv(n - 2, -2), tf.truncatemod(n - 2, -3)],
            *[tf.truncatemod(x, 0.5), tf.truncatediv(x, 0.5)],
        ],
    }
    check(tmp_path, calls)


def test_reductions(tmp_path: Path) -> None:
    names = "sum mean max min prod logsumexp std variance euclidean_norm"
    calls = {
        name: lambda x, y, n, i, name=name: [
            getattr(tf.math, f"reduce_{name}")(x, **given)
            for given in ({"axis": 1}, {"axis": [1, 2], "keepdims": True}, {}, {"axis": -1})
        ]
        for name in names.split()
    }
    calls |= {
        "truth": lambda x, y, n, i: [tf.reduce_any(x > 0, 1), tf.reduce_all(x > -1, axis=-1)],
        "place": lambda x, y, n, i: [tf.argmax(x, axis=1), tf.argmin(x, axis=-1), tf.argmax(x)],
        "cumulated": lambda x, y, n, i: [
            tf.cumsum(x, axis=1),
            tf.cumsum(x, axis=2, exclusive=True, reverse=True),
            tf.math.cumprod(x, axis=1),
        ],
        "order": lambda x, y, n, i: [
            tf.sort(x),
            tf.argsort(x, direction="DESCENDING"),
            *tf.math.top_k(x, 3),
            tf.math.count_nonzero(n, axis=1),
        ],
        "backend": lambda x, y, n, i: [
            K.mean(x, 1),
            K.sum(x, axis=-1, keepdims=True),
            K.max(x, 1),
            K.square(x),
        ],
    }
    check(tmp_path, calls, tolerance=1e-5)


def test_shapes(tmp_path: Path) -> None:
    calls = {
        "reshape": lambda x, y, n, i: [
            tf.reshape(x, (-1, 24)),
            tf.reshape(x, [tf.shape(x)[0], 24]),
            tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * tf.shape(x)[2]]),
            tf.reshape(x, tf.concat([tf.shape(x)[:1], [12, 2]], 0)),
            keras.layers.Dense(2)(tf.reshape(x, [-1, tf.shape(x)[1] * 6])),
            K.reshape(x, (-1, 6)),
        ],
        "axes": lambda x, y, n, i: [
            tf.transpose(x, [0, 2, 1]),
            tf.transpose(i, [0, 3, 1, 2]),
            tf.expand_dims(x, 1),
            tf.expand_dims(x, -1),
            tf.squeeze(x[:, :1], 1),
            tf.linalg.matrix_transpose(x),
            K.permute_dimensions(x, (0, 2, 1)),
        ],
        "slices": lambda x, y, n, i: [
            x[:, 1:],
            x[:, 0],
            x[:, ::-1],
            x[:, 1:3, -1],
            x[:, tf.newaxis, :, 2:],
            x[:, tf.shape(y)[1] - 1],
            x[:, : tf.shape(y)[1] // 2],
            tf.slice(x, [0, 1, 2], [-1, 2, 3]),
            tf.strided_slice(x, [0, 1, 0], [3, 3, 6], [1, 1, 2]),
        ],
        "joined": lambda x, y, n, i: [
            tf.concat([x, y], 1),
            tf.concat([x, y], axis=-1),
            tf.stack([x, y], 1),
            tf.stack([x, y], axis=-1),
            K.concatenate([x, y]),
            *tf.split(x, 2, axis=1),
            *tf.split(x, [1, 3], axis=1),
            *tf.split(x, [2, -1], axis=2),
            tf.unstack(x, axis=1)[2],
        ],
        "copied": lambda x, y, n, i: [
            tf.tile(x, [1, 2, 1]),
            tf.repeat(x, 2, axis=1),
            tf.pad(x, [[0, 0], [1, 2], [0, 1]]),
            tf.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=2.0),
            tf.pad(x, [[0, 0], [1, 2], [0, 1]], mode="REFLECT"),
            tf.pad(x, [[0, 0], [1, 2], [0, 1]], mode="SYMMETRIC"),
            tf.reverse(x, [1]),
            tf.roll(x, 1, 1),
            tf.broadcast_to(x[:1], [3, 4, 6]),
            tf.zeros_like(x),
            tf.ones_like(x),
            tf.fill(tf.shape(x), 2.0),
            tf.zeros(tf.shape(x)),
            tf.identity(x),
            tf.stop_gradient(x),
            tf.convert_to_tensor(x),
        ],
        "chosen": lambda x, y, n, i: [
            tf.gather(x, [0, 2], axis=1),
            tf.gather(x, [1, 0, 0], axis=2),
            tf.gather(x, n[:, 0], batch_dims=1),
            tf.gather_nd(x, n[:, :, :1], batch_dims=1),
            tf.one_hot(n, 3),
            tf.one_hot(n, 3, on_value=2.0, off_value=-1.0, axis=1),
            tf.shape(x),
            tf.size(x),
        ],
    }
    check(tmp_path, calls)


def test_networks(tmp_path: Path) -> None:
    kernel, deep = normal(3, 3, 3, 4), normal(3, 3, 3, 2)
    calls = {
        "matrices": lambda x, y, n, i: [
            tf.matmul(x, y, transpose_b=True),
            tf.linalg.matmul(x, normal(6, 2)),
            x @ tf.transpose(y, [0, 2, 1]),
            tf.tensordot(x, normal(6, 2), 1),
            tf.linalg.band_part(x, 1, 2),
            tf.norm(x, axis=1),
            tf.linalg.matvec(x, y[:, 0]),
            tf.math.l2_normalize(x, axis=1),
            K.l2_normalize(x),
        ],
        "activations": lambda x, y, n, i: [
            tf.nn.relu(x),
            tf.nn.relu6(x),
            tf.nn.leaky_relu(x),
            tf.nn.leaky_relu(x, 0.3),
            tf.nn.elu(x),
            tf.nn.selu(x),
            tf.nn.gelu(x),
            tf.nn.gelu(x, approximate=True),
            tf.nn.silu(x),
            tf.nn.swish(x),
            tf.nn.softmax(x),
            tf.nn.softmax(x, axis=1),
            tf.nn.log_softmax(x),
            tf.nn.crelu(x),
            keras.activations.relu(x, max_value=1.0),
            keras.activations.gelu(x),
            keras.activations.swish(x),
            keras.activations.hard_sigmoid(x),
            K.sigmoid(x),
            K.relu(x, alpha=0.1),
        ],
        "windows": lambda x, y, n, i: [
            tf.nn.conv2d(i, kernel, 1, "SAME"),
            tf.nn.conv2d(i, kernel, [1, 2, 2, 1], "VALID"),
            tf.nn.depthwise_conv2d(i, deep, [1, 1, 1, 1], "SAME"),
            tf.nn.max_pool2d(i, 2, 2, "VALID"),
            tf.nn.avg_pool2d(i, [1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
            tf.nn.bias_add(i, normal(3)),
            tf.nn.space_to_depth(i[:, :, :8], 2),
            tf.nn.depth_to_space(tf.concat([i] * 4, -1), 2),
            tf.nn.local_response_normalization(i, 1, 1.0, 0.1, 0.75),
            tf.nn.batch_normalization(i, normal(3), np.ones(3, "f"), normal(3), normal(3), 1e-3),
            *tf.nn.moments(i, [1, 2]),
        ],
        "images": lambda x, y, n, i: [
            tf.image.resize(i, (4, 5)),
            tf.image.resize(i, (16, 18), method="nearest"),
            tf.image.resize(i, (5, 20), "bicubic"),
            tf.image.resize(i, (5, 20), "area"),
            tf.image.resize(i, (5, 20), "lanczos3", antialias=True),
            tf.image.resize(i, [tf.shape(i)[1] * 2, tf.shape(i)[2] * 2]),
            tf.image.crop_to_bounding_box(i, 1, 2, 4, 3),
            tf.image.pad_to_bounding_box(i, 1, 2, 12, 13),
            tf.image.flip_left_right(i),
            tf.image.flip_up_down(i),
            tf.image.rgb_to_grayscale(i),
            K.resize_images(i, 2, 2, "channels_last"),
        ],
    }
    check(tmp_path, calls, tolerance=1e-5)


def test_keras_archives_of_tf_keras_and_back(tmp_path: Path) -> None:
    calls = {
        "some": lambda x, y, n, i: [
            x * 2 + 1,
            2 - x,
            x * np.arange(6, dtype=np.float32),
            x[:, 1:],
            tf.concat([x, y], 1),
            tf.nn.relu(x),
            tf.reduce_mean(x, axis=1),
            tf.where(x > 0, x, y),
            tf.reshape(x, (-1, 24)),
            tf.image.resize(i, (4, 5)),
        ]
    }
    check(tmp_path, calls, ".keras")


def test_calls_become_operations_of_keras_3(tmp_path: Path) -> None:
    import keras as keras_3

    x, y = keras.Input((4, 6)), keras.Input((4, 6))
    outputs = [
        x * 2 + 1,
        2 - x,
        x * np.arange(6, dtype=np.float32),
        x[:, 1:],
        tf.concat([x, y], 1),
        tf.where(x > 0, x, 0.0),
        tf.nn.gelu(x),
        tf.cumsum(x),
        tf.one_hot(tf.cast(x, tf.int32), 3),
        tf.image.resize(x[..., tf.newaxis], (8, 9)),
        tf.split(x, 2, axis=1)[1],
    ]
    model = keras.Model([x, y], outputs)
    model.save(tmp_path / "model.h5")
    modelport.convert(tmp_path / "model.h5", tmp_path / "model.keras", verify=False)
    again = keras_3.models.load_model(tmp_path / "model.keras")
    expected, found = model(VALUES[:2]), again(VALUES[:2])
    names = [str(place) for place in range(len(outputs))]
    compare(expected, [np.asarray(out) for out in found], names, 1e-6)


def test_what_onnx_cannot_hold_is_named(tmp_path: Path) -> None:
    x = keras.Input((4, 4))
    model = keras.Model(x, tf.signal.fft(tf.cast(x, tf.complex64)))
    model.save(tmp_path / "model.h5")
    with pytest.raises(modelport.ModelportError, match=r"signal\.fft|complex64"):
        modelport.convert(tmp_path / "model.h5", tmp_path / "model.onnx", verify=False)


def test_an_equation_that_was_saved_without_its_operands(tmp_path: Path) -> None:
    x = keras.Input((4, 4))
    keras.Model(x, tf.einsum("bij,bkj->bik", x, x)).save(tmp_path / "model.h5")
    with pytest.raises(Exception, match=r"einsum|equation"):
        keras.models.load_model(tmp_path / "model.h5")
    with pytest.raises(modelport.ModelportError, match="without its operands"):
        modelport.convert(tmp_path / "model.h5", tmp_path / "model.onnx", verify=False)


def graph_layers(call: Any, *tensors: Any) -> Any:
    """The TensorFlow operators of a function as the layers that tf.keras 2.0 made of them."""
    from tf_keras.src.engine.base_layer import TensorFlowOpLayer

    with tf.Graph().as_default() as graph:
        places = [tf.compat.v1.placeholder(tensor.dtype, tensor.shape) for tensor in tensors]
        result = call(*places).name
        operators = [each for each in graph.get_operations() if each.inputs]
        static = {
            value.name: tf.get_static_value(value)
            for each in operators
            for value in each.inputs
            if value.op.type == "Const"
        }
    known = {place.name: tensor for place, tensor in zip(places, tensors, strict=True)}
    for each in operators:
        names = [value.name for value in each.inputs]
        constants = {i: static[name] for i, name in enumerate(names) if name in static}
        given = [known[name] for name in names if name not in static]
        name = f"{each.name}_{next(NUMBERS)}"
        layer = TensorFlowOpLayer(each.node_def.SerializeToString(), name, constants)
        made = layer(given if len(given) > 1 else given[0])
        made = made if isinstance(made, list) else [made]
        known.update({value.name: out for value, out in zip(each.outputs, made, strict=True)})
    return known[result]


def test_operators_of_graphs(tmp_path: Path) -> None:
    kernel = normal(3, 3, 3, 4)
    functions = {
        "x": [
            lambda a: tf.reshape(tf.reduce_sum(a * 2.0 + 1.0, axis=1), [-1, 3]),
            lambda a: tf.nn.softmax(tf.transpose(a, [0, 2, 1])) - 3.0,
            lambda a: tf.concat([a, tf.nn.relu(a)], axis=-1),
            lambda a: tf.stack([a, a / 2.0], axis=1),
            lambda a: a[:, 1:, 2],
            lambda a: tf.cast(a > 0, tf.float32) * tf.math.sigmoid(a),
            lambda a: tf.squeeze(tf.expand_dims(tf.reduce_mean(a, [1], keepdims=True), -1), [1, 3]),
            lambda a: tf.gather(a, [1, 0], axis=2),
            lambda a: tf.pad(a, [[0, 0], [1, 1], [0, 2]]),
            lambda a: tf.tile(a, [1, 2, 1]) ** 2.0,
            lambda a: tf.linalg.matmul(a, tf.constant(normal(3, 6, 2)[0])),
            lambda a: tf.nn.leaky_relu(a, 0.3),
            lambda a: tf.one_hot(tf.argmax(a, axis=1), 4),
            lambda a: tf.cast(tf.reduce_all(a > 0, axis=1), tf.float32),
            lambda a: tf.cast(tf.reduce_any(a > 1, axis=[1, 2]), tf.float32),
            lambda a: tf.split(a, 2, axis=2)[1],
        ],
        "image": [
            lambda a: tf.nn.conv2d(a, tf.constant(kernel), [1, 2, 2, 1], "SAME"),
            lambda a: tf.nn.max_pool2d(a, 2, 2, "VALID"),
            lambda a: tf.image.resize(a, (4, 5)),
            lambda a: tf.compat.v1.image.resize_bilinear(a, (16, 18)),
            lambda a: tf.compat.v1.image.resize_bilinear(a, (5, 6), align_corners=True),
            lambda a: tf.compat.v1.image.resize_nearest_neighbor(a, (4, 5)),
        ],
    }
    calls = {
        "x": lambda x, y, n, i: [graph_layers(f, x) for f in functions["x"]],
        "image": lambda x, y, n, i: [graph_layers(f, i) for f in functions["image"]],
        "both": lambda x, y, n, i: [graph_layers(lambda a, b: a * b + 1.0, x, y)],
    }
    check(tmp_path, calls, tolerance=1e-5)
