"""The arguments of lowerings against torch's own schemas: exported programs give them by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._export.serde import serialize

from modelport.dialects.torch.call import arguments_of, lowering_of, lowerings

WITHOUT_MEANING = {
    *("device", "generator", "layout", "memory_format", "non_blocking", "pin_memory"),
}
"""Arguments that no file holds, or that ONNX has no use for; a lowering may leave them out."""

NOT_EXPORTED = {
    *("_scaled_dot_product_flash_attention.quantized", "addmm.dtype", "baddbmm.dtype"),
    *("bmm.dtype", "mm.dtype"),
    *("dequantize.list", "dequantize.tensor", "dequantize.tensors", "quantize_per_tensor.tensors"),
    *("copy.Dict_Tensor", "copy_.float", "copy_.int", "copy_.Tensor", "sort.Tensor", "split"),
    *("eq.Tensor_list", "ne.Tensor_list", "index.list_Tensor", "einsum.sublist"),
}
"""Forms for other devices, of quantised tensors, and those that only TorchScript has."""


def _schemas(domain: str) -> list[tuple[str, Any, Callable[..., Any]]]:
    """The operators over tensors that have a lowering: name, schema and lowering."""
    found = []
    for schema in torch._C._jit_get_all_schemas():
        op_type = schema.name.removeprefix("aten::")
        lower = lowering_of(domain, op_type, schema.overload_name)
        name = f"{op_type}.{schema.overload_name}".removesuffix(".")
        tensors = any("Tensor" in str(item.type) for item in schema.arguments)
        elsewhere = any(item.is_out for item in schema.arguments) or name in NOT_EXPORTED
        if schema.name.startswith("aten::") and tensors and not elsewhere and lower is not None:
            found.append((name, schema, lower))
    return found


def _wrong(schema: Any, lower: Callable[..., Any]) -> str:
    """What a lowering has otherwise than the schema, or nothing."""
    names = arguments_of(lower)
    if names[-1] in ("rest", "named"):  # it takes whatever comes
        return ""
    own = "x" if "x" in names else names[0]
    given = {(own if i.name == "self" else i.name): i.kwarg_only for i in schema.arguments}
    unknown = set(given) - set(names) - WITHOUT_MEANING
    # Programs of TorchScript give arguments by their place.
    placed = [name for name, by_name in given.items() if not by_name]
    parameters = list(inspect.signature(lower).parameters.values())[1:]
    needed = {item.name for item in parameters if item.default is inspect.Parameter.empty}
    if unknown or needed - set(given):
        return f"unknown {unknown}, needed {needed - set(given)}"
    return "" if list(names[: len(placed)]) == placed[: len(names)] else f"order of {placed}"


@pytest.mark.parametrize(("domain", "least"), [("aten", 850), ("complex", 80)])
def test_lowerings_take_the_arguments_of_their_schemas(domain: str, least: int) -> None:
    known = _schemas(domain)
    assert len(known) > least
    found = {name: _wrong(schema, lower) for name, schema, lower in known}
    assert not {name: why for name, why in found.items() if why}


def test_arithmetic_of_extents_is_known() -> None:
    for operator in serialize._SYM_OPS:
        home = operator.__module__.removeprefix("_")
        lower = lowerings()[f"{home}::{operator.__name__}"]
        assert list(arguments_of(lower)) == list(inspect.signature(operator).parameters)
