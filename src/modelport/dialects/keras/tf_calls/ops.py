"""TensorFlow calls inside functional models of tf.keras, as operations.

``TFOpLambda`` and ``SlicingOpLambda`` name a function of TensorFlow 2 and its arguments;
``TensorFlowOpLayer`` (TensorFlow 2.0 to 2.3) holds one node of a graph.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.operations.registry import OPERATIONS, Function, Result, apply
from modelport.dialects.keras.tf_calls import choosing as choosing
from modelport.dialects.keras.tf_calls import networks as networks
from modelport.dialects.keras.tf_calls import windows as windows
from modelport.dialects.keras.tf_calls.functions import FUNCTIONS, dtype_of, like
from modelport.dialects.onnx.edge import Edge

_BINARY: Mapping[str, str] = {
    "atan2": "Arctan2",
    "eq": "Equal",
    "equal": "Equal",
    "floormod": "Mod",
    "floor_mod": "Mod",
    "greater": "Greater",
    "greater_equal": "GreaterEqual",
    "less": "Less",
    "less_equal": "LessEqual",
    "logical_and": "LogicalAnd",
    "logical_or": "LogicalOr",
    "logical_xor": "LogicalXor",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "mod": "Mod",
    "ne": "NotEqual",
    "not_equal": "NotEqual",
    "pow": "Power",
    "truncatemod": "Fmod",
}
"""Functions of two tensors, by their short names."""

_UNARY: Mapping[str, str] = {
    "abs": "Absolute",
    "acos": "Arccos",
    "acosh": "Arccosh",
    "asin": "Arcsin",
    "asinh": "Arcsinh",
    "atan": "Arctan",
    "atanh": "Arctanh",
    "ceil": "Ceil",
    "cos": "Cos",
    "cosh": "Cosh",
    "erf": "Erf",
    "erfc": "Erfc",
    "exp": "Exp",
    "expm1": "Expm1",
    "floor": "Floor",
    "identity": "Copy",
    "invert": "BitwiseNot",
    "is_finite": "Isfinite",
    "is_inf": "Isinf",
    "is_nan": "Isnan",
    "log": "Log",
    "log1p": "Log1p",
    "log_sigmoid": "LogSigmoid",
    "logical_not": "LogicalNot",
    "neg": "Negative",
    "negative": "Negative",
    "reciprocal": "Reciprocal",
    "rint": "Round",
    "round": "Round",
    "rsqrt": "Rsqrt",
    "sigmoid": "Sigmoid",
    "sign": "Sign",
    "sin": "Sin",
    "sinh": "Sinh",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "square": "Square",
    "stop_gradient": "StopGradient",
    "tan": "Tan",
    "tanh": "Tanh",
    "relu": "Relu",
    "relu6": "Relu6",
    "elu": "Elu",
    "selu": "Selu",
    "hard_sigmoid": "HardSigmoid",
    "ensure_shape": "Copy",
}
"""Functions of one tensor, by their short names."""

_REDUCTIONS: Mapping[str, str] = {
    "reduce_all": "All",
    "reduce_any": "Any",
    "reduce_logsumexp": "Logsumexp",
    "reduce_max": "Max",
    "reduce_mean": "Mean",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "reduce_std": "Std",
    "reduce_sum": "Sum",
    "reduce_variance": "Var",
}
"""Functions over axes, by their short names."""

_OTHERS: Mapping[str, str] = {
    "broadcast_to": "BroadcastTo input:x shape",
    "cast": "Cast x dtype",
    "clip_by_value": "Clip t:x clip_value_min:x_min clip_value_max:x_max",
    "convert_to_tensor": "ConvertToTensor value:x dtype",
    "cross": "Cross a:x1 b:x2",
    "cumprod": "Cumprod x axis",
    "cumsum": "Cumsum x axis exclusive reverse",
    "det": "Det input:x",
    "diag_part": "Diagonal input:x",
    "einsum": "Einsum",
    "expand_dims": "ExpandDims input:x axis",
    "in_top_k": "InTopK targets predictions k",
    "leaky_relu": "LeakyRelu features:x alpha:negative_slope",
    "log_softmax": "LogSoftmax logits:x axis",
    "norm": "Norm tensor:x ord axis keepdims",
    "ones_like": "OnesLike input:x dtype",
    "pad": "Pad tensor:x paddings:pad_width mode constant_values",
    "repeat": "Repeat input:x repeats axis",
    "reshape": "Reshape tensor:x shape:newshape",
    "reverse": "Flip tensor:x axis",
    "roll": "Roll input:x shift axis",
    "saturate_cast": "SaturateCast value:x dtype",
    "searchsorted": "SearchSorted sorted_sequence values side",
    "softmax": "Softmax logits:x axis",
    "squeeze": "Squeeze input:x axis",
    "tensordot": "Tensordot a:x1 b:x2 axes",
    "tile": "Tile input:x multiples:repeats",
    "top_k": "TopK input:x k sorted",
    "trace": "Trace x",
    "transpose": "Transpose a:x perm:axes",
    "unstack": "Unstack value:x num axis",
    "where": "Where condition x:x1 y:x2",
    "zeros_like": "ZerosLike input:x dtype",
}
"""Operations by TensorFlow's short names, with the arguments in order (``theirs:ours``)."""

