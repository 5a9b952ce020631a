"""The child process that runs a model: ``python -m modelport.runtimes.child RUNTIME FILE IN OUT``.

Whatever a framework does with a file happens here and not in the process of the user: with
limits on memory and on what it may write, no core dump, and standard output thrown away. It ends
with its parent, which holds the other end of its standard input.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from modelport.runtimes.exchange import pack, unpack
from modelport.runtimes.memory import available

ANSWER_LIMIT = 1 << 30
"""The bytes that the child may write into one file, its answer among them."""


def main(arguments: list[str]) -> int:
    """Run one model; the answer goes into a file, a failure as one line to standard error."""
    name, model, request, answer = arguments
    asked, inputs = unpack(Path(request))
    _limit(asked["largest"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Frameworks print what they like; only the one line of a failure is for the parent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    module = importlib.import_module(f"modelport.runtimes.{name}_runtime")
    try:
        named = list(zip(asked["names"], inputs, strict=True))
        outputs, layers = module.run(Path(model), named, asked["layers"], **asked["options"])
        told = {"names": [name for name, _ in outputs], "layers": [name for name, _ in layers]}
        pack(Path(answer), told, [np.asarray(value) for _, value in [*outputs, *layers]])
    # The frameworks raise anything; it becomes one RuntimeFailure in the parent.
    except Exception as error:
        sys.stderr.write(f"\nmodelport-child: {_reason(error)}\n")
        return 1
    return 0


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    if isinstance(error, OSError) and error.errno == 27:  # EFBIG
        return f"what comes out is larger than {ANSWER_LIMIT >> 20:,} MB"
    said = str(error)
    if "failed in the TorchScript interpreter" in said:  # a page of code before the reason
        said = said.strip().rpartition("\n")[2].partition("Error: ")[2] or said
    return f"{type(error).__name__}: {' '.join(said.split())[:500]}"


def _limit(largest: int) -> None:
    """Limit what the child may allocate to what is free now: a bomb ends in an error of its own.

    The limit counts what is allocated for writing; address space would be the wrong measure, for
    frameworks reserve much more than they use.
    """
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _lower(resource, resource.RLIMIT_DATA, max(available(), 1 << 30))
    _lower(resource, resource.RLIMIT_FSIZE, max(largest, ANSWER_LIMIT))
    _lower(resource, resource.RLIMIT_CORE, 0)


def _lower(resource: Any, which: int, wanted: int) -> None:
    """Set a limit, unless a lower one holds already."""
    _, hard = resource.getrlimit(which)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(which, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
