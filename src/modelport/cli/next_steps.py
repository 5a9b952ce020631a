"""What one can do next with an inspected file: commands that run as they stand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from modelport.cli import text
from modelport.formats.table import by_name

CHECKPOINTS = ("pytorch", "pytorch-legacy", "pytorch-tar", "safetensors")
"""Formats whose files are mostly weights for a module that somebody has code for."""

SIDE_FILES = "--side-files DIR"


def next_steps(described: dict[str, Any]) -> list[str]:
    """The lines that end an inspection: each command with what it is good for."""
    path = described["path"]
    lines = [click.style("Next", bold=True)]
    level = described["verdict"]["level"]
    outside = any(SIDE_FILES in found["what"] for found in described["verdict"]["findings"])
    if outside:
        lines.append(f"  values lie outside the folder: no command reads them without {SIDE_FILES}")
    elif level != "inert":
        malformed = level == "malformed"
        rest = "shows what can be read" if malformed else "shows such parts and never runs them"
        lines.append(f"  {level}: modelport {rest}")
    lines += [] if outside or level == "malformed" else _ways_out(described)
    for words, why in [
        *([] if outside or level == "malformed" else _conversions(described)),
        (["ready", path], "what is missing to use it, train, archive"),
    ]:
        command = shlex.join(["modelport", *(_word(word) for word in words)])
        if text.columns(command) + len(why) + 6 <= text.WIDTH:
            lines.append(f"  {text.clean(command)}    {why}")
        else:
            lines += [f"  {text.clean(command)}", f"      {why}"]
    return lines


def _ways_out(described: dict[str, Any]) -> list[str]:
    """Where weights that have no architecture may get one from."""
    present, name = described["components"], described["format"]["name"]
    architecture = described["architecture"]
    if architecture is not None and architecture["kind"] == "modules" and architecture["missing"]:
        return [
            "  your own code can build the model",
            "    (convert FILE DST --model package.module:factory --run-code)",
        ]
    if present["architecture"] or not present["weights"] or name not in CHECKPOINTS:
        return []
    return [
        "  no architecture here; a model needs the graph of another file",
        "    (convert GRAPH DST --state FILE) or your own code that builds it",
        "    (convert FILE DST --model package.module:factory --run-code)",
    ]


def _word(word: str) -> str:
    """A path that begins with a dash is no option."""
    return f"./{word}" if word.startswith("-") else word


def _conversions(described: dict[str, Any]) -> list[tuple[list[str], str]]:
    path, name = described["path"], described["format"]["name"]
    ways: list[tuple[str, str]] = []
    architecture = described["architecture"]
    if architecture is not None and architecture["dialect"] == "keras":
        if "ai.onnx" in architecture["convertible_to"]:
            ways.append((".onnx", "to run it anywhere, verified"))
        inert = described["verdict"]["level"] == "inert"
        if inert and "keras" in architecture["convertible_to"] and _is_built(described):
            ways.append(_other_keras(described))
    elif architecture is not None and architecture["dialect"] == "torch":
        if not architecture["missing"]:
            ways.append((".onnx", "to run it anywhere, if ONNX has all of it"))
        if described["components"]["weights"]:
            ways.append((".safetensors", "the weights alone"))
    elif architecture is not None and architecture["dialect"] == "ai.onnx":
        if name != "onnx":
            ways.append((".onnx", "to run it anywhere, verified"))
        else:
            ways.append((".pt", "PyTorch source and weights, if torch has all of it"))
        ways.append((".keras", "for Keras 3, if it has all of it"))
        if described["components"]["weights"]:
            ways.append((".safetensors", "the weights alone"))
    elif described["components"]["weights"]:
        ending = ".npz" if name == "safetensors" else ".safetensors"
        why = "the weights alone" if architecture else "the weights in another format"
        ways.append((ending, why))
    return [(["convert", path, _target(path, name, ending)], why) for ending, why in ways]


def _is_built(described: dict[str, Any]) -> bool:
    return all(value["shape"] is not None for value in described["signature"]["inputs"])


def _other_keras(described: dict[str, Any]) -> tuple[str, str]:
    if described["format"]["name"] == "keras-v3":
        return ".h5", "for tools that read HDF5"
    if described["optimizer_state"] is not None:
        return ".keras", "for Keras 3, to go on training"
    return ".keras", "for Keras 3"


def _target(path: str, name: str, ending: str) -> str:
    """A file of that ending in the current folder which is not there yet."""
    stem = Path(path).name
    endings = sorted((*by_name(name).extensions, Path(path).suffix), key=len, reverse=True)
    stem = stem.removesuffix(next((end for end in endings if end and stem.endswith(end)), ""))
    target, number = f"{stem or 'model'}{ending}", 2
    while Path(target).exists():
        target, number = f"{stem or 'model'}-{number}{ending}", number + 1
    return target
