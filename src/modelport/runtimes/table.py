"""The runtimes modelport knows, and which of them can run a model."""

from __future__ import annotations

from modelport.model.model import Model
from modelport.model.report import Report
from modelport.runtimes.memory import Appetite
from modelport.runtimes.runtime import Runtime

LIGHT, HEAVY = Appetite(200 << 20, 2.0, 1.0), Appetite(700 << 20, 2.5, 4.0)
CHECKPOINTS = ("pytorch", "pytorch-legacy", "pytorch-tar")
SOURCE = "torch_source"
"""The runtime that runs models from source code which modelport writes for them."""
TORCH = Appetite(500 << 20, 1.5, 2.0)
"""Above what was measured with one weight of 1 GB and with eight of 67 MB; barely so for Keras."""

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("onnxruntime", "onnxruntime", "onnx", ("onnx",), LIGHT),
        Runtime("reference", "onnx", "onnx", ("onnx",), LIGHT),
        Runtime("keras", "keras", "keras", ("keras-h5", "keras-v3"), HEAVY),
        Runtime("tf_keras", "tf_keras", "tensorflow", ("keras-h5", "keras-v3"), HEAVY),
        Runtime("torch", "torch", "torch", ("pt2", "torchscript", *CHECKPOINTS), TORCH),
        Runtime(SOURCE, "torch", "torch", CHECKPOINTS, TORCH),
    )
}


def loads_the_file(model: Model) -> bool:
    """Whether running a model hands its file to a framework, and does not only compute with it."""
    return model.format == "torchscript" or not (
        model.dialect == "torch" or model.format in CHECKPOINTS
    )


def runtimes_for(model: Model) -> list[Runtime]:
    """The runtimes for a model's format, installed or not, the most faithful one first.

    Files of Keras 1 and 2 go to tf_keras, which keeps most of their meaning (``verify/witness.py``
    knows what it does not keep; Keras 3 gives the same words other formulas); files of Keras 3 go
    to Keras.
    """
    able = [runtime for runtime in RUNTIMES.values() if model.format in runtime.formats]
    if model.format in CHECKPOINTS:
        from_source = model.dialect == "ai.onnx"
        return [runtime for runtime in able if (runtime.name == SOURCE) is from_source]
    if not model.format.startswith("keras"):
        return able
    from modelport.dialects.keras.history.era import Era, history

    today = history(model, Report()).era is Era.KERAS3
    return [runtime for runtime in able if (runtime.name == "keras") is today]
