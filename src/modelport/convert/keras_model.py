"""The way to Keras: a functional model of stock layers and operations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from modelport.convert.simplest import name_of, simplest
from modelport.dialects.keras.raises.graph import raised
from modelport.dialects.keras.raises.value import Layout
from modelport.dialects.keras.raises.wishes import WINDOWS
from modelport.dialects.keras.upgrade import UPGRADED
from modelport.dialects.onnx.flat.written_out import written_out
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.model.axes import Axes, axes_of, with_axes
from modelport.model.component import Component
from modelport.model.graph import Graph, Value
from modelport.model.model import Model, Producer
from modelport.model.report import Kind, Report
from modelport.model.signature import Signature

_WHY = {
    Layout.CHANNELS_LAST: "its inputs and outputs lie as its layers want them",
    Layout.CHANNELS_FIRST: "no layer of the model moves windows over images",
}


def as_keras(model: Model, report: Report, layout: Layout = Layout.SOURCE) -> Model:
    """A model of ONNX as one of Keras 3.

    ``layout`` says where channels lie; inputs and outputs whose axes lie otherwise than in the
    source are in the report, and in the metadata of the model.

    Raises:
        ConversionError: an operator that Keras cannot express; names it and its node.
    """
    simple = simplest(model)
    flat = written_out(simple)
    graph = simple if flat is simple else simplified(flat)
    made, turned = raised(graph, re.sub(r"\W+", "_", name_of(model)) or "model", layout)
    for what, values, orders in zip(
        ("input", "output"), (graph.inputs, graph.outputs), turned, strict=True
    ):
        _report(what, values, orders, report)
    axes = Axes(*turned, None if layout is Layout.SOURCE else str(layout))
    if axes.layout is not None and not _has_effect(layout, graph, axes):
        report.notes.append(f"--layout {layout} makes no difference: {_WHY[layout]}")
    return replace(
        model,
        producer=Producer("keras", "3.5.0"),
        dialect="keras",
        kind="functional",
        graph=made,
        signature=Signature(made.inputs, made.outputs),
        training=None,
        optimizer_state=None,
        opsets={},
        functions={},
        metadata=with_axes(model.metadata, axes_of(model).then(axes)),
        extras={UPGRADED: True},
    )


def _report(
    what: str, values: Sequence[Value], orders: Sequence[Sequence[int] | None], report: Report
) -> None:
    """Tell which inputs or outputs have their axes in another order now."""
    for value, order in zip(values, orders, strict=True):
        if order is None:
            continue
        shape = value.shape or ("?",) * len(order)
        was, now = (_told([shape[axis] for axis in axes]) for axes in (range(len(order)), order))
        why = f"channels last: {now}, where the source has {was}"
        report.add(Kind.REARRANGED, Component.SIGNATURE, f"{what} {value.name!r}", why)


def _told(shape: Sequence[object]) -> str:
    return f"({', '.join('?' if extent is None else str(extent) for extent in shape)})"


def _has_effect(layout: Layout, graph: Graph, axes: Axes) -> bool:
    """Whether a layout that was asked for makes any difference."""
    if layout is Layout.CHANNELS_LAST:
        return axes.are_turned
    return any(node.op_type in WINDOWS for node in graph.nodes)
