"""What code asks of tensors and lists that is no operator of ONNX: sizes, items, types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    Call,
    Parameter,
    Quantised,
    is_number,
    lowering_of,
    number_edge,
    run,
    torch_dtype,
)
from modelport.dialects.torch.promote import result_dtype
from modelport.dialects.torch.script.join import as_edge, common
from modelport.dialects.torch.script.numbers import (
    CASTS,
    Growing,
    Maybe,
    Stacked,
    computed,
    dtype_of_number,
    number,
    of_numbers,
    plain,
    without_words,
)
from modelport.model.dtype import BOOL, FLOAT32, FLOAT64, INT64
from modelport.wire.torchscript.plain import evaluate


def _constant(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return args[0]


def _edge(call: Call, value: Any) -> Edge:
    if isinstance(value, Parameter):
        return call.tensor(value)
    if isinstance(value, Quantised):
        return value.values
    if not isinstance(value, Edge) or is_number(value):
        raise ValueError("it is given what is no tensor")
    return value


def _size(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if isinstance(args[0], list):
        return NotImplemented
    shape = args[0].shape if isinstance(args[0], Parameter) else _edge(call, args[0]).shape
    axes = args[1] if len(args) > 1 else kwargs.get("dim", list(range(len(shape))))
    found = [_extent(call, args[0], shape, axis) for axis in _each(axes)]
    return found if isinstance(axes, list) else found[0]


def _each(axes: Any) -> list[int]:
    return axes if isinstance(axes, list) else [axes]


def _extent(call: Call, value: Any, shape: Sequence[Any], axis: int) -> Any:
    known = shape[axis]
    if isinstance(known, int):
        return known
    extent = ops.extent(call.b, _edge(call, value), axis)
    return extent if isinstance(extent, int) else number_edge(extent, known)


def _dim(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return len(args[0].shape) if isinstance(args[0], Parameter) else _edge(call, args[0]).rank


def _numel(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    total: Any = 1
    for extent in _size(call, [args[0]], {}):
        total = plain(of_numbers(call, "mul", [total, extent], {}))
    return total


def _length(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    value = args[0]
    if isinstance(value, Stacked):
        return _extent(call, value.edge, value.edge.shape, 0)
    if isinstance(value, list | tuple | str):
        return len(value)
    return _size(call, [value, 0], {})


def _item(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    items, place = args
    if isinstance(items, Stacked):
        select = lowering_of("aten", "select", "int")
        assert select is not None
        return run(call, select, [items.edge, 0, place], {})[0]
    if isinstance(items, list | tuple | str) and not computed(place):
        return items[place]
    if isinstance(items, list) and items:
        return _one_of(call, items, place)
    raise ValueError("an item whose place only a run can tell")


def _one_of(call: Call, items: Sequence[Any], place: Any) -> Edge:
    """One of several tensors, of shapes of their own, at a place that a run tells."""
    edges = [as_edge(call, item) for item in items]
    first = edges[0]
    if any((edge.rank, edge.dtype) != (first.rank, first.dtype) for edge in edges):
        raise ValueError("an item whose place only a run can tell, of items of different types")
    shape = first.shape
    for edge in edges[1:]:
        shape = common(shape, edge.shape)
    b = call.b
    held = b.node("SequenceConstruct", [b.name(edge) for edge in edges])[0]
    number = ops.reshape(b, ops.cast(b, call.tensor(place), INT64), [])
    found = Edge(b.node("SequenceAt", [held, b.name(number)])[0], first.dtype, shape)
    return number_edge(found) if all(is_number(item) for item in items) else found


def _is_quantized(call: Call, args: list[Any], kwargs: dict[str, Any]) -> bool:
    return isinstance(args[0], Quantised)


def _is_floating_point(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    value = args[0]
    dtype = value.dtype if isinstance(value, Parameter) else call.tensor(value).dtype
    return dtype.kind == "float"


def _append(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return _grown(call, args[0], [args[1]])


def _extend(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    more = args[1]
    if isinstance(args[0], list) and isinstance(more, Stacked):
        return stacked(call, [*args[0], more])
    return _grown(call, args[0], more if isinstance(more, list) else [more])


def _grown(call: Call, items: Any, more: Sequence[Any]) -> Any:
    if isinstance(items, Growing):
        return replace(items, items=(*items.items, *more))
    if isinstance(items, list):
        return [*items, *more]
    return stacked(call, [items, *more])


def _joined_lists(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    lists = all(isinstance(item, list | Stacked | Growing) for item in args)
    return _extend(call, args, kwargs) if lists else NotImplemented


def stacked(call: Call, items: Sequence[Any]) -> Stacked:
    """Items, and lists that loops filled, along a new first axis."""
    if len(items) == 1 and isinstance(items[0], Stacked):
        return items[0]
    parts = [
        item.edge if isinstance(item, Stacked) else ops.unsqueeze(call.b, as_edge(call, item), 0)
        for item in items
    ]
    first = parts[0]
    if any((edge.rank, edge.dtype) != (first.rank, first.dtype) for edge in parts):
        raise ValueError("a list that a loop fills has items of different types")
    return Stacked(ops.concat(call.b, parts, 0) if len(parts) > 1 else first)


def _popped(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A list without one item."""
    items, place = args
    if isinstance(items, list) and not computed(place):
        return [item for i, item in enumerate(items) if i != place % len(items)]
    items = stacked(call, items if isinstance(items, list) else [items])
    b, edge = call.b, items.edge
    count = ops.extent(b, edge, 0)
    number = ops.reshape(b, ops.cast(b, call.tensor(place), INT64), [1])
    end = count if isinstance(count, Edge) else b.constant([count], INT64)
    negative = b.emit("Less", [number, b.constant([0], INT64)], BOOL, (1,))
    number = ops.where(b, negative, ops.add(b, number, end), number)
    same = b.emit("Equal", [ops.arange(b, count), number], BOOL, (edge.shape[0],))
    others = b.emit("Not", [same], BOOL, same.shape)
    shape = (None, *edge.shape[1:])
    return Stacked(b.emit("Compress", [edge, others], edge.dtype, shape, axis=0))


