"""Making Keras 3 add the rows of an embedding's gradient as the source's Keras did."""

from __future__ import annotations

from typing import Any

from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.optimizers import loss_scale, rows


def adding_rows(model: Model, optimizer: dict[str, Any], report: Report) -> dict[str, Any]:
    """The serialised optimizer, with a norm that never clips where rows must be added first."""
    embeddings = model.extras.get(rows.ADDS_ROWS)
    if not embeddings:
        return optimizer
    if optimizer["class_name"] in loss_scale.NAMES:
        inner = adding_rows(model, optimizer["config"]["inner_optimizer"], report)
        return {**optimizer, "config": {**optimizer["config"], "inner_optimizer": inner}}
    settings = None if _narrow(model) else rows.adding(optimizer["config"])
    repeated = "Keras 3 on TensorFlow applies rows that repeat in a batch one by one"
    if settings is None:
        for name in embeddings:
            why = f"{repeated}, the source's Keras added them first"
            report.add(Kind.APPROXIMATED, Component.OPTIMIZER_STATE, name, why)
        return optimizer
    why = f"{repeated}; this norm, which never clips, makes it add them first, as the source did"
    report.add(Kind.INVENTED, Component.OPTIMIZER, "global_clipnorm", why)
    return {**optimizer, "config": settings}


def _narrow(model: Model) -> bool:
    """Whether numbers as large as that norm are beyond the weights' own dtype."""
    return any(tensor.dtype.name == "float16" for tensor in model.tensors.values())
