"""TensorFlow's functions of shapes: what it computes with extents, Keras 3 has to be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelport.dialects.keras.stock.chain import Chain, Dims, V, along, constant, slices
from modelport.dialects.keras.stock.tf_functions import function


def known(chain: Chain, value: Any) -> Any:
    """A number that a setting can hold: extents of known shapes count as what they are."""
    if isinstance(value, Dims):
        if not value.scalar or value.extents[0] is None:
            raise chain.error("it depends on an extent that the file does not state")
        return value.extents[0]
    if isinstance(value, V):
        raise chain.error("it depends on a number that the model computes")
    return value


def extents(chain: Chain, value: Any) -> list[int | None]:
    """A shape as a list; None for an extent that only the data tells."""
    if isinstance(value, Dims):
        return list(value.extents)
    if isinstance(value, V):
        raise chain.error("its shape is computed from values")
    items = value if isinstance(value, list) else [value]
    found: list[int | None] = []
    for item in items:
        found += extents(chain, item) if isinstance(item, Dims | V) else [int(item)]
    return found


@function("shape", "shape_v2")
def shape(chain: Chain, input: V, out_type: Any = None) -> Any:
    """The shape of a value, for other calls to use."""
    stated = chain.shape(input)
    if stated is None:
        return Dims((), of=input)
    return Dims(tuple(e if isinstance(e, int) else None for e in stated), of=input)


def part(chain: Chain, dims: Dims, key: Any) -> Dims:
    """An extent of a shape, or several."""
    item = key[0] if isinstance(key, list) and len(key) == 1 else key
    if isinstance(item, Mapping) and {"start", "stop", "step"} <= set(item):
        if dims.of is not None and not dims.extents:
            raise chain.error("it takes a part of a shape that the file does not state")
        return Dims(dims.extents[slice(item["start"], item["stop"], item["step"])])
    if type(item) is not int:
        raise chain.error(f"it takes {key!r} of a shape")
    return Dims((dims.extents[item] if dims.extents else None,), scalar=True)


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    **dict.fromkeys(("add", "add_v2"), lambda x, y: x + y),
    **dict.fromkeys(("subtract", "sub"), lambda x, y: x - y),
    **dict.fromkeys(("multiply", "mul"), lambda x, y: x * y),
    **dict.fromkeys(("floordiv", "floor_div"), lambda x, y: x // y),
}


def arithmetic(chain: Chain, short: str, operands: list[Any]) -> Any:
    """A sum, difference, product or quotient of extents.

    Raises:
        ConversionError: another function of extents, or one of a shape and a tensor.
    """
    first, second = (extents(chain, item) for item in operands)
    if short not in _ARITHMETIC or len(first) != 1 or len(second) != 1:
        raise chain.error(f"Keras 3 does not compute tf.{short} with a shape")
    if first[0] is None or second[0] is None:
        return Dims((None,), scalar=True)
    return Dims((_ARITHMETIC[short](first[0], second[0]),), scalar=True)


@function("reshape")
def reshape(chain: Chain, tensor: V, shape: Any) -> Any:
    """The elements in another shape, one of whose extents may follow from the others."""
    wanted = [-1 if extent is None else extent for extent in extents(chain, shape)]
    if wanted.count(-1) > 1:
        raise chain.error("it reshapes to several extents that the file does not state")
    return chain.op("Reshape", tensor, newshape=wanted)


@function("concat")
def concat(chain: Chain, values: Any, axis: Any = 0) -> Any:
    """Tensors one after another."""
    items = values if isinstance(values, list) else [values]
    if any(isinstance(item, Dims) for item in items):
        return Dims(tuple(extent for item in items for extent in extents(chain, item)))
    return chain.op("Concatenate", [constant(item) for item in items], axis=known(chain, axis))


@function("stack", "pack")
def stack(chain: Chain, values: list[Any], axis: Any = 0) -> Any:
    """Tensors along a new axis."""
    if any(isinstance(item, Dims) for item in values):
        return Dims(tuple(extent for item in values for extent in extents(chain, item)))
    return chain.op("Stack", [constant(item) for item in values], axis=axis)


@function("cast")
def cast(chain: Chain, x: Any, dtype: Any) -> Any:
    """The values in another type."""
    return x if isinstance(x, Dims) else chain.op("Cast", x, dtype=named(dtype))


_NUMBERED = {
    **{"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BOOL": "bool"},
    **{"DT_BFLOAT16": "bfloat16"},
    **{f"DT_{sign}INT{bits}": f"{sign}INT{bits}".lower() for sign in ("", "U") for bits in (8, 16)},
    **{
        f"DT_{sign}INT{bits}": f"{sign}INT{bits}".lower() for sign in ("", "U") for bits in (32, 64)
    },
}


def named(dtype: Any) -> str:
    """A dtype by its name, whichever of TensorFlow's spellings it has."""
    return _NUMBERED.get(str(dtype), str(dtype))


