"""TensorFlow's calls in functional models of tf.keras as operations of Keras 3."""

from __future__ import annotations

import inspect
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.stock import tf_networks as tf_networks
from modelport.dialects.keras.stock import tf_shapes as tf_shapes
from modelport.dialects.keras.stock import tf_values as tf_values
from modelport.dialects.keras.stock.chain import ELLIPSIS, Chain, Dims, Says, V, constant, slices
from modelport.dialects.keras.stock.tf_functions import BINARY, FUNCTIONS, REDUCTIONS, UNARY

_PLACES = ("", "math", "nn", "linalg", "__operators__", "keras.activations", "keras.backend")
"""Where TensorFlow keeps the functions that have short names in the tables."""

_UNUSED = ("name", "conjugate", "validate_indices", "use_cudnn_on_gpu", "validate_shape", "partial")


_WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def function_call(chain: Chain) -> list[Any]:
    """A ``TFOpLambda``: a function of TensorFlow by its name."""
    name = str(chain.config.get("function") or chain.config.get("symbol") or "")
    if name.endswith("__operators__.getitem"):
        return slicing(chain)
    args, kwargs = chain.call()
    given = {
        key: value for key, value in kwargs.items() if key not in _UNUSED and value is not None
    }
    return called(chain, name, [item for item in args if item is not None], given)


def called(chain: Chain, name: str, args: list[Any], given: dict[str, Any]) -> list[Any]:
    """A call of a function, by the tables of this folder.

    Raises:
        ConversionError: Keras 3 has no operations for it.
    """
    plain = name.removeprefix("tf.").removeprefix("compat.v1.").removeprefix("compat.v2.")
    plain = plain.removeprefix("raw_ops.")
    place, _, short = plain.rpartition(".")
    near = place in _PLACES
    own = FUNCTIONS.get(plain) or (FUNCTIONS.get(short) if near else None)
    if own is not None:
        signature = inspect.signature(own)
        # What is switched off changes nothing, whether Keras 3 knows the switch or not.
        given = {k: v for k, v in given.items() if v is not False or k in signature.parameters}
        try:
            bound = signature.bind(chain, *args, **given)
        except TypeError as error:
            raise chain.error(f"Keras 3 has no tf.{plain} with these arguments: {error}") from error
        made = own(*bound.args, **bound.kwargs)
        return made if isinstance(made, list) else [made]
    if near and short in BINARY:
        operands = [*args, *(given.pop(key) for key in ("x", "y") if key in given)]
        if len(operands) == 2 and not any(isinstance(item, Dims) for item in operands):
            return [_binary(chain, BINARY[short], operands)]
        return [tf_shapes.arithmetic(chain, short, operands)]
    if near and short in UNARY:
        return [chain.op(UNARY[short], [*args, *given.values()][0])]
    if near and short in REDUCTIONS:
        return [_reduction(chain, REDUCTIONS[short], args, given)]
    raise chain.error(f"modelport knows no operation of Keras 3 for tf.{plain}")


def _binary(chain: Chain, operation: str, operands: list[Any]) -> V:
    types = [chain.dtype(item) for item in operands if isinstance(item, V)]
    if len(types) == 1 and str(types[0]).startswith("uint"):
        operands = [_unsigned(chain, item, str(types[0])) for item in operands]
    divides = operation in ("Divide", "TrueDivide", "DivideNoNan")
    if divides and any(each in _WHOLE for each in types):
        # TensorFlow divides whole numbers of 32 bits and more as float64, Keras 3 as float32.
        wanted = "float32" if {*types} <= {"int8", "uint8", "int16", "uint16"} else "float64"
        operands = [
            chain.op("Cast", item, dtype=wanted) if isinstance(item, V) else item
            for item in operands
        ]
    made: V = chain.op(operation, *map(constant, operands))
    if operation == "Mod" and len(types) == 1 and types[0] is not None:
        # A number beside it makes Keras 3 take the remainder in a wider type.
        made = chain.op("Cast", made, dtype=types[0])
    return made


def _unsigned(chain: Chain, operand: Any, dtype: str) -> Any:
    """A number beside a tensor of whole numbers from 0 on: TensorFlow counts on from the top."""
    if type(operand) is not int or operand >= 0:
        return operand
    wrapped = operand % (1 << int(dtype.removeprefix("uint")))
    if wrapped >= 1 << 31:
        raise chain.error(f"Keras 3 has no number {operand} beside a tensor of {dtype}")
    return wrapped


def _reduction(chain: Chain, operation: str, args: list[Any], given: Mapping[str, Any]) -> V:
    names = {"reduction_indices": "axis", "keep_dims": "keepdims"}
    found = dict(zip(("input_tensor", "axis", "keepdims"), args, strict=False))
    found |= {names.get(key, key): value for key, value in given.items()}
    made: V = chain.op(
        operation,
        found["input_tensor"],
        axis=found.get("axis"),
        keepdims=bool(found.get("keepdims", False)),
    )
    return made


def slicing(chain: Chain) -> list[Any]:
    """A ``SlicingOpLambda``: Python's indexing of a tensor."""
    args, kwargs = chain.call()
    key = kwargs.get("slice_spec", args[1] if len(args) > 1 else None)
    if isinstance(args[0], Dims):
        return [tf_shapes.part(chain, args[0], key)]
    items = key if isinstance(key, list) else [key]
    return [chain.op("GetItem", args[0], [_index(chain, item) for item in items])]


