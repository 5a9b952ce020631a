"""What ONNX demands of an operator's inputs: their number of axes, extents, types, settings.

A lowering follows a config that may say anything, over weights that need not fit it. Held against
these rules node by node, a graph that no runtime would load is never finished. The rules are those
of the operator specification (https://onnx.ai/onnx/operators/), as far as ranks, known extents and
types go; an operator without a rule passes, and what it computes counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from modelport.dialects.onnx.edge import MOST
from modelport.model.dtype import BOOL, DTYPES, DType
from modelport.model.graph import Dim

ONNX_DTYPES: dict[str, int] = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7,
    "string": 8, "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
    "complex64": 14, "complex128": 15, "bfloat16": 16, "float8_e4m3fn": 17,
    "float8_e4m3fnuz": 18, "float8_e5m2": 19, "float8_e5m2fnuz": 20, "uint4": 21, "int4": 22,
    "float4_e2m1fn": 23, "float8_e8m0fnu": 24, "uint2": 25, "int2": 26,
}  # fmt: skip
"""TensorProto.DataType of the ONNX specification."""
_DTYPES = {number: DTYPES[name] for name, number in ONNX_DTYPES.items()}


class Known(NamedTuple):
    """The type of a value, as far as it is known."""

    dtype: DType
    shape: tuple[Dim, ...]


Inputs: TypeAlias = Sequence[Known | None]
Settings: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Inputs, Settings], Known | None]

FLOATS = ("float",)
NUMBERS = ("float", "int", "uint")

_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Abs", "Neg", "Sign", "Relu", "Clip", "MatMul", "Einsum"), NUMBERS),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"), NUMBERS),
    **dict.fromkeys(("Less", "Greater", "LessOrEqual", "GreaterOrEqual"), NUMBERS),
    **dict.fromkeys(("ReduceSum", "ReduceMean", "ReduceProd", "CumSum"), NUMBERS),
    **dict.fromkeys(("Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Reciprocal", "Erf"), FLOATS),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Softplus", "Softsign", "Elu", "Selu"), FLOATS),
    **dict.fromkeys(("HardSigmoid", "HardSwish", "LeakyRelu", "Celu", "Gelu", "PRelu"), FLOATS),
    **dict.fromkeys(("Mish", "ThresholdedRelu", "Floor", "Ceil", "Round"), FLOATS),
    **dict.fromkeys(("Conv", "ConvTranspose", "AveragePool", "LSTM", "GRU", "RNN"), FLOATS),
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "GroupNormalization"), FLOATS),
    **dict.fromkeys(("Not", "And", "Or", "Xor"), ("bool",)),
}
"""The kinds of types that an operator's first input may have."""

_SAME_SHAPE = (
    *("Abs", "Neg", "Sign", "Relu", "Clip", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Erf"),
    *("Reciprocal", "Softmax", "LogSoftmax", "Softplus", "Softsign", "Elu", "Selu", "HardSigmoid"),
    *("HardSwish", "LeakyRelu", "Celu", "Gelu", "Mish", "ThresholdedRelu", "Floor", "Ceil"),
    *("Round", "Not", "Identity", "Dropout", "CumSum"),
)
_BROADCASTING = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "And", "Or", "Xor")
_COMPARING = ("Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal")
_POSITIVE = ("group", "hidden_size", "num_groups", "blocksize")
_POSITIVES = ("kernel_shape", "strides", "dilations")
_COUNTS = ("pads", "output_padding")
_NEEDED = {"GroupNormalization": "num_groups", "Concat": "axis", "Einsum": "equation"}


def results(op_type: str, inputs: Inputs, settings: Settings) -> Known | None:
    """The type of the first output, as far as it can be told.

    Raises:
        ValueError: ONNX does not allow the operator on these inputs, with these settings.
    """
    _check_settings(op_type, settings)
    first = inputs[0] if inputs else None
    kinds = _KINDS.get(op_type)
    if first is not None and kinds is not None:
        _demand(first.dtype.kind in kinds, f"{op_type} does not take {first.dtype}")
    rule = _RULES.get(op_type)
    return rule(inputs, settings) if rule is not None else None


def broadcast(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """The shape numpy's rules give; an extent is None where two unknown ones meet.

    Raises:
        ValueError: two known extents differ, and neither is 1.
    """
    rank = max(len(shape) for shape in shapes)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        extents = [shape[axis] for shape in shapes if len(shape) >= -axis]
        wide = [extent for extent in extents if extent != 1]
        fixed = [extent for extent in wide if isinstance(extent, int)]
        if len(set(fixed)) > 1:
            shown = " and ".join(str(list(shape)) for shape in shapes)
            raise ValueError(f"the shapes {shown} do not go together")
        if not wide:
            result.append(1)
        elif fixed:
            result.append(fixed[0])
        else:
            result.append(wide[0] if all(extent == wide[0] for extent in wide) else None)
    return tuple(result)


def fits(a: Sequence[Dim], b: Sequence[Dim]) -> bool:
    """Whether two shapes can be the same: one rank, and no two known extents that differ."""
    return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))


