"""``modelport verify``: run two files and compare what comes out."""

from __future__ import annotations

import click

from modelport.cli import text
from modelport.cli.convert import verdict
from modelport.cli.errors import DONE, NO
from modelport.commands.verify import as_json as plain
from modelport.commands.verify import verify


@click.command("verify")
@click.argument("a", type=click.Path(readable=False))
@click.argument("b", type=click.Path(readable=False))
@click.option(
    "--inputs",
    metavar="FILE.npz",
    type=click.Path(readable=False),
    help="An .npz with an array for each input.",
)
@click.option(
    "--samples",
    default=3,
    show_default=True,
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="How many random inputs to run.",
)
@click.option("--seed", default=0, show_default=True, metavar="S", help="Where they begin.")
@click.option("--side-files", metavar="DIR", help="Where else files may lie that A and B lead to.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    a: str,
    b: str,
    inputs: str | None,
    samples: int,
    seed: int,
    side_files: str | None,
    as_json: bool,
) -> int:
    """Run A and B on the same inputs; where they disagree, name the first layer that differs."""
    agreement = verify(a, b, inputs=inputs, samples=samples, seed=seed, side_files=side_files)
    told = plain(agreement)
    if as_json:
        text.echo_json(told)
    else:
        if len(told["outputs"]) > 0:
            rows = [
                [
                    output["name"],
                    text.shape(output["shape"]),
                    text.number(output["max_abs_error"]),
                    text.number(output["max_rel_error"]),
                    "yes" if output["agree"] else "no",
                ]
                for output in told["outputs"]
            ]
            header = ["output", "shape", "largest error", "of the scale", "agrees"]
            click.echo(text.table(header, rows) + "\n")
        click.echo(verdict(told))
    return DONE if agreement.agree else NO
