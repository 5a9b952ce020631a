"""One layer's class and config of any era as a complete config of Keras 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from modelport.dialects.keras.defaults import AS_STATED, DEFAULTS, arguments, complete
from modelport.dialects.keras.history import applications, keras1, keras2, lambdas
from modelport.dialects.keras.history.activation_names import modern_activation
from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.history.kinds import check_kinds
from modelport.dialects.keras.history.objects import (
    modern_constraint,
    modern_dtype,
    modern_initializer,
    modern_regularizer,
    serialised,
)
from modelport.dialects.keras.history.shapes import whole_counts, window_lists
from modelport.dialects.keras.roles import knows
from modelport.dialects.keras.words import is_model
from modelport.model.component import Component
from modelport.model.report import Kind

Config: TypeAlias = dict[str, Any]

MOST_NESTED = 8
"""How deep wrappers may hold wrappers; each Bidirectional doubles what is inside it."""

OLD_ONLY = frozenset(
    {
        *("LocallyConnected1D", "LocallyConnected2D", "MaxoutDense", "Highway", "SReLU"),
        "ParametricSoftplus",
    }
)
"""Layers that Keras 3 no longer has, but whose meaning modelport knows."""

_OPERATIONS = ("keras.src.ops", "keras.ops", "keras.operations")


def modern_layer(
    class_name: str,
    config: Mapping[str, Any],
    history: History,
    where: str,
    *,
    module: Any = None,
    registered_name: Any = None,
    depth: int = 0,
) -> tuple[str, Config]:
    """The canonical class and config of a layer.

    A class of somebody's own comes back as it is, and is reported as foreign.

    Raises:
        MalformedFile: values of a kind that no Keras accepts.
    """
    if depth > MOST_NESTED:
        raise history.malformed(where, expected="fewer wrappers in each other", found=f"{depth}")
    if is_operation(module) or class_name in ("TFOpLambda", "SlicingOpLambda"):
        return class_name, dict(config)
    name, renamed = class_name, dict(config)
    if not is_custom(module, registered_name, class_name):
        if history.era is Era.KERAS1:
            name, renamed = keras1.modern(name, renamed, history)
        name, renamed = keras2.modern(name, renamed, history)
    if name in AS_STATED and not is_custom(module, registered_name, class_name):
        kept = {key: value for key, value in renamed.items() if key not in keras2.IGNORED}
        for key in ("name", "trainable", "seed"):
            if key in renamed:
                kept[key] = renamed[key]
        return name, {**kept, "dtype": modern_dtype(renamed.get("dtype"))}
    private = applications.of_applications(class_name, config, module)
    if private is not None:
        if not isinstance(module, str):
            why = f"taken for the {private} of keras.applications, for it has its arguments"
            history.report.add(Kind.INVENTED, Component.ARCHITECTURE, where, why)
        return private, applications.canonical_config(private, config)
    if (name not in DEFAULTS and name not in OLD_ONLY) or is_custom(
        module, registered_name, class_name
    ):
        if not is_model(name, config) and name not in ("InputLayer", "TensorFlowOpLayer"):
            history.foreign(where, f"the class {class_name!r} is no part of Keras")
        return _own_name(class_name, module, registered_name), dict(config)
    if name == "Lambda":
        history.foreign(where, "a Lambda holds Python code, which is kept and never run")
        return name, lambdas.modern(config)
    strange = _strange(name, renamed, history)
    if strange is not None:
        history.foreign(where, f"{name} with {strange} is no layer that modelport can carry")
        return f"{name}[{strange}]", dict(config)
    return name, _canonical(name, renamed, history, where, depth)


def _own_name(class_name: str, module: Any, registered_name: Any) -> str:
    """A name that no layer of Keras has, for a class of somebody's own that borrows one."""
    taken = class_name in DEFAULTS or class_name in AS_STATED
    if not taken and class_name not in applications.MODULES:
        return class_name
    if isinstance(registered_name, str) and registered_name != class_name:
        return registered_name
    return f"{module}>{class_name}"


def is_operation(module: Any) -> bool:
    """Whether a node of a Keras 3 graph is a function of ``keras.ops`` and no layer."""
    return isinstance(module, str) and module.startswith(_OPERATIONS)


def is_custom(module: Any, registered_name: Any, class_name: str) -> bool:
    """Whether a serialised class comes from outside Keras, whatever its name."""
    if isinstance(module, str):
        return not module.startswith(("keras", "tf_keras", "tensorflow", "builtins"))
    return ">" in class_name or (isinstance(registered_name, str) and ">" in registered_name)


def is_unnamed_operation(op_type: str, config: Any, module: Any, history: History) -> bool:
    """Whether a node of a Keras 3 ``.h5`` file, which states no modules, is a function.

    Every layer states its dtype, and most whether they are trained; few functions state the dtype
    of what they give, and none the other.
    """
    if history.era is not Era.KERAS3 or module is not None or op_type == "InputLayer":
        return False
    if not isinstance(config, Mapping) or {"trainable", "layers"} & config.keys():
        return False
    return "dtype" not in config or op_type in _OF_A_DTYPE


_OF_A_DTYPE = frozenset(
    {
        *("Arange", "Array", "Cast", "ConvertToTensor", "Cumprod", "Cumsum", "EmptyLike", "Full"),
        *("FullLike", "Geomspace", "Linspace", "Logspace", "MultiHot", "Nancumprod", "Nancumsum"),
        *("OneHot", "OnesLike", "Prod", "SaturateCast", "View", "ZerosLike"),
    }
)
"""The functions of Keras 3 that are told a dtype; no layer has such a name."""


