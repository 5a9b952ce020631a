"""The way to Keras: a functional model of stock layers and operations."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from modelport.convert.torch_source import NO_NAMES
from modelport.dialects.keras.raises.graph import raised
from modelport.dialects.onnx.history import upgrade
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.model.model import Model, Producer
from modelport.model.signature import Signature


def as_keras(model: Model) -> Model:
    """A model of ONNX as one of Keras 3.

    Raises:
        ConversionError: an operator that Keras cannot express; names it and its node.
    """
    newest = upgrade(model.graph, model.opsets.get("ai.onnx", 1), model.functions)
    graph = simplified(newest)
    name = graph.name if graph.name not in NO_NAMES else Path(model.path).stem
    made = raised(graph, re.sub(r"\W+", "_", name) or "model")
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
        extras={"keras_canonical": True},
    )
