"""What a runtime is: something that can run a model file, and the child process it runs in."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.errors import RuntimeFailure

TIME_LIMIT = 600.0
"""Seconds a child may take for one model."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """One framework that runs models.

    ``module`` is looked for (not imported) to tell whether it is installed; ``extra`` is what to
    install; ``formats`` are the names of the formats it loads.
    """

    name: str
    module: str
    extra: str
    formats: tuple[str, ...]

    @property
    def installed(self) -> bool:
        """Whether the framework can be found, without importing it."""
        return importlib.util.find_spec(self.module) is not None


@dataclass(frozen=True, slots=True)
class Run:
    """What came out of one run: an array for each output, in order.

    ``layers`` holds the outputs of inner layers by name, in the order they were computed, where
    they were asked for.
    """

    runtime: str
    outputs: list[NDArray[Any]]
    names: list[str]
    layers: dict[str, NDArray[Any]] = field(default_factory=dict)


def run(
    runtime: Runtime,
    path: Path,
    inputs: Sequence[tuple[str, NDArray[Any]]],
    *,
    layers: Sequence[str] = (),
    time_limit: float = TIME_LIMIT,
) -> Run:
    """Run a model file in a child process with limits on time, memory and what it may write.

    ``inputs`` are given by name where the model knows the names, else by position. ``layers``
    names inner layers (or ONNX values) whose outputs are wanted too.

    Raises:
        RuntimeFailure: the framework cannot load or run the file, or a limit was reached.
    """
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        request = Path(folder) / "inputs.npz"
        answer = Path(folder) / "outputs.npz"
        arrays = {f"x{i}": array for i, (_, array) in enumerate(inputs)}
        asked = {"names": [name for name, _ in inputs], "layers": list(layers)}
        np.savez(request, request=np.array(json.dumps(asked)), allow_pickle=False, **arrays)
        child = [sys.executable, "-m", "modelport.runtimes.child", runtime.name]
        try:
            with _lifeline() as lifeline:
                done = subprocess.run(
                    [*child, str(path.resolve()), str(request), str(answer)],
                    capture_output=True,
                    check=False,
                    cwd=folder,
                    env=_environment(),
                    stdin=lifeline,
                    text=True,
                    errors="replace",
                    timeout=time_limit,
                )
        except subprocess.TimeoutExpired as error:
            why = f"it took more than {time_limit:.0f} seconds"
            raise RuntimeFailure(runtime.name, str(path), why) from error
        if done.returncode != 0 or not answer.exists():
            raise RuntimeFailure(runtime.name, str(path), _why(done))
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
    with np.load(path, allow_pickle=False) as held:
        told = json.loads(str(held["answer"]))
        outputs = [held[f"y{i}"] for i in range(len(told["names"]))]
        layers = {layer: held[f"l{i}"] for i, layer in enumerate(told["layers"])}
    return Run(name, outputs, told["names"], layers)


def _why(done: subprocess.CompletedProcess[str]) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr)
    lines = [line for line in plain.strip().splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith("modelport-child: ")), None)
    if last is not None:
        return last.removeprefix("modelport-child: ")
    if done.returncode < 0:
        return f"it was ended by signal {-done.returncode} (out of memory?)"
    return lines[-1] if lines else f"exit status {done.returncode}"


def _environment() -> dict[str, str]:
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONNOUSERSITE": "1"}
    return {**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
