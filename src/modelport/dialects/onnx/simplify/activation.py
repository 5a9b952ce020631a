"""Activations that were written out as arithmetic."""

from __future__ import annotations

import math

from modelport.dialects.onnx.simplify.match import (
    affine,
    both,
    close,
    is_float,
    keeps_shape,
    polynomial,
    product,
    split_number,
)
from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.model.graph import Node

_SELU = (1.6732632423543772, 1.0507009873554805)
_CUBIC = 0.044715


@rule("Mul", "Div")
def gated(scene: Scene, node: Node) -> bool:
    """A value times what a gate makes of it: Gelu, Swish, HardSwish, Mish."""
    output = node.outputs[0]
    if not is_float(scene, output):
        return False
    factor, factors = product(scene, output)
    if len(factors) != 2:
        return False
    for x, gate in (factors, factors[::-1]):
        if not keeps_shape(scene, x, output):
            continue
        for known in (_gelu, _swish, _hard_swish, _mish):
            if known(scene, node, x, gate, factor):
                return True
    return False


def _gelu(scene: Scene, node: Node, x: str, gate: str, factor: float) -> bool:
    """``x / 2 (1 + erf(x / sqrt(2)))``, or with the tanh that is close to it."""
    base, scale, shift = affine(scene, gate)
    inner = scene.producer(base, "Erf", "Tanh")
    if inner is None or not close(scene, x, factor * shift, 0.5):
        return False
    if not close(scene, x, abs(factor * scale), 0.5):
        return False
    sign = math.copysign(1.0, factor * scale)
    terms = polynomial(scene, inner.inputs[0], x)
    slope = sign * terms.get((x,), 0.0)
    if inner.op_type == "Erf":
        fits = len(terms) == 1 and close(scene, x, slope, math.sqrt(0.5))
        return fits and scene.become(node, "Gelu", [x])
    cubic = sign * terms.get((x, x, x), 0.0)
    start = math.sqrt(2 / math.pi)
    fits = len(terms) == 2 and close(scene, x, slope, start)
    fits = fits and close(scene, x, cubic, start * _CUBIC)
    return fits and scene.become(node, "Gelu", [x], approximate="tanh")


def _swish(scene: Scene, node: Node, x: str, gate: str, factor: float) -> bool:
    """``x sigmoid(alpha x)``."""
    sigmoid = scene.inner(gate, "Sigmoid")
    if sigmoid is None or factor != 1:
        return False
    base, scale, shift = (x, 1.0, 0.0)
    if sigmoid.inputs[0] != x:
        base, scale, shift = affine(scene, sigmoid.inputs[0])
    if base != x or shift:
        return False
    if scale == 1:
        return scene.become(node, "Swish", [x])
    return scene.become(node, "Swish", [x], alpha=scale)


def _hard_swish(scene: Scene, node: Node, x: str, gate: str, factor: float) -> bool:
    """``x`` times a gate that rises from 0 to 1 between -3 and 3."""
    found = hard_sigmoid(scene, gate, factor)
    if found is None or found[0] != x:
        return False
    fits = close(scene, x, found[1], 1 / 6) and close(scene, x, found[2], 0.5)
    return fits and scene.become(node, "HardSwish", [x])


def _mish(scene: Scene, node: Node, x: str, gate: str, factor: float) -> bool:
    """``x tanh(softplus(x))``; a softplus that runs over gives 1, as it should."""
    tanh = scene.inner(gate, "Tanh")
    inner = None if tanh is None else scene.inner(tanh.inputs[0], "Softplus", "Log")
    if inner is None or factor != 1:
        return False
    if inner.op_type == "Softplus":
        return inner.inputs[0] == x and scene.become(node, "Mish", [x])
    base, scale, shift = affine(scene, inner.inputs[0])
    grown = scene.producer(base, "Exp")
    fits = grown is not None and grown.inputs[0] == x and (scale, shift) == (1.0, 1.0)
    return fits and scene.become(node, "Mish", [x])


def hard_sigmoid(scene: Scene, name: str, factor: float = 1.0) -> tuple[str, float, float] | None:
    """Of ``factor`` times a value that is ``max(0, min(1, alpha x + beta))``: x, alpha, beta."""
    node = scene.producer(name, "HardSigmoid")
    if node is not None:
        alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
        return (node.inputs[0], alpha, beta) if factor == 1 else None
    node = scene.inner(name, "Clip")
    if node is None:
        return None
    low, high = bounds(scene, node)
    if low != 0 or high is None or not close(scene, name, factor * high, 1):
        return None
    base, scale, shift = affine(scene, node.inputs[0])
    return (base, factor * scale, factor * shift) if shift else None


