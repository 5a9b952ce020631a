"""Weights of a checkpoint in the shapes that a graph of ONNX holds them in.

ONNX keeps the layouts of torch, but a matrix may stand transposed: a MatMul takes the transposed
weight of a Linear under the Linear's name. Where the shape is a square, the other matrices of the
graph have to tell.
"""

from __future__ import annotations

from collections.abc import Mapping

from modelport.errors import ConversionError
from modelport.model.expression import Expression, source
from modelport.model.graph import Graph
from modelport.model.tensor import Tensor


class Layouts:
    """How the weights of a graph may stand; an empty graph stands for layouts that are the same.

    ``assumed`` are the squares that were transposed because other matrices are.
    """

    def __init__(self, graph: Graph) -> None:
        self.assumed: list[str] = []
        self._graph = graph
        self._matrices = {
            node.inputs[1]
            for inner in graph.subgraphs()
            for node in inner.nodes
            if len(node.inputs) > 1 and _takes_a_matrix(node.op_type, node.attributes)
        }

    def fitted(self, pairs: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Expression]:
        """Each weight of the checkpoint in the shape of the graph's (the first of its pair).

        Raises:
            ConversionError: another shape, or a square that may have to be transposed.
        """
        apart: list[str] = []
        squares: list[str] = []
        straight: list[str] = []
        turned: list[str] = []
        found: dict[str, Expression] = {}
        for name, (held, own) in pairs.items():
            data = source(own)
            matrix = name in self._matrices and len(own.shape) == 2
            if matrix and own.shape == held.shape:
                (squares if own.shape[0] == own.shape[1] else straight).append(name)
            elif matrix and own.shape == held.shape[::-1]:
                data = data.transpose(1, 0)
                turned.append(name)
            elif own.shape != held.shape and self._only_ones(held, own):
                data = data.reshape(*held.shape)
            elif own.shape != held.shape:
                apart.append(f"{name} is {list(own.shape)}, not {list(held.shape)}")
            found[name] = data
        if apart:
            rest = f" and {len(apart) - 5:,} more" if len(apart) > 5 else ""
            why = f"the checkpoint has other shapes than the graph: {'; '.join(apart[:5])}{rest}"
            raise ConversionError("", why)
        squares = [name for name in squares if 1 not in pairs[name][1].shape]
        if squares and bool(straight) == bool(turned):
            why = (
                "it is square, and no other weight of the graph tells whether it has to be "
                "transposed; join the checkpoint with the file that the graph was made of"
            )
            raise ConversionError(f"weight {squares[0]!r}", why)
        for name in squares if turned else ():
            found[name] = found[name].transpose(1, 0)
            self.assumed.append(name)
        return found

    def _only_ones(self, held: Tensor, own: Tensor) -> bool:
        """Whether two shapes of the same elements differ by axes of one element alone."""
        bare = [[extent for extent in tensor.shape if extent != 1] for tensor in (held, own)]
        return bool(self._graph.nodes) and bare[0] == bare[1]


def _takes_a_matrix(op_type: str, attributes: Mapping[str, object]) -> bool:
    """Whether an operator takes its second input as ``x @ w``, which torch keeps transposed."""
    return op_type == "MatMul" or (op_type == "Gemm" and not attributes.get("transB"))
