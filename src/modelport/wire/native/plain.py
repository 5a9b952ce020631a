"""CRC-32C without a compiler: 1,024 parts of the data at a time, one in each lane of numpy.

The arithmetic is that of ``_crc.c``: remainders of polynomials over GF(2), where bit i of a number
is the coefficient of x^(31-i).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import NDArray

    Remainders = TypeVar("Remainders", int, NDArray[Any])

_POLYNOMIAL = 0x82F63B78
_MASK = 0xFFFFFFFF
_LANES = 1024
_LANE_BYTES = 1024
_FEW = 16 * _LANES


def _divided(state: int) -> int:
    for _ in range(8):
        state = state >> 1 ^ (state & 1) * _POLYNOMIAL
    return state


_TABLE = [_divided(byte) for byte in range(256)]


def crc32c(data: ReadableBuffer, value: int = 0, /) -> int:
    """The CRC-32C of a contiguous buffer that follows what has the checksum ``value``."""
    view = memoryview(data).cast("B")
    state = ~value & _MASK
    while len(view) >= _FEW:
        length = min(len(view) // _LANES, _LANE_BYTES)
        state = _in_lanes(state, view[: length * _LANES], length)
        view = view[length * _LANES :]
    for byte in view:
        state = _TABLE[(state ^ byte) & 255] ^ state >> 8
    return ~state & _MASK


def _in_lanes(state: int, view: memoryview, length: int) -> int:
    """The state after ``length`` bytes for each lane."""
    import numpy as np

    table = np.array(_TABLE, np.uint32)
    columns = np.frombuffer(view, np.uint8).reshape(_LANES, length).T.copy()
    states = np.zeros(_LANES, np.uint32)
    states[0] = state
    for column in columns:
        states = table[(states ^ column) & 255] ^ states >> 8
    shift = _power(8 * length)
    while len(states) > 1:
        states = _multiplied(states[0::2], shift) ^ states[1::2]
        shift = _multiplied(shift, shift)
    return int(states[0])


def _power(exponent: int) -> int:
    """The remainder of x^exponent."""
    result, square = 1 << 31, 1 << 30
    while exponent:
        if exponent & 1:
            result = _multiplied(result, square)
        square = _multiplied(square, square)
        exponent >>= 1
    return result


def _multiplied(many: Remainders, one: int) -> Remainders:
    """The product of each remainder with another."""
    product: Remainders = many ^ many
    for place in range(31, -1, -1):
        if one >> place & 1:
            product ^= many
        many = many >> 1 ^ (many & 1) * _POLYNOMIAL
    return product
