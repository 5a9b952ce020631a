"""What a pickle stream may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of one stream.

    ``opcodes`` and ``memo`` count entries; a memo index may be ``slack`` over the opcodes passed
    so far. ``integer`` is the bytes (or digits) of one number, ``line`` the bytes
    of one line of protocol 0 that is no string, ``kept`` the bytes of text and bytes held in
    memory, ``inline`` the most that one value keeps there: longer ones stay in the file. ``key``
    counts what a key of a dict or an element of a set is made of, each part as often as it occurs.
    """

    opcodes: int = 5_000_000
    memo: int = 2_000_000
    slack: int = 65_536
    integer: int = 1_024
    line: int = 4_096
    kept: int = 256 << 20
    inline: int = 64 << 10
    key: int = 10_000