def _equal(a: Dim, b: Dim) -> bool:
    return not isinstance(a, int) or not isinstance(b, int) or a == b


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _check_settings(op_type: str, settings: Settings) -> None:
    needed = _NEEDED.get(op_type)
    _demand(needed is None or needed in settings, f"{op_type} needs a {needed}")
    for name, value in settings.items():
        fine = _is_setting(name, value) if op_type != "Pad" else True
        _demand(fine, f"{op_type} does not take {str(value)[:80]} as its {name}")


def _is_setting(name: str, value: Any) -> bool:
    if name in _POSITIVE:
        return _is_whole(value, 1)
    if name in _POSITIVES or name in _COUNTS:
        least = 1 if name in _POSITIVES else 0
        return isinstance(value, list | tuple) and all(_is_whole(item, least) for item in value)
    return not isinstance(value, int) or -MOST <= value <= MOST


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and least <= value <= MOST


def _same(inputs: Inputs, settings: Settings) -> Known | None:
    return inputs[0]


def _cast(inputs: Inputs, settings: Settings) -> Known | None:
    x = inputs[0]
    return None if x is None else Known(_DTYPES[settings["to"]], x.shape)


def _broadcast(inputs: Inputs, settings: Settings) -> Known | None:
    known = [item for item in inputs if item is not None]
    if len(known) < len(inputs):
        return None
    names = sorted({item.dtype.name for item in known})
    _demand(len(names) == 1, f"values of the types {' and '.join(names)} meet")
    return Known(known[0].dtype, broadcast([item.shape for item in known]))


def _compare(inputs: Inputs, settings: Settings) -> Known | None:
    found = _broadcast(inputs, settings)
    return None if found is None else Known(BOOL, found.shape)


def _where(inputs: Inputs, settings: Settings) -> Known | None:
    chosen = _broadcast(inputs[1:], settings)
    if chosen is None or inputs[0] is None:
        return None
    return Known(chosen.dtype, broadcast([inputs[0].shape, chosen.shape]))


def _transpose(inputs: Inputs, settings: Settings) -> Known | None:
    x = inputs[0]
    if x is None:
        return None
    order = settings.get("perm", range(len(x.shape))[::-1])
    fine = sorted(order) == list(range(len(x.shape)))
    _demand(fine, f"{list(order)} is no order of the axes of {list(x.shape)}")
    return Known(x.dtype, tuple(x.shape[axis] for axis in order))


def _matmul(inputs: Inputs, settings: Settings) -> Known | None:
    x, y = inputs
    if x is None or y is None or len(x.shape) < 2 or len(y.shape) < 2:
        return None
    shown = f"{list(x.shape)} and {list(y.shape)}"
    _demand(_equal(x.shape[-1], y.shape[-2]), f"no matrix product of {shown}")
    _demand(x.dtype == y.dtype, f"a matrix product of {x.dtype} and {y.dtype}")
    lead = broadcast([x.shape[:-2], y.shape[:-2]]) if max(len(x.shape), len(y.shape)) > 2 else ()
    return Known(x.dtype, (*lead, x.shape[-2], y.shape[-1]))


def _concat(inputs: Inputs, settings: Settings) -> Known | None:
    known = [item for item in inputs if item is not None]
    if len(known) < len(inputs):
        return None
    first, axis = known[0], settings["axis"]
    rank = len(first.shape)
    _demand(-rank <= axis < rank, f"{list(first.shape)} has no axis {axis}")
    axis %= rank
    for other in known[1:]:
        both = f"{list(first.shape)} and {list(other.shape)}"
        kept = [shape[:axis] + shape[axis + 1 :] for shape in (first.shape, other.shape)]
        _demand(len(other.shape) == rank and fits(*kept), f"{both} do not join along axis {axis}")
        _demand(first.dtype == other.dtype, f"{first.dtype} and {other.dtype} do not join")
    extents = [item.shape[axis] for item in known]
    fixed = [extent for extent in extents if isinstance(extent, int)]
    total = sum(fixed) if len(fixed) == len(extents) else None
    return Known(first.dtype, (*first.shape[:axis], total, *first.shape[axis + 1 :]))


def _conv(inputs: Inputs, settings: Settings) -> Known | None:
    x, weight = inputs[:2]
    if x is None or weight is None:
        return None
    group = settings.get("group", 1)
    _check_window(x, weight.shape, settings)
    channels = weight.shape[1]
    wanted = channels * group if isinstance(channels, int) else None
    _demand(_equal(x.shape[1], wanted), f"{x.shape[1]} channels, its kernel wants {wanted}")
    out = weight.shape[0]
    _demand(not isinstance(out, int) or out % group == 0, f"{out} filters in {group} groups")
    return _convolved(x, inputs, out)


def _conv_transpose(inputs: Inputs, settings: Settings) -> Known | None:
    x, weight = inputs[:2]
    if x is None or weight is None:
        return None
    _check_window(x, weight.shape, settings)
    wanted = weight.shape[0]
    _demand(_equal(x.shape[1], wanted), f"{x.shape[1]} channels, its kernel wants {wanted}")
    each = weight.shape[1]
    return _convolved(x, inputs, each * settings.get("group", 1) if isinstance(each, int) else None)


