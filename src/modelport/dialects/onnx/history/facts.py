"""What is known of the values of a graph: types, shapes, and the values of small constants.

From what the file declares and, where it does not, from the nodes before.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelport.dialects.onnx.types.known import UNKNOWN, Known, of_tensor
from modelport.dialects.onnx.types.stated import completed, stated
from modelport.dialects.onnx.types.table import results
from modelport.model.graph import Node, TensorType, Value
from modelport.model.tensor import Tensor


class Facts:
    """The facts of one graph; those of the graphs around it count where a name is not its own."""

    def __init__(self, outer: Facts | None = None) -> None:
        self._outer = outer
        self._known: dict[str, Known] = {}

    def declare(self, values: Iterable[Value]) -> None:
        """Take what a file says of values."""
        for value in values:
            if not isinstance(value.type, TensorType) or not value.type.sparse:
                self._learn(value.name, stated(value.type))

    def add_tensor(self, tensor: Tensor, name: str | None = None) -> None:
        """Take an initializer or constant, under another name where one is given."""
        self._learn(tensor.name if name is None else name, of_tensor(tensor))

    def infer(self, node: Node) -> None:
        """Add what a node of the newest operator set tells about its results.

        Nothing where its operator does not allow such inputs: judging them is not asked for here.
        """
        inputs = [self.of(name) if name else None for name in node.inputs]
        try:
            found = results(node.op_type, inputs, node.attributes, len(node.outputs))
        except ValueError:
            return
        for name, known in zip(node.outputs, found, strict=True):
            self._learn(name, known)

    def of(self, name: str) -> Known:
        """What is known of a value."""
        found = self._known.get(name)
        if found is None:
            return UNKNOWN if self._outer is None else self._outer.of(name)
        return found

    def _learn(self, name: str, known: Known) -> None:
        """Add what is new about a value; what was known stays."""
        before = self._known.get(name)
        self._known[name] = known if before is None else completed(before, known)