def bounds(scene: Scene, node: Node) -> tuple[float | None, float | None]:
    """Between what a Clip keeps values; None where it does not, NaN where it is not known."""
    found: list[float | None] = [None, None]
    for index, name in enumerate(node.inputs[1:3]):
        if name:
            number = scene.number(name)
            found[index] = math.nan if number is None else number
    return found[0], found[1]


@rule("Mul", "Div", "Clip")
def rising(scene: Scene, node: Node) -> bool:
    """A line cut off at 0 and 1, with the slopes that frameworks know."""
    output = node.outputs[0]
    if not is_float(scene, output):
        return False
    factor, factors = product(scene, output) if node.op_type != "Clip" else (1.0, [output])
    if len(factors) != 1:
        return False
    clip = node if node.op_type == "Clip" else scene.inner(factors[0], "Clip")
    if clip is None:
        return False
    if node.op_type == "Clip":
        low, high = bounds(scene, node)
        if (low, high) != (0, 1):
            return False
        x, alpha, beta = affine(scene, node.inputs[0])
    else:
        found = hard_sigmoid(scene, factors[0], factor)
        if found is None:
            return False
        x, alpha, beta = found
    usual = close(scene, x, alpha, 1 / 6) or close(scene, x, alpha, 0.2)
    if not usual or not close(scene, x, beta, 0.5) or not keeps_shape(scene, x, output):
        return False
    return scene.become(node, "HardSigmoid", [x], alpha=alpha, beta=beta)


@rule("Max", "Min")
def clipped(scene: Scene, node: Node) -> bool:
    """Relu and Clip, written as the larger and the smaller of two."""
    found = split_number(scene, node)
    if found is None or not is_float(scene, node.outputs[0]):
        return False
    name, number = found
    if not keeps_shape(scene, name, node.outputs[0]):
        return False
    if node.op_type == "Max" and number == 0:
        return scene.become(node, "Relu", [name])
    return _clip(scene, node, name, number)


def _clip(scene: Scene, node: Node, name: str, number: float) -> bool:
    before = scene.inner(name, *(("Max", "Relu") if node.op_type == "Min" else ("Min",)))
    dtype = scene.dtype(name)
    if before is None or dtype is None:
        return False
    inner = (before.inputs[0], 0.0) if before.op_type == "Relu" else split_number(scene, before)
    if inner is None or not keeps_shape(scene, inner[0], node.outputs[0]):
        return False
    low, high = (inner[1], number) if node.op_type == "Min" else (number, inner[1])
    if not low <= high:
        return False
    where = node.name or node.outputs[0]
    names = [
        scene.constant(low, dtype, f"{where}/min"),
        scene.constant(high, dtype, f"{where}/max"),
    ]
    return scene.become(node, "Clip", [inner[0], *names])


@rule("Clip")
def clipped_twice(scene: Scene, node: Node) -> bool:
    """Nothing below 0 of what is nowhere below 0."""
    relu = scene.inner(node.inputs[0], "Relu")
    if relu is None or bounds(scene, node)[0] != 0:
        return False
    return scene.rewire(node, [relu.inputs[0], *node.inputs[1:]])


@rule("Clip")
def rectified(scene: Scene, node: Node) -> bool:
    """Nothing below 0 and no bound above."""
    if bounds(scene, node) != (0, None) or not is_float(scene, node.outputs[0]):
        return False
    return scene.become(node, "Relu", node.inputs[:1])


@rule("Max")
def leaky(scene: Scene, node: Node) -> bool:
    """``max(x, alpha x)`` with an alpha between 0 and 1."""
    for x, other in both(node):
        base, scale, shift = affine(scene, other)
        if base == x and other != x and not shift and 0 < scale < 1:
            fits = is_float(scene, x) and keeps_shape(scene, x, node.outputs[0])
            return fits and scene.become(node, "LeakyRelu", [x], alpha=scale)
    return False


@rule("Where")
def piecewise(scene: Scene, node: Node) -> bool:
    """``x`` where it is positive, else a multiple of it or of its exponential less 1."""
    if not is_float(scene, node.outputs[0]):
        return False
    found = _is_positive(scene, node.inputs[0])
    if found is None:
        return False
    x, yes = found
    above, below = (node.inputs[1], node.inputs[2]) if yes else (node.inputs[2], node.inputs[1])
    if above != x or below == x or not keeps_shape(scene, x, node.outputs[0]):
        return False
    base, scale, shift = affine(scene, below)
    if base == x and not shift:
        return scene.become(node, "LeakyRelu", [x], alpha=scale)
    grown = scene.producer(base, "Exp")
    if grown is not None and scale == -shift:
        fits = grown.inputs[0] == x
        return fits and scene.become(node, "Elu", [x], alpha=scale)
    factor, factors = product(scene, below)
    if factor == 1 and len(factors) == 2 and x in factors:
        slope = factors[1 - factors.index(x)]
        return _spreads(scene, slope, x) and scene.become(node, "PRelu", [x, slope])
    return False


