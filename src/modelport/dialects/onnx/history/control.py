"""Scan of version 8, which ran over a batch."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import DOMAIN, Rewriting, since, take_ints
from modelport.model.graph import Graph, Node, TensorType, Value


@since(9, "Scan")
def batched_scan(node: Node, write: Rewriting) -> None:
    """Each example of the batch is scanned by itself: a Scan over the batch around one over time.

    With ``sequence_lens`` only the first steps of an example are scanned, backwards ones from the
    last of them; what they give is padded with zeros.
    """
    lengths, *given = node.inputs
    body: Graph = node.attributes["body"]
    scanned = node.attributes["num_scan_inputs"]
    directions = take_ints(node, "directions", write) or [0] * scanned
    states = len(given) - scanned
    inner = _Inner(node, body, write)
    inputs = [Value(write.name(f"example_{i}")) for i in range(len(given))]
    names = [value.name for value in inputs]
    for value, outer in zip(inputs, given, strict=True):
        shape, dtype = write.shape(outer), write.dtype(outer)
        value.type = TensorType(dtype, None if shape is None else shape[1:])
    if lengths:
        length = write.name("length")
        inputs.append(Value(length, TensorType(write.dtype(lengths), ())))
        results = inner.cut(names, states, length, directions)
    else:
        results = inner.scan(names, directions)
    inner.graph.inputs = inputs
    inner.graph.outputs = [
        Value(name, _without_axis(value, write))
        for name, value in zip(results, node.outputs, strict=True)
    ]
    node.inputs = [*given, *([lengths] if lengths else [])]
    node.attributes["body"] = inner.graph
    node.attributes["num_scan_inputs"] = len(node.inputs)
    write.put(node)


def _without_axis(name: str, write: Rewriting) -> TensorType:
    shape = write.shape(name)
    return TensorType(write.dtype(name), None if shape is None else shape[1:])


class _Inner:
    """The graph that handles one example."""

    def __init__(self, node: Node, body: Graph, write: Rewriting) -> None:
        self.graph = Graph(f"{body.name or node.name}/example")
        self._old = node
        self._body = body
        self._write = write

    def _node(self, op_type: str, inputs: list[str], **attributes: object) -> str:
        name, output = self._write.inner(op_type)
        scope = self._old.scope
        made = Node(DOMAIN, op_type, name, inputs, [output], attributes, scope=scope)
        self.graph.nodes.append(made)
        return output

    def scan(self, inputs: list[str], directions: list[int]) -> list[str]:
        """One Scan over the steps of an example; gives the names of its results."""
        name, _ = self._write.inner("Scan")
        results = [self._write.name(f"result_{i}") for i in range(len(self._old.outputs))]
        attributes = {
            "body": self._body,
            "num_scan_inputs": self._old.attributes["num_scan_inputs"],
            "scan_input_directions": directions,
        }
        made = Node(DOMAIN, "Scan", name, inputs, results, attributes, scope=self._old.scope)
        self.graph.nodes.append(made)
        return results

    def cut(self, inputs: list[str], states: int, length: str, directions: list[int]) -> list[str]:
        """The same over the first ``length`` steps, results padded to all steps."""
        write = self._write
        one, start = write.constant([1], "ones"), write.constant([0], "start")
        stop = self._node("Reshape", [self._node("Cast", [length], to=7), one])
        steps = self._node("Shape", [inputs[states]], start=0, end=1)
        cut = [self._node("Slice", [name, start, stop, start]) for name in inputs[states:]]
        results = self.scan([*inputs[:states], *cut], directions)
        missing = self._node("Sub", [steps, stop])
        pads = self._node("Concat", [start, missing], axis=0)
        padded = [self._node("Pad", [name, pads, "", start]) for name in results[states:]]
        return [*results[:states], *padded]
