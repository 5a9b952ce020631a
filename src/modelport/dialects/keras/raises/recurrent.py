"""LSTM, GRU and RNN as layers of Keras, Bidirectional around two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.defaults import complete
from modelport.dialects.keras.raises.call import Call, raises
from modelport.dialects.keras.raises.value import Held, plain
from modelport.model.expression import Expression, Sum, concatenate
from modelport.model.graph import Dim

_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (0, 1, 2), "RNN": (0,)}
"""Where Keras' gates are in ONNX: i, f, c, o in i, o, f, c; z, r, h are alike."""
_CLASSES = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN"}
_USUAL = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_WORDS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Softsign": "softsign",
    "Softplus": "softplus",
}  # fmt: skip


@raises("LSTM", "GRU", "RNN")
def recurrent(call: Call) -> list[Held]:
    """One layer over (time, batch, features), or (batch, time, features) with ``layout``."""
    kind = call.node.op_type
    _check(call)
    layout = int(call.attribute("layout", 0))
    x = call.held(0)
    x = call.writer.ordered(x, plain(3) if layout else (1, 0, 2))
    direction = call.attribute("direction", "forward")
    count = 2 if direction == "bidirectional" else 1
    whole, last, *cell = [_used(call, i) for i in range(3)]
    states = (whole and (last or any(cell))) or any(cell)
    config = {"return_sequences": whole, "return_state": bool(states)}
    layers = [_layer(call, i, direction, config) for i in range(count)]
    begin = _states(call, count, layout)
    made = _called(call, x, layers, begin, bool(states), kind == "LSTM")
    if direction == "reverse" and whole:
        made[0] = call.op("Flip", made[0], axis=1)
    return _results(call, made, count, whole, layout)


def _used(call: Call, place: int) -> bool:
    return len(call.node.outputs) > place and call.writer.is_used(call.node.outputs[place])


def _check(call: Call) -> None:
    """Refuse what the layers of Keras have not."""
    weights = [call.weight(i) for i in (1, 2)]
    if None in weights or (call.has(3) and call.weight(3) is None):
        raise call.refused("its weights are computed, where Keras has them in a layer")
    if call.has(7) and call.writer.constants.filled(call.node.inputs[7]) != 0:
        raise call.refused("peepholes, which Keras has not")
    if call.attribute("clip", None) is not None or call.attribute("input_forget", 0):
        raise call.refused("a limit on its cells or one gate for two, which Keras has not")
    if call.has(4):
        lengths = call.writer.constants.filled(call.node.inputs[4])
        axis = 1 if call.attribute("layout", 0) else 0
        if lengths is None or lengths != call.known(0).dim(axis):
            raise call.refused("sequences of several lengths, computed in the model")


def _activations(call: Call, direction: int) -> list[str]:
    """The names of the functions of one direction: gates first."""
    kind = call.node.op_type
    usual = _USUAL[kind]
    found = [
        item.decode() if isinstance(item, bytes) else str(item)
        for item in call.node.attributes.get("activations", ())
    ]
    chosen = [word.capitalize() for word in found[direction * len(usual) :][: len(usual)]]
    chosen = [word if word in _WORDS else "" for word in chosen] or list(usual)
    if "" in chosen or (kind == "LSTM" and chosen[1] != chosen[2]):
        raise call.refused("activations that a layer of Keras cannot have")
    return [_WORDS[word] for word in chosen]


def _layer(
    call: Call, direction: int, way: str, config: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Expression]]:
    """The config and the weights of one direction."""
    kind = call.node.op_type
    weights = [call.weight(i) for i in (1, 2, 3)]
    kernel, recurrent_, bias = (
        None if part is None else part.slice(0, direction, direction + 1).reshape(*part.shape[1:])
        for part in weights
    )
    if kernel is None or recurrent_ is None:
        raise call.refused("its weights are computed, where Keras has them in a layer")
    gates = _GATES[kind]
    found = {
        "cell/kernel": _gates(kernel, gates).transpose(1, 0),
        "cell/recurrent_kernel": _gates(recurrent_, gates).transpose(1, 0),
    }
    activations = _activations(call, direction)
    settings: dict[str, Any] = {"units": recurrent_.shape[1], **config, "use_bias": False}
    settings["activation"] = activations[-1]
    if len(activations) > 1:
        settings["recurrent_activation"] = activations[0]
    settings["go_backwards"] = way == "reverse" or direction == 1
    after = kind == "GRU" and bool(call.attribute("linear_before_reset", 0))
    if kind == "GRU":
        settings["reset_after"] = after and bias is not None
        if after and bias is None:
            settings["reset_after"] = True
    if bias is not None:
        settings["use_bias"] = True
        parts = [_gates(part, gates) for part in bias.split(0, 2)]
        if after:
            found["cell/bias"] = concatenate([part.reshape(1, -1) for part in parts], 0)
        else:
            found["cell/bias"] = Sum(tuple(parts))
    return settings, found


