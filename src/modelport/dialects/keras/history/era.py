"""Which Keras wrote a file: the eras that give the same words other meanings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from itertools import takewhile
from typing import Any

from modelport.errors import MalformedFile
from modelport.model.component import Component
from modelport.model.graph import Graph
from modelport.model.model import Model
from modelport.model.report import Kind, Report


class Era(IntEnum):
    """The versions of Keras by what absent and present words mean; they compare by age.

    Canonical nodes carry the number as their attribute ``era`` where it is not that of Keras 3.
    """

    KERAS1 = 0
    """1.0 to 1.2: other class and argument names, one array a gate."""
    KERAS2 = 1
    """2.0 to 2.3, several backends: ``hard_sigmoid`` gates, GRU that resets before."""
    TF_KERAS = 2
    """tf.keras and tf_keras (2.x-tf, 2.4 and later)."""
    KERAS3 = 3


@dataclass(frozen=True, slots=True)
class History:
    """What an upgrade knows about where a config comes from, and whom it tells of changes."""

    era: Era
    backend: str
    path: str
    report: Report
    version: tuple[int, ...] = ()
    """The version as numbers, where the file states it."""

    def malformed(self, layer: str, *, expected: str, found: Any) -> MalformedFile:
        """The error for a layer that no Keras could have written."""
        shown = found if isinstance(found, str) else repr(found)
        short = shown if len(shown) <= 120 else f"{shown[:120]}..."
        return MalformedFile(self.path, expected=f"layer {layer!r} with {expected}", found=short)

    def dropped(self, where: str, why: str) -> None:
        """Note that a setting is lost."""
        self.report.add(Kind.DROPPED, Component.HYPERPARAMETERS, where, why)

    def foreign(self, where: str, why: str) -> None:
        """Note a layer or function that only its own code explains."""
        self.report.add(Kind.FOREIGN, Component.ARCHITECTURE, where, why)

    def rearranged(self, where: str, why: str) -> None:
        """Note weights in a new layout."""
        self.report.add(Kind.REARRANGED, Component.WEIGHTS, where, why)


def history(model: Model, report: Report) -> History:
    """The era and backend of a model, by its version or, where it has none, by its words."""
    era = _by_version(model.producer.version or "", model.producer.backend)
    if era is None:
        era = Era.KERAS3 if model.format == "keras-v3" else _by_words(model.graph)
    version = _numbers(model.producer.version or "")
    return History(era, _backend(model, era), model.path, report, version)


def _numbers(version: str) -> tuple[int, ...]:
    parts = takewhile(str.isdecimal, version.split("-")[0].split("."))
    return tuple(int(part) for part in parts)


def _by_version(version: str, backend: str | None) -> Era | None:
    numbers = _numbers(version)
    if not numbers:
        return None
    major, minor = (*numbers, 0)[:2]
    if major >= 3:
        return Era.KERAS3
    if major < 2:
        return Era.KERAS1
    # Keras 2.3 was the last with backends of its own choice; TensorFlow's say "-tf" or are newer.
    own = "-tf" not in version and minor <= 3
    return Era.KERAS2 if own or backend not in (None, "tensorflow") else Era.TF_KERAS


_KERAS1_WORDS = frozenset(
    {
        "W_regularizer",
        "b_regularizer",
        "nb_filter",
        "border_mode",
        "inner_activation",
        "dim_ordering",
    }
)


def _by_words(graph: Graph) -> Era:
    found = Era.KERAS2
    for each in graph.subgraphs():
        for node in each.nodes:
            config = node.attributes.get("config")
            keys = config.keys() if isinstance(config, dict) else frozenset()
            if keys & _KERAS1_WORDS:
                return Era.KERAS1
            if "batch_shape" in keys or isinstance(node.attributes.get("module"), str):
                found = Era.KERAS3
    return found


def _backend(model: Model, era: Era) -> str:
    if model.producer.backend:
        return model.producer.backend.lower()
    if era is not Era.KERAS1:
        return "tensorflow"
    # Keras 1 does not say; TensorFlow's names of variables end in ":0", Theano's do not.
    names = list(model.tensors)
    return "theano" if names and not any(":" in name for name in names) else "tensorflow"
