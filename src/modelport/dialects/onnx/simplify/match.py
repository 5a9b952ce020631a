"""What arithmetic around a value comes to: factors, sums and polynomials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.derived import Fill
from modelport.model.graph import Node
from modelport.model.opaque import Opaque

Terms = dict[tuple[str, ...], float]
"""A polynomial: of each product of values (sorted names) its coefficient."""

_DEEPEST = 8
_MOST_TERMS = 12
_CLOSE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-12}
"""How far constants of a type may be from what they are meant to be, relatively."""


def close(scene: Scene, name: str, found: float, wanted: float) -> bool:
    """Whether a constant is the number that is meant, in the type of the value ``name``."""
    dtype = scene.dtype(name)
    loose = _CLOSE.get(dtype.name if dtype is not None else "", 0.0)
    return abs(found - wanted) <= loose * abs(wanted)


def is_float(scene: Scene, name: str) -> bool:
    """Whether a value is a tensor of floats."""
    known = scene.known(name)
    return known.dtype is not None and known.dtype.kind == "float" and not known.boxes


def keeps_shape(scene: Scene, name: str, output: str) -> bool:
    """Whether what single numbers made of a value has as many axes as it."""
    rank = scene.rank(name)
    return rank is not None and rank == scene.rank(output)


def both(node: Node) -> Iterator[tuple[str, str]]:
    """The two inputs in either order."""
    if len(node.inputs) == 2:
        a, b = node.inputs
        yield a, b
        yield b, a


def split_number(scene: Scene, node: Node) -> tuple[str, float] | None:
    """The input that is no constant and the one that is a single number."""
    for name, other in both(node):
        number = scene.number(other)
        if number is not None:
            return name, number
    return None


def product(scene: Scene, name: str) -> tuple[float, list[str]]:
    """The constant factor of a value, and its other factors, as far as they are its own."""
    node = scene.producer(name, "Mul", "Div", "Neg")
    if node is None:
        return 1.0, [name]
    return _product(scene, node, 0)


def _product(scene: Scene, node: Node, depth: int) -> tuple[float, list[str]]:
    factor, factors = 1.0, []
    names = list(node.inputs)
    if node.op_type == "Neg":
        factor = -1.0
    if node.op_type == "Div":
        below = scene.number(node.inputs[1])
        if not below:
            return 1.0, [node.outputs[0]]
        factor, names = 1 / below, names[:1]
    for name in names:
        number = scene.number(name)
        if number is not None:
            factor *= number
            continue
        inner = scene.inner(name, "Mul", "Div", "Neg") if depth < _DEEPEST else None
        if inner is None:
            factors.append(name)
        else:
            own, more = _product(scene, inner, depth + 1)
            factor *= own
            factors += more
    return factor, factors


def affine(scene: Scene, name: str) -> tuple[str, float, float]:
    """A value as ``base * scale + shift``."""
    scale, shift = 1.0, 0.0
    for _ in range(_DEEPEST):
        node = scene.producer(name, "Add", "Sub", "Mul", "Div", "Neg")
        found = None if node is None else _step(scene, node)
        if found is None:
            break
        name, own_scale, own_shift = found
        scale, shift = scale * own_scale, shift + scale * own_shift
    return name, scale, shift


def _step(scene: Scene, node: Node) -> tuple[str, float, float] | None:
    if node.op_type == "Neg":
        return node.inputs[0], -1.0, 0.0
    first, second = (scene.number(name) for name in node.inputs)
    if node.op_type in ("Sub", "Div") and second is None:
        negated = node.op_type == "Sub" and first is not None
        return (node.inputs[1], -1.0, first) if negated and first is not None else None
    number = second if second is not None else first
    name = node.inputs[0] if second is not None else node.inputs[1]
    if number is None or (node.op_type == "Div" and not number):
        return None
    if node.op_type == "Mul":
        return name, number, 0.0
    if node.op_type == "Div":
        return name, 1 / number, 0.0
    return name, 1.0, number if node.op_type == "Add" else -number


def polynomial(scene: Scene, name: str, stop: str, depth: int = 0) -> Terms:
    """A value as a polynomial in ``stop`` and whatever else it is made of; empty where too long."""
    number = scene.number(name)
    if number is not None:
        return {(): number}
    node = None if name == stop or depth > _DEEPEST else scene.producer(name)
    parts = [] if node is None else _parts(scene, node)
    if node is None or not parts:
        return {(name,): 1.0}
    terms = [polynomial(scene, part, stop, depth + 1) for part in parts]
    if not all(terms):
        return {}
    result = terms[0]
    for other in terms[1:]:
        if node.op_type in ("Add", "Sub"):
            result = _sum(result, other, -1.0 if node.op_type == "Sub" else 1.0)
        else:
            result = _times(result, other)
    if node.op_type == "Neg":
        result = {key: -value for key, value in result.items()}
    if node.op_type == "Div":
        below = scene.number(node.inputs[1]) or 1.0
        result = {key: value / below for key, value in result.items()}
    return result if len(result) <= _MOST_TERMS else {}


def _parts(scene: Scene, node: Node) -> Sequence[str]:
    """What a node adds or multiplies; nothing where it does something else."""
    if node.op_type in ("Add", "Sub", "Mul", "Neg"):
        return node.inputs
    if node.op_type == "Div":
        return node.inputs[:1] if scene.number(node.inputs[1]) else []
    if node.op_type == "Pow":
        power = scene.number(node.inputs[1])
        return [node.inputs[0]] * int(power) if power in (2.0, 3.0) else []
    return []


def _sum(a: Terms, b: Terms, sign: float) -> Terms:
    result = dict(a)
    for key, value in b.items():
        result[key] = result.get(key, 0.0) + sign * value
    return result


def _times(a: Terms, b: Terms) -> Terms:
    result: Terms = {}
    for first, x in a.items():
        for second, y in b.items():
            key = tuple(sorted((*first, *second)))
            result[key] = result.get(key, 0.0) + x * y
    return result


def is_all(scene: Scene, name: str, value: float) -> bool:
    """Whether every element of a constant is that number."""
    if is_filled(scene, name, value):
        return True
    array = scene.array(name)
    return array is not None and array.dtype.kind == "f" and bool(np.all(array == value))


def is_filled(scene: Scene, name: str, value: float) -> bool:
    """Whether a constant is that number for all, which no file has said in so many elements."""
    tensor = scene.tensor(name)
    data = None if tensor is None else tensor.data
    if isinstance(data, Opaque):
        data = data.inside
    return isinstance(data, Fill) and float(data.value) == value


def axes_of(scene: Scene, node: Node, rank: int) -> list[int] | None:
    """The axes of a reduction, counted from the front; None where they are not known."""
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    if not name:
        return None if node.attributes.get("noop_with_empty_axes", 0) else list(range(rank))
    axes = scene.whole(name)
    if not axes:
        return None
    return sorted(axis % rank for axis in axes)


def keeps_axes(node: Node) -> bool:
    """Whether a reduction leaves an axis of one element."""
    return bool(node.attributes.get("keepdims", 1))
