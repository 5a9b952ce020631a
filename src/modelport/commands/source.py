"""The source of a conversion: one file, or two that belong together, or a file and code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from modelport.commands.examples import types_of
from modelport.commands.open import open_model
from modelport.convert.join import join
from modelport.errors import WrongUsage
from modelport.model.component import Component
from modelport.model.dtype import from_numpy
from modelport.model.graph import TensorType
from modelport.model.report import Kind, Report
from modelport.runtimes.code import RUNTIME, Code, export, located
from modelport.verify.signature import Inputs, named
from modelport.verify.verify import Side

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROOM = 256 << 20
"""What an exported program takes beside its weights."""


@dataclass(frozen=True, slots=True)
class Source:
    """The side to convert, and the format of SRC."""

    side: Side
    format: str


def code_of(model: str, inputs: str | os.PathLike[str] | None, run_code: bool) -> Code:
    """The code of ``--model``.

    Raises:
        WrongUsage: it is not allowed to run; says what would.
    """
    code = located(model, None if inputs is None else Path(inputs))
    if not run_code:
        why = f"this {code.what}; allow it with --run-code (run_code=True)"
        raise WrongUsage("--model", why)
    return code


@contextmanager
def opened(
    src: str | os.PathLike[str],
    state: str | os.PathLike[str] | None,
    code: Code | None,
    side_files: str | os.PathLike[str] | None,
    report: Report,
    examples: Mapping[str, Inputs],
) -> Iterator[Source]:
    """The source, for as long as its files are needed.

    ``state`` has the weights for the graph of ``src``; with ``code``, ``src`` has those for the
    module that the code builds. ``examples`` are inputs that its user knows, by their files.

    Raises:
        ConversionError: weights do not fit the graph, or torch cannot export the module.
        WrongUsage: the examples are no inputs of the model.
        MissingRuntime: torch is not there.
    """
    model = open_model(src, side_files=side_files, examples=types_of(examples))
    if code is None:
        if state is not None:
            model = join(model, open_model(state, side_files=side_files), report)
        fed = None
        if examples and "code" not in model.extras:  # else nobody knows its inputs
            path, arrays = next(iter(examples.items()))
            fed = named(arrays, model, model, path)
        yield Source(Side(model, Path(src), state is not None, examples=fed), model.format)
        return
    with TemporaryDirectory(prefix="modelport-") as folder:
        target = Path(folder) / "program.pt2"
        size = sum(tensor.nbytes for tensor in model.tensors.values())
        exported = export(code, target, 2 * size + _ROOM)
        graph = open_model(target, examples=_free(exported))
        graph.path = code.factory
        joined = join(graph, model, report)
        joined.graph.name = code.factory.rpartition(":")[2]
        stated = joined.signature.inputs if joined.signature else []
        for value in stated:
            if value.shape and isinstance(value.shape[0], int):
                why = f"torch exports the module for a first extent of {value.shape[0]} only"
                report.add(Kind.INVENTED, Component.SIGNATURE, value.name, why)
        fed = _lively(exported, stated)
        side = Side(joined, Path(code.file), True, RUNTIME, code.options, fed)
        yield Source(side, model.format)


def _free(examples: Inputs) -> dict[str, TensorType]:
    """The types of inputs in order, their first axes free, for a script, which states none."""
    return {
        f"arr_{i}": TensorType(from_numpy(array.dtype), (None, *array.shape[1:])[: array.ndim])
        for i, (_, array) in enumerate(examples)
    }


def _lively(examples: Inputs, stated: list[Any]) -> Inputs | None:
    """The examples under the names of the inputs, floats as random numbers of the same shape."""
    import numpy as np

    if len(examples) != len(stated):
        return None
    generator = np.random.default_rng(0)

    def filled(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind != "f":
            return array
        return generator.standard_normal(array.shape).astype(array.dtype)

    return [(value.name, filled(array)) for value, (_, array) in zip(stated, examples, strict=True)]
