"""Inputs to try a model on: random, of the right kind, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.errors import ConversionError
from modelport.model.dtype import FLOAT32, DType
from modelport.model.graph import Graph, Node, Shape, Value
from modelport.model.model import RANGES, Model
from modelport.model.report import Report

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLES = 3
"""How many rows a dynamic batch gets."""

EXTENTS = (16, 32, 64, 128, 224)
"""What is tried, in turn, for an unknown extent other than the batch."""

MOST_BYTES = 1 << 30
"""How large inputs may get that are made up; a file may state any shape."""

PASSING = {
    "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Flatten", "Slice",
    "Concat", "Split", "Dropout", "Expand", "Max", "Min", "Clip",
}  # fmt: skip
"""Operators through which an index stays an index."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What an input has to be: indices below ``limit``, or values with ``masked`` steps."""

    limit: int | None = None
    masked: float | None = None


def random_inputs(
    model: Model,
    graph: Graph | None,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
    extent: int = 16,
    beside: Model | None = None,
) -> list[tuple[str, NDArray[Any]]]:
    """An array for each input of the model's signature, in order.

    ``graph`` is the model as ONNX where there is one: it tells which inputs are indices, and of
    what. The last row of an index or masked input ends in masked steps. Extents and dtypes that
    only ``beside``, another model, states are taken from there, and so are inputs that the model
    does not state at all.

    Raises:
        ConversionError: neither states inputs, or one of unknown rank, or a huge one.
    """
    import numpy as np

    others = paired(model, beside) if beside is not None else []
    inputs = model.signature.inputs if model.signature else others
    if not inputs:
        raise ConversionError(model.path, "the file states no inputs, so none can be made up")
    limits = index_limits(graph) if graph is not None else []
    masked = _masked_inputs(model)
    generator = np.random.default_rng(seed)
    made: list[tuple[str, NDArray[Any]]] = []
    named: dict[str, int] = {}
    for i, value in enumerate(inputs):
        twin = others[i] if i < len(others) else None
        other = twin.shape if twin is not None else None
        shape = _extents(model, value, other, samples, extent, named)
        shape = _allowed(shape, ((model, value.shape), (beside, other)))
        if math.prod(shape) * 8 > MOST_BYTES:
            why = f"input {value.name!r} of shape {list(shape)} is too large to be made up"
            raise ConversionError(model.path, why)
        kind = Kind(limits[i] if i < len(limits) else None, masked.get(i))
        dtype = value.dtype or (twin.dtype if twin is not None else None) or FLOAT32
        made.append((value.name, _values(generator, dtype, shape, kind)))
    return made


def paired(model: Model, other: Model) -> list[Value]:
    """The inputs of another model in the order of this one's: by name, or as they stand."""
    own = model.signature.inputs if model.signature else []
    found = other.signature.inputs if other.signature else []
    by_name = {value.name: value for value in found}
    if by_name.keys() == {value.name for value in own}:
        return [by_name[value.name] for value in own]
    return list(found)


def _extents(
    model: Model, value: Value, other: Shape, samples: int, extent: int, named: dict[str, int]
) -> tuple[int, ...]:
    shape: Shape = value.shape or other
    if shape is None:
        raise ConversionError(model.path, f"the rank of input {value.name!r} is not stated")
    extents: list[int] = []
    beside: Sequence[Any] = other if other is not None and len(other) == len(shape) else shape
    for axis, (dim, twin) in enumerate(zip(shape, beside, strict=True)):
        fixed = dim if isinstance(dim, int) else twin
        if isinstance(fixed, int) and fixed >= 0:
            extents.append(fixed)
        elif isinstance(dim, int):
            extents.append(extent)
        else:
            wanted = samples if axis == 0 else extent
            extents.append(named.setdefault(dim, wanted) if dim else wanted)
    return tuple(extents)


def _allowed(
    shape: tuple[int, ...], stated: Sequence[tuple[Model | None, Shape]]
) -> tuple[int, ...]:
    """The extents, each as far as the ranges allow that models state for their names."""
    found = list(shape)
    for model, dims in stated:
        ranges = _ranges(model) if model is not None else {}
        for axis, dim in enumerate(dims or ()):
            if isinstance(dim, str) and dim in ranges:
                least, most = ranges[dim]
                found[axis] = max(
                    least or 0, min(found[axis], found[axis] if most is None else most)
                )
    return tuple(found)


def _ranges(model: Model) -> Mapping[str, tuple[int | None, int | None]]:
    """The ranges that a model states for named extents, or that follow from its modules."""
    if model.kind != "modules" or model.format == "torchscript":
        stated: Mapping[str, tuple[int | None, int | None]] = model.extras.get(RANGES, {})
        return stated
    from modelport.dialects.torch.modules.chain import Chain

    return Chain(model.graph, Report()).ranges


def _values(
    generator: np.random.Generator, dtype: DType, shape: tuple[int, ...], kind: Kind
) -> NDArray[Any]:
    import numpy as np

    array: NDArray[Any]
    if kind.limit is not None:
        array = generator.integers(0, max(kind.limit, 1), shape).astype(dtype.numpy)
        if len(shape) > 1 and kind.limit > 1:
            array[-1, shape[1] // 2 :] = 0
        return array
    if dtype.kind == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in ("int", "uint"):
        top = 256 if dtype.name == "uint8" else 10
        return generator.integers(0, top, shape).astype(dtype.numpy)
    if dtype.kind == "string":
        words = np.array(["a", "bc", "def", "gh i"], dtype=object)
        chosen: NDArray[Any] = words[generator.integers(0, len(words), shape)]
        return chosen
    array = generator.standard_normal(shape)
    if dtype.kind == "complex":
        array = array + 1j * generator.standard_normal(shape)
    if kind.masked is not None and len(shape) > 2:
        array[-1, shape[1] // 2 :] = kind.masked
        array[0, 1:2] = kind.masked
    return array.astype(dtype.numpy)


def _masked_inputs(model: Model) -> dict[int, float]:
    """The mask value of every input that goes straight into a Masking layer, by position."""
    positions = {value.name: i for i, value in enumerate(model.graph.inputs)}
    return {
        positions[node.inputs[0]]: float(node.attributes["config"].get("mask_value", 0.0))
        for node in model.graph.nodes
        if node.domain == "keras" and node.op_type == "Masking" and node.inputs[0] in positions
    }


def index_limits(graph: Graph) -> list[int | None]:
    """For each input of an ONNX graph, the number of rows it indexes, or None if it is no index."""
    producers = {name: node for node in graph.nodes for name in node.outputs}
    limits: dict[str, int] = {}
    for node in graph.nodes:
        rows = _rows(node, graph)
        if rows is not None:
            for name in _origins(node.inputs[1], producers):
                limits[name] = min(rows, limits.get(name, rows))
    return [limits.get(value.name) for value in graph.inputs]


def _rows(node: Node, graph: Graph) -> int | None:
    if node.op_type not in ("Gather", "GatherND", "GatherElements") or len(node.inputs) < 2:
        return None
    table = graph.tensors.get(node.inputs[0])
    if table is None or not table.shape:
        return None
    axis = node.attributes.get("axis", 0)
    return table.shape[int(axis)] if node.op_type == "Gather" else table.shape[0]


def _origins(name: str, producers: Mapping[str, Node]) -> Iterator[str]:
    waiting, seen = [name], set[str]()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        node = producers.get(current)
        if node is None:
            yield current
        elif node.op_type in PASSING:
            waiting.extend(node.inputs)
