"""A tensor as a file of torch has it: its values, and what else they need to be understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.model.tensor import TensorData


@dataclass(slots=True)
class Array:
    """A tensor of torch.

    ``remark`` says what the values mean where that is not what they are: the quantizer, a layout.
    ``parts`` are the other tensors that belong to it, ``part`` is what the values are called
    among them (empty: by the tensor's own name).
    """

    data: TensorData
    remark: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Array] = field(default_factory=dict)
    part: str = ""
