"""A Keras model that became ONNX, or a checkpoint of PyTorch, comes back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.corpus import SHARED, corpus
from tests.samples import FILES, samples

import modelport
from modelport.convert.carry import canonical, carry
from modelport.convert.compare import equal
from modelport.convert.keras_hint import with_layers
from modelport.errors import ConversionError
from modelport.formats.shared.keras.write_config import model_entry
from modelport.formats.table import by_name
from modelport.model.graph import Graph
from modelport.model.model import LAYERS, Model
from modelport.model.report import Report
from modelport.model.tensor import InMemory, Tensor

KERAS = by_name("keras-v3")
MODELS = [*samples(by_name("keras-h5")), *samples(KERAS)]
MODELS += [SHARED / "corpus" / path for path in corpus("keras_h5_full", "keras_v3")]
GRU = FILES / "keras-v3" / "gru_rmsprop.keras"


def config(model: Model) -> str | None:
    """The config as Keras reads it; None for layers of old that it has no words for."""
    try:
        return json.dumps(model_entry(model.graph, Report()))
    except ConversionError:
        return None


def weights(graph: Graph, path: str = "") -> dict[str, Tensor]:
    """The weights by the names of their layers."""
    found: dict[str, Tensor] = {}
    for node in graph.nodes:
        own = f"{path}/{node.scope[-1].name}"
        found |= {f"{own}/{role}": graph.tensors[name] for role, name in node.parameters.items()}
        inner = node.attributes.get("graph")
        if isinstance(inner, Graph):
            found |= weights(inner, own)
    return found


@pytest.mark.parametrize("suffix", [".onnx", ".pt"])
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name[-40:])
def test_layers_weights_and_training_are_those_of_the_source(
    path: Path, suffix: str, tmp_path: Path
) -> None:
    between = tmp_path / f"between{suffix}"
    try:
        wanted = canonical(modelport.open(path), Report(), stock=True)
        modelport.convert(path, between, verify=False)
    except ConversionError as error:
        assert error.where  # a layer that has no form in between, by name
        return
    stated = config(wanted)
    model = modelport.open(between)
    if stated is None or wanted.dialect is None:
        assert LAYERS in model.extras or wanted.dialect is None
        return
    found = carry(model, KERAS, Report())
    assert config(found) == stated
    theirs, ours = weights(wanted.graph), weights(found.graph)
    assert ours.keys() == theirs.keys()
    assert all(equal(theirs[name], ours[name]) for name in theirs)
    assert found.training == wanted.training


@pytest.fixture(scope="module")
def onnx_model() -> Model:
    return carry(modelport.open(GRU), by_name("onnx"), Report())


def with_tensors(model: Model, change: dict[str, Any]) -> Model:
    made = {name: Tensor(name, InMemory(array)) for name, array in change.items()}
    return replace(model, graph=replace(model.graph, tensors=model.graph.tensors | made))


def test_weights_that_were_trained_since_are_the_file_s(onnx_model: Model) -> None:
    name, tensor = next(
        (name, tensor) for name, tensor in onnx_model.graph.tensors.items() if tensor.size > 20
    )
    found = with_layers(with_tensors(onnx_model, {name: tensor.numpy() + 1}))
    before = with_layers(onnx_model)
    assert found is not None
    assert before is not None
    old, new = weights(before.graph), weights(found.graph)
    changed = [role for role in old if not equal(old[role], new[role])]
    assert len(changed) == 1
    assert np.array_equal(
        np.sort(new[changed[0]].numpy().ravel()), np.sort(tensor.numpy().ravel() + 1)
    )


def test_another_constant_makes_the_hint_void() -> None:
    graphs = FILES / "keras-v3" / "graphs_keras3.keras"
    model = carry(modelport.open(graphs), by_name("onnx"), Report())
    assert with_layers(model) is not None
    constants = [name for name in model.graph.tensors if name.startswith("const/")]
    assert constants
    for name in constants:
        tensor = model.graph.tensors[name]
        assert with_layers(with_tensors(model, {name: tensor.numpy() + 1})) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [('"trainable": true', '"trainable": "x"'), ('"name": "gru"', '"name": 5')],
)
def test_layers_that_keras_would_not_read_are_not_made(
    onnx_model: Model, old: str, new: str
) -> None:
    text = onnx_model.extras[LAYERS]
    assert old in text
    changed = replace(onnx_model, extras={**onnx_model.extras, LAYERS: text.replace(old, new)})
    found = carry(changed, KERAS, Report())
    assert config(found) is not None
    assert config(found) != config(carry(onnx_model, KERAS, Report()))


def test_another_operator_makes_the_hint_void(onnx_model: Model) -> None:
    nodes = [
        replace(node, op_type="Sub") if node.op_type == "Add" else node
        for node in onnx_model.graph.nodes
    ]
    assert any(node.op_type == "Sub" for node in nodes)
    changed = replace(onnx_model.graph, nodes=nodes)
    assert with_layers(replace(onnx_model, graph=changed)) is None


def test_other_names_of_inputs_make_the_hint_void(onnx_model: Model) -> None:
    graph = onnx_model.graph
    old = graph.inputs[0].name
    nodes = [
        replace(node, inputs=["other" if name == old else name for name in node.inputs])
        for node in graph.nodes
    ]
    inputs = [replace(graph.inputs[0], name="other"), *graph.inputs[1:]]
    assert (
        with_layers(replace(onnx_model, graph=replace(graph, nodes=nodes, inputs=inputs))) is None
    )


def test_names_inside_and_the_order_of_nodes_mean_nothing(onnx_model: Model) -> None:
    graph = onnx_model.graph
    kept = {value.name for value in (*graph.inputs, *graph.outputs)}
    names = {name: f"n{i}" for i, name in enumerate(graph.tensors)}
    for node in graph.nodes:
        names |= {name: f"{name}!" for name in node.outputs if name and name not in kept}
    nodes = [
        replace(
            node,
            name="",
            inputs=[names.get(name, name) for name in node.inputs],
            outputs=[names.get(name, name) for name in node.outputs],
        )
        for node in graph.nodes
    ]
    tensors = {names[name]: tensor for name, tensor in graph.tensors.items()}
    renamed = replace(graph, nodes=nodes, tensors=tensors)
    assert with_layers(replace(onnx_model, graph=renamed)) is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(data=st.data())
def test_a_hint_that_is_none_is_ignored(onnx_model: Model, data: st.DataObject) -> None:
    holder: Any = [json.loads(onnx_model.extras[LAYERS])]
    stated, key = holder, 0
    while isinstance(holder[key], dict | list) and holder[key] and data.draw(st.integers(0, 5)):
        holder = holder[key]
        keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
        key = data.draw(st.sampled_from(keys))
    holder[key] = data.draw(JSON)
    found = with_layers(replace(onnx_model, extras={LAYERS: json.dumps(stated[0])}))
    assert found is None or found.dialect == "keras"


@pytest.mark.parametrize("text", ["", "null", "[" * 10_000, '{"graphs": []}', "{", 5])
def test_text_that_is_no_hint_is_ignored(onnx_model: Model, text: object) -> None:
    assert with_layers(replace(onnx_model, extras={LAYERS: text})) is None
