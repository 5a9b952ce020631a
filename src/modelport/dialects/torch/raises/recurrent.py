"""Recurrent layers: modules where torch has the same cell, else a loop that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    layer = _layer(call)
    layers = stack(layer)
    if not (len(layers) > 1 and _as_module(layers)) and not _as_module([layer]):
        _as_loop(layer)


def _layer(call: Call) -> Layer:
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
    return Layer(call, kind, hidden, directions, direction == "reverse", last, names)


def _plain(layer: Layer) -> bool:
    """Whether torch has this cell."""
    call, kind = layer.call, layer.kind
    words = [word.lower() for word in layer.activations]
    usual = words == [word.lower() for word in USUAL[kind]] * layer.directions
    if not usual and not (kind == "RNN" and set(words) == {"relu"}):
        return False
    if call.attribute("clip", 0.0) or layer.lengths or call.has(7):
        return False
    return not call.attribute("input_forget", 0) and (
        kind != "GRU" or bool(call.attribute("linear_before_reset", 0))
    )


def stack(layer: Layer) -> list[Layer]:
    """The layers that follow each other directly from this one on, where torch stacks them."""
    layers = [layer]
    while (above := _above(layers[-1])) is not None:
        layers.append(above)
    states = (5, 6) if layer.kind == "LSTM" else (5,)
    fine = all(_start(layers, index) != "" for index in states) and all(
        not any(each.call.wanted(place) for each in layers) or _end(layers, place) is not None
        for place in range(1, len(states) + 1)
    )
    return layers if fine else [layer]


def _above(layer: Layer) -> Layer | None:
    """A layer of the same kind that alone takes what this one gives."""
    path = [] if layer.last or layer.backwards else _joining(layer)
    call = path[-1].next(layer.kind) if path else None
    if call is None or call.node.inputs[0] != path[-1].node.outputs[0]:
        return None
    above = _layer(call)
    weight = call.weight(1)
    same = (
        (above.hidden, above.directions, above.last) == (layer.hidden, layer.directions, False)
        and not above.backwards
        and above.activations == layer.activations
        and call.has(3) == layer.call.has(3)
        and weight is not None
        and weight.shape[2] == layer.directions * layer.hidden
    )
    return above if same and _plain(above) else None


def _start(layers: Sequence[Layer], index: int) -> str | None:
    """The states before the first step of all layers; None for zeros, empty where apart."""
    if len(layers) == 1 or all(each.start(index) is None for each in layers):
        return layers[0].start(index)
    count = layers[0].directions
    whole: str | None = None
    for place, layer in enumerate(layers):
        cut = layer.call.producer(index)
        if cut is None or cut.node.op_type != "Slice" or cut.whole(3) != [0]:
            return ""
        bounds = (cut.whole(1), cut.whole(2), cut.whole(4) if cut.has(4) else [1])
        if bounds != ([place * count], [(place + 1) * count], [1]):
            return ""
        if cut.known(0).dim(0) != count * len(layers) or (whole or cut[0]) != cut[0]:
            return ""
        whole = cut[0]
    return whole


def _end(layers: Sequence[Layer], place: int) -> Node | None:
    """The node that puts together the states of all layers after the last step."""
    joined = [layer.call.next("Concat", output=place) for layer in layers]
    first = joined[0]
    if first is None or any(each is None or each.node is not first.node for each in joined):
        return None
    wanted = [layer.call.node.outputs[place] for layer in layers]
    return first.node if first.node.inputs == wanted and first.axis() == 0 else None


def _as_module(layers: Sequence[Layer]) -> bool:
    """Write a module of torch, where one has this cell."""
    layer, call, kind = layers[0], layers[0].call, layers[0].kind
    if not _plain(layer):
        return False
    before = None if layer.last or layer.backwards else _turned_before(call)
    first = layer.last or before is not None
    module = _module(layers, first)
    if module is None:
        return False
    x = before or call[0]
    if layer.backwards:
        x = f"{x}.flip({1 if first else 0})"
    states = [_start(layers, index) for index in ((5, 6) if kind == "LSTM" else (5,))]
    if any(states):
        given = next(state for state in states if state)
        filled = [state or f"torch.zeros_like({given})" for state in states]
        x += f", ({', '.join(filled)})" if len(filled) > 1 else f", {filled[0]}"
    _bind(layers, f"{module}({x})", first)
    return True


def _module(layers: Sequence[Layer], first: bool) -> Member | None:
    """The module of layers, where the file holds their weights."""
    layer, call = layers[0], layers[0].call
    tensors: dict[str, Expression | None] = {}
    size = len(ORDERS[layer.kind]) * layer.hidden
    for number, each in enumerate(layers):
        weight, back, bias = (each.call.weight(index) for index in (1, 2, 3))
        if weight is None or back is None or (each.call.has(3) and bias is None):
            return None
        for place, suffix in zip(range(layer.directions), ("", "_reverse"), strict=False):
            name = f"l{number}{suffix}"
            tensors[f"weight_ih_{name}"] = _gates(layer, weight, place)
            tensors[f"weight_hh_{name}"] = _gates(layer, back, place)
            if bias is not None:
                input_bias, state_bias = (
                    slice_axis(bias, 1, 0, size),
                    slice_axis(bias, 1, size, None),
                )
                tensors[f"bias_ih_{name}"] = _gates(layer, input_bias, place)
                tensors[f"bias_hh_{name}"] = _gates(layer, state_bias, place)
    weight = call.weight(1)
    assert weight is not None
    relu = {word.lower() for word in layer.activations} == {"relu"}
    text = arguments(
        weight.shape[2],
        layer.hidden,
        num_layers=(len(layers), 1),
        nonlinearity=('"relu"' if relu else '"tanh"', '"tanh"'),
        bias=(call.has(3), True),
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


def _bind(layers: Sequence[Layer], text: str, first: bool) -> None:
    """What a module returns, as the results of the nodes."""
    layer, writer = layers[-1], layers[0].call.writer
    between = [each for below, above in pairwise(layers) for each in (*_joining(below), above.call)]
    wanted = [place for place in (1, 2) if layer.call.wanted(place)]
    ends = {place: _end(layers, place) if len(layers) > 1 else None for place in wanted}
    out = writer.ref()
    state = writer.ref("_" if not wanted else "state" if layer.kind == "LSTM" else "")
    writer.let((out, state), text)
    for place, end in ends.items():
        held = f"{state}[{place - 1}]" if layer.kind == "LSTM" else str(state)
        turned = f"{held}.transpose(0, 1)" if layer.last else held
        name = layer.call.node.outputs[place] if end is None else end.outputs[0]
        writer.bind(name, turned, inline=True)
        if end is not None:
            layers[0].call.absorb(Call(writer, end))
    for each in between:
        layers[0].call.absorb(each)
    if layer.call.wanted(0):
        _sequence(layer, out, first)


def _sequence(layer: Layer, out: Ref, first: bool) -> None:
    """What all steps gave, as the next node that is not only about axes wants it."""
    call, writer = layer.call, layer.call.writer
    text = f"{out}.flip({1 if first else 0})" if layer.backwards else str(out)
    joining = [] if layer.last else _joining(layer)
    if joining:
        for each in joining:
            call.absorb(each)
        name = joining[-1].node.outputs[0]
        if first:
            held = writer.ref()
            writer.let((held,), text, inline=True)
            writer.turned[name] = str(held)
            text = f"{held}.transpose(0, 1)"
        writer.bind(name, text)
        return
    if first and not layer.last:
        text = f"{text}.transpose(0, 1)"
    if layer.directions == 1:
        text = f"{text}.unsqueeze({2 if layer.last else 1})"
    else:
        text = f"{text}.unflatten(2, (2, {layer.hidden}))"
        text = text if layer.last else f"{text}.transpose(1, 2)"
    writer.bind(call.node.outputs[0], text)


def _joining(layer: Layer) -> list[Call]:
    """The calls behind a layer that only join its directions: torch gives them joined."""
    call = layer.call
    if layer.directions == 1:
        joined = call.next("Squeeze")
        return [joined] if joined is not None and joined.whole(1) == [1] else []
    turned = call.next("Transpose")
    joined = None if turned is None else turned.next("Reshape")
    wanted = None if joined is None else joined.whole(1)
    if turned is None or joined is None or wanted is None:
        return []
    fine = turned.ints("perm") == [0, 2, 1, 3] and wanted[:2] == [0, 0]
    return [turned, joined] if fine and wanted[2:] in ([-1], [2 * layer.hidden]) else []


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
