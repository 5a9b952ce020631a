"""BatchNormalization in training: where older Keras moved its statistics by another rule.

What a trained model predicts is the same everywhere; these differences begin with the next step.
Keras 3 moves both averages plainly at every call, with the batch's biased variance, and a frozen
layer normalises by them. Source: ``BatchNormalization.call`` of Keras 1.2.2 to 2.3.1 and of
tf_keras, and in the backends ``moving_average_update`` (``zero_debias`` from 2.1.3 on, until 2.3),
``normalize_batch_in_training`` and (Theano) ``Function.__init__``, which keeps the first of
several updates of one variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.training.order import layers
from modelport.model.component import Component
from modelport.model.graph import Graph
from modelport.model.model import Model
from modelport.model.report import Change, Kind, Report
from modelport.model.training import ONLY_IN_KERAS_3

_UNBIASED = "moved by the unbiased variance of a batch, in Keras 3 by the biased one"


def upgrade_moving_statistics(
    native: Model, canonical: Model, past: History, report: Report
) -> None:
    """Note every BatchNormalization that goes on otherwise in Keras 3.

    What holds there alone, and not for tf_keras, waits in ``canonical.extras`` for the writer.
    """
    if past.era is Era.KERAS3:
        return
    version = [int(part) for part in re.findall(r"\d+", native.producer.version or "")[:3]]
    for where, config, frozen, calls in _normalizations(canonical.graph, 1):
        why = list(_frozen(past)) if frozen else list(_moving(past, version, config, calls))
        for each in why:
            change = Change(Kind.APPROXIMATED, Component.OPTIMIZER_STATE, where, each)
            if past.era is Era.TF_KERAS:
                canonical.extras.setdefault(ONLY_IN_KERAS_3, []).append(change)
            else:
                report.add(change.kind, change.component, change.where, change.why)


def _normalizations(graph: Graph, calls: int) -> Iterator[tuple[str, Mapping[str, Any], bool, int]]:
    """Every such layer: its path, config, whether it is frozen, and how often it is called."""
    for nodes in layers(graph).values():
        node, times = nodes[0], calls * len(nodes)
        inner, config = node.attributes.get("graph"), node.attributes.get("config")
        if isinstance(inner, Graph):
            yield from _normalizations(inner, times)
        if node.op_type == "BatchNormalization" and isinstance(config, Mapping):
            frozen = not any(node.attributes["trainable"].values()) and _is_frozen(node.attributes)
            yield "/".join(step.name for step in node.scope), config, frozen, times


def _is_frozen(attributes: Mapping[str, Any]) -> bool:
    """Without gamma and beta nothing is ever trainable; then only the layer's word counts."""
    own = [role for role in attributes["trainable"] if role in ("gamma", "beta")]
    return bool(own) or attributes["config"].get("trainable", True) is False


def _frozen(past: History) -> Iterator[str]:
    if past.era in (Era.KERAS1, Era.KERAS2):
        yield (
            "a frozen layer of the old Keras still normalised a training batch by the batch "
            "itself; in Keras 3 it does so by its moving statistics"
        )


def _moving(
    past: History, version: list[int], config: Mapping[str, Any], calls: int
) -> Iterator[str]:
    if past.era is Era.TF_KERAS:
        if config.get("axis") in (3, 4):  # images and volumes; other inputs are not fused
            yield f"the moving variance was {_UNBIASED}"
        return
    if past.backend == "theano":
        yield "the moving variance was moved by the variance of a batch plus epsilon"
        if calls > 1:
            yield "of several calls in one step only the first moved the averages; now each does"
    if past.backend == "tensorflow" and [2, 1, 3] <= version < [2, 3]:
        yield (
            "the averages were corrected for their start, and a resumed run began that anew; "
            "Keras 3 moves them plainly"
        )
    if past.backend != "cntk" and past.era is Era.KERAS2 and version >= [2, 2]:
        yield f"the moving variance was {_UNBIASED}"
