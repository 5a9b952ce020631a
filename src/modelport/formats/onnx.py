"""ONNX: a graph of operators with its weights, as one protobuf message (ModelProto).

Written by exporters of every framework; read by onnxruntime and many others. Specification:
https://github.com/onnx/onnx/blob/main/docs/IR.md and onnx.proto. It holds architecture, weights and
signature; training configuration, hyperparameters and metadata go into ``metadata_props``. Reader
and writer are our own: values are skipped while reading and streamed while writing, fields that
nobody here knows are kept.
"""

from __future__ import annotations

from functools import partial

from modelport.formats.format import Format
from modelport.formats.shared.onnx.match import match
from modelport.formats.shared.onnx.model_read import read
from modelport.formats.shared.onnx.model_write import write
from modelport.model.component import Component, Holds

__all__ = ["FORMAT"]

_MAY = (
    Component.WEIGHTS,
    Component.LOSS,
    Component.OPTIMIZER,
    Component.HYPERPARAMETERS,
    Component.METADATA,
)
_NEVER = (Component.OPTIMIZER_STATE, Component.TRAINING_DATA, Component.PYTHON_OBJECTS)

FORMAT = Format(
    name="onnx",
    title="ONNX",
    framework="ONNX",
    status="alive",
    specification="https://github.com/onnx/onnx/blob/main/docs/IR.md",
    extensions=(".onnx",),
    holds={
        Component.ARCHITECTURE: Holds.ALWAYS,
        Component.SIGNATURE: Holds.ALWAYS,
        **dict.fromkeys(_MAY, Holds.MAY),
        **dict.fromkeys(_NEVER, Holds.NEVER),
    },
    samples={
        Component.ARCHITECTURE: "onnx/metadata.onnx",
        Component.SIGNATURE: "onnx/metadata.onnx",
        Component.WEIGHTS: "onnx/external.onnx",
        Component.LOSS: "onnx/training.onnx",
        Component.OPTIMIZER: "onnx/training.onnx",
        Component.HYPERPARAMETERS: "onnx/training.onnx",
        Component.METADATA: "onnx/metadata.onnx",
    },
    match=match,
    read=read,
    write=write,
    write_external=partial(write, external_data=True),
    dialect="ai.onnx",
)
