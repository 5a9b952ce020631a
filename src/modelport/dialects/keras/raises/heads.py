"""Attention between its projections: one layer that has them all.

Axes are followed through reshapes and transpositions by what they are made of: ``b`` batch,
``h`` heads, ``t`` places, ``d`` features, and parts of which one was taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from modelport.dialects.keras.raises.call import Call
from modelport.dialects.keras.raises.linear import product
from modelport.dialects.keras.raises.value import Held
from modelport.dialects.onnx.types.dims import times
from modelport.model.expression import Expression
from modelport.model.graph import Dim, Node


@dataclass(frozen=True, slots=True)
class Atom:
    """A part of an axis: what it is, how long, and which element of it was taken."""

    what: str
    extent: Dim
    taken: int = -1


Axes: TypeAlias = "list[list[Atom]]"


@dataclass(frozen=True, slots=True)
class Projection:
    """A product with a matrix whose columns are heads: of what, and in which order it lies."""

    of: str
    order: tuple[int, ...]
    kernel: Expression
    bias: Expression | None


def multi_head(call: Call) -> Held | None:
    """The MultiHeadAttention that an Attention is with its projections, if it is one."""
    keywords = _mask(call)
    shape = call.known(0).shape
    alone = not any(call.writer.is_used(name) for name in call.node.outputs[1:])
    if keywords is None or shape is None or len(shape) != 4 or not alone:
        return None
    heads, width, value_width = shape[1], shape[3], call.known(2).dim(3)
    if call.known(1).dim(1) != heads or call.known(2).dim(1) != heads:
        return None
    if not (isinstance(heads, int) and isinstance(width, int) and isinstance(value_width, int)):
        return None
    scale = call.attribute("scale", None) or 1 / math.sqrt(width)
    given = [_projection(call, call.node.inputs[place]) for place in range(3)]
    q, k, v = given
    after = _After(call, shape, value_width)
    if q is None or k is None or v is None or after.bias_missing(q, k, v):
        return None
    if not math.isclose(scale, 1 / math.sqrt(width), rel_tol=1e-6):
        return None
    kernel, bias, order = after.kernel, after.bias, after.order
    if kernel is None or order is None:
        return None
    config: dict[str, Any] = {
        "num_heads": heads,
        "key_dim": width,
        "value_dim": value_width,
        "use_bias": bias is not None,
    }
    if kernel.shape[-1] != q.kernel.shape[0]:
        config["output_shape"] = [kernel.shape[-1]]
    weights = {"output_dense/kernel": kernel}
    for role, part in zip(("query_dense", "key_dense", "value_dense"), (q, k, v), strict=True):
        weights[f"{role}/kernel"] = part.kernel
        if part.bias is not None:
            weights[f"{role}/bias"] = part.bias
    if bias is not None:
        weights["output_dense/bias"] = bias
    value = call.writer.ordered(call.writer.value(v.of), v.order)
    key = call.writer.ordered(call.writer.value(k.of), k.order)
    query = call.writer.ordered(call.writer.value(q.of), q.order)
    others = {"value": value} if key == value else {"value": value, "key": key}
    made = call.layers("MultiHeadAttention", config, query, weights, others | keywords, 1)[0]
    after.absorb()
    return Held(made.name, order)


def _mask(call: Call) -> dict[str, bool] | None:
    """The layer's arguments that say what may be seen; None where it cannot say it."""
    known = {"is_causal", "scale", "softmax_precision", "qk_matmul_output_mode", "softcap"}
    softcap = call.attribute("softcap", 0.0)
    if softcap or not known.issuperset(call.node.attributes):
        return None
    if any(call.has(place) for place in (4, 5, 6)):
        return None
    causal = bool(call.attribute("is_causal", 0))
    if not call.has(3):
        return {"use_causal_mask": True} if causal else {}
    mask = call.array(3)
    if mask is None or causal:
        return None
    seen = mask if mask.dtype == bool else mask == 0
    exact = mask.dtype == bool or np.isneginf(mask[~seen]).all()
    length, total = call.known(0).dim(2), call.known(1).dim(2)
    if not exact or seen.shape[-2:] != (length, total) or seen[..., 0].min(initial=1) < 1:
        return None
    lower = np.tril(np.ones(seen.shape[-2:], bool))
    return {"use_causal_mask": True} if (seen == lower).all() else None


