"""``convert``: carry a file to another format, prove it, and only then let it appear."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelport.commands.examples import load_inputs
from modelport.commands.loading import loading
from modelport.commands.source import Source, code_of, opened
from modelport.commands.target import layout_for, other_meanings, target_format
from modelport.convert.account import sum_up
from modelport.convert.carry import carry
from modelport.dialects.torch.assumptions import NO_TYPE
from modelport.errors import ConversionError, UnreadableFile, WrongUsage
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.table import read
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.runtimes.code import Code
from modelport.verify.agreement import Agreement, Status
from modelport.verify.signature import Inputs
from modelport.verify.stand_in import approximations
from modelport.verify.tolerance import tolerance_for
from modelport.verify.verify import Side, run_both
from modelport.verify.weights import prove
from modelport.wire.output import Output
from modelport.wire.source import stamp_of, status_of

SCHEMA = "modelport.convert/1"

Progress = Callable[[str, Path | None, int], None]
"""Called as (what is done now, the file that grows or None, the bytes it will have about)."""


def convert(
    src: str | os.PathLike[str],
    dst: str | os.PathLike[str],
    *,
    to: str | None = None,
    state: str | os.PathLike[str] | None = None,
    verify: bool = True,
    overwrite: bool = False,
    keep: bool = False,
    external_data: bool = False,
    model: str | None = None,
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    run_code: bool = False,
    side_files: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert a model file; the target appears complete, verified, or not at all.

    ``to`` is the name of the target's format; by default the ending of ``dst`` tells. ``state`` is
    a file with other weights for the graph of ``src``, and with what is known of training. With
    ``model`` (``package.module:factory``), ``src`` has the weights for the module that this
    function returns, alone or with example inputs (else ``inputs``); it is called in a child
    process, with ``run_code`` only. ``inputs`` are ``.npz`` files of example inputs, by name or in
    order: they tell shapes that ``src`` does not state (extents that differ stay open), and both
    sides are run on the first. With ``keep`` the target appears even where the two sides disagree.
    ``external_data`` puts the weights of ONNX into a file beside it. ``side_files`` is one more
    folder that files may lie in that ``src`` leads to. ``layout`` is for what becomes Keras:
    ``channels-last`` (in inputs and outputs, too), or ``channels-first`` throughout.

    Raises:
        ConversionError: the target cannot hold the model, or weights do not fit the graph.
        WrongUsage: no format is called ``to`` or has the ending of ``dst``, both are one file,
            code was not allowed to run, or ``layout`` says nothing about this target.
        OutputExists: ``dst`` is there and ``overwrite`` is false.
        UnreadableFile: the source changed while it was read.
        ModelportError: the source cannot be opened.
    """
    code, examples = _code(model, state, inputs, run_code)
    tell = progress or _silent
    tell("reading" if code is None else "exporting the module", None, 0)
    read_from = [Path(path) for path in (src, state) if path is not None]
    before = [*map(_stamp, read_from)]
    report = Report(source=str(src), target=str(dst))
    with opened(src, state, code, side_files, report, examples) as source:
        target = target_format(Path(dst), to, source.side.model)
        report.source_format, report.target_format = source.format, target.name
        report.other_meanings = other_meanings(Path(dst), to, source.side.model)
        _check_apart(read_from, Path(dst))
        with Output(dst, overwrite=overwrite) as output:
            way = layout, external_data
            agreement = _written(source, target, *way, output, report, verify, tell)
            if [_stamp(path) for path in read_from] != before:
                raise UnreadableFile(str(src), "it changed while it was read; convert it again")
            report.verification = describe(agreement)
            if agreement.status is not Status.DISAGREED or keep:
                tell("publishing", None, 0)
                output.publish()
                report.published = True
    return report


def _code(
    model: str | None,
    state: str | os.PathLike[str] | None,
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
    run_code: bool,
) -> tuple[Code | None, dict[str, Inputs]]:
    """The code to run, where one is asked for; else the example inputs, by their files."""
    paths = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs or ())
    if model is None:
        if run_code:
            raise WrongUsage("--run-code", "it goes with --model package.module:factory")
        return None, {str(path): load_inputs(path) for path in paths}
    if len(paths) > 1:
        raise WrongUsage("--inputs", "torch exports the module for one example; give one file")
    if state is not None:
        why = "--model takes SRC as the checkpoint; --state gives one to a graph. Choose one"
        raise WrongUsage("--state", why)
    return code_of(model, paths[0] if paths else None, run_code), {}


