"""Write, read back, compare: every difference is in the report; twice gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.samples import SAMPLES, WRITERS

import modelport
from modelport.commands.loading import loading
from modelport.convert.carry import canonical, carry
from modelport.convert.compare import equal
from modelport.errors import ConversionError
from modelport.formats.format import Format
from modelport.model.component import Component
from modelport.model.dtype import OBJECT
from modelport.model.model import Level, Model
from modelport.model.report import Report
from modelport.model.tensor import Tensor
from modelport.wire.output import Output

PAIRS = [
    pytest.param(path, target, id=f"{path.parent.name}/{path.name}-{target.name}")
    for _, path in SAMPLES
    for target in WRITERS
]


def write(path: Path, target: Format, source: Path) -> tuple[Model, Report]:
    report = Report()
    carried = carry(modelport.open(source), target, report)
    assert target.write is not None
    with Output(path, overwrite=True) as output:
        target.write(carried, output, report)
        output.publish()
    return carried, report


def readable(tensor: Tensor) -> bool:
    """Whether the values can be had at all: Python objects and records cannot."""
    return tensor.dtype is not OBJECT


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_difference_is_in_the_report(source: Path, target: Format, tmp_path: Path) -> None:
    path = tmp_path / f"model{target.extensions[0]}"
    try:
        carried, report = write(path, target, source)
    except ConversionError as error:
        assert error.why
        return
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    written = modelport.open(path)
    assert written.format == target.name
    assert loading(path), "nobody says how to load it"
    original = modelport.open(source)
    # Classes that a file needs go along with the objects of its framework, and nowhere else.
    assert written.level in (Level.INERT, original.level)

    told = {(change.component, change.where) for change in report}
    about = {change.component for change in report}
    for part in original.components - written.components:
        assert part in about, f"{part} is gone and nobody says so"
    found = canonical(written, Report()) if written.dialect == "keras" else written
    for name, tensor in carried.tensors.items():
        if name not in found.tensors:
            assert (Component.WEIGHTS, name) in told
        elif (Component.WEIGHTS, name) not in told or tensor.dtype == found.tensors[name].dtype:
            if not readable(tensor):
                continue
            assert equal(tensor, found.tensors[name]), name

    write(path, target, source)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == first
