"""What a runtime is: something that can run a model file, and the child process it runs in."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import RuntimeFailure
from modelport.runtimes.exchange import pack, unpack
from modelport.runtimes.memory import Appetite

if TYPE_CHECKING:
    from numpy.typing import NDArray

TIME_LIMIT = 600.0
"""Seconds a child may take for one model."""

WHOLE_TIME = 1200.0
"""Seconds that all the children of one verification may take together."""

LAST_WORDS = 1 << 16
"""How many bytes at the end of what a child says are looked at."""


class Budget:
    """Seconds that several runs share, counted from when it is made."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = time.monotonic() + (WHOLE_TIME if seconds is None else seconds)

    @property
    def left(self) -> float:
        """The seconds the next run may take."""
        return min(TIME_LIMIT, max(0.0, self._end - time.monotonic()))


NOTHING = Appetite(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One framework that runs models.

    ``module`` is looked for (not imported) to tell whether it is installed; ``extra`` is what to
    install; ``formats`` are the names of the formats it loads; ``appetite`` is how much memory it
    takes for a model.
    """

    name: str
    module: str
    extra: str
    formats: tuple[str, ...]
    appetite: Appetite = NOTHING

    @property
    def installed(self) -> bool:
        """Whether the framework can be found, without importing it."""
        return importlib.util.find_spec(self.module) is not None


@dataclass(frozen=True, slots=True)
class Run:
    """What came out of one run: an array for each output, in order.

    ``layers`` holds the outputs of inner layers by name, in the order they were computed, where
    they were asked for. ``refused`` is what runtimes said that were asked first and could not.
    """

    runtime: str
    outputs: list[NDArray[Any]]
    names: list[str]
    layers: dict[str, NDArray[Any]] = field(default_factory=dict)
    refused: str = ""


def run(
    runtime: Runtime,
    path: Path,
    inputs: Sequence[tuple[str, NDArray[Any]]],
    *,
    layers: Sequence[str] = (),
    budget: Budget | None = None,
    options: Mapping[str, Any] | None = None,
    largest: int = 0,
) -> Run:
    """Run a model file in a child process with limits on time, memory and what it may write.

    ``inputs`` are given by name where the model knows the names, else by position. ``layers``
    names inner layers (or ONNX values) whose outputs are wanted too; ``options`` are further plain
    arguments of the runtime, ``largest`` the bytes of a file that it has to write beside them.

    Raises:
        RuntimeFailure: the framework cannot load or run the file, or a limit was reached.
    """
    seconds = (budget or Budget()).left
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        request, answer, said = (Path(folder) / name for name in ("in.npz", "out.npz", "said"))
        names = [name for name, _ in inputs]
        asked: dict[str, Any] = {"names": names, "layers": list(layers), "largest": largest}
        asked["options"] = dict(options or {})
        pack(request, asked, [array for _, array in inputs])
        child = [sys.executable, "-m", "modelport.runtimes.child", runtime.name]
        try:
            with said.open("wb") as stream, _lifeline() as lifeline:
                done = subprocess.run(
                    [*child, str(path.resolve()), str(request), str(answer)],
                    check=False,
                    cwd=folder,
                    env=_environment(),
                    stdin=lifeline,
                    stdout=subprocess.DEVNULL,
                    stderr=stream,
                    timeout=seconds,
                )
        except subprocess.TimeoutExpired as error:
            why = f"it took more than {seconds:.0f} seconds and was stopped"
            raise RuntimeFailure(runtime.name, str(path), why, limit=True) from error
        if done.returncode != 0 or not answer.exists():
            killed = done.returncode == -getattr(signal, "SIGKILL", 9)
            why = _why(done.returncode, _last_words(said))
            raise RuntimeFailure(runtime.name, str(path), why, limit=killed)
        return _answer(runtime.name, answer)


@contextmanager
def _lifeline() -> Iterator[int]:
    """The end of a pipe for the child to watch: it closes when this process ends, however."""
    child_end, own_end = os.pipe()
    try:
        yield child_end
    finally:
        os.close(own_end)
        os.close(child_end)


def _answer(name: str, path: Path) -> Run:
    told, arrays = unpack(path)
    count = len(told["names"])
    layers = dict(zip(told["layers"], arrays[count:], strict=True))
    return Run(name, arrays[:count], told["names"], layers)


def _last_words(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - LAST_WORDS))
        return stream.read().decode("utf-8", "replace")


def _why(status: int, said: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    lines = [line for line in plain.strip().splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("modelport-child: ")), None)
    if last is not None:
        return last.removeprefix("modelport-child: ")
    if status == -getattr(signal, "SIGKILL", 9):
        return "it was killed, most likely because memory ran out"
    if status < 0:
        return f"it was ended by signal {-status} (it crashed, or memory ran out)"
    return lines[-1] if lines else f"exit status {status}"


def _environment() -> dict[str, str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONNOUSERSITE": "1"}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
