"""From a graph of ONNX operators to calls of layers and operations of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelport.dialects.keras.defaults import complete
from modelport.dialects.keras.raises.call import DOMAIN, Call, Result, table
from modelport.dialects.keras.raises.value import Held, between, plain
from modelport.dialects.keras.words import snake_case
from modelport.dialects.onnx.scopes import scope_of
from modelport.dialects.onnx.types.infer import Types
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.errors import ConversionError
from modelport.model.expression import Expression, same, source, sources
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import Tensor

MOST_WRITTEN = 1 << 16
"""Elements of a constant whose values stand in a config."""

_NOBODYS = re.compile(r"\d+|onnx::.*|val_\d+|.*_output_\d+")
"""Names that an exporter made up."""
_LAST = re.compile(r"[./](?=[^./]*$)")
"""What stands before the last part of a name."""


class Writer:
    """Writes the layers of a graph, node by node, into ``made``."""

    def __init__(self, graph: Graph, types: Types, name: str) -> None:
        self.graph = graph
        self.types = types
        self.made = Graph(name)
        self._held: dict[str, Held] = {}
        self._turned: dict[tuple[str, tuple[int, ...]], Held] = {}
        self._layers: dict[str, tuple[Mapping[str, Any], Mapping[str, Expression], int]] = {}
        self._absorbed: set[int] = set()
        self._chain: dict[int, Node] = {}
        self._users: dict[str, list[Node]] = {}
        self._order: list[str] = []
        for node in graph.nodes:
            for used in node.inputs:
                if used:
                    self._users.setdefault(used, []).append(node)
        for value in graph.outputs:
            self._users.setdefault(value.name, []).append(Node("", "output", ""))

    def write(self) -> Graph:
        """The canonical graph of a functional model.

        Raises:
            ConversionError: an operator that Keras cannot express; names it and its node.
        """
        for value in self.graph.inputs:
            if value.name not in self.graph.tensors:
                self._input(value)
        for node in self.graph.nodes:
            if id(node) not in self._absorbed and not self._is_known(node):
                self._write(node)
        for value in self.graph.outputs:
            self._output(value)
        self._state()
        return self.made

    def _write(self, node: Node) -> None:
        function = table().get(node.op_type) if node.domain == DOMAIN else None
        if function is None:
            domain = "" if node.domain == DOMAIN else f"{node.domain}::"
            why = f"modelport cannot write the operator {domain}{node.op_type} for Keras"
            raise ConversionError(f"{node.op_type} {node.name!r}", why)
        self._hold(node, function(Call(self, node)))

    def _hold(self, node: Node, result: Result) -> None:
        node = self._last(node)
        found = [result] if isinstance(result, Held) else list(result)
        for name, held in zip(node.outputs, found, strict=False):
            if name:
                self._held[name] = held

    def _is_known(self, node: Node) -> bool:
        return all(self.known(name).array is not None for name in node.outputs if name)

    # What goes in and out

    def _input(self, value: Value) -> None:
        known = self.known(value.name)
        if not isinstance(value.type, TensorType) or known.shape is None or known.dtype is None:
            raise ConversionError(value.name, "Keras takes tensors of known rank and data type")
        extents = [extent if isinstance(extent, int) else None for extent in known.shape]
        if not extents:
            raise ConversionError(value.name, "an input of Keras has at least a batch axis")
        config = {"batch_shape": extents, "dtype": known.dtype.name, "sparse": False}
        name = self._unused(value.name)
        config |= {"name": name, "optional": False}
        out = f"{name}:0:0"
        self._add(Node("keras", "InputLayer", name, [], [out]), "InputLayer", config, [], {})
        self._held[value.name] = Held(out, plain(len(extents)))
        self.made.inputs.append(Value(out, value.type))

    def _output(self, value: Value) -> None:
        held = self._held.get(value.name)
        if held is None:
            raise ConversionError(value.name, "a constant output; Keras gives what it computes")
        found = self.ordered(held, plain(held.rank))
        if any(found.name == other.name for other in self.made.outputs) or any(
            found.name == other.name for other in self.made.inputs
        ):
            found = self.op(Node("", "Identity", value.name), "Copy", (found,), {}, None)[0]
        self.made.outputs.append(Value(found.name, value.type))

    def _state(self) -> None:
        """What the model's own config says."""

        def ends(values: Sequence[Value]) -> list[list[Any]]:
            parts = [value.name.rsplit(":", 2) for value in values]
            return [[name, int(call), int(place)] for name, call, place in parts]

        config = {
            "name": self.made.name,
            "trainable": True,
            "input_layers": ends(self.made.inputs),
            "output_layers": ends(self.made.outputs),
        }
        self.made.attributes = {
            "class_name": "Functional",
            "config": config,
            "module": "keras.src.models.functional",
            "registered_name": "Functional",
        }

    # What operands are

    def known(self, name: str) -> Known:
        """What is known of a value of the ONNX graph."""
        return self.types.get(name, UNKNOWN) if name else UNKNOWN

    def is_constant(self, name: str) -> bool:
        """Whether a value of the ONNX graph is a weight or constant."""
        return name not in self._held

    def value(self, name: str, call: Call) -> Held:
        """The value of Keras that stands for one of ONNX."""
        held = self._held.get(name)
        if held is None:
            raise call.refused(f"its operand {name!r} is a constant, where Keras takes a value")
        return held

    def weight(self, name: str) -> Expression | None:
        """What the file holds under a name."""
        tensor = self.graph.tensors.get(name)
        return None if tensor is None else source(tensor)

    def constant(self, expression: Expression | None, order: tuple[int, ...], call: Call) -> Any:
        """A constant that is too large to be followed, as an array in the config."""
        if expression is None:
            raise call.refused("an operand of which nothing is known")
        size = int(np.prod(expression.shape))
        if size > MOST_WRITTEN:
            raise call.refused(f"a constant of {size:,} elements, where Keras takes a value")
        array = Tensor("", expression).numpy()
        full = array.reshape((1,) * (len(order) - array.ndim) + array.shape)
        return np.transpose(full, order)

    def ordered(self, held: Held, order: tuple[int, ...]) -> Held:
        """The same value with its axes in another order; turned once for all who want it."""
        if held.order == order:
            return held
        key = (held.name, order)
        if key not in self._turned:
            axes = between(held.order, order)
            node = Node("", "Transpose", held.name.partition(":")[0])
            if axes[0] == 0:
                config = {"dims": list(axes[1:])}
                turned = self.layer(node, "Permute", config, held, {}, order)
            else:
                turned = self.op(node, "Transpose", (held,), {"axes": list(axes)}, order)[0]
            self._turned[key] = turned
            self._turned[turned.name, held.order] = held
        return self._turned[key]

    # What is written

    def layer(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        x: Held | Sequence[Held],
        weights: Mapping[str, Expression],
        order: tuple[int, ...] | None,
    ) -> Held:
        """A call of a stock layer, one more of the same where its weights are the same."""
        operands = [x] if isinstance(x, Held) else list(x)
        held = {"dtype": _dtype(weights), **config}
        name, number = self._called(node, op_type, held, weights)
        out = f"{name}:{number}:0"
        given = [{"tensor": i} for i in range(len(operands))]
        made = Node("keras", op_type, f"{name}:{number}" if number else name)
        made.inputs, made.outputs = [item.name for item in operands], [out]
        for role, expression in weights.items():
            tensor = f"{name}/{role}"
            made.parameters[role] = tensor
            self.made.tensors.setdefault(tensor, Tensor(tensor, expression))
        args = [given] if not isinstance(x, Held) else given
        settings = {"trainable": True, **complete(op_type, held), "name": name}
        self._add(made, op_type, settings, args, {}, number)
        return Held(out, operands[0].order if order is None else order)

    def _called(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        weights: Mapping[str, Expression],
    ) -> tuple[str, int]:
        """The name of the layer, and the number of this call of it."""
        for name, (known, held, calls) in self._layers.items():
            alike = known == {**config, "op_type": op_type} and held.keys() == weights.keys()
            if weights and alike and all(same(held[role], weights[role]) for role in held):
                self._layers[name] = (known, held, calls + 1)
                return name, calls + 1
        name = self._unused(self._wanted(node, op_type, weights))
        self._layers[name] = ({**config, "op_type": op_type}, dict(weights), 0)
        return name, 0

    def op(
        self,
        node: Node,
        class_name: str,
        args: Sequence[Any],
        settings: Mapping[str, Any],
        order: tuple[int, ...] | None,
        outputs: int = 1,
    ) -> list[Held]:
        """A call of an operation of ``keras.ops``; constants stand in the call."""
        name = self._unused(self._wanted(node, class_name, {}))
        inputs: list[str] = []
        first = next((item for item in _values(args)), None)
        call = [_placed(item, inputs) for item in args]
        outs = [f"{name}:0:{i}" for i in range(outputs)]
        made = Node("keras", class_name, name, inputs, outs)
        made.attributes = {"module": "keras.ops", "registered_name": class_name}
        self._add(made, class_name, {**settings, "name": name}, call, {})
        if order is None:
            order = first.order if first is not None else ()
        return [Held(out, order) for out in outs]

    def _add(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        args: list[Any],
        kwargs: Mapping[str, Any],
        number: int = 0,
    ) -> None:
        name = str(config["name"])
        usual = {"module": "keras.layers", "registered_name": None}
        node.attributes = {**usual, **node.attributes, "config": dict(config)}
        node.attributes["call"] = {"args": args, "kwargs": dict(kwargs)}
        node.scope = (Scope(name, op_type, number),)
        self.made.nodes.append(node)
        if name not in self._order:
            self._order.append(name)

    def _wanted(self, node: Node, op_type: str, weights: Mapping[str, Expression]) -> str:
        """What a layer is called: as its weights are, as the modules around it, or by its class."""
        names = [
            tensor.name
            for part in weights.values()
            for tensor in sources(part)
            if not re.fullmatch(r"\d+|onnx::.*|val_\d+|.*_output_\d+", tensor.name)
        ]
        stems = {
            re.split(r"[./](?=[^./]*$)", name)[0] for name in names if re.search(r"[./]", name)
        }
        if len(stems) == 1:
            return stems.pop()
        path = [step.name for step in scope_of(node)]
        return ".".join(path) if path and weights else snake_case(op_type)

    def _unused(self, name: str) -> str:
        """A layer's name like this one that no other has."""
        word = re.sub(r"[^A-Za-z0-9_.\-]+|[./]", "_", name).strip("_") or "layer"
        found, count = word, 0
        while found in self._order or found in self._layers:
            count += 1
            found = f"{word}_{count}"
        return found

    # Neighbours

    def follower(self, node: Node, op_types: Sequence[str]) -> Node | None:
        """The only user of a node's only result, if it is one of these operators."""
        users = self._users.get(self._last(node).outputs[0], [])
        if len(users) != 1 or users[0].op_type not in op_types or users[0].domain != DOMAIN:
            return None
        return users[0]

    def absorbed(self, node: Node, following: Node) -> None:
        """``following`` needs no layer of its own any more."""
        self._absorbed.add(id(following))
        self._chain[id(node)] = following

    def _last(self, node: Node) -> Node:
        while id(node) in self._chain:
            node = self._chain[id(node)]
        return node


def _dtype(weights: Mapping[str, Expression]) -> str:
    floats = [part.dtype.name for part in weights.values() if part.dtype.kind == "float"]
    return floats[0] if floats else "float32"


def _values(args: Sequence[Any]) -> list[Held]:
    found: list[Held] = []
    for item in args:
        if isinstance(item, Held):
            found.append(item)
        elif isinstance(item, list | tuple):
            found += _values(item)
    return found


def _placed(value: Any, inputs: list[str]) -> Any:
    """An argument as the canonical form has it: operands by number, arrays spelt out."""
    if isinstance(value, Held):
        inputs.append(value.name)
        return {"tensor": len(inputs) - 1}
    if isinstance(value, list | tuple):
        return [_placed(item, inputs) for item in value]
    if isinstance(value, np.ndarray):
        config = {"value": value.tolist(), "dtype": value.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    return value
