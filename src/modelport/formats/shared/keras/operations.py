"""Calls of functions inside functional models, as operations of ``keras.ops``.

tf_keras keeps them as layers (``TFOpLambda``, ``SlicingOpLambda``, ``TensorFlowOpLayer``), Keras 3
as operations, which its ``.h5`` files name without their module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.errors import ConversionError
from modelport.formats.shared.keras.classes import LAYERS
from modelport.formats.shared.keras.operation_names import OPERATION_MODULES
from modelport.model.graph import Node

_TENSORFLOW = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")
_ALSO_LAYERS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Dot")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its class, its settings, and its call (tensors as ``{"tensor": i}``)."""

    class_name: str
    config: dict[str, Any] = field(default_factory=dict)
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """The operation as Keras 3 serialises it, without its call."""
        return {
            "module": OPERATION_MODULES[self.class_name],
            "class_name": self.class_name,
            "config": dict(self.config),
            "registered_name": self.class_name,
        }


def as_operation(node: Node) -> Operation | None:
    """A node that calls a function as an operation of Keras 3; None for a layer.

    Raises:
        ConversionError: a call of TensorFlow that Keras 3 has no single operation for.
    """
    call = node.attributes.get("call") or {}
    args, kwargs = list(call.get("args", [])), dict(call.get("kwargs", {}))
    config = node.attributes.get("config") or {}
    if node.op_type in _TENSORFLOW:
        return _from_tensorflow(node, config, args, kwargs)
    module = str(node.attributes.get("module") or "")
    if module.startswith(("keras.src.ops", "keras.ops")):
        if node.op_type not in OPERATION_MODULES:
            return None
        return Operation(node.op_type, dict(config), args, kwargs)
    if module or node.op_type not in OPERATION_MODULES:
        return None
    if node.op_type in _ALSO_LAYERS:
        return Operation(node.op_type, {}, args, kwargs) if len(args) > 1 else None
    # NotEqual is in the list of layers because tf_keras' and Keras 3's .h5 files have it there.
    if node.op_type in LAYERS and node.op_type != "NotEqual":
        return None
    settings = {key: value for key, value in config.items() if key != "trainable"}
    return Operation(node.op_type, settings, args, kwargs)


def _from_tensorflow(
    node: Node, config: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> Operation:
    where = f"layer {node.scope[-1].name!r} ({node.op_type})"
    if node.op_type == "SlicingOpLambda" or config.get("function") == "__operators__.getitem":
        return Operation("GetItem", {}, [args[0], _slices(kwargs.get("slice_spec"), where)])
    if node.op_type == "TensorFlowOpLayer":
        return _raw(config, args, where)
    name = str(config.get("function") or config.get("symbol") or "")
    given = {key: value for key, value in kwargs.items() if value is not None and key != "name"}
    return _call(name.removeprefix("tf."), args, given, where)


def _call(name: str, args: list[Any], given: dict[str, Any], where: str) -> Operation:
    name = name.removeprefix("compat.v1.").removeprefix("compat.v2.")
    place, _, short = name.rpartition(".")
    if short in _BINARY and place in _PLACES:
        second = args[1] if len(args) > 1 else given.pop("y", None)
        both = [_constant(args[0]), _constant(second)]
        return _done(Operation(_BINARY[short], {}, both), given, where, name)
    if short in _UNARY and place in _PLACES:
        return _done(Operation(_UNARY[short], {}, args[:1]), given, where, name)
    if short in _REDUCTIONS and place in _PLACES:
        settings = {
            "axis": given.pop("axis", None),
            "keepdims": bool(given.pop("keepdims", given.pop("keep_dims", False))),
        }
        return _done(Operation(_REDUCTIONS[short], settings, args[:1]), given, where, name)
    make = _OTHERS.get(name)
    if make is None:
        raise ConversionError(where, f"Keras 3 has no single operation for tf.{name}")
    try:
        return _done(make(args, given), given, where, name)
    except (KeyError, IndexError) as error:
        raise ConversionError(where, f"tf.{name} without its argument {error}") from error


def _constant(value: Any) -> Any:
    """An operand; Keras 3 takes a list of numbers for an array only where it says so."""
    if not isinstance(value, list) or not value or _holds_tensor(value):
        return value
    first: Any = value
    while isinstance(first, list) and first:
        first = first[0]
    kinds = {bool: "bool", int: "int32", float: "float32"}
    if type(first) not in kinds:
        return value
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": kinds[type(first)]}}


def _done(operation: Operation, left: dict[str, Any], where: str, name: str) -> Operation:
    left = {key: value for key, value in left.items() if value is not False}
    if left or _holds_tensor(operation.config):
        raise ConversionError(
            where,
            f"tf.{name} with {', '.join(left) or 'a tensor as setting'} is more than Keras 3's "
            f"{operation.class_name} does",
        )
    return operation


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, Mapping):
        return set(value) == {"tensor"} or any(_holds_tensor(item) for item in value.values())
    return isinstance(value, list | tuple) and any(_holds_tensor(item) for item in value)


