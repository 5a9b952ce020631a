"""What a saved object of torch holds: state dicts, optimizers, modules, and the user's own keys.

Nothing here goes by names alone: a state dict is a mapping from text to tensors, an optimizer has
``state`` and ``param_groups``, a module has ``_modules`` and ``_parameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.pickle.objects import Attributed, Objects, class_name
from modelport.formats.shared.pickle.plain import plain
from modelport.formats.shared.pickle.walk import find
from modelport.formats.shared.torch.architecture import ARCHITECTURE, take_architecture
from modelport.formats.shared.torch.array import Array
from modelport.formats.shared.torch.module import is_module, read_module
from modelport.formats.shared.torch.optimizer import is_optimizer, read_optimizer
from modelport.model.component import Component, Holds
from modelport.model.model import BESIDE, Model
from modelport.model.tensor import Tensor
from modelport.model.training import TrainingConfig
from modelport.wire.pickle import Blob, Stub

_VERSIONS = "_metadata"

HOLDS = dict.fromkeys(Component, Holds.MAY) | {
    Component.SIGNATURE: Holds.NEVER,
    Component.TRAINING_DATA: Holds.NEVER,
}
"""What ``torch.save`` can put into a file of any age."""


def proofs(everything: str, module: str) -> dict[Component, str]:
    """The samples of a format of ``torch.save``: one with all components, one pickled module."""
    held = {component for component, holds in HOLDS.items() if holds is not Holds.NEVER}
    return dict.fromkeys(held, everything) | {Component.ARCHITECTURE: module}


class Contents:
    """Puts what an object holds into a model, part by part."""

    def __init__(self, model: Model, objects: Objects) -> None:
        self.model = model
        self.objects = objects

    def read(self, root: Any) -> None:
        """Everything that the saved object holds.

        Where it is one state dict, or has just one inside, weights keep their own names; where
        there are several, each name begins with the key of its state dict.
        """
        built = self.objects.build(root)
        if isinstance(built, Array):
            self._tensor("tensor", built)
        elif is_state_dict(built, self.objects):
            self._state_dict("", built)
        elif isinstance(built, Stub):
            self._object("", built)
        elif is_optimizer(built, self.objects):
            self._optimizer("the file", built)
        elif isinstance(built, Mapping):
            self._keys(built)
        else:
            self._value("value", built)
        self._evidence()

    def _keys(self, mapping: Mapping[Any, Any]) -> None:
        built = {_key(key): self.objects.build(value) for key, value in mapping.items()}
        architecture = built.pop(ARCHITECTURE, None)
        dicts = [key for key, value in built.items() if is_state_dict(value, self.objects)]
        for key, value in built.items():
            if key in dicts:
                self._state_dict("" if len(dicts) == 1 else f"{key}.", value)
            elif is_optimizer(value, self.objects):
                self._optimizer(key, value)
            elif self._are_optimizers(value):
                for number, item in enumerate(value):
                    self._optimizer(f"{key}.{number}", self.objects.build(item))
            elif isinstance(value, Stub):
                self._object(key, value)
            else:
                self._value(key, value, beside=bool(dicts))
        if isinstance(architecture, Blob | bytes):
            take_architecture(self.model, architecture)
        elif architecture is not None:
            self._value(ARCHITECTURE, architecture)

    def _are_optimizers(self, value: Any) -> bool:
        """Whether a value is a list of optimizers, as trainers keep them."""
        if not isinstance(value, list) or not value:
            return False
        return all(is_optimizer(self.objects.build(item), self.objects) for item in value)

    def _state_dict(self, prefix: str, mapping: Mapping[str, Any]) -> None:
        for name, value in mapping.items():
            built = self.objects.build(value)
            if isinstance(built, Array):
                self._tensor(prefix + name, built)
            elif built is not None:
                self._value(prefix + name, built)
        versions = mapping.attributes.get(_VERSIONS) if isinstance(mapping, Attributed) else None
        if versions is not None:
            self.model.extras.setdefault("versions", {})[prefix] = plain(versions, self.objects)

    def _tensor(self, name: str, array: Array) -> None:
        add_array(self.model, name, array, self.objects)

    def _optimizer(self, key: str, mapping: Mapping[str, Any]) -> None:
        if self.model.optimizer_state is not None:  # a second one, as GANs have
            self.model.hyperparameters[key] = plain(mapping, self.objects)
            return
        optimizer, state = read_optimizer(mapping, self.objects)
        if self.model.training is None:
            self.model.training = TrainingConfig("torch")
        self.model.training.optimizer = optimizer
        if state.tensors or state.step is not None:
            self.model.optimizer_state = state
            self.model.evidence[Component.OPTIMIZER_STATE] = f"the state under {key!r}"
        self.model.evidence[Component.OPTIMIZER] = (
            f"param_groups under {key!r}; the class is told from its settings"
        )

    def _object(self, key: str, stub: Stub) -> None:
        name = class_name(stub)
        if is_module(stub):
            if name.startswith("torch.nn.modules.loss."):
                if self.model.training is None:
                    self.model.training = TrainingConfig("torch")
                self.model.training.loss = name.rsplit(".", 1)[-1]
                self.model.evidence[Component.LOSS] = f"the criterion under {key!r}"
                return
            for path, array in read_module(self.model, stub, self.objects, key):
                self._tensor(path, array)
            return
        self.model.extras.setdefault("python_objects", {})[key or "object"] = plain(
            stub, self.objects
        )

    def _value(self, path: str, value: Any, *, beside: bool = False) -> None:
        """Tensors wherever they lie become tensors; the rest is told as plain values.

        ``beside`` says that they stand beside a state dict, as those of random generators do.
        """
        arrays = list(find(value, self.objects, Array, path))
        for name, array in arrays:
            self._tensor(name, array)
            if beside:
                self.model.extras.setdefault(BESIDE, []).append(name)
        if arrays and isinstance(value, Array):
            return
        shown = plain(value, self.objects)
        if isinstance(value, str):
            self.model.metadata[path] = shown
        else:
            self.model.hyperparameters[path] = shown

    def _evidence(self) -> None:
        model, evidence = self.model, self.model.evidence
        if model.graph.tensors and Component.WEIGHTS not in evidence:
            evidence[Component.WEIGHTS] = (
                "the parameters and buffers of the modules"
                if model.dialect
                else "a state_dict: names of layers, but no architecture; for a model: "
                "convert GRAPH DST --state FILE, or with your own code "
                "convert FILE DST --model package.module:factory --run-code"
            )
        if model.hyperparameters:
            evidence[Component.HYPERPARAMETERS] = "numbers and settings under the user's own keys"
        if model.metadata:
            evidence[Component.METADATA] = "texts under the user's own keys"
        if model.extras.get("python_objects"):
            evidence[Component.PYTHON_OBJECTS] = "objects of other classes, as inert stubs"


def add_array(model: Model, name: str, array: Array, objects: Objects) -> None:
    """List a tensor of torch among the weights, and what belongs to it under names below its."""
    own = f"{name}.{array.part}" if array.part else name
    tensor = Tensor(own, array.data)
    for key, value in array.remark.items():
        tensor.metadata[key] = str(plain(value, objects))
    model.graph.tensors[own] = tensor
    for part, inner in array.parts.items():
        add_array(model, f"{name}.{part}", inner, objects)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)[:100]


def is_state_dict(value: Any, objects: Objects) -> bool:
    """Whether a value maps texts to tensors, extra states of modules apart."""
    if not isinstance(value, Mapping) or not value:
        return False
    if not all(isinstance(key, str) for key in value):
        return False
    tensors = 0
    for key, item in value.items():
        built = objects.build(item)
        if isinstance(built, Array):
            tensors += 1
        elif built is not None and not key.endswith("_extra_state"):
            return False
    return tensors > 0
