"""Layers that ``keras.applications`` keeps to itself: stock Keras 3 has them, under no public name.

A ``.keras`` file names their module, an ``.h5`` file only the class, so that whoever else calls a
layer of the same arguments so is taken for them; the report says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.dialects.keras.history.objects import modern_dtype

MODULES = {
    "LayerScale": "keras.src.applications.convnext",
    "StochasticDepth": "keras.src.applications.convnext",
    "CustomScaleLayer": "keras.src.applications.inception_resnet_v2",
}
"""Where Keras 3 keeps each class."""

_ARGUMENTS = {
    "LayerScale": {"init_values", "projection_dim"},
    "StochasticDepth": {"drop_path_rate"},
    "CustomScaleLayer": {"scale"},
}
_COMMON = {"name", "trainable", "dtype"}
_SILENT = {"batch_input_shape", "build_config", "experimental_autocast", "autocast"}


def of_applications(class_name: str, config: Mapping[str, Any], module: Any) -> str | None:
    """The class that a layer is by its module or, where none is stated, its arguments; or None."""
    # tf_keras registers one of them, under the package that everybody's classes have.
    name = class_name.removeprefix("Custom>")
    if name not in MODULES or not _ARGUMENTS[name] <= config.keys():
        return None
    if isinstance(module, str):
        # tf_keras has the same classes in modules of the same names.
        own = module.rpartition("applications.")[2] == MODULES[name].rpartition(".")[2]
    else:
        own = config.keys() <= _ARGUMENTS[name] | _COMMON | _SILENT
    return name if own else None


def canonical_config(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config in the words of Keras 3."""
    kept = {key: config[key] for key in config if key in _ARGUMENTS[class_name] | _COMMON}
    return {"trainable": True, **kept, "dtype": modern_dtype(config.get("dtype"))}
