"""The numbers of onnx.proto: data types, attribute types, and the keys of modelport's own hints.

Specification: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.model import dtype as dt
from modelport.model.dtype import DType
from modelport.model.graph import Graph

DOMAIN = "ai.onnx"
"""How the default domain, which files also spell as no text at all, is called everywhere else."""

DTYPE_OF: dict[int, DType] = {
    0: dt.OBJECT,
    1: dt.FLOAT32,
    2: dt.UINT8,
    3: dt.INT8,
    4: dt.UINT16,
    5: dt.INT16,
    6: dt.INT32,
    7: dt.INT64,
    8: dt.STRING,
    9: dt.BOOL,
    10: dt.FLOAT16,
    11: dt.FLOAT64,
    12: dt.UINT32,
    13: dt.UINT64,
    14: dt.COMPLEX64,
    15: dt.COMPLEX128,
    16: dt.BFLOAT16,
    17: dt.FLOAT8_E4M3FN,
    18: dt.FLOAT8_E4M3FNUZ,
    19: dt.FLOAT8_E5M2,
    20: dt.FLOAT8_E5M2FNUZ,
    21: dt.UINT4,
    22: dt.INT4,
    23: dt.FLOAT4_E2M1FN,
    24: dt.FLOAT8_E8M0FNU,
    25: dt.UINT2,
    26: dt.INT2,
    27: dt.FLOAT6_E2M3FN,
    28: dt.FLOAT6_E3M2FN,
}
"""TensorProto.DataType; 0 is UNDEFINED."""

CODE_OF: dict[str, int] = {dtype.name: code for code, dtype in DTYPE_OF.items()}

IR_OF_DTYPE: dict[str, int] = {
    "float4_e2m1fn": 11,
    "float8_e8m0fnu": 12,
    "int2": 13,
    "uint2": 13,
    "float6_e2m3fn": 14,
    "float6_e3m2fn": 14,
}
"""The first IR version that knows a data type, where that is after ``BUILT_IR``."""

BUILT_IR = 10
"""The IR version of models that modelport builds: the first with metadata on nodes and tensors."""

ATTRIBUTE_TYPES: dict[int, str] = {
    0: "UNDEFINED",
    1: "FLOAT",
    2: "INT",
    3: "STRING",
    4: "TENSOR",
    5: "GRAPH",
    6: "FLOATS",
    7: "INTS",
    8: "STRINGS",
    9: "TENSORS",
    10: "GRAPHS",
    11: "SPARSE_TENSOR",
    12: "SPARSE_TENSORS",
    13: "TYPE_PROTO",
    14: "TYPE_PROTOS",
}

ATTRIBUTE_CODES = {name: code for code, name in ATTRIBUTE_TYPES.items()}

ATTRIBUTE_FIELDS: dict[str, int] = {
    "FLOAT": 2,
    "INT": 3,
    "STRING": 4,
    "TENSOR": 5,
    "GRAPH": 6,
    "FLOATS": 7,
    "INTS": 8,
    "STRINGS": 9,
    "TENSORS": 10,
    "GRAPHS": 11,
    "TYPE_PROTO": 14,
    "TYPE_PROTOS": 15,
    "SPARSE_TENSOR": 22,
    "SPARSE_TENSORS": 23,
}
"""The field of AttributeProto that holds the value of a type."""

ATTRIBUTE_TYPE_OF = {number: name for name, number in ATTRIBUTE_FIELDS.items()}

GRAPH_NAME = "graph"
"""What a graph is called whose source gives it no name, as every graph must have one."""

SCOPE_KEY = "modelport.scope"
TRAINING_KEY = "modelport.training"
HYPERPARAMETERS_KEY = "modelport.hyperparameters"
LAYERS_KEY = "modelport.layers"

MODEL_FACTS = "onnx"
"""The key in ``model.metadata`` of what ModelProto has own fields for."""


@dataclass(slots=True, eq=False)
class TrainingInfo:
    """How the model says it is trained: graphs, and which values they start and update."""

    initialization: Graph | None = None
    algorithm: Graph | None = None
    initialization_binding: list[tuple[str, str]] = field(default_factory=list)
    update_binding: list[tuple[str, str]] = field(default_factory=list)
    unknown: bytes = b""
