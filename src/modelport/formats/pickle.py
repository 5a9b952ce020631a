"""Pickles: any Python objects; also those of joblib, and in a compressed wrapper.

Written by ``pickle.dump`` (scikit-learn models, arrays, checkpoints of JAX and Chainer) and
``joblib.dump``. Specification: PEP 307, 3154 and 574; https://github.com/joblib/joblib. Holds
whatever was pickled: arrays become tensors under their path, everything else is shown as a tree of
classes, attributes and values. Nothing is imported, and no class is asked to build itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.errors import ConversionError, MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.shared.numpy_arrays import ML_DTYPES
from modelport.formats.shared.pickle.arrays import Arrays, NumpyArray
from modelport.formats.shared.pickle.encode import CODES, array_stub, dtype_stub
from modelport.formats.shared.pickle.inner import LOADS
from modelport.formats.shared.pickle.judge import judge
from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.pickle.sniff import is_old, is_packed
from modelport.formats.shared.pickle.streams import read_streams
from modelport.formats.shared.pickle.walk import find
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.contents import add_array
from modelport.formats.shared.torch.storage import LEGACY_HEAD
from modelport.formats.shared.weights_only import fitting, report_apart, report_left_out
from modelport.model.component import Component, Holds
from modelport.model.model import Finding, Level, Model
from modelport.model.report import Kind, Report
from modelport.model.tensor import Tensor
from modelport.wire.compressed import kind, unpack
from modelport.wire.pickle import Program, begins
from modelport.wire.pickle.write import stream
from modelport.wire.source import ByteSource

if TYPE_CHECKING:
    from modelport.wire.output import Output

TITLE = "Python pickle"
_ROOT = "pickled"

_PRODUCERS = {
    "sklearn": "scikit-learn",
    "xgboost": "XGBoost",
    "torch": "PyTorch",
    "joblib": "joblib",
}
"""The packages that people name, the first of them where a file has classes of several."""


def match(candidate: Candidate) -> bool:
    """Whether the file, or what is in its compressed wrapper, is a pickle from its first byte."""
    wrapper = kind(candidate.head)
    if wrapper is not None:
        return is_packed(candidate.source, wrapper)
    if begins(candidate.head):
        return not candidate.head.startswith(LEGACY_HEAD)
    return is_old(candidate.source)


def read(candidate: Candidate) -> Model:
    """Every object of the file, one stream after the other.

    Raises:
        MalformedFile: a stream is broken, refers to objects outside, or is followed by bytes that
            are none; LimitExceeded: a stream wants too much. What was found before is in
            ``findings`` of the error.
    """
    wrapper = kind(candidate.head)
    source: ByteSource = candidate.source if wrapper is None else unpack(candidate.source, wrapper)
    model = Model(format=FORMAT.name, path=str(candidate.path), bytes=candidate.source.size)
    arrays = Arrays(source)
    programs = _interpret(source, model, arrays)
    model.format_version = str(max(program.protocol for program in programs))
    tops = {found.module.split(".", 1)[0] for program in programs for found in program.references}
    model.producer.name = next((_PRODUCERS[top] for top in _PRODUCERS if top in tops), None)
    values = [program.value for program in programs]
    whole = all(stub.payload is None for program in programs for stub in program.stubs)
    if len(programs) == 1 and whole and model.level is Level.INERT:
        model.extras[_ROOT] = values[0]
    try:
        root = values[0] if len(values) == 1 else values
        _list(model, root, _objects(arrays, torch="torch" in tops))
    except ModelportError as error:
        error.findings = tuple(model.findings)
        raise
    return model


def _objects(arrays: Arrays, *, torch: bool) -> Objects:
    builders = dict(arrays.builders)
    if torch:
        from modelport.formats.shared.torch.stream import pickled_storage
        from modelport.formats.shared.torch.tensors import Tensors

        tensors = Tensors(arrays.source.name)
        builders |= {**tensors.builders, LOADS: pickled_storage}
    objects = Objects(builders, lambda persistent: persistent)
    arrays.objects = objects
    if torch:
        tensors.objects = objects
    return objects


def _list(model: Model, root: Any, objects: Objects) -> None:
    """Arrays of numpy and torch as weights, everything as a tree."""
    for path, found in find(root, objects, (NumpyArray, Array)):
        if isinstance(found, Array):
            add_array(model, path or "tensor", found, objects)
        elif isinstance(found, NumpyArray):
            name = path or "array"
            model.graph.tensors[name] = Tensor(name, found.data)
    if not isinstance(objects.build(root), NumpyArray | Array):
        model.extras["python_objects"] = plain(root, objects)
        model.evidence[Component.PYTHON_OBJECTS] = "the pickled objects, shown as inert stubs"
    if model.graph.tensors:
        model.evidence[Component.WEIGHTS] = "arrays, by their path; no architecture"


def write(model: Model, output: Output, report: Report) -> None:
    """Write the object of a pickle that needs no code again, else a dict of the arrays by name.

    Raises:
        ConversionError: there is nothing that could be written.
    """
    if _ROOT in model.extras:
        value = model.extras[_ROOT]
    else:
        report_left_out(model, {Component.WEIGHTS}, TITLE, report)
        tensors = fitting(model, CODES, TITLE, report)
        if not tensors:
            raise ConversionError(model.path, "it holds no arrays, and other objects need code")
        report_apart(tensors, TITLE, report)
        for name, tensor in tensors.items():
            if CODES[tensor.dtype.name] in ML_DTYPES:
                why = "a type that numpy loads where ml_dtypes is installed"
                report.add(Kind.REARRANGED, Component.WEIGHTS, name, why)
        types = {code: dtype_stub(code) for code in CODES.values()}
        value = {
            name: array_stub(tensor, types[CODES[tensor.dtype.name]])
            for name, tensor in tensors.items()
        }
    with output.path.open("wb") as file:
        for piece in stream(value, str(output.path)):
            file.write(piece)


def _interpret(source: ByteSource, model: Model, arrays: Arrays) -> list[Program]:
    try:
        programs = read_streams(source, model.findings, payload=arrays.payload)
    finally:
        for inner in arrays.nested.values():
            model.findings.extend(judge(inner, "array"))
    for program in programs:
        _refuse_outside(source, program, model)
    return programs


def _refuse_outside(source: ByteSource, program: Program, model: Model) -> None:
    for persistent in program.persistent[:1]:
        where = f"at byte {persistent.offset:,}"
        what = "refers to an object outside the stream, which no plain pickle can"
        model.findings.append(Finding("PKL-014", Level.MALFORMED, what, where))
        error = MalformedFile(
            source.name,
            offset=persistent.offset,
            expected="a pickle that is complete in itself",
            found="an object outside the stream",
        )
        error.findings = tuple(model.findings)
        raise error


_HOLDS: dict[Component, Any] = dict.fromkeys(Component, Holds.NEVER) | {
    Component.WEIGHTS: Holds.MAY,
    Component.PYTHON_OBJECTS: Holds.MAY,
}

FORMAT = Format(
    name="pickle",
    title=TITLE,
    framework="Python",
    status="alive",
    specification="https://docs.python.org/3/library/pickle.html",
    extensions=(".pkl", ".pickle", ".joblib"),
    holds=_HOLDS,
    samples={
        Component.WEIGHTS: "pickle/forest.joblib",
        Component.PYTHON_OBJECTS: "pickle/forest.joblib",
    },
    match=match,
    read=read,
    write=write,
)
