"""Muon: orthogonalised momentum for matrices, Adam for everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelport.optimizers.rule import Rule, Slot

RULE = Rule(
    "Muon",
    {
        "learning_rate": 0.001,
        "adam_beta_1": 0.9,
        "adam_beta_2": 0.999,
        "epsilon": 1e-7,
        "weight_decay": 0.004,
        "exclude_layers": [],
        "muon_a": 3.4445,
        "muon_b": -4.7750,
        "muon_c": 2.0315,
        "adam_lr_ratio": 1,
        "momentum": 0.95,
        "ns_steps": 5,
        "nesterov": True,
        "exclude_embeddings": True,
        "adam_weight_decay": 0.004,
        "rms_rate": 0.2,
    },
    ((Slot("momentum", "m", "m"), Slot("velocity", "v", "v")),),
    torch="Muon",
)


def has_velocity(settings: Mapping[str, Any], path: str, shape: tuple[int, ...]) -> bool:
    """Whether a weight is trained by the Adam part, which alone has the slot ``velocity``.

    ``exclude_layers`` are patterns; only plain words are looked for here, as a pattern out of a
    file could take for ever. ``told`` says whether that is enough.
    """
    if len(shape) != 2:
        return True
    if settings.get("exclude_embeddings") and "embedding" in path.lower():
        return True
    return any(str(word) in path for word in settings.get("exclude_layers") or ())


def told(settings: Mapping[str, Any]) -> bool:
    """Whether ``has_velocity`` can tell: no excluded layer is given by a real pattern."""
    return all(_PLAIN.fullmatch(str(word)) for word in settings.get("exclude_layers") or ())


_PLAIN = re.compile(r"[A-Za-z0-9_/-]+")
