"""Random pickle programs: valid opcodes with fitting arguments, in any order."""

from __future__ import annotations

import pickletools
import random
import struct

OPCODES = [opcode for opcode in pickletools.opcodes if opcode.name not in ("STOP", "FRAME")]


def random_stream(rnd: random.Random, names: list[tuple[str, str]]) -> bytes:
    """Opcodes with arguments that fit them, in any order; globals come from ``names``."""
    parts = [b"\x80\x04"]
    for _ in range(rnd.randrange(2, 40)):
        if rnd.random() < 0.1:
            parts.append(_use(rnd, names))
        opcode = rnd.choice(OPCODES)
        argument = _argument(rnd, opcode.arg.name if opcode.arg else "", names)
        parts.append(opcode.code.encode("latin-1") + argument)
    return b"".join(parts) + b"."


_LATIN_1 = b"U\x01aU\x06latin1\x86"


def _use(rnd: random.Random, names: list[tuple[str, str]]) -> bytes:
    """A global and something done with it, which chance alone would hardly bring together."""
    found = "c{}\n{}\n".format(*rnd.choice(names)).encode()
    args = rnd.choice(
        [b")", b"K\x01\x85", b"]\x85", b"U\x01a\x85", b"(K\x01K\x02t", b"U\x01aU\x06latin1\x86"]
    )
    return found + args + rnd.choice([b"R", b"R", b"\x81", b"}\x92", b"b", b"R}b", b"R)R"])


def _argument(rnd: random.Random, kind: str, names: list[tuple[str, str]]) -> bytes:
    text = rnd.choice([b"a", b"", b"os", b"system"])
    short = rnd.choice([0, 1, 2, 3])
    lines = {
        "decimalnl_short": b"%d\n" % short,
        "decimalnl_long": b"%dL\n" % short,
        "floatnl": b"1.5\n",
        "stringnl": b"'" + text + b"'\n",
        "stringnl_noescape": text + b"\n",
        "stringnl_noescape_pair": "{}\n{}\n".format(*rnd.choice(names)).encode(),
        "unicodestringnl": text + b"\n",
        "": b"",
        "float8": struct.pack(">d", 2.5),
        "int4": struct.pack("<i", short),
        "uint1": bytes([short]),
        "uint2": struct.pack("<H", short),
        "uint4": struct.pack("<I", short),
        "uint8": struct.pack("<Q", short),
    }
    if kind in lines:
        return lines[kind]
    width = int(kind[-1])
    return len(text).to_bytes(width, "little") + text
