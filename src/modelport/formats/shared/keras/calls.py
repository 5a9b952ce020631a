"""Calls of layers in a functional Keras config: ``inbound_nodes`` in the forms of all eras."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from modelport.formats.shared.keras.values import MOST_OUTPUTS, stated_shape
from modelport.model.dtype import DTYPES
from modelport.model.graph import TensorType


@dataclass(frozen=True, slots=True)
class Reference:
    """One tensor as a config names it: the layer, the file's number of the call, the output.

    ``type`` is what the reference itself says about the tensor (Keras 3), else None.
    """

    layer: str
    node: int
    output: int
    type: TensorType | None = None


@dataclass(slots=True)
class Call:
    """One call: the tensors in the order of the arguments, and how the arguments were written.

    In ``args`` and ``kwargs`` a tensor is ``{"tensor": i}``, an index into ``tensors``.
    """

    tensors: list[Reference] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


def parse_call(node: Any, layers: Collection[str]) -> Call:
    """One entry of ``inbound_nodes``; ``layers`` are the names that a reference can have.

    Raises:
        ValueError: no era writes it so.
    """
    call = Call()
    if isinstance(node, dict) and isinstance(node.get("args"), list):
        call.args = [_new_style(value, call) for value in node["args"]]
        call.kwargs = {key: _new_style(value, call) for key, value in node["kwargs"].items()}
        if not call.tensors:
            raise ValueError(f"a call on no tensor: {str(node)[:80]}")
        return call
    if not isinstance(node, list | dict) or not node:
        raise ValueError(f"a call of the form {str(node)[:80]}")
    kwargs: dict[str, Any] = {}
    found = _old_style(node, call, kwargs)
    # One tensor is passed alone; several are passed as one list.
    single = isinstance(found, list) and len(found) == 1
    call.args = [found[0] if single else found]
    call.kwargs = {key: _old_value(value, call, layers) for key, value in kwargs.items()}
    return call


def references(value: Any) -> list[Reference]:
    """The tensors of ``input_layers`` or ``output_layers``: a triple, a list, a dictionary.

    Keras counts those of a dictionary in the order of its keys.
    """
    plain = plain_reference(value)
    if plain is not None:
        return [plain]
    items = [value[key] for key in sorted(value)] if isinstance(value, dict) else value
    return [found for item in items for found in references(item)]


def plain_reference(value: Any) -> Reference | None:
    """The reference that ``[layer, node, output]`` (and maybe keyword arguments) is, or None."""
    if not isinstance(value, list) or len(value) not in (3, 4):
        return None
    layer, node, output = value[:3]
    if not isinstance(layer, str) or type(node) is not int or type(output) is not int:
        return None
    if not 0 <= output < MOST_OUTPUTS or node < 0:
        return None
    return Reference(layer, node, output)


def _place(reference: Reference, call: Call) -> dict[str, int]:
    call.tensors.append(reference)
    return {"tensor": len(call.tensors) - 1}


def _by_key(value: dict[str, Any], parse: Callable[[Any], Any]) -> dict[str, Any]:
    """The items parsed in the order of their keys, in which Keras counts the tensors."""
    parsed = {key: parse(value[key]) for key in sorted(value)}
    return {key: parsed[key] for key in value}


def _new_style(value: Any, call: Call) -> Any:
    if isinstance(value, list):
        return [_new_style(item, call) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":
        config = value["config"]
        plain = plain_reference(config["keras_history"])
        if plain is None:
            raise ValueError(f"keras_history {config['keras_history']}")
        dtype = config.get("dtype")
        stated = TensorType(
            DTYPES.get(dtype) if isinstance(dtype, str) else None,
            stated_shape(config.get("shape")),
        )
        return _place(Reference(plain.layer, plain.node, plain.output, stated), call)
    if "class_name" in value and not _is_object(value):
        raise ValueError(f"an argument of the class {str(value['class_name'])[:80]}")
    return _by_key(value, lambda item: _new_style(item, call))


def _is_object(value: dict[str, Any]) -> bool:
    """Whether Keras serialises an argument so: its own kinds are ``__kind__``, or have modules."""
    name = value["class_name"]
    if not isinstance(name, str):
        return False
    return isinstance(value.get("module"), str) or (name.startswith("__") and name.endswith("__"))


def _old_style(value: Any, call: Call, kwargs: dict[str, Any]) -> Any:
    """The first argument of a Keras 1-2 call; the keyword arguments go along with its tensors."""
    plain = plain_reference(value)
    if plain is not None:
        if len(value) == 4:
            kwargs.update(value[3] or {})
        return _place(plain, call)
    if isinstance(value, list) and value[:1] == ["_CONSTANT_VALUE"]:
        if len(value) == 4:
            kwargs.update(value[3] or {})
        return value[2]
    if isinstance(value, list):
        return [_old_style(item, call, kwargs) for item in value]
    if isinstance(value, dict):
        return _by_key(value, lambda item: _old_style(item, call, kwargs))
    raise ValueError(f"a tensor of the form {str(value)[:80]}")


def _old_value(value: Any, call: Call, layers: Collection[str]) -> Any:
    """A keyword argument of a Keras 1-2 call: tensors are triples among plain values."""
    plain = plain_reference(value)
    if plain is not None and plain.layer in layers:
        return _place(plain, call)
    if isinstance(value, list) and value[:1] == ["_CONSTANT_VALUE"] and len(value) > 2:
        return value[2]
    if isinstance(value, list):
        return [_old_value(item, call, layers) for item in value]
    if isinstance(value, dict):
        return _by_key(value, lambda item: _old_value(item, call, layers))
    return value
