"""Arrays as tensors of torch and back, of any dtype that both have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelport.model.dtype import DTYPES, from_numpy


def to_torch(array: NDArray[Any]) -> Any:
    """A tensor with a copy of the array's values.

    Raises:
        TypeError: text, or a dtype that torch does not have.
    """
    import torch

    name = from_numpy(array.dtype).name
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"torch has no dtype {name}")
    if not array.size:
        return torch.empty(array.shape, dtype=dtype)
    # numpy has no bfloat16 and no float8: such values travel as their bytes.
    held = np.array(array, order="C", copy=True).reshape(-1)
    return torch.from_numpy(held.view(np.uint8)).view(dtype).reshape(array.shape)


def to_numpy(value: Any) -> NDArray[Any]:
    """The values of a tensor (a sparse one made dense), or of a Python number, as an array."""
    import torch

    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    dense = value.detach().resolve_conj().resolve_neg()
    dense = dense.to_dense() if dense.layout is not torch.strided else dense
    dtype = DTYPES[str(dense.dtype).removeprefix("torch.")].numpy
    flat = dense.contiguous().reshape(-1).view(torch.uint8).numpy()
    made: NDArray[Any] = flat.view(dtype).reshape(tuple(dense.shape))
    return made


def flat(value: Any) -> list[Any]:
    """The tensors and numbers of a nested result, in torch's order; nothing where it says None."""
    import torch

    leaves = torch.utils._pytree.tree_leaves(value)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor | bool | int | float)]
