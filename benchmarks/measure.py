"""Measure a command as a whole process: CPU seconds and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Cost:
    """The median CPU time (user and system) in seconds and the largest memory in MB."""

    cpu: float
    memory: float


def cost(command: Sequence[str], runs: int = 3) -> Cost:
    """Run a command several times; a command that fails ends the benchmark."""
    cpu: list[float] = []
    memory: list[float] = []
    for _ in range(runs):
        child = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
        )
        told = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{told.decode(errors='replace')[-2000:]}")
        cpu.append(usage.ru_utime + usage.ru_stime)
        memory.append(usage.ru_maxrss / 1024)
    return Cost(median(cpu), max(memory))


def python(code: str, *arguments: str) -> list[str]:
    """The command that runs a piece of Python with this interpreter."""
    return [sys.executable, "-c", code, *arguments]


def modelport(*arguments: str) -> list[str]:
    """The command line of modelport, as installed for this interpreter."""
    code = "from modelport.cli.main import main; main()"
    return [sys.executable, "-c", code, *arguments]


def _environment() -> dict[str, str]:
    """Quiet frameworks, and compiled modules kept as every installation has them."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def make(name: str, path: Path, *arguments: str) -> None:
    """Make a file of ``big_files.py`` in a child.

    A child's peak memory starts at that of the process it was forked from, so the one that
    measures has to stay small.
    """
    maker = [sys.executable, str(FOLDER / "big_files.py"), name, str(path), *arguments]
    subprocess.run(maker, check=True, stdout=subprocess.DEVNULL)