def _written(
    source: Source,
    target: Format,
    layout: str | None,
    external_data: bool,
    output: Output,
    report: Report,
    verify: bool,
    tell: Progress,
) -> Agreement:
    """Carry the source, write it, and hold both sides against each other."""
    model = source.side.model
    write = target.write_external if external_data else target.write
    carried = carry(model, target, report, layout_for(layout, model, target))
    if write is None:
        beside = " with its weights in a file beside it" if target.write else ""
        raise ConversionError("", f"modelport does not write {target.name}{beside}")
    expected = sum(tensor.nbytes for tensor in carried.tensors.values())
    tell("writing", output.path, expected)
    write(carried, output, report)
    sum_up(model, target, report)
    if not verify:
        return Agreement(Status.NOT_RUN, "verification was switched off")
    tell("running both sides", None, 0)
    return _verified(source, carried, output, report)


def _stamp(src: Path) -> tuple[int, ...] | None:
    found = status_of(src)
    return found and stamp_of(found)


def _check_apart(sources: Sequence[Path], dst: Path) -> None:
    """WrongUsage where the target is one of the files that are read."""
    there = status_of(dst)
    for path in sources:
        found = status_of(path)
        if found is not None and there is not None and os.path.samestat(found, there):
            why = "source and target are the same file; give DST another name"
            raise WrongUsage(str(dst), why)


def _verified(source: Source, carried: Model, output: Output, report: Report) -> Agreement:
    written = read(Candidate(output.path))
    proof = prove(source.side.model, carried, written, report)
    # The source alone says how exact its results are; a target may not loosen that.
    tolerance = tolerance_for(source.side.model)
    code = [str(path.resolve()) for path in output.companions if path.suffix == ".py"]
    other = Side(written, output.path, options={"source": code[0]} if code else {}, fresh=True)
    agreement = run_both(source.side, other, tolerance=tolerance)
    agreement.weights_exact = proof.exact
    agreement.unused_source_tensors = proof.unused
    if agreement.status is Status.NOT_RUN:
        agreement.status = Status.WEIGHTS_ONLY
        guessed = [change.where for change in report if change.why.startswith(NO_TYPE)]
        if guessed:
            agreement.reason = (
                "the inputs may be others than assumed; give an example (--inputs FILE.npz, "
                f"written with numpy.savez(FILE, {'=..., '.join(guessed)}=...)): {agreement.reason}"
            )
    known = approximations(report)
    if agreement.status is Status.DISAGREED and known and not agreement.reason:
        agreement.reason = (
            "the report tells why: " + "; ".join(known[:3]) + "; keep the target all the same "
            "with --keep (keep=True)"
        )
    if proof.differing:
        agreement.status = Status.DISAGREED
        agreement.reason = f"written weights differ: {', '.join(proof.differing[:5])}"
    return agreement


def as_json(report: Report) -> dict[str, Any]:
    """The JSON object of ``modelport convert --json``."""
    return {
        "schema": SCHEMA,
        "source": report.source,
        "target": report.target,
        "source_format": report.source_format,
        "target_format": report.target_format,
        "other_meanings": report.other_meanings or None,
        "notes": list(report.notes),
        "published": report.published,
        "lossless": report.lossless,
        "kept": {str(component): kept for component, kept in report.kept.items()},
        "changes": [
            {
                "kind": str(change.kind),
                "component": str(change.component),
                "where": change.where,
                "why": change.why,
                "error": change.error,
            }
            for change in report
        ],
        "verification": report.verification,
        "load_with": _loading(report) if report.published else None,
    }


def _loading(report: Report) -> str | None:
    """The line that loads the target; in the runtime that ran it, where the usual one could not."""
    ran = (report.verification.get("runtimes") or {}).get("b")
    return loading(report.target, "reference" if ran == "reference" else None)


def describe(agreement: Agreement) -> dict[str, Any]:
    """The outcome of a verification as plain values."""
    from modelport.commands.plain import plain

    return {
        "status": str(agreement.status),
        "reason": agreement.reason or None,
        "agree": agreement.agree if agreement.outputs else None,
        "max_abs_error": plain(agreement.max_abs_error),
        "max_rel_error": plain(agreement.max_rel_error),
        "tolerance": agreement.tolerance.value,
        "tolerance_reason": agreement.tolerance.why,
        "outputs": [
            {
                "name": output.name,
                "shape": output.shape,
                "max_abs_error": plain(output.max_abs_error),
                "max_rel_error": plain(output.max_rel_error),
                "agree": output.agree,
            }
            for output in agreement.outputs
        ],
        "runtimes": dict(agreement.runtimes),
        "samples": agreement.samples,
        "seed": agreement.seed,
        "weights_exact": agreement.weights_exact,
        "unused_source_tensors": list(agreement.unused_source_tensors),
        "first_difference": agreement.first_difference,
    }


def _silent(stage: str, path: Path | None, size: int) -> None:
    """Tell nobody."""
