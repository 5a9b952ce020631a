"""Arrays of numpy as the calls that a pickle makes them by; see ``arrays`` for the other way.

The names are those of numpy 1, which every numpy loads.
"""

from __future__ import annotations

from modelport.formats.shared.numpy_arrays import ML_DTYPES, TYPES
from modelport.model.tensor import Tensor
from modelport.wire.pickle import Reference, Stub
from modelport.wire.pickle.write import Pieces

CODES = {name: code for code, name in TYPES.items() if code not in ("?", "f1")}
CODES |= {name: name for name in ML_DTYPES if name not in CODES}
"""dtype -> its code in numpy; bfloat16 is two raw bytes there, float8 a type of ml_dtypes."""


def dtype_stub(code: str) -> Stub:
    """``numpy.dtype(code)``, little-endian where that means anything."""
    if code in ML_DTYPES:
        args = (Reference("ml_dtypes", code, 0), False, True)
        state: tuple[object, ...] = (3, "<", None, None, None, 1, 1, 64)
        return Stub("REDUCE", Reference("numpy", "dtype", 0), args, {}, 0, [state])
    single = code[1:] == "1"
    width = int(code[1:]) if code[0] == "V" else -1
    order = "|" if single or width > 0 else "<"
    state = (3, order, None, None, None, width, min(width, 1), 0)
    return Stub("REDUCE", Reference("numpy", "dtype", 0), (code, False, True), {}, 0, [state])


def array_stub(tensor: Tensor, dtype: Stub) -> Stub:
    """An array of the tensor's values, which are read when it is written."""
    empty = (Reference("numpy", "ndarray", 0), (0,), b"b")
    state = (1, tensor.shape, dtype, False, Pieces(tensor.nbytes, tensor.pieces))
    make = Reference("numpy.core.multiarray", "_reconstruct", 0)
    return Stub("REDUCE", make, empty, {}, 0, [state])