def _set(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A list that a loop filled with another item at a place."""
    items, place, value = args
    if isinstance(items, list) and not computed(place):
        return [value if i == place % len(items) else item for i, item in enumerate(items)]
    if isinstance(items, list):
        items = stacked(call, items)
    b, edge = call.b, items.edge
    number = ops.reshape(b, ops.cast(b, call.tensor(place), INT64), [1, 1])
    item = ops.unsqueeze(b, as_edge(call, value), 0)
    return Stacked(b.emit("ScatterND", [edge, number, item], edge.dtype, edge.shape))


def _is(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    found = _is_not(call, args, kwargs)
    return of_numbers(call, "__not__", [found], {}) if isinstance(found, Edge) else not found


def _is_not(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Whether a value is another than None: only a run tells, where a branch set it to None."""
    value = next((item for item in args if isinstance(item, Maybe)), None)
    if value is not None and None in args:
        return number_edge(ops.reshape(call.b, value.there, [1]))
    return (args[0] is None) != (args[1] is None)


def _optional(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if isinstance(args[0], Maybe):
        raise ValueError("it gives None for some inputs, which no output of ONNX can be")
    return args[0]


def _contains(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    items, value = args
    if not computed(args):
        return without_words(value) in [without_words(item) for item in items]
    found: Any = False
    for item in items:
        equal = of_numbers(call, "eq", [item, value], {})
        found = equal if found is False else of_numbers(call, "__or__", [found, equal], {})
    return found


def _text(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return ""  # texts only tell what is wrong


def _dtype_of(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    value = args[0]
    dtype = value.dtype if isinstance(value, Parameter) else call.tensor(value).dtype
    return {"dtype": dtype.name}


def _as_tensor(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return args[0]  # a number of a traced shape, with which only shapes are computed


def _tensor(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """``torch.tensor(data)``: whole numbers in int64, others in float32, where none is stated."""
    data, dtype = args[0], torch_dtype(dtype_of_number(kwargs.get("dtype")))
    if isinstance(data, Parameter):
        data = call.tensor(data)
    if not computed(data):
        return call.b.constant(data, dtype)
    if isinstance(data, Edge):
        made = ops.reshape(call.b, data, []) if is_number(data) else data
        wanted = dtype or (FLOAT32 if made.dtype == FLOAT64 and is_number(data) else made.dtype)
        made = ops.cast(call.b, made, wanted)
        return Edge(call.b.name(made), made.dtype, made.shape)
    parts = [ops.unsqueeze(call.b, _tensor(call, [item], kwargs), 0) for item in data]
    wanted = dtype or result_dtype(parts)
    return ops.concat(call.b, [ops.cast(call.b, part, wanted) for part in parts], 0)


def _range_length(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """The rounds of ``range(start, stop, step)``."""
    start, stop, step = args
    if not any(computed(item) for item in args):
        return len(range(start, stop, step))
    if computed(step) or not step:
        raise ValueError("a range of steps that only a run can tell")
    ends = [stop, start] if step > 0 else [start, stop]
    far = plain(of_numbers(call, "sub", ends, {}))
    if abs(step) > 1:
        far = of_numbers(call, "add", [far, abs(step) - 1], {})
        far = of_numbers(call, "floordiv", [far, abs(step)], {})
    return of_numbers(call, "max", [0, far], {})


def _derived_index(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Which number of ``range(start, stop, step)`` a round is about."""
    index, start, step = args
    if not any(computed(item) for item in args):
        return start + index * step
    return of_numbers(call, "add", [start, of_numbers(call, "mul", [index, step], {})], {})


def _list(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return list(args[0]) if isinstance(args[0], list | tuple | str) else NotImplemented


def _slice(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if isinstance(args[0], Stacked):
        start, end, *step = [*args[1:], *kwargs.values()]
        function = lowering_of("aten", "slice", "Tensor")
        assert function is not None
        return Stacked(run(call, function, [args[0].edge, 0, start, end, *step], {})[0])
    if not isinstance(args[0], list):
        return NotImplemented
    if computed(args[1:]):
        raise ValueError("a part of a list whose place only a run can tell")
    return evaluate("slice", args, kwargs)


def _stack(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if not isinstance(args[0], Stacked):
        return NotImplemented
    axis = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    edge = args[0].edge
    order = list(range(1, edge.rank))
    order.insert(axis % edge.rank, 0)
    return ops.transpose(call.b, edge, order)


def _cat(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    if not isinstance(args[0], Stacked):
        return NotImplemented
    axis = args[1] if len(args) > 1 else kwargs.get("dim", 0)
    edge = args[0].edge
    axis %= edge.rank - 1
    order = list(range(1, edge.rank))
    order.insert(axis, 0)
    moved = ops.transpose(call.b, edge, order)
    kept = [-1 if i == axis else ops.extent(call.b, moved, i) for i in range(moved.rank)]
    wanted = ops.vector(call.b, [*kept[: axis + 1], *kept[axis + 2 :]])
    shape = (*moved.shape[:axis], None, *moved.shape[axis + 2 :])
    return call.b.emit("Reshape", [moved, wanted], moved.dtype, shape)


LOOKS_AT_NONE = ("AsOptional", "Constant", "__is__", "__isnot__")
"""Calls that take a value that may be None as such."""
GROWS = ("append", "extend", "add")
"""Calls that make a list longer without looking at it."""

SPECIAL: dict[str, Callable[..., Any]] = {
    "Constant": _constant,
    "NumToTensor": _as_tensor,
    "size": _size,
    "dim": _dim,
    "ndimension": _dim,
    "numel": _numel,
    "len": _length,
    "__getitem__": _item,
    "append": _append,
    "extend": _extend,
    "add": _joined_lists,
    "popped": _popped,
    "set_item": _set,
    "AsOptional": _optional,
    "__is__": _is,
    "__isnot__": _is_not,
    "__contains__": _contains,
    "format": _text,
    "str": _text,
    "dtype": _dtype_of,
    "is_floating_point": _is_floating_point,
    "is_quantized": _is_quantized,
    "list": _list,
    "tensor": _tensor,
    "as_tensor": _tensor,
    "__range_length": _range_length,
    "__derive_index": _derived_index,
    "slice": _slice,
    "stack": _stack,
    "cat": _cat,
    **{name: number(name) for name in CASTS},
}
