"""``modelport ready``: enough to use, train on, archive?"""

from __future__ import annotations

import click

from modelport.cli import text
from modelport.cli.errors import DONE, UNREADABLE
from modelport.commands.ready import ready

QUESTIONS = {"use": "use it", "train": "go on training", "archive": "archive it"}


@click.command("ready")
@click.argument("file", type=click.Path(readable=False))
@click.argument("data", nargs=-1, type=click.Path(readable=False))
@click.option("--side-files", metavar="DIR", help="Where else files may lie that FILE leads to.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: str, data: tuple[str, ...], side_files: str | None, as_json: bool) -> int:
    """Is FILE enough to use, to go on training, to archive? Do the DATA files fit its inputs?"""
    found = ready(file, data, side_files=side_files)
    state = UNREADABLE if any(item["error"] for item in found["data"]) else DONE
    if as_json:
        text.echo_json(found)
        return state
    for key, question in QUESTIONS.items():
        answer = found[key]
        mark = click.style("yes", fg="green") if answer["ok"] else click.style("no ", fg="red")
        click.echo(f"  {mark}  {click.style(question, bold=True)}")
        above = found["use"]["missing"] if key != "use" else []
        if above:
            click.echo(text.wrap("", "what is missing to use it, and", 9))
        for missing in answer["missing"]:
            if missing not in above:
                click.echo(text.wrap("", missing, 9))
    for item in found["data"]:
        mark = (
            click.style("fits", fg="green")
            if item["fits"]
            else click.style("does not open" if item["error"] else "does not fit", fg="red")
        )
        click.echo(f"  {text.clean(item['path'])}: {mark}")
        click.echo(text.wrap("", item["why"], 9))
    return state
