"""Pickle streams written opcode by opcode; nothing here ever loads one."""

from __future__ import annotations

import pickle
import struct
from typing import Any


class Name:
    """A global, by module and name."""

    def __init__(self, path: str, module: str = "") -> None:
        self.module = module or path.rsplit(".", 1)[0]
        self.name = path.removeprefix(f"{self.module}.")


class Call:
    """A call of a global (or of any value) with arguments."""

    def __init__(self, target: Any, *args: Any, how: str = "REDUCE", state: Any = None) -> None:
        self.target = Name(target) if isinstance(target, str) else target
        self.args, self.how, self.state = args, how, state


class Again:
    """A value that gets one more state."""

    def __init__(self, value: Any, state: Any) -> None:
        self.value, self.state = value, state


class Filled:
    """An object to which items are appended one by one, and pairs are set after them."""

    def __init__(self, value: Any, *items: Any, pairs: tuple[tuple[Any, Any], ...] = ()) -> None:
        self.value, self.items, self.pairs = value, items, pairs


def write(value: Any, protocol: int = 2) -> bytes:
    """The stream of a value in which ``Name`` and ``Call`` may stand anywhere."""
    head = b"\x80" + bytes([protocol]) if protocol >= 2 else b""
    return head + body(value, protocol) + b"."


def body(value: Any, protocol: int) -> bytes:
    if isinstance(value, Name):
        if protocol >= 4:
            return text(value.module) + text(value.name) + b"\x93"
        return b"c%s\n%s\n" % (value.module.encode(), value.name.encode())
    if isinstance(value, Call):
        return call(value, protocol)
    if isinstance(value, Filled):
        items = b"".join(body(item, protocol) + b"a" for item in value.items)
        pairs = b"".join(body(part, protocol) for pair in value.pairs for part in pair)
        return body(value.value, protocol) + items + (b"(" + pairs + b"u" if pairs else b"")
    if isinstance(value, Again):
        return body(value.value, protocol) + body(value.state, protocol) + b"b"
    if isinstance(value, tuple):
        return b"(" + b"".join(body(part, protocol) for part in value) + b"t"
    if isinstance(value, list):
        return b"(" + b"".join(body(part, protocol) for part in value) + b"l"
    if isinstance(value, dict):
        pairs = b"".join(body(part, protocol) for pair in value.items() for part in pair)
        return b"(" + pairs + b"d"
    if isinstance(value, bytes) and protocol < 3:
        return b"U" + bytes([len(value)]) + value
    plain = pickle.dumps(value, max(protocol, 2))[2:-1]
    return plain[9:] if plain[:1] == b"\x95" else plain


def call(value: Call, protocol: int) -> bytes:
    args = b"".join(body(part, protocol) for part in value.args)
    target = body(value.target, protocol)
    built = {
        "REDUCE": target + b"(" + args + b"tR",
        "NEWOBJ": target + b"(" + args + b"t\x81",
        "NEWOBJ_EX": target + b"(" + args + b"t}\x92",
        "OBJ": b"(" + target + args + b"o",
        "INST": b"(" + args + b"i" + target[1:],
    }[value.how]
    return built if value.state is None else built + body(value.state, protocol) + b"b"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw
