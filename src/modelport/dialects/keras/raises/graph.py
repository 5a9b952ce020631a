"""A graph of ONNX operators as a functional model of Keras 3."""

from __future__ import annotations

from modelport.dialects.keras.raises.value import Layout
from modelport.dialects.keras.raises.wishes import Order
from modelport.dialects.keras.raises.writer import Writer
from modelport.dialects.keras.training.order import annotate
from modelport.dialects.onnx.types.infer import infer
from modelport.model.graph import Graph


def raised(
    graph: Graph, name: str, layout: Layout = Layout.SOURCE
) -> tuple[Graph, tuple[list[Order | None], list[Order | None]]]:
    """The canonical graph of a graph in the newest operator set.

    Beside it, for each input and each output, how its axes lie (axis i is that axis of the source),
    or None where they lie as there.

    Raises:
        ConversionError: an operator that Keras cannot express; names it and its node.
    """
    writer = Writer(graph, infer(graph, naming=True), name, layout)
    made = writer.write()
    annotate(made, sequential=False)
    return made, writer.turned
