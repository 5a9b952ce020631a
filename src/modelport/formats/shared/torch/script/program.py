"""The ``forward`` of the root module of a TorchScript archive, as a native graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelport.formats.shared.pickle.objects import Objects
from modelport.formats.shared.torch.script.control import packed
from modelport.formats.shared.torch.script.emit import Emitter, Names
from modelport.formats.shared.torch.script.evaluate import Evaluator
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.things import Things
from modelport.formats.shared.torch.script.values import (
    Listing,
    Named,
    Raised,
    Stuck,
    Thing,
    Var,
)
from modelport.model.dtype import BOOL, FLOAT64, INT64, DType
from modelport.model.graph import Graph, TensorType, Value
from modelport.model.tensor import Tensor
from modelport.wire.pickle import Stub
from modelport.wire.torchscript import syntax
from modelport.wire.torchscript.plain import BROKEN

_NUMBERS: dict[str, DType] = {"int": INT64, "float": FLOAT64, "bool": BOOL}
_MOST_INPUTS = 1000


class Program:
    """Evaluates the code of one archive.

    ``root`` and ``constants`` are what ``data.pkl`` and ``constants.pkl`` hold, with what builds
    them; ``traced`` the inputs that the module was traced with. ``assumed`` gathers (place, why) of
    what the file does not state.
    """

    def __init__(
        self,
        library: Library,
        root: tuple[Any, Objects],
        constants: tuple[Any, Objects] | None,
        traced: list[Any] | None,
    ) -> None:
        self._things = Things(root[1])
        self._root = self._things.thing(root[0], "")
        self._names = Names(library.name)
        self._emitter = Emitter("model", self._names)
        held: tuple[Any, ...] = ()
        if constants is not None:
            other = Things(constants[1])
            items = constants[1].build(constants[0])
            items = items if isinstance(items, tuple | list) else ()
            held = tuple(other.thing(item, f"CONSTANTS.c{i}") for i, item in enumerate(items))
            self._constants: Mapping[str, Tensor] = other.weights
        else:
            self._constants = {}
        self._evaluator = Evaluator(library, self._emitter, held)
        self._library = library
        self.traced = traced
        self.assumed: list[tuple[str, str]] = []

    def read(self) -> Graph:
        """The graph, with the weights that it uses.

        Raises:
            Stuck: the code does what no graph can hold, or what modelport does not know.
            LimitExceeded: the code is too large, or takes too many steps.
        """
        if not isinstance(self._root, Thing):
            raise Stuck("the archive holds no module")
        name = self._entry(self._root.class_name)
        function = self._library.method(self._root.class_name, name)
        args = self._arguments(function)
        try:
            result = self._evaluator.method(self._root, name, args, {})
            self._evaluator.charge(result)
            values = list(self._outputs(result))
        except (Raised, *BROKEN) as error:
            raise Stuck(str(error)) from error
        outputs: list[str] = []
        for value in values:
            name = packed(self._emitter, value)
            if name in outputs or any(given.name == name for given in self._emitter.graph.inputs):
                name = self._emitter.call("prim", "Constant", [Var(name)]).name
            outputs.append(name)
        graph = self._emitter.finish()
        graph.outputs = [Value(name) for name in outputs]
        weights = {**self._things.weights, **self._constants}
        for inner in graph.subgraphs():
            for node in inner.nodes:
                for name in node.parameters.values():
                    graph.tensors[name] = weights[name]
        if self._evaluator.training:
            why = "the module was saved in training mode; it is taken as in evaluation"
            self.assumed.append(("training", why))
        return graph

    def _entry(self, class_name: str) -> str:
        """The method that is run: of several forms of ``forward``, the first."""
        found = self._library.class_(class_name)
        names = found.functions if found is not None else {}
        return "forward__0" if "forward__0" in names and "forward" not in names else "forward"

    # Inputs

    def _arguments(self, function: syntax.Function) -> list[Any]:
        args: list[Any] = []
        for place, parameter in enumerate(function.parameters[1:]):
            example = None
            if self.traced is not None and place < len(self.traced):
                example = self.traced[place]
            args.append(self._argument(parameter, example))
        return args

    def _argument(self, parameter: syntax.Parameter, example: Any) -> Any:
        word, inner = _type(parameter.type)
        if example is None and parameter.default is not None:
            default = parameter.default
            known = isinstance(default, syntax.Literal)
            shown = repr(default.value) if isinstance(default, syntax.Literal) else "its default"
            if known and (word == "Optional" or word in _NUMBERS or word == "str"):
                why = f"the input is taken to be {shown}, which the code gives where it is left out"
                self.assumed.append((parameter.name, why))
                return default.value if isinstance(default, syntax.Literal) else None
        if word == "Optional" and len(inner) == 1:
            return self._input(parameter.name, inner[0], example)
        return self._input(parameter.name, parameter.type, example)

    def _input(self, name: str, kind: syntax.Expression | None, example: Any) -> Any:
        if len(self._emitter.graph.inputs) > _MOST_INPUTS:
            raise Stuck("the code has more inputs than modelport takes")
        word, inner = _type(kind)
        if isinstance(example, TensorType):
            shown = "x".join(map(str, example.shape or ())) or "a single number"
            why = f"the shape is that of the example it was traced with ({shown})"
            self.assumed.append((name, why))
            return self._emitter.input(name, example)
        if isinstance(example, list | tuple):
            items = [self._input(f"{name}_{i}", None, item) for i, item in enumerate(example)]
            return Listing(items) if isinstance(example, list) else tuple(items)
        if isinstance(example, dict):
            return {key: self._input(f"{name}_{key}", None, item) for key, item in example.items()}
        if word == "Tensor":
            return self._emitter.input(name)
        if word in _NUMBERS:
            given = self._emitter.input(name, TensorType(_NUMBERS[word], ()))
            return self._emitter.call("aten", "item", [given])
        if word == "Tuple" and inner:
            return tuple(self._input(f"{name}_{i}", item, None) for i, item in enumerate(inner))
        found = self._library.class_(word) if word.startswith("__torch__.") else None
        if found is not None and found.base == "NamedTuple":
            made = Named(
                self._input(f"{name}_{field}", item, None) for field, item in found.types.items()
            )
            made.names, made.class_name = tuple(found.types), word
            return made
        raise Stuck(
            f"the input {name!r} is a {word or 'value'} of a size that the file does not state; "
            "save the module with torch.jit.trace and example inputs"
        )

    # Outputs

    def _outputs(self, value: Any) -> Iterator[Any]:
        """The values that ``forward`` gives, one after another."""
        if isinstance(value, Listing) and value.items is not None:
            value = value.items
        if isinstance(value, tuple | list):
            for item in value:
                yield from self._outputs(item)
        elif isinstance(value, dict):
            for item in value.values():
                yield from self._outputs(item)
        elif isinstance(value, Thing | Stub):
            raise Stuck("the code gives an object")
        elif value is not None:
            yield value


def _type(kind: syntax.Expression | None) -> tuple[str, list[syntax.Expression]]:
    """The outermost word of a type, and the types inside."""
    if isinstance(kind, syntax.Subscript):
        index = kind.index
        return _type(kind.value)[0], index.items if isinstance(index, syntax.Sequence) else [index]
    if isinstance(kind, syntax.Attribute):
        return f"{_type(kind.value)[0]}.{kind.name}", []
    return (kind.id if isinstance(kind, syntax.Name) else "Tensor"), []
