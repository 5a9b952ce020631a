"""Progress on a terminal: what is done now, and how far the file has grown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelport.commands.convert import Progress

DELAY = 0.4
"""Seconds before anything is shown: short work needs no bar."""


@contextmanager
def watching(*, silent: bool) -> Iterator[Progress | None]:
    """A progress callback that draws on a terminal; None where standard error is none."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    state: dict[str, tuple[str, Path | None, int]] = {}
    done = threading.Event()
    drawer = threading.Thread(target=_draw, args=(state, done), daemon=True)
    drawer.start()
    try:
        yield lambda stage, path, size: state.__setitem__("now", (stage, path, size))
    finally:
        done.set()
        drawer.join()


def _draw(state: dict[str, tuple[str, Path | None, int]], done: threading.Event) -> None:
    if done.wait(DELAY):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        while not done.wait(0.1):
            stage, path, size = state.get("now", ("", None, 0))
            grown = path.stat().st_size if path is not None and path.exists() else 0
            bar.update(task, description=stage, total=size or None, completed=grown)