def _is_positive(scene: Scene, name: str) -> tuple[str, bool] | None:
    """The value that a condition holds against 0, and whether it holds for positive ones."""
    node = scene.producer(name, "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    if node is None:
        return None
    more = node.op_type.startswith("Greater")
    first, second = (scene.number(item) for item in node.inputs)
    if second == 0:
        return node.inputs[0], more
    return (node.inputs[1], not more) if first == 0 else None


def _spreads(scene: Scene, slope: str, x: str) -> bool:
    """Whether a slope has an entry, or one for all, along each axis of ``x``."""
    small, large = scene.known(slope).shape, scene.known(x).shape
    if small is None or large is None or len(small) > len(large):
        return False
    pairs = zip(reversed(small), reversed(large), strict=False)
    return all(a == 1 or (a is not None and a == b) for a, b in pairs)


@rule("Add", "Sub")
def parametric(scene: Scene, node: Node) -> bool:
    """``relu(x) - slope relu(-x)``."""
    if not is_float(scene, node.outputs[0]) or len(node.inputs) != 2:
        return False
    pairs = both(node) if node.op_type == "Add" else iter([(node.inputs[0], node.inputs[1])])
    for above, below in pairs:
        positive = scene.inner(above, "Relu")
        if positive is None:
            continue
        x = positive.inputs[0]
        factor, factors = product(scene, below)
        factor = factor if node.op_type == "Add" else -factor
        turned = [name for name in factors if _relu_of_minus(scene, name, x)]
        if len(turned) != 1 or not keeps_shape(scene, x, node.outputs[0]):
            continue
        rest = [name for name in factors if name not in turned]
        if not rest and factor < 0:
            return scene.become(node, "LeakyRelu", [x], alpha=-factor)
        if len(rest) == 1 and factor == -1 and _spreads(scene, rest[0], x):
            return scene.become(node, "PRelu", [x, rest[0]])
        if len(rest) == 1 and factor == 1 and _spreads(scene, rest[0], x):
            return scene.become(node, "PRelu", [x, scene.put(node, "Neg", rest)])
    return False


def _relu_of_minus(scene: Scene, name: str, x: str) -> bool:
    relu = scene.producer(name, "Relu")
    return relu is not None and affine(scene, relu.inputs[0]) == (x, -1.0, 0.0)


@rule("Mul")
def scaled_elu(scene: Scene, node: Node) -> bool:
    """An Elu of the one alpha, times the one gamma, that make a Selu."""
    factor, factors = product(scene, node.outputs[0])
    elu = scene.inner(factors[0], "Elu") if len(factors) == 1 else None
    if elu is None or not keeps_shape(scene, elu.inputs[0], node.outputs[0]):
        return False
    alpha = float(elu.attributes.get("alpha", 1.0))
    near = abs(alpha - _SELU[0]) < 1e-4 and abs(factor - _SELU[1]) < 1e-4
    return near and scene.become(node, "Selu", elu.inputs[:1], alpha=alpha, gamma=factor)


@rule("Add")
def soft_plus(scene: Scene, node: Node) -> bool:
    """``max(x, 0) + log(1 + exp(-abs(x)))``; the plain form, which runs over, stays."""
    for above, rest in both(node):
        positive, log = scene.inner(above, "Relu"), scene.inner(rest, "Log")
        if positive is None or log is None:
            continue
        base, scale, shift = affine(scene, log.inputs[0])
        grown = scene.producer(base, "Exp")
        if grown is None or (scale, shift) != (1.0, 1.0):
            continue
        base, scale, shift = affine(scene, grown.inputs[0])
        absolute = scene.producer(base, "Abs")
        if absolute is not None and (scale, shift) == (-1.0, 0.0):
            x = positive.inputs[0]
            fits = absolute.inputs[0] == x and keeps_shape(scene, x, node.outputs[0])
            return fits and scene.become(node, "Softplus", [x])
    return False


@rule("Div")
def soft_sign(scene: Scene, node: Node) -> bool:
    """``x / (1 + abs(x))``."""
    x = node.inputs[0]
    base, scale, shift = affine(scene, node.inputs[1])
    absolute = scene.producer(base, "Abs")
    if absolute is None or (scale, shift) != (1.0, 1.0) or absolute.inputs[0] != x:
        return False
    fits = keeps_shape(scene, x, node.outputs[0]) and is_float(scene, x)
    return fits and scene.become(node, "Softsign", [x])