def _index(chain: Chain, item: Any) -> Any:
    if isinstance(item, Mapping) and {"start", "stop", "step"} <= set(item):
        bounds = (item["start"], item["stop"], item["step"])
        return slices(*(tf_shapes.known(chain, bound) for bound in bounds))
    if isinstance(item, Mapping) and item.get("class_name") == "__ellipsis__":
        return ELLIPSIS
    if item in ("...", "Ellipsis"):
        return ELLIPSIS
    found = tf_shapes.known(chain, item)
    if found is None or type(found) is int:
        return found
    raise chain.error(f"an index of the form {item!r}")


_RAW = {
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
    "GatherV2": "gather params indices axis",
    "LeakyRelu": "nn.leaky_relu",
    "MatMul": "linalg.matmul",
    "MaxPool": "nn.max_pool",
    "MirrorPad": "pad tensor paddings",
    "OneHot": "one_hot",
    "Pack": "stack",
    "Pad": "pad tensor paddings",
    "PadV2": "pad tensor paddings constant_values",
    "Reshape": "reshape tensor shape",
    "ReverseV2": "reverse tensor axis",
    "SelectV2": "where",
    "Shape": "shape",
    "Slice": "slice",
    "Softmax": "nn.softmax",
    "LogSoftmax": "nn.log_softmax",
    "SpaceToDepth": "nn.space_to_depth",
    "Split": "split axis value",
    "SplitV": "split",
    "SquaredDifference": "math.squared_difference",
    "Squeeze": "squeeze",
    "StridedSlice": "strided_slice",
    "Tile": "tile",
    "Transpose": "transpose a perm",
    **{
        f"Resize{kind}": f"image.resize_{name}"
        for kind, name in (
            ("Bilinear", "bilinear"),
            ("NearestNeighbor", "nearest_neighbor"),
        )
    },
    **{
        name: f"math.reduce_{name.lower()} input_tensor axis"
        for name in (
            "Max",
            "Mean",
            "Min",
            "Prod",
            "Sum",
            "All",
            "Any",
        )
    },
    **{"AddV2": "add", "Add": "add", "Sub": "subtract", "Mul": "multiply", "RealDiv": "divide"},
    **{"Pow": "pow", "FloorDiv": "floordiv", "FloorMod": "floormod", "Neg": "negative"},
    **{"GreaterEqual": "greater_equal", "LessEqual": "less_equal", "NotEqual": "not_equal"},
    **{f"Logical{name}": f"logical_{name.lower()}" for name in ("And", "Or", "Not")},
    **{"ZerosLike": "zeros_like", "OnesLike": "ones_like"},
    **{
        name: name.lower()
        for name in (
            "Abs",
            "Ceil",
            "Cos",
            "Erf",
            "Exp",
            "Floor",
            "Log",
            "Log1p",
            "Maximum",
            "Minimum",
            "Round",
            "Rsqrt",
            "Sign",
            "Sin",
            "Sqrt",
            "Square",
            "Tan",
            "Greater",
            "Less",
            "Equal",
            "Relu",
            "Relu6",
            "Elu",
            "Selu",
            "Softplus",
            "Softsign",
            "Sigmoid",
            "Tanh",
            "Identity",
        )
    },
}
"""Operators of graphs by the functions that make them, with the names of their inputs."""

_ATTRIBUTES = {"DstT": "dtype", "keep_dims": "keepdims", "squeeze_dims": "axis"}
_ATTRIBUTES |= {"num_split": "num_or_size_splits"}
_SAID_ELSEWHERE = ("N", "explicit_paddings", *_UNUSED)
_WANTED_TYPES = ("dtype", "out_type", "output_type")


def graph_node(chain: Chain) -> list[Any]:
    """A ``TensorFlowOpLayer`` (TensorFlow 2.0 to 2.3): one node, some of its inputs constant."""
    definition = chain.config.get("node_def")
    operator = definition.get("op") if isinstance(definition, Mapping) else None
    if not isinstance(definition, Mapping) or operator not in _RAW:
        why = f"modelport knows no operation of Keras 3 for the TensorFlow operator {operator}"
        raise chain.error(why)
    name, *order = _RAW[str(operator)].split()
    inputs: list[Any] = [chain.dims.get(value, V(value)) for value in chain.node.inputs]
    constants = chain.config.get("constants") or {}
    for place, value in sorted((int(key), value) for key, value in constants.items()):
        inputs.insert(place, value)
    given = _attributes(definition.get("attr") or {})
    if operator in ("Pack", "ConcatV2"):
        ends = len(inputs) - (operator == "ConcatV2")
        given |= {"axis": inputs[-1]} if operator == "ConcatV2" else {}
        inputs = [inputs[:ends]]
    given |= dict(zip(order, inputs, strict=False)) if order else {}
    return called(chain, name, [] if order else inputs, given)


def _attributes(written: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in written.items():
        name = _ATTRIBUTES.get(key, key)
        if key.startswith("_") or key in _SAID_ELSEWHERE or not isinstance(value, Mapping):
            continue
        # The other dtypes are those of the inputs, which say so themselves.
        if "type" not in value or name in _WANTED_TYPES:
            found[name] = _attribute(value)
    return {name: value for name, value in found.items() if value is not None}


def _attribute(value: Mapping[str, Any]) -> Any:
    kind, content = next(iter(value.items()), ("", ""))
    if kind == "i":
        return int(content)
    if kind == "list" and isinstance(content, Mapping):
        return [int(item) for item in content.get("i", [])] or None
    if kind == "s":
        return b64decode(str(content)).decode("latin-1")
    return content


TENSORFLOW: dict[str, Says] = {
    "TFOpLambda": function_call,
    "SlicingOpLambda": slicing,
    "TensorFlowOpLayer": graph_node,
}
"""The layers that tf.keras makes of TensorFlow's calls."""
