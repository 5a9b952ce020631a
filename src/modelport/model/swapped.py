"""Values that are stored with their bytes in big-endian order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.model.dtype import DType
from modelport.model.tensor import Box, TensorData

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Swapped:
    """The values of ``stored``, which reads them as if they were little-endian."""

    stored: TensorData

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
        return self.stored.read_box(box).byteswap()
