"""Broken copies of a file, the same for the same seed, and a child process that reads them."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator


def mutations(data: bytes, seed: int, amount: int) -> Iterator[bytes]:
    """Copies with flipped bits, wild lengths and addresses, moved and missing parts."""
    rnd = random.Random(seed)
    for _ in range(amount):
        copy = bytearray(data)
        for _ in range(rnd.choice([1, 1, 2, 4, 16])):
            place = rnd.randrange(min(len(copy), rnd.choice([6000, len(copy)])))
            kind = rnd.randrange(5)
            if kind == 0:
                copy[place] ^= 1 << rnd.randrange(8)
            elif kind == 1:
                copy[place] = rnd.choice([0, 1, 127, 128, 255])
            elif kind == 2:
                wild = rnd.choice(
                    [0, (1 << 64) - 1, rnd.randrange(len(copy)), 1 << rnd.randrange(63)]
                )
                copy[place : place + 8] = wild.to_bytes(8, "little")
            elif kind == 3:
                start, length = rnd.randrange(len(copy)), rnd.randrange(1, 64)
                copy[place : place + length] = copy[start : start + length]
            elif rnd.random() < 0.2:
                del copy[place + 1 :]
        yield bytes(copy)


def run_child(code: str, *arguments: str, seconds: int = 120) -> str:
    """Run code in a child with an alarm and 2 GB of memory; its output, or the failure as text."""
    limits = """
        import resource, signal
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        def slow(*_):
            raise SystemExit("one input took over 10 seconds")
        signal.signal(signal.SIGALRM, slow)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(limits) + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return done.stdout if done.returncode == 0 else f"{done.stdout}{done.stderr}"
