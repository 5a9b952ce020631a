"""Weights that quantised modules of torch keep packed: in the state of an object, as a tuple.

``LinearPackedParamsBase`` has (weight, bias), a convolution its settings and then weight and bias,
the packed parameters of later torch (version, [settings, weight], [bias]). The weight is a
quantised tensor as everywhere; its scales and zero points belong to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelport.formats.shared.pickle.objects import Objects, class_name
from modelport.formats.shared.torch.array import Array
from modelport.wire.pickle import Stub

SCRIPT_OBJECT = "torch.ScriptObject"
"""An object of C++, by its state and the name of its class."""

_LISTS = ("torch.jit._pickle.build_", "torch.jit._pickle.restore_type_tag")
_ROLES = ("weight", "bias")


def packed(stub: Stub, objects: Objects) -> Iterator[tuple[str, Array]]:
    """The tensors in the state of an object, by their paths there (``0``, ``1.1``).

    Those of a quantised module itself are its weight and its bias.
    """
    own = ".quantized." in class_name(stub) and "PackedParams" not in class_name(stub)
    for state in stub.states:
        inside = _tuple(state)
        if inside is None:
            continue
        found = list(_inside(inside[0] if _is_object(stub) else inside, objects))
        named = own and len(found) <= len(_ROLES)
        for place, (path, array) in enumerate(found):
            yield _ROLES[place] if named else path, array


def packed_state(stub: Stub) -> tuple[Any, ...] | None:
    """The state of an object that is a tuple, which its class makes its attributes of."""
    return next(filter(None, map(_tuple, stub.states)), None)


def _inside(state: Any, objects: Objects) -> Iterator[tuple[str, Array]]:
    """The tensors in lists and tuples, and in the states of objects among them."""
    waiting: list[tuple[str, Any]] = [("", state)]
    seen = set[int]()
    while waiting:
        path, value = waiting.pop()
        built = objects.build(value)
        if isinstance(built, Array):
            yield path, built
            continue
        if not isinstance(built, list | tuple | Stub) or id(built) in seen:
            continue
        seen.add(id(built))
        if isinstance(built, Stub):
            built = _content(built)
        inner = [(f"{path}.{index}" if path else str(index), item) for index, item in _each(built)]
        waiting.extend(reversed(inner))


def _content(stub: Stub) -> Any:
    """What a list of TorchScript is made of, or the state of an object."""
    if class_name(stub).startswith(_LISTS) and isinstance(stub.args, tuple) and stub.args:
        return stub.args[0]
    state = packed_state(stub) or ()
    return state[0] if state and _is_object(stub) else state


def _each(value: Any) -> Iterator[tuple[int, Any]]:
    yield from enumerate(value if isinstance(value, list | tuple) else ())


def _is_object(stub: Stub) -> bool:
    return class_name(stub) == SCRIPT_OBJECT


def _tuple(state: Any) -> tuple[Any, ...] | None:
    """A state that is no ``__dict__``, nor one with slots."""
    if not isinstance(state, tuple) or any(isinstance(part, dict) for part in state[:2]):
        return None
    return state
