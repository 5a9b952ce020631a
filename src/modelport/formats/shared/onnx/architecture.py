"""An architecture alone, as bytes of ONNX: a ModelProto whose weights are inputs of its graph.

Checkpoints keep it beside their weights, under whose names the graph finds them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from modelport.formats.shared.onnx.model_read import read_message
from modelport.formats.shared.onnx.model_write import message_of
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.model.tensor import Tensor
from modelport.wire.source import BytesSource


def encode(model: Model, weights: Mapping[str, Tensor], report: Report) -> bytes:
    """The graph of a model without those of its tensors that are in ``weights``.

    Raises:
        ConversionError: the graph is none that ONNX holds.
    """
    graph = replace(
        model.graph,
        inputs=[
            *model.graph.inputs,
            *(Value(name, TensorType(t.dtype, t.shape)) for name, t in weights.items()),
        ],
        tensors={n: t for n, t in model.graph.tensors.items() if n not in weights},
    )
    buffer = io.BytesIO()
    message_of(replace(model, graph=graph), report).write(buffer)
    return buffer.getvalue()


def decode(data: bytes, name: str, weights: Mapping[str, Tensor]) -> Model:
    """The model of an architecture and the weights it was written beside.

    Weights that the graph does not ask for stay with it.

    Raises:
        MalformedFile, LimitExceeded, UnsupportedFeature: it is no such architecture; ``name`` is
            what errors call it.
    """
    model = read_message(BytesSource(data, name), Path())
    model.graph.inputs = [value for value in model.graph.inputs if value.name not in weights]
    model.graph.tensors = {**weights, **model.graph.tensors}
    if model.signature is not None:
        model.signature = replace(model.signature, inputs=list(model.graph.inputs))
    return model
