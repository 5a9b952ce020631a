"""The model: everything one file holds, component by component."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelport.model.component import Component
from modelport.model.dataset import Dataset
from modelport.model.graph import Function, Graph
from modelport.model.signature import Signature
from modelport.model.tensor import Tensor
from modelport.model.training import OptimizerState, TrainingConfig

CONSTANTS = "constants"
"""The key of ``Model.extras`` with the names of tensors that are part of the graph, no weights."""

BESIDE = "beside"
"""The key of ``Model.extras`` with the names of tensors beside those of the model."""

LAYERS = "source_layers"
"""The key of ``Model.extras`` with the layers of a framework that a graph of operators was made of.

A hint, as JSON text, that makes results readable and is needed for none.
"""

RANGES = "ranges"
"""The key of ``Model.extras`` with the least and the largest extent (or None) of named ones."""


class Level(StrEnum):
    """What a file can do to the one who loads it with its framework."""

    INERT = "inert"
    NEEDS_CODE = "needs-code"
    DANGEROUS = "dangerous"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason for a verdict: a stable rule id, what was found, and where in the file."""

    rule: str
    level: Level
    what: str
    where: str


def strongest(findings: Iterable[Finding]) -> Level:
    """The strongest level among findings; ``inert`` where there are none."""
    levels = {finding.level for finding in findings}
    for level in (Level.DANGEROUS, Level.MALFORMED, Level.NEEDS_CODE):
        if level in levels:
            return level
    return Level.INERT


@dataclass(slots=True)
class Producer:
    """Who wrote the file, as far as it says."""

    name: str | None = None
    version: str | None = None
    backend: str | None = None


@dataclass(slots=True)
class Model:
    """What one file holds.

    ``format`` is the registered name (``keras-h5``). ``dialect`` names the vocabulary of the
    graph's nodes and ``kind`` its style (``sequential | functional | modules | graph``), both None
    where the file has no architecture. ``functions`` are ONNX model-local functions by
    (domain, name, overload); ``opsets`` maps a domain to its version. ``evidence`` says for each
    component present where it was found. ``extras`` keeps, as a reader's own plain values, what
    its format needs to be written back and no other field can hold.
    """

    format: str
    path: str
    bytes: int = 0
    format_version: str | None = None
    producer: Producer = field(default_factory=Producer)
    dialect: str | None = None
    kind: str | None = None
    graph: Graph = field(default_factory=Graph)
    signature: Signature | None = None
    training: TrainingConfig | None = None
    optimizer_state: OptimizerState | None = None
    dataset: Dataset | None = None
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    functions: dict[tuple[str, str, str], Function] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    evidence: dict[Component, str] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def components(self) -> frozenset[Component]:
        """The components that are present."""
        present = {
            Component.ARCHITECTURE: self.dialect is not None,
            Component.WEIGHTS: bool(self.tensors),
            Component.LOSS: self.training is not None and self.training.loss is not None,
            Component.OPTIMIZER: self.training is not None and self.training.optimizer is not None,
            Component.OPTIMIZER_STATE: self.optimizer_state is not None,
            Component.HYPERPARAMETERS: bool(self.hyperparameters),
            Component.SIGNATURE: self.signature is not None,
            Component.TRAINING_DATA: self.dataset is not None,
            Component.METADATA: bool(self.metadata),
            Component.PYTHON_OBJECTS: bool(self.extras.get("python_objects")),
        }
        return frozenset(component for component, there in present.items() if there)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The weights of the graph and of every graph inside it, by name.

        Where two graphs use one name for different tensors, the inner one is listed as
        ``graph/name``.
        """
        collected: dict[str, Tensor] = {}
        for graph in self.graph.subgraphs():
            for name, tensor in graph.tensors.items():
                taken = collected.get(name)
                if taken is None or taken is tensor:
                    collected[name] = tensor
                else:
                    collected[f"{graph.name}/{name}"] = tensor
        return collected

    @property
    def level(self) -> Level:
        """The strongest level among the findings; ``inert`` where there are none."""
        return strongest(self.findings)

    def __repr__(self) -> str:
        present = ", ".join(sorted(self.components))
        tensors = self.tensors
        parameters = sum(tensor.size for tensor in tensors.values())
        held = f"{parameters:,} parameters in {len(tensors):,} tensors; " if tensors else ""
        return f"<Model {self.format} {self.path!r}: {held}{present or 'nothing known'}>"
