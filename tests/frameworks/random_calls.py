"""Calls of ``keras.ops`` and of TensorFlow with random arguments, for random models."""

from __future__ import annotations

from typing import Any

import numpy as np
from random_layers import Draw

UNARY = (
    "abs arctan ceil cos exp2 expm1 floor negative reciprocal round sign sin square tanh relu "
    "sigmoid silu softplus log_softmax softmax hard_swish leaky_relu normalize isfinite "
    "logical_not erf cumsum sort argsort argmax ones_like flip nan_to_num"
).split()
BINARY = (
    "add subtract multiply maximum minimum power greater less_equal equal arctan2 logaddexp "
    "floor_divide mod divide true_divide logical_and where matmul"
).split()
REDUCE = "sum mean max min prod std var logsumexp any all count_nonzero argmin amax".split()


def _axis(d: Draw, x: Any) -> int:
    rank = len(x.shape)
    return d.choice([d.randint(1, rank - 1), d.randint(1 - rank, -1)])


def _slice(d: Draw, x: Any, k: Any) -> Any:
    index: list[Any] = [slice(None)]
    for _ in x.shape[1 : d.randint(2, len(x.shape))]:
        pick = d.randint(0, 3)
        if pick == 0:
            index.append(d.choice([0, -1]))
        elif pick == 1:
            index.append(
                slice(d.choice([None, 1, -2]), d.choice([None, -1, 3]), d.choice([None, 2]))
            )
        elif pick == 2:
            index.append(slice(None, None, -1))
        else:
            index += [slice(None)] if d.chance(0.7) else [None, slice(None)]
    return x[tuple(index)]


def _operator(d: Draw, x: Any, y: Any, k: Any) -> Any:
    other = d.choice([y, 2, 0.5, -3, np.float32(1.5)])
    name = d.choice("add sub mul truediv floordiv mod pow".split())
    a, b = (x, other) if d.chance(0.7) else (other, x)
    if name in ("truediv", "floordiv", "mod", "pow") and not isinstance(
        b, int | float | np.float32
    ):
        b = k.ops.abs(b) + 1.0 if hasattr(k, "ops") else _tf().abs(b) + 1
    if name == "pow":
        return (k.ops.abs(a) + 0.5) ** b if hasattr(k, "ops") else (_tf().abs(a) + 0.5) ** b
    import operator

    return getattr(operator, name)(a, b)


def _tf() -> Any:
    import tensorflow

    return tensorflow


