"""Types and shapes of what nodes of the newest operator set compute, as far as ranks go.

Only what makes upgraded graphs simpler: knowing a rank avoids computing it. An operator without a
rule is no error; its results are just not known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from modelport.dialects.onnx.history.facts import Facts
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import BOOL, DTYPES, INT64
from modelport.model.graph import Dim, Node
from modelport.model.tensor import Tensor

_Shape: TypeAlias = tuple[Dim, ...] | None
_Rule: TypeAlias = Callable[[Node, Facts], _Shape]

_DTYPE_OF = {code: DTYPES[name] for name, code in ONNX_DTYPES.items()}

_SAME = """
Abs Acos Acosh Asin Asinh Atan Atanh BatchNormalization Cast CastLike Ceil Celu Clip Cos Cosh
CumSum DequantizeLinear Dropout Elu Erf Exp Floor Gelu GroupNormalization HardSigmoid HardSwish
Hardmax Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization LeakyRelu Log LogSoftmax
LpNormalization MeanVarianceNormalization Mish Neg Not PRelu QuantizeLinear Reciprocal Relu Round
ScatterElements ScatterND Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Swish
Tan Tanh ThresholdedRelu Trilu
""".split()
_SAME_RANK = """
AveragePool Concat DeformConv DepthToSpace GatherElements LpPool MaxPool Pad Resize Slice
SpaceToDepth Split Tile TopK
""".split()
_BROADCAST = """
Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow Sub Sum
Where Xor
""".split()
_WHOLE = """
GlobalAveragePool GlobalLpPool GlobalMaxPool
""".split()
_REDUCTIONS = """
ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
ReduceSumSquare
""".split()
_TRUTHS = """
And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Xor
""".split()
_FIRST_DTYPE = {
    *_SAME, *_SAME_RANK, *_BROADCAST, *_WHOLE, *_REDUCTIONS,
    *"Conv ConvTranspose Expand Flatten Gather Gemm MatMul".split(),
    *"Reshape Squeeze Transpose Unsqueeze".split(),
} - {*"Cast CastLike DequantizeLinear QuantizeLinear Where".split(), *_TRUTHS}  # fmt: skip
"""The operators whose first result has the type of their first input."""


def infer(node: Node, facts: Facts) -> None:
    """Add to the facts what a node of the newest operator set tells about its results."""
    if not node.outputs:
        return
    if node.op_type == "Constant":
        held = node.attributes.get("value")
        if isinstance(held, Tensor):
            facts.add_tensor(held, node.outputs[0])
        return
    dtype = None
    if node.op_type in _TRUTHS:
        dtype = BOOL
    elif node.op_type in ("Shape", "Size"):
        dtype = INT64
    elif node.op_type == "Cast":
        dtype = _DTYPE_OF.get(node.attributes.get("to", 0))
    elif node.op_type == "CastLike":
        dtype = facts.dtype(node.inputs[1])
    elif node.op_type in _FIRST_DTYPE and node.inputs:
        dtype = facts.dtype(node.inputs[0])
    rule = _RULES.get(node.op_type)
    shape = rule(node, facts) if rule is not None and node.inputs else None
    facts.learn(node.outputs[0], dtype, shape)
    if node.op_type == "Split":
        for name in node.outputs[1:]:
            facts.learn(name, dtype, shape)


def _same(node: Node, facts: Facts) -> _Shape:
    return facts.shape(node.inputs[0])


def _same_rank(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0])
    return None if shape is None else (None,) * len(shape)


def _convolution(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0]) or facts.shape(node.inputs[1])
    kernels = facts.shape(node.inputs[1])
    if not shape:
        return None
    channels = kernels[0] if kernels and node.op_type == "Conv" else None
    return (shape[0], channels, *(None,) * (len(shape) - 2))


def _whole(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0])
    return None if shape is None else (*shape[:2], *(1,) * (len(shape) - 2))


def _broadcast(node: Node, facts: Facts) -> _Shape:
    shapes = [facts.shape(name) for name in node.inputs]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes) or not known:
        return None
    rank = max(map(len, known))
    full = [(1,) * (rank - len(shape)) + shape for shape in known]
    return tuple(_extent([shape[axis] for shape in full]) for axis in range(rank))


def _extent(dims: list[Dim]) -> Dim:
    others = {dim for dim in dims if dim != 1}
    return others.pop() if len(others) == 1 else None if others else 1


def _two(node: Node, facts: Facts) -> _Shape:
    return (None, None)


def _matmul(node: Node, facts: Facts) -> _Shape:
    first, second = (facts.shape(name) for name in node.inputs)
    if first is None or second is None:
        return None
    ends = (len(first) > 1) + (len(second) > 1)
    return (None,) * (max(len(first), len(second), 2) - 2 + ends)


def _reshape(node: Node, facts: Facts) -> _Shape:
    target = facts.values(node.inputs[1])
    if target is None:
        asked = facts.shape(node.inputs[1])
        length = asked[0] if asked else None
        return (None,) * length if isinstance(length, int) else None
    return tuple(int(extent) if extent > 0 else None for extent in target.tolist())


def _transpose(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0])
    if shape is None:
        return None
    order = node.attributes.get("perm") or range(len(shape))[::-1]
    return tuple(shape[axis] for axis in order)


def _axes(node: Node, facts: Facts) -> list[int] | None:
    if len(node.inputs) < 2 or not node.inputs[1]:
        return None
    found = facts.values(node.inputs[1])
    return None if found is None else [int(axis) for axis in found.reshape(-1)]


def _squeeze(node: Node, facts: Facts) -> _Shape:
    shape, axes = facts.shape(node.inputs[0]), _axes(node, facts)
    if shape is None or axes is None:
        return None
    gone = {axis % len(shape) for axis in axes}
    return tuple(dim for axis, dim in enumerate(shape) if axis not in gone)


def _unsqueeze(node: Node, facts: Facts) -> _Shape:
    shape, axes = facts.shape(node.inputs[0]), _axes(node, facts)
    if shape is None or axes is None:
        return None
    rank = len(shape) + len(axes)
    new = {axis % rank for axis in axes}
    old = iter(shape)
    return tuple(1 if axis in new else next(old) for axis in range(rank))


def _reduce(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0])
    keep = node.attributes.get("keepdims", 1)
    if len(node.inputs) < 2 or not node.inputs[1]:
        if node.attributes.get("noop_with_empty_axes") or shape is None:
            return shape
        return (1,) * len(shape) if keep else ()
    axes = _axes(node, facts)
    if shape is None or axes is None:
        return None
    gone = {axis % len(shape) for axis in axes}
    if keep:
        return tuple(1 if axis in gone else dim for axis, dim in enumerate(shape))
    return tuple(dim for axis, dim in enumerate(shape) if axis not in gone)


def _shape_of(node: Node, facts: Facts) -> _Shape:
    shape = facts.shape(node.inputs[0])
    if shape is None or "start" in node.attributes or "end" in node.attributes:
        return (None,)
    return (len(shape),)


def _gather(node: Node, facts: Facts) -> _Shape:
    data, indices = (facts.shape(name) for name in node.inputs)
    if data is None or indices is None:
        return None
    axis = node.attributes.get("axis", 0) % len(data)
    return (*data[:axis], *indices, *data[axis + 1 :])


def _expand(node: Node, facts: Facts) -> _Shape:
    shape, asked = facts.shape(node.inputs[0]), facts.shape(node.inputs[1])
    if shape is None or not asked or not isinstance(asked[0], int):
        return None
    return (None,) * max(len(shape), asked[0])


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_SAME_RANK, _same_rank),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(("Conv", "ConvTranspose"), _convolution),
    **dict.fromkeys(_WHOLE, _whole),
    **dict.fromkeys(_REDUCTIONS, _reduce),
    **dict.fromkeys(("Flatten", "Gemm"), _two),
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Shape": _shape_of,
    "Gather": _gather,
    "Expand": _expand,
}