def _slices(spec: Any, where: str) -> list[Any]:
    items = spec if isinstance(spec, list) else [spec]
    return [_slice(item, where) for item in items]


def _slice(item: Any, where: str) -> Any:
    if isinstance(item, Mapping) and {"start", "stop", "step"} <= set(item):
        extents = {key: item[key] for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": extents}
    if isinstance(item, Mapping) and item.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if item is None or type(item) is int:
        return item
    if item in ("...", "Ellipsis"):
        return {"class_name": "__ellipsis__", "config": {}}
    raise ConversionError(where, f"an index of the form {item!r}")


_PLACES = ("", "math", "nn", "__operators__", "keras.activations")
"""Where TensorFlow keeps the functions that are called by their short names below."""

_BINARY = {
    "add": "Add",
    "subtract": "Subtract",
    "sub": "Subtract",
    "multiply": "Multiply",
    "mul": "Multiply",
    "divide": "Divide",
    "truediv": "Divide",
    "floordiv": "FloorDivide",
    "floormod": "Mod",
    "mod": "Mod",
    "pow": "Power",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "greater": "Greater",
    "greater_equal": "GreaterEqual",
    "less": "Less",
    "less_equal": "LessEqual",
    "equal": "Equal",
    "eq": "Equal",
    "not_equal": "NotEqual",
    "ne": "NotEqual",
    "logical_and": "LogicalAnd",
    "logical_or": "LogicalOr",
}
_UNARY = {
    "relu": "Relu",
    "relu6": "Relu6",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "exp": "Exp",
    "log": "Log",
    "log1p": "Log1p",
    "sqrt": "Sqrt",
    "rsqrt": "Rsqrt",
    "square": "Square",
    "abs": "Abs",
    "negative": "Negative",
    "neg": "Negative",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sin": "Sin",
    "cos": "Cos",
    "elu": "Elu",
    "selu": "Selu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "silu": "Silu",
    "swish": "Silu",
    "logical_not": "LogicalNot",
    "zeros_like": "ZerosLike",
    "ones_like": "OnesLike",
    "stop_gradient": "StopGradient",
}
_REDUCTIONS = {
    "reduce_mean": "Mean",
    "reduce_sum": "Sum",
    "reduce_max": "Max",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "reduce_all": "All",
    "reduce_any": "Any",
    "reduce_std": "Std",
    "reduce_variance": "Var",
}

_Make = Callable[[list[Any], dict[str, Any]], Operation]


def _setting(class_name: str, **keys: str) -> _Make:
    """An operation whose TensorFlow arguments become settings under other names."""

    def make(args: list[Any], given: dict[str, Any]) -> Operation:
        settings = {own: given.pop(theirs) for own, theirs in keys.items() if theirs in given}
        return Operation(class_name, settings, args[:1])

    return make


def _reshape(args: list[Any], given: dict[str, Any]) -> Operation:
    return Operation("Reshape", {"newshape": given.pop("shape")}, args[:1])


def _matmul(args: list[Any], given: dict[str, Any]) -> Operation:
    return Operation("Matmul", {}, [args[0], given.pop("b")])


def _where(args: list[Any], given: dict[str, Any]) -> Operation:
    return Operation("Where", {}, [args[0], _constant(given.pop("x")), _constant(given.pop("y"))])


def _take(args: list[Any], given: dict[str, Any]) -> Operation:
    if not given.get("batch_dims"):
        given.pop("batch_dims", None)
    return Operation("Take", {"axis": given.pop("axis", 0)}, [args[0], given.pop("indices")])


def _split(args: list[Any], given: dict[str, Any]) -> Operation:
    sections = given.pop("num_or_size_splits")
    if isinstance(sections, list):
        ends = [sum(sections[: i + 1]) for i in range(len(sections) - 1)]
        sections = ends
    settings = {"indices_or_sections": sections, "axis": given.pop("axis", 0)}
    return Operation("Split", settings, args[:1])


def _pad(args: list[Any], given: dict[str, Any]) -> Operation:
    mode = str(given.pop("mode", "constant")).lower()
    value = given.pop("constant_values", 0)
    rest = [value] if value else []
    return Operation("Pad", {"pad_width": given.pop("paddings"), "mode": mode}, [args[0], *rest])


def _leaky(args: list[Any], given: dict[str, Any]) -> Operation:
    return Operation("LeakyRelu", {"negative_slope": given.pop("alpha", 0.2)}, args[:1])


def _gelu(args: list[Any], given: dict[str, Any]) -> Operation:
    # TensorFlow's is exact by default, that of Keras 3 approximate.
    return Operation("Gelu", {"approximate": bool(given.pop("approximate", False))}, args[:1])


def _cumsum(args: list[Any], given: dict[str, Any]) -> Operation:
    return Operation("Cumsum", {"axis": given.pop("axis", 0)}, args[:1])


def _resize(args: list[Any], given: dict[str, Any]) -> Operation:
    settings = {
        "size": given.pop("size"),
        "interpolation": given.pop("method", "bilinear"),
        "antialias": bool(given.pop("antialias", False)),
        "data_format": "channels_last",
    }
    return Operation("Resize", settings, args[:1])


def _one_hot(args: list[Any], given: dict[str, Any]) -> Operation:
    settings = {
        "num_classes": given.pop("depth"),
        "axis": given.pop("axis", -1),
        "dtype": given.pop("dtype", "float32"),
    }
    return Operation("OneHot", settings, args[:1])


_OTHERS: dict[str, _Make] = {
    "image.resize": _resize,
    "one_hot": _one_hot,
    "reshape": _reshape,
    "linalg.matmul": _matmul,
    "matmul": _matmul,
    "where": _where,
    "gather": _take,
    "split": _split,
    "pad": _pad,
    "nn.leaky_relu": _leaky,
    "transpose": _setting("Transpose", axes="perm"),
    "cast": _setting("Cast", dtype="dtype"),
    "expand_dims": _setting("ExpandDims", axis="axis"),
    "squeeze": _setting("Squeeze", axis="axis"),
    "concat": _setting("Concatenate", axis="axis"),
    "stack": _setting("Stack", axis="axis"),
    "tile": _setting("Tile", repeats="multiples"),
    "clip_by_value": _setting("Clip", x_min="clip_value_min", x_max="clip_value_max"),
    "nn.softmax": _setting("Softmax", axis="axis"),
    "nn.log_softmax": _setting("LogSoftmax", axis="axis"),
    "reverse": _setting("Flip", axis="axis"),
    "math.cumsum": _cumsum,
    "cumsum": _cumsum,
    "nn.gelu": _gelu,
}

_RAW = {
    **{"Add": "Add", "AddV2": "Add", "Sub": "Subtract", "Mul": "Multiply", "RealDiv": "Divide"},
    **{name: name for name in ("Maximum", "Minimum", "Greater", "GreaterEqual", "Less")},
    **{name: name for name in ("LessEqual", "Equal", "NotEqual")},
    **{"Pow": "Power", "FloorDiv": "FloorDivide", "FloorMod": "Mod", "Neg": "Negative"},
    **{name: name for name in ("Relu", "Relu6", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Rsqrt")},
    **{name: name for name in ("Square", "Abs", "Sign", "Floor", "Ceil", "Round", "Elu", "Selu")},
    **{"Softplus": "Softplus", "Softsign": "Softsign", "LogicalNot": "LogicalNot"},
}


def _raw(config: Mapping[str, Any], args: list[Any], where: str) -> Operation:
    """One node of a TensorFlow graph (TF 2.0 to 2.3), with constants at some of its inputs."""
    definition = config.get("node_def")
    name = definition.get("op") if isinstance(definition, Mapping) else None
    if name not in _RAW:
        raise ConversionError(
            where, f"Keras 3 has no single operation for the TensorFlow op {name}"
        )
    tensors = args[0] if args and isinstance(args[0], list) else args
    inputs = list(tensors)
    constants = config.get("constants")
    for place, value in sorted((constants or {}).items(), key=lambda item: int(item[0])):
        inputs.insert(int(place), value)
    return Operation(_RAW[name], {}, inputs)
