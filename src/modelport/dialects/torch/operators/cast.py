"""Other dtypes, and numbers taken out of tensors."""

from __future__ import annotations

from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, meets_complex, torch_dtype
from modelport.dialects.torch.operators.complex import converted as complex_of
from modelport.model.dtype import (
    BFLOAT16,
    BOOL,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    UINT8,
    DType,
)


def converted(call: Call, x: Any, dtype: DType | None) -> Any:
    """The values in another dtype; floats lose what is behind the point."""
    if meets_complex(x) or (dtype is not None and dtype.kind == "complex"):
        return complex_of(call, x, dtype)
    edge = call.tensor(x)
    wanted = dtype or edge.dtype
    if edge.dtype.kind == "float" and wanted.kind in ("int", "uint") and wanted.bits < 64:
        # Numbers beyond a narrow dtype wrap around, from int64.
        return ops.cast(call.b, ops.cast(call.b, edge, INT64), wanted)
    return ops.cast(call.b, edge, wanted)


@aten("to.dtype", "complex::to.dtype")
def to_dtype(
    call: Call,
    x: Any,
    dtype: Any,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Any:
    """The values in another dtype."""
    return converted(call, x, torch_dtype(dtype))


@aten("to.device", "to.prim_Device", "complex::to.device", "complex::to.prim_Device")
def to_device(
    call: Call,
    x: Any,
    device: Any,
    dtype: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Any:
    """The values in another dtype."""
    return converted(call, x, torch_dtype(dtype))


@aten("to.other", "complex::to.other")
def to_other(
    call: Call,
    x: Any,
    other: Any,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Any:
    """The values in the dtype of another tensor."""
    return converted(call, x, other.dtype)


@aten("type_as", "complex::type_as")
def type_as(call: Call, x: Any, other: Any) -> Any:
    """The values in the dtype of another tensor."""
    return converted(call, x, other.dtype)


@aten("_to_copy", "to.dtype_layout", "complex::_to_copy", "complex::to.dtype_layout")
def to_copy(
    call: Call,
    x: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    non_blocking: bool = False,
    memory_format: Any = None,
    copy: bool = False,
) -> Any:
    """The values in another dtype."""
    return converted(call, x, torch_dtype(dtype))


@aten("prims::convert_element_type")
def convert_element_type(call: Call, a: Any, dtype: Any) -> Any:
    """The values in another dtype."""
    return converted(call, a, torch_dtype(dtype))


def _in(dtype: DType) -> Any:
    def lower(call: Call, x: Any, non_blocking: bool = False) -> Any:
        return converted(call, x, dtype)

    return lower


for _name, _dtype in {
    **{"Float": FLOAT32, "Double": FLOAT64, "Half": FLOAT16, "BFloat16": BFLOAT16},
    **{"Long": INT64, "Int": INT32, "Short": INT16, "Char": INT8, "Byte": UINT8, "Bool": BOOL},
}.items():
    aten(f"_cast_{_name}")(_in(_dtype))


@aten("_local_scalar_dense", "item")
def item(call: Call, x: Any) -> Edge:
    """The one element as a Python number."""
    made = ops.reshape(call.b, call.tensor(x), [1])
    return Edge(call.b.name(made), made.dtype, (1,), values=(None,))
