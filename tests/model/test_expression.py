from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.model.chains import ramp, random_chain, random_factors, random_shape, stored

from modelport.model.dtype import BFLOAT16, FLOAT32, INT64
from modelport.model.evaluate import read_box
from modelport.model.expression import (
    Cast,
    Concatenate,
    Expression,
    Fill,
    Reshape,
    Scaled,
    Slice,
    Source,
    Sum,
    Transpose,
    concatenate,
    fill,
    is_exact,
    is_identity_of,
    leaves,
    rebase,
    reshape,
    same,
    source,
    sources,
    transpose,
)
from modelport.model.tensor import InMemory, Tensor

SEEDS = st.integers(0, 2**63)


def values(expression: Expression) -> np.ndarray:
    return expression.read_box(tuple((0, extent) for extent in expression.shape))


@settings(max_examples=2000, deadline=None)
@given(SEEDS)
def test_random_chains_equal_numpy_streamed_and_on_other_leaves(seed: int) -> None:
    rng = random.Random(seed)
    array = ramp(random_shape(rng))
    tensor = stored(array)
    expression, expected = random_chain(rng, tensor, array)
    assert expression.shape == expected.shape
    assert np.array_equal(values(expression), expected)
    limit = rng.choice([1, 8, 64, 1 << 20])
    streamed = b"".join(Tensor("x", expression).pieces(limit))
    assert streamed == expected.astype("<f4").tobytes()
    box = tuple(sorted(rng.choices(range(extent + 1), k=2)) for extent in expected.shape)
    wanted = expected[tuple(slice(start, stop) for start, stop in box)]
    found = read_box(expression, tuple((a, b) for a, b in box), rng.choice([1, 32, 1 << 20]))
    assert np.array_equal(found, wanted)
    slot = Tensor("slot", InMemory(array + 5e6))
    others = {id(tensor): source(slot)}
    moved = rebase(
        expression,
        lambda leaf: others.get(id(leaf.tensor), leaf) if isinstance(leaf, Source) else leaf,
    )
    again = rebase(moved, lambda leaf: source(tensor) if is_leaf_of(leaf, slot) else leaf)
    assert np.array_equal(values(again), expected)
    assert all(leaf.tensor is not tensor for leaf in leaves(moved) if isinstance(leaf, Source))


def is_leaf_of(leaf: Source | Fill, tensor: Tensor) -> bool:
    return isinstance(leaf, Source) and leaf.tensor is tensor


def _there(rng: random.Random, e: Expression) -> tuple[Expression, Callable[..., Expression]]:
    """One rearrangement that loses nothing, and the one that undoes it."""
    shape, rank = e.shape, len(e.shape)
    kind = rng.choice(["transpose", "reshape", "flip"])
    if kind == "reshape":
        return e.reshape(*random_factors(rng, math.prod(shape))), lambda x: x.reshape(*shape)
    if kind == "flip" and rank:
        axis = rng.randrange(rank)
        return e.flip(axis), lambda x: x.flip(axis)
    order = rng.sample(range(rank), rank)
    back = [order.index(axis) for axis in range(rank)]
    return transpose(e, order), lambda x: transpose(x, back)


@settings(max_examples=600, deadline=None)
@given(SEEDS)
def test_there_and_back_is_the_source_itself(seed: int) -> None:
    rng = random.Random(seed)
    tensor = stored(ramp(random_shape(rng, zeros=False)))
    expression, undo = source(tensor), []
    for _ in range(rng.randint(1, 5)):
        expression, back = _there(rng, expression)
        undo.append(back)
    for back in reversed(undo):
        expression = back(expression)
    assert is_identity_of(expression, tensor)


@settings(max_examples=600, deadline=None)
@given(SEEDS)
def test_gates_reordered_and_back_are_the_source_itself(seed: int) -> None:
    rng = random.Random(seed)
    tensor = stored(ramp((*random_shape(rng, zeros=False), 4)))
    expression, undo = source(tensor), []
    for _ in range(rng.randint(1, 4)):
        rank = len(expression.shape)
        choices = [(a, n) for a, k in enumerate(expression.shape) for n in (2, 3, 4) if k % n == 0]
        axis, count = rng.choice(choices)
        order, turned = rng.sample(range(count), count), rng.sample(range(rank), rank)
        parts = expression.split(axis, count)
        expression = transpose(concatenate([parts[i] for i in order], axis), turned)
        undo.append((axis, order, turned))
    for axis, order, turned in reversed(undo):
        expression = transpose(expression, [turned.index(at) for at in range(len(turned))])
        parts = expression.split(axis, len(order))
        expression = concatenate([parts[order.index(i)] for i in range(len(order))], axis)
    assert is_identity_of(expression, tensor)


