"""Datasets of HDF5 as tensor data: dense numbers become file slices, all else is read by box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.model.dtype import DTYPES, OBJECT, STRING, DType
from modelport.model.tensor import Box, FileSlice, Tensor, TensorData
from modelport.wire.hdf5 import HDF5Dataset, HDF5File

if TYPE_CHECKING:
    from numpy.typing import NDArray


class HDF5Data:
    """Values that are chunked, big-endian, text or records: read through the dataset.

    ``view`` names a type that HDF5 has no word for and that the stored bytes are (bfloat16).
    """

    __slots__ = ("dataset", "dtype", "shape", "view")

    def __init__(self, dataset: HDF5Dataset, view: DType | None = None) -> None:
        self.dataset = dataset
        self.view = view
        self.dtype = view or _dtype(dataset)
        self.shape = dataset.shape

    def read_box(self, box: Box) -> NDArray[Any]:
        """The values inside ``box``: numbers, text as bytes objects, records as raw bytes."""
        found = self.dataset.read_box(box)
        return found if self.view is None else found.view(self.view.numpy)


def tensor_data(dataset: HDF5Dataset, view: str | None = None) -> TensorData:
    """The values of a dataset; ``view`` is the type its opaque bytes are said to be, if any."""
    element = dataset.element
    wanted = DTYPES.get(view or "")
    if wanted is None or wanted.bits != 8 * element.size or element.numeric:
        wanted = None
    named = element.name in DTYPES and element.numeric
    if dataset.dense_offset is not None and (named or wanted) and not element.big_endian:
        dtype = wanted or DTYPES[element.name]
        return FileSlice(dataset.source, dataset.dense_offset, dataset.nbytes, dtype, dataset.shape)
    return HDF5Data(dataset, wanted)


def tensor(file: HDF5File, path: str, name: str) -> Tensor:
    """The dataset at ``path`` as a tensor called ``name``.

    Keras 3 stores bfloat16 as opaque bytes and says so in an attribute ``dtype``.
    """
    dataset = file.dataset(path)
    stated = None if dataset.element.numeric else file.attributes(path).get("dtype")
    return Tensor(name, tensor_data(dataset, stated if isinstance(stated, str) else None))


def states_dtype(file: HDF5File, path: str) -> bool:
    """Whether an attribute ``dtype`` says what the opaque bytes of a dataset are."""
    found = tensor(file, path, path)
    return found.dtype.bits > 0 and not file.dataset(path).element.numeric


def _dtype(dataset: HDF5Dataset) -> DType:
    if dataset.element.name in ("string", "vlen"):
        return STRING
    return DTYPES.get(dataset.element.name, OBJECT)
