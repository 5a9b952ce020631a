"""Layers whose words are the same in Keras 2 and 3 but whose meaning is not, against tf_keras."""

from __future__ import annotations

import live
import numpy as np
import pytest
from frameworks_onnx import serialise

from modelport.dialects.keras.lower import lower
from modelport.model.dtype import dtype
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.tensor import InMemory, Tensor

tf_keras = pytest.importorskip("tf_keras")
layers = tf_keras.layers

MERGES = ["Add", "Subtract", "Maximum", "Minimum", "Multiply", "Average", "Concatenate"]


class Canonical:
    """A canonical graph of Keras 2 layers, built call by call."""

    def __init__(self) -> None:
        self.graph = Graph("era_2")

    def input(self, name: str, kind: str, shape: tuple) -> str:
        self.graph.inputs.append(Value(f"{name}:0:0", TensorType(dtype(kind), shape)))
        return self.graph.inputs[-1].name

    def call(self, layer, inputs: list[str], weights: dict | None = None) -> str:
        kind = type(layer).__name__
        made = Node("keras", kind, layer.name, inputs, [f"{layer.name}:0:0"])
        made.scope = (Scope(layer.name, kind, 0),)
        made.attributes = {"config": layer.get_config(), "era": 2}
        for role, value in (weights or {}).items():
            name = f"{layer.name}/{role}"
            self.graph.tensors[name] = Tensor(name, InMemory(value))
            made.parameters[role] = name
        self.graph.nodes.append(made)
        return made.outputs[0]

    def run(self, inputs: list[np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        self.graph.outputs = [Value(name, TensorType(None, None)) for name in outputs]
        return live.run(serialise(lower(self.graph)), inputs)


@pytest.mark.parametrize("masked", [(True, True), (True, False), (False, True)])
def test_merged_masks(masked):
    """A mean over the unmasked steps shows both the merged values and their mask."""
    table = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    indices = [np.random.default_rng(i).integers(0, 3, (7, 5)).astype(np.int32) for i in (1, 2)]
    for x in indices:
        x[:, 0] = 1
    graph = Canonical()
    names = [graph.input(f"x{i}", "int32", (None, 5)) for i in range(2)]
    entries = [tf_keras.Input((5,), dtype="int32") for _ in range(2)]
    edges, tensors = [], []
    for name, entry, has in zip(names, entries, masked, strict=True):
        layer = layers.Embedding(6, 4, mask_zero=has)
        tensors.append(layer(entry))
        layer.set_weights([table])
        edges.append(graph.call(layer, [name], {"embeddings": table}))
    wanted, found = [], []
    for kind in MERGES:
        merge, mean = getattr(layers, kind)(), layers.GlobalAveragePooling1D()
        wanted.append(mean(merge(tensors)))
        found.append(graph.call(mean, [graph.call(merge, edges)]))
    expected = tf_keras.Model(entries, wanted)(indices)
    for kind, want, got in zip(MERGES, expected, graph.run(indices, found), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5, err_msg=kind)


def test_masked_softmax():
    x = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
    keep = np.random.default_rng(1).random((4, 7)) > 0.4
    keep[2] = False
    graph = Canonical()
    names = [graph.input("x", "float32", (None, 7)), graph.input("mask", "bool", (None, 7))]
    layer = layers.Softmax()
    found = graph.run([x, keep], [graph.call(layer, names)])[0]
    np.testing.assert_allclose(found, layer(x, keep), atol=1e-6)


@pytest.mark.parametrize("wanted", [(6, 6), (8, 10), (4, 9), (12, 5), (3, 20)])
def test_random_crop_takes_the_middle(wanted):
    x = np.random.default_rng(0).integers(0, 255, (2, 8, 10, 3)).astype(np.uint8)
    layer = layers.RandomCrop(*wanted)
    found = live.run_node("RandomCrop", layer.get_config(), [x], era=2)
    np.testing.assert_allclose(found, layer(x, training=False), atol=1e-3)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.1),
        layers.RandomBrightness(0.1),
        layers.RandomHeight(0.1),
        layers.RandomWidth(0.1),
    ],
)
def test_augmentation(layer):
    x = np.random.default_rng(0).integers(0, 255, (2, 8, 10, 3)).astype(np.uint8)
    found = live.run_node(type(layer).__name__, layer.get_config(), [x], era=2)
    expected = np.asarray(layer(x, training=False))
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "layer",
    [
        layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5),
        layers.LayerNormalization(axis=[1, 2]),
        layers.GroupNormalization(2),
        layers.UnitNormalization(),
        layers.Conv1DTranspose(3, 4, strides=2, padding="same", output_padding=1),
        layers.SeparableConv1D(3, 2, padding="same"),
        layers.DepthwiseConv1D(3, padding="same"),
        layers.AveragePooling1D(3, 2, padding="same"),
        layers.PReLU(shared_axes=[1]),
        layers.Dot,
    ],
)
def test_layers_of_keras_2_in_words_of_keras_3(layer):
    if layer is layers.Dot:
        layer = layers.Dot((1, 1), normalize=True)
    x = np.random.default_rng(0).normal(size=(3, 8, 4)).astype(np.float32)
    inputs = [x, x + 1] if isinstance(layer, layers.Dot) else x
    layer(inputs)
    weights = {}
    for variable in layer.weights:
        value = np.random.default_rng(len(weights)).normal(size=variable.shape)
        variable.assign(value)
        weights[variable.name.rsplit("/", 1)[-1].split(":")[0]] = value.astype(np.float32)
    listed = inputs if isinstance(inputs, list) else [inputs]
    found = live.run_node(type(layer).__name__, layer.get_config(), listed, weights, era=2)
    np.testing.assert_allclose(found, layer(inputs), atol=1e-5)
