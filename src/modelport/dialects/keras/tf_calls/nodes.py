"""Nodes of TensorFlow's graphs as calls of the functions that make them.

tf.keras keeps a node as a ``TensorFlowOpLayer`` (TensorFlow 2.0 to 2.3): its ``NodeDef`` and the
inputs that are constant. Both ways out of such a model, to ONNX and to Keras 3, read it here.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

PLACES = ("", "math", "nn", "linalg", "__operators__", "keras.activations", "keras.backend")
"""Where TensorFlow keeps the functions that have short names in the tables."""

UNUSED = ("name", "conjugate", "validate_indices", "use_cudnn_on_gpu", "validate_shape", "partial")
"""Arguments that change nothing of what is computed."""

_RAW: Mapping[str, str] = {
    "AddV2": "math.add",
    "Add": "math.add",
    "All": "math.reduce_all input_tensor axis",
    "Any": "math.reduce_any input_tensor axis",
    "ArgMax": "math.argmax input axis",
    "AvgPool": "nn.avg_pool",
    "BatchMatMul": "linalg.matmul",
    "BatchMatMulV2": "linalg.matmul",
    "BiasAdd": "nn.bias_add",
    "Cast": "cast",
    "ConcatV2": "concat",
    "Conv2D": "nn.conv2d",
    "DepthToSpace": "nn.depth_to_space",
    "DepthwiseConv2dNative": "nn.depthwise_conv2d",
    "ExpandDims": "expand_dims input axis",
    "FloorDiv": "math.floordiv",
    "FloorMod": "math.floormod",
    "GatherV2": "gather params indices axis",
    "LeakyRelu": "nn.leaky_relu",
    "MatMul": "linalg.matmul",
    "Max": "math.reduce_max input_tensor axis",
    "MaxPool": "nn.max_pool",
    "Mean": "math.reduce_mean input_tensor axis",
    "Min": "math.reduce_min input_tensor axis",
    "MirrorPad": "pad tensor paddings",
    "Mul": "math.multiply",
    "Neg": "math.negative",
    "OneHot": "one_hot",
    "Pack": "stack",
    "Pad": "pad tensor paddings",
    "PadV2": "pad tensor paddings constant_values",
    "Pow": "math.pow",
    "Prod": "math.reduce_prod input_tensor axis",
    "RealDiv": "math.truediv",
    "Reshape": "reshape tensor shape",
    "ResizeBilinear": "image.resize_bilinear",
    "ResizeNearestNeighbor": "image.resize_nearest_neighbor",
    "ReverseV2": "reverse tensor axis",
    "SelectV2": "where",
    "Shape": "shape",
    "Slice": "slice",
    "Softmax": "nn.softmax",
    "SpaceToDepth": "nn.space_to_depth",
    "Split": "split axis value",
    "SplitV": "split",
    "SquaredDifference": "math.squared_difference",
    "Squeeze": "squeeze",
    "StridedSlice": "strided_slice",
    "Sub": "math.subtract",
    "Sum": "math.reduce_sum input_tensor axis",
    "Tile": "tile",
    "Transpose": "transpose a perm",
    "ZerosLike": "zeros_like",
    "OnesLike": "ones_like",
    **{name: f"math.{name.lower()}" for name in ("Abs", "Ceil", "Cos", "Erf", "Exp", "Floor")},
    **{name: f"math.{name.lower()}" for name in ("Log", "Maximum", "Minimum", "Round", "Rsqrt")},
    **{name: f"math.{name.lower()}" for name in ("Sign", "Sin", "Sqrt", "Square", "Tan")},
    **{name: f"math.{name.lower()}" for name in ("Greater", "Less", "Equal")},
    **{name: f"nn.{name.lower()}" for name in ("Relu", "Relu6", "Elu", "Selu", "Softplus")},
    **{name: f"nn.{name.lower()}" for name in ("Softsign", "Sigmoid", "Tanh", "Identity")},
    "GreaterEqual": "math.greater_equal",
    "LessEqual": "math.less_equal",
    "NotEqual": "math.not_equal",
    "LogicalAnd": "math.logical_and",
    "LogicalOr": "math.logical_or",
    "LogicalNot": "math.logical_not",
    "LogSoftmax": "nn.log_softmax",
    "Log1p": "math.log1p",
}
"""Operators of graphs by the functions that make them, with the names of their inputs."""

_ATTRIBUTES: Mapping[str, str] = {
    "DstT": "dtype",
    "keep_dims": "keepdims",
    "num_split": "num_or_size_splits",
    "squeeze_dims": "axis",
}
"""Attributes of nodes that the functions spell otherwise."""

_SAID_ELSEWHERE = ("N", "explicit_paddings", *UNUSED)
WANTED_TYPES = ("dtype", "out_type", "output_type")
"""Arguments that are dtypes of results; the others are those of the inputs, which say so."""


class NodeCall(NamedTuple):
    """A function of TensorFlow by its name, and what it is given."""

    name: str
    args: list[Any]
    given: dict[str, Any]


def operator_of(config: Mapping[str, Any]) -> Any:
    """The operator of the node that a layer holds."""
    definition = config.get("node_def")
    return definition.get("op") if isinstance(definition, Mapping) else None


def node_call(config: Mapping[str, Any], inputs: Sequence[Any]) -> NodeCall | None:
    """The node of a layer as a call on these inputs; None for an operator that is not known.

    Attributes are numbers, lists and texts; dtypes keep the names of their enumeration.
    """
    operator = operator_of(config)
    if operator not in _RAW:
        return None
    name, *order = _RAW[operator].split()
    values = list(inputs)
    constants = config.get("constants") or {}
    for place, value in sorted((int(key), value) for key, value in constants.items()):
        values.insert(place, value)
    given = _attributes(config["node_def"].get("attr") or {})
    if operator in ("Pack", "ConcatV2"):
        ends = len(values) - (operator == "ConcatV2")
        given |= {"axis": values[-1]} if operator == "ConcatV2" else {}
        values = [values[:ends]]
    given |= dict(zip(order, values, strict=False)) if order else {}
    return NodeCall(name, [] if order else values, given)


def _attributes(written: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in written.items():
        name = _ATTRIBUTES.get(key, key)
        if key.startswith("_") or key in _SAID_ELSEWHERE or not isinstance(value, Mapping):
            continue
        if "type" not in value or name in WANTED_TYPES:
            found[name] = _attribute(value)
    return found


def _attribute(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()), ("", ""))
    if kind == "i":
        return int(content)
    if kind == "list" and isinstance(content, Mapping):
        return [int(item) for item in content.get("i", [])] or None
    if kind == "s":
        return b64decode(str(content)).decode("latin-1")
    return content
