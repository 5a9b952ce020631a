"""TensorFlow's functions of values: arithmetic, order, choice."""

from __future__ import annotations

from typing import Any

from modelport.dialects.keras.stock.chain import Chain, V, along, constant, slices
from modelport.dialects.keras.stock.tf_functions import function
from modelport.dialects.keras.stock.tf_shapes import known, named


@function("squared_difference")
def squared_difference(chain: Chain, x: Any, y: Any) -> Any:
    """(x - y)²."""
    return chain.op("Square", chain.op("Subtract", constant(x), constant(y)))


@function("add_n")
def add_n(chain: Chain, inputs: list[Any]) -> Any:
    """The sum of several tensors."""
    total, *rest = inputs
    for each in rest:
        total = chain.op("Add", total, each)
    return total


@function("l2_normalize")
def l2_normalize(chain: Chain, x: V, axis: Any = None, epsilon: float = 1e-12) -> Any:
    """The tensor over its length, whose square counts as epsilon where it is smaller."""
    squares = chain.op("Sum", chain.op("Square", x), axis=axis, keepdims=True)
    return chain.op("Multiply", x, chain.op("Rsqrt", chain.op("Maximum", squares, epsilon)))


@function("reduce_euclidean_norm")
def euclidean_norm(chain: Chain, input_tensor: V, axis: Any = None, keepdims: bool = False) -> Any:
    """√ Σ x²."""
    squares = chain.op("Square", input_tensor)
    return chain.op("Sqrt", chain.op("Sum", squares, axis=axis, keepdims=bool(keepdims)))


@function("norm")
def norm(
    chain: Chain, tensor: V, ord: Any = "euclidean", axis: Any = None, keepdims: Any = False
) -> Any:
    """The length of vectors: Euclidean, the sum of magnitudes, or the largest."""
    if isinstance(axis, list | tuple) and len(axis) > 1 and ord not in ("euclidean", "fro"):
        raise chain.error("it takes the norm of matrices")
    if ord in ("euclidean", "fro", 2):
        return euclidean_norm(chain, tensor, axis, keepdims)
    if ord not in (1, float("inf"), "inf"):
        raise chain.error(f"modelport knows no norm of order {ord!r} in Keras 3")
    operation = "Sum" if ord == 1 else "Max"
    sizes = chain.op("Absolute", tensor)
    return chain.op(operation, sizes, axis=axis, keepdims=bool(keepdims))


def _place(chain: Chain, operation: str, x: V, axis: Any, dtype: Any) -> Any:
    # The first axis by default, where Keras takes all.
    found = chain.op(operation, x, axis=0 if axis is None else axis)
    return chain.op("Cast", found, dtype=named(dtype))


@function("argmax", "arg_max")
def argmax(chain: Chain, input: V, axis: Any = None, output_type: Any = "int64") -> Any:
    """Where the largest element along an axis is."""
    return _place(chain, "Argmax", input, axis, output_type)


@function("argmin", "arg_min")
def argmin(chain: Chain, input: V, axis: Any = None, output_type: Any = "int64") -> Any:
    """Where the smallest element along an axis is."""
    return _place(chain, "Argmin", input, axis, output_type)


@function("sort")
def sort(chain: Chain, values: V, axis: int = -1, direction: str = "ASCENDING") -> Any:
    """The elements along an axis in order."""
    made = chain.op("Sort", values, axis=axis)
    return chain.op("Flip", made, axis=axis) if _down(direction) else made


@function("argsort")
def argsort(
    chain: Chain, values: V, axis: int = -1, direction: str = "ASCENDING", stable: bool = False
) -> Any:
    """Where the elements along an axis are, in order."""
    return chain.op(
        "Argsort", chain.op("Negative", values) if _down(direction) else values, axis=axis
    )


def _down(direction: Any) -> bool:
    return str(direction).upper() == "DESCENDING"


@function("top_k")
def top_k(chain: Chain, input: V, k: Any = 1, sorted: bool = True) -> list[Any]:
    """The largest elements along the last axis, and where they are."""
    made = chain.op("TopK", input, outputs=2, k=known(chain, k), sorted=bool(sorted))
    return list(made)


