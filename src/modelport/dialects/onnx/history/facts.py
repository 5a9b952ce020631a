"""What is known of the values of a graph: types, shapes, and the values of small constants.

From what the file declares and, where it does not, from the nodes before (``infer.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.dtype import DType
from modelport.model.graph import Dim, TensorType, Value
from modelport.model.tensor import Tensor

SMALL = 4096
"""The most elements of a constant whose values are looked at."""


class Facts:
    """The facts of one graph; those of the graphs around it count where a name is not its own."""

    def __init__(self, outer: Facts | None = None) -> None:
        self._outer = outer
        self._dtypes: dict[str, DType] = {}
        self._shapes: dict[str, tuple[Dim, ...]] = {}
        self._tensors: dict[str, Tensor] = {}

    def declare(self, values: Iterable[Value]) -> None:
        """Take what a file says of values."""
        for value in values:
            if isinstance(value.type, TensorType) and not value.type.sparse:
                self.learn(value.name, value.type.dtype, value.type.shape)

    def add_tensor(self, tensor: Tensor, name: str | None = None) -> None:
        """Take an initializer or constant, under another name where one is given."""
        name = tensor.name if name is None else name
        self._tensors[name] = tensor
        self.learn(name, tensor.dtype, tensor.shape)

    def learn(self, name: str, dtype: DType | None, shape: tuple[Dim, ...] | None) -> None:
        """Add what is new about a value; what was known stays."""
        if dtype is not None and dtype.bits:
            self._dtypes.setdefault(name, dtype)
        if shape is not None:
            self._shapes.setdefault(name, shape)

    def dtype(self, name: str) -> DType | None:
        """The type of a value's elements."""
        found = self._dtypes.get(name)
        return found if found or self._outer is None else self._outer.dtype(name)

    def shape(self, name: str) -> tuple[Dim, ...] | None:
        """The extents of a value."""
        found = self._shapes.get(name)
        return found if found is not None or self._outer is None else self._outer.shape(name)

    def values(self, name: str) -> NDArray[Any] | None:
        """The values of a small constant; None for anything else."""
        tensor = self._tensors.get(name)
        if tensor is None:
            return None if self._outer is None else self._outer.values(name)
        return np.asarray(tensor.numpy()) if tensor.size <= SMALL else None
