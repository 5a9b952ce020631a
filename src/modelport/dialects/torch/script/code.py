"""One call as code writes it: which operator it means is told by the values that meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import (
    BROKEN,
    HANDED_ON,
    Call,
    Parameter,
    arguments_of,
    in_place,
    lowering_of,
    meets_complex,
    meets_quantised,
    run,
)
from modelport.dialects.torch.script.functional import FUNCTIONAL
from modelport.dialects.torch.script.lists import GROWS, LOOKS_AT_NONE, SPECIAL
from modelport.dialects.torch.script.numbers import (
    OPERATORS,
    Read,
    computed,
    dtype_of_number,
    growing_in,
    holds_tensor,
    of_numbers,
    plain,
    sure,
    whole_number,
    without_words,
)
from modelport.dialects.torch.script.overloads import is_tensor, overload_of
from modelport.errors import ConversionError
from modelport.model.graph import Node
from modelport.wire.torchscript.plain import PLAIN, evaluate

_DROPPED = ("layout", "device", "pin_memory", "memory_format", "non_blocking", "copy")


def compute(call: Call, node: Node, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """The values of a call's outputs.

    Raises:
        ConversionError: an operator that ONNX cannot hold, or a value that cannot be told.
    """
    name = node.op_type
    if name == "ListUnpack":
        return _unpacked(call, node, args[0])
    for value in (*args, *kwargs.values()):
        if isinstance(value, Mapping) and "unset" in value and name != "Constant":
            raise ConversionError(call.where, str(value["unset"]))
    if name not in LOOKS_AT_NONE:
        args, kwargs = sure(args), {key: sure(item) for key, item in kwargs.items()}
    held = growing_in([*(args[1:] if name in GROWS else args), *kwargs.values()])
    if held is not None and name != "Constant":
        raise Read(held)
    try:
        special = SPECIAL.get(name) or FUNCTIONAL.get(name)
        if special is not None:
            found = special(call, args, kwargs)
            if found is not NotImplemented:
                return [plain(found)]
        return [plain(_operator(call, node, args, kwargs))]
    except BROKEN as error:
        raise ConversionError(call.where, str(error) or type(error).__name__) from error


def _unpacked(call: Call, node: Node, items: Any) -> list[Any]:
    if not isinstance(items, list | tuple):
        raise ConversionError(call.where, "what it takes apart is no list that can be told")
    if len(items) != len(node.outputs):
        why = f"{len(items)} values are taken for {len(node.outputs)}"
        raise ConversionError(call.where, why)
    return [plain(item) for item in items]


def _operator(call: Call, node: Node, args: list[Any], kwargs: dict[str, Any]) -> Any:
    name = node.op_type
    if name.startswith("old_div") and not any(is_tensor(item) for item in args):
        name = "div"  # of numbers, which always had fractions
    if name in OPERATORS and not any(is_tensor(item) and not whole_number(item) for item in args):
        args = [item.tensor.numpy().item() if whole_number(item) else item for item in args]
    values = [*args, *kwargs.values()]
    if not any(computed(value) for value in values) and name in PLAIN:
        return evaluate(name, [without_words(item) for item in args], kwargs)
    if name in OPERATORS and not any(holds_tensor(value) for value in values):
        return of_numbers(call, name, args, kwargs)
    name = _today(name, args, kwargs)
    if node.domain in ("aten", "prim"):
        call.overload = overload_of(name[:-1] if in_place(name) else name, args, kwargs)
    domain = "aten" if node.domain == "prim" else node.domain
    if domain == "aten" and meets_complex(values):
        domain = "complex"
    elif domain == "aten" and meets_quantised(values):
        domain = "quantised"
    function = lowering_of(domain, name, call.overload)
    if function is None:
        raise ConversionError(call.where, "ONNX has no form of it that modelport knows")
    names = arguments_of(function)
    if names == HANDED_ON:
        names = arguments_of(lowering_of("aten", name, call.overload) or function)
    named = zip([*names, *[""] * len(args)], args, strict=False)
    args = [dtype_of_number(item) if key == "dtype" else item for key, item in named]
    if name == "to":  # a number can only be a dtype
        args = [args[0], *(dtype_of_number(item) for item in args[1:])]
    while len(args) > len(names) and names[-1:] != ("rest",):
        if isinstance(args[-1], bool) or args[-1] is None:
            args.pop()  # flags of memory, which come last
        else:
            break
    given = {
        key: dtype_of_number(item) if key == "dtype" else item
        for key, item in kwargs.items()
        if key in names or key not in _DROPPED
    }
    found = run(call, function, args, given)
    if name in ("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"):
        return [*found, None, None, None]  # what only its gradient needs
    return found[0] if len(found) == 1 and not _gives_list(name, args) else found


def _gives_list(name: str, args: list[Any]) -> bool:
    return (name == "where" and len(args) == 1) or name in (
        "split", "split_with_sizes", "chunk", "unbind", "tensor_split", "hsplit", "vsplit",
        "dsplit", "meshgrid", "broadcast_tensors", "unsafe_split", "unsafe_chunk", "where_list",
        "unsafe_split_with_sizes", "atleast_list",
    )  # fmt: skip


def _today(name: str, args: list[Any], kwargs: dict[str, Any]) -> str:
    """The operator that a word of an old archive means for these values."""
    if not name.startswith("old_div"):
        return name
    tensors = [value for value in args if isinstance(value, Edge | Parameter)]
    if all(value.dtype.kind in ("int", "uint") for value in tensors) and not any(
        isinstance(value, float) for value in args
    ):
        kwargs["rounding_mode"] = "trunc"
    return name.removeprefix("old_")
