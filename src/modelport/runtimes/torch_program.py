"""Runs a graph of aten operators call by call, with torch's own kernels.

The file is not loaded by torch: ``torch.export.load`` evaluates expressions, unpickles examples and
generates code from what a file says. Here only operators are called that modelport can translate,
by their names, on values; nothing else in a file can have an effect.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelport.dialects.torch.aliases import live_nodes
from modelport.dialects.torch.call import lowering_of
from modelport.model.graph import Graph, Node
from modelport.runtimes.torch_values import flat, to_torch

_LEFT_OUT = frozenset({"device", "layout", "memory_format", "pin_memory"})
"""Arguments that change where and how elements are stored, but none of them."""

_NAMESPACES = ("aten", "prims")
_WRAPPERS = {"wrap_with_set_grad_enabled", "wrap_with_autocast"}


class Program:
    """Computes the outputs of a graph from values for its inputs."""

    def __init__(self, graph: Graph) -> None:
        import torch

        self.torch = torch
        self.tensors = graph.tensors
        self._held: dict[str, Any] = {}

    def run(self, graph: Graph, values: Sequence[Any]) -> list[Any]:
        """The values of the graph's outputs.

        Raises:
            ValueError: an operator that modelport does not translate.
        """
        known = dict(zip((value.name for value in graph.inputs), values, strict=True))
        for node in live_nodes(graph):
            results = self._node(node, known)
            known.update(zip(node.outputs, results, strict=False))
        return [
            known[value.name] if value.name in known else self._weight(value.name)
            for value in graph.outputs
        ]

    def _weight(self, name: str) -> Any:
        if name not in self._held:
            self._held[name] = to_torch(self.tensors[name].numpy())
        return self._held[name]

    def _node(self, node: Node, known: Mapping[str, Any]) -> list[Any]:
        homes = (node.domain, "complex") if node.domain == "aten" else (node.domain,)
        if all(lowering_of(home, node.op_type, node.overload) is None for home in homes):
            raise ValueError(f"{node.domain}::{node.op_type} is an operator of its own")
        call = node.attributes["call"]
        args = [self._filled(item, node, known) for item in call["args"]]
        kwargs = {
            key: self._filled(item, node, known)
            for key, item in call["kwargs"].items()
            if key not in _LEFT_OUT
        }
        if node.domain == "higher_order":
            return self._higher(node.op_type, [*args, *kwargs.values()])
        if node.domain not in _NAMESPACES:  # functions of Python take no names
            args, kwargs = [*args, *kwargs.values()], {}
        found = self._function(node)(*args, **kwargs)
        return flat(found) if isinstance(found, list | tuple) else [found]

    def _function(self, node: Node) -> Callable[..., Any]:
        if node.domain in _NAMESPACES:
            packet = getattr(getattr(self.torch.ops, node.domain), node.op_type)
            return getattr(packet, node.overload) if node.overload else packet  # type: ignore[no-any-return]
        home = {"operator": operator, "math": math, "torch": self.torch}[node.domain]
        found: Callable[..., Any] = getattr(home, node.op_type)
        return found

    def _filled(self, written: Any, node: Node, known: Mapping[str, Any]) -> Any:
        """An argument with its values in place."""
        if isinstance(written, list | tuple):
            return [self._filled(item, node, known) for item in written]
        if not isinstance(written, Mapping):
            return written
        if "tensor" in written:
            return known[node.inputs[written["tensor"]]]
        if "parameter" in written:
            return self._weight(node.parameters[written["parameter"]])
        if "dtype" in written:
            return None if written["dtype"] is None else getattr(self.torch, written["dtype"])
        return "cpu" if "device" in written else written

    def _higher(self, name: str, given: list[Any]) -> list[Any]:
        """Operators that take graphs."""
        if name == "cond":
            chosen = given[1] if bool(given[0]) else given[2]
            return self.run(chosen["graph"], given[3] if len(given) > 3 else [])
        if name == "while_loop":
            holds, body, state, *more = given
            rest = more[0] if more else []
            while bool(self.run(holds["graph"], [*state, *rest])[0]):
                state = self.run(body["graph"], [*state, *rest])
            return list(state)
        if name == "invoke_subgraph":
            return self.run(given[0]["graph"], given[2:])
        if name in _WRAPPERS:
            at = next(i for i, item in enumerate(given) if isinstance(item, dict))
            return self.run(given[at]["graph"], given[at + 1 :])
        if name == "map_impl":
            given = [given[0], [], *given[1:]]
        return self._scan(*given)

    def _scan(self, body: Any, state: Any, over: Any, more: Any = ()) -> list[Any]:
        rows: list[list[Any]] = []
        for step in range(over[0].shape[0]):
            made = self.run(body["graph"], [*state, *(item[step] for item in over), *more])
            state, row = made[: len(state)], made[len(state) :]
            rows.append(row)
        return [*state, *(self.torch.stack(column) for column in zip(*rows, strict=True))]
