"""Training data that a file holds: features with their types, and where the values are."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.model.tensor import Tensor


@dataclass(slots=True)
class Dataset:
    """Examples by feature; the first axis of every feature counts the records where they agree.

    ``records`` is None where the features have no common first extent.
    """

    records: int | None = None
    features: dict[str, Tensor] = field(default_factory=dict)
