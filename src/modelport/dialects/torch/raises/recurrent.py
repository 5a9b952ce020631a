"""Recurrent layers: modules where torch has the same cell, else a loop that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelport.dialects.torch.raises.call import Call, arguments, raises, torch_dtype
from modelport.dialects.torch.raises.steps import ACTIVATIONS, LOOPS, SCALES
from modelport.dialects.torch.source.members import Member
from modelport.dialects.torch.source.statements import Ref
from modelport.model.expression import Expression, concatenate, reshape, slice_axis
from modelport.model.graph import Node

ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where torch's gates stand among ONNX's: i f g o among i o f c; r z n among z r h."""
USUAL = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}
"""The activations that torch has."""


@dataclass(slots=True)
class Layer:
    """One call of a recurrent operator."""

    call: Call
    kind: str
    hidden: int
    directions: int
    backwards: bool
    last: bool
    activations: list[str]

    @property
    def lengths(self) -> bool:
        """Whether sequences end before the time does, as far as is known."""
        call = self.call
        given, steps = call.array(4), call.known(0).dim(1 if self.last else 0)
        whole = given is not None and isinstance(steps, int) and bool(np.all(given == steps))
        return call.has(4) and not whole

    def start(self, index: int) -> str | None:
        """The state before the first step; None for zeros."""
        if not self.call.has(index) or _zeros(self.call, index):
            return None
        return f"{self.call[index]}.transpose(0, 1)" if self.last else self.call[index]


