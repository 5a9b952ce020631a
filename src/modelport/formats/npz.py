"""npz: numpy arrays by name, each a .npy file in a zip archive; also one .npy file alone.

Written by ``numpy.savez`` and ``savez_compressed``, and by JAX, Chainer and many scripts for
weights as well as for training data. Members that are no arrays are bytes for numpy, and listed
here. Specification:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. Holds weights or training
data: an archive counts as training data where every name is made of words for examples alone
(``x_train``, ``y0``, ``inputs``, ``test_labels``), and as weights otherwise, since names such as
``arr_0`` tell nothing.

numpy has no name for bfloat16 and float8. As numpy does itself they are stored as raw elements
(``|V2``, ``|V1``), so that ``numpy.load(...)[name].view(ml_dtypes.bfloat16)`` restores them. A
two-byte raw element is read as bfloat16, the only such type numpy users have; which float8 a
one-byte one is stands in the archive's comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from modelport.errors import ConversionError, MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.numpy_arrays import TYPES, Stored, array_data, has_objects
from modelport.formats.shared.pickle.members import judge_members
from modelport.formats.shared.pickle.streams import judge_member
from modelport.formats.shared.weights_only import fitting, report_apart, report_left_out
from modelport.model.component import Component, Holds
from modelport.model.dataset import Dataset
from modelport.model.dtype import STRING
from modelport.model.model import Finding, Level, Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor
from modelport.wire.json import parse
from modelport.wire.npy import MAGIC, read_header, write_header
from modelport.wire.source import ByteSource, Sink, SliceSource
from modelport.wire.zip import ZipArchive
from modelport.wire.zip_records import is_contained

if TYPE_CHECKING:
    from modelport.wire.output import Output
    from modelport.wire.zip_write import ZipWriter

TITLE = "npz"
ALIGNMENT = 64  # numpy pads the .npy header to this, so that the values can be mapped
_SUFFIX = ".npy"
_ALONE = "array"
_NOTE = "modelport"

_RAW = (
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
)
_CODES = {name: code for code, name in TYPES.items() if code != "?"} | dict.fromkeys(_RAW, "V1")
_WORD = re.compile(r"[A-Za-z]+")
_DATA_WORDS = {
    *("x", "y", "xs", "ys", "bx", "by", "id", "ids", "data", "dataset", "batch", "loss", "losses"),
    *("input", "inputs", "output", "outputs", "feature", "features", "label", "labels"),
    *("target", "targets", "image", "images", "sample", "samples", "example", "examples"),
    *("token", "tokens", "sequence", "sequences", "train", "training", "test", "testing"),
    *("val", "valid", "validation", "dev", "eval"),
}


def match(candidate: Candidate) -> bool:
    """Whether the file is a zip archive with .npy members, or one such member itself."""
    if candidate.head.startswith(MAGIC):
        return True
    return any(name.endswith(_SUFFIX) for name in candidate.zip.members)


def read(candidate: Candidate) -> Model:
    """The arrays, lazily, as weights or as training data."""
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    if candidate.head.startswith(MAGIC):
        tensors = {_ALONE: _read_alone(candidate.source, model.findings)}
    else:
        arrays, others = _listed(candidate.zip)
        tensors = read_arrays(candidate.zip, model.findings, arrays)
        model.findings.extend(judge_members(candidate.zip, others, candidate.depth))
        if others:
            model.metadata["other_members"] = others
            model.evidence[Component.METADATA] = "the names of members that are no arrays"
    if is_training_data(tensors):
        extents = {tensor.shape[:1] for tensor in tensors.values()}
        records = next(iter(extents))[0] if len(extents) == 1 and () not in extents else None
        model.dataset = Dataset(records, tensors)
        model.evidence[Component.TRAINING_DATA] = "arrays whose names speak of examples"
    else:
        model.graph.tensors.update(tensors)
        model.evidence[Component.WEIGHTS] = "named arrays; no architecture"
    return model


def is_training_data(tensors: dict[str, Tensor]) -> bool:
    """Whether every name is made of words for examples alone, such as ``x_train`` or ``y0``."""
    words = [[word.lower() for word in _WORD.findall(name)] for name in tensors]
    return all(found and _DATA_WORDS.issuperset(found) for found in words)


def _listed(archive: ZipArchive) -> tuple[list[str], list[str]]:
    """The members that numpy gives as arrays, and those that it gives as bytes."""
    arrays, others = [], []
    for name in archive.members:
        if (
            name.endswith(_SUFFIX)
            or archive.open_checked(name, exact_case=True).head(len(MAGIC)) == MAGIC
        ):
            arrays.append(name)
        elif not name.endswith("/"):
            others.append(name)
    return arrays, others


def read_arrays(
    archive: ZipArchive, findings: list[Finding], members: Iterable[str]
) -> dict[str, Tensor]:
    """Arrays of an archive by their names without ``.npy``; only the headers are read.

    Raises:
        MalformedFile: a member that is no array, or two that have one name.
    """
    noted = _noted_dtypes(archive)
    tensors: dict[str, Tensor] = {}
    for member in members:
        name = member.removesuffix(_SUFFIX)
        if name in tensors or (name != member and name in archive.members):
            where = archive.source.name
            raise MalformedFile(where, expected="one array a name", found=f"{name!r} twice")
        source = archive.open_checked(member, exact_case=True)
        header = read_header(source.head, source.name)
        length = source.size - header.start
        if has_objects(header.descr):
            inner = archive.open(member, exact_case=True)
            _judge_objects(f"array {name!r}", inner, header.start, findings, member)
        stored = Stored(
            source, header.start, length, header.descr, header.shape, header.fortran_order
        )
        tensors[name] = Tensor(name, array_data(stored, noted.get(name)))
    return tensors


def _read_alone(source: ByteSource, findings: list[Finding]) -> Tensor:
    """The array of a .npy file that is in no archive."""
    header = read_header(lambda size: source.read_at(0, min(size, source.size)), source.name)
    length = source.size - header.start
    if has_objects(header.descr):
        _judge_objects("the array", source, header.start, findings, "")
    stored = Stored(source, header.start, length, header.descr, header.shape, header.fortran_order)
    return Tensor(_ALONE, array_data(stored))


def _judge_objects(
    which: str, source: ByteSource, start: int, findings: list[Finding], place: str
) -> None:
    what = f"{which} holds Python objects (a pickle)"
    findings.append(Finding("NPZ-001", Level.NEEDS_CODE, what, place))
    judge_member(SliceSource(source, start, source.size - start, source.name), findings, place)


def _noted_dtypes(archive: ZipArchive) -> dict[str, str]:
    """The dtypes of raw elements that modelport noted in the archive's comment, by array."""
    try:
        note = parse(archive.comment, archive.source.name)
    except ModelportError:  # somebody else's comment, which says nothing about dtypes
        return {}
    noted = note.get(_NOTE) if isinstance(note, dict) else None
    if not isinstance(noted, dict):
        return {}
    return {name: found for name, found in noted.items() if found in _RAW}


