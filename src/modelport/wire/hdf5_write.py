"""Writing HDF5 over h5py: contiguous datasets that stream, and the same bytes every time."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from modelport.errors import ConversionError
from modelport.wire.source import Sink

ATTRIBUTE_BYTES = 64_512
"""What one attribute may take in the oldest file layout (Keras splits lists there as well)."""


class StreamedTensor(Protocol):
    """What the writer needs of a tensor (``modelport.model.tensor.Tensor`` is one)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""

    @property
    def dtype(self) -> Any:
        """The type of an element, with ``name`` and ``numpy``."""

    def copy(self, file: Sink) -> None:
        """Append the values to a file as little-endian C-order bytes."""

    def numpy(self) -> Any:
        """All values, for text."""


class HDF5Writer:
    """A new HDF5 file in the layout that every version of the library reads.

    Groups appear as they are named. Values are written when the file is closed, piece by piece, so
    that a file of any size needs little memory. Use it as a context manager; after an error inside
    the block the file is closed without values, to be thrown away by the caller (``Output`` does).

    Raises:
        ConversionError: a path is used twice, or HDF5 cannot hold a name, a text or an attribute.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import h5py

        self.path = Path(path)
        self._file = h5py.File(self.path, "w", libver="earliest", track_order=False)
        self._waiting: list[tuple[int, StreamedTensor]] = []

    def group(self, path: str) -> None:
        """Make sure that a group is there."""
        with _refusals(path):
            self._group(path)

    def attribute(self, path: str, name: str, value: Any) -> None:
        """Set an attribute of the group or dataset at ``path``.

        Text becomes variable-length UTF-8, a list of text fixed-length bytes (as Keras writes
        them), anything else what numpy makes of it.
        """
        with _refusals(path):
            target = self._file[path] if path in self._file else self._group(path)
            target.attrs[name] = _fixed(value) if _is_texts(value) else value

    def names(self, path: str, name: str, values: Sequence[str]) -> None:
        """Set a list of text; one too long for an attribute is split: ``name0``, ``name1``, ..."""
        step = max(len(values), 1)
        while step > 1 and any(
            _size(values[start : start + step]) > ATTRIBUTE_BYTES
            for start in range(0, len(values), step)
        ):
            step = -(-step // 2)
        if step >= len(values):
            self.attribute(path, name, list(values))
            return
        for index, start in enumerate(range(0, len(values), step)):
            self.attribute(path, f"{name}{index}", list(values[start : start + step]))

    def dataset(self, path: str, tensor: StreamedTensor) -> None:
        """Declare a contiguous dataset and stream the tensor's values into it at the end.

        Types that HDF5 has no word for (bfloat16, float8, 4-bit) become opaque bytes with an
        attribute ``dtype``, as Keras 3 writes them.
        """
        with _refusals(path):
            self._dataset(path, tensor)

    def _dataset(self, path: str, tensor: StreamedTensor) -> None:
        import h5py
        import numpy as np

        folder, _, name = path.strip("/").rpartition("/")
        group = self._group(folder)
        if name in group:
            raise ConversionError(path, "the file would hold two datasets of that name")
        if tensor.dtype.kind in ("string", "other"):
            texts = np.asarray(tensor.numpy(), dtype=object)
            if any(_has_zero(text) for text in texts.reshape(-1)):
                raise ConversionError(path, "text in HDF5 ends at the first zero character")
            group.create_dataset(name, data=texts, dtype=h5py.string_dtype())
            return
        kind, foreign = _storage(tensor.dtype)
        made = _create(group, name, tensor.shape, kind)
        if foreign:
            made.attrs["dtype"] = tensor.dtype.name
        offset = made.id.get_offset()
        if offset is not None:
            self._waiting.append((offset, tensor))

    def link(self, path: str, target: str) -> None:
        """Give a dataset that is there a second name (a hard link)."""
        with _refusals(path):
            folder, _, name = path.strip("/").rpartition("/")
            group = self._group(folder)
            if name in group:
                raise ConversionError(path, "the file would hold two datasets of that name")
            group[name] = self._file[target]

    def states(self, path: str, name: str) -> bool:
        """Whether the object at ``path`` has an attribute of that name already."""
        return name in self._file[path].attrs

    def holds(self, path: str) -> bool:
        """Whether a group or dataset is there already."""
        return path in self._file

    def is_free(self, path: str) -> bool:
        """Whether a dataset may still be put there: nothing is, and no dataset is on the way."""
        import h5py

        steps = path.strip("/").split("/")
        ways = ["/".join(steps[:end]) for end in range(1, len(steps))]
        blocked = any(isinstance(self._file.get(way), h5py.Dataset) for way in ways)
        return not blocked and path not in self._file

    def close(self) -> None:
        """Write all values and close the file."""
        self._close_file()
        with self.path.open("r+b") as stream:
            for offset, tensor in self._waiting:
                stream.seek(offset)
                tensor.copy(stream)
        self._waiting.clear()

    def __enter__(self) -> HDF5Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._waiting.clear()
            self._close_file()

    def _close_file(self) -> None:
        try:
            self._file.close()
        except RuntimeError as error:
            # On a full disk libhdf5 tells the system's own error only in its text.
            found = re.search(r"errno = (\d+)", str(error))
            number = int(found[1]) if found else errno.EIO
            raise OSError(number, os.strerror(number), str(self.path)) from error

    def _group(self, path: str) -> Any:
        return self._file.require_group("/" + path.strip("/")) if path.strip("/") else self._file


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    """Name the place of what HDF5 refuses: a zero in a name, no name at all, too long a text.

    What goes wrong with the disk stays an OSError of its own.
    """
    try:
        yield
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        if getattr(error, "errno", None):
            raise
        raise ConversionError(path, f"HDF5 cannot hold it ({error})") from error


def _create(group: Any, name: str, shape: tuple[int, ...], kind: Any) -> Any:
    """A contiguous dataset whose place in the file is fixed at once and not filled."""
    import h5py

    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    plan.set_obj_track_times(False)
    space = h5py.h5s.create_simple(shape) if shape else h5py.h5s.create(h5py.h5s.SCALAR)
    made = h5py.h5d.create(
        group.id, name.encode(), h5py.h5t.py_create(kind, logical=True), space, plan
    )
    return h5py.Dataset(made)


def has_type(dtype: Any) -> bool:
    """Whether HDF5 has a type of its own for a dtype of ours."""
    return dtype.kind in ("string", "other") or not _storage(dtype)[1]


def _storage(dtype: Any) -> tuple[Any, bool]:
    """The numpy type to store, and whether it only stands for one HDF5 has no word for."""
    import numpy as np

    kind = dtype.numpy
    if kind.kind in "biufc" and kind.type.__module__ == "numpy":
        return kind.newbyteorder("<"), False
    return np.dtype((np.void, kind.itemsize)), True


def _has_zero(text: Any) -> bool:
    return b"\0" in text if isinstance(text, bytes) else "\0" in str(text)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str | bytes) for item in value)


def _encoded(values: Sequence[Any]) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for value in values]


def _size(values: Sequence[str]) -> int:
    return len(values) * max((len(value) for value in _encoded(values)), default=0)


def _fixed(values: Sequence[Any]) -> Any:
    import numpy as np

    raw = _encoded(values)
    return np.array(raw, dtype=f"S{max((len(item) for item in raw), default=1) or 1}")
