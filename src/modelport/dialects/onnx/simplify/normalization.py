"""Normalizations that were written out as means and square roots."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.dialects.onnx.simplify.arrangement import reshaped_tensor
from modelport.dialects.onnx.simplify.match import (
    axes_of,
    both,
    is_all,
    is_filled,
    keeps_axes,
    polynomial,
    product,
    split_number,
)
from modelport.dialects.onnx.simplify.nothing import same_shape
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.expression import fill
from modelport.model.graph import Node

_NORMS = ("LayerNormalization", "RMSNormalization")
_BY_CHANNEL = ("InstanceNormalization", "GroupNormalization")


@dataclass(slots=True)
class Mean:
    """The mean of ``of`` over ``axes``, which stay as axes of 1."""

    of: str
    axes: list[int]


@dataclass(slots=True)
class Spread:
    """The root of a mean of squares (of ``of``, over ``axes``) and a small number."""

    of: str
    axes: list[int]
    epsilon: float


def _mean(scene: Scene, name: str) -> Mean | None:
    node = scene.producer(name, "ReduceMean", "GlobalAveragePool")
    rank = None if node is None else scene.rank(node.inputs[0])
    if node is None or rank is None or not keeps_axes(node):
        return None
    last = node.op_type == "GlobalAveragePool"
    axes = list(range(2, rank)) if last else axes_of(scene, node, rank)
    return None if axes is None else Mean(node.inputs[0], axes)


def _spread(scene: Scene, root: Node) -> Spread | None:
    """What a node that takes a square root, or 1 over one, takes it of."""
    power = scene.number(root.inputs[1]) if root.op_type == "Pow" else 0.5
    if power not in (0.5, -0.5):
        return None
    total = scene.producer(root.inputs[0], "Add")
    parts = None if total is None else split_number(scene, total)
    mean = None if parts is None else _mean(scene, parts[0])
    square = None if mean is None else scene.producer(mean.of, "Mul", "Pow")
    if parts is None or mean is None or square is None:
        return None
    twice = square.op_type == "Mul" and square.inputs[0] == square.inputs[1]
    if not twice and not (square.op_type == "Pow" and scene.number(square.inputs[1]) == 2):
        return None
    return Spread(square.inputs[0], mean.axes, parts[1])


def _scaled_by_spread(scene: Scene, node: Node) -> tuple[str, Spread] | None:
    """The value that a node divides by the root of a mean of squares, and that root."""
    if node.op_type == "Div":
        root = scene.producer(node.inputs[1], "Sqrt", "Pow")
        if root is None or (root.op_type == "Pow" and scene.number(root.inputs[1]) != 0.5):
            return None
        found = _spread(scene, root)
        return None if found is None else (node.inputs[0], found)
    for name, other in both(node):
        found = inverse_spread(scene, other)
        if found is not None:
            return name, found
    return None


def inverse_spread(scene: Scene, name: str) -> Spread | None:
    """Of a value that is 1 over the root of a mean of squares, that root."""
    node = scene.producer(name, "Reciprocal", "Pow", "Div")
    if node is None:
        return None
    if node.op_type == "Pow":
        return _spread(scene, node) if scene.number(node.inputs[1]) == -0.5 else None
    if node.op_type == "Div" and scene.number(node.inputs[0]) != 1:
        return None
    root = scene.producer(node.inputs[-1], "Sqrt", "Pow")
    if root is None or (root.op_type == "Pow" and scene.number(root.inputs[1]) != 0.5):
        return None
    return _spread(scene, root)


@rule("Div", "Mul")
def normalized(scene: Scene, node: Node) -> bool:
    """A value less its mean, or as it is, over the root of its variance or mean square."""
    found = _scaled_by_spread(scene, node)
    if found is None or not _is_single(scene, node.outputs[0]):
        return False
    name, spread = found
    if name != spread.of:
        return _weighted_first(scene, node, name, spread.of)
    x = _centred(scene, name, spread.axes)
    known = scene.known(name if x is None else x)
    if known.shape is None or known.dtype is None or not same_shape(scene, name, node.outputs[0]):
        return False
    rank = len(known.shape)
    last = spread.axes == list(range(spread.axes[0], rank))
    if x is not None and last and spread.axes == list(range(2, rank)) and _is_picture(scene, node):
        last = False
    where = node.name or node.outputs[0]
    if last:
        extents = [extent for extent in known.shape[spread.axes[0] :] if isinstance(extent, int)]
        if len(extents) < len(spread.axes):
            return False
        ones = scene.add_tensor(f"{where}/ones", fill(extents, 1.0, known.dtype))
        kind = _NORMS[0 if x is not None else 1]
        axis = spread.axes[0] - rank
        settings = {} if axis == -1 else {"axis": axis}
        given = [name if x is None else x, ones]
        return scene.become(node, kind, given, epsilon=spread.epsilon, **settings)
    channels = known.shape[1] if rank > 2 else None
    if x is None or spread.axes != list(range(2, rank)) or not isinstance(channels, int):
        return False
    ones = scene.add_tensor(f"{where}/ones", fill([channels], 1.0, known.dtype))
    zeros = scene.add_tensor(f"{where}/zeros", fill([channels], 0.0, known.dtype))
    return scene.become(node, "InstanceNormalization", [x, ones, zeros], epsilon=spread.epsilon)


def _weighted_first(scene: Scene, node: Node, name: str, centred: str) -> bool:
    """``(w x) / s`` as ``w (x / s)``."""
    before = scene.inner(name, "Mul")
    for x, weight in () if before is None else both(before):
        if x == centred and same_shape(scene, x, name):
            rest = [item if item != name else x for item in node.inputs]
            return scene.become(node, "Mul", [scene.put(node, node.op_type, rest), weight])
    return False


def _is_picture(scene: Scene, node: Node) -> bool:
    """Whether what follows is an entry for each channel."""
    users = scene.users(node.outputs[0])
    if len(users) != 1 or users[0].op_type not in ("Mul", "Add"):
        return False
    shape = scene.known(node.outputs[0]).shape
    for name in users[0].inputs:
        if name != node.outputs[0] and shape is not None:
            return _is_by_channel(scene, name, shape[1], len(shape))
    return False


def _is_single(scene: Scene, name: str) -> bool:
    """Whether the mean is taken in the precision that the values have."""
    dtype = scene.dtype(name)
    return dtype is not None and dtype.name in ("float32", "float16", "bfloat16")


def _centred(scene: Scene, name: str, axes: list[int]) -> str | None:
    """The value that ``name`` is less its mean over these axes."""
    node = scene.producer(name, "Sub")
    mean = None if node is None else _mean(scene, node.inputs[1])
    if node is None or mean is None or mean.of != node.inputs[0] or mean.axes != axes:
        return None
    return node.inputs[0]


@rule("Mul")
def weight_first(scene: Scene, node: Node) -> bool:
    """``x (w / s)`` as ``(x / s) w``."""
    factor, factors = product(scene, node.outputs[0])
    if factor != 1 or len(factors) != 3:
        return False
    for place, name in enumerate(factors):
        spread = inverse_spread(scene, name)
        rest = factors[:place] + factors[place + 1 :]
        if spread is None or spread.of not in rest:
            continue
        rest.remove(spread.of)
        if not same_shape(scene, spread.of, node.outputs[0]):
            return False
        if spread.of in node.inputs and name in node.inputs:
            return False
        scaled = scene.put(node, "Mul", [spread.of, name])
        return scene.become(node, "Mul", [scaled, *rest])
    return False


@rule("Add", "Sub")
def shifted(scene: Scene, node: Node) -> bool:
    """``x s + (b - mean(x) s)``, with ``s`` the weight over the root of the variance."""
    if len(node.inputs) != 2 or not _is_single(scene, node.outputs[0]):
        return False
    found = _mean_inside(scene, node, 0)
    mean = None if found is None else _mean(scene, found)
    if found is None or mean is None or not same_shape(scene, mean.of, node.outputs[0]):
        return False
    terms = polynomial(scene, node.outputs[0], mean.of)
    scaled = [key for key, value in terms.items() if mean.of in key and value == 1]
    if len(scaled) != 1:
        return False
    scale = list(scaled[0])
    scale.remove(mean.of)
    spreads = [item for name in scale if (item := inverse_spread(scene, name)) is not None]
    if len(spreads) != 1 or terms.pop(tuple(sorted([*scale, found])), 0) != -1:
        return False
    del terms[scaled[0]]
    weights = [name for name in scale if inverse_spread(scene, name) is None]
    fits = len(weights) < 2 and all(len(key) == 1 for key in terms) and len(terms) < 2
    if not fits or any(value != 1 for value in terms.values()):
        return False
    if _centred(scene, spreads[0].of, mean.axes) != mean.of or spreads[0].axes != mean.axes:
        return False
    return _write_shifted(scene, node, mean, spreads[0].epsilon, weights, [k[0] for k in terms])


def _mean_inside(scene: Scene, node: Node, depth: int) -> str | None:
    """The mean that a sum of products takes in."""
    for name in node.inputs:
        if _mean(scene, name) is not None:
            return name
        inner = scene.producer(name, "Add", "Sub", "Mul", "Neg") if depth < 3 else None
        if inner is not None and (inner.op_type == "Neg" or scene.is_single(name)):
            found = _mean_inside(scene, inner, depth + 1)
            if found is not None:
                return found
    return None


def _write_shifted(
    scene: Scene, node: Node, mean: Mean, epsilon: float, weights: list[str], biases: list[str]
) -> bool:
    shape, dtype = scene.known(mean.of).shape or (), scene.dtype(mean.of)
    rank, axes = len(shape), mean.axes
    extents = tuple(extent for extent in shape[axes[0] :] if isinstance(extent, int))
    if axes != list(range(axes[0], rank)) or len(extents) < len(axes) or dtype is None:
        return False
    given = [_fitting(scene, name, extents) for name in (*weights, *biases)]
    if None in given:
        return False
    found = [name for name in given if name is not None]
    if not weights:
        where = node.name or node.outputs[0]
        found.insert(0, scene.add_tensor(f"{where}/ones", fill(extents, 1.0, dtype)))
    settings = {} if axes[0] == rank - 1 else {"axis": axes[0] - rank}
    return scene.become(node, "LayerNormalization", [mean.of, *found], epsilon=epsilon, **settings)


@rule("Mul", "Add")
def weighted(scene: Scene, node: Node) -> bool:
    """What a normalization without a weight (or bias) of its own is multiplied with (or added)."""
    for name, weight in both(node):
        norm = scene.inner(name, *_NORMS)
        if norm is None or not same_shape(scene, name, node.outputs[0]):
            continue
        shape = scene.known(name).shape or ()
        axis = int(norm.attributes.get("axis", -1)) % len(shape)
        extents = tuple(extent for extent in shape[axis:] if isinstance(extent, int))
        if len(extents) < len(shape) - axis:
            continue
        if node.op_type == "Mul":
            free = len(norm.inputs) == 2 and is_filled(scene, norm.inputs[1], 1.0)
        else:
            free = norm.op_type == "LayerNormalization" and len(norm.inputs) == 2
        fitting = _fitting(scene, weight, extents) if free else None
        if fitting is None:
            continue
        given = [norm.inputs[0], fitting] if node.op_type == "Mul" else [*norm.inputs, fitting]
        return scene.become(node, norm.op_type, given, **norm.attributes)
    return False


def _fitting(scene: Scene, name: str, extents: tuple[int, ...]) -> str | None:
    """A weight under a shape, where it has that already but for axes of 1 before."""
    shape = scene.known(name).shape
    if shape == extents:
        return name
    if shape is None or tuple(shape[len(shape) - len(extents) :]) != extents:
        return None
    if any(extent != 1 for extent in shape[: len(shape) - len(extents)]):
        return None
    return reshaped_tensor(scene, name, extents)


@rule("Mul", "Add")
def by_channel(scene: Scene, node: Node) -> bool:
    """The same of normalizations with a number for each channel."""
    for name, weight in both(node):
        norm = scene.inner(name, *_BY_CHANNEL)
        shape = scene.known(name).shape
        if norm is None or shape is None or not same_shape(scene, name, node.outputs[0]):
            continue
        if not _is_by_channel(scene, weight, shape[1], len(shape)):
            continue
        x, scale, bias = norm.inputs
        fits = is_filled(scene, bias, 0.0) and (
            node.op_type == "Add" or is_filled(scene, scale, 1.0)
        )
        if not fits:
            continue
        channels = int(str(shape[1]))
        fitting = reshaped_tensor(scene, weight, (channels,))
        if fitting is None:
            continue
        given = [x, scale, fitting] if node.op_type == "Add" else [x, fitting, bias]
        return scene.become(node, norm.op_type, given, **norm.attributes)
    return False


def _is_by_channel(scene: Scene, name: str, channels: object, rank: int) -> bool:
    shape = scene.known(name).shape
    if shape is None or not isinstance(channels, int) or scene.tensor(name) is None:
        return False
    padded = (1,) * (rank - len(shape)) + tuple(shape)
    return padded == (1, channels, *[1] * (rank - 2)) and channels > 1


@rule("Reshape")
def grouped(scene: Scene, node: Node) -> bool:
    """Groups of channels as the channels of an InstanceNormalization, and back."""
    norm = scene.inner(node.inputs[0], "InstanceNormalization")
    before = None if norm is None else scene.inner(norm.inputs[0], "Reshape")
    if norm is None or before is None:
        return False
    x = before.inputs[0]
    shape, middle = scene.known(x).shape, scene.known(before.outputs[0]).shape
    if shape is None or middle is None or not same_shape(scene, x, node.outputs[0]):
        return False
    groups, channels, dtype = middle[1], shape[1] if len(shape) > 1 else None, scene.dtype(x)
    if not isinstance(groups, int) or not isinstance(channels, int) or dtype is None:
        return False
    plain = is_all(scene, norm.inputs[1], 1.0) and is_all(scene, norm.inputs[2], 0.0)
    if not plain or middle[0] != shape[0] or channels % groups or len(shape) < 3:
        return False
    where = node.name or node.outputs[0]
    ones = scene.add_tensor(f"{where}/ones", fill([channels], 1.0, dtype))
    zeros = scene.add_tensor(f"{where}/zeros", fill([channels], 0.0, dtype))
    epsilon = float(norm.attributes.get("epsilon", 1e-5))
    return scene.become(
        node, "GroupNormalization", [x, ones, zeros], num_groups=groups, epsilon=epsilon
    )
