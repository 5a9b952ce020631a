"""TensorFlow calls inside functional models of tf.keras, as operations.

``TFOpLambda`` and ``SlicingOpLambda`` name a function of TensorFlow 2 and its arguments;
``TensorFlowOpLayer`` (TensorFlow 2.0 to 2.3) holds one node of a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.operations.registry import OPERATIONS, Function, Result, apply
from modelport.dialects.keras.tf_calls import choosing as choosing
from modelport.dialects.keras.tf_calls import networks as networks
from modelport.dialects.keras.tf_calls import windows as windows
from modelport.dialects.keras.tf_calls.functions import FUNCTIONS, dtype_of, like
from modelport.dialects.keras.tf_calls.nodes import (
    PLACES,
    UNUSED,
    WANTED_TYPES,
    node_call,
    operator_of,
)
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


@lowers("TFOpLambda", autocast=False)
def function_call(layer: Layer) -> Result:
    """A function of TensorFlow."""
    name = str(layer.config.get("function") or layer.config.get("symbol") or "")
    if name.endswith("__operators__.getitem"):
        return slicing(layer)
    given = {
        key: value for key, value in layer.kwargs.items() if key not in UNUSED and value is not None
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
    own = FUNCTIONS.get(plain) or (FUNCTIONS.get(short) if place in PLACES else None)
    if own is not None:
        return apply(layer, own, args, given)
    if place not in (*PLACES, "signal", "image", "random"):
        raise layer.error(f"modelport knows no ONNX form of the TensorFlow function {name!r}")
    if short in _BINARY and place in PLACES:
        return _binary(layer, OPERATIONS[_BINARY[short]], args, given)
    if short in _UNARY and place in PLACES:
        return apply(layer, OPERATIONS[_UNARY[short]], [*args, *given.values()][:1], {})
    if short in _REDUCTIONS and place in PLACES:
        return _reduction(layer, OPERATIONS[_REDUCTIONS[short]], args, given)
    if short in _OTHERS and place in PLACES:
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


@lowers("TensorFlowOpLayer", autocast=False)
def graph_node(layer: Layer) -> Result:
    """One node of a TensorFlow graph, with constants at some of its inputs."""
    found = node_call(layer.config, layer.inputs)
    if found is None:
        operator = operator_of(layer.config)
        raise layer.error(f"modelport knows no ONNX form of the TensorFlow operator {operator!r}")
    types = {key: dtype_of(found.given[key]).name for key in WANTED_TYPES if key in found.given}
    return _called(layer, found.name, found.args, found.given | types)


@lowers("ClassMethod", "InstanceMethod", "InstanceProperty", "ModuleWrapper", autocast=False)
def of_an_object(layer: Layer) -> Result:
    """Methods of ragged and other composite tensors, which ONNX does not have."""
    called = layer.config.get("method_name") or layer.config.get("attr_name") or ""
    raise layer.error(f"it asks a TensorFlow object for {called!r}, which has no ONNX form")
