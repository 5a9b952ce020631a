"""Attention between its projections in Keras: one MultiHeadAttention, held against torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
import torch
from onnx import parser
from tests.frameworks import torch_live, torch_nets
from tests.frameworks.test_raise_keras import close, run
from torch import nn
from torch.nn import functional

import modelport

pytestmark = pytest.mark.filterwarnings("ignore")


class Own(nn.Module):
    """The module of torch, over itself."""

    def __init__(self, first: bool, bias: bool) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=first, bias=bias)

    def forward(self, x: Any) -> Any:
        return self.attn(x, x, x, need_weights=False)[0]


class Fused(nn.Module):
    """As GPT has it: one product for all three, split, and what comes later is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Any) -> Any:
        heads = [part.unflatten(-1, (4, 2)).transpose(1, 2) for part in self.c_attn(x).split(8, -1)]
        found = functional.scaled_dot_product_attention(*heads, is_causal=True)
        return self.c_proj(found.transpose(1, 2).flatten(2))


class Cross(nn.Module):
    """As BERT has it, over two sequences; features of values of their own width."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(8, 6), nn.Linear(5, 6)
        self.value, self.out = nn.Linear(5, 10), nn.Linear(10, 7, bias=last)

    def forward(self, x: Any, y: Any) -> Any:
        q, k = self.query(x), self.key(y)
        q, k, v = (
            part.view(*part.shape[:2], 2, -1).transpose(1, 2) for part in (q, k, self.value(y))
        )
        shares = torch.softmax(q @ k.transpose(2, 3) / 3**0.5, -1)
        return self.out((shares @ v).transpose(1, 2).flatten(2))


X, Y = torch.randn(2, 5, 8), torch.randn(2, 7, 5)
MODELS: dict[str, tuple[Any, tuple[Any, ...], int]] = {
    "batch first": (lambda: Own(True, True), (X,), 1),
    "places first, no bias": (lambda: Own(False, False), (X,), 1),
    "fused": (Fused, (X,), 1),
    "cross": (lambda: Cross(True), (X, Y), 1),
    # Keras has a bias everywhere or nowhere.
    "one without a bias": (lambda: Cross(False), (X, Y), 0),
    "two layers": (torch_nets.ViT, (torch.randn(2, 3, 8, 8),), 2),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_one_layer(name: str, tmp_path: Path) -> None:
    make, inputs, count = MODELS[name]
    torch.manual_seed(3)
    network = make().eval()
    torch_live.export(
        network, inputs, tmp_path / "m.pt2", ({0: torch.export.Dim.AUTO},) * len(inputs)
    )
    report = modelport.convert(tmp_path / "m.pt2", tmp_path / "m.keras")
    assert report.verification["status"] == "agreed"
    assert report.verification["weights_exact"] or count == 2
    with torch.no_grad():
        wanted = network(*(torch.cat([item, item]) for item in inputs)).numpy()
    close(run(tmp_path / "m.keras", [torch.cat([item, item]).numpy() for item in inputs]), [wanted])
    layers = keras.saving.load_model(tmp_path / "m.keras").operations
    found = [layer for layer in layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    assert len(found) == count
    if name == "batch first":
        assert [layer.name for layer in layers] == ["x", "attn"]


@pytest.mark.parametrize(("name", "trainable"), [("gamma", True), ("onnx::Mul_7", False)])
def test_a_constant_without_a_name_of_its_own_is_not_trained(
    name: str, trainable: bool, tmp_path: Path
) -> None:
    model = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 19]>
        net (float[n, 3, 100] x) => (float[n, 3, 100] y) { y = Mul (x, c) }
    """)
    model.graph.node[0].input[1] = name
    held = np.random.default_rng(1).normal(size=(3, 100)).astype("f4")
    model.graph.initializer.append(onnx.numpy_helper.from_array(held, name))
    onnx.save(model, tmp_path / "m.onnx")
    modelport.convert(tmp_path / "m.onnx", tmp_path / "m.keras")
    found = keras.saving.load_model(tmp_path / "m.keras")
    assert len(found.weights) == 1
    assert len(found.trainable_weights) == trainable
