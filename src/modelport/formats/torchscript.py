"""TorchScript archives: modules, their weights, and their code as text.

Written by ``torch.jit.save``. Members under one folder: ``data.pkl`` (the module's attributes),
``constants.pkl``, ``code/__torch__/**.py`` (a typed subset of Python), storages in ``data/``;
torch 1.0 to 1.2 described modules in ``model.json``.
Specification: https://pytorch.org/docs/stable/jit.html.
Holds architecture, weights, and what was attached to the module.
"""

from __future__ import annotations

import re

from modelport.errors import LimitExceeded
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.pickle.streams import read_streams
from modelport.formats.shared.torch.archive import (
    PICKLE,
    judge_others,
    read_object,
    top_folder,
    word,
)
from modelport.formats.shared.torch.contents import add_array
from modelport.formats.shared.torch.script.examples import examples
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.model_json import (
    ATTRIBUTES,
    LIBRARIES,
    MODEL,
    ModelJson,
)
from modelport.formats.shared.torch.script.program import Program
from modelport.formats.shared.torch.script.things import held_of
from modelport.formats.shared.torch.script.values import Stuck
from modelport.formats.shared.torch.script_module import OWN, read_modules
from modelport.model.component import Component, Holds
from modelport.model.model import CONSTANTS, Finding, Level, Model
from modelport.model.signature import Signature
from modelport.wire.zip import ZipArchive

_CONSTANTS = "constants.pkl"
_FILE_CALLS = re.compile(rb"\btorch\.(save|from_file)\(|\bops\.aten\.(save|from_file)\(")
"""What code of TorchScript may call to open a file."""
_MOST_CODE = 64 << 20
_TRACED = "traced_inputs.pkl"


def match(candidate: Candidate) -> bool:
    """Whether a zip holds one folder with ``data.pkl`` and code or constants."""
    archive, folder = candidate.zip, top_folder(candidate.zip)
    if folder is not None and f"{folder}/{MODEL}" in archive.members:
        return True
    if folder is None or f"{folder}/{PICKLE}" not in archive.members:
        return False
    return f"{folder}/{_CONSTANTS}" in archive.members or any(
        name.startswith(f"{folder}/code/") for name in archive.members
    )


def read(candidate: Candidate) -> Model:
    """The weights, and what the code computes as a graph; where it is none, the tree of modules.

    Raises:
        MalformedFile, LimitExceeded: a pickle is broken, or larger than any.
    """
    archive, folder = candidate.zip, f"{top_folder(candidate.zip)}/"
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    model.producer.name = "PyTorch"
    model.format_version = word(archive, f"{folder}version")
    version = model.format_version or ""
    library = Library(archive, folder, int(version) if version.isdigit() else 0)
    if f"{folder}{MODEL}" in archive.members:
        return _read_json(candidate, folder, model)
    value, objects = read_object(archive, folder, model, own=OWN)
    for name, array in read_modules(model, value, objects):
        add_array(model, name, array, objects)
    constants = traced = None
    if f"{folder}{_CONSTANTS}" in archive.members:
        constants = read_object(
            archive, folder, model, member=_CONSTANTS, data="constants", own=OWN
        )
    if f"{folder}{_TRACED}" in archive.members:
        source = archive.open_checked(f"{folder}{_TRACED}")
        traced = examples(read_streams(source, model.findings, _TRACED, own=OWN)[0].value)
    if model.graph.tensors:
        model.evidence[Component.WEIGHTS] = "parameters and buffers of the modules"
    judge_others(archive, folder, model, (PICKLE, _CONSTANTS, _TRACED), candidate.depth)
    _judge_code(archive, folder, model)
    held = held_of((value, objects), constants)
    _read_code(model, Program(library, held, traced, candidate.examples))
    return model


def _read_json(candidate: Candidate, folder: str, model: Model) -> Model:
    """An archive of torch 1.0 to 1.2, whose modules are described in JSON."""
    archive = candidate.zip
    library = Library(archive, folder, 0, LIBRARIES)
    described = ModelJson(archive, folder, model, library)
    held = described.read()
    model.graph.tensors = dict(held.weights)
    if model.graph.tensors:
        model.evidence[Component.WEIGHTS] = "parameters and buffers of the modules"
    judge_others(archive, folder, model, (ATTRIBUTES,), candidate.depth)
    _judge_code(archive, folder, model)
    _read_code(model, Program(library, held, None, candidate.examples))
    return model


def _judge_code(archive: ZipArchive, folder: str, model: Model) -> None:
    """Find calls that open a file: TorchScript has no others that reach beyond the model."""
    for member in archive.members:
        inside = member.removeprefix(folder)
        if inside.startswith(("code/", LIBRARIES)) and inside.endswith(".py"):
            found = _FILE_CALLS.search(archive.read(member, _MOST_CODE))
            if found is not None:
                what = f"calls {found[0].decode().rstrip('(')}, which opens a file"
                where = f"{inside} at byte {found.start():,}"
                model.findings.append(Finding("TSC-001", Level.DANGEROUS, what, where))


def _read_code(model: Model, program: Program) -> None:
    """Let the graph be what the code computes, or say why there is none."""
    try:
        graph = program.read()
    except (Stuck, LimitExceeded) as error:
        model.extras["code"] = str(error)
        model.evidence[Component.ARCHITECTURE] = f"the tree of modules; no graph: {error}"
        return
    # Those of the modules know more of themselves, as their quantizer.
    graph.tensors = model.graph.tensors | graph.tensors | model.graph.tensors
    model.graph, model.kind = graph, "graph"
    model.extras[CONSTANTS] = [name for name in graph.tensors if name.startswith("CONSTANTS.")]
    model.signature = Signature(graph.inputs, graph.outputs)
    model.extras["assumed"] = program.arguments.assumed
    model.evidence[Component.ARCHITECTURE] = "the code of forward, followed without running it"
    shapes = "the file states no shapes"
    if any(value.shape is not None for value in graph.inputs):
        shapes = "with the shapes of examples"
    model.evidence[Component.SIGNATURE] = f"the inputs of forward; {shapes}"


FORMAT = Format(
    name="torchscript",
    title="TorchScript archive",
    framework="PyTorch",
    status="alive",
    specification="https://pytorch.org/docs/stable/jit.html",
    extensions=(".pt", ".ts"),
    holds=dict.fromkeys(Component, Holds.NEVER)
    | {
        Component.ARCHITECTURE: Holds.ALWAYS,
        Component.WEIGHTS: Holds.MAY,
        Component.SIGNATURE: Holds.MAY,
    },
    samples=dict.fromkeys(
        (Component.ARCHITECTURE, Component.WEIGHTS, Component.SIGNATURE), "torchscript/traced.pt"
    ),
    match=match,
    read=read,
    dialect="torch",
)
