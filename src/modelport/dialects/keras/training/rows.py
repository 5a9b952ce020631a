"""Embeddings whose gradients come by rows, and what the file's optimizer makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.dialects.keras.training.order import layers
from modelport.dialects.keras.training.stated import Stated
from modelport.model.component import Component
from modelport.model.graph import Graph
from modelport.model.model import Model
from modelport.model.report import Kind, Report
from modelport.optimizers import rows


def upgrade_rows(canonical: Model, optimizer: Stated, report: Report) -> None:
    """Note what becomes of gradients by rows, where a trainable embedding has one.

    A regularizer makes the gradient dense, and then nothing differs.
    """
    found = list(_by_rows(canonical.graph))
    why = rows.differs(optimizer.rule, optimizer.settings, optimizer.era)
    for name in found if why else ():
        report.add(Kind.APPROXIMATED, Component.OPTIMIZER_STATE, name, why or "")
    if found and rows.adds_first(optimizer.rule, optimizer.settings, optimizer.era):
        canonical.extras[rows.ADDS_ROWS] = found


def _by_rows(graph: Graph) -> Iterator[str]:
    for nodes in layers(graph).values():
        node = nodes[0]
        inner = node.attributes.get("graph")
        if isinstance(inner, Graph):
            yield from _by_rows(inner)
        config = _embedding(node.op_type, node.attributes.get("config"))
        if config is None or config.get("embeddings_regularizer") is not None:
            continue
        trainable = node.attributes["trainable"]
        yield from (name for role, name in node.parameters.items() if trainable[role])


def _embedding(class_name: str, config: Any) -> Mapping[str, Any] | None:
    """The config of an Embedding, also of one inside a wrapper such as TimeDistributed."""
    while isinstance(config, Mapping) and class_name != "Embedding":
        held = config.get("layer")
        if not isinstance(held, Mapping):
            return None
        class_name, config = str(held.get("class_name")), held.get("config")
    return config if isinstance(config, Mapping) else None
