"""Normalisation layers: batch, layer, group, RMS, unit, spectral.

Keras computes them in float32 where the layer's dtype is shorter, and so does their ONNX form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelport.dialects.keras.layer import Layer, call, lowers
from modelport.dialects.onnx import layout, ops
from modelport.dialects.onnx.edge import Edge, Twin
from modelport.model.dtype import FLOAT32, DType
from modelport.model.expression import Expression, fill


def _wide(dtype: DType) -> DType:
    """The dtype Keras normalises in: at least float32."""
    return dtype if dtype.name == "float64" else FLOAT32


def _axes(layer: Layer) -> list[int]:
    """The axes of the config, counted from the front, in order."""
    axes = layer.config["axis"]
    listed = [axes] if isinstance(axes, int) else list(axes)
    return sorted(axis % layer.x.rank for axis in listed)


def _vector(layer: Layer, role: str, extent: int, missing: float) -> Expression:
    """A weight of the layer, or, where scale or center is off, the number that changes nothing."""
    if layer.has(role):
        return layer.expression(role)
    return fill((extent,), missing, _wide(layer.dtype))


@lowers("BatchNormalization", mask="pass")
def batch_normalization(layer: Layer) -> Edge:
    """Scale and shift of every channel by the moving statistics."""
    b, wide = layer.b, _wide(layer.x.dtype)
    axes = _axes(layer)
    if len(axes) != 1:
        raise layer.error("it normalises over several axes at once")
    x = ops.cast(b, layer.x, wide)
    mean = layer.expression("moving_mean")
    extent = mean.shape[0]
    vectors = {
        "gamma": _vector(layer, "gamma", extent, 1.0),
        "beta": _vector(layer, "beta", extent, 0.0),
        "moving_mean": mean,
        "moving_variance": layer.expression("moving_variance"),
    }
    arrange, value, twin = _channels_second(layer, x, axes[0])
    given = [b.name(_cast(layer, role, arrange(data), wide)) for role, data in vectors.items()]
    epsilon = float(layer.config["epsilon"])
    name = b.node("BatchNormalization", [value, *given], epsilon=epsilon)[0]
    if twin is None:
        y = Edge(name, wide, x.shape)
    else:
        y = Edge(None, wide, x.shape, Twin(name, twin.permutation, twin.dims, twin.flat))
    return ops.cast(b, y, layer.dtype)


def _channels_second(
    layer: Layer, x: Edge, axis: int
) -> tuple[Callable[[Expression], Expression], str, Twin | None]:
    """The value with the normalised axis second, its layout, and what that does to the weights."""
    b, twin = layer.b, x.twin
    if x.prefers_twin and twin is not None:
        if twin.flat:
            return (lambda data: layout.regroup_rows(data, twin)), twin.name, twin
        if twin.permutation[1] == axis:
            return (lambda data: data), twin.name, twin
    if axis == 1:
        return (lambda data: data), b.name(x), None
    order = (0, axis, *(other for other in range(1, x.rank) if other != axis))
    if order == layout.first(x.rank):
        name = layout.channels_first(b, x)
    else:
        name = layout.transposed(b, b.name(x), x.dtype, order)
    return (lambda data: data), name, Twin(name, order, x.shape)


def _cast(layer: Layer, role: str, data: Expression, wide: DType) -> Edge:
    return ops.cast(layer.b, layer.variable(role, data), wide)


@lowers("LayerNormalization", mask="pass", autocast=False)
def layer_normalization(layer: Layer) -> Edge:
    """Mean 0 and variance 1 over the given axes of every sample, then scale and shift."""
    b, axes = layer.b, _axes(layer)
    x = ops.cast(b, layer.x, _wide(layer.x.dtype))
    extents = [x.shape[axis] for axis in axes]
    trailing = axes == list(range(axes[0], x.rank))
    known = [extent for extent in extents if isinstance(extent, int)]
    if layer.config.get("rms_scaling") or not trailing or len(known) < len(axes):
        y = _normalized_explicitly(layer, x, axes)
    else:
        gamma = layer.expression("gamma") if layer.has("gamma") else fill(known, 1.0, x.dtype)
        inputs = [x, _cast(layer, "gamma", gamma.reshape(*known), x.dtype)]
        if layer.has("beta"):
            beta = layer.expression("beta").reshape(*known)
            inputs.append(_cast(layer, "beta", beta, x.dtype))
        epsilon = float(layer.config["epsilon"])
        y = b.emit(
            "LayerNormalization", inputs, x.dtype, x.shape, axis=axes[0] - x.rank, epsilon=epsilon
        )
    return ops.cast(b, y, layer.dtype)


def _normalized_explicitly(layer: Layer, x: Edge, axes: Sequence[int]) -> Edge:
    b = layer.b
    distance = ops.subtract(b, x, ops.reduce(b, "ReduceMean", x, axes, keepdims=True))
    square = ops.multiply(b, distance, distance)
    variance = ops.reduce(b, "ReduceMean", square, axes, keepdims=True)
    root = layout.unary(b, "Sqrt", ops.add(b, variance, float(layer.config["epsilon"])))
    # rms_scaling divides by the deviation but leaves the mean where it is.
    start = x if layer.config.get("rms_scaling") else distance
    y = ops.divide(b, start, root)
    for role, join in (("gamma", ops.multiply), ("beta", ops.add)):
        if layer.has(role):
            data = layer.expression(role)
            order = iter(data.shape)
            spread = [next(order) if axis in axes else 1 for axis in range(x.rank)]
            y = join(b, y, _cast(layer, role, data.reshape(*spread), x.dtype))
    return y


@lowers("GroupNormalization", mask="pass")
def group_normalization(layer: Layer) -> Edge:
    """Mean 0 and variance 1 over every group of channels of a sample, then scale and shift."""
    b, axis = layer.b, _axes(layer)[0]
    x = ops.cast(b, layer.x, _wide(layer.x.dtype))
    channels = x.shape[axis]
    if not isinstance(channels, int):
        raise layer.error("its number of channels is unknown")
    groups = layer.config["groups"]
    _, value, twin = _channels_second(layer, _spread(layer, x), axis)
    scale = _cast(layer, "gamma", _vector(layer, "gamma", channels, 1.0), x.dtype)
    shift = _cast(layer, "beta", _vector(layer, "beta", channels, 0.0), x.dtype)
    name = b.node(
        "GroupNormalization",
        [value, b.name(scale), b.name(shift)],
        num_groups=channels if groups == -1 else groups,
        epsilon=float(layer.config["epsilon"]),
    )[0]
    if twin is None:
        y = Edge(name, x.dtype, x.shape)
    else:
        y = layout.moved(name, twin.permutation, x.dtype, x.shape)
    return ops.cast(b, y, layer.dtype)


def _spread(layer: Layer, x: Edge) -> Edge:
    """``x`` without a flat twin, whose groups of channels would be other ones."""
    return Edge(layer.b.name(x), x.dtype, x.shape) if x.twin is not None and x.twin.flat else x


@lowers("RMSNormalization")
def rms_normalization(layer: Layer) -> Edge:
    """The input over its root mean square along the given axes, times ``scale``."""
    b = layer.b
    x = ops.cast(b, layer.x, _wide(layer.x.dtype))
    square = ops.reduce(b, "ReduceMean", ops.multiply(b, x, x), _axes(layer), keepdims=True)
    root = layout.unary(b, "Sqrt", ops.add(b, square, float(layer.config["epsilon"])))
    # Keras aligns the scale at the last axis, whichever axes were normalised.
    scale = ops.cast(b, layer.variable("scale"), x.dtype)
    y = ops.multiply(b, ops.divide(b, x, root), scale)
    return ops.cast(b, y, layer.x.dtype)


@lowers("UnitNormalization", mask="pass")
def unit_normalization(layer: Layer) -> Edge:
    """The input over its Euclidean length along the given axes."""
    return unit_length(layer, layer.x, _axes(layer), 1e-12)


def unit_length(layer: Layer, x: Edge, axes: Sequence[int], epsilon: float) -> Edge:
    """The input over its Euclidean length, which counts as ``epsilon`` where it is smaller."""
    b = layer.b
    square = ops.reduce(b, "ReduceSum", ops.multiply(b, x, x), axes, keepdims=True)
    length = layout.unary(b, "Sqrt", square)
    return ops.divide(b, x, ops.clip(b, length, epsilon, None))


@lowers("SpectralNormalization")
def spectral_normalization(layer: Layer) -> Edge:
    """The inner layer with its weights as they are: only training divides them."""
    inner = layer.inner(layer.config["layer"], "layer", [layer.x])
    return ops.cast(layer.b, call(inner)[0], layer.x.dtype)
