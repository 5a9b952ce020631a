"""Operations of ``keras.ops`` as functions over operands, and their registry.

An operation's function takes the layer it stands for, then the arguments of the call and those of
the config under Keras' names. TensorFlow's functions are expressed by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, TypeAlias, TypeVar

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.keras.operations.operands import plain
from modelport.dialects.onnx.edge import Edge

Result: TypeAlias = Edge | Sequence[Edge]
Function: TypeAlias = Callable[..., Result]
Single: TypeAlias = Callable[..., Edge]
"""An operation with one output."""

_Function = TypeVar("_Function", bound=Function)

OPERATIONS: dict[str, Function] = {}
"""Every operation by the name of its class, as the families register them."""


def operation(*names: str) -> Callable[[_Function], _Function]:
    """Register a function as the operations of those names."""

    def register(function: _Function) -> _Function:
        for name in names:
            OPERATIONS[name] = function
            lowers(f"keras.ops.{name}", autocast=False)(_lowering(function))
        return function

    return register


def _lowering(function: Function) -> Callable[[Layer], Result]:
    def lower(layer: Layer) -> Result:
        config = {key: value for key, value in layer.config.items() if key != "name"}
        return apply(layer, function, layer.args, {**config, **layer.kwargs}, config)

    return lower


def apply(
    layer: Layer,
    function: Function,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    config: Collection[str] = (),
) -> Result:
    """Call an operation's function with arguments as a file has them.

    Positional arguments are those of the call, so they pass over the names in ``config``.
    Arguments the function does not know are left out where they are unset (None, False or empty).

    Raises:
        ConversionError: an argument that is set and that the function does not know.
    """
    known = signature(function).parameters
    given = {key: value for key, value in kwargs.items() if key in known}
    for key in set(kwargs) - set(given):
        if kwargs[key] not in (None, False, ""):
            raise layer.error(f"its argument {key!r} (= {str(kwargs[key])[:80]}) has no ONNX form")
    if any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in known.values()):
        return function(layer, *plain(args), **plain(given))
    free = [name for name in list(known)[1:] if name not in config]
    given.update(zip(free, args, strict=False))
    if len(args) > len(free):
        raise layer.error(f"it is called with {len(args)} arguments")
    return function(layer, **plain(given))
