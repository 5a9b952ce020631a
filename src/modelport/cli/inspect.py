"""``modelport inspect``: what is inside, one screen."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from modelport.cli import text
from modelport.cli.errors import DONE, exit_state, show
from modelport.commands import inspect as inspecting
from modelport.errors import ModelportError
from modelport.wire.source import status_of

SHOWN_LAYERS = 12
COLOURS = {"inert": "green", "needs-code": "yellow", "dangerous": "red", "malformed": "red"}


@click.command("inspect")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(readable=False), metavar="FILE..."
)
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--layers", is_flag=True, help="List every layer, however many there are.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON (several files: one a line).")
def command(files: tuple[str, ...], tensors: bool, layers: bool, as_json: bool) -> int:
    """What is inside FILE; a folder stands for the model files in it."""
    state = DONE
    for path in _expanded(files):
        try:
            described = inspecting.inspect(path, tensors=tensors)
        except ModelportError as error:
            state = max(state, exit_state(error))
            if as_json:
                text.echo_json(inspecting.unreadable(path, error))
            else:
                show(error)
            continue
        if as_json:
            text.echo_json(described)
        else:
            _print(described, every_layer=layers)
    return state


def _is(kind: Callable[[int], bool], path: Path) -> bool:
    found = status_of(path)
    return found is not None and kind(found.st_mode)


def _expanded(files: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for file in files:
        path = Path(file)
        if _is(stat.S_ISDIR, path):
            inside = [str(item) for item in sorted(path.rglob("*")) if _is(stat.S_ISREG, item)]
            # Without files, or unreadable: opened as it is, which says so.
            found.extend(inside or [file])
        else:
            found.append(file)
    return found


def _print(described: dict[str, Any], *, every_layer: bool) -> None:
    click.echo(_headline(described))
    click.echo()
    for label, words in _components(described):
        click.echo(text.wrap(label, words))
    architecture = described["architecture"]
    if architecture and architecture["layers"]:
        click.echo()
        click.echo(_layer_table(architecture["layers"], every_layer))
    for finding in described["verdict"]["findings"]:
        colour = COLOURS.get(finding["level"])
        told = f"{finding['rule']} {finding['what']} ({finding['where']})"
        click.echo(click.style(f"  {finding['level']}: ", fg=colour) + text.clean(told))
    if "tensors" in described:
        click.echo()
        click.echo(_tensor_table(described["tensors"]))
    click.echo()
    click.echo(_next(described))


def _headline(described: dict[str, Any]) -> str:
    producer = described["producer"]
    who = " ".join(str(part) for part in (producer["name"], producer["version"]) if part)
    if producer["backend"]:
        who += f" on {producer['backend']}"
    level = described["verdict"]["level"]
    title = described["format"]["title"]
    version = described["format"]["version"]
    parts = [
        click.style(text.clean(Path(described["path"]).name), bold=True),
        text.clean(title if version is None else f"{title} {version}"),
        text.clean(who),
        text.size(described["bytes"]),
        click.style(level, fg=COLOURS.get(level)),
    ]
    return _in_lines([part for part in parts if part])


def _in_lines(parts: list[str]) -> str:
    """Parts with a dot between them, on as many lines as they need."""
    lines = [parts[0]]
    for part in parts[1:]:
        joined = f"{lines[-1]} · {part}"
        if len(click.unstyle(joined)) <= text.WIDTH:
            lines[-1] = joined
        else:
            lines.append(f"  {part}")
    return "\n".join(lines)


def _components(described: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("architecture", _architecture(described)),
        ("weights", _weights(described["weights"])),
        ("loss", _loss(described)),
        ("optimizer", _settings(described["optimizer"])),
        ("optimizer state", _state(described["optimizer_state"])),
        ("hyperparameters", _pairs(described["hyperparameters"])),
        ("signature", _signature(described["signature"])),
        ("training data", _training_data(described["training_data"])),
        ("metadata", _pairs(described["metadata"])),
    ]
    return [(label, words or "—") for label, words in lines]


def _architecture(described: dict[str, Any]) -> str:
    architecture = described["architecture"]
    if architecture is None:
        return ""
    return f"{architecture['kind']}, {architecture['nodes']:,} nodes ({architecture['dialect']})"


def _weights(weights: dict[str, Any] | None) -> str:
    if weights is None:
        return ""
    dtypes = ", ".join(weights["dtypes"])
    return (
        f"{weights['parameters']:,} parameters in {weights['tensors']:,} tensors, "
        f"{text.size(weights['bytes'])}, {dtypes}"
    )


def _loss(described: dict[str, Any]) -> str:
    loss = described["loss"]
    if loss is None:
        return ""
    metrics = described["metrics"]
    return _short(loss) + (f"; metrics {_short(metrics)}" if metrics else "")


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


def _settings(optimizer: dict[str, Any] | None) -> str:
    if optimizer is None:
        return ""
    settings = _pairs({k: v for k, v in optimizer["hyperparameters"].items() if k != "name"})
    return f"{optimizer['name']} ({settings})" if settings else str(optimizer["name"])


def _state(state: dict[str, Any] | None) -> str:
    if state is None:
        return ""
    step = "unknown step" if state["step"] is None else f"step {state['step']:,}"
    return f"{step}, {state['tensors']:,} tensors"


def _pairs(values: dict[str, Any]) -> str:
    shown = [
        f"{key} {text.shorten(_short(value), 40)}"
        for key, value in values.items()
        if value not in (None, False, "", [], {})
    ]
    more = f", and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ", ".join(shown[:8]) + more


def _signature(signature: dict[str, Any] | None) -> str:
    if signature is None:
        return ""
    sides = []
    for side in ("inputs", "outputs"):
        values = signature[side]
        shown = [f"{v['name']} {v['dtype'] or ''} {text.shape(v['shape'])}" for v in values[:4]]
        more = [f"and {len(values) - 4} more"] if len(values) > 4 else []
        sides.append(", ".join([*shown, *more]))
    return " → ".join(sides)


def _training_data(data: dict[str, Any] | None) -> str:
    if data is None:
        return ""
    records = "" if data["records"] is None else f"{data['records']:,} records: "
    features = [f"{name} {text.shape(f['shape'])}" for name, f in data["features"].items()]
    more = f", and {len(features) - 5} more" if len(features) > 5 else ""
    return records + ", ".join(features[:5]) + more


def _layer_table(layers: list[dict[str, Any]], every_layer: bool) -> str:
    shown = layers
    if not every_layer and len(layers) > SHOWN_LAYERS:
        half = SHOWN_LAYERS // 2
        gap = dict.fromkeys(layers[0]) | {"name": f"… {len(layers) - 2 * half:,} more (--layers)"}
        shown = [*layers[:half], gap, *layers[-half:]]
    header = ["layer", "type", "act.", "units", "params", "bias", "frozen", "output"]
    rows = [
        [
            str(layer["name"]),
            str(layer["type"] or ""),
            _short(layer["activation"]) if layer["activation"] else "",
            text.number(layer["units"]),
            text.number(layer["parameters"] or None),
            text.number(layer["bias"] or None),
            text.number(layer["frozen"] or None),
            text.shape(layer["output_shape"]) if layer["output_shape"] else "",
        ]
        for layer in shown
    ]
    keep = [i for i in range(len(header)) if i < 2 or any(row[i] for row in rows)]
    right = [keep.index(i) for i in (3, 4, 5, 6) if i in keep]
    return text.table([header[i] for i in keep], [[row[i] for i in keep] for row in rows], right)


def _tensor_table(tensors: list[dict[str, Any]]) -> str:
    rows = [[t["name"], t["dtype"], text.shape(t["shape"]), text.size(t["bytes"])] for t in tensors]
    return text.table(["tensor", "dtype", "shape", "bytes"], rows, [3])


def _next(described: dict[str, Any]) -> str:
    path = described["path"]
    stem = Path(path).stem
    name = described["format"]["name"]
    ways: list[tuple[str, str]] = []
    level = described["verdict"]["level"]
    if level != "inert":
        ways.append(("", f"{level}: modelport shows such parts, and never runs or converts them"))
    elif described["components"]["architecture"] and name.startswith("keras"):
        ways.append((f"modelport convert {path} {stem}.onnx", "run it anywhere, verified"))
        other = ".h5" if name == "keras-v3" else ".keras"
        ways.append((f"modelport convert {path} {stem}{other}", "for Keras 3, training goes on"))
    elif described["components"]["weights"] and not described["components"]["architecture"]:
        ending = ".npz" if name == "safetensors" else ".safetensors"
        ways.append((f"modelport convert {path} {stem}{ending}", "weights alone"))
    ways.append((f"modelport ready {path}", "what is missing to use, train, archive"))
    lines = [click.style("Next", bold=True)]
    for what, why in ways:
        lines += [f"  {text.clean(what)}"] if what else []
        lines.append(f"      {why}" if what else f"  {why}")
    return "\n".join(lines)
