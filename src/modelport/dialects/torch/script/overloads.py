"""Which overload of an operator a call means: code names the operator alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Complex, Parameter, Quantised, is_number

_DIMS = {
    "mean": "dim",
    "sum": "dim_IntList",
    "any": "dim",
    "all": "dim",
    "prod": "dim_int",
    "std": "dim",
    "var": "dim",
    "std_mean": "dim",
    "var_mean": "dim",
    "median": "dim",
    "squeeze": "dim",
    "count_nonzero": "dim_IntList",
    "frobenius_norm": "dim",
}
_WITH_LISTS = {"squeeze": "dims", "any": "dims", "all": "dims"}
_INTEGRALS = ("trapz", "trapezoid", "cumulative_trapezoid")
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor, and no computed number."""
    return isinstance(value, Edge | Parameter | Complex | Quantised) and not is_number(value)


def overload_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The overload, as exported programs name it; empty for the default one.

    Source: the schemas of ``torch/aten/src/ATen/native/native_functions.yaml``.
    """
    second = args[1] if len(args) > 1 else None
    tensor = is_tensor(second)
    if name in _RECURRENT:
        return "input" if len(args) > 3 and isinstance(args[3], bool) else "data"
    if name in ("max", "min"):
        return "" if len(args) == 1 and "dim" not in kwargs else "other" if tensor else "dim"
    if name in _DIMS:
        return _reduced(name, args, kwargs)
    if name in ("bucketize", "searchsorted"):
        return "Tensor"
    if name in _INTEGRALS:
        return "x" if tensor or "x" in kwargs else "dx"
    if name == "gradient":
        return "array" if isinstance(kwargs.get("dim"), list) else "scalarint"
    if name == "norm":
        return _norm(args, kwargs)
    if name == "to":
        return _to(args, kwargs)
    if name in ("where", "scatter", "split", "tensor_split", "repeat_interleave"):
        return _of_kind(name, args, kwargs)
    if name in ("hsplit", "vsplit", "dsplit"):
        return "array" if isinstance(second, list) else "int"
    if name == "arange":
        return ("", "start", "start_step")[min(len(args), 3) - 1]
    if name in ("conv_transpose2d", "conv_transpose3d"):
        return "input"
    if name == "view" and not isinstance(second, list):
        return "dtype"
    if name in ("sort", "argsort") and ("stable" in kwargs or len(args) > 3):
        return "stable"
    if name == "eye" and len(args) > 1:
        return "m"
    if name.endswith("_window") and len(args) > 1:
        return "periodic"
    if "upsample_" in name:
        return _upsample(name, args)
    return ""


def _reduced(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    if "correction" in kwargs:
        return "correction"
    if len(args) == 1 and "dim" not in kwargs:
        return ""
    second = args[1] if len(args) > 1 else kwargs["dim"]
    if name in ("std", "var", "std_mean", "var_mean"):
        return "" if isinstance(second, bool) else "dim"
    return _WITH_LISTS.get(name, _DIMS[name]) if isinstance(second, list) else _DIMS[name]


def _norm(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    if len(args) > 2 or "dim" in kwargs:
        return "ScalarOpt_dim_dtype" if "dtype" in kwargs else "ScalarOpt_dim"
    return "ScalarOpt_dtype" if "dtype" in kwargs else "Scalar"


def _to(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """``to(other)``, ``to(device, dtype)``, ``to(dtype)``, or all by name."""
    if len(args) == 1:
        return "dtype_layout"
    if is_tensor(args[1]):
        return "other"
    device = isinstance(args[1], Mapping) and "device" in args[1]
    if device or args[1] is None or isinstance(args[1], str):
        return "device"
    return "dtype_layout" if {"layout", "device", "pin_memory"} & set(kwargs) else "dtype"


def _of_kind(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    second = args[1] if len(args) > 1 else None
    if name == "where":
        return "self" if len(args) == 3 else ""
    if name == "scatter":
        value = "src" if is_tensor(args[3] if len(args) > 3 else kwargs.get("src")) else "value"
        reduced = "reduce" in kwargs or len(args) > 4
        return {"src": "reduce", "value": "value_reduce"}[value] if reduced else value
    if name == "split":
        return "sizes" if isinstance(second, list) else "Tensor"
    if name == "tensor_split":
        return "indices" if isinstance(second, list) else "sections"
    if len(args) == 1 or second is None:
        return "Tensor"
    return "self_Tensor" if is_tensor(second) else "self_int"


def _upsample(name: str, args: Sequence[Any]) -> str:
    """The form with one list of scales stands where the others have a number for each axis."""
    place = 2 if "nearest" in name else 3
    if len(args) != place + 1:
        return ""
    last = args[place]
    if isinstance(last, list) or args[1] is None:
        return "vec"
    return "" if isinstance(last, float) else "vec"
