"""The versions a file states: of the IR, and of every operator set that its nodes speak.

From https://onnx.ai/onnx/repo-docs/IR.html and onnx.proto: a model names its IR version and, from
IR 3 on, the operator sets it relies on (before that, the first of ``ai.onnx`` is meant); up to
IR 3 every initializer is listed among the inputs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelport.errors import ConversionError
from modelport.formats.shared.onnx.schema import BUILT_IR, DOMAIN, IR_OF_DTYPE
from modelport.model.component import Component
from modelport.model.graph import Node, TensorType, inner_graphs
from modelport.model.model import Model
from modelport.model.report import Kind, Report

_FIRST_IR = 1
_IR_WITH_OPSETS = 3
_IR_WITH_CONSTANTS = 4

_ONLY_VERSIONS = {"com.microsoft": 1}
"""Operator sets that never had a second version."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What is to be written as ``ir_version`` and ``opset_import``."""

    ir: int
    opsets: dict[str, int]


def versions_of(model: Model, report: Report) -> Versions:
    """The versions of a model; what it does not state is set, and reported, where it is certain.

    Raises:
        ConversionError: nodes of an operator set whose version nobody can tell.
    """
    ir = _ir_version(model, report)
    opsets = dict(model.opsets)
    # What a function of the model does stands in the file, whatever its set calls its version.
    own = {function.domain: 1 for function in model.functions.values() if function.domain != DOMAIN}
    certain = {**_ONLY_VERSIONS, **own} if ir >= _IR_WITH_OPSETS else {}
    for domain, node in _domains(model.graph.nodes).items():
        if domain in opsets:
            _check_version("the model", domain, opsets[domain])
        elif domain in certain:
            opsets[domain] = certain[domain]
            why = f"the source states no version of them; {certain[domain]} is the only one"
            report.add(Kind.INVENTED, Component.ARCHITECTURE, f"operators of {domain}", why)
        elif domain != DOMAIN or ir >= _IR_WITH_OPSETS:
            raise _unknown("the model", domain, node)
    for function in model.functions.values():
        for domain, node in _domains(function.nodes).items():
            if domain not in function.opsets:
                raise _unknown(f"function {function.name!r}", domain, node)
            _check_version(f"function {function.name!r}", domain, function.opsets[domain])
    return Versions(ir, opsets)


def _ir_version(model: Model, report: Report) -> int:
    built = max(BUILT_IR, *(IR_OF_DTYPE.get(name, BUILT_IR) for name in _dtypes(model)))
    if "ir_version" not in model.extras:
        return built
    stated: int | None = model.extras["ir_version"]
    if stated is None or stated < _FIRST_IR:
        ir = built if model.opsets else _FIRST_IR
        why = f"the source states no version of the IR that there is; written as {ir}"
    elif stated < _IR_WITH_OPSETS and model.opsets:
        ir = _IR_WITH_OPSETS
        why = f"was {stated}, in which a model states no operator sets, as this one does; now {ir}"
    else:
        ir = stated
        why = ""
    if ir < _IR_WITH_CONSTANTS and model.opsets and _has_constants(model):
        ir = _IR_WITH_CONSTANTS
        why = f"was {stated}, in which every initializer is an input, as here it is not; now {ir}"
    if why:
        report.add(Kind.INVENTED, Component.METADATA, "ir_version", why)
    return ir


def _has_constants(model: Model) -> bool:
    """Whether an initializer of any graph is none of its inputs."""
    for graph in model.graph.subgraphs():
        inputs = {value.name for value in graph.inputs}
        if not (graph.tensors.keys() | graph.sparse_tensors.keys()) <= inputs:
            return True
    return False


def _domains(nodes: Iterable[Node]) -> dict[str, Node]:
    """Every domain that nodes and those inside them speak, with the first node of it."""
    found: dict[str, Node] = {}
    for node in _all_nodes(nodes):
        found.setdefault(node.domain or DOMAIN, node)
    return found


def _all_nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for graph in inner_graphs(node.attributes):
            yield from _all_nodes(graph.nodes)


def _check_version(where: str, domain: str, version: int) -> None:
    if version < 1:
        raise ConversionError(where, f"states version {version} of the operators of {domain!r}")


def _unknown(where: str, domain: str, node: Node) -> ConversionError:
    return ConversionError(
        where,
        f"states no version of the operators of {domain!r} (opset_import), without which nobody "
        f"can tell what node {node.name!r} ({node.op_type}) does; ask its producer for a file "
        "that states it",
    )


def _dtypes(model: Model) -> Iterator[str]:
    yield "float32"
    for tensor in model.tensors.values():
        yield tensor.dtype.name
    for graph in model.graph.subgraphs():
        for value in (*graph.inputs, *graph.outputs, *graph.values.values()):
            if isinstance(value.type, TensorType) and value.type.dtype is not None:
                yield value.type.dtype.name
