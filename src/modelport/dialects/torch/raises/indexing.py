"""Parts of tensors: gathered, scattered, chosen."""

from __future__ import annotations

import numpy as np

from modelport.dialects.torch.raises.call import Call, arguments, raises, torch_dtype
from modelport.dialects.torch.source.sizes import Sizes

MOST_LISTED = 8
"""Places that stand in the source as a list."""

GATHER_ROWS = '''
def _gather_rows(x, indices, batch):
    """The parts of x that the last axis of indices points at, for each of the first axes."""
    flat, index = x.flatten(0, batch - 1), indices.flatten(0, batch - 1)
    rows = torch.arange(len(flat), device=x.device)
    rows = rows.reshape(-1, *[1] * (index.dim() - 2))
    return flat[(rows, *index.unbind(-1))].unflatten(0, x.shape[:batch])
'''
SCATTER_PARTS = '''
def _scatter_parts(x, indices, updates, reduce):
    """x with updates combined into the parts that the last axis of indices points at."""
    depth = indices.shape[-1]
    index = torch.zeros_like(indices[..., 0])
    for place, extent in zip(indices.unbind(-1), x.shape):
        index = index * extent + place % extent
    flat = x.reshape(-1, *x.shape[depth:])
    updates = updates.reshape(-1, *x.shape[depth:])
    index = index.reshape(-1, *[1] * (updates.dim() - 1)).expand_as(updates)
    return flat.scatter_reduce(0, index, updates, reduce).reshape(x.shape)
'''
TENSOR_SCATTER = '''
def _write_at(cache, update, start, dim, circular=False):
    """The cache with an update written from each sequence's own start on."""
    places = start.unsqueeze(1) + torch.arange(update.shape[dim], device=cache.device)
    if circular:
        places = places % cache.shape[dim]
    shape = [1] * cache.dim()
    shape[0], shape[dim] = places.shape
    return cache.scatter(dim, places.reshape(shape).expand_as(update), update)
'''
REVERSE = '''
def _reverse_sequence(x, lengths, time, batch):
    """Each sequence of a batch backwards, as far as its length says."""
    x = x.movedim((time, batch), (0, 1))
    steps = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    index = torch.where(steps < lengths, lengths - 1 - steps, steps)
    x = x[index, torch.arange(x.shape[1], device=x.device)]
    return x.movedim((0, 1), (time, batch))
'''


SIGNED = {
    "uint16": "int16", "uint32": "int32", "uint64": "int64", "float8_e4m3fn": "int8",
    "float8_e4m3fnuz": "int8", "float8_e5m2": "int8", "float8_e5m2fnuz": "int8",
    "float8_e8m0fnu": "int8",
}  # fmt: skip
"""Types whose elements torch moves only by the bits of another one."""


def moved(call: Call, index: int) -> str:
    """An operand whose elements are moved only, in a type that torch moves."""
    dtype = call.known(index).dtype
    name = SIGNED.get(dtype.name) if dtype is not None else None
    return call[index] if name is None else f"{call[index]}.view(torch.{name})"


def moved_back(call: Call, text: str) -> str:
    """A result in the type of the first operand again."""
    dtype = call.known(0).dtype
    fine = dtype is None or dtype.name not in SIGNED
    return text if fine or dtype is None else f"{text}.view(torch.{dtype.name})"


@raises("Gather")
def gather(call: Call) -> str | Sizes:
    """The parts along an axis that indices point at."""
    chosen = call.whole(1)
    if chosen is not None and call.knows_sizes(0):
        given = call.sizes(0)
        if call.known(1).rank in (0, 1):
            items = tuple(given.items[place] for place in chosen)
            return Sizes(items, call.known(1).rank == 0, given.like)
    axis = call.axis()
    weight = call.weight(0)
    if axis == 0 and chosen is None and weight is not None and len(weight.shape) == 2:
        text = arguments(*weight.shape, dtype=(torch_dtype(weight.dtype), "torch.float32"))
        module = None
        if weight.dtype.kind == "float":
            module = call.module(f"nn.Embedding({text})", weight=weight)
        if module is not None:
            return f"{module}({call[1]})"
    if axis < 0:
        return f"{call[0]}.index_select({axis}, {call[1]})"
    return f"{call[0]}[{':, ' * axis}{_index(call)}]"


