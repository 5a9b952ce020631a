"""What the frameworks said of the samples ``graphs_*``, and what modelport reads of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from modelport.formats.candidate import Candidate
from modelport.formats.table import CONTAINERS, container, load, read
from modelport.model.model import Model

FILES = Path(__file__).parents[1] / "files"


def opened(path: Path) -> Model:
    """The file read by the one format that claims it."""
    candidate = Candidate(path)
    claims = [
        found.name
        for found in map(load, CONTAINERS[container(candidate)])
        if found.match(Candidate(path))
    ]
    model = read(candidate)
    assert claims == [model.format]
    return model


def digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def facts(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def stated_layers(path: Path) -> dict[str, list[Any]]:
    """Shapes and digests of every layer's weights, by the layer's own name."""
    return {name.rsplit("/", 1)[-1]: held for name, held in facts(path)["layers"].items()}


def read_layers(model: Model) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for graph in model.graph.subgraphs():
        for node in graph.nodes:
            if not node.parameters:
                continue
            tensors = [graph.tensors[name] for name in node.parameters.values()]
            held = [[list(item.shape), digest(item.numpy())] for item in tensors]
            # Every call of a layer has the same weights.
            assert found.setdefault(node.scope[-1].name, held) == held
    return found
