"""The table of operators without bfloat16, against the specification as the onnx package has it."""

from __future__ import annotations

import onnx.defs
import pytest

from modelport.dialects.onnx.bfloat16 import WITHOUT
from modelport.dialects.onnx.builder import OPSET


def takes(op_type: str, dtype: str) -> bool:
    schema = onnx.defs.get_schema(op_type, OPSET, "")
    allowed = {item.type_param_str: item.allowed_type_strs for item in schema.type_constraints}
    return any(f"tensor({dtype})" in allowed.get(item.type_str, []) for item in schema.inputs)


@pytest.mark.parametrize("op_type", sorted(WITHOUT))
def test_the_operator_takes_float32_and_no_bfloat16(op_type: str) -> None:
    assert takes(op_type, "float")
    assert not takes(op_type, "bfloat16")
