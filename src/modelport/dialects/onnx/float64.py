"""float64 around operators that runtimes have in float32 alone: computed so, and cast back.

The specification allows float64 in all of them but Celu; onnxruntime has no kernel
(https://github.com/microsoft/onnxruntime/blob/main/docs/OperatorKernels.md, CPU). A model of
float64 would be valid, and run nowhere.
"""

from __future__ import annotations

from collections.abc import Callable

from modelport.dialects.onnx.bfloat16 import Casts
from modelport.model.dtype import FLOAT64
from modelport.model.graph import Graph, Node

WITHOUT = frozenset(
    {
        *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "AveragePool", "Celu", "Conv"),
        *("ConvTranspose", "Cosh", "Det", "Elu", "Erf", "Gelu", "GlobalAveragePool"),
        *("GlobalMaxPool", "HardSigmoid", "HardSwish", "Hardmax", "InstanceNormalization", "LRN"),
        *("LeakyRelu", "LpPool", "Mish", "NonZero", "PRelu", "RNN", "Resize", "Selu", "Sinh"),
        *("Softplus", "Softsign", "Tan", "ThresholdedRelu"),
    }
)
"""The operators without a kernel for float64."""


def narrow(graph: Graph, unique: Callable[[str], str]) -> list[Node]:
    """Put casts to float32 around every such operator, in place; gives those that lose by it."""
    casts = Casts(FLOAT64, WITHOUT, unique)
    casts.graph(graph)
    return [node for node in casts.met if node.op_type != "NonZero"]
