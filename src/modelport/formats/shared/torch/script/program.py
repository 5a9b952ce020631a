"""The ``forward`` of the root module of a TorchScript archive, as a native graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.torch.script.arguments import Arguments, outputs_of
from modelport.formats.shared.torch.script.control import packed
from modelport.formats.shared.torch.script.emit import Emitter, Names
from modelport.formats.shared.torch.script.evaluate import Evaluator
from modelport.formats.shared.torch.script.library import Library
from modelport.formats.shared.torch.script.things import Held
from modelport.formats.shared.torch.script.values import (
    Raised,
    Stuck,
    Thing,
    Var,
)
from modelport.model.component import Component
from modelport.model.graph import Graph, TensorType, Value
from modelport.wire.pickle import Stub
from modelport.wire.torchscript.plain import BROKEN


class Program:
    """Evaluates the code of one archive.

    ``held`` is what its pickles hold; ``traced`` and ``given`` are what is known of the inputs, see
    ``Arguments``.
    """

    def __init__(
        self,
        library: Library,
        held: Held,
        traced: list[Any] | None,
        given: Mapping[str, TensorType],
    ) -> None:
        self._held = held
        self._root = held.root
        self._names = Names(library.name)
        self._emitter = Emitter("model", self._names)
        self._evaluator = Evaluator(library, self._emitter, held.constants)
        self._library = library
        self.arguments = Arguments(self._emitter, library, traced, given)

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
        args = self.arguments.of(function)
        try:
            result = self._evaluator.method(self._root, name, args, {})
            self._evaluator.charge(result)
            values = list(outputs_of(result))
        except (Raised, *BROKEN) as error:
            raise Stuck(str(error)) from error
        outputs: list[str] = []
        for label, value in values:
            if isinstance(value, Thing | Stub):
                raise Stuck("the code gives an object")
            if isinstance(value, Var) and value.optional:
                value = self._emitter.call("prim", "AsOptional", [value])
            name = packed(self._emitter, value)
            known = name in outputs or any(x.name == name for x in self._emitter.graph.inputs)
            if known or label:
                node = self._emitter.node("prim", "Constant", [Var(name)])
                name = self._emitter.output(node, stem=label).name
            outputs.append(name)
        graph = self._emitter.finish()
        graph.outputs = [Value(name) for name in outputs]
        for inner in graph.subgraphs():
            for node in inner.nodes:
                for name in node.parameters.values():
                    graph.tensors[name] = self._held.weights[name]
        if self._evaluator.training:
            why = "the module was saved in training mode; it is taken as in evaluation"
            self.arguments.assumed.append((Component.ARCHITECTURE, "training", why))
        for name in self._evaluator.kept:
            why = "the code sets it for its next run; ONNX begins every run as the first"
            self.arguments.assumed.append((Component.ARCHITECTURE, name, why))
        return graph

    def _entry(self, class_name: str) -> str:
        """The method that is run: of several forms of ``forward``, the first."""
        found = self._library.class_(class_name)
        names = found.functions if found is not None else {}
        return "forward__0" if "forward__0" in names and "forward" not in names else "forward"
