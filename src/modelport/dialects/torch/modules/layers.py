"""Dense and recurrent layers, tables, and modules that only move elements."""

from __future__ import annotations

from typing import Any

from modelport.dialects.torch.modules.step import Input, Ref, Step, module


@module(
    "Linear",
    "NonDynamicallyQuantizableLinear",
    takes=lambda s: Input(None, {-1: s.get("in_features")}),
)
def linear(step: Step, x: Ref) -> Ref:
    """A matrix product and a shift."""
    return step.call("linear", x, step.weight("weight"), step.weight("bias"))


@module("Embedding", takes=Input(2, index=True))
def embedding(step: Step, x: Ref) -> Ref:
    """Rows of a table."""
    if step.get("max_norm") is not None:
        raise step.broken("it shortens rows of its weight when they are looked up (max_norm)")
    step.rank += 1
    return step.call("embedding", step.weight("weight"), x, step.get("padding_idx", -1))


@module("EmbeddingBag", takes=Input(2, index=True))
def bag(step: Step, x: Ref) -> Ref:
    """The rows of each bag, added up; a bag is a row of the input."""
    if step.get("max_norm") is not None or step.get("padding_idx") is not None:
        raise step.broken("it leaves rows out or shortens them (padding_idx, max_norm)")
    rows = step.call("embedding", step.weight("weight"), x)
    name = {"sum": "sum.dim_IntList", "mean": "mean.dim", "max": "amax"}[step.get("mode", "mean")]
    return step.call(name, rows, [1])


@module("Flatten")
def flatten(step: Step, x: Ref) -> Ref:
    """Several axes as one."""
    start, end = step.get("start_dim", 1), step.get("end_dim", -1)
    rank = step.rank
    step.rank -= max(end % rank - start % rank, 0)
    return step.call("flatten.using_ints", x, start, end)


@module("Unflatten")
def unflatten(step: Step, x: Ref) -> Ref:
    """One axis as several."""
    dim, sizes = step.get("dim"), step.get("unflattened_size")
    sizes = [part[1] if isinstance(part, list | tuple) else part for part in sizes]
    if isinstance(dim, str):
        raise step.broken("it names its axes")
    step.rank += len(sizes) - 1
    return step.call("unflatten.int", x, dim, sizes)


@module("PixelShuffle", "PixelUnshuffle", takes=Input(4))
def pixels(step: Step, x: Ref) -> Ref:
    """Channels as pixels, and back."""
    if step.tree.name == "PixelShuffle":
        return step.call("pixel_shuffle", x, step.get("upscale_factor"))
    return step.call("pixel_unshuffle", x, step.get("downscale_factor"))


@module("ChannelShuffle", takes=Input(4))
def channels(step: Step, x: Ref) -> Ref:
    """The channels of groups in turn."""
    return step.call("channel_shuffle", x, step.get("groups"))


@module("Fold", takes=Input(3))
def fold(step: Step, x: Ref) -> Ref:
    """Windows added up where they lie."""
    step.rank = 4
    keys = ("output_size", "kernel_size", "dilation", "padding", "stride")
    return step.call("col2im", x, *(step.several(key, 2) for key in keys))


@module("Unfold", takes=Input(4))
def unfold(step: Step, x: Ref) -> Ref:
    """The windows side by side."""
    step.rank = 3
    keys = ("kernel_size", "dilation", "padding", "stride")
    return step.call("im2col", x, *(step.several(key, 2) for key in keys))


def _sequence(step: Step) -> Input:
    return Input(3, {-1: step.get("input_size"), 0 if step.get("batch_first") else 1: "batch"})


@module("LSTM", "GRU", "RNN", takes=_sequence)
def recurrent(step: Step, x: Ref) -> list[Ref]:
    """A recurrent layer from states of zero: its outputs, then the last states."""
    name, both = step.tree.name, bool(step.get("bidirectional", False))
    if step.get("proj_size", 0):
        raise step.broken("it projects its state (proj_size)")
    layers, hidden = int(step.get("num_layers", 1)), int(step.get("hidden_size"))
    batch_first = bool(step.get("batch_first", False))
    batch = step.call("sym_size.int", x, 0 if batch_first else 1)
    count = layers * (2 if both else 1)
    dtype = {"dtype": step.graph.attributes["dtype"]}
    start = [
        step.call("zeros", [count, batch, hidden], dtype=dtype)
        for _ in range(2 if name == "LSTM" else 1)
    ]
    mode = name.lower() if name != "RNN" else str(step.get("mode", "RNN_TANH")).lower()
    weights: list[Any] = [step.weight(role) for role in step.tree.node.parameters]
    options = [bool(step.get("bias", True)), layers, 0.0, False, both, batch_first]
    given = start if name == "LSTM" else start[0]
    return step.calls(f"{mode}.input", 1 + len(start), x, given, weights, *options)
