"""Builds modules of torch.nn anew from what a file says of them, without unpickling it.

Only classes of ``torch.nn`` are made, by their constructors, with the settings of the file as far
as the constructor takes them; the weights are put in afterwards.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from modelport.dialects.torch.modules.tree import CHAINS, HOOKS, WRAPPERS, Tree, tree_of
from modelport.model.graph import Graph
from modelport.model.tensor import Tensor
from modelport.runtimes.torch_values import to_torch

_RECURRENT = (
    *("input_size", "hidden_size", "num_layers", "nonlinearity", "bias", "batch_first"),
    "bidirectional",
)
"""What recurrent layers are made with, whose constructors name no arguments."""


def built(graph: Graph) -> Any:
    """The module of a graph of modules, in evaluation mode.

    Raises:
        ConversionError: a class whose forward is not in the file, or hooks.
    """
    tree = tree_of(graph)
    list(tree.calls())  # says what is unknown
    return _built(tree, graph.tensors, {}).eval()


def _built(tree: Tree, tensors: Mapping[str, Tensor], known: dict[int, Any]) -> Any:
    import torch

    if id(tree) in known:
        return known[id(tree)]
    if tree.name in CHAINS or tree.name in WRAPPERS:
        made = torch.nn.Sequential()
        for name, child in tree.children.items():
            made.add_module(name, _built(child, tensors, known))
    else:
        made = _hooked(tree, _made(tree))
        _fill(tree, made, tensors)
    known[id(tree)] = made
    return made


def _made(tree: Tree) -> Any:
    kind = _class(tree.name)
    settings = {key: _plain(value) for key, value in tree.node.attributes.items()}
    if tree.name == "TransformerEncoderLayer":
        return kind(**_encoder_layer(tree, settings))
    if tree.name == "TransformerEncoder":
        import torch

        layers = [_made(layer) for layer in tree.children["layers"].children.values()]
        norm = _made(tree.children["norm"]) if "norm" in tree.children else None
        made = kind(layers[0], len(layers), norm, enable_nested_tensor=False)
        made.layers = torch.nn.ModuleList(layers)
        return made
    if tree.name in ("LSTM", "GRU", "RNN"):
        if tree.name == "RNN":
            settings["nonlinearity"] = str(settings.get("mode", "RNN_TANH")).lower()[len("rnn_") :]
        return kind(**{key: settings[key] for key in _RECURRENT if settings.get(key) is not None})
    takes = inspect.signature(kind).parameters
    given = {key: value for key, value in settings.items() if key in takes}
    if "bias" in takes and "bias" not in settings:
        given["bias"] = "bias" in tree.node.parameters
    if "elementwise_affine" in takes:
        given["elementwise_affine"] = "weight" in tree.node.parameters
    return kind(**given)


def _hooked(tree: Tree, made: Any) -> Any:
    """The module with the hooks of torch that compute its weights."""
    import torch

    for hook in tree.node.attributes.get(HOOKS, ()):
        word = hook["class"].rsplit(".", 1)[-1]
        hang = {
            "WeightNorm": torch.nn.utils.weight_norm,
            "SpectralNorm": torch.nn.utils.spectral_norm,
        }
        hang[word](made, name=hook["name"], dim=hook["dim"])
    return made


def _class(name: str) -> Any:
    """A class of torch.nn.

    Raises:
        ValueError: a name of something else.
    """
    import torch

    found = getattr(torch.nn, name, None)
    if not (inspect.isclass(found) and issubclass(found, torch.nn.Module)):
        raise ValueError(f"torch.nn.{name} is no module")
    return found


def _encoder_layer(tree: Tree, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the constructor, which the module keeps in those inside it."""
    attention = tree.children["self_attn"].node
    activation = settings.get("activation")
    name = str(activation.get("name") or activation.get("class")) if activation else "relu"
    return {
        "d_model": attention.attributes["embed_dim"],
        "nhead": attention.attributes["num_heads"],
        "dim_feedforward": tree.children["linear1"].node.attributes["out_features"],
        "activation": name.rsplit(".", 1)[-1].lower(),
        "layer_norm_eps": tree.children["norm1"].node.attributes["eps"],
        "batch_first": bool(attention.attributes.get("batch_first")),
        "norm_first": bool(settings.get("norm_first")),
        "bias": "bias" in tree.children["linear1"].node.parameters,
    }


def _fill(tree: Tree, made: Any, tensors: Mapping[str, Tensor]) -> None:
    for role, name in tree.node.parameters.items():
        value = to_torch(tensors[name].numpy())
        held = getattr(made, role, None)
        if held is None:
            made.register_buffer(role, value)
        else:
            held.data = value
    for name, child in tree.children.items():
        inner = getattr(made, name, None)
        if inner is not None:
            _fill(child, inner, tensors)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