def _convolved(x: Known, inputs: Inputs, out: Dim) -> Known:
    bias = inputs[2] if len(inputs) > 2 else None
    if bias is not None:
        _demand(fits(bias.shape, (out,)), f"{out} filters with a bias {list(bias.shape)}")
    for other in (item for item in inputs[1:] if item is not None):
        _demand(other.dtype == x.dtype, f"{x.dtype} values, but {other.dtype} weights")
    return Known(x.dtype, (x.shape[0], out, *[None] * (len(x.shape) - 2)))


def _check_window(x: Known, kernel: Sequence[Dim], settings: Settings) -> None:
    rank = len(x.shape) - 2
    _demand(rank > 0, f"no spatial axes in {list(x.shape)}")
    _demand(len(kernel) == rank + 2, f"a kernel {list(kernel)} over {list(x.shape)}")
    stated = settings.get("kernel_shape")
    if stated is not None:
        _demand(fits(stated, kernel[2:]), f"a window {list(stated)}, but a kernel {list(kernel)}")
    _check_lengths(rank, settings)


def _check_lengths(rank: int, settings: Settings) -> None:
    lengths = {"kernel_shape": rank, "strides": rank, "dilations": rank, "pads": 2 * rank}
    for name, length in lengths.items():
        stated = settings.get(name)
        fine = stated is None or len(stated) == length
        _demand(fine, f"{name} {stated} for {rank} spatial axes")


def _pool(inputs: Inputs, settings: Settings) -> Known | None:
    x = inputs[0]
    if x is None:
        return None
    rank = len(x.shape) - 2
    _demand(rank > 0, f"no spatial axes in {list(x.shape)}")
    _check_lengths(rank, settings)
    return Known(x.dtype, (*x.shape[:2], *[None] * rank))


def _channelwise(inputs: Inputs, settings: Settings) -> Known | None:
    """BatchNormalization and GroupNormalization: vectors of one number a channel."""
    x = inputs[0]
    if x is None:
        return None
    _demand(len(x.shape) > 1, f"no channels in {list(x.shape)}")
    for vector in (item for item in inputs[1:] if item is not None):
        shown = f"weights {list(vector.shape)} for {x.shape[1]} channels"
        _demand(fits(vector.shape, (x.shape[1],)), shown)
    return x


def _layer_normalization(inputs: Inputs, settings: Settings) -> Known | None:
    x = inputs[0]
    for scale in (item for item in inputs[1:] if item is not None and x is not None):
        if x is not None:
            rank = len(x.shape) - len(broadcast([x.shape, scale.shape]))
            _demand(rank == 0, f"a scale {list(scale.shape)} for {list(x.shape)}")
    return x


def _recurrent(inputs: Inputs, settings: Settings) -> Known | None:
    x, kernel, recurrent = inputs[:3]
    if x is None or kernel is None or recurrent is None:
        return None
    _demand(len(x.shape) == 3, f"sequences of vectors have 3 axes, not {len(x.shape)}")
    size = settings["hidden_size"]
    directions, rows, columns = kernel.shape
    _demand(_equal(x.shape[2], columns), f"{x.shape[2]} features, its kernel wants {columns}")
    wanted = (directions, rows, size)
    _demand(fits(recurrent.shape, wanted), f"a kernel {list(recurrent.shape)} for {size} units")
    gates = rows // size if isinstance(rows, int) else 0
    _demand(gates * size == rows, f"a kernel {list(kernel.shape)} for {size} units")
    bias = inputs[3] if len(inputs) > 3 else None
    if bias is not None and isinstance(rows, int):
        fine = fits(bias.shape, (directions, 2 * rows))
        _demand(fine, f"a bias {list(bias.shape)} for {size} units")
    for state in (item for item in inputs[5:7] if item is not None):
        fine = fits(state.shape, (directions, x.shape[1], size))
        _demand(fine, f"a state {list(state.shape)} for {size} units")
    return Known(x.dtype, (x.shape[0], directions, x.shape[1], size))


def _scan(inputs: Inputs, settings: Settings) -> Known | None:
    """States go round: what a step gives must be what the next step takes."""
    body = settings["body"]
    states = len(inputs) - settings["num_scan_inputs"]
    for given, before, after in zip(inputs[:states], body.inputs, body.outputs, strict=False):
        shown = f"a state {before.shape} becomes {after.shape}"
        _demand(before.dtype == after.dtype, f"a state of {before.dtype} becomes {after.dtype}")
        _demand(fits(before.shape, after.shape), shown)
        if given is not None:
            _demand(fits(given.shape, before.shape), f"a state {list(given.shape)} for {shown}")
    return inputs[0]


_RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME_SHAPE, _same),
    **dict.fromkeys(_BROADCASTING, _broadcast),
    **dict.fromkeys(_COMPARING, _compare),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("BatchNormalization", "GroupNormalization"), _channelwise),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "Cast": _cast,
    "Where": _where,
    "Transpose": _transpose,
    "MatMul": _matmul,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Scan": _scan,
    "LayerNormalization": _layer_normalization,
}
