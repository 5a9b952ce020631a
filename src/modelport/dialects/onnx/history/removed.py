"""Experimental operators that the specification dropped before version 10.

They never had a second version, and no package lists them any more; their meaning is that of the
specification of ONNX 1.2 (https://github.com/onnx/onnx/blob/rel-1.2.1/docs/Operators.md), which
onnxruntime still follows for most of them.
"""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx.history.rewriting import Rewriting, renamed, since, take_ints
from modelport.dialects.onnx.types.known import ONNX_DTYPES
from modelport.model.dtype import DTYPES, FLOAT32
from modelport.model.graph import Node
from modelport.model.tensor import InMemory, Tensor

REMOVED = (
    "Affine ConstantFill ConstantLike Crop DynamicSlice GivenTensorFill ImageScaler "
    "ParametricSoftplus Scale ScaledTanh"
).split()
"""The experimental operators with a meaning here; GRUUnit and ATen have none."""

_DTYPE_OF = {code: DTYPES[name] for name, code in ONNX_DTYPES.items()}


@since(10, "Affine", "Scale")
def affine(node: Node, write: Rewriting) -> None:
    """``alpha * x + beta``, or ``scale * x``."""
    factor = node.attributes.get("scale" if node.op_type == "Scale" else "alpha", 1.0)
    shift = node.attributes.get("beta", 0.0) if node.op_type == "Affine" else 0.0
    data = node.inputs[0]
    if not shift:
        write.node("Mul", [data, write.like(factor, data, "factor")], node.outputs)
        return
    scaled = write.node("Mul", [data, write.like(factor, data, "factor")])
    write.node("Add", [scaled, write.like(shift, data, "shift")], node.outputs)


@since(10, "ImageScaler")
def image_scaler(node: Node, write: Rewriting) -> None:
    """``scale * x`` plus a bias for each channel of an image."""
    data = node.inputs[0]
    factor = write.like(node.attributes.get("scale", 1.0), data, "factor")
    scaled = write.node("Mul", [data, factor])
    column = [[[float(item)]] for item in node.attributes.get("bias", [])] or [[[0.0]]]
    dtype = write.dtype(data)
    bias = write.constant(column, "bias", dtype or FLOAT32)
    if dtype is None:
        bias = write.node("CastLike", [bias, data])
    write.node("Add", [scaled, bias], node.outputs)


@since(10, "ParametricSoftplus", "ScaledTanh")
def scaled(node: Node, write: Rewriting) -> None:
    """``alpha * f(beta * x)`` with f the softplus or the hyperbolic tangent."""
    data = node.inputs[0]
    missing = [name for name in ("alpha", "beta") if name not in node.attributes]
    if missing:
        raise write.fail(f"it does not state {missing[0]}")
    inner = write.node("Mul", [data, write.like(node.attributes["beta"], data, "factor")])
    bent = write.node("Tanh" if node.op_type == "ScaledTanh" else "Softplus", [inner])
    outer = write.like(node.attributes["alpha"], data, "factor")
    write.node("Mul", [bent, outer], node.outputs)


@since(10, "Crop")
def crop(node: Node, write: Rewriting) -> None:
    """A border (left, top, right, bottom) cut off an image, or a size (``scale``) behind it."""
    left, top, right, bottom = take_ints(node, "border", write) or [0, 0, 0, 0]
    size = take_ints(node, "scale", write)
    ends = [top + size[0], left + size[1]] if size else [_back(bottom), _back(right)]
    starts = write.constant([top, left], "starts")
    inputs = [node.inputs[0], starts, write.constant(ends, "ends")]
    write.node("Slice", [*inputs, write.constant([2, 3], "axes")], node.outputs)


def _back(count: int) -> int:
    return -count if count else (1 << 63) - 1


@since(10, "DynamicSlice")
def dynamic_slice(node: Node, write: Rewriting) -> None:
    """What Slice became."""
    write.put(renamed(node, "Slice"))


@since(10, "ConstantFill", "ConstantLike")
def filled(node: Node, write: Rewriting) -> None:
    """One value in a shape: a list, that of the input, or what the input says."""
    held = node.attributes
    shape = take_ints(node, "shape", write) or []
    value = _DTYPE_OF[held.get("dtype", 1)]
    extra = take_ints(node, "extra_shape", write) or []
    if node.inputs and node.inputs[0]:
        as_shape = held.get("input_as_shape", 0) and node.op_type == "ConstantFill"
        wanted = node.inputs[0] if as_shape else write.node("Shape", [node.inputs[0]])
        if as_shape and write.dtype(wanted) != DTYPES["int64"]:
            wanted = write.node("Cast", [wanted], to=ONNX_DTYPES["int64"])
        if extra:
            wanted = write.node("Concat", [wanted, write.constant(extra, "extra")], axis=0)
        if node.op_type == "ConstantLike" and "dtype" not in held:
            value = write.dtype(node.inputs[0]) or value
    else:
        wanted = write.constant([*shape, *extra], "shape")
    fill = _tensor([held.get("value", 0.0)], [1], value)
    write.node("ConstantOfShape", [wanted], node.outputs, value=fill)


@since(10, "GivenTensorFill")
def given(node: Node, write: Rewriting) -> None:
    """Values that the node itself holds."""
    if node.inputs and node.inputs[0]:
        raise write.fail("its shape is an input")
    values = [float(item) for item in node.attributes["values"]]
    shape = take_ints(node, "shape", write) or []
    shape += take_ints(node, "extra_shape", write) or []
    write.node("Constant", [], node.outputs, value=_tensor(values, shape, FLOAT32))


def _tensor(values: list[float], shape: list[int], dtype: Any) -> Tensor:
    import numpy as np

    return Tensor("", InMemory(np.asarray(values).astype(dtype.numpy).reshape(shape)))


@since(9, "MeanVarianceNormalization")
def whole_mean(node: Node, write: Rewriting) -> None:
    """Over the image, or with ``across_channels`` over all channels; variance only if asked."""
    across = node.attributes.pop("across_channels", 0)
    over = [0, 1, 2, 3] if across else [0, 2, 3]
    if node.attributes.pop("normalize_variance", 1):
        node.attributes["axes"] = over
        write.put(node)
        return
    middle = write.node("ReduceMean", node.inputs, axes=over, keepdims=1)
    write.node("Sub", [node.inputs[0], middle], node.outputs)