def write(model: Model, output: Output, report: Report) -> None:
    """Write the weights as ``numpy.savez`` would; everything else is reported as dropped."""
    from modelport.wire.zip_write import ZipWriter

    report_left_out(model, {Component.WEIGHTS}, TITLE, report)
    tensors = fitting(model, {**_CODES, STRING.name: "U"}, TITLE, report)
    report_apart(tensors, TITLE, report)
    noted: dict[str, str] = {}
    with ZipWriter(output.path, alignment=ALIGNMENT) as writer:
        for name, tensor in tensors.items():
            stored = _member_name(name, report)
            if tensor.dtype.name in _RAW:
                noted[stored] = tensor.dtype.name
            if tensor.dtype is STRING:
                _write_text(writer, stored, tensor, report)
                continue
            code = _CODES[tensor.dtype.name]
            order = "|" if code in ("b1", "i1", "u1", "V1", "V2") else "<"
            header = write_header(order + code, tensor.shape)
            fill = partial(_fill, header, tensor)
            writer.stream(stored + _SUFFIX, len(header) + tensor.nbytes, fill)
        if noted:
            _note(writer, noted)


def _fill(header: bytes, tensor: Tensor, member: Sink) -> None:
    member.write(header)
    tensor.copy(member)


def _note(writer: ZipWriter, noted: dict[str, str]) -> None:
    try:
        writer.set_comment(json.dumps({_NOTE: noted}, separators=(",", ":")).encode())
    except ValueError as error:
        raise ConversionError(TITLE, f"too many float8 arrays to note their types: {error}") from (
            error
        )


def _member_name(name: str, report: Report) -> str:
    """The name, or, where no zip archive may have such a member, the name with % escapes."""
    parts = name.split("/")
    if is_contained(name) and "\\" not in name and not {"", ".", ".."}.intersection(parts):
        return name
    stored = quote(name, safe="").replace(".", "%2E")
    why = f"no zip archive may have such a name; stored as {stored}"
    report.add(Kind.REARRANGED, Component.WEIGHTS, name, why)
    return stored


def _write_text(writer: ZipWriter, name: str, tensor: Tensor, report: Report) -> None:
    """Strings, as the fixed-width type of numpy that holds them all."""
    import numpy as np

    values = tensor.numpy().astype(object)
    kinds = {type(value) for value in values.flat}
    fixed = values.astype("S" if kinds == {bytes} else "U") if kinds in ({str}, {bytes}) else None
    if fixed is None or not np.array_equal(fixed.astype(object), values):
        why = "numpy has no fixed width for these strings (zeros at an end, or mixed kinds)"
        report.add(Kind.DROPPED, Component.WEIGHTS, tensor.name, why)
        return
    header = write_header(fixed.dtype.str, tensor.shape)
    writer.add(name + _SUFFIX, header + fixed.tobytes())


FORMAT = Format(
    name="npz",
    title="numpy archive",
    framework="numpy",
    status="alive",
    specification="https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html",
    extensions=(".npz",),
    holds=dict.fromkeys(Component, Holds.NEVER)
    | {
        Component.WEIGHTS: Holds.MAY,
        Component.TRAINING_DATA: Holds.MAY,
        Component.METADATA: Holds.MAY,
    },
    samples={
        Component.WEIGHTS: "npz/all_dtypes.npz",
        Component.TRAINING_DATA: "npz/training_data.npz",
        Component.METADATA: "npz/other_members.npz",
    },
    match=match,
    read=read,
    write=write,
)
