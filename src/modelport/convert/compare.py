"""Comparing tensors without holding them: byte for byte, and by content under any layout."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelport.model.pieces import same
from modelport.model.tensor import Tensor

if TYPE_CHECKING:
    import numpy as np


def differing(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """The names whose tensors are missing on one side or differ in dtype, shape or any bit."""
    names = [*expected, *(name for name in found if name not in expected)]
    return [
        name
        for name in names
        if name not in expected or name not in found or not equal(expected[name], found[name])
    ]


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors have the same dtype, shape and bits; read in pieces."""
    if a is b:
        return True
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.bits == 0:
        return _texts(a) == _texts(b)
    stored = same(a.data, b.data)
    return _same_bytes(a.pieces(), b.pieces()) if stored is None else stored


def _texts(tensor: Tensor) -> list[object]:
    """Texts as the bytes that a file has for them: some formats do not tell the two apart."""
    return [
        value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        for value in tensor.numpy().reshape(-1).tolist()
    ]


def _same_bytes(a: Iterable[bytes | memoryview], b: Iterable[bytes | memoryview]) -> bool:
    left, right = _Reader(iter(a)), _Reader(iter(b))
    while True:
        size = min(left.available(), right.available())
        if size == 0:
            return left.available() == right.available()
        if left.take(size) != right.take(size):  # bytes: memoryviews compare one by one
            left.finish()
            right.finish()
            return False


class _Reader:
    """Pieces of any size, taken in pieces of another."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def available(self) -> int:
        while not self._piece:
            following = next(self._pieces, None)
            if following is None:
                return 0
            self._piece = memoryview(following).cast("B")
        return len(self._piece)

    def finish(self) -> None:
        """Read to the end, where checksums tell whether a difference is damage."""
        for _ in self._pieces:
            pass

    def take(self, size: int) -> bytes:
        taken, self._piece = self._piece[:size], self._piece[size:]
        return taken.tobytes()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What stays the same when the elements of a tensor are rearranged."""

    dtype: str
    size: int
    digest: int


def fingerprint(tensor: Tensor) -> Fingerprint:
    """A digest of the elements in any order: equal for a tensor and its transpose.

    Each element's bits are mixed (splitmix64) and the results added modulo 2**64, in pieces.
    """
    import numpy as np

    width = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}.get(tensor.dtype.bits)
    total = 0
    if width is None:
        flat = tensor.numpy().reshape(-1)
        total = sum(zlib.crc32(str(value).encode()) for value in flat)
    else:
        for piece in tensor.pieces():
            bits = np.frombuffer(piece, width).astype(np.uint64)
            total += int(_mixed(bits).sum(dtype=np.uint64))
    return Fingerprint(tensor.dtype.name, tensor.size, total % (1 << 64))


def _mixed(
    bits: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    import numpy as np

    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
