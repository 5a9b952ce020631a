"""Layers that Keras 3 has under the same name, but that predict otherwise there than in Keras 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.history.era import Era
from modelport.dialects.keras.stock.chain import Chain, Says
from modelport.model.component import Component
from modelport.model.graph import Graph, Node
from modelport.model.report import Kind, Report


def random_crop(chain: Chain) -> list[Any]:
    """Keras 2 predicts on the middle of an image, resized; Keras 3 on the whole image."""
    why = (
        "Keras 3's RandomCrop predicts on whole images; the Resizing in its place predicts as "
        "before, but crops no longer at random in training"
    )
    chain.report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, chain.owner, why)
    config = {key: chain.config[key] for key in ("height", "width")}
    config |= {"interpolation": "bilinear", "crop_to_aspect_ratio": True}
    config["data_format"] = "channels_last"
    return chain.layer("Resizing", config, [chain.call()[0][0]])


def integer_lookup(chain: Chain) -> list[Any]:
    """Keras 2 counts and marks in floats, Keras 3 in whole numbers."""
    config = {key: value for key, value in chain.config.items() if key != "name"}
    made = chain.layer(
        "IntegerLookup", config, [chain.call()[0][0]], weights=dict(chain.node.parameters)
    )
    return [chain.op("Cast", made[0], dtype="float32")]


def discretization(chain: Chain) -> list[Any]:
    """Keras 2 gives the places as int64, Keras 3 as int32."""
    config = {key: value for key, value in chain.config.items() if key != "name"}
    made = chain.layer("Discretization", config, [chain.call()[0][0]])
    return [chain.op("Cast", made[0], dtype="int64")]


def causal(chain: Chain) -> list[Any]:
    """The causal convolution by depth of Keras 2: zeros go in front, then it is a valid one."""
    config = {key: value for key, value in chain.config.items() if key != "name"}
    stated = (config["kernel_size"], config["dilation_rate"])
    size, dilation = (value[0] if isinstance(value, list) else value for value in stated)
    zeros = {"padding": [(size - 1) * dilation, 0], "data_format": config["data_format"]}
    padded = chain.layer("ZeroPadding1D", zeros, [chain.call()[0][0]])
    weights = dict(chain.node.parameters)
    return chain.layer(chain.node.op_type, {**config, "padding": "valid"}, padded, weights=weights)


def tell_lost_penalty(node: Node, report: Report) -> None:
    """Report a penalty on what is given at each time step, which Keras 3 counts otherwise."""
    old = Era(node.attributes.get("era", Era.KERAS3)) < Era.KERAS3
    if node.op_type != "TimeDistributed" or not old:
        return
    held = (node.attributes.get("config") or {}).get("layer")
    if isinstance(held, Mapping) and _penalizes(held.get("class_name"), held.get("config")):
        why = "Keras 3 adds no activity regularizer of a layer inside a TimeDistributed to the loss"
        report.add(Kind.DROPPED, Component.HYPERPARAMETERS, node.scope[-1].name, why)
    inner = node.attributes.get("graph")
    within = (
        [n for each in inner.subgraphs() for n in each.nodes] if isinstance(inner, Graph) else []
    )
    if any(_penalizes(each.op_type, each.attributes.get("config")) for each in within):
        why = "Keras 3 adds the activity regularizers inside a TimeDistributed for every step"
        report.add(Kind.APPROXIMATED, Component.HYPERPARAMETERS, node.scope[-1].name, why)


def tell_attention(node: Node, masked: bool, report: Report) -> None:
    """Report an attention that Keras 3 unfreezes, or whose masked steps it weighs otherwise.

    Keras 3 makes its parts after the layer was frozen; where it uses its Softmax layer (for the
    scores, or to drop some), steps for which everything is masked get nothing.
    """
    old = Era(node.attributes.get("era", Era.KERAS3)) < Era.KERAS3
    if node.op_type != "MultiHeadAttention" or not old:
        return
    config, call = node.attributes.get("config") or {}, node.attributes.get("call") or {}
    kwargs = call.get("kwargs") or {}
    masked = masked or kwargs.get("attention_mask") is not None
    if masked and (config.get("dropout") or kwargs.get("return_attention_scores")):
        why = "a step for which everything is masked gets nothing in Keras 3, and of all before"
        report.add(Kind.APPROXIMATED, Component.ARCHITECTURE, node.scope[-1].name, why)
    if config.get("trainable") is False:
        why = (
            "Keras 3 trains the parts of an attention that says it is frozen, with an optimizer "
            "begun anew; set trainable = False once it is loaded"
        )
        report.add(Kind.APPROXIMATED, Component.HYPERPARAMETERS, node.scope[-1].name, why)


def _penalizes(class_name: Any, config: Any) -> bool:
    stated = isinstance(config, Mapping) and config.get("activity_regularizer") is not None
    return stated or class_name == "ActivityRegularization"


def changed(node: Node) -> Says | None:
    """What says a node otherwise for Keras 3, where it comes from an older one that differs."""
    if Era(node.attributes.get("era", Era.KERAS3)) >= Era.KERAS3:
        return None
    if node.op_type == "RandomCrop":
        return random_crop
    config = node.attributes.get("config") or {}
    if node.op_type == "SeparableConv1D" and config.get("padding") == "causal":
        return causal
    mode = config.get("output_mode", "int")
    if node.op_type == "Discretization" and mode == "int":
        return discretization
    return integer_lookup if node.op_type == "IntegerLookup" and mode != "int" else None
