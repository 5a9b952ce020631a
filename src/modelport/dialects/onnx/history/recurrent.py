"""RNN, LSTM and GRU before version 7."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since, text
from modelport.model.graph import Node


@since(3, "GRU")
def spelling(node: Node, write: Rewriting) -> None:
    """The default direction was misspelt in the specification, and so by those who followed it."""
    if text(node.attributes.get("direction", "forward")) == "foward":
        node.attributes["direction"] = "forward"
    write.put(node)


@since(7, "RNN", "LSTM", "GRU")
def output_sequence(node: Node, write: Rewriting) -> None:
    """It said whether the whole sequence is wanted, which an output's name says."""
    node.attributes.pop("output_sequence", None)
    write.put(node)
