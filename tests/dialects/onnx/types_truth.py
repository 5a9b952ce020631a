"""What the onnx package and real runs say of the values of a graph, held against our rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import shape_inference

import modelport
from modelport.dialects.onnx.types.dims import fits
from modelport.dialects.onnx.types.infer import Types, infer
from modelport.dialects.onnx.types.known import DTYPE_OF, Known
from modelport.model.dtype import from_numpy


def newest(model: onnx.ModelProto) -> bool:
    """Whether every node stands as the newest operator set has it, and is of the default domain."""
    versions = {item.domain: item.version for item in model.opset_import}

    def fine(graph: onnx.GraphProto) -> bool:
        for node in graph.node:
            if node.domain not in ("", "ai.onnx") or "" not in versions:
                return False
            schema = onnx.defs.get_schema(node.op_type, versions[""])
            if schema.since_version < _FORM.get(node.op_type, 1):
                return False
            if not all(fine(item.g) for item in node.attribute if item.HasField("g")):
                return False
        return True

    return fine(model.graph)


_FORM = {
    **{s.name: 13 for s in onnx.defs.get_all_schemas() if s.name in ("Squeeze", "Unsqueeze")},
    **{s.name: 18 for s in onnx.defs.get_all_schemas() if s.name.startswith("Reduce")},
    "ReduceSum": 13,
    "Slice": 10,
    "Split": 13,
    "DFT": 20,
    "Pad": 11,
    "Resize": 11,
    "TopK": 10,
    "Clip": 11,
    "Dropout": 12,
    "BatchNormalization": 14,
    "Softmax": 13,
    "LogSoftmax": 13,
    "Hardmax": 13,
    "Scan": 9,
    "Reshape": 5,
    "Upsample": 9,
    "GroupNormalization": 21,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "And", "Or", "Xor"), 7),
    **dict.fromkeys(("Less", "Greater", "Equal", "Gemm", "Pow"), 7),
}
"""Since which operator set an operator has the inputs it has now."""


def infer_file(model: onnx.ModelProto, path: Path) -> Types:
    """Our types of a model whose own claims on its values are taken away."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.ClearField("type")
    path.write_bytes(bare.SerializeToString())
    return infer(modelport.open(str(path)).graph)


def theirs(model: onnx.ModelProto) -> dict[str, Known]:
    """What onnx itself infers, of a model without claims on its inner values; {} where it fails."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.ClearField("type")
    try:
        found = shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph
    except shape_inference.InferenceError:
        return {}
    produced = {name for node in found.node for name in node.output}
    values = [*found.value_info, *found.output]
    return {value.name: _known(value.type) for value in values if value.name in produced}


def _known(described: Any) -> Known:
    boxes = []
    while described.WhichOneof("value") in ("sequence_type", "optional_type"):
        box = str(described.WhichOneof("value")).removesuffix("_type")
        described = getattr(described, f"{box}_type").elem_type
        boxes.append(box)
    tensor = described.tensor_type
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(
            dim.dim_value if dim.HasField("dim_value") else (dim.dim_param or None)
            for dim in tensor.shape.dim
        )
    return Known(DTYPE_OF.get(tensor.elem_type), shape, None, tuple(boxes))


def less_known(types: Types, others: dict[str, Known]) -> list[str]:
    """Where onnx knows a type, a rank or a fixed extent that we do not, or another one."""
    found = []
    for name, other in others.items():
        ours = types[name]
        same = other.dtype in (None, ours.dtype) and other.boxes == ours.boxes
        if other.shape is not None and not other.boxes:
            same = same and ours.shape is not None and len(ours.shape) == len(other.shape)
            pairs = zip(ours.shape or (), other.shape, strict=False)
            same = same and all(a == b for a, b in pairs if isinstance(b, int))
        if not same:
            found.append(f"{name}: {ours}, but onnx says {other}")
    return found


def contradictions(known: Known, value: Any, dims: dict[str, int]) -> list[str]:
    """Where a recorded value is not what is known; ``dims`` collects what the names stand for."""
    if value is None:
        return []
    if isinstance(value, list):
        each = Known(known.dtype, known.shape)
        return [why for item in value for why in contradictions(each, item, dims)]
    array = np.asarray(value)
    dtype = from_numpy(array.dtype)
    found = []
    if known.dtype is not None and known.dtype != dtype and array.dtype != object:
        found.append(f"{known} came out as {dtype}")
    shape = known.shape
    if shape is None:
        return found
    if not fits(shape, array.shape):
        return [*found, f"{known} came out as {array.shape}"]
    for dim, extent in zip(shape, array.shape, strict=True):
        if isinstance(dim, str) and dims.setdefault(dim, extent) != extent:
            found.append(f"{dim} is {dims[dim]} and {extent}")
    if known.array is not None and array.dtype != object:
        same = np.array_equal(known.array.astype(array.dtype), array)
        found += [] if same else [f"{known} of {known.array} came out as {array}"]
    elif known.extents is not None:
        for dim, number in zip(known.extents, array.reshape(-1).tolist(), strict=True):
            wanted = dims.setdefault(dim, number) if isinstance(dim, str) else dim
            found += [] if wanted in (None, number) else [f"{known.extents} came out as {array}"]
    return found


def tally(counts: Counter[str], whose: str, values: list[Known], names: set[str]) -> None:
    """Count what is known; a name counts where it is one of the inputs' or a product of them."""
    for known in values:
        counts[f"{whose} values"] += 1
        counts[f"{whose} dtype"] += known.dtype is not None
        counts[f"{whose} rank"] += known.shape is not None
        counts[f"{whose} extents"] += known.shape is not None and all(
            isinstance(dim, int) or (dim is not None and (dim in names or "·" in dim))
            for dim in known.shape
        )
