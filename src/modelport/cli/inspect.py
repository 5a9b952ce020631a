"""``modelport inspect``: what is inside, one screen."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import click

from modelport.cli import text
from modelport.cli.errors import DONE, UNREADABLE, exit_state, show
from modelport.cli.next_steps import next_steps
from modelport.commands import inspect as inspecting
from modelport.errors import ModelportError, UnknownFormat, UnreadableFile
from modelport.wire.source import status_of

SCREEN = 34
"""Lines of one screen; layers get what the rest leaves, but no fewer than ``FEWEST_LAYERS``."""

FEWEST_LAYERS = 6
MOST_FINDINGS = 3
COLOURS = {"inert": "green", "needs-code": "yellow", "dangerous": "red", "malformed": "red"}


@click.command("inspect")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(readable=False), metavar="FILE..."
)
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--layers", is_flag=True, help="List every layer, however many there are.")
@click.option("--side-files", metavar="DIR", help="Where else files may lie that FILE leads to.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (several files: one a line).")
def command(
    files: tuple[str, ...], tensors: bool, layers: bool, side_files: str | None, as_json: bool
) -> int:
    """What is inside FILE; a folder stands for the model files in it."""
    state, shown = DONE, 0
    for path, named in _expanded(files):
        try:
            described = inspecting.inspect(path, tensors=tensors, side_files=side_files)
        except ModelportError as error:
            if named or not isinstance(error, UnknownFormat):
                state = max(state, exit_state(error))
            _tell(path, error, as_json=as_json, named=named)
            continue
        if as_json:
            text.echo_json(described)
        else:
            click.echo("\n" * (shown > 0), nl=False)
            _print(described, every_layer=layers)
        shown += 1
    return state if shown or state else UNREADABLE


def _expanded(files: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Every file, and whether it was named itself; the files below a folder, hidden ones not."""
    found: list[tuple[str, bool]] = []
    for file in files:
        path = Path(file)
        status = status_of(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            found.append((file, True))
            continue
        below = [
            Path(folder, name)
            for folder, folders, names in os.walk(path)
            for name in names
            if not _hidden(Path(folder, name).relative_to(path))
        ]
        if not below:
            raise UnreadableFile(file, "a folder without any file in it")
        found.extend((str(item), False) for item in sorted(below))
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _tell(path: str, error: ModelportError, *, as_json: bool, named: bool) -> None:
    """Say what cannot be opened; of other files in a folder only that they are others."""
    if as_json:
        text.echo_json(inspecting.unreadable(path, error))
    elif named or not isinstance(error, UnknownFormat):
        show(error)
    else:
        click.echo(f"{text.clean(path)}: no model file", err=True)


def _print(described: dict[str, Any], *, every_layer: bool) -> None:
    tail = [*_findings(described["verdict"]["findings"])]
    if "tensors" in described:
        tail += ["", *_tensor_table(described["tensors"]).split("\n")]
    tail += ["", *next_steps(described)]
    architecture = described["architecture"]
    layers = architecture["layers"] if architecture else []
    table = min(len(layers), FEWEST_LAYERS) + 2 if layers else 0
    for most in (3, 2, 1):
        head = _head(described, most)
        if len(head) + table + len(tail) <= SCREEN:
            break
    if layers:
        room = SCREEN - len(head) - len(tail) - 2
        shown = None if every_layer or "tensors" in described else max(room, FEWEST_LAYERS)
        head += ["", *_layer_table(layers, shown).split("\n")]
    click.echo("\n".join([*head, *tail]))


def _head(described: dict[str, Any], most: int) -> list[str]:
    """Who wrote the file, and each component in at most about ``most`` lines."""
    head = [*_headline(described), ""]
    for label, words in _components(described, most):
        head += text.wrap(label, words).split("\n")
    return head


def _headline(described: dict[str, Any]) -> list[str]:
    producer = described["producer"]
    who = " ".join(str(part) for part in (producer["name"], producer["version"]) if part)
    if producer["backend"]:
        who += f" on {producer['backend']}"
    level = described["verdict"]["level"]
    title = described["format"]["title"]
    version = described["format"]["version"]
    if version is not None and version != producer["version"]:
        title = f"{title} {version}"
    parts = [
        click.style(text.clean(Path(described["path"]).name), bold=True),
        text.clean(title),
        text.clean(who),
        text.size(described["bytes"]),
        click.style(level, fg=COLOURS.get(level)),
    ]
    return _in_lines([part for part in parts if part])


def _in_lines(parts: list[str]) -> list[str]:
    """Parts with a dot between them, on as many lines as they need."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]} · {part}"
        if text.columns(click.unstyle(joined)) <= text.WIDTH:
            lines[-1] = joined
        else:
            lines.append(f"  {part}")
    return lines


def _components(described: dict[str, Any], most: int) -> list[tuple[str, str]]:
    lines = [
        ("architecture", _architecture(described)),
        ("weights", _weights(described["weights"])),
        ("loss", _loss(described, most)),
        ("optimizer", _settings(described["optimizer"], most)),
        ("optimizer state", _state(described["optimizer_state"])),
        ("hyperparameters", text.folded(_pairs(described["hyperparameters"]), most=most)),
        ("signature", _signature(described["signature"], most)),
        ("training data", _training_data(described, most)),
        ("metadata", text.folded(_pairs(described["metadata"]), most=most)),
    ]
    if described["python_objects"] is not None:
        objects = described["python_objects"]
        told = _pairs(objects) if isinstance(objects, dict) else [_short(objects)]
        lines.append(("python objects", text.folded(told, most=most)))
    absent = [label for label, words in lines if not words]
    there = [(label, words) for label, words in lines if words]
    return [*there, ("not in the file", ", ".join(absent))] if absent else there


def _architecture(described: dict[str, Any]) -> str:
    architecture = described["architecture"]
    if architecture is None:
        return ""
    nodes = text.counted(architecture["nodes"], "node")
    told = f"{architecture['kind']}, {nodes} ({architecture['dialect']})"
    return f"{told}; {architecture['missing']}" if architecture["missing"] else told


def _weights(weights: dict[str, Any] | None) -> str:
    if weights is None:
        return ""
    dtypes = weights["dtypes"]
    shown = ", ".join(
        dtypes if len(dtypes) == 1 else (f"{n} {dtype}" for dtype, n in dtypes.items())
    )
    return (
        f"{text.counted(weights['parameters'], 'parameter')} in "
        f"{text.counted(weights['tensors'], 'tensor')}, {text.size(weights['bytes'])}, {shown}"
    )


def _loss(described: dict[str, Any], most: int) -> str:
    loss = described["loss"]
    if loss is None:
        return ""
    metrics = described["metrics"]
    told = text.folded(_parts(loss), most=most)
    more = text.folded(_parts(metrics), most=1, width=text.WIDTH - 29) if metrics else ""
    return f"{told}; metrics {more}" if more else told


def _parts(value: Any) -> list[str]:
    """What a loss or metrics consist of, item by item."""
    if isinstance(value, dict) and "class_name" not in value:
        return [f"{key}: {_short(item)}" for key, item in value.items()]
    if isinstance(value, list):
        counts = Counter(_short(item) for item in value if item is not None)
        return [item if n == 1 else f"{item} ({n:,} times)" for item, n in counts.items()]
    return [_short(value)]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        if "class_name" in value:
            config = value.get("config")
            function = config.get("fn") if isinstance(config, dict) else None
            return _short(function or value["class_name"])
        return ", ".join(f"{key}: {_short(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value if item is not None)
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _settings(optimizer: dict[str, Any] | None, most: int) -> str:
    if optimizer is None:
        return ""
    pairs = _pairs({k: v for k, v in optimizer["hyperparameters"].items() if k != "name"})
    name = str(optimizer["name"])
    return (
        f"{name} ({text.folded(pairs, most=most, width=text.WIDTH - 22 - len(name))})"
        if pairs
        else name
    )


def _state(state: dict[str, Any] | None) -> str:
    if state is None:
        return ""
    step = "unknown step" if state["step"] is None else f"step {state['step']:,}"
    return f"{step}, {text.counted(state['tensors'], 'tensor')}"


def _pairs(values: dict[str, Any]) -> list[str]:
    return [
        f"{text.shorten(str(key), 40)} {text.shorten(_short(value), 40)}"
        for key, value in values.items()
        if value not in (None, False, "", [], {})
    ]


def _signature(signature: dict[str, Any] | None, most: int) -> str:
    if signature is None:
        return ""
    sides = []
    for side in ("inputs", "outputs"):
        shown = []
        for value in signature[side]:
            dtype = f" {value['dtype']}" if value["dtype"] else ""
            extents = "" if value["shape"] is None else f" {text.shape(value['shape'])}"
            shown.append(f"{text.shorten(value['name'], 40)}{dtype}{extents}")
        sides.append(text.folded(shown, most=min(most, 2)) or "nothing")
    return " → ".join(sides)


def _training_data(described: dict[str, Any], most: int) -> str:
    data = described["training_data"]
    if data is None:
        return ""
    records = "" if data["records"] is None else f"{text.counted(data['records'], 'record')}: "
    features = [f"{name} {text.shape(f['shape'])}" for name, f in data["features"].items()]
    return records + text.folded(features, most=most)


def _layer_table(layers: list[dict[str, Any]], most: int | None) -> str:
    shown = layers
    if most is not None and len(layers) > most:
        first = most // 2
        last = most - first - 1
        left = f"… {len(layers) - first - last:,} more (--layers)"
        shown = [*layers[:first], *layers[len(layers) - last :]]
    header = ["layer", "type, activation", "units", "params", "bias", "frozen", "output"]
    rows = [
        [
            str(layer["name"]),
            " ".join(_short(word) for word in (layer["type"], layer["activation"]) if word),
            text.number(layer["units"]),
            text.number(layer["parameters"] or None),
            text.number(layer["bias"] or None),
            text.number(layer["frozen"] or None),
            _extents(layer["output_shape"]),
        ]
        for layer in shown
    ]
    keep = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows)]
    right = [keep.index(i) for i in (2, 3, 4, 5) if i in keep]
    if not any(layer["activation"] for layer in shown):
        header[1] = "type"
    kept = [[row[i] for i in keep] for row in rows]
    if shown is not layers:
        kept.insert(first, [left])
    return text.table([header[i] for i in keep], kept, right)


def _extents(shape: list[Any] | None) -> str:
    """A shape in few columns: ``?x28x28x1``, with the sign for times."""
    if shape is None:
        return ""
    sizes = ["?" if extent is None else str(extent) for extent in shape]
    return "×".join(sizes) or "scalar"  # noqa: RUF001


def _tensor_table(tensors: list[dict[str, Any]]) -> str:
    rows = [[t["name"], text.shape(t["shape"]), t["dtype"], text.size(t["bytes"])] for t in tensors]
    return text.table(["tensor", "shape", "dtype", "size"], rows, [3])


def _findings(findings: list[dict[str, Any]]) -> list[str]:
    """What makes a file other than inert: each thing once, with the first place it is found."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for finding in findings:
        key = (finding["level"], finding["rule"], finding["what"])
        places.setdefault(key, []).append(finding["where"])
    lines = [""] if places else []
    for (level, rule, what), where in list(places.items())[:MOST_FINDINGS]:
        more = f" and in {text.counted(len(where) - 1, 'other place')}" if len(where) > 1 else ""
        told = text.lines(f"{rule} {what} ({where[0]}{more})", text.WIDTH - 4 - len(level))
        lines.append(click.style(f"  {level}: ", fg=COLOURS.get(level)) + told[0])
        lines += ["    " + line for line in told[1:2]]
    if len(places) > MOST_FINDINGS:
        lines.append(f"  … and {len(places) - MOST_FINDINGS:,} more (--json shows all)")
    return lines