@function("convert_to_tensor")
def convert(chain: Chain, value: Any, dtype: Any = None) -> Any:
    """The value as it is."""
    if isinstance(value, Dims):
        return value
    return chain.op("Copy", value) if dtype is None else cast(chain, value, dtype)


@function("zeros")
def zeros(chain: Chain, shape: Any, dtype: Any = "float32") -> Any:
    """Zeros in the shape of a value."""
    return chain.op("ZerosLike", _of(chain, shape), dtype=named(dtype))


@function("ones")
def ones(chain: Chain, shape: Any, dtype: Any = "float32") -> Any:
    """Ones in the shape of a value."""
    return chain.op("OnesLike", _of(chain, shape), dtype=named(dtype))


@function("fill")
def fill(chain: Chain, dims: Any, value: Any) -> Any:
    """One number in the shape of a value."""
    if not isinstance(value, float | int):
        raise chain.error("it fills a shape with a tensor")
    dtype = "float32" if isinstance(value, float) else "int32"
    return chain.op("FullLike", _of(chain, dims), value, dtype=dtype)


def _of(chain: Chain, shape: Any) -> V:
    if not isinstance(shape, Dims) or shape.of is None:
        raise chain.error("it makes a constant of a shape that only the data tells")
    return shape.of


@function("zeros_like")
def zeros_like(chain: Chain, input: V, dtype: Any = None) -> Any:
    """Zeros in the shape of a tensor."""
    return chain.op("ZerosLike", input, dtype=None if dtype is None else named(dtype))


@function("ones_like")
def ones_like(chain: Chain, input: V, dtype: Any = None) -> Any:
    """Ones in the shape of a tensor."""
    return chain.op("OnesLike", input, dtype=None if dtype is None else named(dtype))


@function("broadcast_to")
def broadcast_to(chain: Chain, input: V, shape: Any) -> Any:
    """The tensor in a larger shape."""
    wanted = extents(chain, shape)
    if None in wanted:
        raise chain.error("it broadcasts to an extent that the file does not state")
    return chain.op("BroadcastTo", input, shape=wanted)


@function("slice")
def box(chain: Chain, input_: V, begin: Any, size: Any) -> Any:
    """A box from a start on; a size of -1 reaches to the end."""
    starts, sizes = extents(chain, begin), extents(chain, size)
    items = []
    for start, count in zip(starts, sizes, strict=True):
        if start is None or (count is None and start != 0):
            raise chain.error("it slices by an extent that the file does not state")
        items.append(slices(start or None, None if count in (None, -1) else start + (count or 0)))
    return chain.op("GetItem", input_, items)


@function("strided_slice")
def strided_slice(
    chain: Chain,
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """Slices along the first axes; the bits of the masks say which ends do not count."""
    if ellipsis_mask or new_axis_mask:
        raise chain.error("a strided slice with new axes or an ellipsis is not known")
    starts, stops = extents(chain, begin), extents(chain, end)
    steps = [1] * len(starts) if strides is None else extents(chain, strides)
    items: list[Any] = []
    for axis, (start, stop, step) in enumerate(zip(starts, stops, steps, strict=True)):
        first = None if begin_mask >> axis & 1 else known(chain, Dims((start,), True))
        last = None if end_mask >> axis & 1 else stop
        if shrink_axis_mask >> axis & 1:
            items.append(first or 0)
        elif last is None and not end_mask >> axis & 1:
            raise chain.error("it slices up to an extent that the file does not state")
        else:
            items.append(slices(first, last, None if step == 1 else step))
    if isinstance(input_, Dims):
        plain = [item if type(item) is int else item["config"] for item in items]
        return part(chain, input_, plain)
    return chain.op("GetItem", input_, items)


@function("split")
def split(
    chain: Chain, value: V, num_or_size_splits: Any, axis: Any = 0, num: Any = None
) -> list[Any]:
    """Parts along an axis: so many, or of given sizes (one may be -1)."""
    axis = known(chain, axis)
    if isinstance(num_or_size_splits, int):
        count, settings = num_or_size_splits, {"indices_or_sections": num_or_size_splits}
        made = chain.op("Split", value, outputs=count, axis=axis, **settings)
        return list(made) if count > 1 else [made]
    sizes = [known(chain, size) for size in num_or_size_splits]
    rest = sizes.index(-1) if -1 in sizes else len(sizes)
    parts = []
    for i in range(len(sizes)):
        start = sum(sizes[:i]) if i <= rest else -sum(sizes[i:])
        stop = sum(sizes[: i + 1]) if i < rest else -sum(sizes[i + 1 :]) or None
        parts.append(chain.op("GetItem", value, along(axis, slices(start or None, stop))))
    return parts


@function("unstack")
def unstack(chain: Chain, value: V, num: Any = None, axis: int = 0) -> list[Any]:
    """The entries along an axis."""
    # The file says how many of them are used, not how many there are.
    places = range(len(chain.node.outputs))
    return [chain.op("GetItem", value, along(axis, place)) for place in places]
