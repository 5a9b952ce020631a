"""Example inputs that users give: arrays in ``.npz`` files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelport.errors import UnreadableFile, WrongUsage
from modelport.model.dtype import from_numpy
from modelport.model.graph import TensorType
from modelport.verify.signature import Inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_inputs(path: str | os.PathLike[str]) -> Sequence[tuple[str, NDArray[Any]]]:
    """The arrays of an ``.npz``, in order.

    Raises:
        UnreadableFile: no such file, or not an ``.npz`` of plain arrays.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as held:
            return [(name, held[name]) for name in held.files]
    except (OSError, ValueError) as error:
        raise UnreadableFile(str(path), f"not an .npz of plain arrays ({error})") from error


def types_of(examples: Mapping[str, Inputs]) -> dict[str, TensorType]:
    """The types that examples have in common, by file: an extent that differs is left open.

    Raises:
        WrongUsage: two files do not hold the same arrays, or some of other ranks or dtypes.
    """
    found: dict[str, TensorType] = {}
    for path, arrays in examples.items():
        types = {name: TensorType(from_numpy(array.dtype), array.shape) for name, array in arrays}
        found = found or types
        if found.keys() != types.keys():
            why = f"it holds {', '.join(types)}, the one before it {', '.join(found)}"
            raise WrongUsage(path, why)
        found = {name: _common(path, name, kind, types[name]) for name, kind in found.items()}
    return found


def _common(path: str, name: str, a: TensorType, b: TensorType) -> TensorType:
    one, two = a.shape or (), b.shape or ()
    if a.dtype != b.dtype or len(one) != len(two):
        raise WrongUsage(path, f"{name!r} has another dtype or number of axes than before")
    return TensorType(a.dtype, tuple(x if x == y else None for x, y in zip(one, two, strict=True)))
