"""The runtimes modelport knows, and which of them can run a model."""

from __future__ import annotations

from modelport.model.model import Model
from modelport.runtimes.runtime import Runtime

RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("onnxruntime", "onnxruntime", "onnx", ("onnx",)),
        Runtime("reference", "onnx", "onnx", ("onnx",)),
        Runtime("keras", "keras", "keras", ("keras-h5", "keras-v3")),
        Runtime("tf_keras", "tf_keras", "tensorflow", ("keras-h5", "keras-v3")),
    )
}


def runtimes_for(model: Model) -> list[Runtime]:
    """The runtimes for a model's format, installed or not, the most faithful one first.

    Files of Keras 1 and 2 go to tf_keras, which keeps their meaning (Keras 3 gives the same words
    other formulas); files of Keras 3 go to Keras.
    """
    able = [runtime for runtime in RUNTIMES.values() if model.format in runtime.formats]
    major = (model.producer.version or "").split(".")[0]
    if not model.format.startswith("keras"):
        return able
    if major == "3":
        return [runtime for runtime in able if runtime.name == "keras"]
    return [runtime for runtime in able if runtime.name == "tf_keras"]