def of_keras(d: Draw, k: Any, x: Any, y: Any) -> Any:
    """One call of ``keras.ops`` on ``x`` (and ``y``), or an operator of Python."""
    ops, axis = k.ops, _axis(d, x)
    keep = d.some(keepdims=[True, False])
    shape = [-1, *x.shape[1:]]
    tail = shape[1:]
    d.shuffle(tail)
    perm = [0, *d.sample(range(1, len(x.shape)), len(x.shape) - 1)]
    made = [
        lambda: getattr(ops, d.choice(UNARY))(x),
        lambda: getattr(ops, d.choice(UNARY))(x),
        lambda: getattr(ops, d.choice(BINARY))(x, d.choice([y, 2, 0.5, x])),
        lambda: getattr(ops, d.choice(REDUCE))(x, axis=axis, **keep),
        lambda: ops.softmax(x, axis=axis),
        lambda: _operator(d, x, y, k),
        lambda: _slice(d, x, k),
        lambda: _slice(d, x, k),
        lambda: ops.reshape(x, d.choice([(-1, *tail), (shape[0], -1), (*tail, -1)])),
        lambda: ops.transpose(x, perm),
        lambda: ops.concatenate([x, y, x], axis=axis),
        lambda: ops.stack([x, y], axis=d.choice([axis, 0, -1])),
        lambda: ops.split(x, d.choice([2, [1], [1, 2]]), axis=axis),
        lambda: ops.expand_dims(x, d.choice([axis, -1, (1, 2)])),
        lambda: ops.squeeze(x),
        lambda: ops.repeat(x, d.randint(1, 3), axis=axis),
        lambda: ops.tile(x, [1, *[d.randint(1, 2) for _ in tail]]),
        lambda: ops.pad(
            x,
            [(0, 0), *[(d.randint(0, 1), d.randint(0, 2)) for _ in tail]],
            mode=d.choice(["constant", "reflect", "symmetric"]),
        ),
        lambda: ops.roll(x, d.choice([1, -2]), axis=axis),
        lambda: ops.take(x, d.choice([[0, 1], 0, [[0], [1]], [-1]]), axis=axis),
        lambda: ops.top_k(x, 2),
        lambda: ops.clip(x, -0.5, 0.7),
        lambda: ops.where(x > 0.1, x, d.choice([y, 0.0])),
        lambda: ops.cast(x, d.choice(["int32", "float32", "bool", "float16"])),
        lambda: ops.swapaxes(x, 1, -1),
        lambda: ops.moveaxis(x, 1, -1),
        lambda: ops.one_hot(ops.cast(ops.abs(x), "int32"), 4),
        lambda: ops.cumsum(x, axis=axis),
        lambda: ops.sort(x, axis=axis),
        lambda: ops.diff(x, axis=axis),
        lambda: ops.norm(x, axis=axis, **keep),
        lambda: ops.broadcast_to(x, (*x.shape,)),
        lambda: ops.flip(x, axis=axis),
        lambda: ops.tril(x) if d.chance() else ops.triu(x, 1),
        lambda: (
            ops.einsum(d.choice(["b...c,b...c->b...", "b...c->b", "b...c->bc..."]), x, y)
            if d.chance()
            else ops.einsum("b...c->bc...", x)
        ),
        lambda: ops.max_pool(x, 2, 1) if d.chance() else ops.average_pool(x, 2, padding="same"),
        lambda: ops.isclose(x, y) if d.chance() else ops.digitize(x, np.array([0.0, 0.5])),
        lambda: ops.zeros_like(x) + ops.shape(x)[axis],
        lambda: ops.reshape(x, (ops.shape(x)[0], -1)),
        lambda: ops.mean(x * y, axis=d.choice([None, axis, (1, -1)])),
        lambda: ops.meshgrid(x[0, 0], y[0, 0]) if d.chance(0.1) else ops.outer(x[:, 0], y[:, 0]),
        lambda: ops.quantile(x, 0.5, axis=axis) if d.chance() else ops.median(x, axis=axis),
        lambda: ops.tensordot(x, y, axes=[[axis], [axis]]) if d.chance() else ops.dot(x, y),
    ]
    return d.choice(made)()


TF_UNARY = (
    "abs atan ceil cos exp expm1 floor negative reciprocal rint round sign sin square tanh sigmoid "
    "softplus erf is_finite log_sigmoid softsign zeros_like ones_like identity"
).split()
TF_NN = "relu relu6 leaky_relu elu selu gelu silu softmax log_softmax crelu softsign".split()
TF_BINARY = (
    "add subtract multiply maximum minimum floordiv floormod truediv divide divide_no_nan "
    "squared_difference atan2 greater less_equal not_equal"
).split()
TF_REDUCE = "sum mean max min prod std variance logsumexp euclidean_norm".split()


