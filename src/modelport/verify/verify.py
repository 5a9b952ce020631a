"""Run two models on the same inputs and compare what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelport.errors import ConversionError, MissingRuntime, ModelportError, RuntimeFailure
from modelport.model.graph import Graph
from modelport.model.model import Level, Model
from modelport.model.report import Report
from modelport.runtimes.runtime import Run, run
from modelport.runtimes.table import runtimes_for
from modelport.verify.agreement import Agreement, Status, best_status, compare_outputs
from modelport.verify.inputs import EXTENTS, SAMPLES, random_inputs
from modelport.verify.stand_in import form_for, standing_in

Inputs = Sequence[tuple[str, NDArray[Any]]]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what was read, and the file to run."""

    model: Model
    path: Path


def run_both(
    a: Side,
    b: Side,
    *,
    inputs: Inputs | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Agreement:
    """Run both sides and compare; a side that cannot run is a reason, never an exception.

    Only ``inert`` files are run. Inputs are random where none are given.
    """
    agreement = Agreement(Status.NOT_RUN, samples=samples, seed=seed)
    for side in (a, b):
        if side.model.level is not Level.INERT:
            agreement.reason = f"{side.path.name} is {side.model.level}, so it was not run"
            return agreement
    try:
        runs = _runs(a, b, inputs, samples, seed)
    except (MissingRuntime, RuntimeFailure, ConversionError) as error:
        agreement.reason = str(error)
        if isinstance(error, MissingRuntime):
            agreement.missing = (error.runtime, error.extra)
        return agreement
    agreement.runtimes = {"a": runs[0].runtime, "b": runs[1].runtime}
    agreement.outputs = compare_outputs(*runs)
    _name_outputs(agreement, a.model)
    agreement.status = best_status(agreement.outputs)
    if len(runs[0].outputs) != len(runs[1].outputs):
        agreement.status = Status.DISAGREED
        agreement.reason = f"{len(runs[0].outputs)} outputs against {len(runs[1].outputs)}"
    return agreement


def _name_outputs(agreement: Agreement, model: Model) -> None:
    """Call the outputs as the file does; runtimes have names of their own."""
    stated = model.signature.outputs if model.signature else []
    if len(stated) == len(agreement.outputs):
        agreement.outputs = [
            replace(output, name=value.name)
            for output, value in zip(agreement.outputs, stated, strict=True)
        ]


def _runs(a: Side, b: Side, inputs: Inputs | None, samples: int, seed: int) -> tuple[Run, Run]:
    if inputs is not None:
        return _run_beside(a, b, inputs), _run_beside(b, a, inputs)
    graph = as_onnx(b.model) or as_onnx(a.model)
    failure: ModelportError | None = None
    for extent in EXTENTS:
        made = random_inputs(a.model, graph, samples=samples, seed=seed, extent=extent)
        try:
            return _run_beside(a, b, made), _run_beside(b, a, made)
        except RuntimeFailure as error:
            failure = failure or error
            if _all_known(a.model):
                break
    raise failure or RuntimeFailure("any", str(a.path), "no input fits")


def _all_known(model: Model) -> bool:
    inputs = model.signature.inputs if model.signature else []
    return all(isinstance(dim, int) for value in inputs for dim in (value.shape or ())[1:])


def _run_beside(side: Side, other: Side, inputs: Inputs) -> Run:
    """Run a side itself, or, where its frameworks are missing or refuse it, a stand-in."""
    try:
        return run_first(side, inputs)
    except (MissingRuntime, RuntimeFailure) as error:
        form = form_for(side.model, other.model)
        if form is None or side.model.format == form:
            raise
        try:
            with standing_in(side.model, form) as (model, path):
                found = run_first(Side(model, path), inputs)
        except (ConversionError, MissingRuntime, RuntimeFailure):
            raise error from None
        return replace(found, runtime=f"{found.runtime} (as {form})")


def run_first(side: Side, inputs: Inputs, layers: Sequence[str] = ()) -> Run:
    """Run a side in the first of its installed runtimes that can.

    Raises:
        MissingRuntime: none of them is installed.
        RuntimeFailure: those that are cannot run the file.
        ConversionError: no runtime is known for the format.
    """
    able = runtimes_for(side.model)
    if not able:
        raise ConversionError(side.model.path, f"no runtime runs a {side.model.format} file")
    failure: ModelportError = MissingRuntime(able[0].name, able[0].extra)
    for runtime in able:
        if runtime.installed:
            try:
                return run(runtime, side.path, inputs, layers=layers)
            except RuntimeFailure as error:
                failure = error
    raise failure


def as_onnx(model: Model) -> Graph | None:
    """The model's graph as ONNX, or None where there is no such form."""
    if model.dialect == "ai.onnx":
        return model.graph
    if model.dialect != "keras":
        return None
    from modelport.convert.carry import canonical
    from modelport.dialects.keras.lower import lower

    try:
        return lower(canonical(model, Report()).graph)
    except ConversionError:
        return None
