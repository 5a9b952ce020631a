"""``modelport convert``: carry a model to another format and prove it."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli import text
from modelport.cli.errors import DONE, NO
from modelport.cli.progress import watching
from modelport.commands.convert import as_json as plain
from modelport.commands.convert import convert
from modelport.commands.source import code_of
from modelport.commands.target import LAYOUTS
from modelport.model.component import Component
from modelport.model.report import PLAIN_WORDS, Kind

SHOWN = 6


@click.command("convert")
@click.argument("src", type=click.Path(readable=False))
@click.argument("dst", type=click.Path(readable=False))
@click.option("--to", metavar="FORMAT", help="The target's format (see: modelport formats).")
@click.option("--state", metavar="CHECKPOINT", help="Take the weights for SRC's graph from here.")
@click.option("--no-verify", is_flag=True, help="Do not run both sides.")
@click.option("--keep", is_flag=True, help="Keep the target even where the sides disagree.")
@click.option("--overwrite", is_flag=True, help="Replace DST if it is there.")
@click.option("--external-data", is_flag=True, help="Put the weights of ONNX beside it.")
@click.option(
    "--model",
    metavar="MODULE:FACTORY",
    help="Take SRC as weights for the torch module that FACTORY() of your own MODULE returns, "
    "alone or as (module, example inputs).",
)
@click.option(
    "--inputs",
    metavar="FILE.npz",
    multiple=True,
    help="Example inputs, by name or in order: for --model, or for code of TorchScript, which "
    "states no shapes. Given twice, extents that differ stay open.",
)
@click.option(
    "--run-code",
    is_flag=True,
    help="Let --model import MODULE, from the current folder or what is installed, and call "
    "FACTORY() in a child process with your rights. No code of SRC runs.",
)
@click.option("--side-files", metavar="DIR", help="Where else files may lie that SRC leads to.")
@click.option(
    "--layout",
    metavar="LAYOUT",
    type=click.Choice(LAYOUTS),
    help="For a model that becomes Keras. channels-last: its inputs and outputs have channels "
    "last, too; channels-first: everything has them first. By default inputs and outputs keep "
    "their axes, and channels are last inside.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    src: str,
    dst: str,
    to: str | None,
    state: str | None,
    no_verify: bool,
    keep: bool,
    overwrite: bool,
    external_data: bool,
    model: str | None,
    inputs: tuple[str, ...],
    run_code: bool,
    side_files: str | None,
    layout: str | None,
    as_json: bool,
) -> int:
    """Convert SRC to DST, run both, and print what differs and how to load the result."""
    if model is not None and run_code:
        click.echo(f"--run-code: {code_of(model, None, run_code).what}", err=True)
    with watching(silent=as_json) as progress:
        report = convert(
            src,
            dst,
            to=to,
            state=state,
            verify=not no_verify,
            overwrite=overwrite,
            keep=keep,
            external_data=external_data,
            model=model,
            inputs=inputs,
            run_code=run_code,
            side_files=side_files,
            layout=layout,
            progress=progress,
        )
    told = plain(report)
    if as_json:
        text.echo_json(told)
    else:
        _print(told)
    return NO if told["verification"]["status"] == "disagreed" else DONE


def _print(told: dict[str, Any]) -> None:
    source = f"{told['source']} ({told['source_format']})"
    target = f"{told['target']} ({told['target_format']})"
    joined = text.clean(f"{source} → {target}")
    if text.columns(joined) > text.WIDTH:
        joined = f"{text.clean(source)}\n  → {text.clean(target)}"
    click.echo(joined)
    if told["other_meanings"]:
        click.echo(text.wrap("", told["other_meanings"], 2))
    for note in told["notes"]:
        click.echo(text.wrap("", note, 2))
    click.echo()
    for component, kept in told["kept"].items():
        if kept != "absent":
            colour = {"all": "green", "part": "yellow", "none": "red"}[kept]
            name = component.replace("_", " ").ljust(16)
            click.echo(f"  {name} {click.style(kept, fg=colour)}")
    _print_changes(told["changes"])
    click.echo()
    click.echo(verdict(told["verification"]))
    if told["published"]:
        click.echo(f"\n  load it with  {text.clean(told['load_with'])}")
        if any(_needs_code(change) for change in told["changes"]):
            click.echo("  (only beside the code of what is unsupported: custom_objects={...})")
    else:
        click.echo("\n  Nothing was written; --keep writes it all the same.")


def _needs_code(change: dict[str, Any]) -> bool:
    """Whether a change says that a layer or function needs code that no framework brings."""
    return (change["kind"], change["component"]) == (Kind.FOREIGN, Component.ARCHITECTURE)


def _print_changes(changes: list[dict[str, Any]]) -> None:
    for kind in Kind:
        found = [change for change in changes if change["kind"] == kind]
        if not found:
            continue
        click.echo(f"\n  {click.style(PLAIN_WORDS[kind], bold=True)} ({len(found)})")
        found.sort(key=lambda change: change["why"].startswith("was called"))
        for change in found[:SHOWN]:
            where = change["where"]
            if where == change["component"]:
                where = where.replace("_", " ")
            click.echo(text.beside(where, change["why"], 4, 24))
        if len(found) > SHOWN:
            click.echo(f"    … {len(found) - SHOWN:,} more (--json shows all)")


def verdict(verification: dict[str, Any]) -> str:
    """One paragraph about the outcome of a verification."""
    status = verification["status"]
    runtimes = verification["runtimes"]
    exact = verification["weights_exact"]
    if status in ("agreed", "disagreed"):
        good = status == "agreed"
        word = "both sides agree" if good else "the sides disagree"
        line = f"  {click.style(word, fg='green' if good else 'red', bold=True)}"
        if runtimes["a"] is not None:
            line += f": {runtimes['a']} and {runtimes['b']}\n" + text.wrap(
                "", _far(verification), 2
            )
    else:
        proved = {True: "weights proved, not run", False: "weights not all the same, not run"}
        word = proved.get(exact, "not verified") if status == "weights-only" else "not verified"
        line = f"  {click.style(word, fg='yellow', bold=True)}"
    if verification["reason"]:
        line += "\n" + text.wrap("", verification["reason"], 2)
    if exact is not None:
        line += f"\n  {_exactness(exact, len(verification['unused_source_tensors']))}"
    if verification["first_difference"]:
        line += f"\n  first layer that differs: {text.clean(verification['first_difference'])}"
    return line


def _exactness(exact: bool, left_over: int) -> str:
    if exact:
        return "every weight is bit-equal, at most rearranged"
    rest = f": the source has {text.counted(left_over, 'tensor')} more" if left_over else ""
    return f"weights are not exact{rest}"


def _far(verification: dict[str, Any]) -> str:
    """How far the outputs lie apart, and how far they may."""
    error = verification["max_rel_error"]
    far = error if isinstance(error, str) else f"{error or 0:.1e}"
    return (
        f"at most {far} of the output's scale apart (tolerance {verification['tolerance']:.1g}: "
        f"{verification['tolerance_reason']}; {verification['samples']} samples, "
        f"seed {verification['seed']})"
    )
