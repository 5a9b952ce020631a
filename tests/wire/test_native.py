from __future__ import annotations

import array
import importlib
import random
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelport.wire.native
from modelport.wire.native import plain

try:
    from modelport.wire.native import _crc
except ImportError:  # no C compiler: the one of numpy is all there is
    NATIVE: dict[str, tuple[Any, Any]] = {}
else:
    NATIVE = {
        name: (
            lambda data, value=0, name=name: _crc.crc32(data, value, name),
            lambda data, value=0, name=name: _crc.crc32c(data, value, name),
        )
        for name in _crc.IMPLEMENTATIONS
    }
WAYS: dict[str, tuple[Any, Any]] = {
    **NATIVE,
    "chosen": (modelport.wire.native.crc32, modelport.wire.native.crc32c),
    "plain": (zlib.crc32, plain.crc32c),
}
RANDOM = random.Random(5).randbytes(1 << 16)

ways = pytest.mark.parametrize("way", WAYS)


def bitwise(polynomial: int, data: bytes, value: int = 0) -> int:
    """The definition: one bit after the other."""
    state = value ^ 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (polynomial if state & 1 else 0)
    return state ^ 0xFFFFFFFF


iso_hdlc = partial(bitwise, 0xEDB88320)
castagnoli = partial(bitwise, 0x82F63B78)


def test_the_definition_is_that_of_zlib() -> None:
    assert iso_hdlc(RANDOM[:999], 5) == zlib.crc32(RANDOM[:999], 5)


@ways
def test_values_of_the_specifications(way: str) -> None:
    crc32, crc32c = WAYS[way]
    # https://reveng.sourceforge.io/crc-catalogue/17plus.htm, and RFC 3720, B.4
    assert (crc32(b"123456789"), crc32c(b"123456789")) == (0xCBF43926, 0xE3069283)
    for data, wanted in (
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ):
        assert crc32c(data) == wanted


@ways
def test_every_length_at_every_alignment(way: str) -> None:
    crc32, crc32c = WAYS[way]
    view, value = memoryview(RANDOM), 0xDEADBEEF
    for start in (0, 1, 7, 8, 15):
        wanted = value
        for length in range(1100):
            data = view[start : start + length]
            assert crc32(data, value) == zlib.crc32(data, value), length
            assert crc32c(data, value) == wanted, length
            wanted = castagnoli(view[start + length : start + length + 1], wanted)


@ways
@given(data=st.data())
def test_any_part_after_any_other(way: str, data: st.DataObject) -> None:
    crc32, crc32c = WAYS[way]
    size = data.draw(st.one_of(st.integers(0, 700), st.integers(0, len(RANDOM))))
    start = data.draw(st.integers(0, len(RANDOM) - size))
    cut = data.draw(st.integers(0, size))
    value = data.draw(st.integers(0, 0xFFFFFFFF))
    whole = memoryview(RANDOM)[start : start + size]
    assert crc32(whole, value) == zlib.crc32(whole, value)
    assert crc32(whole[cut:], crc32(whole[:cut], value)) == crc32(whole, value)
    assert crc32c(whole[cut:], crc32c(whole[:cut], value)) == crc32c(whole, value)


@ways
def test_large_buffers_of_every_kind_in_threads(way: str) -> None:
    crc32, crc32c = WAYS[way]
    content = RANDOM * 40 + b"end"
    wanted, wanted_c = zlib.crc32(content), 0
    for start in range(0, len(content), 1000):  # by the short way, which is tested above
        wanted_c = plain.crc32c(content[start : start + 1000], wanted_c)
    kinds = [
        bytearray(content),
        memoryview(content),
        array.array("b", content),
        np.frombuffer(content, np.uint8),
    ]
    floats = np.frombuffer(RANDOM, np.float32).reshape(64, -1)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(crc32, kinds * 4)) == {wanted}
        assert set(pool.map(crc32c, kinds * 4)) == {wanted_c}
    assert crc32(floats) == zlib.crc32(RANDOM)
    assert crc32c(floats) == crc32c(RANDOM)


@ways
def test_what_is_no_contiguous_buffer_is_refused(way: str) -> None:
    for checksum in WAYS[way]:
        with pytest.raises(TypeError):
            checksum("text")
        with pytest.raises((BufferError, TypeError, ValueError)):
            checksum(memoryview(RANDOM)[::2])
        with pytest.raises(TypeError):
            checksum(b"1", "2")
        with pytest.raises(TypeError):
            checksum()


@pytest.mark.skipif(not NATIVE, reason="needs a C compiler")
def test_an_implementation_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'abacus'"):
        _crc.crc32(b"", 0, "abacus")
    assert _crc.IMPLEMENTATIONS[-1] == "portable"


def test_without_the_compiled_module_others_take_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "modelport.wire.native._crc", None)
    monkeypatch.delattr(modelport.wire.native, "_crc", raising=False)
    without = importlib.reload(modelport.wire.native)
    found = (without.crc32, without.crc32c)
    monkeypatch.undo()
    importlib.reload(modelport.wire.native)
    assert found == (zlib.crc32, plain.crc32c)
