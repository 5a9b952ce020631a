"""``modelport diff``: what two files hold that is not the same."""

from __future__ import annotations

from typing import Any

import click

from modelport.cli import text
from modelport.cli.errors import DONE, NO
from modelport.commands.diff import diff

SHOWN = 10


@click.command("diff")
@click.argument("a", type=click.Path(readable=False))
@click.argument("b", type=click.Path(readable=False))
@click.option("--side-files", metavar="DIR", help="Where else files may lie that A and B lead to.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(a: str, b: str, side_files: str | None, as_json: bool) -> int:
    """Compare the components, layers and tensors of A and B; tensors by content."""
    found = diff(a, b, side_files=side_files)
    if as_json:
        text.echo_json(found)
    else:
        _print(found)
    return DONE if found["same"] else NO


def _print(found: dict[str, Any]) -> None:
    rows = [
        [name.replace("_", " "), _mark(pair["a"]), _mark(pair["b"])]
        for name, pair in found["components"].items()
        if pair["a"] or pair["b"]
    ]
    click.echo(text.table(["component", found["formats"]["a"], found["formats"]["b"]], rows))
    layers = found["layers"]
    _list("layers only in A", layers["only_a"])
    _list("layers only in B", layers["only_b"])
    _list("layers that differ", [layer["name"] for layer in layers["changed"]])
    _list("training", _training(found["training"]["a"], found["training"]["b"]))
    for title in ("hyperparameters", "python_objects"):
        others = [f"{key}: {pair['a']} | {pair['b']}" for key, pair in found[title].items()]
        _list(title.replace("_", " "), others)
    tensors = found["tensors"]
    equal = text.counted(tensors["equal"], "tensor")
    click.echo(f"\n  {equal} equal by name and bits")
    for key, title in (("renamed", "equal under another name"), ("rearranged", "another layout")):
        _list(title, [_pair(pair) for pair in tensors[key]])
    _list("other values", [_changed(change) for change in tensors["changed"]])
    _list("tensors only in A", tensors["only_a"])
    _list("tensors only in B", tensors["only_b"])
    state = found["optimizer_state"]
    _list("optimizer state with other values", [_changed(change) for change in state["changed"]])
    _list("optimizer state only in A", state["only_a"])
    _list("optimizer state only in B", state["only_b"])
    same = found["same"]
    word = "the same" if same else "not the same"
    click.echo("\n  " + click.style(word, fg="green" if same else "yellow", bold=True))


def _training(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """What is said of training on both sides, where it is not the same."""
    pairs = [(key, a[key], b[key]) for key in ("loss", "optimizer", "step")]
    left, right = a["hyperparameters"] or {}, b["hyperparameters"] or {}
    pairs += [(key, left.get(key), right.get(key)) for key in {**left, **right}]
    return [f"{key}: {one} | {other}" for key, one, other in pairs if one != other]


def _mark(there: bool) -> str:
    return "yes" if there else "no"


def _changed(change: dict[str, Any]) -> str:
    error = change["max_abs_error"]
    far = "" if error is None else f", by at most {error:.3g}"
    types = [f"{s['dtype']} {text.shape(s['shape'])}" for s in (change["a"], change["b"])]
    return f"{change['name']} {' | '.join(dict.fromkeys(types))}{far}"


def _pair(pair: dict[str, Any]) -> str:
    """Two names of what is the same; where only the layout differs, both shapes."""
    if "shapes" not in pair:
        return f"{pair['a']} = {pair['b']}"
    a, b = (text.shape(pair["shapes"][side]) for side in ("a", "b"))
    return f"{pair['a']} {a} = {pair['b']} {b}"


def _list(title: str, items: list[str]) -> None:
    if not items:
        return
    click.echo(f"\n  {click.style(title, bold=True)} ({len(items):,})")
    for item in items[:SHOWN]:
        click.echo("    " + text.shorten(text.clean(item), text.WIDTH - 4))
    if len(items) > SHOWN:
        click.echo(f"    … {len(items) - SHOWN:,} more (--json shows all)")
