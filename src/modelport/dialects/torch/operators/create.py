"""New tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Complex, aten, dim_of, is_number, torch_dtype
from modelport.dialects.torch.promote import in_dtype
from modelport.model.dtype import BOOL, COMPLEX128, FLOAT32, FLOAT64, INT64, DType


def full_of(call: Call, size: Any, value: Any, dtype: DType) -> Any:
    """A tensor of one value."""
    if dtype.kind == "complex":
        wide = FLOAT64 if dtype == COMPLEX128 else FLOAT32
        number = complex(value)
        return Complex(*(full_of(call, size, i, wide) for i in (number.real, number.imag)))
    extents = call.extents(size)
    dims = [dim_of(item) for item in extents]
    filled = in_dtype(call, value, dtype)
    made = call.b.emit("Expand", [filled, ops.vector(call.b, extents)], dtype, dims)
    return Edge(made.name, dtype, tuple(dims))


def _dtype_of(call: Call, value: Any, dtype: Any) -> DType:
    found = torch_dtype(dtype)
    if found is not None:
        return found
    if isinstance(value, Edge):
        return call.floats if value.dtype.kind == "float" else value.dtype
    return BOOL if isinstance(value, bool) else INT64 if isinstance(value, int) else call.floats


def _filling(value: int) -> Any:
    """zeros, ones, empty: of a size."""

    def lower(
        call: Call,
        size: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
        memory_format: Any = None,
    ) -> Any:
        return full_of(call, size, value, torch_dtype(dtype) or call.floats)

    return lower


def _filling_like(value: int) -> Any:
    def lower(
        call: Call,
        x: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
        memory_format: Any = None,
    ) -> Any:
        return full_like(call, x, value, dtype)

    return lower


def _filling_new(value: int) -> Any:
    def lower(
        call: Call,
        x: Any,
        size: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
    ) -> Any:
        return new_full(call, x, size, value, dtype)

    return lower


for _name, _value in {"zeros": 0, "ones": 1, "empty": 0}.items():
    aten(_name)(_filling(_value))
    aten(f"{_name}_like")(_filling_like(_value))
    aten(f"new_{_name}")(_filling_new(_value))


@aten("empty_permuted")
def empty_permuted(
    call: Call,
    size: Any,
    physical_layout: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Any:
    """A tensor to be filled; in which order its elements lie is nothing to ONNX."""
    return full_of(call, size, 0, torch_dtype(dtype) or call.floats)


@aten("empty_strided")
def empty_strided(
    call: Call,
    size: Any,
    stride: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Any:
    """A tensor to be filled; in which order its elements lie is nothing to ONNX."""
    return full_of(call, size, 0, torch_dtype(dtype) or call.floats)


@aten("new_empty_strided")
def new_empty_strided(
    call: Call,
    x: Any,
    size: Any,
    stride: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Any:
    """A tensor to be filled, in the dtype of another."""
    return new_full(call, x, size, 0, dtype)


@aten("full")
def full(
    call: Call,
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Any:
    """A tensor of one value."""
    return full_of(call, size, fill_value, _dtype_of(call, fill_value, dtype))


@aten("full_like")
def full_like(
    call: Call,
    x: Any,
    fill_value: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Any:
    """One value in the shape of another tensor."""
    edge = call.tensor(x)
    wanted = torch_dtype(dtype, edge.dtype) or edge.dtype
    size = [ops.extent(call.b, edge, axis) for axis in range(edge.rank)]
    made = full_of(call, size, fill_value, wanted)
    return made if isinstance(made, Complex) else Edge(made.name, wanted, edge.shape)


@aten("new_full")
def new_full(
    call: Call,
    x: Any,
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Any:
    """A tensor of one value in the dtype of another."""
    own = call.tensor(x).dtype
    return full_of(call, size, fill_value, torch_dtype(dtype, own) or own)


@aten("scalar_tensor")
def scalar_tensor(
    call: Call,
    s: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """A number as a tensor without axes."""
    return in_dtype(call, s, torch_dtype(dtype) or call.floats)


@aten("arange")
def arange(
    call: Call,
    end: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """The numbers from 0 up to ``end``."""
    return arange_step(call, 0, end, 1, dtype)


@aten("arange.start")
def arange_start(
    call: Call,
    start: Any,
    end: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """The numbers from ``start`` up to ``end``."""
    return arange_step(call, start, end, 1, dtype)


@aten("arange.start_step")
def arange_step(
    call: Call,
    start: Any,
    end: Any,
    step: Any = 1,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """The numbers from ``start`` up to ``end`` in steps."""
    b, ends = call.b, (start, end, step)
    floats = any(
        item.dtype.kind == "float" if isinstance(item, Edge) else isinstance(item, float)
        for item in ends
    )
    wanted = torch_dtype(dtype) or (call.floats if floats else INT64)
    if floats and wanted.kind in ("int", "uint"):  # torch cuts the fractions off
        start, end, step = (_whole(call, item) for item in ends)
        if wanted == INT64:
            return arange_step(call, start, end, step)
        # ... but counts the narrower ones with their fractions.
        count = arange_step(call, *ends, {"dtype": "float64"})
        number = ops.extent(b, count, 0)
        places = ops.arange(b, number)
        scaled = ops.multiply(b, places, in_dtype(call, step, INT64))
        return ops.cast(b, ops.add(b, scaled, in_dtype(call, start, INT64)), wanted)
    if all(isinstance(item, int | float) for item in ends):
        count = max(0, math.ceil((end - start) / step))
        steps = ops.arange(b, count)
    else:
        # The numbers are counted exactly, then scaled: float steps would add up their errors.
        exact = FLOAT64 if floats else INT64
        first, last, by = (in_dtype(call, item, exact) for item in ends)
        span = ops.subtract(b, last, first)
        if floats:
            number = ops.cast(b, ops.unary(b, "Ceil", ops.divide(b, span, by)), INT64)
        elif step == 1:
            number = span
        else:
            up = ops.subtract(b, ops.add(b, span, by), ops.unary(b, "Sign", by))
            number = ops.divide(b, up, by)
        number = ops.binary(b, "Max", number, b.constant(0, INT64))
        steps = ops.arange(b, ops.unsqueeze(b, number, 0))
        if (start, step) == (0, 1) and is_number(end):
            steps.shape = (dim_of(end),)
    if (start, step) == (0, 1):
        return ops.cast(b, steps, wanted)
    exact = FLOAT64 if floats else INT64
    scaled = ops.multiply(b, ops.cast(b, steps, exact), in_dtype(call, step, exact))
    return ops.cast(b, ops.add(b, scaled, in_dtype(call, start, exact)), wanted)


def _whole(call: Call, item: Any) -> Any:
    """A number without its fraction."""
    return int(item) if isinstance(item, int | float) else in_dtype(call, item, INT64)


@aten("_dim_arange")
def dim_arange(call: Call, like: Any, dim: int) -> Edge:
    """The numbers of the places along an axis."""
    return ops.arange(call.b, ops.extent(call.b, call.tensor(like), dim))


@aten("linspace")
def linspace(
    call: Call,
    start: Any,
    end: Any,
    steps: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """So many numbers from ``start`` to ``end`` at equal distances, counted from both ends."""
    wanted = torch_dtype(dtype) or call.floats
    count = call.extent(steps)
    if isinstance(count, int) and all(isinstance(item, int | float) for item in (start, end)):
        return call.b.constant(np.linspace(start, end, count), wanted)
    b = call.b
    places = ops.cast(b, ops.arange(b, count), FLOAT32)
    first, last = (in_dtype(call, item, FLOAT32) for item in (start, end))
    many = in_dtype(call, count, FLOAT32) if isinstance(count, int) else count
    gaps = ops.binary(b, "Max", ops.subtract(b, ops.cast(b, many, FLOAT32), 1), 1)
    step = ops.divide(b, ops.subtract(b, last, first), gaps)
    made = ops.add(b, first, ops.multiply(b, places, step))
    return ops.cast(b, Edge(made.name, FLOAT32, places.shape), wanted)


@aten("logspace")
def logspace(
    call: Call,
    start: Any,
    end: Any,
    steps: Any,
    base: float = 10.0,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """A base to the power of numbers at equal distances."""
    wanted = torch_dtype(dtype) or call.floats
    places = linspace(call, start, end, steps, FLOAT32)
    power = ops.binary(call.b, "Pow", call.b.constant(base, FLOAT32), places)
    return ops.cast(call.b, power, wanted)


def _eye(call: Call, n: Any, m: Any, dtype: Any) -> Edge:
    b = call.b
    sides = [ops.arange(b, call.extent(item)) for item in (n, m)]
    same = ops.binary(b, "Equal", ops.unsqueeze(b, sides[0], 1), ops.unsqueeze(b, sides[1], 0))
    return ops.cast(b, same, torch_dtype(dtype) or call.floats)


@aten("eye")
def eye(
    call: Call,
    n: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """The identity matrix."""
    return _eye(call, n, n, dtype)


@aten("eye.m")
def eye_wide(
    call: Call,
    n: Any,
    m: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """Ones on the main diagonal of a matrix."""
    return _eye(call, n, m, dtype)
