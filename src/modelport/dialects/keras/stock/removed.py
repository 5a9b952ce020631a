"""Layers of Keras 1 and 2 that Keras 3 has no longer, in layers and operations that it has.

Their weights stay what they are, under the same names, and are trained as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.stock.chain import Chain, Says, V, constant
from modelport.model.component import Component
from modelport.model.expression import Expression, source
from modelport.model.report import Kind
from modelport.model.tensor import Tensor


def _settings(chain: Chain, *keys: str) -> dict[str, Any]:
    if chain.config.get("activity_regularizer") is not None:
        why = "its activity regularizer has no place in the layers that stand for it"
        chain.report.add(Kind.DROPPED, Component.HYPERPARAMETERS, chain.owner, why)
    return {key: chain.config[key] for key in keys if key in chain.config}


def _shape(chain: Chain, role: str) -> tuple[int, ...]:
    return chain.names.graph.tensors[chain.node.parameters[role]].shape


def _weights(chain: Chain, **roles: str) -> dict[str, str]:
    given = chain.node.parameters
    return {own: given[theirs] for own, theirs in roles.items() if theirs in given}


_KERNEL = ("kernel_initializer", "kernel_regularizer", "kernel_constraint")
_BIAS = ("use_bias", "bias_initializer", "bias_regularizer", "bias_constraint")


def highway(chain: Chain) -> list[Any]:
    """``gate * dense(x) + (1 - gate) * x``, the gate being a dense layer too."""
    x = chain.call()[0][0]
    units = _shape(chain, "kernel")[1]
    bias = "bias" in chain.node.parameters
    config = _settings(chain, "activation", *_KERNEL, *_BIAS)
    weights = _weights(chain, kernel="kernel", bias="bias")
    y = chain.layer("Dense", {**config, "units": units, "use_bias": bias}, [x], weights=weights)
    gate = {"units": units, "activation": "sigmoid", "use_bias": bias}
    weights = _weights(chain, kernel="carry_kernel", bias="carry_bias")
    g = chain.layer("Dense", gate, [x], weights=weights, suffix="carry")
    kept = chain.op("Multiply", chain.op("Subtract", 1.0, g[0]), x)
    return [chain.op("Add", chain.op("Multiply", y[0], g[0]), kept)]


def maxout_dense(chain: Chain) -> list[Any]:
    """The largest of several linear maps, which one EinsumDense computes together."""
    x = chain.call()[0][0]
    count, _, units = _shape(chain, "kernel")
    bias = "bias" in chain.node.parameters
    config = _settings(chain, *_KERNEL, *_BIAS[1:])
    config |= {"equation": "ab,cbd->acd", "output_shape": [count, units]}
    config["bias_axes"] = "cd" if bias else None
    weights = _weights(chain, kernel="kernel", bias="bias")
    y = chain.layer("EinsumDense", config, [x], weights=weights)
    return [chain.op("Max", y[0], axis=1)]


def _elementwise(chain: Chain, x: V, role: str, **config: Any) -> V:
    """The product with a weight that has one number for each element, or for each along an axis."""
    tensor = chain.names.graph.tensors[chain.node.parameters[role]]
    letters = "bcdefgh"[: len(tensor.shape)]
    stated = chain.shape(x)
    shared = chain.config.get("shared_axes") or []
    used = [i for i, extent in enumerate(tensor.shape) if not (extent == 1 and i + 1 in shared)]
    part = "".join(letters[i] for i in used)
    name = chain.node.parameters[role]
    if len(used) < len(tensor.shape):
        shape = [tensor.shape[i] for i in used]
        name = _replaced(chain, role, source(tensor).reshape(*shape))
    extents = list(stated[1:]) if stated is not None else list(tensor.shape)
    output = [
        tensor.shape[i] if i in used else (extent if isinstance(extent, int) else None)
        for i, extent in enumerate(extents)
    ]
    settings = {"equation": f"a{letters},{part}->a{letters}", "output_shape": output, **config}
    return chain.layer("EinsumDense", settings, [x], weights={"kernel": name}, suffix=role)[0]


def parametric_softplus(chain: Chain) -> list[Any]:
    """``alpha * softplus(beta * x)`` with a number of each for every element."""
    x = chain.call()[0][0]
    inside = _elementwise(chain, x, "beta", activation="softplus")
    return [_elementwise(chain, inside, "alpha")]


def srelu(chain: Chain) -> list[Any]:
    """Three straight pieces; a learnt number for every element is its product with 1."""
    x = chain.call()[0][0]
    ones = chain.op("OnesLike", x)
    corner, width = _elementwise(chain, ones, "t_left"), _elementwise(chain, ones, "t_right")
    width = chain.op("Absolute", width)
    above, below = chain.op("Subtract", x, corner), chain.op("Subtract", corner, x)
    middle = chain.op("Minimum", chain.op("Relu", above), width)
    slope = _elementwise(chain, ones, "a_left")
    left = chain.op("Multiply", chain.op("Relu", below), slope)
    beyond = chain.op("Relu", chain.op("Subtract", above, width))
    right = chain.op("Multiply", beyond, _elementwise(chain, ones, "a_right"))
    inside = chain.op("Subtract", chain.op("Add", corner, middle), left)
    return [chain.op("Add", inside, right)]


def locally_connected(chain: Chain) -> list[Any]:
    """Every window gathered, then a kernel of its own for each position.

    Raises:
        ConversionError: the kernel is one matrix from all inputs to all outputs, of which most
            numbers do not count (implementation 2 and 3).
    """
    config, x = chain.config, chain.call()[0][0]
    rank = 1 if chain.node.op_type.endswith("1D") else 2
    if config.get("implementation", 1) != 1 or config.get("padding", "valid") != "valid":
        raise chain.error(
            "Keras 3 has no such layer, and none can keep a kernel of implementation "
            f"{config.get('implementation')}"
        )
    positions, width, filters = _shape(chain, "kernel")
    size, strides = _each(config["kernel_size"], rank), _each(config.get("strides", 1), rank)
    last = config.get("data_format") != "channels_first"
    counts = _counts(chain, x, size, strides, last, positions)
    axes = [2 * i + (1 if last else 2) for i in range(rank)]
    for axis, count, extent, stride in zip(axes, counts, size, strides, strict=True):
        places = np.arange(count)[:, None] * stride + np.arange(extent)[None, :]
        x = chain.op("Take", x, constant(places.tolist()), axis=axis)
    within = [axis + 1 for axis in axes]
    features = [*within, 2 * rank + 1] if last else [1, *within]
    x = chain.op("Transpose", x, axes=[0, *axes, *features])
    x = chain.op("Reshape", x, newshape=[-1, positions, width])
    settings = _settings(chain, *_KERNEL, *_BIAS[1:], "activation")
    settings |= {"equation": "abc,bcd->abd", "output_shape": [positions, filters]}
    weights = _weights(chain, kernel="kernel")
    if "bias" in chain.node.parameters:
        settings["bias_axes"] = "bd"
        weights["bias"] = _bias(chain, counts, last)
    y = chain.layer("EinsumDense", settings, [x], weights=weights)[0]
    y = chain.op("Reshape", y, newshape=[-1, *counts, filters])
    if not last:
        y = chain.op("Transpose", y, axes=[0, rank + 1, *range(1, rank + 1)])
    return [y]


def _bias(chain: Chain, counts: Sequence[int], last: bool) -> str:
    """The bias as (positions, filters); Keras re-reads it where the channels come first."""
    tensor = chain.names.graph.tensors[chain.node.parameters["bias"]]
    data, filters = source(tensor), tensor.shape[-1]
    if not last:
        rank = len(counts)
        data = data.reshape(filters, *counts).transpose(*range(1, rank + 1), 0)
    return _replaced(chain, "bias", data.reshape(int(np.prod(counts)), filters))


def _replaced(chain: Chain, role: str, data: Expression) -> str:
    """The name of a weight in another arrangement, which the file has in place of the old one."""
    old = chain.node.parameters[role]
    made = f"{old}_rearranged"
    chain.names.graph.tensors[made] = Tensor(made, data)
    chain.names.replaced.add(old)
    return made


def _each(value: Any, rank: int) -> list[int]:
    return [int(item) for item in value] if isinstance(value, list) else [int(value)] * rank


def _counts(
    chain: Chain,
    x: V,
    size: Sequence[int],
    strides: Sequence[int],
    last: bool,
    positions: int,
) -> list[int]:
    """How many windows there are along each axis: by the input's shape, or by their number."""
    if len(size) == 1:
        return [positions]
    bias = chain.node.parameters.get("bias")
    if bias is not None:
        return list(chain.names.graph.tensors[bias].shape[:-1])
    stated = chain.shape(x)
    extents = None if stated is None else stated[1:-1] if last else stated[2:]
    if extents is None or not all(isinstance(extent, int) for extent in extents):
        raise chain.error("Keras 3 has no such layer, and the file does not state its input shape")
    whole = [extent for extent in extents if isinstance(extent, int)]
    return [(e - s) // t + 1 for e, s, t in zip(whole, size, strides, strict=True)]


REMOVED: dict[str, Says] = {
    "Highway": highway,
    "MaxoutDense": maxout_dense,
    "ParametricSoftplus": parametric_softplus,
    "SReLU": srelu,
    "LocallyConnected1D": locally_connected,
    "LocallyConnected2D": locally_connected,
}
"""The layers, by their class."""