def of_tensorflow(d: Draw, k: Any, x: Any, y: Any) -> Any:
    """One call of TensorFlow on ``x`` (and ``y``), as models of tf_keras hold it."""
    tf, axis = _tf(), _axis(d, x)
    keep = d.some(keepdims=[True, False])
    tail = [*x.shape[1:]]
    d.shuffle(tail)
    perm = [0, *d.sample(range(1, len(x.shape)), len(x.shape) - 1)]
    unary = d.choice(TF_UNARY)
    made = [
        lambda: getattr(tf if hasattr(tf, unary) else tf.math, unary)(x),
        lambda: getattr(tf.nn, d.choice(TF_NN))(x),
        lambda: getattr(tf.math, d.choice(TF_BINARY))(x, d.choice([y, 2.0, 0.5, x])),
        lambda: getattr(tf.math, "reduce_" + d.choice(TF_REDUCE))(x, axis=axis, **keep),
        lambda: tf.nn.softmax(x, axis=axis),
        lambda: _operator(d, x, y, k),
        lambda: _slice(d, x, k),
        lambda: _slice(d, x, k),
        lambda: tf.reshape(x, d.choice([(-1, *tail), (tf.shape(x)[0], -1), [*tail, -1]])),
        lambda: tf.reshape(x, tf.concat([tf.shape(x)[:1], [-1]], 0)),
        lambda: tf.transpose(x, perm),
        lambda: tf.concat([x, y, x], axis),
        lambda: tf.stack([x, y], axis=d.choice([axis, 0, -1])),
        lambda: tf.split(x, d.choice([2, [1, -1]]), axis=axis),
        lambda: tf.unstack(x, axis=axis),
        lambda: tf.expand_dims(x, axis),
        lambda: tf.squeeze(x, d.choice([None, axis])),
        lambda: tf.repeat(x, d.randint(1, 3), axis=axis),
        lambda: tf.tile(x, [1, *[d.randint(1, 2) for _ in tail]]),
        lambda: tf.pad(
            x,
            [[0, 0], *[[d.randint(0, 1), d.randint(0, 2)] for _ in tail]],
            d.choice(["CONSTANT", "REFLECT", "SYMMETRIC"]),
        ),
        lambda: tf.roll(x, d.choice([1, -2]), axis),
        lambda: tf.gather(x, d.choice([[0, 1], 0, [[0], [1]]]), axis=axis),
        lambda: tf.math.top_k(x, 2),
        lambda: tf.clip_by_value(x, -0.5, 0.7),
        lambda: tf.where(x > 0.1, x, d.choice([y, 0.0])),
        lambda: tf.cast(x, d.choice([tf.int32, tf.float32, tf.bool, tf.float16, tf.int64])),
        lambda: tf.one_hot(tf.cast(tf.abs(x), tf.int32), 4),
        lambda: tf.cumsum(x, axis=axis, **d.some(exclusive=[True], reverse=[True])),
        lambda: tf.sort(x, axis=axis, **d.some(direction=["DESCENDING"])),
        lambda: tf.reverse(x, [axis]),
        lambda: tf.matmul(x, y, **d.some(transpose_a=[True], transpose_b=[True])),
        lambda: tf.math.argmax(x, axis=axis) if d.chance() else tf.argsort(x, axis=axis),
        lambda: tf.norm(x, axis=axis, **keep) if d.chance() else tf.linalg.l2_normalize(x, axis),
        lambda: tf.nn.avg_pool(x, 2, d.randint(1, 2), d.choice(["SAME", "VALID"])),
        lambda: tf.image.resize(x, (5, 6), **d.some(method=["nearest", "bicubic", "area"])),
        lambda: tf.nn.depth_to_space(x, 2) if d.chance() else tf.nn.space_to_depth(x, 2),
        lambda: tf.cast(x * 3, tf.int32) // d.choice([2, -2]),
        lambda: tf.math.truediv(tf.cast(x * 3, tf.int32), d.choice([2, -2])),
        lambda: tf.math.floormod(tf.cast(x * 3, tf.int32), d.choice([2, -2])),
        lambda: tf.einsum(d.choice(["b...c->bc...", "b...c->b"]), x),
        lambda: k.backend.mean(x, axis) if d.chance() else k.backend.flatten(x),
        lambda: tf.add_n([x, y]) if d.chance() else x + tf.cast(tf.shape(x)[axis], x.dtype),
        lambda: tf.math.logical_and(x > 0, y > 0) if d.chance() else tf.math.logical_not(x > 0),
        lambda: k.activations.get(d.choice(["relu", "gelu", "swish", "softmax", "elu"]))(x),
        lambda: x + tf.constant(d.choice([1.5, -2.0]), x.dtype),
    ]
    return d.choice(made)()
