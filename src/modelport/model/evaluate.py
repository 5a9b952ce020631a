"""Evaluating derived tensor data, box by box."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.expression import (
    Cast,
    Concatenate,
    Expression,
    Fill,
    Reshape,
    Scaled,
    Slice,
    Source,
    Transpose,
    children,
)
from modelport.model.tensor import Box


def read_box(expression: Expression, box: Box) -> NDArray[Any]:
    """The values of ``expression`` inside ``box``."""
    return _whole(expression)[tuple(slice(start, stop) for start, stop in box)]


def _whole(expression: Expression) -> NDArray[Any]:
    if isinstance(expression, Source):
        return expression.tensor.numpy()
    if isinstance(expression, Fill):
        return np.full(expression.shape, expression.value, expression.dtype.numpy)
    if isinstance(expression, Transpose):
        return _whole(expression.child).transpose(expression.permutation)
    if isinstance(expression, Reshape):
        return _whole(expression.child).reshape(expression.shape)
    if isinstance(expression, Slice):
        indices = expression.start + expression.step * np.arange(expression.count)
        return np.take(_whole(expression.child), indices, expression.axis)
    if isinstance(expression, Concatenate):
        return np.concatenate([_whole(part) for part in expression.children], expression.axis)
    if isinstance(expression, Scaled):
        scaled: NDArray[Any] = _whole(expression.child) * expression.factor
        return scaled.astype(expression.dtype.numpy)
    if isinstance(expression, Cast):
        return _whole(expression.child).astype(expression.dtype.numpy)
    total: NDArray[Any] = np.sum([_whole(part) for part in children(expression)], 0)
    return total.astype(expression.dtype.numpy)
