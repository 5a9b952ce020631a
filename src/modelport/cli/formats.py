"""``modelport formats``: which component each format can hold."""

from __future__ import annotations

import click

from modelport.cli import text
from modelport.cli.errors import DONE
from modelport.commands.formats import formats, markdown

SHORT = {"always": "●", "may": "○", "never": "·"}
HEADINGS = {
    "architecture": "arch",
    "weights": "wgts",
    "loss": "loss",
    "optimizer": "opt",
    "optimizer_state": "state",
    "hyperparameters": "hyper",
    "signature": "sig",
    "training_data": "data",
    "metadata": "meta",
    "python_objects": "py",
}


@click.command("formats")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_markdown: bool, as_json: bool) -> int:
    """For every format and component: always (●), may (○) or never (·)."""
    if as_markdown and as_json:
        raise click.UsageError("--markdown and --json are two ways to print; choose one")
    if as_markdown:
        click.echo(markdown(), nl=False)
        return DONE
    found = formats()
    if as_json:
        text.echo_json(found)
        return DONE
    rows = [
        [
            row["name"],
            *(SHORT[row["components"][part]] for part in HEADINGS),
            "rw" if row["write"] else "r",
        ]
        for row in found["formats"]
    ]
    click.echo(text.table(["format", *HEADINGS.values(), ""], rows))
    click.echo("\n  ● always  ○ may  · never    r read  w write\n")
    for row in found["formats"]:
        told = f"{row['title']}; {row['framework']}, {row['status']}"
        click.echo(text.beside(row["name"], told, 2, 16))
        click.echo(f"    {row['specification']}")
    return DONE