_FIXED: Mapping[str, Mapping[str, Any]] = {
    "diag_part": {"axis1": -2, "axis2": -1},
    "trace": {"axis1": -2, "axis2": -1},
    "top_k": {"k": 1},
    "cumsum": {"axis": 0},
    "cumprod": {"axis": 0},
}
"""Arguments that TensorFlow has otherwise by default."""

_PLACES = ("", "math", "nn", "linalg", "__operators__", "keras.activations", "keras.backend")
"""Where TensorFlow keeps the functions that have short names in these tables."""

_UNUSED = ("name", "conjugate", "validate_indices", "use_cudnn_on_gpu", "validate_shape", "partial")


@lowers("TFOpLambda", autocast=False)
def function_call(layer: Layer) -> Result:
    """A function of TensorFlow."""
    name = str(layer.config.get("function") or layer.config.get("symbol") or "")
    if name.endswith("__operators__.getitem"):
        return slicing(layer)
    given = {
        key: value
        for key, value in layer.kwargs.items()
        if key not in _UNUSED and value is not None
    }
    args = [item for item in layer.args if item is not None]
    return _called(layer, name.removeprefix("tf."), args, given)


@lowers("SlicingOpLambda", autocast=False)
def slicing(layer: Layer) -> Result:
    """Python's indexing of a tensor."""
    key = layer.argument("slice_spec", 1)
    return apply(layer, OPERATIONS["GetItem"], [layer.args[0], key], {})


def _called(layer: Layer, name: str, args: list[Any], given: Mapping[str, Any]) -> Result:
    plain = name.removeprefix("compat.v1.").removeprefix("compat.v2.").removeprefix("raw_ops.")
    place, _, short = plain.rpartition(".")
    own = FUNCTIONS.get(plain) or (FUNCTIONS.get(short) if place in _PLACES else None)
    if own is not None:
        return apply(layer, own, args, given)
    if place not in (*_PLACES, "signal", "image", "random"):
        raise layer.error(f"modelport knows no ONNX form of the TensorFlow function {name!r}")
    if short in _BINARY and place in _PLACES:
        return _binary(layer, OPERATIONS[_BINARY[short]], args, given)
    if short in _UNARY and place in _PLACES:
        return apply(layer, OPERATIONS[_UNARY[short]], [*args, *given.values()][:1], {})
    if short in _REDUCTIONS and place in _PLACES:
        return _reduction(layer, OPERATIONS[_REDUCTIONS[short]], args, given)
    if short in _OTHERS and place in _PLACES:
        return _renamed(layer, short, args, given)
    raise layer.error(f"modelport knows no ONNX form of the TensorFlow function {name!r}")


def _binary(layer: Layer, function: Function, args: list[Any], given: Mapping[str, Any]) -> Result:
    operands = [*args, *(given[key] for key in ("x", "y") if key in given)]
    first, second = operands[:2]
    if not isinstance(first, Edge) and not isinstance(second, Edge):
        raise layer.error("both of its operands are constants")
    return apply(layer, function, like(layer, first, second), {})


def _reduction(
    layer: Layer, function: Function, args: list[Any], given: Mapping[str, Any]
) -> Result:
    names = {"input_tensor": "x", "reduction_indices": "axis", "keep_dims": "keepdims"}
    renamed = {names.get(key, key): value for key, value in given.items()}
    order = ("x", "axis", "keepdims")
    return apply(layer, function, [], {**dict(zip(order, args, strict=False)), **renamed})


