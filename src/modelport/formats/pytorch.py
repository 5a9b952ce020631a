"""PyTorch checkpoints: what ``torch.save`` writes since 1.6, a pickle and storages in a zip.

Members, under one folder: ``data.pkl`` (the object, protocol 2; tensors refer to storages by
persistent ids), ``data/<n>`` (the bytes of storage n), ``version``, ``byteorder``. Specification:
https://pytorch.org/docs/stable/notes/serialization.html. Holds whatever the user saved:
weights under their names (a state_dict), an optimizer's state, whole modules without their code.
What modelport writes holds the architecture, too, under the key ``modelport``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.torch.architecture import SOURCE, with_architecture
from modelport.formats.shared.torch.archive import (
    PICKLE,
    judge_others,
    read_object,
    top_folder,
    word,
    write_object,
)
from modelport.formats.shared.torch.contents import HOLDS, Contents, proofs
from modelport.formats.shared.torch.rewrite import encoded, keep_object
from modelport.formats.shared.torch.source_file import module_name, weights_beside
from modelport.model.component import Component, Holds
from modelport.model.model import Model
from modelport.model.report import Report

if TYPE_CHECKING:
    from modelport.wire.output import Output

TITLE = "PyTorch checkpoint"


def match(candidate: Candidate) -> bool:
    """Whether a zip holds one folder with ``data.pkl``, and no code."""
    folder = top_folder(candidate.zip)
    names = candidate.zip.members
    if folder is None or f"{folder}/{PICKLE}" not in names:
        return False
    script = f"{folder}/constants.pkl" in names or any(
        name.startswith(f"{folder}/code/") for name in names
    )
    return not script


def read(candidate: Candidate) -> Model:
    """The saved object; its pickle is interpreted, its storages are not read."""
    archive, folder = candidate.zip, f"{top_folder(candidate.zip)}/"
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    value, objects = read_object(archive, folder, model)
    judge_others(archive, folder, model, (PICKLE,), candidate.depth)
    keep_object(model, value, objects)
    Contents(model, objects).read(value)
    if not archive.has_checksums and Component.WEIGHTS in model.evidence:
        model.evidence[Component.WEIGHTS] += "; saved without checksums, so damage shows nowhere"
    model.producer.name = "PyTorch"
    model.format_version = word(archive, f"{folder}version")
    return model


def write(model: Model, output: Output, report: Report) -> None:
    """Write the object of another file of torch again, or the weights as a state_dict.

    A model that comes with its source code gets that beside it, as a module of Python, and its
    architecture inside, as a graph of ONNX without weights.
    """
    code = model.extras.get(SOURCE)
    if code is None:
        found = encoded(model, TITLE, report, sources=False)
    else:
        found = with_architecture(model, code.state, report)
        name = module_name(output.final.name)
        text = code.text(weights_beside(name, output.final.name))
        output.companion(name).write_text(text, encoding="utf-8")
    write_object(output.path, "archive", found)


FORMAT = Format(
    name="pytorch",
    title=TITLE,
    framework="PyTorch",
    status="alive",
    specification="https://pytorch.org/docs/stable/notes/serialization.html",
    extensions=(".pt", ".pth", ".bin", ".ckpt"),
    holds=HOLDS | {Component.SIGNATURE: Holds.MAY},
    samples={
        **proofs("pytorch/checkpoint.pt", "pytorch/module.pt"),
        Component.SIGNATURE: "pytorch/architecture.pt",
    },
    match=match,
    read=read,
    write=write,
    dialect="ai.onnx",
)
