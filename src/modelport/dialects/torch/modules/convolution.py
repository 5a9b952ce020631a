"""Convolutions and transposed convolutions."""

from __future__ import annotations

from typing import Any

from modelport.dialects.torch.modules.step import Input, Ref, Step, module

_MODES = {"reflect": "reflect", "replicate": "replicate", "circular": "circular"}


def _takes(step: Step) -> Input:
    return Input(int(step.tree.name[-2]) + 2, {1: step.get("in_channels")})


@module("Conv1d", "Conv2d", "Conv3d", takes=_takes)
def convolution(step: Step, x: Ref) -> Ref:
    """A convolution; padding that is not with zeros is laid around first."""
    axes = int(step.tree.name[-2])
    stride, dilation = step.several("stride", axes, 1), step.several("dilation", axes, 1)
    padding, mode = _padding(step, axes, dilation), step.get("padding_mode", "zeros")
    if mode != "zeros" or any(before != after for before, after in padding):
        around = [part for pair in reversed(padding) for part in pair]
        x = step.call("pad", x, around, _MODES.get(mode, "constant"))
        padding = [(0, 0)] * axes
    sides = [before for before, _ in padding]
    weights = (step.weight("weight"), step.weight("bias"))
    return step.call(
        f"conv{axes}d", x, *weights, stride, sides, dilation, int(step.get("groups", 1))
    )


def _padding(step: Step, axes: int, dilation: list[Any]) -> list[tuple[int, int]]:
    """The padding before and after each axis; ``same`` has the odd one after."""
    stated = step.get("padding", 0)
    if stated == "same":
        kernel = step.several("kernel_size", axes)
        whole = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return [(total // 2, total - total // 2) for total in whole]
    if stated == "valid":
        stated = 0
    sides = stated if isinstance(stated, list | tuple) else [stated] * axes
    return [(int(side), int(side)) for side in sides]


@module("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", takes=_takes)
def transposed(step: Step, x: Ref) -> Ref:
    """A transposed convolution."""
    axes = int(step.tree.name[-2])
    several = [
        step.several(key, axes, default)
        for key, default in (("stride", 1), ("padding", 0), ("output_padding", 0))
    ]
    weights = (step.weight("weight"), step.weight("bias"))
    overload = "" if axes == 1 else ".input"
    dilation = step.several("dilation", axes, 1)
    groups = int(step.get("groups", 1))
    return step.call(f"conv_transpose{axes}d{overload}", x, *weights, *several, groups, dilation)