def _index(call: Call) -> str:
    """The indices of a Gather as Python's: a number, a short list or a tensor."""
    places = call.array(1)
    if places is not None and places.ndim < 2 and places.size <= MOST_LISTED:
        return str(places.tolist())
    if call.known(1).rank == 0 and call.knows_sizes(1):
        return call.sizes(1).items[0]
    return call[1]


def _places(call: Call, index: int, axis: int) -> str:
    """Indices along an axis as torch takes them: int64, none of them negative."""
    array = call.array(index)
    text = call[index] if call.dtype(index).name == "int64" else f"{call[index]}.long()"
    if array is not None and np.all(array >= 0):
        return text
    return f"{text} % {call[0]}.shape[{axis}]"


@raises("GatherElements")
def gather_elements(call: Call) -> str:
    """One element for each index, along an axis."""
    axis = call.axis()
    text = f"{moved(call, 0)}.gather({axis}, {_places(call, 1, axis)})"
    return moved_back(call, text)


@raises("ScatterElements")
def scatter_elements(call: Call) -> str:
    """One element written for each index, along an axis."""
    axis = call.axis()
    places, how = _places(call, 1, axis), call.attribute("reduction", "none")
    if how in ("none", "add"):
        function = "scatter" if how == "none" else "scatter_add"
        text = f"{moved(call, 0)}.{function}({axis}, {places}, {moved(call, 2)})"
        return moved_back(call, text)
    reduce = {"mul": "prod", "max": "amax", "min": "amin"}[how]
    return f'{call[0]}.scatter_reduce({axis}, {places}, {call[2]}, reduce="{reduce}")'


@raises("GatherND")
def gather_nd(call: Call) -> str:
    """The parts that the last axis of indices points at."""
    batch = int(call.attribute("batch_dims", 0))
    if batch:
        return f"{call.helper(GATHER_ROWS)}({call[0]}, {call[1]}, {batch})"
    return f"{call[0]}[{call[1]}.unbind(-1)]"


@raises("ScatterND")
def scatter_nd(call: Call) -> str:
    """Parts written where the last axis of indices points."""
    how = call.attribute("reduction", "none")
    if how in ("none", "add"):
        more = ", accumulate=True" if how == "add" else ""
        text = f"{moved(call, 0)}.index_put({call[1]}.unbind(-1), {moved(call, 2)}{more})"
        return moved_back(call, text)
    reduce = {"mul": "prod", "max": "amax", "min": "amin"}[how]
    return f'{call.helper(SCATTER_PARTS)}({call[0]}, {call[1]}, {call[2]}, "{reduce}")'


@raises("TensorScatter")
def tensor_scatter(call: Call) -> str:
    """A cache with new steps written into each sequence at its own place."""
    axis = call.axis(-2)
    circular = ", circular=True" if call.attribute("mode", "linear") == "circular" else ""
    start = (
        call[2]
        if call.has(2)
        else f"torch.zeros({call[0]}.shape[0], dtype=torch.int64, device={call[0]}.device)"
    )
    name = call.helper(TENSOR_SCATTER)
    text = f"{name}({moved(call, 0)}, {moved(call, 1)}, {start}, {axis}{circular})"
    return moved_back(call, text)


@raises("NonZero")
def non_zero(call: Call) -> str:
    """The indices of the elements that are not zero, an axis a row."""
    return f"{moved(call, 0)}.nonzero().T"


@raises("Compress")
def compress(call: Call) -> str:
    """The parts for which a condition holds; it may be shorter than the axis."""
    chosen = f"{call[1]}.nonzero().flatten()"
    if "axis" not in call.node.attributes:
        return f"{call[0]}.flatten()[{chosen}]"
    return f"{call[0]}.index_select({call.axis()}, {chosen})"


@raises("ReverseSequence")
def reverse_sequence(call: Call) -> str:
    """Each sequence of a batch backwards, as far as its length says."""
    time, batch = call.attribute("time_axis", 0), call.attribute("batch_axis", 1)
    return f"{call.helper(REVERSE)}({call[0]}, {call[1]}, {time}, {batch})"
