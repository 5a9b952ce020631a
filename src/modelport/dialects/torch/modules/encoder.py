"""Encoders of transformers, as ``torch.nn`` computes them without masks."""

from __future__ import annotations

from typing import Any

from modelport.dialects.torch.modules.step import Input, Ref, Step, module


def _width(step: Step) -> Input:
    inner = step.tree.children.get("self_attn")
    width = inner.node.attributes.get("embed_dim") if inner is not None else None
    first = inner is not None and bool(inner.node.attributes.get("batch_first"))
    return Input(3, {-1: width, 0 if first else 1: "batch"})


def _one(step: Step, name: str, x: Ref) -> Ref:
    return step.inner(name).run(x)[0]


@module("TransformerEncoderLayer", takes=_width)
def encoder_layer(step: Step, x: Ref) -> Ref:
    """Attention to itself, then two dense layers, each added to what enters it."""

    def attend(value: Ref) -> Ref:
        return _attention(step.inner("self_attn"), value)

    def feed(value: Ref) -> Ref:
        made = _one(step, "linear1", value)
        return _one(step, "linear2", step.call(_activation(step), made))

    if step.get("norm_first", False):
        x = step.call("add.Tensor", x, attend(_one(step, "norm1", x)))
        return step.call("add.Tensor", x, feed(_one(step, "norm2", x)))
    x = _one(step, "norm1", step.call("add.Tensor", x, attend(x)))
    return _one(step, "norm2", step.call("add.Tensor", x, feed(x)))


def _activation(step: Step) -> str:
    """The function between the dense layers; before torch 1.2 it was always relu."""
    stated: Any = step.get("activation", {"name": "torch.nn.functional.relu"})
    name = str(stated.get("name") or stated.get("class")) if isinstance(stated, dict) else "?"
    word = name.rsplit(".", 1)[-1].lower()
    if not name.startswith(("torch.nn.", "torch._C._nn.", "torch.")) or word not in (
        "relu",
        "gelu",
    ):
        raise step.broken(f"its activation {name} is none that torch brings")
    return word


def _attention(step: Step, x: Ref) -> Ref:
    """Every step attends to all: softmax(q k / root of the width of a head) v."""
    heads, width = int(step.get("num_heads")), int(step.get("embed_dim"))
    if step.weight("in_proj_weight") is None or step.weight("bias_k") is not None:
        raise step.broken("it attends to more than itself")
    if step.get("add_zero_attn", False):
        raise step.broken("it attends to more than itself")
    batch_first = bool(step.get("batch_first", False))
    x = x if batch_first else step.call("transpose.int", x, 0, 1)
    joined = step.call("linear", x, step.weight("in_proj_weight"), step.weight("in_proj_bias"))
    parts = step.calls("chunk", 3, joined, 3, -1)
    split = [
        step.call(
            "transpose.int", step.call("unflatten.int", part, -1, [heads, width // heads]), 1, 2
        )
        for part in parts
    ]
    made = step.call("scaled_dot_product_attention", *split)
    made = step.call("flatten.using_ints", step.call("transpose.int", made, 1, 2), 2, 3)
    out = step.inner("out_proj")
    made = out.call("linear", made, out.weight("weight"), out.weight("bias"))
    return made if batch_first else step.call("transpose.int", made, 0, 1)


def _inner_width(step: Step) -> Input:
    layers = step.tree.children.get("layers")
    first = next(iter(layers.children), None) if layers is not None else None
    return Input(3) if first is None else _width(step.inner("layers").inner(first))


@module("TransformerEncoder", takes=_inner_width)
def encoder(step: Step, x: Ref) -> Ref:
    """Its layers one after the other, and perhaps a norm."""
    layers = step.inner("layers")
    for name in layers.tree.children:
        x = _one(layers, name, x)
    return _one(step, "norm", x) if "norm" in step.tree.children else x