def weight(*shape: int) -> Tensor:
    return stored(ramp(shape))


@pytest.mark.parametrize(("height", "width", "channels", "units"), [(3, 4, 5, 6), (1, 4, 5, 1)])
def test_dense_rows_regrouped_and_back(height: int, width: int, channels: int, units: int) -> None:
    kernel = weight(height * width * channels, units)
    rows = source(kernel).reshape(height, width, channels, units)
    there = rows.transpose(2, 0, 1, 3).reshape(-1, units).transpose(1, 0)
    expected = kernel.numpy().reshape(height, width, channels, units).transpose(3, 2, 0, 1)
    assert np.array_equal(values(there), expected.reshape(units, -1))
    back = there.reshape(units, channels, height, width).transpose(2, 3, 1, 0)
    assert is_identity_of(back.reshape(-1, units), kernel)


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_projections_packed_and_back(heads: int) -> None:
    kernels = [weight(8, heads, 3) for _ in "qkv"]
    packed = concatenate([source(k).reshape(8, heads * 3).transpose(1, 0) for k in kernels], 0)
    for part, kernel in zip(packed.split(0, 3), kernels, strict=True):
        assert is_identity_of(part.transpose(1, 0).reshape(8, heads, 3), kernel)


@pytest.mark.parametrize("units", [1, 7])
@pytest.mark.parametrize("features", [1, 5])
def test_bidirectional_lstm_kernels_to_onnx_and_back(units: int, features: int) -> None:
    kernels = [weight(features, 4 * units) for _ in range(2)]  # gates i f c o

    def to_onnx(kernel: Tensor) -> Expression:
        i, f, c, o = source(kernel).transpose(1, 0).split(0, 4)
        return concatenate([i, o, f, c], 0).reshape(1, 4 * units, features)

    both = concatenate([to_onnx(kernel) for kernel in kernels], 0)
    assert both.shape == (2, 4 * units, features)
    for direction, kernel in enumerate(kernels):
        rows = both.slice(0, direction, direction + 1).reshape(4 * units, features)
        i, o, f, c = rows.split(0, 4)
        assert is_identity_of(concatenate([i, f, c, o], 0).transpose(1, 0), kernel)


def test_lstm_kernel_through_onnx_to_torch_is_one_transposition() -> None:
    kernel = weight(5, 28)
    i, f, c, o = source(kernel).transpose(1, 0).split(0, 4)
    i, o, f, c = concatenate([i, o, f, c], 0).split(0, 4)
    torch = concatenate([i, f, c, o], 0)
    assert isinstance(torch, Transpose)
    assert same(torch, source(kernel).transpose(1, 0))


def test_gru_biases_with_an_invented_second_one() -> None:
    bias = weight(21)
    z, r, h = source(bias).split(0, 3)
    zeros = fill((21,), 0.0, FLOAT32)
    onnx = concatenate([r, z, h, *zeros.split(0, 3)], 0).reshape(1, 42)
    first, second = onnx.reshape(42).split(0, 2)
    r, z, h = first.split(0, 3)
    assert is_identity_of(concatenate([z, r, h], 0), bias)
    assert same(second, zeros)


def test_convolution_kernels_are_one_transposition() -> None:
    kernel = weight(3, 3, 8, 16)
    torch = source(kernel).transpose(3, 2, 0, 1)
    assert isinstance(torch, Transpose)
    assert torch.permutation == (3, 2, 0, 1)
    assert is_identity_of(torch.transpose(2, 3, 1, 0), kernel)


def test_depthwise_kernels_and_back() -> None:
    kernel = weight(3, 3, 8, 2)
    torch = source(kernel).transpose(2, 3, 0, 1).reshape(16, 1, 3, 3)
    assert is_identity_of(torch.reshape(8, 2, 3, 3).transpose(2, 3, 0, 1), kernel)


def test_adjacent_fills_merge() -> None:
    zeros = fill((2, 3), 0.0, FLOAT32)
    joined = concatenate([zeros, fill((1, 3), 0, FLOAT32)], 0)
    assert same(joined, fill((3, 3), 0.0, FLOAT32))
    assert same(joined.transpose(1, 0).reshape(9).slice(0, 2, 4), fill((2,), 0.0, FLOAT32))
    apart = concatenate([zeros, fill((1, 3), -0.0, FLOAT32)], 0)
    assert isinstance(apart, Concatenate)
    assert isinstance(concatenate([zeros, fill((1, 3), 0.0, BFLOAT16)], 0), Concatenate)