def _projection(call: Call, name: str) -> Projection | None:
    """The product with a matrix that gives heads (batch, heads, places, features)."""
    shape = call.writer.known(name).shape
    if shape is None or len(shape) != 4:
        return None
    axes: Axes = [[Atom(what, extent)] for what, extent in zip("bhtd", shape, strict=True)]
    while True:
        node = call.writer.producers.get(name)
        if node is None:
            return None
        step = Call(call.writer, node)
        if node.op_type in ("Add", "MatMul", "Gemm"):
            return _of_product(step, axes)
        before = _before(step, axes, name)
        if before is None:
            return None
        name, axes = node.inputs[0], before


def _before(step: Call, axes: Axes, output: str) -> Axes | None:
    """The axes of what a node rearranges."""
    node, shape = step.node, step.known(0).shape
    if shape is None:
        return None
    if node.op_type == "Transpose":
        order = step.ints("perm") or list(reversed(range(len(axes))))
        return [axes[order.index(axis)] for axis in range(len(axes))]
    if node.op_type in ("Reshape", "Squeeze", "Unsqueeze"):
        return _grouped([atom for axis in axes for atom in axis], shape)
    axis = int(step.attribute("axis", 0)) % len(shape)
    extent = shape[axis]
    if node.op_type == "Gather":
        index = step.array(1)
        if index is None or index.ndim or not isinstance(extent, int):
            return None
        return [*axes[:axis], [Atom("", extent, int(index) % extent)], *axes[axis:]]
    if node.op_type == "Split" and isinstance(extent, int):
        count = len(node.outputs)
        if any(item.dim(axis) != extent // count for item in map(step.output, range(count))):
            return None
        part = Atom("", count, node.outputs.index(output))
        return [*axes[:axis], [part, *axes[axis]], *axes[axis + 1 :]]
    return None


def _grouped(atoms: list[Atom], shape: tuple[Dim, ...]) -> Axes | None:
    """The same elements in axes of other extents."""
    found: Axes = []
    left = list(atoms)
    if None in shape:
        return None
    for extent in shape:
        axis: list[Atom] = []
        while left and times(atom.extent for atom in axis) != extent:
            axis.append(left.pop(0))
        if times(atom.extent for atom in axis) != extent:
            return None
        found.append(axis)
    return None if left else found


def _of_product(step: Call, axes: Axes) -> Projection | None:
    bias: Expression | None = None
    if step.node.op_type == "Add":
        place = next((i for i in (0, 1) if step.is_constant(i)), None)
        if place is None:
            return None
        bias = step.weight(place)
        maker = step.writer.producers.get(step.node.inputs[1 - place])
        if maker is None or maker.op_type != "MatMul":
            return None
        step = Call(step.writer, maker)
    found = product(step)
    lead = ["".join(atom.what for atom in axis) for axis in axes[:-1]]
    if found is None or sorted(lead) != ["b", "t"]:
        return None
    bias = found.bias if bias is None else bias
    if bias is not None and bias.shape != (found.kernel.shape[1],):
        return None
    if any(atom.taken >= 0 for axis in axes[:-1] for atom in axis):
        return None
    kernel = _columns(found.kernel, axes[-1])
    ends = None if bias is None else _columns(bias.reshape(1, -1), axes[-1])
    if kernel is None or (bias is not None and ends is None):
        return None
    order = (lead.index("b"), lead.index("t"), 2)
    taken = None if ends is None else ends.reshape(*ends.shape[1:])
    return Projection(step.node.inputs[0], order, kernel, taken)


def _columns(matrix: Expression, atoms: list[Atom]) -> Expression | None:
    """The columns that were taken, (features, heads, width)."""
    extents = [atom.extent for atom in atoms if isinstance(atom.extent, int)]
    if [atom.what for atom in atoms if atom.taken < 0] != ["h", "d"] or len(extents) != len(atoms):
        return None
    found = matrix.reshape(matrix.shape[0], *extents)
    for axis, atom in enumerate(atoms, 1):
        if atom.taken >= 0:
            found = found.slice(axis, atom.taken, atom.taken + 1)
    kept = [atom.extent for atom in atoms if atom.taken < 0 and isinstance(atom.extent, int)]
    return found.reshape(matrix.shape[0], *kept)


class _After:
    """What follows an Attention: heads side by side, and a product with the last matrix."""

    def __init__(self, call: Call, shape: tuple[Dim, ...], width: int) -> None:
        self._writer = call.writer
        self._chain: list[Node] = [call.node]
        self.kernel: Expression | None = None
        self.bias: Expression | None = None
        self.order: tuple[int, ...] | None = None
        extents = (*shape[:3], width)
        axes: Axes | None = [[Atom(w, e)] for w, e in zip("bhtd", extents, strict=True)]
        while axes is not None:
            following = self._next()
            if following is None:
                return
            if following.node.op_type in ("MatMul", "Gemm"):
                axes = self._product(following, axes)
            else:
                axes = _moved(following, axes)
            self._chain.append(following.node)
            if axes is not None and self.kernel is not None:
                self._bias()
                lead = ["".join(atom.what for atom in axis) for axis in axes]
                if sorted(lead) == ["b", "o", "t"] and lead[-1] == "o":
                    # Axis i of the layer's result (b, t, o) is this one of ONNX.
                    self.order = tuple(lead.index(what) for what in "bto")
                    return

    def bias_missing(self, *given: Projection) -> bool:
        """Whether some of the products have a bias, and others none."""
        return any((part.bias is None) != (self.bias is None) for part in given)

    def absorb(self) -> None:
        """Let the layer stand for all of it."""
        for node, following in zip(self._chain, self._chain[1:], strict=False):
            self._writer.absorbed(node, following)

    def _next(self) -> Call | None:
        name = self._chain[-1].outputs[0]
        kinds = ("Transpose", "Reshape", *(() if self.kernel else ("MatMul", "Gemm")))
        node = self._writer.sole_user(name, kinds)
        return None if node is None else Call(self._writer, node)

    def _product(self, step: Call, axes: Axes) -> Axes | None:
        found = product(step)
        ends = [atom.what for atom in axes[-1]]
        if found is None or ends != ["h", "d"] or step.node.inputs[0] != self._chain[-1].outputs[0]:
            return None
        self.kernel = _columns(found.kernel.transpose(1, 0), axes[-1])
        if self.kernel is not None:
            self.kernel = self.kernel.transpose(1, 2, 0)
        self.bias = found.bias
        return [*axes[:-1], [Atom("o", found.kernel.shape[1])]]

    def _bias(self) -> None:
        """The vector that is added to the product, where none was in it."""
        node = self._writer.sole_user(self._chain[-1].outputs[0], ("Add",))
        if node is None or self.bias is not None or self.kernel is None:
            return
        step = Call(self._writer, node)
        found = [step.weight(i) for i in (0, 1)]
        bias = next((part for part in found if part is not None), None)
        if bias is not None and bias.shape == self.kernel.shape[-1:]:
            self.bias = bias
            self._chain.append(node)


def _moved(step: Call, axes: Axes) -> Axes | None:
    """The axes of what a node makes of a value."""
    if step.node.op_type == "Transpose":
        order = step.ints("perm") or list(reversed(range(len(axes))))
        return [axes[axis] for axis in order]
    shape = step.output().shape
    return None if shape is None else _grouped([atom for axis in axes for atom in axis], shape)
