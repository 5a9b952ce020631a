"""Random chains of rearrangements, built as expressions and with numpy side by side."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.dtype import FLOAT32
from modelport.model.expression import Expression, concatenate, fill, source
from modelport.model.tensor import FileSlice, Tensor
from modelport.wire.source import BytesSource

Pair = tuple[Expression, NDArray[Any]]


def stored(array: NDArray[Any], name: str = "w") -> Tensor:
    """A tensor whose values lie in a file, behind a few other bytes."""
    raw = b"\xff" * 5 + array.astype("<f4").tobytes() + b"\xff"
    return Tensor(name, FileSlice(BytesSource(raw), 5, len(raw) - 6, FLOAT32, array.shape))


def random_shape(rng: random.Random, zeros: bool = True) -> tuple[int, ...]:
    extents = [1, 1, 2, 2, 3, 4, 6]
    if zeros and rng.random() < 0.05:
        extents.append(0)
    return tuple(rng.choice(extents) for _ in range(rng.randint(0, 4)))


def random_factors(rng: random.Random, size: int) -> tuple[int, ...]:
    if size == 0:
        return tuple(rng.sample([0, rng.randint(0, 3), 2], 3))
    shape: list[int] = []
    while size > 1:
        extent = rng.choice([k for k in range(2, size + 1) if size % k == 0])
        shape.append(extent)
        size //= extent
    for _ in range(rng.choice([0, 0, 1, 2])):
        shape.insert(rng.randint(0, len(shape)), 1)
    return tuple(shape)


def _permutation(rng: random.Random, count: int) -> list[int]:
    order = list(range(count))
    rng.shuffle(order)
    return order


def _transpose(rng: random.Random, pair: Pair) -> Pair:
    order = _permutation(rng, pair[1].ndim)
    return pair[0].transpose(*order), pair[1].transpose(order)


def _reshape(rng: random.Random, pair: Pair) -> Pair:
    shape = random_factors(rng, pair[1].size)
    return pair[0].reshape(*shape), pair[1].reshape(shape)


def _slice(rng: random.Random, pair: Pair) -> Pair:
    axis = rng.randrange(pair[1].ndim)
    extent = pair[1].shape[axis]
    start, stop = rng.choice([None, 0, 1, 2]), rng.choice([None, None, extent - 1, extent, 2])
    step = rng.choice([1, 1, 1, -1, 2, -2, 3])
    where = (slice(None),) * axis + (slice(start, stop, step),)
    return pair[0].slice(axis, start, stop, step), pair[1][where]


def _flip(rng: random.Random, pair: Pair) -> Pair:
    axis = rng.randrange(pair[1].ndim)
    return pair[0].flip(axis), np.flip(pair[1], axis)


def _concatenate(rng: random.Random, pair: Pair) -> Pair:
    axis = rng.randrange(pair[1].ndim)
    parts = [pair]
    for _ in range(rng.randint(0, 2)):
        if rng.random() < 0.5:
            value = rng.choice([0.0, 1.0])
            filled = np.full(pair[1].shape, value, np.float32)
            parts.append((fill(pair[1].shape, value, FLOAT32), filled))
        else:
            other = rng.randrange(10) * 1000 + np.arange(pair[1].size, dtype=np.float32)
            other = other.reshape(pair[1].shape)
            parts.append((source(stored(other)), other))
    rng.shuffle(parts)
    joined = concatenate([part for part, _ in parts], axis)
    return joined, np.concatenate([array for _, array in parts], axis)


def _regate(rng: random.Random, pair: Pair) -> Pair:
    """Split into equal parts and put them together in another order, as gates of an LSTM."""
    choices = [
        (axis, n) for axis, k in enumerate(pair[1].shape) for n in (2, 3, 4) if k and k % n == 0
    ]
    if not choices:
        return pair
    axis, count = rng.choice(choices)
    order = _permutation(rng, count) if rng.random() < 0.7 else list(range(count))
    parts, arrays = pair[0].split(axis, count), np.split(pair[1], count, axis)
    joined = concatenate([parts[i] for i in order], axis)
    return joined, np.concatenate([arrays[i] for i in order], axis)


STEPS: list[Callable[[random.Random, Pair], Pair]] = [
    _transpose,
    _reshape,
    _slice,
    _flip,
    _concatenate,
    _regate,
]


def random_chain(rng: random.Random, tensor: Tensor, array: NDArray[Any]) -> Pair:
    """Up to eight steps over a tensor; the array is what numpy makes of its values."""
    pair: Pair = source(tensor), array
    for _ in range(rng.randint(1, 8)):
        if pair[1].ndim == 0:
            pair = _reshape(rng, pair)
            continue
        if pair[1].size > 3000:
            break
        pair = rng.choice(STEPS)(rng, pair)
    return pair


def ramp(shape: tuple[int, ...], start: int = 0) -> NDArray[Any]:
    """Values that are all different."""
    return np.arange(start, start + math.prod(shape), dtype=np.float32).reshape(shape)
