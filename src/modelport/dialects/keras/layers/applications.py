"""Layers that the models of ``keras.applications`` bring along, outside ``keras.layers``.

Formulas: ``applications/convnext.py`` and ``inception_resnet_v2.py`` of Keras 3 and tf_keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.layer import Layer, lowers
from modelport.dialects.onnx import ops
from modelport.dialects.onnx.edge import Edge

PREFIX = "keras.applications."
"""In front of the names that these layers are lowered under: others may have layers called so."""

_COMMON = frozenset({"name", "trainable", "dtype"})
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "CustomScaleLayer": frozenset({"scale"}),
    "LayerScale": frozenset({"init_values", "projection_dim"}),
    "StochasticDepth": frozenset({"drop_path_rate"}),
}
"""The arguments of each class besides those of every layer."""


def of_applications(class_name: str, attributes: Mapping[str, Any]) -> str | None:
    """The class of ``keras.applications`` that a node is of, or None.

    A file that states where a class comes from must name that package; ``.h5`` files do not state
    it, so there the arguments must be those of the class.
    """
    package, _, name = class_name.rpartition(">")
    module, config = attributes.get("module"), attributes.get("config")
    if name not in _ARGUMENTS or package not in ("", "Custom") or not isinstance(config, Mapping):
        return None
    if isinstance(module, str):
        parts = module.split(".")
        if parts[0] not in ("keras", "tf_keras") or "applications" not in parts:
            return None
    return name if set(config) - _COMMON == _ARGUMENTS[name] else None


@lowers(f"{PREFIX}StochasticDepth")
def stochastic_depth(layer: Layer) -> Edge:
    """The input: paths are dropped in training only."""
    return layer.x


@lowers(f"{PREFIX}LayerScale")
def layer_scale(layer: Layer) -> Edge:
    """The input times one learnt number a channel."""
    if len(layer.tensors) != 1:
        raise layer.error(f"it has {len(layer.tensors)} weights, LayerScale has one")
    (role,) = layer.tensors
    gamma = layer.weight(role)
    if gamma.shape != (layer.config["projection_dim"],):
        raise layer.error(f"a scale of shape {list(gamma.shape)}")
    return ops.multiply(layer.b, layer.x, gamma)


@lowers(f"{PREFIX}CustomScaleLayer")
def custom_scale_layer(layer: Layer) -> Edge:
    """The first input and a multiple of the second."""
    first, second = layer.inputs
    return ops.add(layer.b, first, ops.multiply(layer.b, second, layer.config["scale"]))
