"""Whether a sparse tensor is one: its indices fit its values and its shape.

From SparseTensorProto in onnx.proto: ``indices`` are int64, of shape ``(n,)`` (places in C order)
or ``(n, rank)``, ascending without repetition, and inside the shape.
"""

from __future__ import annotations

import math

from modelport.errors import ConversionError
from modelport.model.dtype import INT64
from modelport.model.graph import SparseTensor

_ROWS = 1 << 20
"""Indices that are looked at together."""


def check_sparse(sparse: SparseTensor) -> None:
    """Hold a sparse tensor against the rules above.

    Raises:
        ConversionError: the first rule that it breaks.
    """
    where = f"sparse tensor {sparse.name!r}"
    shape, values, indices = sparse.shape, sparse.values, sparse.indices
    if not shape or min(shape) < 1 or math.prod(shape) >> 63:
        raise ConversionError(where, f"no tensor has the shape {list(shape)}")
    fitting = (values.shape, (*values.shape, len(shape)))
    if len(values.shape) != 1 or indices.dtype != INT64 or indices.shape not in fitting:
        why = f"{indices.dtype} {list(indices.shape)} are no indices of {list(values.shape)} values"
        raise ConversionError(where, f"{why} in a tensor {list(shape)}")
    if not _are_places(sparse):
        why = f"its indices do not ascend, or lie outside its shape {list(shape)}"
        raise ConversionError(where, why)


def _are_places(sparse: SparseTensor) -> bool:
    import numpy as np

    indices, last = sparse.indices, -1
    for first in range(0, indices.shape[0], _ROWS):
        rows = (first, min(first + _ROWS, indices.shape[0]))
        found = indices.data.read_box((rows, *((0, extent) for extent in indices.shape[1:])))
        if found.ndim == 2:
            if not ((found >= 0) & (found < np.array(sparse.shape))).all():
                return False
            found = np.ravel_multi_index(tuple(found.T), sparse.shape)
        ascends = bool((np.diff(found) > 0).all())
        if not ascends or found[0] <= last or found[-1] >= math.prod(sparse.shape):
            return False
        last = int(found[-1])
    return True
