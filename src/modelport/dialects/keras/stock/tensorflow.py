"""TensorFlow's calls in functional models of tf.keras as operations of Keras 3."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.stock import tf_networks as tf_networks
from modelport.dialects.keras.stock import tf_shapes as tf_shapes
from modelport.dialects.keras.stock import tf_values as tf_values
from modelport.dialects.keras.stock.chain import ELLIPSIS, Chain, Dims, Says, V, constant, slices
from modelport.dialects.keras.stock.tf_functions import BINARY, FUNCTIONS, REDUCTIONS, UNARY
from modelport.dialects.keras.tf_calls.nodes import PLACES, UNUSED, node_call, operator_of

_WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))


def function_call(chain: Chain) -> list[Any]:
    """A ``TFOpLambda``: a function of TensorFlow by its name."""
    name = str(chain.config.get("function") or chain.config.get("symbol") or "")
    if name.endswith("__operators__.getitem"):
        return slicing(chain)
    args, kwargs = chain.call()
    given = {key: value for key, value in kwargs.items() if key not in UNUSED and value is not None}
    return called(chain, name, [item for item in args if item is not None], given)


def called(chain: Chain, name: str, args: list[Any], given: dict[str, Any]) -> list[Any]:
    """A call of a function, by the tables of this folder.

    Raises:
        ConversionError: Keras 3 has no operations for it.
    """
    plain = name.removeprefix("tf.").removeprefix("compat.v1.").removeprefix("compat.v2.")
    plain = plain.removeprefix("raw_ops.")
    place, _, short = plain.rpartition(".")
    near = place in PLACES
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


def graph_node(chain: Chain) -> list[Any]:
    """A ``TensorFlowOpLayer`` (TensorFlow 2.0 to 2.3): one node, some of its inputs constant."""
    inputs = [chain.dims.get(value, V(value)) for value in chain.node.inputs]
    found = node_call(chain.config, inputs)
    if found is None:
        operator = operator_of(chain.config)
        why = f"modelport knows no operation of Keras 3 for the TensorFlow operator {operator}"
        raise chain.error(why)
    given = {key: value for key, value in found.given.items() if value is not None}
    return called(chain, found.name, found.args, given)


TENSORFLOW: dict[str, Says] = {
    "TFOpLambda": function_call,
    "SlicingOpLambda": slicing,
    "TensorFlowOpLayer": graph_node,
}
"""The layers that tf.keras makes of TensorFlow's calls."""
