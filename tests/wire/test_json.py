from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.errors import LimitExceeded, MalformedFile, ModelportError
from modelport.wire.json import parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_reads_what_python_writes(value: object) -> None:
    assert parse(json.dumps(value).encode(), "x", nonfinite=True) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a": 1} x',
        b"{'a': 1}",
        b'{"a": 1, "a": 2}',
        b'{"b": [{"a": 1, "a": 1}]}',
        b'{"a": NaN}',
        b"-Infinity",
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b"9" * 5000,
        b"\xef\xbb\xbf{}",
        b"[1,]",
        b"]" * 1000,
    ],
)
def test_broken_text_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        parse(data, "x")


def test_an_error_names_the_byte() -> None:
    with pytest.raises(MalformedFile) as caught:
        parse('{"é": nope}'.encode(), "x")
    assert caught.value.offset == 7


def test_nonfinite_numbers_where_they_are_allowed() -> None:
    found = parse(b"[NaN, Infinity, -Infinity]", "x", nonfinite=True)
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf]


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"[[]," * 50_000 + b"1" + b"]" * 50_000,
        b"[" * 201 + b"]" * 201,
        b"[" * 1_000_000,
    ],
)
def test_depth_is_limited(data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        parse(data, "x")


def test_brackets_in_strings_are_no_depth() -> None:
    text = json.dumps(["[" * 1000, '"[{' * 1000, "\\" * 7])
    assert parse(text.encode(), "x") == json.loads(text)
    assert parse(b"[" * 200 + b"]" * 200, "x")
    assert len(parse(b"[" + b"[]," * 999 + b"[]]", "x")) == 1000


def test_size_is_limited() -> None:
    with pytest.raises(LimitExceeded):
        parse(b'"' + b"a" * 100 + b'"', "x", max_bytes=100)


def test_random_damage_ends_in_a_value_or_a_typed_error() -> None:
    rng = random.Random(1)
    good = json.dumps({"a": [1, {"b": "\\u00e9\u00e9"}, None, 1e3], "c": {"d": "[{"}}).encode()
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            parse(bytes(data), "x")
        except ModelportError:
            continue
