"""Values that are stored without the sign they are to have, as lazy views of torch are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.model.dtype import DType
from modelport.model.tensor import Box, TensorData

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Signed:
    """The values of ``stored`` conjugated, negated, or both; no bit but signs differs."""

    stored: TensorData
    conjugated: bool
    negated: bool

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.stored.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self.stored.shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``."""
        found = self.stored.read_box(box)
        if self.conjugated:
            found = found.conj()
        return -found if self.negated else found