def _gates(weight: Expression, gates: Sequence[int]) -> Expression:
    """The rows of the gates in Keras' order."""
    parts = weight.split(0, len(gates))
    return concatenate([parts[gate] for gate in gates], 0) if len(parts) > 1 else weight


def _states(call: Call, count: int, layout: int) -> list[Held]:
    """What a run begins with, direction by direction; nothing where that is zero."""
    places = (5, 6) if call.node.op_type == "LSTM" else (5,)
    given = [i for i in places if call.has(i)]
    if all(call.writer.constants.filled(call.node.inputs[i]) == 0 for i in given):
        return []
    if len(given) < len(places):
        raise call.refused("one of its two states is given, where Keras takes both")
    found = []
    for direction in range(count):
        for place in places:
            x = call.plain(place)
            axis = 1 if layout else 0
            key = {"indices": direction, "axis": axis}
            found.append(call.op("Take", x, key["indices"], axis=key["axis"], order=plain(2)))
    return found


def _called(
    call: Call,
    x: Held,
    layers: Sequence[tuple[dict[str, Any], dict[str, Expression]]],
    begin: list[Held],
    states: bool,
    twice: bool,
) -> list[Held]:
    """The results of the layer: the sequence or its end, then the states of each direction."""
    class_name = _CLASSES[call.node.op_type]
    keywords = {"initial_state": begin} if begin else {}
    outputs = 1 + (len(layers) * (2 if twice else 1) if states else 0)
    if len(layers) == 1:
        config, weights = layers[0]
        return call.layers(class_name, config, x, weights, keywords, outputs)
    dtype = next(iter(layers[0][1].values())).dtype.name
    inner = [
        {
            "module": "keras.layers",
            "class_name": class_name,
            "config": {"dtype": dtype, **complete(class_name, config), "name": name},
            "registered_name": None,
        }
        for name, (config, _) in zip(("forward", "backward"), layers, strict=True)
    ]
    paths = zip(("forward_layer", "backward_layer"), layers, strict=True)
    weights = {f"{path}/{role}": part for path, (_, own) in paths for role, part in own.items()}
    config = {"layer": inner[0], "backward_layer": inner[1], "merge_mode": "concat"}
    return call.layers("Bidirectional", config, x, weights, keywords, outputs)


def _results(call: Call, made: list[Held], count: int, whole: bool, layout: int) -> list[Held]:
    """The outputs as ONNX has them, with an axis of directions."""
    first = made[0]
    units = int(call.attribute("hidden_size", 0)) or int((call.known(2).shape or (0,))[-1] or 0)
    results = [first, first, first]
    if whole:
        # (batch, time, directions, units); in ONNX the batch is axis 2, or 0 with layout.
        order = (0, 1, 2, 3) if layout else (2, 0, 1, 3)
        results[0] = _spread(call, first, count, units, order)
    states = (0, 1, 2) if layout else (1, 0, 2)
    each = 2 if call.node.op_type == "LSTM" else 1
    for place in range(each):
        parts = made[1 + place :: each]
        if len(parts) == 2:
            results[1 + place] = call.op("Stack", parts, axis=1, order=states)
        elif parts:
            results[1 + place] = call.op("ExpandDims", parts[0], axis=1, order=states)
            call.writer.turning.remember(results[1 + place], parts[0], (_batch(call), units))
        elif not whole and place == 0:
            results[1] = _spread(call, first, count, units, states)
    return results


def _spread(call: Call, x: Held, count: int, units: int, order: tuple[int, ...]) -> Held:
    """The last axis as one of directions and one of units."""
    if count == 1:
        found = call.op("ExpandDims", x, axis=len(order) - 2, order=order)
    else:
        shape = [-1, count, units] if len(order) == 4 else [count, units]
        found = call.layer("Reshape", {"target_shape": shape}, x, order=order)
    time = call.known(0).dim(1 if call.attribute("layout", 0) else 0)
    ends = (_batch(call), units * count)
    call.writer.turning.remember(found, x, ends if len(order) == 3 else (ends[0], time, ends[1]))
    return found


def _batch(call: Call) -> Dim:
    return call.known(0).dim(0 if call.attribute("layout", 0) else 1)
