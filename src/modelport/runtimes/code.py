"""A user's own code that builds a module: where it is, and what torch exports of it.

Nothing here imports that code; a child process does, in ``torch_code_runtime``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.errors import ConversionError, MissingRuntime, RuntimeFailure, WrongUsage
from modelport.runtimes.runtime import Runtime, run
from modelport.runtimes.table import TORCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNTIME = Runtime("torch_code", "torch", "torch", (), TORCH)

_FACTORY = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


@dataclass(frozen=True, slots=True)
class Code:
    """A function that returns a module: ``module:name``, the file it is in, and where it is run.

    ``inputs`` is an ``.npz`` of example inputs, where the function returns none.
    """

    factory: str
    file: str
    folder: Path
    inputs: Path | None = None

    @property
    def what(self) -> str:
        """What would run, as one clause."""
        module, _, name = self.factory.partition(":")
        return f"imports {module} ({self.file}) and calls {name}() in a child process"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the runtime."""
        inputs = None if self.inputs is None else str(self.inputs.resolve())
        return {"factory": self.factory, "folder": str(self.folder), "examples": inputs}


def located(factory: str, inputs: Path | None = None) -> Code:
    """The code that ``package.module:factory`` names, below the current folder or installed.

    Raises:
        WrongUsage: another form, or no such module; nothing was imported to tell.
    """
    match = _FACTORY.fullmatch(factory)
    if match is None or match[1].endswith(".py"):
        why = f"{factory!r} is not of the form package.module:factory"
        path, _, name = factory.rpartition(":")
        if path.endswith(".py"):
            stem = path.removesuffix(".py").removeprefix("./").replace("/", ".")
            why += f"; write {stem}:{name}, with its folder as the current one"
        raise WrongUsage("--model", why)
    here, steps = Path.cwd(), match[1].split(".")
    places: Sequence[str] | None = [str(here), *sys.path]
    spec = None
    for at in range(len(steps)):
        spec = PathFinder.find_spec(".".join(steps[: at + 1]), places) if places else None
        if spec is None:
            why = f"no module {'.'.join(steps[: at + 1])} in {here} or among what is installed"
            raise WrongUsage("--model", why)
        places = spec.submodule_search_locations
    return Code(factory, spec.origin or steps[0] if spec else "", here, inputs)


def export(code: Code, target: Path, largest: int) -> list[tuple[str, NDArray[Any]]]:
    """Run the code, export its module to a ``.pt2`` of up to ``largest`` bytes at ``target``.

    Returns the example inputs, flat, in the order of the program's inputs.

    Raises:
        MissingRuntime: torch is not installed.
        WrongUsage: the function failed, or returned no module or no example inputs.
        ConversionError: torch cannot export the module, or a limit was reached.
    """
    if not RUNTIME.installed:
        raise MissingRuntime(RUNTIME.module, RUNTIME.extra)
    options = {**code.options, "target": str(target)}
    try:
        found = run(RUNTIME, Path(code.file), [], options=options, largest=largest)
    except RuntimeFailure as failure:
        kind, _, why = failure.why.partition(": ")
        if kind == "FactoryFailed":
            raise WrongUsage("--model", why) from failure
        if kind == "ExportFailed":
            why = f"torch can neither export nor script it: {why}"
        raise ConversionError(code.factory, why or failure.why) from failure
    if not target.exists():
        raise ConversionError(code.factory, "it exported nothing")
    return list(zip(found.names, found.outputs, strict=True))
