"""Layers with random valid arguments, one row a class: what a random model is grown from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Draw(random.Random):
    """Random choices as the rows below need them."""

    def chance(self, share: float = 0.5) -> bool:
        return self.random() < share

    def some(self, **options: Any) -> dict[str, Any]:
        """Each option with one of its values, or, as often, not given at all."""
        return {key: self.choice(list(given)) for key, given in options.items() if self.chance()}

    def size(self, rank: int, low: int = 1, high: int = 3) -> Any:
        """One number for all axes, or one for each."""
        if self.chance():
            return self.randint(low, high)
        return tuple(self.randint(low, high) for _ in range(rank))


@dataclass(frozen=True)
class Row:
    """A maker of layers for inputs of these ranks; ``inputs`` is how many tensors it is called on.

    ``make(draw, keras, shape)`` gives a layer; whether its arguments fit, the framework decides.
    """

    make: Callable[[Draw, Any, tuple[int | None, ...]], Any]
    ranks: tuple[int, ...] = (2, 3, 4, 5)
    inputs: int = 1
    kind: str = "float"


BOTH = [True, False]
ACTIVATIONS = (
    "relu tanh sigmoid linear elu selu softplus softsign gelu hard_sigmoid swish softmax relu6 "
    "exponential leaky_relu mish silu log_softmax celu glu hard_tanh hard_shrink soft_shrink "
    "squareplus sparse_plus sparsemax tanh_shrink threshold hard_silu log_sigmoid"
).split()
FORMATS = ["channels_last", "channels_first"]
PADDINGS = ["valid", "same"]
REGULAR = ["l1", "l2"]
STARTS = ["he_normal", "orthogonal", "ones", "zeros", "lecun_uniform", "random_normal"]


def _weighted(d: Draw) -> dict[str, Any]:
    return d.some(
        use_bias=BOTH,
        kernel_initializer=STARTS,
        bias_initializer=["ones", "random_uniform"],
        kernel_regularizer=REGULAR,
        kernel_constraint=["max_norm", "unit_norm", "non_neg"],
        activity_regularizer=["l2"],
    )


def _conv(transposed: bool = False) -> Any:
    def make(d: Draw, k: Any, shape: Any) -> Any:
        n = len(shape) - 2
        given = d.some(
            strides=[d.size(n)],
            padding=PADDINGS if n > 1 or transposed else [*PADDINGS, "causal"],
            data_format=FORMATS,
            dilation_rate=[d.size(n, 1, 2)],
            activation=ACTIVATIONS,
        )
        if d.chance(0.3):
            given |= {"output_padding": d.size(n, 0, 1)} if transposed else {"groups": 2}
        name = f"Conv{n}D" + ("Transpose" if transposed else "")
        return getattr(k.layers, name)(d.choice([2, 4]), d.size(n), **given, **_weighted(d))

    return make


def _depthwise(d: Draw, k: Any, shape: Any) -> Any:
    n = len(shape) - 2
    given = d.some(
        strides=[d.randint(1, 3)],
        padding=PADDINGS,
        data_format=FORMATS,
        dilation_rate=[d.randint(1, 2)],
        depth_multiplier=[1, 2, 3],
        activation=ACTIVATIONS,
        use_bias=BOTH,
    )
    if d.chance():
        return getattr(k.layers, f"DepthwiseConv{n}D")(d.size(n), **given)
    return getattr(k.layers, f"SeparableConv{n}D")(3, d.size(n), **given)


def _pool(d: Draw, k: Any, shape: Any) -> Any:
    n, kind = len(shape) - 2, d.choice(["Max", "Average"])
    if d.chance(0.2):
        given = d.some(keepdims=BOTH, data_format=FORMATS)
        return getattr(k.layers, f"Global{kind}Pooling{n}D")(**given)
    if d.chance(0.2):
        given = d.some(data_format=FORMATS)
        return getattr(k.layers, f"Adaptive{kind}Pooling{n}D")(d.size(n), **given)
    strides = d.randint(1, 3) if n == 1 else d.size(n)
    given = d.some(strides=[strides], padding=PADDINGS, data_format=FORMATS)
    window = d.randint(1, 3) if n == 1 else d.size(n)
    return getattr(k.layers, f"{kind}Pooling{n}D")(window, **given)


def _resized(d: Draw, k: Any, shape: Any) -> Any:
    n = len(shape) - 2
    kind = d.choice(["Cropping", "ZeroPadding", "UpSampling"])
    given = d.some(data_format=FORMATS) if n > 1 else {}
    if kind == "UpSampling":
        if n == 2:
            given |= d.some(interpolation=["nearest", "bilinear", "bicubic", "lanczos3"])
        return getattr(k.layers, f"UpSampling{n}D")(
            d.randint(1, 3) if n == 1 else d.size(n), **given
        )
    pairs = tuple((d.randint(0, 2), d.randint(0, 2)) for _ in range(n))
    amount = d.choice([pairs, d.size(n, 0, 2)]) if n > 1 else d.choice([pairs[0], 1])
    return getattr(k.layers, f"{kind}{n}D")(amount, **given)


def _recurrent_settings(d: Draw) -> dict[str, Any]:
    return d.some(
        return_sequences=BOTH,
        return_state=[False, False, True],
        go_backwards=BOTH,
        unroll=[False, False, True],
        zero_output_for_mask=BOTH,
    )


def _recurrent(d: Draw, k: Any, shape: Any) -> Any:
    name = d.choice(["SimpleRNN", "LSTM", "GRU"])
    given = _recurrent_settings(d) | d.some(
        activation=["tanh", "relu", "sigmoid", "elu", "softsign", "linear", "softmax"],
        use_bias=BOTH,
        stateful=[False, False, False, True],
        recurrent_dropout=[0.0, 0.2],
        dropout=[0.0, 0.2],
    )
    if given.get("stateful") and shape[0] is None:
        del given["stateful"]
    if name != "SimpleRNN":
        given |= d.some(recurrent_activation=["sigmoid", "hard_sigmoid", "tanh", "relu"])
    if name == "LSTM":
        given |= d.some(unit_forget_bias=BOTH)
    if name == "GRU":
        given |= d.some(reset_after=BOTH)
    return getattr(k.layers, name)(d.randint(1, 4), **given)


def _cells(d: Draw, k: Any, shape: Any) -> Any:
    given = _recurrent_settings(d)
    names = [d.choice(["SimpleRNN", "LSTM", "GRU"]) for _ in range(d.randint(1, 3))]
    cells = [getattr(k.layers, f"{name}Cell")(d.randint(1, 4)) for name in names]
    return k.layers.RNN(cells if len(cells) > 1 else cells[0], **given)


def _bidirectional(d: Draw, k: Any, shape: Any) -> Any:
    given = d.some(merge_mode=["sum", "mul", "ave", "concat", None])
    inner = d.choice([_recurrent, _recurrent, _cells])
    layer = inner(d, k, shape)
    if d.chance(0.2) and inner is _recurrent:
        config = layer.get_config()
        config |= {"name": config["name"] + "_back", "go_backwards": not config["go_backwards"]}
        config["activation"] = d.choice(["tanh", "relu"])
        given["backward_layer"] = type(layer).from_config(config)
    return k.layers.Bidirectional(layer, **given)


def _conv_lstm(d: Draw, k: Any, shape: Any) -> Any:
    n = len(shape) - 3
    given = d.some(
        strides=[d.size(n, 1, 2)],
        padding=PADDINGS,
        data_format=FORMATS,
        return_sequences=BOTH,
        return_state=[False, True],
        go_backwards=BOTH,
        activation=["tanh", "relu"],
        recurrent_activation=["sigmoid", "hard_sigmoid"],
        use_bias=BOTH,
    )
    return getattr(k.layers, f"ConvLSTM{n}D")(2, d.size(n, 1, 2), **given)


def _time_distributed(d: Draw, k: Any, shape: Any) -> Any:
    inner = d.choice([row for row in ROWS if len(shape) - 1 in row.ranks and row.inputs == 1])
    return k.layers.TimeDistributed(inner.make(d, k, (shape[0], *shape[2:])))


def _normalized(d: Draw, k: Any, shape: Any) -> Any:
    axes = [-1, 1, len(shape) - 1]
    name = d.choice(["Batch", "Batch", "Layer", "Group", "RMS", "Unit"])
    given = d.some(epsilon=[1e-3, 1e-2])
    if name == "Batch":
        given |= d.some(axis=axes, momentum=[0.9], center=BOTH, scale=BOTH)
    elif name == "Layer":
        several = [[1, 2]] if len(shape) > 3 else []
        given |= d.some(axis=[*axes, *several], center=BOTH, scale=BOTH)
        given |= d.some(rms_scaling=BOTH) if d.chance(0.2) else {}
    elif name == "Group":
        given |= {"groups": d.choice([1, -1, 2])} | d.some(axis=axes, center=BOTH, scale=BOTH)
    elif name == "RMS":
        given |= d.some(axis=axes)
    else:
        given = d.some(axis=axes)
    return getattr(k.layers, f"{name}Normalization")(**given)


def _activation(d: Draw, k: Any, shape: Any) -> Any:
    axes = list(range(1, len(shape)))
    made = {
        "Activation": lambda: [d.choice(ACTIVATIONS)],
        "ReLU": lambda: d.some(max_value=[1.0], negative_slope=[0.1], threshold=[0.3]),
        "LeakyReLU": lambda: d.some(negative_slope=[0.1]),
        "ELU": lambda: d.some(alpha=[0.5]),
        "PReLU": lambda: d.some(shared_axes=[[1], axes[1:]]),
        "Softmax": lambda: d.some(axis=[1, -1, axes]),
        "ThresholdedReLU": lambda: d.some(theta=[0.3]),
    }
    name = d.choice(list(made))
    given = made[name]()
    return (
        getattr(k.layers, name)(*given)
        if isinstance(given, list)
        else getattr(k.layers, name)(**given)
    )


def _regular(d: Draw, k: Any, shape: Any) -> Any:
    n = len(shape) - 2
    names = ["Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout", "Activity", "Identity"]
    name = d.choice([*names, f"SpatialDropout{n}D"])
    if name == "Activity":
        return k.layers.ActivityRegularization(l1=0.1)
    return k.layers.Identity() if name == "Identity" else getattr(k.layers, name)(0.3)


def _reshaped(d: Draw, k: Any, shape: Any) -> Any:
    rest = list(shape[1:])
    name = d.choice(["Flatten", "Permute", "Reshape"])
    if name == "Flatten":
        return k.layers.Flatten(**d.some(data_format=FORMATS))
    if name == "Permute":
        return k.layers.Permute(d.sample(range(1, len(shape)), len(shape) - 1))
    d.shuffle(rest)
    choices = [[-1], [-1, 2], [*rest[:-1], -1], rest, [1, *rest], [2, -1, 2]]
    return k.layers.Reshape(tuple(d.choice(choices)))


def _attention(d: Draw, k: Any, shape: Any) -> Any:
    given = d.some(use_scale=BOTH, dropout=[0.0, 0.1])
    if d.chance(0.3):
        return k.layers.AdditiveAttention(**given)
    return k.layers.Attention(**given, **d.some(score_mode=["dot", "concat"]))


def _heads(d: Draw, k: Any, shape: Any) -> Any:
    if d.chance(0.3) and hasattr(k.layers, "GroupQueryAttention"):
        return k.layers.GroupQueryAttention(4, 4, d.choice([1, 2, 4]), **d.some(use_bias=BOTH))
    given = d.some(value_dim=[2, 3], output_shape=[3], use_bias=BOTH, dropout=[0.1])
    if len(shape) == 4:
        given |= d.some(attention_axes=[(1,), (2,), (1, 2)])
    return k.layers.MultiHeadAttention(d.randint(1, 3), d.randint(1, 4), **given)


def _merge(d: Draw, k: Any, shape: Any) -> Any:
    names = "Add Subtract Multiply Average Maximum Minimum Concatenate Concatenate".split()
    name = d.choice(names)
    given = d.some(axis=[1, -1]) if name == "Concatenate" else {}
    return getattr(k.layers, name)(**given)


def _dot(d: Draw, k: Any, shape: Any) -> Any:
    n = len(shape) - 1
    axes = d.choice([d.randint(1, n), -1, (d.randint(1, n), d.randint(1, n))])
    return k.layers.Dot(axes, **d.some(normalize=BOTH))


def _einsum(d: Draw, k: Any, shape: Any) -> Any:
    forms = {
        2: [("ab,bc->ac", 3, "c"), ("ab,bcd->acd", (2, 3), "cd")],
        3: [("abc,cd->abd", (None, 3), "d"), ("abc,bcd->ad", (3,), "d"), ("...x,xy->...y", 3, "y")],
        4: [("abcd,de->abce", (None, None, 2), "e"), ("abcd,cde->abe", (None, 3), None)],
    }
    equation, out, bias = d.choice(forms[len(shape)])
    given = d.some(activation=ACTIVATIONS) | d.some(bias_axes=[bias])
    return k.layers.EinsumDense(equation, out, **given)


def _embedding(d: Draw, k: Any, shape: Any) -> Any:
    given = d.some(mask_zero=BOTH, embeddings_regularizer=REGULAR)
    return k.layers.Embedding(8, d.randint(2, 4), **given)


def _encoded(d: Draw, k: Any, shape: Any) -> Any:
    if d.chance():
        return k.layers.CategoryEncoding(8, **d.some(output_mode=["one_hot", "multi_hot", "count"]))
    given = d.some(num_oov_indices=[1, 2], output_mode=["int", "one_hot", "multi_hot", "count"])
    return k.layers.IntegerLookup(vocabulary=[1, 2, 5, 7], **given)


def _image(d: Draw, k: Any, shape: Any) -> Any:
    kinds = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    name = d.choice(["Resizing", "Resizing", "CenterCrop", "RandomCrop", "RandomFlip"])
    given = d.some(data_format=FORMATS) if hasattr(k, "ops") else {}
    if name == "Resizing":
        given |= d.some(interpolation=kinds, crop_to_aspect_ratio=BOTH, antialias=[False])
        return k.layers.Resizing(d.randint(2, 9), d.randint(2, 9), **given)
    if name == "RandomFlip":
        return k.layers.RandomFlip(**given)
    return getattr(k.layers, name)(d.randint(1, 9), d.randint(1, 9), **given)


def _scaled(d: Draw, k: Any, shape: Any) -> Any:
    name = d.choice(["Rescaling", "Normalization", "Discretization"])
    if name == "Rescaling":
        return k.layers.Rescaling(d.choice([2.0, 0.1]), **d.some(offset=[-1.0, 0.5]))
    if name == "Normalization":
        width = shape[-1]
        means = [d.uniform(-1, 1) for _ in range(width)]
        given = d.choice(
            [{"mean": 0.5, "variance": 2.0}, {"mean": means, "variance": [1.5] * width}]
        )
        return k.layers.Normalization(axis=None if given["mean"] == 0.5 else -1, **given)
    modes = ["int", "one_hot", "multi_hot", "count"] if len(shape) == 2 else ["int"]
    return k.layers.Discretization([-0.5, 0.1, 0.9], **d.some(output_mode=modes))


def _spectral(d: Draw, k: Any, shape: Any) -> Any:
    if not hasattr(k, "ops"):
        raise ValueError("tf_keras does not save its vector")
    return k.layers.SpectralNormalization(k.layers.Dense(3))


ROWS = [
    Row(
        lambda d, k, s: k.layers.Dense(
            d.randint(1, 5), **d.some(activation=ACTIVATIONS), **_weighted(d)
        )
    ),
    Row(_conv(), (3, 4, 5)),
    Row(_conv(True), (3, 4, 5)),
    Row(_depthwise, (3, 4)),
    Row(_pool, (3, 4, 5)),
    Row(_resized, (3, 4, 5)),
    Row(_recurrent, (3,)),
    Row(_recurrent, (3,)),
    Row(_cells, (3,)),
    Row(_bidirectional, (3,)),
    Row(_bidirectional, (3,)),
    Row(_conv_lstm, (4, 5)),
    Row(_normalized),
    Row(_normalized),
    Row(_activation),
    Row(_regular),
    Row(_reshaped),
    Row(_einsum, (2, 3, 4)),
    Row(_image, (4,)),
    Row(_scaled),
    Row(lambda d, k, s: k.layers.RepeatVector(d.randint(1, 4)), (2,)),
    Row(lambda d, k, s: k.layers.Masking(d.choice([0.0, 0.5])), (3,)),
    Row(lambda d, k, s: k.layers.Masking(d.choice([0.0, 0.5])), (3,)),
    Row(_spectral),
    Row(_time_distributed, (3, 4, 5)),
    Row(_attention, (3,), inputs=2),
    Row(_heads, (3, 4), inputs=-2),
    Row(_merge, inputs=2),
    Row(_merge, inputs=3),
    Row(_dot, (2, 3), inputs=2),
    Row(_embedding, (2,), kind="int"),
    Row(_embedding, (2,), kind="int"),
    Row(_encoded, (2,), kind="int"),
]
"""Negative ``inputs``: the tensors are arguments of their own, not a list."""
