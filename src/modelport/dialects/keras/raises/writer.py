"""From a graph of ONNX operators to calls of layers and operations of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelport.dialects.keras.defaults import complete
from modelport.dialects.keras.raises.arguments import placed, values_in
from modelport.dialects.keras.raises.call import DOMAIN, KERAS_DTYPES, Call, Result, table
from modelport.dialects.keras.raises.constants import Constants
from modelport.dialects.keras.raises.extents import Extents
from modelport.dialects.keras.raises.naming import Names
from modelport.dialects.keras.raises.rows import KEEPING, Rows
from modelport.dialects.keras.raises.turning import Turning
from modelport.dialects.keras.raises.value import Held, Layout, channels_last, plain
from modelport.dialects.keras.raises.wishes import Order, wishes
from modelport.dialects.onnx.operands import Absorbed
from modelport.dialects.onnx.types.infer import Types
from modelport.dialects.onnx.types.known import UNKNOWN, Known
from modelport.errors import ConversionError
from modelport.model.expression import Expression, source
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import InMemory, Tensor

_TRUTHS = frozenset(
    {
        *("Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "Isinf", "Isnan"),
        *("LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor"),
    }
)
"""Operations that give truth values."""


class Writer:
    """Writes the layers of a graph, node by node, into ``made``."""

    def __init__(self, graph: Graph, types: Types, name: str, layout: Layout) -> None:
        self.graph = graph
        self.types = types
        self.layout = layout
        first = layout is Layout.CHANNELS_FIRST
        self.data_format = "channels_first" if first else "channels_last"
        self.wishes = wishes(graph, self.known, layout)
        self.turned: tuple[list[Order | None], list[Order | None]] = ([], [])
        """The axes of the inputs and of the outputs, where they lie otherwise than in ONNX."""
        self.made = Graph(name)
        self.dtypes: dict[str, str] = {}
        """The data type of each value of Keras."""
        self.producers = {name: node for node in graph.nodes for name in node.outputs if name}
        self._held: dict[str, Held] = {}
        self._computed: dict[str, Tensor] = {}
        self._failed: dict[str, ConversionError] = {}
        self._names = Names()
        self._absorbed = Absorbed()
        self.rows: dict[str, Rows] = {}
        """How features lie that do not lie as in ONNX, by the value of Keras."""
        self._users: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for used in node.inputs:
                if used:
                    self._users.setdefault(used, []).append(node)
        self.turning = Turning(self)
        self.extents = Extents(self)
        self.constants = Constants(self)
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
            if node not in self._absorbed and not self._is_known(node):
                self._try(node)
        for value in self.graph.outputs:
            self._output(value)
        self._prune()
        self._state()
        return self.made

    def _try(self, node: Node) -> None:
        """Write a node; that it cannot be written is an error where somebody needs its results."""
        try:
            self._write(node)
        except ConversionError as error:
            for name in self._absorbed.last(node).outputs:
                self._failed.setdefault(name, error)

    def _write(self, node: Node) -> None:
        function = table().get(node.op_type) if node.domain == DOMAIN else None
        if function is None:
            domain = "" if node.domain == DOMAIN else f"{node.domain}::"
            why = f"modelport cannot write the operator {domain}{node.op_type} for Keras"
            raise ConversionError(f"{node.op_type} {node.name!r}", why)
        self._hold(node, function(Call(self, node)))

    def _hold(self, node: Node, result: Result) -> None:
        first = self._held.get(node.inputs[0]) if node.inputs else None
        lying = self.rows.get(first.name) if first is not None and node.op_type in KEEPING else None
        node = self._absorbed.last(node)
        found = [result] if isinstance(result, Held) else list(result)
        for name, held in zip(node.outputs, found, strict=False):
            if name:
                self.hold(name, held)
                if lying is not None:
                    self.rows[held.name] = lying

    def hold(self, name: str, held: Held) -> None:
        """Let a value of Keras stand for one of ONNX."""
        self._held[name] = held
        self._failed.pop(name, None)
        known = self.known(name)
        if known.dtype is not None:
            self.dtypes[held.name] = known.dtype.name
        self.extents.found(held, known.shape)
        self.turning.found(held, known.shape)

    def _prune(self) -> None:
        """Leave out what no output needs."""
        needed = {value.name for value in self.made.outputs}
        kept: list[Node] = []
        called: set[str] = set()
        for node in reversed(self.made.nodes):
            # Calls are counted: one before a call that stays has to stay.
            again = node.op_type == "InputLayer" or node.scope[-1].name in called
            if again or not needed.isdisjoint(node.outputs):
                needed.update(node.inputs)
                kept.append(node)
                called.add(node.scope[-1].name)
        self.made.nodes = kept[::-1]
        used = {name for node in kept for name in node.parameters.values()}
        self.made.tensors = {k: v for k, v in self.made.tensors.items() if k in used}
        self._names.renumber(self.made)

    def _is_known(self, node: Node) -> bool:
        return all(self.known(name).array is not None for name in node.outputs if name)

    # What goes in and out

    def _input(self, value: Value) -> None:
        known = self.known(value.name)
        if not isinstance(value.type, TensorType) or known.shape is None or known.dtype is None:
            raise ConversionError(value.name, "Keras takes tensors of known rank and data type")
        if known.dtype.name not in KERAS_DTYPES:
            raise ConversionError(value.name, f"Keras has no data type {known.dtype}")
        order = plain(len(known.shape))
        if self.layout is Layout.CHANNELS_LAST:
            order = self.wishes.get(value.name, order)
            order = order if order == channels_last(len(order)) else plain(len(order))
        shape = tuple(known.shape[axis] for axis in order)
        extents = [extent if isinstance(extent, int) else None for extent in shape]
        config = {"batch_shape": extents, "dtype": known.dtype.name, "sparse": False}
        name = self._names.unused(value.name)
        config |= {"name": name, "optional": False}
        out = f"{name}:0:0"
        self._add(Node("keras", "InputLayer", name, [], [out]), "InputLayer", config, [], {})
        self.hold(value.name, Held(out, order))
        turned = order != plain(len(order))
        self.made.inputs.append(
            Value(out, replace(value.type, shape=shape) if turned else value.type)
        )
        self.turned[0].append(order if turned else None)

    def _output(self, value: Value) -> None:
        held = self.value(value.name)
        kept = self.layout is Layout.CHANNELS_LAST and held.order == channels_last(held.rank)
        found = held if kept else self.ordered(held, plain(held.rank))
        if any(found.name == other.name for other in self.made.outputs) or any(
            found.name == other.name for other in self.made.inputs
        ):
            found = self.op(Node("", "Identity", value.name), "Copy", (found,), {}, None)[0]
        made = value.type
        if isinstance(made, TensorType) and made.shape is not None and not found.is_plain:
            made = replace(made, shape=tuple(made.shape[axis] for axis in found.order))
        self.made.outputs.append(Value(found.name, made))
        self.turned[1].append(None if found.is_plain else found.order)

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
        return name not in self._held and self.weight(name) is not None

    def value(self, name: str) -> Held:
        """The value of Keras that stands for one of ONNX; a constant becomes a layer's weight.

        Raises:
            ConversionError: it comes from an operator that could not be written.
        """
        if name not in self._held:
            weight = self.weight(name)
            if name in self._failed:
                raise self._failed[name]
            if weight is None:
                raise ConversionError(name, "a value of which nothing is known")
            self.hold(name, self.constants.value(weight, plain(len(weight.shape))))
        return self._held[name]

    def weight(self, name: str) -> Expression | None:
        """What the file holds under a name, or what is computed of that alone."""
        tensor = self.graph.tensors.get(name)
        if tensor is not None:
            return source(tensor)
        known = self.known(name)
        if known.array is None or known.dtype is None:
            return self.constants.repeated(name)
        if name not in self._computed:
            array = np.ascontiguousarray(known.array, known.dtype.numpy)
            self._computed[name] = Tensor(name, InMemory(array))
        return source(self._computed[name])

    def spatial(self, rank: int) -> Order:
        """How layers that move windows take and give their values."""
        return plain(rank) if self.layout is Layout.CHANNELS_FIRST else channels_last(rank)

    def last(self, node: Node) -> Node:
        """The last of the nodes that are written together with one."""
        return self._absorbed.last(node)

    def wish(self, node: Node) -> Order | None:
        """How those who take a node's first result want it."""
        return self.wishes.get(self.last(node).outputs[0])

    def cheapest(self, held: Sequence[Held], wish: Order | None = None) -> Order:
        """The order in which values of one rank are together with the fewest turned."""
        return self.turning.cheapest(held, wish)

    def ordered(self, held: Held, order: Order) -> Held:
        """The same value with its axes in another order; turned once for all who want it."""
        return self.turning.ordered(held, order)

    # What is written

    def layer(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        x: Held | Sequence[Held],
        weights: Mapping[str, Expression],
        order: Order | None,
    ) -> Held:
        """A call of a stock layer, one more of the same where its weights are the same."""
        return self.layers(node, op_type, config, x, weights, order, {}, 1)[0]

    def layers(
        self,
        node: Node,
        op_type: str,
        config: Mapping[str, Any],
        x: Held | Sequence[Held],
        weights: Mapping[str, Expression],
        order: Order | None,
        keywords: Mapping[str, Any],
        outputs: int,
    ) -> list[Held]:
        """The same of a layer with several results, or with arguments by name."""
        first = x if isinstance(x, Held) else x[0]
        held = {"dtype": self._computes(weights, first), **config}
        name, number = self._names.of_layer(node, op_type, held, weights)
        outs = [f"{name}:{number}:{i}" for i in range(outputs)]
        made = Node("keras", op_type, f"{name}:{number}" if number else name, outputs=outs)
        inputs: list[str] = []
        args = [placed(x, inputs)]
        kwargs = {key: placed(value, inputs) for key, value in keywords.items()}
        made.inputs = inputs
        for role, expression in weights.items():
            tensor = f"{name}/{role}"
            made.parameters[role] = tensor
            self.made.tensors.setdefault(tensor, Tensor(tensor, expression))
        settings = {"trainable": True, **complete(op_type, held), "name": name}
        self._add(made, op_type, settings, args, kwargs, number)
        self.dtypes.update(dict.fromkeys(outs, held["dtype"]))
        return [Held(out, first.order if order is None else order) for out in outs]

    def _computes(self, weights: Mapping[str, Expression], first: Held) -> str:
        """The data type of a layer: that of its weights, else that of what it takes."""
        for part in weights.values():
            return part.dtype.name
        return self.dtypes.get(first.name, "float32")

    def op(
        self,
        node: Node,
        class_name: str,
        args: Sequence[Any],
        settings: Mapping[str, Any],
        order: Order | None,
        outputs: int = 1,
    ) -> list[Held]:
        """A call of an operation of ``keras.ops``; constants stand in the call."""
        name = self._names.of(node, class_name)
        inputs: list[str] = []
        widest = max(values_in(args), key=lambda item: item.rank, default=None)
        call = [placed(item, inputs) for item in args]
        outs = [f"{name}:0:{i}" for i in range(outputs)]
        made = Node("keras", class_name, name, inputs, outs)
        made.attributes = {"module": "keras.ops", "registered_name": class_name}
        self._add(made, class_name, {**settings, "name": name}, call, {})
        if order is None:
            order = widest.order if widest is not None else ()
        chosen = args[1:] if class_name == "Where" else args
        taken = next((self.dtypes.get(x.name) for x in values_in(chosen)), None) or "float32"
        taken = "bool" if class_name in _TRUTHS else taken
        self.dtypes.update(dict.fromkeys(outs, str(settings.get("dtype") or taken)))
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

    # Neighbours

    def users(self, name: str) -> Sequence[Node]:
        """All who take a result."""
        return self._users.get(name, ())

    def is_used(self, name: str) -> bool:
        """Whether anybody takes a result."""
        return bool(name) and name in self._users

    def is_shared(self, name: str) -> bool:
        """Whether several nodes take a value."""
        return len(self._users.get(name, ())) > 1

    def follower(self, node: Node, op_types: Sequence[str]) -> Node | None:
        """The only user of a node's only result, if it is one of these operators."""
        return self.sole_user(self._absorbed.last(node).outputs[0], op_types)

    def sole_user(self, name: str, op_types: Sequence[str]) -> Node | None:
        """The only node that takes a value, if it is one of these operators."""
        users = self._users.get(name, [])
        if len(users) != 1 or users[0].op_type not in op_types or users[0].domain != DOMAIN:
            return None
        return users[0]

    def absorbed(self, node: Node, following: Node) -> None:
        """``following`` needs no layer of its own any more."""
        self._absorbed.add(node, following)
