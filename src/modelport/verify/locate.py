"""Where two models part: the first layer whose outputs differ."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.convert.carry import carry
from modelport.errors import ModelportError
from modelport.formats.table import by_name
from modelport.model.graph import Graph, UnknownType, Value
from modelport.model.report import Report
from modelport.runtimes.runtime import Budget, Run, run
from modelport.runtimes.table import RUNTIMES
from modelport.verify.agreement import compare_outputs
from modelport.verify.axes import seen_alike, straightened, turned
from modelport.verify.inputs import SAMPLES, random_inputs
from modelport.verify.signature import Inputs, differing_inputs, fitted
from modelport.verify.tolerance import tolerance_for
from modelport.verify.verify import Side, as_onnx, run_first
from modelport.wire.output import Output


def first_difference(
    a: Side, b: Side, *, inputs: Inputs | None = None, samples: int = SAMPLES, seed: int = 0
) -> str | None:
    """The name of the first layer, in order of computation, whose outputs differ.

    None where the two models share no layer that can be watched on both sides.
    """
    models = seen_alike(a.model, b.model)
    if differing_inputs(*models) is not None:
        return None
    a, b = (replace(side, model=model) for side, model in zip((a, b), models, strict=True))
    budget = Budget()
    try:
        graph = as_onnx(b.model) or as_onnx(a.model)
        fed = straightened(inputs, *models) if inputs else None
        fed = fed or random_inputs(a.model, graph, samples=samples, seed=seed, beside=b.model)
        left, right = _watch(a, fed, budget), _watch(b, fed, budget)
    except ModelportError:
        return None
    tolerance = tolerance_for(a.model, b.model).value
    for name, expected in left.items():
        if name in right and _differs(name, expected, right[name], tolerance):
            return name
    return None


def _differs(name: str, a: NDArray[Any], b: NDArray[Any], tolerance: float) -> bool:
    """Whether the outputs of a layer differ under every layout that a runtime may keep them in."""
    layouts = [b]
    if b.ndim > 2:
        # Channels first, channels last, and steps before samples.
        layouts += [np.moveaxis(b, 1, -1), np.moveaxis(b, -1, 1), np.swapaxes(b, 0, 1)]
    alike = [layout for layout in layouts if layout.shape == a.shape]
    runs = [(Run("a", [a], [name]), Run("b", [layout], [name])) for layout in alike]
    return bool(runs) and not any(compare_outputs(*pair, tolerance)[0].agree for pair in runs)


def _watch(side: Side, inputs: Inputs, budget: Budget) -> Mapping[str, NDArray[Any]]:
    if side.model.dialect == "keras":
        calls = [node for node in side.model.graph.nodes if node.op_type != "InputLayer"]
        names = [node.name for node in calls if ":" not in node.name]
        return run_first(side, inputs, layers=names, budget=budget).layers
    torch = side.model.dialect == "torch"
    model = carry(side.model, by_name("onnx"), Report()) if torch else side.model
    values = _last_values(model.graph)
    with tempfile.TemporaryDirectory(prefix="modelport-") as folder:
        path = Path(folder) / "watched.onnx"
        graph = replace(model.graph)
        # The runtime infers the types of inner values; nobody here knows them all.
        graph.outputs = [Value(name, UnknownType(b"")) for name in values.values()]
        watched = replace(model, graph=graph)
        writer = by_name("onnx").write
        if writer is None:
            return {}
        with Output(path) as output:
            writer(watched, output, Report())
            output.publish()
        fed = turned(side.model, fitted(model, inputs))
        found = run(RUNTIMES["onnxruntime"], path, fed, budget=budget)
    return dict(zip(values, found.outputs, strict=True))


def _last_values(graph: Graph) -> dict[str, str]:
    """The last value each layer computes, by the layer's name (its scope, else the node)."""
    last: dict[str, str] = {}
    for node in graph.nodes:
        name = node.scope[0].name if node.scope else node.name.split("/")[0]
        if node.outputs and name:
            last.pop(name, None)
            last[name] = node.outputs[0]
    return last
