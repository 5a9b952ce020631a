"""How arrays travel between a process and its child: an ``.npz`` of plain arrays and a JSON note.

numpy stores neither the small floats of ml_dtypes nor text without pickling: the first travel as
the integers of their bits, the second as JSON, and the note says which.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelport.model.dtype import DTYPES, from_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

NATIVE = "fciub"
"""The kinds of numpy's own dtypes that ``.npz`` stores as they are."""


def pack(path: Path, told: Mapping[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
    """Write arrays of any dtype, and what is told about them.

    Raises:
        TypeError: an array of objects that are no text.
        OSError: the file would get larger than the process may write.
    """
    import numpy as np

    dtypes = [_name(array) for array in arrays]
    note = json.dumps({"told": dict(told), "dtypes": dtypes})
    plain = {f"a{i}": _plain(array) for i, array in enumerate(arrays)}
    np.savez(path, note=np.array(note), allow_pickle=False, **plain)


def unpack(path: Path) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """What ``pack`` wrote: what was told, and the arrays in their own dtypes."""
    import numpy as np

    with np.load(path, allow_pickle=False) as held:
        note = json.loads(str(held["note"]))
        arrays = [_restored(held[f"a{i}"], name) for i, name in enumerate(note["dtypes"])]
    return note["told"], arrays


def _name(array: NDArray[Any]) -> str:
    return str(array.dtype) if array.dtype.kind in NATIVE else from_numpy(array.dtype).name


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if array.dtype.kind in NATIVE:
        return array
    if DTYPES[_name(array)].bits:
        return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
    words = json.dumps([list(array.shape), [_text(item) for item in array.reshape(-1).tolist()]])
    return np.frombuffer(words.encode(), np.uint8)


def _text(item: Any) -> str:
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    if not isinstance(item, str):
        raise TypeError(f"a value of type {type(item).__name__} is neither a number nor text")
    return item


def _restored(array: NDArray[Any], name: str) -> NDArray[Any]:
    import numpy as np

    if name not in ("string", "object"):
        return array if name not in DTYPES else array.view(DTYPES[name].numpy)
    shape, words = json.loads(array.tobytes())
    return np.array(words, dtype=object).reshape(shape)
