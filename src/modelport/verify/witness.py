"""Who may witness what a file computes: only a runtime that means by its words what the writer did.

tf_keras loads files of the Keras before it, but gives some words another meaning: it flips no
kernel of Theano, gives zeros where a masked Bidirectional repeated its last output, interpolates
from other points. Whatever the history of Keras in modelport knows of such changes decides here:
the file is read once by the rules of its own era and once by those of the runtime, and only where
both give the same graph is the runtime a witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from modelport.errors import ConversionError, ModelportError
from modelport.model.expression import Expression, same
from modelport.model.graph import Graph, Node
from modelport.model.model import Model, Producer
from modelport.model.report import Report
from modelport.model.tensor import Tensor
from modelport.runtimes.runtime import Runtime
from modelport.runtimes.table import runtimes_for

READS_AS = Producer("keras", "2.21.0", "tensorflow")
"""The version by whose rules tf_keras reads every file."""


def witnesses(model: Model) -> tuple[list[Runtime], str]:
    """The runtimes that compute what the file means, and why others that load it do not."""
    able = runtimes_for(model)
    if model.dialect != "keras" or not any(runtime.name == "tf_keras" for runtime in able):
        return able, ""
    changed = changed_meaning(model)
    if changed is None:
        return able, ""
    wrote = f"the Keras {model.producer.version or 'of old'} that wrote the file"
    why = f"tf_keras is no witness: it gives {changed} another meaning than {wrote}"
    return [runtime for runtime in able if runtime.name != "tf_keras"], why


def changed_meaning(model: Model) -> str | None:
    """What in a Keras file means something else to tf_keras than to its writer, or None."""
    from modelport.dialects.keras.history.era import Era, history

    era = history(model, Report()).era
    if era >= Era.TF_KERAS:
        return None
    if era is Era.KERAS1:
        return "words of Keras 1"
    try:
        own = _canonical(model)
        today = _canonical(replace(model, producer=READS_AS))
    except ModelportError:
        return "a layer"
    try:
        pair = _lowered(own), _lowered(today)
    except ConversionError:
        # What has no form in ONNX is compared in Keras' own words.
        pair = own, today
    return _parting(*pair)


def _canonical(model: Model) -> Graph:
    from modelport.dialects.keras.upgrade import upgrade

    return upgrade(model, Report()).graph


def _lowered(graph: Graph) -> Graph:
    from modelport.dialects.keras.lower import lower

    return lower(graph)


def _parting(a: Graph, b: Graph) -> str | None:
    """The first layer in which two graphs over the same source tensors differ, or None."""
    for left, right in zip(a.nodes, b.nodes, strict=False):
        if not _same_node(left, right):
            name = left.scope[0].name if left.scope else left.name
            return f"layer {name!r}"
    if len(a.nodes) != len(b.nodes) or a.tensors.keys() != b.tensors.keys():
        return "a layer"
    for name, tensor in a.tensors.items():
        if not _same_tensor(tensor, b.tensors[name]):
            return f"weight {name!r}"
    return None


def _same_node(a: Node, b: Node) -> bool:
    return (
        (a.domain, a.op_type) == (b.domain, b.op_type)
        and (a.inputs, a.outputs) == (b.inputs, b.outputs)
        and a.parameters == b.parameters
        and _same_value(_telling(a.attributes), _telling(b.attributes))
    )


def _telling(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes but the era, by whose number alone nothing is computed."""
    return {key: value for key, value in attributes.items() if key != "era"}


def _same_value(a: Any, b: Any) -> bool:
    if isinstance(a, Graph) and isinstance(b, Graph):
        return _parting(a, b) is None and [v.name for v in a.outputs] == [v.name for v in b.outputs]
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and _all_same((a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and _all_same(zip(a, b, strict=True))
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _same_tensor(a, b)
    return type(a) is type(b) and bool(a == b)


def _all_same(pairs: Iterable[tuple[Any, Any]]) -> bool:
    return all(_same_value(a, b) for a, b in pairs)


def _same_tensor(a: Tensor, b: Tensor) -> bool:
    import numpy as np

    left, right = a.data, b.data
    if isinstance(left, Expression) and isinstance(right, Expression):
        return same(left, right)
    if isinstance(left, Expression) or isinstance(right, Expression):
        return False
    return left is right or bool(np.array_equal(a.numpy(), b.numpy()))
