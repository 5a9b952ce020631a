"""The protobuf walker against protobuf's own encoder, and against hostile bytes."""

from __future__ import annotations

import contextlib
import io
import math
import re

import pytest
from google.protobuf.internal import encoder
from hypothesis import given
from hypothesis import strategies as st

from modelport.errors import LimitExceeded, MalformedFile
from modelport.wire import protobuf
from modelport.wire.protobuf import FIXED32, FIXED64, LENGTH, VARINT, Walker, decode_varints, signed
from modelport.wire.protobuf_write import Message, Payload, varint
from modelport.wire.source import BytesSource

NUMBERS = st.integers(1, (1 << 29) - 1)
FIELDS = st.lists(
    st.one_of(
        st.tuples(NUMBERS, st.just(VARINT), st.integers(0, (1 << 64) - 1)),
        st.tuples(NUMBERS, st.just(LENGTH), st.binary(max_size=9000)),
        st.tuples(NUMBERS, st.just(FIXED32), st.binary(min_size=4, max_size=4)),
        st.tuples(NUMBERS, st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    ),
    max_size=30,
)


def encoded(fields: list[tuple[int, int, int | bytes]]) -> bytes:
    """The fields as protobuf's own encoder writes them."""
    out = bytearray()
    for number, wire, value in fields:
        out += encoder.TagBytes(number, wire)
        if isinstance(value, int):
            out += encoder._VarintBytes(value)
        else:
            out += encoder._VarintBytes(len(value)) if wire == LENGTH else b""
            out += value
    return bytes(out)


def walked(data: bytes) -> list[tuple[int, int, int | bytes]]:
    walker = Walker(BytesSource(data))
    return [
        (number, wire, first if wire == VARINT else walker.read(first, second))
        for number, wire, first, second, _ in walker.fields(0, len(data))
    ]


@given(FIELDS)
def test_every_field_comes_back(fields: list[tuple[int, int, int | bytes]]) -> None:
    assert walked(encoded(fields)) == fields


@given(FIELDS)
def test_whole_fields_are_the_message(fields: list[tuple[int, int, int | bytes]]) -> None:
    data = encoded(fields)
    walker = Walker(BytesSource(data))
    spans = [(at, second) for *_, second, at in walker.fields(0, len(data))]
    assert b"".join(data[start:end] for start, end in spans) == data


@given(st.binary(max_size=200))
def test_any_bytes_end_in_fields_or_one_error(data: bytes) -> None:
    with contextlib.suppress(MalformedFile):
        assert all(number > 0 for number, _, _ in walked(data))


@given(FIELDS, st.data())
def test_cut_messages_are_malformed_or_shorter(
    fields: list[tuple[int, int, int | bytes]], data: st.DataObject
) -> None:
    whole = encoded(fields)
    cut = data.draw(st.integers(0, len(whole)))
    with contextlib.suppress(MalformedFile):
        found = walked(whole[:cut])
        assert found == fields[: len(found)]


@given(st.lists(st.integers(-(1 << 63), (1 << 64) - 1)))
def test_packed_varints(values: list[int]) -> None:
    data = b"".join(varint(value) for value in values)
    found = list(Walker(BytesSource(data)).varints(0, len(data)))
    assert found == [value & ((1 << 64) - 1) for value in values]


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_signed_numbers(value: int) -> None:
    assert varint(value) == encoder._VarintBytes(value & ((1 << 64) - 1))
    assert signed(value & ((1 << 64) - 1)) == value


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"\x0a\x80\x80\x80\x80\x80\x40", "too long"),  # a length of 2^41
        (b"\x0a\x05abc", "2 bytes too long"),
        (b"\x08", "too long"),
        (b"\x0d\x01\x02", "too long"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "a longer one"),
        (b"\x80" * 11 + b"\x01", "a longer one"),
        (b"\x0b\x08\x01\x0c", "a group"),
        (b"\x0c", "a group"),
        (b"\x0e", "wire type 6"),
        (b"\x0f", "wire type 7"),
        (b"\x00\x01", "0"),
        (b"\x80\x80\x80\x80\x80\x01\x01", "4294967296"),
    ],
)
def test_broken_fields(data: bytes, found: str) -> None:
    with pytest.raises(MalformedFile, match=found):
        walked(data)


