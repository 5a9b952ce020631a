"""The child process that runs a model: ``python -m modelport.runtimes.child RUNTIME FILE IN OUT``.

Whatever a framework does with a file happens here and not in the process of the user: with a
limit on memory, no core dump, and standard output thrown away. It ends with its parent, which
holds the other end of its standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np

MEMORY_SHARE = 0.9
"""The part of the machine's memory that the child may take as address space beyond 8 GiB."""


def main(arguments: list[str]) -> int:
    """Run one model; the answer goes into a file, a failure as one line to standard error."""
    name, model, request, answer = arguments
    _limit()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Frameworks print what they like; only the one line of a failure is for the parent.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with np.load(request, allow_pickle=False) as held:
        asked = json.loads(str(held["request"]))
        inputs = [held[f"x{i}"] for i in range(len(asked["names"]))]
    module = importlib.import_module(f"modelport.runtimes.{name}_runtime")
    try:
        named = list(zip(asked["names"], inputs, strict=True))
        outputs, layers = module.run(Path(model), named, asked["layers"])
    # The frameworks raise anything; it becomes one RuntimeFailure in the parent.
    except Exception as error:
        reason = " ".join(str(error).split())
        sys.stderr.write(f"\nmodelport-child: {type(error).__name__}: {reason[:500]}\n")
        return 1
    told = {"names": list(outputs), "layers": list(layers)}
    arrays = {f"y{i}": np.asarray(value) for i, value in enumerate(outputs.values())}
    arrays |= {f"l{i}": np.asarray(value) for i, value in enumerate(layers.values())}
    np.savez(answer, answer=np.array(json.dumps(told)), allow_pickle=False, **arrays)
    return 0


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    bytes_ = int(total * MEMORY_SHARE) + (8 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (bytes_, bytes_))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
