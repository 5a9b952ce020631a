"""Pooling, padding and resizing."""

from __future__ import annotations

import math
from typing import Any

from modelport.dialects.torch.modules.step import Input, Ref, Step, module


def _takes(step: Step) -> Input:
    return Input(int(step.tree.name[-2]) + 2, through=True)


def _axes(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}{axes}d" for name in names for axes in (1, 2, 3))


@module(*_axes("MaxPool"), takes=_takes)
def largest(step: Step, x: Ref) -> Ref:
    """The largest of each window."""
    axes = int(step.tree.name[-2])
    if step.get("return_indices", False):
        raise step.broken("it gives the places of the largest too, which no next module takes")
    kernel = step.several("kernel_size", axes)
    stride = step.several("stride", axes, kernel)
    around, dilation = step.several("padding", axes, 0), step.several("dilation", axes, 1)
    ceil = bool(step.get("ceil_mode", False))
    return step.call(f"max_pool{axes}d", x, kernel, stride, around, dilation, ceil)


@module(*_axes("AvgPool"), takes=_takes)
def mean(step: Step, x: Ref) -> Ref:
    """The mean of each window."""
    axes = int(step.tree.name[-2])
    kernel = step.several("kernel_size", axes)
    stride, around = step.several("stride", axes, kernel), step.several("padding", axes, 0)
    options = [bool(step.get("ceil_mode", False)), bool(step.get("count_include_pad", True))]
    divisor = step.get("divisor_override")
    if divisor is not None:
        options.append(divisor)
    return step.call(f"avg_pool{axes}d", x, kernel, stride, around, *options)


@module(*_axes("LPPool"), takes=_takes)
def power_mean(step: Step, x: Ref) -> Ref:
    """The root of the sum of powers of each window (``F.lp_pool2d``)."""
    axes, power = int(step.tree.name[-2]), float(step.get("norm_type"))
    kernel = step.several("kernel_size", axes)
    stride = step.several("stride", axes, kernel)
    raised = step.call("pow.Tensor_Scalar", x, power)
    ceil = bool(step.get("ceil_mode", False))
    pooled = step.call(f"avg_pool{axes}d", raised, kernel, stride, [0] * axes, ceil)
    kept = step.call(
        "mul.Tensor", step.call("sign", pooled), step.call("relu", step.call("abs", pooled))
    )
    summed = step.call("mul.Scalar", kept, math.prod(kernel))
    return step.call("pow.Tensor_Scalar", summed, 1.0 / power)


@module(*_axes("AdaptiveAvgPool", "AdaptiveMaxPool"), takes=_takes)
def adaptive(step: Step, x: Ref) -> Ref:
    """As many windows as asked for."""
    name = step.tree.name
    axes, size = int(name[-2]), step.tree.node.attributes.get("output_size")
    wanted = list(size) if isinstance(size, list | tuple) else [size] * axes
    if None in wanted:
        wanted = [
            step.call("sym_size.int", x, at - axes) if extent is None else extent
            for at, extent in enumerate(wanted)
        ]
    if name.startswith("AdaptiveAvg"):
        return step.call(f"adaptive_avg_pool{axes}d", x, wanted)
    if step.get("return_indices", False):
        raise step.broken("it gives the places of the largest too, which no next module takes")
    return step.calls(f"adaptive_max_pool{axes}d", 2, x, wanted)[0]


_PADS = {"Constant": "constant", "Zero": "constant", "Reflection": "reflect"}
_PADS |= {"Replication": "replicate", "Circular": "circular"}


@module(*_axes(*(f"{kind}Pad" for kind in _PADS)), takes=_takes)
def pad(step: Step, x: Ref) -> Ref:
    """Rows laid around."""
    kind, axes = step.tree.name[: -len("Pad1d")], int(step.tree.name[-2])
    around = step.several("padding", 2 * axes)
    if _PADS[kind] != "constant":
        return step.call("pad", x, around, _PADS[kind])
    return step.call("pad", x, around, "constant", step.get("value", 0.0))


_RESIZED = {
    "nearest": "upsample_nearest{}d.vec",
    "nearest-exact": "_upsample_nearest_exact{}d.vec",
    "linear": "upsample_linear1d.vec",
    "bilinear": "upsample_bilinear2d.vec",
    "bicubic": "upsample_bicubic2d.vec",
    "trilinear": "upsample_trilinear3d.vec",
}


def _resized(step: Step) -> Input:
    mode = "nearest" if "Nearest" in step.tree.name else step.get("mode", "nearest")
    rank = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}.get(mode)
    return Input(4 if step.tree.name.endswith("2d") else rank, through=True)


@module("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", takes=_resized)
def resize(step: Step, x: Ref) -> Ref:
    """To a size or by a factor.

    Before torch 0.4 there was no ``align_corners``, and corners were aligned; those of
    UpsamplingBilinear2d still are.
    """
    name, axes = step.tree.name, step.rank - 2
    mode = step.get("mode", "nearest" if "Nearest" in name else "bilinear")
    size, factor = step.tree.node.attributes.get("size"), step.get("scale_factor")
    factors = (
        None if factor is None else [float(item) for item in step.several("scale_factor", axes)]
    )
    if size is not None:
        size, factors = step.several("size", axes), None
    elif factors is None:
        raise ValueError("neither a size nor a factor")
    elif step.get("recompute_scale_factor", False) and any(f % 1 for f in factors):
        raise step.broken("it computes its factors anew from the size, which ONNX does not")
    given: list[Any] = [size, factors]
    if mode not in ("nearest", "nearest-exact"):
        stated = step.tree.node.attributes.get("align_corners", True)
        given.insert(1, bool(stated))
    return step.call(_RESIZED[mode].format(axes), x, *given)