def _renamed(layer: Layer, short: str, args: list[Any], given: Mapping[str, Any]) -> Result:
    operation, *spelled = _OTHERS[short].split()
    if not spelled:
        return _einsum(layer, args, given)
    pairs = [
        (theirs, ours or theirs) for theirs, _, ours in (item.partition(":") for item in spelled)
    ]
    names = {**dict(pairs), "dim": "axis", "squeeze_dims": "axis"}
    arguments = dict(_FIXED.get(short, {}))
    arguments.update(zip((ours for _, ours in pairs), args, strict=False))
    arguments.update({names.get(key, key): value for key, value in given.items()})
    return apply(layer, OPERATIONS[operation], [], arguments)


def _einsum(layer: Layer, args: list[Any], given: Mapping[str, Any]) -> Result:
    equation, *operands = [given[key] for key in ("equation",) if key in given] + args
    if len(operands) < len(str(equation).partition("->")[0].split(",")):
        raise layer.error(
            f"the file states the equation {equation!r} without its operands: tf.keras does not "
            "save them, and cannot load the file itself. Rebuild the model with a layer in its "
            "place (Dot, EinsumDense) or with keras.ops.einsum, and save it again"
        )
    return apply(layer, OPERATIONS["Einsum"], operands, {"subscripts": equation})


# Nodes of graphs

_RAW: Mapping[str, str] = {
    "AddV2": "math.add",
    "Add": "math.add",
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
"""Operators of graphs by the functions that make them."""

_ATTRIBUTES: Mapping[str, str] = {
    "DstT": "dtype",
    "keep_dims": "keepdims",
    "num_split": "num_or_size_splits",
    "squeeze_dims": "axis",
}
"""Attributes of nodes that the functions spell otherwise."""

_SAID_ELSEWHERE = ("N", "explicit_paddings", *_UNUSED)
_WANTED_TYPES = ("dtype", "out_type", "output_type")


@lowers("TensorFlowOpLayer", autocast=False)
def graph_node(layer: Layer) -> Result:
    """One node of a TensorFlow graph, with constants at some of its inputs."""
    definition = layer.config.get("node_def")
    operator = definition.get("op") if isinstance(definition, Mapping) else None
    if not isinstance(definition, Mapping) or operator not in _RAW:
        raise layer.error(f"modelport knows no ONNX form of the TensorFlow operator {operator!r}")
    name, *order = _RAW[str(operator)].split()
    inputs: list[Any] = list(layer.inputs)
    constants = layer.config.get("constants") or {}
    for place, value in sorted((int(key), value) for key, value in constants.items()):
        inputs.insert(place, value)
    given = dict(_attributes(definition.get("attr") or {}))
    if operator in ("Pack", "ConcatV2"):
        ends = len(inputs) - (operator == "ConcatV2")
        given |= {"axis": inputs[-1]} if operator == "ConcatV2" else {}
        inputs = [inputs[:ends]]
    given |= dict(zip(order, inputs, strict=False)) if order else {}
    return _called(layer, name, [] if order else inputs, given)


def _attributes(written: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The attributes of a node as arguments of a function: numbers, lists, names of dtypes."""
    found: list[tuple[str, Any]] = []
    for key, value in written.items():
        name = _ATTRIBUTES.get(key, key)
        if key.startswith("_") or key in _SAID_ELSEWHERE or not isinstance(value, Mapping):
            continue
        # The other dtypes are those of the inputs, which say so themselves.
        if "type" not in value or name in _WANTED_TYPES:
            found.append((name, _attribute(value)))
    return found


def _attribute(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()), ("", ""))
    if kind == "i":
        return int(content)
    if kind == "list" and isinstance(content, Mapping):
        return [int(item) for item in content.get("i", [])] or None
    if kind == "type":
        return dtype_of(content).name
    if kind == "s":
        return b64decode(str(content)).decode("latin-1")
    return content


@lowers("ClassMethod", "InstanceMethod", "InstanceProperty", "ModuleWrapper", autocast=False)
def of_an_object(layer: Layer) -> Result:
    """Methods of ragged and other composite tensors, which ONNX does not have."""
    called = layer.config.get("method_name") or layer.config.get("attr_name") or ""
    raise layer.error(f"it asks a TensorFlow object for {called!r}, which has no ONNX form")
