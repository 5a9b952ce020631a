"""``modelport ready``: enough to use, train on, archive?"""

from __future__ import annotations

import click

from modelport.cli import text
from modelport.cli.errors import DONE
from modelport.commands.ready import ready

QUESTIONS = {"use": "use it", "train": "go on training", "archive": "archive it"}


@click.command("ready")
@click.argument("file", type=click.Path(readable=False))
@click.argument("data", nargs=-1, type=click.Path(readable=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: str, data: tuple[str, ...], as_json: bool) -> int:
    """Is FILE enough to use, to go on training, to archive? Do the DATA files fit its inputs?"""
    found = ready(file, data)
    if as_json:
        text.echo_json(found)
        return DONE
    for key, question in QUESTIONS.items():
        answer = found[key]
        mark = click.style("yes", fg="green") if answer["ok"] else click.style("no ", fg="red")
        click.echo(f"  {mark}  {click.style(question, bold=True)}")
        for missing in answer["missing"]:
            click.echo(text.wrap("", missing, 9))
    for item in found["data"]:
        mark = (
            click.style("fits", fg="green") if item["fits"] else click.style("does not", fg="red")
        )
        click.echo(f"  {text.clean(item['path'])}: {mark}")
        click.echo(text.wrap("", item["why"], 9))
    return DONE
