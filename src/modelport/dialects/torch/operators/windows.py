"""Windows: sums of cosines over one period."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, aten, torch_dtype
from modelport.model.dtype import BOOL, FLOAT64, INT64, DType


def _window(coefficients: tuple[float, ...]) -> Any:
    def lower(
        call: Call,
        window_length: Any,
        periodic: bool = True,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: Any = None,
    ) -> Edge:
        wanted = torch_dtype(dtype) or call.floats
        if isinstance(window_length, Edge):
            length = call.tensor(window_length)
            return _long_window(call, coefficients, length, periodic, wanted)
        if window_length == 1:
            return call.b.constant([1.0], wanted)
        turns = np.arange(window_length) / (window_length if periodic else window_length - 1)
        waves = [a * np.cos(2 * np.pi * i * turns) for i, a in enumerate(coefficients)]
        return call.b.constant(np.sum(waves, axis=0), wanted)

    return lower


def _long_window(
    call: Call, coefficients: tuple[float, ...], length: Edge, periodic: bool, dtype: DType
) -> Edge:
    """A window whose length the model computes."""
    b = call.b
    places = ops.cast(b, ops.arange(b, ops.unsqueeze(b, length, 0)), FLOAT64)
    period = ops.cast(b, length if periodic else ops.subtract(b, length, 1), FLOAT64)
    period = ops.binary(b, "Max", period, b.constant(1, FLOAT64))
    turns = ops.multiply(b, ops.divide(b, places, period), 2 * math.pi)
    # A window of a single element is 1, whatever its shape: its cosines have another phase.
    alone = ops.cast(b, b.emit("Equal", [length, b.constant(1, INT64)], BOOL, ()), FLOAT64)
    turns = ops.add(b, turns, ops.multiply(b, alone, math.pi))
    made = b.constant([coefficients[0]], FLOAT64)
    for i, factor in enumerate(coefficients[1:], 1):
        cosine = ops.unary(b, "Cos", ops.multiply(b, turns, i))
        made = ops.add(b, made, ops.multiply(b, cosine, factor))
    return ops.cast(b, made, dtype)


aten("hann_window", "hann_window.periodic")(_window((0.5, -0.5)))
aten("hamming_window", "hamming_window.periodic")(_window((0.54, -0.46)))
aten("blackman_window", "blackman_window.periodic")(_window((0.42, -0.5, 0.08)))
