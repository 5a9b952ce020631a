"""How the HDF5 layouts of Keras are told apart; exactly one of them, or plain data, fits a file."""

from __future__ import annotations

import re

from modelport.formats.shared.hdf5_values import is_marked
from modelport.wire.hdf5 import HDF5File

_OF_A_LAYER = re.compile(
    r"[/\\](layers|_layer_checkpoint_dependencies|_layers|_?operations)[/\\].*vars[/\\]\d+$"
)


def is_full_model(file: HDF5File) -> bool:
    """A full model of Keras 1 to 3: the architecture as an attribute of the root."""
    return "model_config" in file.attributes() and not is_marked(file)


def is_weights(file: HDF5File) -> bool:
    """Weights alone, in the layout of layers, of numbered layers (Keras 0), or of objects."""
    if is_full_model(file) or is_marked(file):
        return False
    return is_by_layer(file) or is_numbered(file) or is_store(file)


def is_by_layer(file: HDF5File) -> bool:
    """``layer_names`` at the root, maybe split (Keras 1 to 3, ``save_weights`` to HDF5)."""
    attributes = file.attributes()
    return "layer_names" in attributes or "layer_names0" in attributes


def is_numbered(file: HDF5File) -> bool:
    """``nb_layers`` at the root and groups ``layer_0``, ``layer_1`` (before Keras 1.0)."""
    return "nb_layers" in file.attributes() and file.kind("/layer_0") == "group"


def is_store(file: HDF5File) -> bool:
    """The object tree of Keras 3: variables in groups ``vars``, and maybe what a user added.

    Where there are other datasets, only variables of layers show that it is one.
    """
    if file.kind("/vars") != "group":
        return False
    variables = store_datasets(file)
    return len(variables) == len(file.datasets()) or any(
        _OF_A_LAYER.match(path) for path in variables
    )


def store_datasets(file: HDF5File) -> list[str]:
    """The paths of the datasets that are variables of an object tree: those in a group ``vars``."""
    return [path for path in file.datasets() if "vars" in re.split(r"[/\\]", path)[1:-1]]