def test_a_child_stays_inside_its_parent() -> None:
    data = b"\x0a\x02\x0a\x05" + bytes(10)
    walker = Walker(BytesSource(data))
    _, _, first, second, _ = next(walker.fields(0, len(data)))
    with pytest.raises(MalformedFile) as caught:
        list(walker.fields(first, second))
    assert caught.value.offset == 2


def test_nesting_is_bounded() -> None:
    data = b""
    for _ in range(100):
        data = b"\x0a" + varint(len(data)) + data
    walker = Walker(BytesSource(data))

    def descend(start: int, end: int) -> None:
        for _, _, first, second, _ in walker.fields(start, end):
            descend(first, second)

    with pytest.raises(LimitExceeded, match="nesting"):
        descend(0, len(data))
    assert walker.depth == 0


def test_fields_and_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 10)
    with pytest.raises(LimitExceeded, match="fields"):
        walked(b"\x08\x01" * 11)
    monkeypatch.setattr(protobuf, "MAX_BYTES", 10_000)
    with pytest.raises(LimitExceeded, match="bytes"):
        walked(b"\x0a" + varint(20_000) + bytes(20_000))


class Counted(BytesSource):
    """Bytes that count how many of them were read."""

    read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.read += length
        return super().read_at(offset, length)


def test_payloads_are_not_read() -> None:
    source = Counted((b"\x0a" + varint(10_000_000) + bytes(10_000_000) + b"\x10\x07") * 3)
    found = [number for number, *_ in Walker(source).fields(0, source.size)]
    assert found == [1, 2] * 3
    assert source.read < 50_000


def test_text_must_be_utf8() -> None:
    walker = Walker(BytesSource(b"ok\xff"))
    assert walker.text(0, 2) == "ok"
    with pytest.raises(MalformedFile) as caught:
        walker.text(0, 3)
    assert caught.value.offset == 2


@given(st.floats(width=32, allow_nan=False), st.text(), st.binary(max_size=300))
def test_written_messages_come_back(number: float, text: str, data: bytes) -> None:
    child = Message()
    child.text(1, text)
    child.payload(2, Payload(len(data), lambda: iter([data[:7], data[7:]])))
    message = Message()
    message.float32(3, number)
    message.message(4, child)
    message.integer(5, -1)
    file = io.BytesIO()
    message.write(file)
    written = file.getvalue()
    assert len(written) == message.size
    fields = walked(written)
    assert [(number, wire) for number, wire, _ in fields] == [(3, FIXED32), (4, LENGTH), (5, 0)]
    assert walked(bytes(fields[1][2])) == [  # type: ignore[arg-type]
        (1, LENGTH, text.encode()),
        (2, LENGTH, data),
    ]


def test_float32_overflow_is_infinite() -> None:
    message = Message()
    message.float32(1, -1e300)
    assert message.parts[0].endswith(b"\0\0\x80\xff")  # type: ignore[union-attr]
    assert math.isinf(1e300 * 1e300)


def test_payloads_keep_their_promise() -> None:
    with pytest.raises(ValueError, match="3 bytes came where 4"):
        Payload(4, lambda: iter([b"abc"])).write(io.BytesIO())


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1), st.integers(0, 9000))
def test_runs_of_one_field(values: list[int], before: int) -> None:
    run = b"".join(encoded([(8, VARINT, value & ((1 << 64) - 1))]) for value in values)
    data = bytes(before) + run + b"\x10\x01"
    pattern = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+")
    assert Walker(BytesSource(data)).run(before, len(data), pattern) == before + len(run)
    numbers = decode_varints(run)
    assert numbers[0::2].tolist() == [64] * len(values)
    assert numbers[1::2].view("int64").tolist() == values


def test_runs_go_on_past_the_window() -> None:
    run = b"\x40\x81\x01" * 300_000
    source = Counted(run + b"\x48\x01")
    pattern = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])+")
    assert Walker(source).run(0, source.size, pattern) == len(run)
    assert Walker(source).run(0, 31, pattern) == 30
    assert source.read < 2 * len(run)


@pytest.mark.parametrize("data", [b"\x80", b"\x01\xff", b"\x80" * 10 + b"\x01"])
def test_broken_packed_varints(data: bytes) -> None:
    with pytest.raises(ValueError, match="varint"):
        decode_varints(data)
