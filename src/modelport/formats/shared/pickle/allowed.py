"""The exact list of callables that only build values, each with the arguments it may get.

What is on it cannot run code, open files or reach the network, whatever object the stream makes of
it. Everything else is unknown code. Sources: ``torch._weights_only_unpickler``,
``torch._utils``, ``numpy._core.multiarray``, ``numpy.random._pickle`` and CPython's
``copyreg`` and ``pickle``, read for their names and signatures.
"""

from __future__ import annotations

from modelport.formats.shared.numpy_arrays import ML_DTYPES
from modelport.formats.shared.pickle.arguments import (
    NUMBER,
    Check,
    anything,
    bit_generator,
    either,
    empty_array,
    empty_masked,
    every,
    factory,
    generator,
    kinds,
    latin1,
    literal,
    nothing,
    pairs,
    pattern,
    plain_name,
    some_bytes,
    storage_first,
)
from modelport.wire.pickle import Blob, Reference, Stub

_BYTES_OR_TEXT = (str, bytes, bytearray, Blob, Stub)
_DATE_STATE = (bytes, str, Stub)

_STANDARD: dict[str, Check] = {
    "collections.OrderedDict": pairs,
    "collections.Counter": literal,
    "collections.defaultdict": factory,
    "collections.deque": either(literal, kinds((list, tuple), (int, type(None)))),
    "builtins.set": literal,
    "builtins.frozenset": literal,
    "builtins.list": literal,
    "builtins.tuple": literal,
    "builtins.dict": pairs,
    "builtins.bytes": some_bytes,
    "builtins.bytearray": some_bytes,
    "builtins.complex": kinds(NUMBER, NUMBER),
    "builtins.slice": kinds(*[(int, type(None))] * 3),
    "builtins.range": kinds(int, int, int, least=1),
    "builtins.object": nothing,
    "builtins.type": kinds(type(None)),
    "_codecs.encode": latin1,
    "datetime.date": either(kinds(_DATE_STATE), kinds(int, int, int)),
    "datetime.time": either(kinds(_DATE_STATE, Stub, least=1), every((int, Stub))),
    "datetime.datetime": either(kinds(_DATE_STATE, Stub, least=1), every((int, Stub), 3)),
    "datetime.timedelta": every(NUMBER, most=3),
    "datetime.timezone": kinds(Stub, str, least=1),
    "decimal.Decimal": kinds((str, tuple)),
    "fractions.Fraction": either(kinds(str), kinds(int, int)),
    "uuid.UUID": nothing,
    "uuid.SafeUUID": kinds(int),
    "re._compile": pattern,
}
_STANDARD |= {
    f"pathlib.{prefix}{kind}": every(str)
    for prefix in ("", "Pure", "Posix", "PurePosix", "Windows", "PureWindows")
    for kind in ("Path",)
}

_NUMPY: dict[str, Check] = {
    "numpy._core.multiarray._reconstruct": empty_array,
    "numpy._core.multiarray.scalar": kinds(Stub, (*_BYTES_OR_TEXT, list, tuple, dict), least=1),
    "numpy._core.numeric._frombuffer": kinds(
        (bytes, bytearray, Blob, Stub), Stub, tuple, str, least=4
    ),
    "numpy.dtype": kinds((str, Reference), (bool, int), (bool, int), least=1),
    "numpy.ma.core._mareconstruct": empty_masked,
    "numpy.random._pickle.__randomstate_ctor": generator,
    "numpy.random._pickle.__generator_ctor": generator,
    "numpy.random._pickle.__bit_generator_ctor": either(nothing, kinds(str), bit_generator),
    "numpy.random.__RandomState_ctor": nothing,
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence": kinds(Reference, int, object),
    "numpy.random.bit_generator.SeedSequence": either(nothing, anything),
}

