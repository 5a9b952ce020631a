"""Random numbers: drawn by the runtime, so others than torch draws, which the report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.dialects.torch.operators.create import full_of
from modelport.dialects.torch.promote import in_dtype
from modelport.model.dtype import FLOAT32, INT32, INT64, DType


def _drawn(call: Call, op_type: str, like: Edge, dtype: DType, **attributes: float) -> Edge:
    """Numbers of a distribution in the shape of a tensor."""
    b = call.b
    b.note(call.name, "it draws random numbers, other ones than torch does")
    wide = ops.cast(b, like, FLOAT32)
    made = b.emit(op_type, [wide], FLOAT32, like.shape, **attributes)
    return ops.cast(b, made, dtype)


def _uniform(call: Call, like: Edge, dtype: DType, low: float = 0.0, high: float = 1.0) -> Edge:
    return _drawn(call, "RandomUniformLike", like, dtype, low=float(low), high=float(high))


def _normal(call: Call, like: Edge, dtype: DType) -> Edge:
    return _drawn(call, "RandomNormalLike", like, dtype)


def _of_size(draw: Any) -> Any:
    def lower(
        call: Call,
        size: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
    ) -> Edge:
        wanted = torch_dtype(dtype, FLOAT32) or FLOAT32
        return draw(call, full_of(call, size, 0, FLOAT32), wanted)  # type: ignore[no-any-return]

    return lower


def _like(draw: Any) -> Any:
    def lower(
        call: Call,
        x: Any,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
        memory_format: Any = None,
    ) -> Edge:
        edge = call.tensor(x)
        return draw(call, edge, torch_dtype(dtype, edge.dtype) or edge.dtype)  # type: ignore[no-any-return]

    return lower


for _name, _draw in {"rand": _uniform, "randn": _normal}.items():
    aten(_name)(_of_size(_draw))
    aten(f"{_name}_like")(_like(_draw))


@aten("uniform")
def uniform(call: Call, args: Sequence[Any], named: Mapping[str, Any]) -> Edge:
    """Numbers between two others (``from``, no name in Python, and ``to``)."""
    given = dict(zip(("self", "from", "to"), args, strict=False)) | dict(named)
    edge = call.tensor(given["self"])
    return _uniform(call, edge, edge.dtype, given.get("from", 0.0), given.get("to", 1.0))


def _scaled(call: Call, drawn: Edge, mean: Any, std: Any) -> Edge:
    """Numbers of another mean and deviation."""
    b = call.b
    wide = ops.multiply(b, drawn, in_dtype(call, std, drawn.dtype))
    return ops.add(b, wide, in_dtype(call, mean, drawn.dtype))


@aten("normal", "normal_functional")
def normal_in_place(call: Call, x: Any, mean: float = 0.0, std: float = 1.0) -> Edge:
    """Numbers of a normal distribution in the shape of a tensor."""
    edge = call.tensor(x)
    return _scaled(call, _normal(call, edge, edge.dtype), mean, std)


@aten("normal.Tensor_float", "normal.float_Tensor", "normal.Tensor_Tensor")
def normal(call: Call, mean: Any, std: Any = 1.0) -> Edge:
    """Numbers of normal distributions, one for each mean and deviation."""
    b = call.b
    held = [call.tensor(item) for item in (mean, std) if not isinstance(item, int | float)]
    like = ops.add(b, *held) if len(held) == 2 else held[0]
    return _scaled(call, _normal(call, like, like.dtype), mean, std)


@aten("normal.float_float")
def normal_of_size(
    call: Call,
    mean: float,
    std: float,
    size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """Numbers of a normal distribution."""
    return _scaled(call, _of_size(_normal)(call, size, dtype), mean, std)


@aten("bernoulli")
def bernoulli(call: Call, x: Any) -> Edge:
    """1 with the probability that each element is, else 0."""
    edge = call.tensor(x)
    below = ops.binary(call.b, "Less", _uniform(call, edge, edge.dtype), edge)
    return ops.cast(call.b, below, edge.dtype)


@aten("bernoulli.p", "bernoulli.Tensor", "bernoulli.float")
def bernoulli_of(call: Call, x: Any, p: Any = 0.5) -> Edge:
    """1 with a probability, else 0."""
    edge = call.tensor(x)
    chance = in_dtype(call, p, FLOAT32)
    below = ops.binary(call.b, "Less", _uniform(call, edge, FLOAT32), chance)
    return ops.cast(call.b, below, edge.dtype)


@aten("exponential")
def exponential(call: Call, x: Any, lambd: float = 1.0) -> Edge:
    """Numbers of an exponential distribution."""
    b, edge = call.b, call.tensor(x)
    # 1 - u: the logarithm of 0 never comes up.
    rest = ops.subtract(b, b.constant(1, FLOAT32), _uniform(call, edge, FLOAT32))
    made = ops.divide(b, ops.unary(b, "Neg", ops.unary(b, "Log", rest)), float(lambd))
    return ops.cast(b, made, edge.dtype)


def _whole(call: Call, like: Edge, low: Any, high: Any, dtype: DType) -> Edge:
    b = call.b
    ends = [in_dtype(call, item, FLOAT32) for item in (low, high)]
    part = _uniform(call, like, FLOAT32)
    wide = ops.add(b, ops.multiply(b, part, ops.subtract(b, ends[1], ends[0])), ends[0])
    return ops.cast(b, ops.cast(b, ops.unary(b, "Floor", wide), INT64), dtype)


@aten("randint")
def whole_numbers(
    call: Call,
    high: Any,
    size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """Whole numbers from 0 up to another."""
    return whole_numbers_from(call, 0, high, size, dtype)


@aten("randint.low", "randint.low_generator")
def whole_numbers_from(
    call: Call,
    low: Any,
    high: Any,
    size: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """Whole numbers from one up to another."""
    like = full_of(call, size, 0, FLOAT32)
    return _whole(call, like, low, high, torch_dtype(dtype, INT64) or INT64)


@aten("randint_like", "randint_like.Tensor")
def whole_numbers_like(
    call: Call,
    x: Any,
    high: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Edge:
    """Whole numbers from 0 up to another, in the shape of a tensor."""
    return whole_numbers_from_like(call, x, 0, high, dtype)


@aten("randint_like.low_dtype", "randint_like.low_generator_dtype")
def whole_numbers_from_like(
    call: Call,
    x: Any,
    low: Any,
    high: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
    memory_format: Any = None,
) -> Edge:
    """Whole numbers from one up to another, in the shape of a tensor."""
    edge = call.tensor(x)
    return _whole(call, edge, low, high, torch_dtype(dtype, edge.dtype) or edge.dtype)


@aten("randperm")
def permutation(
    call: Call,
    n: Any,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: Any = None,
) -> Edge:
    """The numbers up to another in any order: where random numbers stand when sorted."""
    b, count = call.b, call.extent(n)
    drawn = _uniform(call, full_of(call, [count], 0, FLOAT32), FLOAT32)
    names = b.node("TopK", [b.name(drawn), b.name(ops.vector(b, [count]))], 2, axis=0)
    return ops.cast(b, Edge(names[1], INT64, drawn.shape), torch_dtype(dtype, INT64) or INT64)


@aten("multinomial")
def multinomial(call: Call, x: Any, num_samples: Any, replacement: bool = False) -> Edge:
    """Numbers of elements, drawn with the probabilities that they are."""
    b, edge = call.b, call.tensor(x)
    count = call.fixed(num_samples, "the number of samples")
    logs = ops.unary(b, "Log", ops.cast(b, edge, FLOAT32))
    shape = (*edge.shape[:-1], count)
    if replacement:
        call.b.note(call.name, "it draws random numbers, other ones than torch does")
        rows = logs if edge.rank == 2 else ops.unsqueeze(b, logs, 0)
        # int32, which is also what the runtime gives unless told otherwise
        drawn = b.emit("Multinomial", [rows], INT32, (rows.shape[0], count), sample_size=count)
        found = ops.cast(b, drawn, INT64)
        return found if edge.rank == 2 else ops.squeeze(b, found, 0)
    # The largest of log(p) + Gumbel noise (Kool et al. 2019, arXiv:1903.06059).
    noise = ops.unary(b, "Neg", ops.unary(b, "Log", exponential(call, logs)))
    names = b.node(
        "TopK", [b.name(ops.add(b, logs, noise)), b.name(b.constant([count]))], 2, axis=-1
    )
    return Edge(names[1], INT64, shape)
