"""The objects of ``data.pkl`` as values that code can be evaluated with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.formats.shared.pickle.objects import Objects, attributes, class_name
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.packed import packed, packed_state
from modelport.formats.shared.torch.script.values import Device, Listing, Quantised, Thing, Var
from modelport.formats.shared.torch.script_module import OWN
from modelport.model.tensor import FileSlice, Tensor
from modelport.wire.pickle import Stub

_JIT = "torch.jit._pickle."
_CLASSES = (f"{OWN}torch.classes.quantized.", f"{OWN}torch.classes.rnn.")
"""Classes of C++, whose objects the operators take by their states."""
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Held:
    """What code is evaluated with: the root module, the constants, and the weights of both."""

    root: Any
    constants: tuple[Any, ...]
    weights: Mapping[str, Tensor]


def held_of(root: tuple[Any, Objects], constants: tuple[Any, Objects] | None) -> Held:
    """What ``data.pkl`` and ``constants.pkl`` hold, each with what builds its values."""
    things = Things(root[1])
    made = things.thing(root[0], "")
    if constants is None:
        return Held(made, (), things.weights)
    other = Things(constants[1])
    items = constants[1].build(constants[0])
    items = items if isinstance(items, tuple | list) else ()
    held = tuple(other.thing(item, f"CONSTANTS.c{i}") for i, item in enumerate(items))
    return Held(made, held, {**things.weights, **other.weights})


class Things:
    """Turns stubs into values; ``weights`` gathers the tensors by the path that leads to them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._made: dict[int, Any] = {}
        self._views: dict[Any, str] = {}
        self._packed: dict[int, str] = {}  # names of tensors in packed states
        self.weights: dict[str, Tensor] = {}

    def thing(self, value: Any, path: str, depth: int = 0) -> Any:
        """The value of a stub; ``path`` is what its tensors are named by."""
        if depth > _DEEPEST:
            return None
        built = self._objects.build(value)
        if isinstance(built, Array):
            return self._tensor(built, path)
        if isinstance(built, Stub):
            return self._stub(built, path, depth + 1)
        if isinstance(built, list | tuple):
            items = [self.thing(item, f"{path}.{i}", depth + 1) for i, item in enumerate(built)]
            return Listing(items) if isinstance(built, list) else tuple(items)
        if isinstance(built, dict):
            return {
                key: self.thing(item, f"{path}.{key}", depth + 1) for key, item in built.items()
            }
        return built

    def _stub(self, stub: Stub, path: str, depth: int) -> Any:
        if id(stub) in self._made:
            return self._made[id(stub)]
        name = class_name(stub)
        if name == "torch.device":
            return Device("cpu")
        if name.startswith(_JIT) and isinstance(stub.args, tuple) and stub.args:
            return self.thing(stub.args[0], path, depth)
        if not name.startswith(OWN):
            return stub
        state = packed_state(stub)
        if state is not None:
            for key, array in packed(stub, self._objects):
                self._packed[id(array)] = f"{path}.{key}" if path else key
        if state is not None and name.startswith(_CLASSES):
            found = self.thing(state, path, depth)
            self._made[id(stub)] = found
            return found
        made = Thing(name, path)
        self._made[id(stub)] = made
        for key, item in attributes(stub).items():
            made.attributes[key] = self.thing(item, f"{path}.{key}" if path else key, depth)
        if state is not None:
            made.state = self.thing(state, path, depth)
        return made

    def _tensor(self, array: Array, path: str) -> Any:
        path = self._packed.get(id(array), path)
        data, name = array.data, path
        quantizer = array.remark.get("quantizer")
        if quantizer is not None:
            return self._quantised(array, quantizer, path)
        if array.remark:
            return array  # what takes it says that it cannot
        if isinstance(data, FileSlice):  # the same elements under two names are one weight
            key = (id(data.source), data.offset, data.shape, data.dtype.name)
            name = self._views.setdefault(key, path)
        self.weights.setdefault(name, Tensor(name, data))
        return Var(name, weight=True)

    def _quantised(self, array: Array, quantizer: tuple[Any, ...], path: str) -> Any:
        """A quantised tensor: one scale, or one for each index of an axis."""
        values = self._tensor(Array(array.data), path)
        if not array.parts:
            return Quantised(values, quantizer[1], quantizer[2])
        scale, zero = (self._tensor(part, f"{path}.{key}") for key, part in array.parts.items())
        return Quantised(values, scale, zero, quantizer[3])
