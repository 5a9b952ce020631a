"""Values that lie in a run of memory at regular steps: views that are no plain slice of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelport.model.boxes import READ_BYTES, extents, sub_boxes, volume
from modelport.model.dtype import DType
from modelport.model.tensor import Box, TensorData

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Strided:
    """A view of ``stored``, which has one axis: element (i, j) is ``offset + i*s0 + j*s1``.

    ``strides`` count elements and are not negative; 0 repeats one element along its axis. Whoever
    makes one has checked that no element lies outside.
    """

    stored: TensorData
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> DType:
        """The type of one element."""
        return self.stored.dtype

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``; of what lies between them not much more than that is read."""
        import numpy as np

        values = np.empty(extents(box), self.dtype.numpy)
        if values.size:
            self._fill(box, values)
        return values

    def _fill(self, box: Box, values: NDArray[Any]) -> None:
        import numpy as np

        steps = [
            (stop - start - 1) * stride
            for (start, stop), stride in zip(box, self.strides, strict=True)
        ]
        span = sum(steps) + 1
        width = self.dtype.numpy.itemsize
        if span * width > READ_BYTES and span > 2 * volume(box):
            axis = steps.index(max(steps))
            rows = max(1, int((box[axis][1] - box[axis][0]) * READ_BYTES / (span * width)))
            if rows < box[axis][1] - box[axis][0]:
                for part, where in sub_boxes(box, axis, rows):
                    self._fill(part, values[(slice(None),) * axis + (where,)])
                return
        first = self.offset + sum(
            start * stride for (start, _), stride in zip(box, self.strides, strict=True)
        )
        run = self.stored.read_box(((first, first + span),))
        steps = [stride * run.itemsize for stride in self.strides]
        # By way of its bytes, since numpy's as_strided knows float8 by no name.
        values[...] = np.ndarray(extents(box), run.dtype, run.view(np.uint8), strides=steps)
