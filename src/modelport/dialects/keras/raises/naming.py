"""The names of layers: those of their weights, else of their classes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.words import snake_case
from modelport.dialects.onnx.scopes import class_of, scope_of
from modelport.model.expression import Expression, same, sources
from modelport.model.graph import Graph, Node
from modelport.model.tensor import Tensor

_NOBODYS = re.compile(r"\d+|onnx::.*|val_\d+|.*_output_\d+")
"""Names that an exporter made up."""
_LEAF = re.compile(
    r"\w*(LU6?|[Ss]igmoid|[Tt]anh|Soft\w+|Swish|swish|Mish|Activation|Dropout[123]?[dD]?"
    r"|Pool(ing)?[123][dD]|Flatten|Softmax)"
)
"""Classes without weights that do one thing, so that what does it may have their names."""
_LAST = re.compile(r"[./](?=[^./]*$)")
"""Where the last part of a name begins."""


def is_nobodys(name: str) -> bool:
    """Whether an exporter made up a name."""
    return _NOBODYS.fullmatch(name) is not None


class Names:
    """The names that are taken, and the layers that may be called again."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}
        self._layers: dict[str, list[_Layer]] = {}
        self._words: dict[str, str] = {}

    def of(self, node: Node, op_type: str) -> str:
        """A new name for what stands for a node."""
        return self.unused(_wanted(node, op_type, {}))

    def of_layer(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        weights: Mapping[str, Expression],
    ) -> tuple[str, int]:
        """The name of a layer, and the number of this call of it."""
        for layer in self._layers.get(op_type, []) if weights else []:
            if layer.is_like(config, weights):
                layer.calls += 1
                return layer.name, layer.calls
        name = self.unused(_wanted(node, op_type, weights))
        self._layers.setdefault(op_type, []).append(_Layer(name, config, weights))
        return name, 0

    def unused(self, name: str) -> str:
        """A layer's name like this one that no other has."""
        word = re.sub(r"[^A-Za-z0-9_\-]+", "_", name).strip("_") or "layer"
        found = word
        while found in self._taken:
            self._counts[word] = self._counts.get(word, 0) + 1
            found = f"{word}_{self._counts[word]}"
        self._taken.add(found)
        self._words[found] = word
        return found

    def renumber(self, graph: Graph) -> None:
        """Count the layers of a graph anew, where some that were named are not in it."""
        kept = dict.fromkeys(node.scope[-1].name for node in graph.nodes)
        given = [node.scope[-1].name for node in graph.nodes if node.op_type == "InputLayer"]
        names, again = {name: name for name in given}, Names()
        again._taken.update(given)
        names |= {name: again.unused(self._words[name]) for name in kept if name not in names}

        def of_value(name: str) -> str:
            layer, *rest = name.rsplit(":", 2)
            return ":".join([names[layer], *rest])

        tensors = {}
        for node in graph.nodes:
            new = names[node.scope[-1].name]
            node.name = new + node.name.removeprefix(node.scope[-1].name)
            node.inputs = [of_value(name) for name in node.inputs]
            node.outputs = [of_value(name) for name in node.outputs]
            node.scope = (node.scope[-1]._replace(name=new),)
            node.attributes["config"]["name"] = new
            for role, name in node.parameters.items():
                node.parameters[role] = f"{new}/{role}"
                tensors[f"{new}/{role}"] = Tensor(f"{new}/{role}", graph.tensors[name].data)
        graph.tensors = tensors
        for value in (*graph.inputs, *graph.outputs):
            value.name = of_value(value.name)


class _Layer:
    def __init__(
        self, name: str, config: Mapping[str, Any], weights: Mapping[str, Expression]
    ) -> None:
        self.name, self.calls = name, 0
        self._config, self._weights = dict(config), dict(weights)

    def is_like(self, config: Mapping[str, Any], weights: Mapping[str, Expression]) -> bool:
        """Whether it is the same layer."""
        return (
            self._weights.keys() == weights.keys()
            and all(same(self._weights[role], weights[role]) for role in weights)
            and self._config == dict(config)
        )


def _wanted(node: Node, op_type: str, weights: Mapping[str, Expression]) -> str:
    """What a layer is called: as its weights are, as the modules around it, or by its class."""
    if node.op_type == "Constant":
        return node.name if node.name and not is_nobodys(node.name) else "constant"
    names = [
        tensor.name
        for part in weights.values()
        for tensor in sources(part)
        if not is_nobodys(tensor.name)
    ]
    stems = {_LAST.split(name)[0] for name in names if _LAST.search(name)}
    if len(stems) == 1:
        return stems.pop()
    path = [step.name for step in scope_of(node)]
    own = weights or _LEAF.fullmatch(class_of(node))
    return ".".join(path) if path and own else snake_case(op_type)
