"""Training data that a file holds: features with their types, and where the values are."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.model.tensor import Tensor

SHOWN = 6
"""How many features are shown."""


@dataclass(slots=True)
class Dataset:
    """Examples by feature; the first axis of every feature counts the records where they agree.

    ``records`` is None where the features have no common first extent.
    """

    records: int | None = None
    features: dict[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        records = "" if self.records is None else f"{self.records:,} records of "
        shown = [
            f"{name} {tensor.dtype} {list(tensor.shape)}"
            for name, tensor in list(self.features.items())[:SHOWN]
        ]
        more = [f"and {len(self.features) - SHOWN:,} more"] if len(self.features) > SHOWN else []
        return f"<Dataset: {records}{', '.join([*shown, *more])}>"