def test_nested_concatenations_of_one_axis_are_one() -> None:
    a, b, c = (source(weight(2, 3)) for _ in range(3))
    nested = concatenate([a, concatenate([b, c], 0)], 0)
    assert isinstance(nested, Concatenate)
    assert nested.children == (a, b, c)
    assert isinstance(concatenate([a, concatenate([b, c], 1)], 1), Concatenate)


def test_slices_of_a_concatenation_are_its_parts() -> None:
    a, b = source(weight(2, 3)), source(weight(4, 3))
    both = concatenate([a, b], 0)
    assert both.slice(0, 2, 6) is b
    assert same(both.slice(0, 1, 2), a.slice(0, 1, 2))
    assert np.array_equal(values(both.slice(0, None, None, -2)), values(both)[::-2])


def test_blocks_cut_both_ways_are_the_source_again() -> None:
    tensor = weight(4, 6)
    rows = [concatenate(half.split(1, 3), 1) for half in source(tensor).split(0, 2)]
    assert is_identity_of(concatenate(rows, 0), tensor)
    corners = [half.split(1, 2) for half in source(tensor).split(0, 2)]
    columns = [concatenate([corners[0][i], corners[1][i]], 0) for i in range(2)]
    assert is_identity_of(concatenate(columns, 1), tensor)


def test_empty_tensors() -> None:
    tensor = stored(ramp((0, 3)))
    e = source(tensor)
    assert is_identity_of(e.transpose(1, 0).transpose(1, 0), tensor)
    assert is_identity_of(e.reshape(3, 0, 5).reshape(0, 3), tensor)
    some = source(weight(2, 3))
    assert concatenate([e, some, e], 0) is some
    nothing = some.slice(1, 3, 3)
    assert nothing.shape == (2, 0)
    assert values(nothing.transpose(1, 0).reshape(0, 7)).shape == (0, 7)


def test_reshape_infers_one_extent_and_refuses_others() -> None:
    e = source(weight(4, 6))
    assert e.reshape(-1, 3).shape == (8, 3)
    for shape in [(5, 5), (-1, 7), (-4, -6), (-1, -1)]:
        with pytest.raises(ValueError, match="cannot reshape"):
            reshape(e, shape)
    with pytest.raises(ValueError, match="equal parts"):
        e.split(1, 4)
    with pytest.raises(ValueError, match="permutation"):
        transpose(e, (0, 0))


def test_same_needs_the_same_leaves() -> None:
    a, b = weight(2, 3), weight(2, 3)
    assert same(source(a), Source(a))
    assert not same(source(a), source(b))
    assert not same(source(a).flip(0), source(a).flip(1))
    assert not same(Scaled(source(a), 2.0), Scaled(source(a), 3.0))
    assert same(Scaled(source(a), 2.0), Scaled(source(a), 2.0))
    assert not same(Cast(source(a), INT64), Cast(source(a), BFLOAT16))
    assert same(fill((1,), math.nan, FLOAT32), fill((1,), math.nan, FLOAT32))
    assert not same(source(a).transpose(1, 0), source(a).reshape(3, 2))


def test_a_derived_tensor_is_its_derivation() -> None:
    a = weight(2, 3)
    derived = Tensor("d", source(a).transpose(1, 0))
    assert is_identity_of(source(derived).transpose(1, 0), a)
    assert is_identity_of(source(a).transpose(1, 0), derived)
    assert sources(source(derived)) == (a,)


def test_computed_values() -> None:
    a, b = weight(2, 3), weight(2, 3)
    total = Sum((source(a), Scaled(source(b), 2.0)))
    assert np.array_equal(values(total), a.numpy() * 3)
    assert not is_exact(total.transpose(1, 0))
    assert is_exact(source(a).transpose(1, 0))
    cast = Cast(total, BFLOAT16)
    assert str(values(cast).dtype) == "bfloat16"
    assert b"".join(Tensor("x", cast).pieces(4)) == values(cast).tobytes()
    assert np.array_equal(values(cast.transpose(1, 0).flip(0)), values(cast).T[::-1])


def test_a_slice_goes_through_a_reshape_where_it_can() -> None:
    tensor = weight(8, 3)
    parts = source(tensor).reshape(4, 2, 3).split(0, 4)
    assert all(isinstance(part, Reshape) and isinstance(part.child, Slice) for part in parts)
    assert is_identity_of(concatenate([part.reshape(2, 3) for part in parts], 0), tensor)


def test_many_gates_stay_fast() -> None:
    tensor = weight(2000, 2)
    parts = source(tensor).split(0, 1000)
    assert is_identity_of(concatenate(parts, 0), tensor)
    deep = source(tensor)
    for _ in range(300):
        deep = deep.transpose(1, 0).reshape(-1).reshape(2, 2000).transpose(1, 0)
    assert is_identity_of(deep, tensor)
