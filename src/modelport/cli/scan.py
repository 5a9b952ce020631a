"""``modelport scan``: what files could do to the one who loads them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import click

from modelport.cli import text
from modelport.cli.errors import DONE, NO, UNREADABLE
from modelport.cli.next_steps import SIDE_FILES
from modelport.commands.scan import RULES, SCHEMA, is_unknown, scan_each

FAILS = {
    "needs-code": ("needs-code", "dangerous"),
    "dangerous": ("dangerous",),
}
_COLOURS = {"dangerous": "red", "malformed": "yellow", "needs-code": "cyan", "inert": "green"}


HELP = """Say of files (and all files in folders) what loading them would do.

\b
inert       nothing but values
needs-code  classes or functions that are not in the file
dangerous   runs code, reads or writes files, or uses the network
malformed   broken, or made to be read in two ways

Nothing in a file is run. A path - reads a list of paths from standard input.
"""


@click.command("scan", help=HELP)
@click.argument("paths", nargs=-1, type=click.Path())
@click.option(
    "--jobs", default=1, show_default=True, metavar="N", type=click.IntRange(1, 256),
    help="How many files to read at a time.",
)  # fmt: skip
@click.option(
    "--fail-on",
    type=click.Choice(list(FAILS)),
    default="dangerous",
    show_default=True,
    help="From which level on the exit state is 1.",
)
@click.option("--side-files", metavar="DIR", help="Where else files may lie that PATHS lead to.")
@click.option("--ndjson", is_flag=True, help="Print one JSON object a line, as files are done.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    paths: tuple[str, ...],
    jobs: int,
    fail_on: str,
    side_files: str | None,
    ndjson: bool,
    as_json: bool,
) -> int:
    """Say of every file what loading it would do."""
    if not paths:
        raise click.UsageError("name files or folders to scan, or - for a list on standard input")
    counts: Counter[str] = Counter()
    found = []
    each = scan_each(_paths(paths), jobs=jobs, sha256=ndjson or as_json, side_files=side_files)
    for described in each:
        counts[_level(described)] += 1
        if ndjson:
            click.echo(json.dumps(described))
        elif as_json:
            found.append(described)
        else:
            _show(described)
    if as_json and not ndjson:
        found.sort(key=lambda described: described["path"])
        text.echo_json({"schema": SCHEMA, "rules": RULES, "files": found})
    elif not ndjson:
        told = ", ".join(f"{count:,} {level}" for level, count in sorted(counts.items()))
        click.echo(f"\n{text.counted(sum(counts.values()), 'file')}: {told or 'none'}")
    return _exit_state(counts, fail_on)


def _paths(paths: tuple[str, ...]) -> Iterator[str]:
    for path in paths:
        if path == "-":
            yield from (line.rstrip("\n") for line in sys.stdin if line.strip())
        else:
            yield path


def _level(described: dict[str, Any]) -> str:
    if is_unknown(described):
        return "no model file"
    return described["level"] or "unreadable"


def _show(described: dict[str, Any]) -> None:
    level = _level(described)
    shown = click.style(f"{level:<13}", fg=_COLOURS.get(level))
    click.echo(f"{shown} {text.clean(described['path'])}", color=text.colours())
    for finding in described["findings"][:_MOST]:
        where = f" ({finding['where']})" if finding["where"] else ""
        line = f"{finding['rule']} {finding['what']}{where}"
        click.echo(f"    {text.shorten(text.clean(line), text.WIDTH - 4)}")
    if any(SIDE_FILES in finding["what"] for finding in described["findings"]):
        click.echo(f"    {SIDE_FILES} allows the folder where such files lie, if you trust it")
    more = len(described["findings"]) - _MOST
    if more > 0:
        click.echo(f"    ... and {more:,} more (--json shows all)")
    if level == "unreadable":
        message = described["error"]["message"]
        click.echo(f"    {text.shorten(text.clean(message), text.WIDTH - 4)}")


_MOST = 5


def _exit_state(counts: Counter[str], fail_on: str) -> int:
    if any(counts[level] for level in FAILS[fail_on]):
        return NO
    return UNREADABLE if counts["malformed"] or counts["unreadable"] else DONE
