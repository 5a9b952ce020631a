"""What the tests of formats of weights alone share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modelport.errors import UnknownFormat
from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.model.tensor import InMemory, Tensor
from modelport.wire.output import Output

FILES = Path(__file__).parents[1] / "files"


def opened(path: Path, target: Format) -> Model:
    """The file read by one format, or UnknownFormat where it is none of it."""
    candidate = Candidate(path)
    if not target.match(candidate):
        raise UnknownFormat(str(path))
    return target.read(candidate)


def model_of(arrays: dict[str, np.ndarray]) -> Model:
    model = Model(format="test", path="test")
    model.graph.tensors = {name: Tensor(name, InMemory(array)) for name, array in arrays.items()}
    return model


def written(model: Model, path: Path, target: Format) -> Report:
    report = Report()
    assert target.write is not None
    with Output(path) as output:
        target.write(model, output, report)
        output.publish()
    return report


def bits(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    """Everything that two equal arrays have in common."""
    return str(array.dtype), array.shape, np.ascontiguousarray(array).tobytes()
