"""Functions of ``torch.nn.functional`` that were operators in archives of torch before 1.6."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.onnx.edge import Edge
from modelport.dialects.torch.call import Call, Parameter, lowering_of, run
from modelport.dialects.torch.script.numbers import number, of_numbers
from modelport.errors import ConversionError

_MODES = {
    ("nearest", 1): "upsample_nearest1d",
    ("nearest", 2): "upsample_nearest2d",
    ("nearest", 3): "upsample_nearest3d",
    ("linear", 1): "upsample_linear1d",
    ("bilinear", 2): "upsample_bilinear2d",
    ("bicubic", 2): "upsample_bicubic2d",
    ("trilinear", 3): "upsample_trilinear3d",
    ("area", 1): "adaptive_avg_pool1d",
    ("area", 2): "adaptive_avg_pool2d",
    ("area", 3): "adaptive_avg_pool3d",
}
_INTERPOLATE = ("x", "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor")
_ARGUMENTS = {
    "__interpolate": _INTERPOLATE,
    "__upsample": ("x", "size", "scale_factor", "mode", "align_corners"),
    "__upsample_nearest": ("x", "size", "scale_factor"),
    "__upsample_bilinear": ("x", "size", "scale_factor"),
}
_FIXED: dict[str, dict[str, Any]] = {
    "__upsample_nearest": {"mode": "nearest"},
    "__upsample_bilinear": {"mode": "bilinear", "align_corners": True},
}


def list_with_default(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """A size with None for axes that keep their extent (``_list_with_default``)."""
    size, extents = args
    if not isinstance(size, list) or not isinstance(extents, list):
        return size
    last = extents[len(extents) - len(size) :]
    return [old if new is None else new for new, old in zip(size, last, strict=True)]


def equal(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Whether two tensors are the same: tensors of different shapes are not."""
    shapes = [value.shape for value in args if isinstance(value, Edge | Parameter)]
    if len(shapes) < 2 or len(args) > 2:
        return NotImplemented
    pairs = [
        (a, b) for a, b in zip(*shapes, strict=False) if isinstance(a, int) and isinstance(b, int)
    ]
    return (
        False
        if len(shapes[0]) != len(shapes[1]) or any(a != b for a, b in pairs)
        else NotImplemented
    )


def resizing(name: str) -> Any:
    """The lowering of ``__interpolate`` and of its older names.

    Source: ``interpolate`` in ``torch/csrc/jit/runtime/register_special_ops.cpp``, where factors
    are taken anew from the sizes unless the call says otherwise.
    """

    def lower(call: Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
        given: dict[str, Any] = {
            "mode": "nearest",
            **dict(zip(_ARGUMENTS[name], args, strict=False)),
        }
        given |= {("x" if key == "input" else key): value for key, value in kwargs.items()}
        given |= _FIXED.get(name, {})
        return _resized(call, given)

    return lower


def _resized(call: Call, given: dict[str, Any]) -> Any:
    edge = call.tensor(given["x"])
    axes, mode = edge.rank - 2, given["mode"]
    word = _MODES.get((mode, axes))
    if word is None:
        raise ConversionError(
            call.where, f"torch resizes no tensor of {edge.rank} axes by {mode!r}"
        )
    scales = _every(given.get("scale_factor"), axes)
    corners = [given.get("align_corners") is True] if word.startswith("upsample_") else []
    corners = [] if mode == "nearest" else corners
    # Of a whole factor it makes no difference from what it is computed.
    whole = scales is not None and all(type(item) in (int, float) for item in scales)
    whole = whole and all(float(item).is_integer() for item in scales or [])
    kept = whole or given.get("recompute_scale_factor") is False
    if scales is not None and kept and mode != "area":
        function = lowering_of("aten", word, "vec")
        values = [edge, None, *corners, [float(item) for item in scales]]
    else:
        function = lowering_of("aten", word, "")
        values = [edge, _size(call, edge, given.get("size"), scales, axes), *corners]
    if function is None:
        raise ConversionError(call.where, "ONNX has no form of it that modelport knows")
    return run(call, function, values, {})[0]


def _every(value: Any, axes: int) -> list[Any] | None:
    """A value for each axis, given once or in a list."""
    if value is None:
        return None
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * axes if len(values) == 1 else values


def _size(call: Call, edge: Any, size: Any, scales: list[Any] | None, axes: int) -> list[Any]:
    stated = _every(size, axes)
    if stated is not None:
        return stated
    if scales is None:
        raise ConversionError(call.where, "it is given neither a size nor a factor")
    found: list[Any] = []
    extent = lowering_of("aten", "sym_size", "int")
    for axis, scale in enumerate(scales, 2):
        known = edge.shape[axis]
        if isinstance(known, int) and isinstance(scale, int | float):
            found.append(math.floor(known * scale))
        elif extent is not None:
            length = run(call, extent, [edge, axis], {})[0]
            product = of_numbers(call, "floor", [of_numbers(call, "mul", [length, scale], {})], {})
            found.append(number("int")(call, [product], {}))
    return found


FUNCTIONAL = {
    "equal": equal,
    "list_with_default": list_with_default,
    **{name: resizing(name) for name in _ARGUMENTS},
}
