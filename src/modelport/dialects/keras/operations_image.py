"""Operations of ``keras.ops.image``: resizing, cropping, padding, colours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from modelport.dialects.keras import images, spatial
from modelport.dialects.keras.layer import Layer
from modelport.dialects.keras.operands import Operand, floating, tensor
from modelport.dialects.keras.operation import operation
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge


def _axes(x: Edge, data_format: Any) -> tuple[int, int, int]:
    """The axes of height, width and channels of one image or a batch."""
    start = x.rank - 3
    if data_format == "channels_first":
        return start + 1, start + 2, start
    return start, start + 1, start + 2


@operation("Resize")
def resize(
    layer: Layer,
    images_: Operand,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: Any = None,
) -> Edge:
    """Images in another size."""
    raise NotImplementedError