def _strange(name: str, config: Config, history: History) -> str | None:
    """What changes the arithmetic of a layer in a way that its lowering does not know."""
    policy = modern_dtype(config.get("dtype"))
    if "_from_" in policy:
        return policy
    if name == "BatchNormalization" and config.get("mode", 0) not in (0, None):
        return f"mode={config['mode']}"
    if name == "BatchNormalization" and keras1.stores_deviations(history):
        return "a stored deviation"
    if config.get("time_major"):
        return "time_major"
    return None


def _canonical(name: str, config: Config, history: History, where: str, depth: int) -> Config:
    allowed = arguments(name)
    known: Config = {}
    for key, value in config.items():
        if key in _LOW_RANK:
            if key == "lora_rank" and value is not None:
                history.dropped(where, "its LoRA factors are merged, and no longer trained alone")
        elif allowed is None or key in allowed:
            known[key] = _value(name, key, value, history, where, depth)
        elif keras2.says_something(name, key, value):
            history.dropped(where, f"{name} of Keras 3 has no argument {key!r} (= {value!r})")
    if _is_input_dtype(name, known.get("dtype", "float32"), history):
        known.pop("dtype", None)
    whole_counts(known, history, where)
    window_lists(name, known, history, where)
    filled = complete(name, known)
    if "data_format" in filled and filled["data_format"] not in ("channels_first", "channels_last"):
        filled["data_format"] = "channels_last"
    check_kinds(name, filled, history, where)
    if name == "Bidirectional":
        _bidirectional(filled, history, where)
    return filled


_LOW_RANK = ("lora_rank", "lora_alpha")
"""Set while LoRA trains a layer; a saved ``.keras`` holds the factors merged into the weight."""

_FLOATS = (*("float16", "bfloat16", "float32", "float64"), "mixed_float16", "mixed_bfloat16")


def _is_input_dtype(name: str, dtype: str, history: History) -> bool:
    """Whether it is the type of what goes in: Keras 1 and 2 put that where the layer's own is."""
    if history.era is Era.KERAS3 or name == "InputLayer" or dtype in _FLOATS:
        return False
    return history.era <= Era.KERAS2 or knows(name)


def _value(name: str, key: str, value: Any, history: History, where: str, depth: int) -> Any:
    if key in ("activation", "recurrent_activation"):
        return modern_activation(
            value, history, where, lambda layer: _inner(layer, history, where, depth)
        )
    if key.endswith("_initializer"):
        default = "Zeros" if key.startswith(("bias", "beta")) else "GlorotUniform"
        return modern_initializer(value, history, f"{where}/{key}", default)
    if key.endswith("_regularizer"):
        return modern_regularizer(value, history, f"{where}/{key}")
    if key.endswith("_constraint"):
        return modern_constraint(value, history, f"{where}/{key}")
    if key == "dtype":
        return modern_dtype(value)
    if key in ("layer", "backward_layer", "cell") and isinstance(value, Mapping):
        return _inner(value, history, f"{where}/{key}", depth)
    if key == "cells" and isinstance(value, list | tuple):
        return [_inner(cell, history, f"{where}/{key}", depth) for cell in value]
    return value


def _inner(layer: Any, history: History, where: str, depth: int) -> dict[str, Any]:
    """A serialised layer inside a config, made canonical; a model's layers stay as they are."""
    if not isinstance(layer, Mapping) or not isinstance(layer.get("class_name"), str):
        raise history.malformed(where, expected="a serialised layer", found=layer)
    class_name, config = layer["class_name"], layer.get("config")
    if is_model(class_name, config):
        kind = "Sequential" if class_name == "Sequential" else "Functional"
        return {**serialised("keras", kind, {}), "config": config}
    if not isinstance(config, Mapping):
        raise history.malformed(where, expected="a config", found=config)
    module, registered = layer.get("module"), layer.get("registered_name")
    name, modern = modern_layer(
        class_name,
        config,
        history,
        where,
        module=module,
        registered_name=registered,
        depth=depth + 1,
    )
    if name not in DEFAULTS or is_custom(module, registered, class_name):
        return {**dict(layer), "class_name": name, "config": modern}
    return serialised("keras.layers", name, modern)


def _bidirectional(config: Config, history: History, where: str) -> None:
    """State the backward layer, which is a copy of the forward one unless a config has it.

    From TensorFlow 2 on both give zeros at masked steps; before, they repeated their last output.
    """
    forward = config.get("layer")
    if not isinstance(forward, Mapping):
        raise history.malformed(where, expected="a layer inside", found=forward)
    own = dict(forward["config"])
    if config.get("backward_layer") is None:
        copy = {**own, "go_backwards": not own.get("go_backwards", False)}
        plain = str(own.get("name", "")).removeprefix("forward_")
        copy["name"] = f"backward_{plain}"
        config["backward_layer"] = {**forward, "config": copy}
    for key in ("layer", "backward_layer"):
        half = dict(config[key]["config"])
        if "zero_output_for_mask" in half:
            zeros = history.era >= Era.TF_KERAS and bool(half.get("return_sequences"))
            half["zero_output_for_mask"] = zeros
        config[key] = {**config[key], "config": half}
