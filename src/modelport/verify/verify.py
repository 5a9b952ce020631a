"""Run two models on the same inputs and compare what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelport.convert.carry import carry
from modelport.errors import ConversionError, MissingRuntime, ModelportError, RuntimeFailure
from modelport.formats.table import by_name
from modelport.model.graph import Graph
from modelport.model.model import Level, Model
from modelport.model.report import Report
from modelport.runtimes.memory import available
from modelport.runtimes.runtime import Budget, Run, Runtime, run
from modelport.runtimes.table import SOURCE, loads_the_file
from modelport.verify.agreement import Agreement, Status, best_status, compare_outputs
from modelport.verify.axes import given_back, seen, seen_alike, straightened, turned
from modelport.verify.inputs import EXTENTS, SAMPLES, random_inputs
from modelport.verify.lists import STACKED, stacked_alike
from modelport.verify.signature import Inputs, differing_inputs, fitted
from modelport.verify.stand_in import form_for, standing_in
from modelport.verify.tolerance import Tolerance, tolerance_for
from modelport.verify.witness import witnesses
from modelport.wire.output import Output


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: what was read, and the file to run.

    ``joined`` says that the weights of the model are not those of the file. ``runtime`` is the one
    to run it in, with ``options``, where that does not follow from the format; ``examples`` are
    inputs that it takes, where random ones may not do. ``fresh`` is what modelport has written
    itself: where its framework refuses it, nothing stands in for it.
    """

    model: Model
    path: Path
    joined: bool = False
    runtime: Runtime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    examples: Inputs | None = None
    fresh: bool = False


def run_both(
    a: Side,
    b: Side,
    *,
    inputs: Inputs | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    tolerance: Tolerance | None = None,
) -> Agreement:
    """Run both sides and compare; a side that cannot run is a reason, never an exception.

    Only ``inert`` files are given to a framework. Inputs are random where none are given. The
    tolerance follows the coarsest dtype that either side computes in, where none is given.
    """
    agreement = Agreement(Status.NOT_RUN, samples=samples, seed=seed)
    models = seen_alike(a.model, b.model)
    a, b = (replace(side, model=model) for side, model in zip((a, b), models, strict=True))
    agreement.tolerance = tolerance or tolerance_for(a.model, b.model)
    for side in (a, b):
        if side.model.dialect is None:
            agreement.reason = f"{side.path.name} holds weights alone, which cannot be run"
            return agreement
        if side.model.level is not Level.INERT and loads_the_file(side.model):
            agreement.reason = f"{side.path.name} is {side.model.level}, so it was not run"
            return agreement
    apart = differing_inputs(a.model, b.model)
    if apart is not None:
        agreement.status, agreement.reason = Status.DISAGREED, apart
        return agreement
    try:
        given = inputs or a.examples
        fed = straightened(given, a.model, b.model) if given else None
        runs = _runs(a, b, fed, samples, seed)
    except (MissingRuntime, RuntimeFailure, ConversionError) as error:
        agreement.reason = str(error)
        if isinstance(error, MissingRuntime):
            agreement.missing = (error.runtime, error.extra)
        return agreement
    agreement.runtimes = {"a": runs[0].runtime, "b": runs[1].runtime}
    shapes = [[array.shape for array in run.outputs] for run in runs]
    alike = stacked_alike(*runs) if shapes[0] != shapes[1] else None
    runs = (alike or runs[0], runs[1])
    agreement.outputs = compare_outputs(*runs, agreement.tolerance.value, agreement.tolerance.steps)
    _name_outputs(agreement, a.model)
    agreement.status = best_status(agreement.outputs)
    # Frameworks refuse each other's files; that the usual runtime of a file does is worth a word.
    agreement.reason = next((run.refused for run in runs if run.runtime == "reference"), "")
    if alike is not None and not agreement.reason:
        agreement.reason = STACKED
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
    budget = Budget()
    if inputs is not None:
        return _run_beside(a, b, inputs, budget), _run_beside(b, a, inputs, budget)
    graph = as_onnx(b.model) or as_onnx(a.model)
    failure: ModelportError | None = None
    for extent in EXTENTS:
        try:
            made = random_inputs(
                a.model, graph, samples=samples, seed=seed, extent=extent, beside=b.model
            )
            return _run_beside(a, b, made, budget), _run_beside(b, a, made, budget)
        except RuntimeFailure as error:
            failure = failure or error
            if error.limit or _all_known(a.model):
                raise
        except ConversionError as error:
            # Larger inputs than those that failed to fit are no help.
            raise failure or error from None
    raise failure or RuntimeFailure("any", str(a.path), "no input fits")


