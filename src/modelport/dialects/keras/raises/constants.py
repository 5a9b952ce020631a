"""What a graph holds beside its layers: small constants in a call, others as weights of a layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modelport.dialects.keras.raises.naming import is_nobodys
from modelport.dialects.keras.raises.value import Held, plain
from modelport.dialects.keras.stock.chain import slices
from modelport.errors import ConversionError
from modelport.model.expression import Expression, fill, same, sources
from modelport.model.graph import Node
from modelport.model.tensor import Tensor

if TYPE_CHECKING:
    from modelport.dialects.keras.raises.writer import Writer

MOST_WRITTEN = 64
"""Elements of a constant whose values stand in a config."""


class Constants:
    """Values that depend on no input, which a functional model has to reach from one."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._zero: Held | None = None
        self._first: Held | None = None
        self._made: list[tuple[Expression, tuple[int, ...], Held]] = []

    def spelt(self, weight: Expression, order: tuple[int, ...]) -> Any:
        """A constant beside values that lie in ``order``: an array, or a value where it is large.

        It is broadcast: it may have fewer axes.
        """
        rank = len(order)
        if len(weight.shape) < rank and order != plain(rank):
            weight = weight.reshape(*(1,) * (rank - len(weight.shape)), *weight.shape)
        if len(weight.shape) == rank:
            weight = weight.transpose(*order) if rank else weight
        if math.prod(weight.shape) <= MOST_WRITTEN:
            return np.asarray(Tensor("", weight).numpy())
        if rank > 1 and math.prod(weight.shape) == weight.shape[-1]:
            return self.row(weight)  # is broadcast as it is
        held = self.value(weight, plain(len(weight.shape)))
        return Held(held.name, order if len(weight.shape) == rank else held.order)

    def value(self, weight: Expression, order: tuple[int, ...]) -> Held:
        """A constant, its axes in ``order``, as a value: the only row of an Embedding."""
        for other, lies, held in self._made:
            if lies == order and same(other, weight):
                return held
        turned = weight.transpose(*order) if order else weight
        size = math.prod(turned.shape)
        node = Node("", "Constant", next((x.name for x in sources(weight)), ""))
        if size <= MOST_WRITTEN:
            array = np.asarray(Tensor("", turned).numpy())
            found = self._writer.op(node, "Equal", [self.zero(), 0], {}, ())[0]
            held = self._writer.op(node, "Where", [found, array, array], {}, order)[0]
        else:
            row, shape = self.row(turned), {"newshape": list(turned.shape)}
            held = self._writer.op(node, "Reshape", [row], shape, order)[0]
        self._writer.dtypes[held.name] = weight.dtype.name
        self._made.append((weight, order, held))
        return held

    def row(self, weight: Expression) -> Held:
        """All elements as the only row of an Embedding, of the shape (1, size)."""
        size = math.prod(weight.shape)
        node = Node("", "Constant", next((x.name for x in sources(weight)), ""))
        if self._first is None:
            shape = {"newshape": [1]}
            self._first = self._writer.op(node, "Reshape", [self.zero()], shape, (0,))[0]
        config = {"input_dim": 1, "output_dim": size, "embeddings_initializer": "zeros"}
        config["trainable"] = self._is_weight(weight)
        rows = {"embeddings": weight.reshape(1, size)}
        return self._writer.layer(node, "Embedding", config, self._first, rows, (0, 1))

    def _is_weight(self, weight: Expression) -> bool:
        """Whether the file holds it under a name of its own, as what training may change."""
        held = self._writer.graph.tensors
        return weight.dtype.kind == "float" and all(
            tensor.name in held and not is_nobodys(tensor.name) for tensor in sources(weight)
        )

    def zero(self) -> Held:
        """The number 0, reached from an input at no cost."""
        if self._zero is None:
            inputs = self._writer.made.inputs
            if not inputs:
                raise ConversionError("", "a model without inputs, which Keras has not")
            rank = len(self._writer.made.nodes[0].attributes["config"]["batch_shape"])
            x = Held(inputs[0].name, plain(rank))
            node = Node("", "Zero", "")
            if rank:
                x = self._writer.op(node, "GetItem", [x, [slices(0, 0)]], {}, plain(rank))[0]
                x = self._writer.op(node, "Sum", [x], {"axis": None, "keepdims": False}, ())[0]
            self._zero = self._writer.op(node, "ZerosLike", [x], {"dtype": "int32"}, ())[0]
        return self._zero

    def repeated(self, name: str) -> Expression | None:
        """A value of a fixed shape that is one number everywhere."""
        node = self._writer.producers.get(name)
        known = self._writer.known(name)
        shape = [extent for extent in known.shape or () if isinstance(extent, int)]
        if node is None or node.op_type != "ConstantOfShape" or known.dtype is None:
            return None
        number = self.filled(name)
        if number is None or len(shape) != known.rank:
            return None
        return fill(shape, number, known.dtype)

    def filled(self, name: str) -> float | int | bool | None:
        """The one number that a value has everywhere, where that is known."""
        known = self._writer.known(name).array
        if known is None:
            node = self._writer.producers.get(name)
            if node is None:
                tensor = self._writer.graph.tensors.get(name)
                known = tensor.numpy() if tensor is not None and tensor.size <= 1 << 16 else None
            elif node.op_type == "ConstantOfShape":
                given = node.attributes.get("value")
                known = np.zeros(1) if given is None else np.asarray(given.numpy())
            elif node.op_type in ("Expand", "Reshape", "Unsqueeze", "Squeeze", "Slice", "Identity"):
                return self.filled(node.inputs[0])
        if known is None or known.size == 0 or not (known == known.reshape(-1)[0]).all():
            return None
        number: float | int | bool = known.reshape(-1)[0].item()
        return number
