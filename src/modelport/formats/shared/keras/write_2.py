"""The config of Keras 2 (tf_keras) made of the one that Keras 3 reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.formats.shared.keras.write_config import OLD_HARD_SIGMOID

MODELS = ("Functional", "Sequential", "Model")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D")
_ATTENTION_ARGUMENTS = ("query", "value", "key")
_GROUPLESS = ("DepthwiseConv", "SeparableConv", "Conv1DTranspose", "Conv2DT", "Conv3DT")

_REGISTERED = {"CustomScaleLayer": "Custom>CustomScaleLayer"}
"""A class of keras.applications that tf_keras knows under the name it is registered by."""

_UNKNOWN_DEFAULTS: dict[str, Any] = {
    "quantization_config": None,
    "lora_rank": None,
    "lora_alpha": None,
    "autocast": True,
    "optional": False,
    "rms_scaling": False,
    "use_gate": False,
    "flash_attention": None,
    "zero_output_for_mask": False,
    "input_axes": None,
    "output_axes": None,
}
"""Arguments of Keras 3 that Keras 2 lacks, left out where their value does nothing."""


def keras_2_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A model's entry as Keras 2 writes it: class names and configs, calls as lists."""
    config = dict(entry["config"])
    models = {
        str(layer["config"].get("name"))
        for layer in config["layers"]
        if layer["class_name"] in MODELS
    }
    config["layers"] = [_layer(layer, models) for layer in config["layers"]]
    for key in ("input_layers", "output_layers"):
        if key in config:
            config[key] = _references(config[key], config["layers"])
    config.pop("build_input_shape", None)
    if entry["class_name"] == "Sequential":
        config.pop("trainable", None)
    return {"class_name": entry["class_name"], "config": config}


def _layer(entry: Mapping[str, Any], models: set[str]) -> dict[str, Any]:
    class_name = str(entry["class_name"])
    if class_name in MODELS and "layers" in entry["config"]:
        made = keras_2_model(entry)
    else:
        written = _REGISTERED.get(class_name, class_name)
        made = {"class_name": written, "config": _config(class_name, entry["config"])}
    if "inbound_nodes" in entry:
        made["name"] = entry["name"]
        made["inbound_nodes"] = [
            _inbound(class_name, call, models) for call in entry["inbound_nodes"]
        ]
    return made


def _config(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: plain_objects(value) for key, value in config.items()}
    for key, default in _UNKNOWN_DEFAULTS.items():
        if key in made and made[key] == default:
            del made[key]
    if class_name.startswith((*_RECURRENT, "MultiHeadAttention")) and made.get("seed") is None:
        made.pop("seed", None)
    if class_name.startswith(_GROUPLESS) and made.get("groups") == 1:
        del made["groups"]
    if class_name == "InputLayer":
        made["batch_input_shape"] = made.pop("batch_shape", None)
    if class_name == "MultiHeadAttention":
        # tf_keras demands them and, where they are None, waits for the first call.
        made |= dict.fromkeys(("query_shape", "key_shape", "value_shape"))
    if class_name == "LeakyReLU":
        made["alpha"] = made.pop("negative_slope", 0.3)
    return made


def plain_objects(value: Any) -> Any:
    """A value of a config with inner objects as ``{"class_name", "config"}`` alone."""
    if isinstance(value, list | tuple):
        return [plain_objects(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    class_name, config = value.get("class_name"), value.get("config")
    if not isinstance(class_name, str) or not isinstance(config, Mapping):
        return {key: plain_objects(item) for key, item in value.items()}
    if class_name == "Pipeline" and config.get("name") == OLD_HARD_SIGMOID:
        return "hard_sigmoid"
    if class_name in MODELS and "layers" in config:
        return keras_2_model(value)
    return {"class_name": class_name, "config": _config(class_name, config)}


def _inbound(class_name: str, call: Mapping[str, Any], models: set[str]) -> list[Any]:
    args = [_tensors(item, models) for item in call["args"] if item is not None]
    kwargs = {
        key: _tensors(item, models) for key, item in call["kwargs"].items() if item is not None
    }
    tensors = _as_list(args[0]) if args else []
    rest = args[1:]
    if class_name == "MultiHeadAttention":
        kwargs.update(zip(_ATTENTION_ARGUMENTS[1:], rest, strict=False))
    else:
        if class_name in _RECURRENT:
            rest = [*rest, *_as_list(kwargs.pop("initial_state", []))]
        tensors = [*tensors, *(found for item in rest for found in _as_list(item))]
    return [[*reference, kwargs] for reference in tensors]


def _tensors(value: Any, models: set[str]) -> Any:
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, output = value["config"]["keras_history"]
            # Every nested model counts the call that built it.
            return [layer, call + (layer in models), output]
        return {key: _tensors(item, models) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tensors(item, models) for item in value]
    return value


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return [value]
    if isinstance(value, list):
        return [found for item in value for found in _as_list(item)]
    return [["_CONSTANT_VALUE", -1, value]]


def _references(stated: Any, layers: list[dict[str, Any]]) -> Any:
    """``input_layers`` and ``output_layers``: always a list of triples."""
    sequential = {
        str(layer["config"].get("name")) for layer in layers if layer["class_name"] == "Sequential"
    }
    if isinstance(stated, dict):
        return {key: _references(item, layers) for key, item in stated.items()}
    if isinstance(stated, list) and len(stated) == 3 and isinstance(stated[0], str):
        return [[stated[0], stated[1] + (stated[0] in sequential), stated[2]]]
    return [found for item in stated for found in _references(item, layers)]