def _all_known(model: Model) -> bool:
    inputs = model.signature.inputs if model.signature else []
    return all(isinstance(dim, int) for value in inputs for dim in (value.shape or ())[1:])


def _run_beside(side: Side, other: Side, inputs: Inputs, budget: Budget) -> Run:
    """Run a side itself, or, where its frameworks are missing or refuse it, a stand-in."""
    try:
        if side.joined and side.model.dialect != "torch":
            raise ConversionError("", "the file has other weights than the model")
        return run_first(side, inputs, budget=budget)
    except (ConversionError, MissingRuntime, RuntimeFailure) as error:
        form = form_for(side.model, other.model)
        limited = isinstance(error, RuntimeFailure) and (error.limit or side.fresh)
        if form is None or (side.model.format == form and not side.joined) or limited:
            raise
        try:
            with standing_in(side.model, form) as (model, path):
                found = run_first(Side(seen(model), path), inputs, budget=budget)
        except MissingRuntime as lacking:
            raise lacking if isinstance(error, ConversionError) else error from None
        except ConversionError as no_form:
            if isinstance(error, ConversionError):
                raise ConversionError("", f"{error}; {no_form}") from None
            raise error from None
        except RuntimeFailure as failure:
            raise failure if failure.limit else error from None
        return replace(found, runtime=f"{found.runtime} (as {form})")


def run_first(
    side: Side, inputs: Inputs, layers: Sequence[str] = (), budget: Budget | None = None
) -> Run:
    """Run a side in the first of its installed runtimes that can and that is a witness.

    Raises:
        MissingRuntime: none of them is installed.
        RuntimeFailure: those that are cannot run the file, or took too much time or memory.
        ConversionError: no runtime is known for the format, or none means the same by it.
    """
    able, why_not = ([side.runtime], "") if side.runtime else witnesses(side.model)
    if not able:
        why = why_not or f"no runtime runs a {side.model.format} file"
        raise ConversionError(side.model.path, why)
    failure: ModelportError = MissingRuntime(able[0].name, able[0].extra)
    for runtime in able:
        if not runtime.installed:
            continue
        try:
            _check_memory(runtime, side)
            fed = turned(side.model, fitted(side.model, inputs))
            with _own_options(side, runtime) as options:
                found = run(runtime, side.path, fed, layers=layers, budget=budget, options=options)
            found = given_back(side.model, found)
            if isinstance(failure, RuntimeFailure):
                return replace(found, refused=f"{failure.runtime} cannot run it: {failure.why}")
            return found
        except RuntimeFailure as error:
            # What the first runtime said is told; the reference often says less.
            failure = failure if isinstance(failure, RuntimeFailure) else error
            if error.limit:
                raise
    raise failure


@contextmanager
def _own_options(side: Side, runtime: Runtime) -> Iterator[dict[str, Any]]:
    """What to tell a runtime: where the weights of a joined model lie, or its source code."""
    writer = by_name("pytorch").write
    wants_source = runtime.name == SOURCE and "source" not in side.options
    if not (side.joined or wants_source) or writer is None:
        yield dict(side.options)
        return
    with TemporaryDirectory(prefix="modelport-") as folder:
        path = Path(folder) / "weights.pt"
        if wants_source:
            # A file that lies beside the weights may be anybody's, and is never run.
            alone = carry(replace(side.model, format="onnx"), by_name("pytorch"), Report())
        else:
            alone = Model("pytorch", str(path), graph=Graph(tensors=dict(side.model.tensors)))
        with Output(path) as output:
            writer(alone, output, Report())
            output.publish()
        if wants_source:
            yield {"source": str(path.with_suffix(".py"))}
        else:
            yield {**side.options, "weights": str(path)}


def _check_memory(runtime: Runtime, side: Side) -> None:
    """Do not begin what cannot end well.

    Raises:
        RuntimeFailure: the weights, as often as the runtime copies them, are more than is free.
    """
    need = runtime.appetite.need([tensor.nbytes for tensor in side.model.tensors.values()])
    free = available()
    if need > free:
        why = (
            f"it would need about {need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB is free; "
            "free some, or verify on a larger machine"
        )
        raise RuntimeFailure(runtime.name, str(side.path), why, limit=True)


def as_onnx(model: Model) -> Graph | None:
    """The model's graph as ONNX, or None where there is no such form."""
    if model.dialect == "ai.onnx":
        return model.graph
    try:
        return carry(model, by_name("onnx"), Report()).graph if model.dialect else None
    except ConversionError:
        return None
