"""The architecture that modelport keeps in a checkpoint: a graph of ONNX over its state_dict."""

from __future__ import annotations

from collections.abc import Collection

from modelport.formats.shared.onnx.architecture import decode, encode
from modelport.formats.shared.torch.encode import Encoded, encode_tensors
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.wire.pickle import Blob

ARCHITECTURE = "modelport"
"""The key of a checkpoint under which the architecture stands, as bytes."""

SOURCE = "torch_source"
"""The key of ``Model.extras`` with the model as source code, for a writer to put beside it."""


def with_architecture(model: Model, state: Collection[str], report: Report) -> Encoded:
    """A checkpoint of the tensors named in ``state``, with the graph over them.

    Raises:
        ConversionError: the graph is none that ONNX holds.
    """
    tensors = model.tensors
    weights = {name: tensors[name] for name in state}
    found = encode_tensors(weights)
    found.value = {"state_dict": found.value, ARCHITECTURE: encode(model, weights, report)}
    return found


def take_architecture(model: Model, data: Blob | bytes) -> None:
    """Put the graph of a checkpoint over the weights that were read from it.

    Raises:
        MalformedFile, LimitExceeded, UnsupportedFeature: it is no such graph.
    """
    held = data if isinstance(data, bytes) else data.read()
    found = decode(held, f"{model.path}!{ARCHITECTURE}", model.graph.tensors)
    model.dialect, model.kind, model.graph = found.dialect, found.kind, found.graph
    model.signature, model.functions = found.signature, found.functions
    model.opsets = found.opsets
    model.training = model.training or found.training
    model.metadata = {**found.metadata, **model.metadata}
    model.hyperparameters = {**found.hyperparameters, **model.hyperparameters}
    model.findings += found.findings
    model.extras |= found.extras
    model.evidence |= found.evidence
    model.evidence[Component.WEIGHTS] = "a state_dict, under the names of the graph"
    model.evidence[Component.ARCHITECTURE] = f"a graph of ONNX under {ARCHITECTURE!r}"
