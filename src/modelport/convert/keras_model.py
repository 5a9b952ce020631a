"""The way to Keras: a functional model of stock layers and operations."""

from __future__ import annotations

import re
from dataclasses import replace

from modelport.convert.simplest import name_of, simplest
from modelport.dialects.keras.raises.graph import raised
from modelport.dialects.keras.upgrade import UPGRADED
from modelport.model.model import Model, Producer
from modelport.model.signature import Signature


def as_keras(model: Model) -> Model:
    """A model of ONNX as one of Keras 3.

    Raises:
        ConversionError: an operator that Keras cannot express; names it and its node.
    """
    made = raised(simplest(model), re.sub(r"\W+", "_", name_of(model)) or "model")
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
        extras={UPGRADED: True},
    )