_TORCH: dict[str, Check] = {
    f"torch._utils.{name}": check
    for name, check in {
        "_rebuild_tensor": storage_first,
        "_rebuild_tensor_v2": storage_first,
        "_rebuild_tensor_v3": storage_first,
        "_rebuild_qtensor": storage_first,
        "_rebuild_parameter": kinds((Stub, type(None)), bool, (Stub, dict, type(None))),
        "_rebuild_parameter_with_state": kinds(Stub, bool, (Stub, dict, type(None)), object),
        "_rebuild_sparse_tensor": kinds(Stub, tuple),
        "_rebuild_sparse_csr_tensor": kinds(Stub, tuple),
        "_rebuild_nested_tensor": every(Stub),
        "_rebuild_meta_tensor_no_storage": anything,
        "_rebuild_wrapper_subclass": anything,
        "_rebuild_device_tensor_from_numpy": anything,
        "_rebuild_device_tensor_from_cpu_tensor": anything,
    }.items()
}
_TORCH |= {
    "torch.Size": either(literal, every(int)),
    "torch.device": kinds(str, int, least=1),
    "torch.finfo": kinds(Reference),
    "torch.serialization._get_layout": plain_name,
    "torch.autograd.variable.Variable": either(nothing, kinds(Stub, bool, bool, least=1)),
    "torch.nn.parameter.Parameter": either(nothing, kinds(Stub, bool, least=1)),
    "torch.nn.parameter.Buffer": either(nothing, kinds(Stub, bool, bool, least=1)),
    "torch.nn.backends.thnn._get_thnn_function_backend": nothing,
    "torch.jit._pickle.build_intlist": kinds(list),
    "torch.jit._pickle.build_doublelist": kinds(list),
    "torch.jit._pickle.build_boollist": kinds(list),
    "torch.jit._pickle.build_tensorlist": kinds(list),
    "torch.jit._pickle.build_tensor_from_id": kinds(int),
    "torch.jit._pickle.restore_type_tag": kinds(object, str),
    "torch._tensor._rebuild_from_type_v2": anything,
    "torch._tensor._rebuild_from_type": anything,
}

ELEMENTS = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexDouble": "complex128",
    "ComplexFloat": "complex64",
    "QInt8": "int8",
    "QUInt8": "uint8",
    "QInt32": "int32",
    "QUInt4x2": "uint4",
    "QUInt2x4": "uint2",
}
"""The word before ``Storage`` or ``Tensor`` in a class of torch, and the dtype it stands for."""

_PLACES = ("torch", "torch.cuda", "torch.storage", "torch.sparse", "torch.cuda.sparse")
_TORCH |= {
    f"{place}.{word}{kind}": either(nothing, every((int, Stub, tuple, list)))
    for place in _PLACES
    for word in (*ELEMENTS, "")
    for kind in ("Tensor",)
}
STORAGES = frozenset(
    f"{place}.{word}Storage"
    for place in _PLACES
    for word in (*ELEMENTS, "Untyped", "Typed", "_Untyped", "_Typed")
)

CALLS: dict[str, Check] = _STANDARD | _NUMPY | _TORCH
"""Callable -> which positional arguments it may get."""

_TORCH_DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "float", "double", "half"),
    *("complex32", "complex64", "complex128", "cfloat", "cdouble", "chalf"),
    *("uint8", "int8", "int16", "int32", "int64", "short", "int", "long", "bool"),
    *("uint16", "uint32", "uint64", "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7"),
    *("qint8", "quint8", "qint32", "quint4x2", "quint2x4", "bits8", "bits16"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"),
    "float4_e2m1fn_x2",
)
_TORCH_NAMES = (
    *("per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams"),
    *("per_tensor_symmetric", "per_channel_symmetric"),
    *("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"),
    *("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"),
)
_NUMPY_SCALARS = (
    *("bool_", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "float128", "longdouble", "complex64", "complex128"),
    *("str_", "bytes_", "void", "object_", "datetime64", "timedelta64", "intc", "intp", "longlong"),
)
SCALARS = frozenset(f"numpy.{name}" for name in _NUMPY_SCALARS)
"""The types of numpy's numbers."""
_NUMPY_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")

NAMES: frozenset[str] = frozenset(
    {
        *CALLS,
        *STORAGES,
        *(f"torch.{name}" for name in (*_TORCH_DTYPES, *_TORCH_NAMES)),
        *SCALARS,
        *(f"ml_dtypes.{name}" for name in ML_DTYPES),
        *(f"numpy.random._{name.lower()}.{name}" for name in _NUMPY_GENERATORS),
        *(f"builtins.{name}" for name in ("int", "float", "str", "bool", "type", "NoneType")),
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy.ma.core.MaskedArray",
        "numpy.ma.MaskedArray",
        "numpy.ndarray",
        "numpy.matrix",
        "numpy.random.mtrand.RandomState",
        "copyreg._reconstructor",
        "copyreg.__newobj__",
        "copyreg.__newobj_ex__",
    }
)
"""Every global that may be named, called or not, without any doubt about the file."""
