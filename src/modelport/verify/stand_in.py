"""A stand-in for a file that no runtime loads any more: the same model, in a form that one does.

Old Keras files are refused by today's frameworks. Held against ONNX, they stand in as a ``.keras``
that stock Keras runs; held against Keras, as ONNX that onnxruntime runs. Either way the two sides
come about by different code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from modelport.convert.carry import carry
from modelport.errors import ConversionError
from modelport.formats.candidate import Candidate
from modelport.formats.table import by_name, read
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.wire.output import Output


def form_for(model: Model, other: Model) -> str | None:
    """The format a model may stand in as beside another, or None where there is none."""
    if model.dialect == "ai.onnx":
        # In place of source code for torch nothing stands: it is the source that is to be proved.
        return "onnx" if model.format == "onnx" else None
    if model.dialect != "keras":
        return None
    return "keras-v3" if other.dialect == "ai.onnx" else "onnx"


@contextmanager
def standing_in(model: Model, form: str) -> Iterator[tuple[Model, Path]]:
    """The stand-in, read from a temporary file that is gone afterwards.

    Raises:
        ConversionError: the model has no such form, or one that only approximates it.
    """
    target = by_name(form)
    if target.write is None:
        raise ConversionError(model.path, f"modelport does not write {form}")
    with TemporaryDirectory(prefix="modelport-") as folder:
        path = Path(folder) / f"stand_in{target.extensions[0]}"
        report = Report()
        with Output(path) as output:
            target.write(carry(model, target, report), output, report)
            output.publish()
        approximated = approximations(report)
        if approximated and form != "onnx":
            # What ONNX says otherwise shows only over several runs.
            why = f"nor does a stand-in as {form}, which approximates it ({approximated[0]})"
            raise ConversionError("", why)
        yield read(Candidate(path)), path


def approximations(report: Report) -> list[str]:
    """What the report of a conversion says the target computes otherwise, a line each."""
    return [
        f"{change.where}: {change.why}"
        for change in report
        if change.kind is Kind.APPROXIMATED and change.component is Component.ARCHITECTURE
    ]
