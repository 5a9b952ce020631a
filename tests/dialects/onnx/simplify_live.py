"""Running models as they were and simplified, with onnxruntime and onnx' reference."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from tests.dialects.onnx.history_live import session

from modelport.dialects.onnx.history import NEWEST, upgrade
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.formats import table
from modelport.formats.candidate import Candidate
from modelport.formats.shared.onnx import model_write
from modelport.model.graph import Graph
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.wire.output import Output

FAILURES = tuple(
    getattr(onnxruntime.capi.onnxruntime_pybind11_state, name)
    for name in ("Fail", "NotImplemented", "InvalidGraph", "RuntimeException", "InvalidArgument")
)
"""What onnxruntime raises of a model that it cannot run."""
Arrays = dict[str, NDArray[Any]]


@dataclass
class Pair:
    """A file in the newest operator set, before and after, as graphs and as files."""

    before: Graph
    after: Graph
    old: Path
    new: Path

    def ops(self) -> Counter[str]:
        """How often each operator stands in what is left."""
        return Counter(node.op_type for inner in self.after.subgraphs() for node in inner.nodes)

    def is_changed(self) -> bool:
        """Whether there was anything to make simpler."""
        return _calls(self.before) != _calls(self.after)

    def run(self, feeds: Arrays) -> tuple[list[Any], list[Any]]:
        """What both give."""
        return run(self.old, feeds), run(self.new, feeds)

    def agrees(self, feeds: Arrays, tolerance: float = 2e-6) -> None:
        """Both give the same but for rounding."""
        for old, new in zip(*self.run(feeds), strict=True):
            same(new, old, tolerance)


def _calls(graph: Graph) -> list[object]:
    return [(n.op_type, n.inputs, n.outputs) for inner in graph.subgraphs() for n in inner.nodes]


def same(found: Any, wanted: Any, tolerance: float) -> None:
    """The same value (tensors, or lists of them) but for rounding."""
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            same(a, b, tolerance)
        return
    if wanted is None or isinstance(wanted, dict):
        assert found == wanted
        return
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    finite = wanted[np.isfinite(wanted)]
    scale = max(1.0, float(np.abs(finite).max(initial=0)))
    loose = max(tolerance, 4 * float(np.finfo(wanted.dtype).eps))
    np.testing.assert_allclose(found, wanted, rtol=loose, atol=loose * scale)


def run(path: Path, feeds: Arrays) -> list[Any]:
    """Results by onnxruntime without short cuts, or by onnx' reference where it lacks something."""
    try:
        return list(session(path).run(None, feeds))
    except FAILURES as error:
        if "NOT_IMPLEMENTED" not in str(error) and "ONNX Runtime only" not in str(error):
            raise
    return list(ReferenceEvaluator(str(path)).run(None, feeds))


def pair(proto: onnx.ModelProto | Path, folder: Path) -> Pair:
    """A model before and after it was simplified."""
    path = proto
    if isinstance(proto, onnx.ModelProto):
        path = folder / "given.onnx"
        onnx.save(proto, path)
    model = table.read(Candidate(path))
    before = upgrade(model.graph, model.opsets.get("ai.onnx", 1), model.functions)
    after = simplified(before)
    old, new = folder / "before.onnx", folder / "after.onnx"
    _write(model, before, old)
    _write(model, after, new)
    return Pair(before, after, old, new)


def _write(model: Model, graph: Graph, target: Path) -> None:
    extras = {**model.extras, "ir_version": max(model.extras.get("ir_version") or 10, 10)}
    opsets = {**model.opsets, "ai.onnx": NEWEST}
    new = replace(model, graph=graph, opsets=opsets, functions={}, extras=extras)
    with mock.patch("os.fsync"), Output(target, overwrite=True) as output:
        model_write.write(new, output, Report())
        output.publish()