def _zeros(call: Call, index: int) -> bool:
    """Whether an operand is nothing but zeros, of whatever shape."""
    array = call.array(index)
    if array is not None:
        return not array.any()
    producer = call.producer(index)
    if producer is None:
        return False
    if producer.node.op_type == "ConstantOfShape":
        value = producer.node.attributes.get("value")
        return value is None or not np.any(value.numpy())
    moves = ("Expand", "Slice", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Tile", "Split")
    return producer.node.op_type in moves and _zeros(producer, 0)


@raises("LSTM", "GRU", "RNN")
def recurrent(call: Call) -> None:
    """A cell over the steps of a sequence, there, back, or both."""
    kind = call.node.op_type
    direction = call.attribute("direction", "forward")
    directions = 2 if direction == "bidirectional" else 1
    hidden = call.attribute("hidden_size") or call.known(2).dim(2)
    if not isinstance(hidden, int):
        raise call.refused("the size of its state is not known")
    names = [
        name.decode() if isinstance(name, bytes) else str(name)
        for name in call.node.attributes.get("activations", USUAL[kind] * directions)
    ]
    last = bool(call.attribute("layout", 0))
    layer = Layer(call, kind, hidden, directions, direction == "reverse", last, names)
    if not _as_module(layer):
        _as_loop(layer)


def _as_module(layer: Layer) -> bool:
    """Write a module of torch, where one has this cell."""
    call, kind = layer.call, layer.kind
    words = [word.lower() for word in layer.activations]
    usual = words == [word.lower() for word in USUAL[kind]] * layer.directions
    plain = usual or (kind == "RNN" and set(words) == {"relu"})
    if not plain or call.attribute("clip", 0.0) or layer.lengths or call.has(7):
        return False
    if call.attribute("input_forget", 0):
        return False
    if kind == "GRU" and not call.attribute("linear_before_reset", 0):
        return False
    before = None if layer.last or layer.backwards else _turned_before(call)
    first = layer.last or before is not None
    module = _module(layer, first, {"relu"} == set(words))
    if module is None:
        return False
    x = before or call[0]
    time = 1 if first else 0
    if layer.backwards:
        x = f"{x}.flip({time})"
    states = [layer.start(index) for index in ((5, 6) if kind == "LSTM" else (5,))]
    if any(states):
        given = next(state for state in states if state)
        filled = [state or f"torch.zeros_like({given})" for state in states]
        x += f", ({', '.join(filled)})" if len(filled) > 1 else f", {filled[0]}"
    _bind(layer, f"{module}({x})", first)
    return True


def _module(layer: Layer, first: bool, relu: bool) -> Member | None:
    """The module of a layer, where the file holds its weights."""
    call = layer.call
    weight, back, bias = (call.weight(index) for index in (1, 2, 3))
    if weight is None or back is None or (call.has(3) and bias is None):
        return None
    tensors: dict[str, Expression | None] = {}
    size = len(ORDERS[layer.kind]) * layer.hidden
    for place, suffix in zip(range(layer.directions), ("", "_reverse"), strict=False):
        tensors[f"weight_ih_l0{suffix}"] = _gates(layer, weight, place)
        tensors[f"weight_hh_l0{suffix}"] = _gates(layer, back, place)
        if bias is not None:
            tensors[f"bias_ih_l0{suffix}"] = _gates(layer, slice_axis(bias, 1, 0, size), place)
            tensors[f"bias_hh_l0{suffix}"] = _gates(layer, slice_axis(bias, 1, size, None), place)
    text = arguments(
        weight.shape[2],
        layer.hidden,
        nonlinearity=('"relu"' if relu else '"tanh"', '"tanh"'),
        bias=(bias is not None, True),
        batch_first=(first, False),
        bidirectional=(layer.directions == 2, False),
        dtype=(torch_dtype(weight.dtype), "torch.float32"),
    )
    return call.module(f"nn.{layer.kind}({text})", **tensors)


def _gates(layer: Layer, tensor: Expression, place: int) -> Expression:
    """One direction of a weight with the gates in torch's order."""
    one = reshape(slice_axis(tensor, 0, place, place + 1), tensor.shape[1:])
    parts = [
        slice_axis(one, 0, gate * layer.hidden, (gate + 1) * layer.hidden)
        for gate in ORDERS[layer.kind]
    ]
    return concatenate(parts, 0)


def _turned_before(call: Call) -> str | None:
    """The sequences batch first, where they were so before they came here."""
    if call.turned is not None:
        return call.turned
    producer = call.producer(0)
    if producer is None or producer.node.op_type != "Transpose":
        return None
    return producer[0] if producer.ints("perm") == [1, 0, 2] else None


def _bind(layer: Layer, text: str, first: bool) -> None:
    """What a module returns, as the results of the node."""
    call, writer = layer.call, layer.call.writer
    outputs = [*call.node.outputs, "", "", ""]
    out = writer.ref()
    stateful = call.wanted(1) or call.wanted(2)
    state = writer.ref("state" if layer.kind == "LSTM" else "") if stateful else writer.ref("_")
    writer.let((out, state), text)
    if call.wanted(0):
        _sequence(layer, out, first)
    for place in (1, 2):
        if call.wanted(place):
            held = f"{state}[{place - 1}]" if layer.kind == "LSTM" else str(state)
            turned = f"{held}.transpose(0, 1)" if layer.last else held
            writer.bind(outputs[place], turned, inline=True)


def _sequence(layer: Layer, out: Ref, first: bool) -> None:
    """What all steps gave, as the next node that is not only about axes wants it."""
    call, writer = layer.call, layer.call.writer
    text = f"{out}.flip({1 if first else 0})" if layer.backwards else str(out)
    merged = None if layer.last else _merged(layer)
    if merged is not None:
        if first:
            held = writer.ref()
            writer.let((held,), text, inline=True)
            writer.turned[merged.outputs[0]] = str(held)
            text = f"{held}.transpose(0, 1)"
        writer.bind(merged.outputs[0], text)
        return
    if first and not layer.last:
        text = f"{text}.transpose(0, 1)"
    if layer.directions == 1:
        text = f"{text}.unsqueeze({2 if layer.last else 1})"
    else:
        text = f"{text}.unflatten(2, (2, {layer.hidden}))"
        text = text if layer.last else f"{text}.transpose(1, 2)"
    writer.bind(call.node.outputs[0], text)


def _merged(layer: Layer) -> Node | None:
    """The node up to which directions are only joined again: torch gives them joined."""
    call = layer.call
    if layer.directions == 1:
        joined = call.next("Squeeze")
        if joined is None or joined.whole(1) != [1]:
            return None
        call.absorb(joined)
        return joined.node
    turned = call.next("Transpose")
    joined = None if turned is None else turned.next("Reshape")
    wanted = None if joined is None else joined.whole(1)
    if turned is None or joined is None or wanted is None:
        return None
    if turned.ints("perm") != [0, 2, 1, 3] or wanted[:2] != [0, 0]:
        return None
    if wanted[2:] not in ([-1], [2 * layer.hidden]):
        return None
    call.absorb(turned)
    call.absorb(joined)
    return joined.node


def _as_loop(layer: Layer) -> None:
    """Write the steps themselves."""
    call, writer = layer.call, layer.call.writer
    name = call.helper(LOOPS[layer.kind])
    x = f"{call[0]}.transpose(0, 1)" if layer.last else call[0]
    found: list[list[Ref]] = []
    functions = _functions(layer)
    for place in range(layer.directions):
        text = f"{name}({_loop_arguments(layer, x, place, functions)})"
        refs = [writer.ref() for _ in range(3 if layer.kind == "LSTM" else 2)]
        writer.let(refs, text)
        found.append(refs)
    for place, output in enumerate(call.node.outputs):
        if call.wanted(place):
            parts = ", ".join(str(refs[place]) for refs in found)
            axis = 2 if layer.last and not place else 1 if layer.last or not place else 0
            if layer.last and not place:
                parts = ", ".join(f"{refs[0]}.transpose(0, 1)" for refs in found)
            writer.bind(output, f"torch.stack([{parts}]{f', dim={axis}' if axis else ''})")


def _loop_arguments(layer: Layer, x: str, place: int, functions: Sequence[Sequence[str]]) -> str:
    call = layer.call
    states = {"h": layer.start(5), "c": layer.start(6) if layer.kind == "LSTM" else None}
    named: dict[str, tuple[object, object]] = {
        name: (f"{text}[{place}]" if text else "", "") for name, text in states.items()
    }
    named["bias"] = (f"{call[3]}[{place}]" if call.has(3) else "", "")
    named["lengths"] = (call[4] if layer.lengths else "", "")
    named["peepholes"] = (f"{call[7]}[{place}]" if call.has(7) else "", "")
    named["backwards"] = (layer.backwards or place == 1, False)
    own, usual = functions[place], [ACTIVATIONS[word.lower()] for word in USUAL[layer.kind]]
    named["functions"] = (f"({', '.join(own)},)", f"({', '.join(usual)},)")
    clip = call.attribute("clip", 0.0)
    named["clip"] = (clip or "", "")
    named["coupled"] = (bool(call.attribute("input_forget", 0)), False)
    if layer.kind == "GRU":
        named["reset_after"] = (bool(call.attribute("linear_before_reset", 0)), False)
    return arguments(x, f"{call[1]}[{place}]", f"{call[2]}[{place}]", **named)


def _functions(layer: Layer) -> list[list[str]]:
    """The activations of each direction as functions of Python.

    Raises:
        ConversionError: nobody knows one of them.
    """
    call = layer.call
    alphas = [float(str(np.float32(a))) for a in call.node.attributes.get("activation_alpha", ())]
    betas = [float(str(np.float32(b))) for b in call.node.attributes.get("activation_beta", ())]
    texts: list[str] = []
    for word in layer.activations:
        text = ACTIVATIONS.get(word.lower())
        if text is None:
            raise call.refused(f"nobody knows its activation {word}")
        if "{alpha" in text or "{beta" in text:
            alpha, beta = SCALES.get(word.lower(), (None, None))
            alpha = alphas.pop(0) if "{alpha}" in text and alphas else alpha
            beta = betas.pop(0) if "{beta}" in text and betas else beta
            text = text.format(alpha=alpha, beta=beta)
        texts.append(text)
    per = len(USUAL[layer.kind])
    return [texts[i : i + per] for i in range(0, len(texts), per)]
