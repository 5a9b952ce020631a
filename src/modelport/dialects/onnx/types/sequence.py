"""Operators over sequences and optional values; of a sequence the type of its elements is known."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.dialects.onnx.types.call import Call, rule
from modelport.dialects.onnx.types.dims import demand, either
from modelport.dialects.onnx.types.known import Known
from modelport.dialects.onnx.types.reduction import without
from modelport.dialects.onnx.types.stated import stated
from modelport.model.dtype import BOOL, FLOAT32, INT64
from modelport.model.graph import Dim, Shape

_LIST = ("sequence",)


def listed(items: Sequence[Known]) -> Known:
    """A sequence of these."""
    shape = items[0].shape
    for item in items[1:]:
        shape = either(shape, item.shape)
    names = sorted({item.dtype.name for item in items if item.dtype is not None})
    demand(len(names) < 2, f"a sequence of the types {' and '.join(names)}")
    dtype = next((item.dtype for item in items if item.dtype is not None), None)
    return Known(dtype, shape, None, _LIST)


def element(items: Known) -> Known:
    """What a sequence holds.

    Raises:
        ValueError: it is known to be none.
    """
    fine = items.boxes == _LIST or items.dtype is None
    demand(fine, f"{items.dtype} {items.shape} is no sequence")
    return Known(items.dtype, items.shape)


@rule("SequenceConstruct")
def _construct(call: Call) -> Sequence[Known]:
    return [listed(call.given())]


@rule("SequenceEmpty")
def _empty(call: Call) -> Sequence[Known]:
    return [Known(call.dtype("dtype", FLOAT32), None, None, _LIST)]


@rule("SequenceInsert")
def _insert(call: Call) -> Sequence[Known]:
    return [listed([element(call.need(0)), call.need(1)])]


@rule("SequenceErase")
def _erase(call: Call) -> Sequence[Known]:
    held = element(call.need(0))
    return [Known(held.dtype, held.shape, None, _LIST)]


@rule("SequenceAt")
def _at(call: Call) -> Sequence[Known]:
    return [element(call.need(0))]


@rule("SequenceLength")
def _length(call: Call) -> Sequence[Known]:
    element(call.need(0))
    return [Known(INT64, ())]


@rule("SplitToSequence")
def _split(call: Call) -> Sequence[Known]:
    x = call.need(0)
    if x.shape is None:
        return [Known(x.dtype, None, None, _LIST)]
    axis = call.axis("axis", len(x.shape), 0)
    if not call.has(1):
        shape = without(x.shape, {axis}, call.number("keepdims", 1) != 0)
        return [Known(x.dtype, shape, None, _LIST)]
    return [Known(x.dtype, _parted(x.shape, axis, call.at(1)), None, _LIST)]


def _parted(shape: tuple[Dim, ...], axis: int, sizes: Known) -> Shape:
    array, extent = sizes.array, shape[axis]
    each: Dim = None
    if array is not None and array.ndim == 0 and isinstance(extent, int):
        size = int(array)
        demand(size > 0, f"parts of {size} elements")
        each = size if extent % size == 0 else None
    elif array is not None and array.ndim == 1 and array.size and len(set(array.tolist())) == 1:
        each = int(array[0])
    return (*shape[:axis], each, *shape[axis + 1 :])


@rule("ConcatFromSequence")
def _joined(call: Call) -> Sequence[Known]:
    held = element(call.need(0))
    if held.shape is None:
        return [Known(held.dtype, None)]
    new = call.number("new_axis", 0) != 0
    rank = len(held.shape) + int(new)
    axis = call.axis("axis", rank)
    kept = held.shape if new else (*held.shape[:axis], *held.shape[axis + 1 :])
    return [Known(held.dtype, (*kept[:axis], None, *kept[axis:]))]


@rule("OptionalHasElement")
def _has(call: Call) -> Sequence[Known]:
    return [Known(BOOL, ())]


@rule("Optional")
def _optional(call: Call) -> Sequence[Known]:
    x = call.at(0) if call.has(0) else stated(call.settings.get("type"))
    return [Known(x.dtype, x.shape, None, ("optional", *x.boxes))]


@rule("OptionalGetElement")
def _out_of_optional(call: Call) -> Sequence[Known]:
    x = call.need(0)
    inside = x.boxes[1:] if x.boxes[:1] == ("optional",) else x.boxes
    return [Known(x.dtype, x.shape, None if x.boxes else x.held, inside)]