@function("in_top_k")
def in_top_k(chain: Chain, targets: V, predictions: V, k: int) -> Any:
    """Whether each target is among its k largest predictions."""
    return chain.op("InTopK", targets, predictions, k=k)


def _cumulated(
    chain: Chain, operation: str, x: V, axis: Any, exclusive: Any, reverse: Any, first: str
) -> Any:
    axis = known(chain, axis)
    made = chain.op("Flip", x, axis=axis) if reverse else x
    made = chain.op(operation, made, axis=axis)
    if exclusive:
        # Everything moves on by one place, behind the neutral element.
        start = chain.op(first, chain.op("GetItem", made, along(axis, slices(None, 1))))
        rest = chain.op("GetItem", made, along(axis, slices(None, -1)))
        made = chain.op("Concatenate", [start, rest], axis=axis)
    return chain.op("Flip", made, axis=axis) if reverse else made


@function("cumsum")
def cumsum(
    chain: Chain, x: V, axis: Any = 0, exclusive: bool = False, reverse: bool = False
) -> Any:
    """Sums of all elements so far."""
    return _cumulated(chain, "Cumsum", x, axis, exclusive, reverse, "ZerosLike")


@function("cumprod")
def cumprod(
    chain: Chain, x: V, axis: Any = 0, exclusive: bool = False, reverse: bool = False
) -> Any:
    """Products of all elements so far."""
    return _cumulated(chain, "Cumprod", x, axis, exclusive, reverse, "OnesLike")


@function("one_hot")
def one_hot(
    chain: Chain,
    indices: V,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
) -> Any:
    """One value at the index, another elsewhere."""
    at = -1 if axis is None else axis
    wanted = "float32" if dtype is None else named(dtype)
    count = known(chain, depth)
    if on_value in (None, 1) and off_value in (None, 0):
        return chain.op("OneHot", indices, num_classes=count, axis=at, dtype=wanted)
    chosen = chain.op("OneHot", indices, num_classes=count, axis=at, dtype="bool")
    high, low = 1 if on_value is None else on_value, off_value or 0
    return chain.op("Cast", chain.op("Where", chosen, high, low), dtype=wanted)


@function("gather", "gather_v2")
def gather(
    chain: Chain,
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Any:
    """Entries along an axis by index."""
    if batch_dims:
        raise chain.error("Keras 3 has no operation that gathers for each sample by its own index")
    at = known(chain, 0 if axis is None else axis)
    return chain.op("Take", constant(params), constant(indices), axis=at)


@function("embedding_lookup")
def embedding_lookup(chain: Chain, params: Any, ids: Any) -> Any:
    """Rows of a table."""
    return chain.op("Take", constant(params), constant(ids), axis=0)


@function("where", "where_v2")
def where(chain: Chain, condition: V, x: Any = None, y: Any = None) -> Any:
    """One tensor where a condition holds, another elsewhere."""
    if x is None or y is None:
        raise chain.error("it lists the places where a condition holds, however many they are")
    return chain.op("Where", condition, constant(x), constant(y))


@function("count_nonzero")
def count_nonzero(
    chain: Chain, input: V, axis: Any = None, keepdims: bool = False, dtype: Any = "int64"
) -> Any:
    """How many elements are not 0."""
    counted = chain.op("Cast", chain.op("NotEqual", input, 0), dtype=named(dtype))
    return chain.op("Sum", counted, axis=axis, keepdims=bool(keepdims))


@function("pad", "pad_v2")
def pad(
    chain: Chain, tensor: V, paddings: Any, mode: str = "constant", constant_values: Any = 0
) -> Any:
    """The tensor in a margin."""
    width = [[known(chain, end) for end in pair] for pair in paddings]
    more = [constant_values] if constant_values else []
    return chain.op("Pad", tensor, *more, pad_width=width, mode=str(mode).lower())


@function("cross")
def cross(chain: Chain, a: V, b: Any) -> Any:
    """The vector product of the last axes."""
    return chain.op("Cross", a, constant(b))


@function("searchsorted")
def searchsorted(chain: Chain, sorted_sequence: Any, values: V, side: str = "left") -> Any:
    """Where values belong in a sequence."""
    return chain.op("SearchSorted", constant(sorted_sequence), values, side=side)
