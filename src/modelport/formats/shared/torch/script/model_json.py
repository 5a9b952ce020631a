"""TorchScript archives of torch 1.0 to 1.2: a table of tensors and the tree of modules in JSON.

Members: ``model.json`` (a protobuf ``ModelDef`` in protobuf's JSON), ``tensors/<n>`` (storages),
one text of code for each module (its methods alone, without a class), ``attributes.pkl`` (values of
other attributes, since the second version), classes in ``libs/``.
Source: ``caffe2/proto/torch.proto``, ``torch/csrc/jit/serialization/import_legacy.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.errors import MalformedFile
from modelport.formats.shared.torch.archive import read_object
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.things import Held, Things
from modelport.formats.shared.torch.script.values import Thing, Var
from modelport.formats.shared.torch.script_module import OWN, plain_class
from modelport.formats.shared.torch.storage import Storage, view
from modelport.model.component import Component
from modelport.model.dtype import DTYPES
from modelport.model.graph import Node, Scope
from modelport.model.model import Model
from modelport.model.tensor import Tensor, TensorData
from modelport.wire.json import parse
from modelport.wire.zip import ZipArchive

MODEL = "model.json"
ATTRIBUTES = "attributes.pkl"
LIBRARIES = "libs/"
_MOST_JSON = 64 << 20
_DEEPEST = 100
_DTYPES = {
    **{"FLOAT": "float32", "INT32": "int32", "BYTE": "uint8", "BOOL": "bool", "UINT8": "uint8"},
    **{"INT8": "int8", "UINT16": "uint16", "INT16": "int16", "INT64": "int64"},
    **{"FLOAT16": "float16", "DOUBLE": "float64"},
}
_NUMBERS = dict(
    zip(
        "FLOAT INT32 BYTE STRING BOOL UINT8 INT8 UINT16 INT16 INT64".split(),
        range(1, 11),
        strict=True,
    )
) | {"FLOAT16": 12, "DOUBLE": 13}
"""``caffe2.TensorProto.DataType``."""


class ModelJson:
    """Reads one archive: ``held`` is its module with what belongs to it."""

    def __init__(self, archive: ZipArchive, folder: str, model: Model, library: Library) -> None:
        self._archive = archive
        self._folder = folder
        self._model = model
        self._library = library
        self._name = f"{archive.source.name}!{folder}{MODEL}"
        found = parse(archive.read(f"{folder}{MODEL}", _MOST_JSON), self._name)
        self._root = self._mapping(found, "a model")
        self._attributes = self._pickled()
        self._storages: dict[str, Storage] = {}
        self._tensors = [self._tensor(item) for item in self._list(self._root, "tensors")]
        self._used: dict[int, str] = {}
        self.weights: dict[str, Tensor] = {}

    def read(self) -> Held:
        """The module, its constants and weights; its tree goes into the model's graph.

        Raises:
            MalformedFile, LimitExceeded: the description is broken.
        """
        model = self._model
        model.dialect, model.kind = "torch", "modules"
        model.evidence[Component.ARCHITECTURE] = "the tree of modules, and their code as text"
        model.producer.version = str(self._root.get("producerVersion") or "") or None
        root = self._module(self._mapping(self._root.get("mainModule"), "a module"), "", "", (), 0)
        constants = tuple(self._constant(place) for place in range(len(self._tensors)))
        return Held(root, constants, self.weights)

    def _pickled(self) -> list[Any]:
        member = f"{self._folder}{ATTRIBUTES}"
        if member not in self._archive.members:
            return []
        options: dict[str, Any] = {"member": ATTRIBUTES, "data": "tensors", "own": OWN}
        value, objects = read_object(self._archive, self._folder, self._model, **options)
        things = Things(objects)
        built = objects.build(value)
        items = built if isinstance(built, list | tuple) else []
        return [things.thing(item, f"{ATTRIBUTES}.{i}") for i, item in enumerate(items)]

    # Tensors

    def _tensor(self, written: Any) -> TensorData:
        written = self._mapping(written, "a tensor")
        kind = written.get("dataType", "UNDEFINED")
        word = next((key for key, number in _NUMBERS.items() if number == kind), kind)
        if word not in _DTYPES or written.get("isQuantized"):
            raise self._broken("a type of elements of that time", kind)
        dtype = DTYPES[_DTYPES[word]]
        key = str(self._mapping(written.get("data"), "the name of a storage").get("key", ""))
        if key not in self._storages:
            source = self._archive.open_checked(f"{self._folder}{key}")
            self._storages[key] = Storage(key, None, "cpu", source, 0, source.size)
        size = tuple(self._number(item) for item in self._list(written, "dims"))
        stride = tuple(self._number(item) for item in self._list(written, "strides"))
        return view(
            self._storages[key], dtype, self._number(written.get("offset", 0)), size, stride
        )

    def _weight(self, place: int, path: str) -> Var:
        """A tensor of the table: the same under two names is one weight."""
        if not 0 <= place < len(self._tensors):
            raise self._broken(f"one of {len(self._tensors)} tensors", place)
        name = self._used.setdefault(place, path)
        self.weights.setdefault(name, Tensor(name, self._tensors[place]))
        return Var(name, weight=True)

    def _constant(self, place: int) -> Var:
        return self._weight(place, f"CONSTANTS.c{place}")

    # Modules

    def _module(
        self,
        written: Mapping[str, Any],
        path: str,
        owner: str,
        scope: tuple[Scope, ...],
        depth: int,
    ) -> Thing:
        if depth > _DEEPEST:
            raise self._broken(f"modules at most {_DEEPEST} deep", "deeper ones")
        own = str(written.get("name", ""))
        class_name = f"{owner}.{own}" if owner else f"{OWN}{own or 'Module'}"
        made = Thing(class_name, path)
        parameters = {}
        for item in self._list(written, "parameters"):
            item = self._mapping(item, "a parameter")
            name = str(item.get("name", ""))
            at = f"{path}.{name}" if path else name
            made.attributes[name] = self._weight(self._number(item.get("tensorId", 0)), at)
            parameters[name] = made.attributes[name].name
        for item in self._list(written, "attributes"):
            item = self._mapping(item, "an attribute")
            place = self._number(item.get("id", 0))
            if str(item.get("name")) not in made.attributes:
                held = self._attributes[place] if 0 <= place < len(self._attributes) else None
                made.attributes[str(item.get("name"))] = held
        inside = self._list(written, "submodules")
        if path or parameters or not inside:
            node = Node("torch", plain_class(class_name), path or own, parameters=parameters)
            node.scope = scope
            self._model.graph.nodes.append(node)
        deeper = (*scope, Scope(own, plain_class(class_name), 0)) if path else scope
        for item in inside:
            item = self._mapping(item, "a module")
            name = str(item.get("name", ""))
            at = f"{path}.{name}" if path else name
            made.attributes[name] = self._module(item, at, class_name, deeper, depth + 1)
        arena = written.get("torchscriptArena")
        if isinstance(arena, Mapping):
            self._library.methods(class_name, str(arena.get("key", "")))
        return made

    # JSON

    def _mapping(self, value: Any, what: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self._broken(what, value)
        return value

    def _list(self, parent: Mapping[str, Any], key: str) -> list[Any]:
        value = parent.get(key, [])
        if not isinstance(value, list):
            raise self._broken(f"a list of {key}", value)
        return value

    def _number(self, value: Any) -> int:
        """A whole number, which protobuf's JSON writes as text where it has 64 bits."""
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 20:
            return int(value)
        if type(value) is not int:
            raise self._broken("a whole number", value)
        return value

    def _broken(self, expected: str, found: Any) -> MalformedFile:
        return MalformedFile(self._name, expected=expected, found=str(found)[:60])
