"""The upgrade of configs and weights: eras, refusals, and every file there is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelport.dialects.keras.defaults import DEFAULTS, REQUIRED
from modelport.dialects.keras.history.configs import modern_layer
from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.upgrade import upgrade
from modelport.errors import MalformedFile, ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.expression import is_exact, source
from modelport.model.graph import Graph, Node, Scope, Value
from modelport.model.model import Model, Producer
from modelport.model.report import Kind, Report
from modelport.model.tensor import InMemory, Tensor

TESTS = Path(__file__).parents[2]
SHARED = TESTS.parents[1] / "shared"
OWN = sorted((TESTS / "files" / "keras-h5").glob("*.h5"))
REAL = sorted(SHARED.glob("corpus/keras_h5_full/*")) + sorted(
    path for path in SHARED.glob("truth/keras*/*/*") if path.suffix in (".h5", ".keras")
)


def past(era: Era = Era.KERAS2, backend: str = "tensorflow") -> History:
    return History(era, backend, "file.h5", Report())


def model(
    op_type: str, config: Any, arrays: dict[str, Any], version: str = "2.2.4", **producer: Any
) -> Model:
    """A native model of one layer with weights under the keys of a file."""
    tensors = {key: Tensor(key, InMemory(np.asarray(value))) for key, value in arrays.items()}
    node = Node("keras", op_type, "layer", ["x"], ["layer:0:0"], scope=(Scope("layer", op_type),))
    node.attributes = {"config": config, "call": {"args": [{"tensor": 0}], "kwargs": {}}}
    node.parameters = {key: key for key in arrays}
    graph = Graph("m", [node], [Value("x")], [Value("layer:0:0")], tensors=tensors)
    made = Model("keras-h5", "file.h5", graph=graph, dialect="keras", kind="sequential")
    made.producer = Producer("keras", version, producer.get("backend", "tensorflow"))
    return made


# Every file


@pytest.mark.parametrize("path", OWN + REAL, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_file_becomes_complete(path: Path) -> None:
    native = read(Candidate(path))
    report = Report()
    upgraded = upgrade(native, report)
    assert upgrade(upgraded, Report()) is upgraded
    for graph in upgraded.graph.subgraphs():
        for node in graph.nodes:
            assert set(node.parameters.values()) <= graph.tensors.keys()
            if node.op_type in DEFAULTS and node.op_type != "Lambda":
                wanted = DEFAULTS[node.op_type].keys() | set(REQUIRED[node.op_type])
                assert wanted <= node.attributes["config"].keys() | {"key_dim"}
                json.dumps(node.attributes["config"])
    for tensor in upgraded.tensors.values():
        assert is_exact(source(tensor))


# Words of the eras


def test_gates_had_a_hard_sigmoid_before_tensorflow_2() -> None:
    for era, wanted in ((Era.KERAS2, "hard_sigmoid_keras2"), (Era.TF_KERAS, "sigmoid")):
        _, config = modern_layer("LSTM", {"units": 2}, past(era), "lstm")
        assert config["recurrent_activation"] == wanted


def test_keras_3_has_another_hard_sigmoid() -> None:
    written = {"units": 2, "activation": "hard_sigmoid"}
    assert modern_layer("Dense", written, past(Era.KERAS3), "d")[1]["activation"] == "hard_sigmoid"
    old = modern_layer("Dense", written, past(Era.TF_KERAS), "d")[1]["activation"]
    assert old == "hard_sigmoid_keras2"


def test_keras_1_arguments_get_their_names_of_today() -> None:
    written = {
        "nb_filter": 4,
        "nb_row": 3,
        "nb_col": 2,
        "subsample": [1, 2],
        "border_mode": "same",
        "dim_ordering": "th",
        "init": "he_normal",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
        "b_constraint": {"name": "MaxNorm", "m": 3, "axis": 0},
        "bias": False,
        "activation": "relu",
        "name": "conv",
    }
    name, config = modern_layer("Convolution2D", written, past(Era.KERAS1), "conv")
    assert name == "Conv2D"
    assert (config["filters"], config["kernel_size"], config["strides"]) == (4, [3, 2], [1, 2])
    assert (config["padding"], config["data_format"]) == ("same", "channels_first")
    assert config["kernel_initializer"]["class_name"] == "HeNormal"
    assert config["kernel_regularizer"]["config"] == {"l1": 0.0, "l2": 0.5}
    assert config["bias_constraint"]["config"] == {"max_value": 3, "axis": 0}
    assert config["use_bias"] is False


def test_variance_scaling_gets_its_own_name_back() -> None:
    scaling = {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
    }
    _, config = modern_layer("Dense", {"units": 1, "kernel_initializer": scaling}, past(), "d")
    assert config["kernel_initializer"]["class_name"] == "GlorotUniform"


def test_policies_become_names() -> None:
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    _, config = modern_layer("Dense", {"units": 1, "dtype": policy}, past(Era.TF_KERAS), "d")
    assert config["dtype"] == "mixed_float16"


def test_own_classes_stay_and_are_reported() -> None:
    history = past()
    name, config = modern_layer("MyLayer", {"units": 1, "p": 2}, history, "mine")
    assert (name, config) == ("MyLayer", {"units": 1, "p": 2})
    name, _ = modern_layer("Dense", {"units": 1}, history, "d", module="their.module")
    assert name == "their.module>Dense"
    assert [change.kind for change in history.report] == [Kind.FOREIGN, Kind.FOREIGN]


@pytest.mark.parametrize(
    ("version", "backend", "told"),
    [
        ("1.0.5", "tensorflow", [Kind.FOREIGN]),
        ("1.0.6", "theano", [Kind.FOREIGN]),
        ("1.0.6", "tensorflow", []),
        ("1.0.7", "theano", [Kind.APPROXIMATED]),
        ("1.0.7", "tensorflow", []),
        ("1.0.8", "theano", []),
        ("1.2.2", "theano", []),
    ],
)
def test_the_first_batch_normalizations_divided_otherwise(
    version: str, backend: str, told: list[Kind]
) -> None:
    arrays = {f"layer_{name}": np.ones(3, np.float32) for name in ("gamma", "beta", "mean", "std")}
    config = {"name": "layer", "mode": 0, "epsilon": 1e-5, "axis": -1}
    report = Report()
    (node,) = upgrade(
        model("BatchNormalization", config, arrays, version, backend=backend), report
    ).graph.nodes
    assert [item.kind for item in report if item.kind is not Kind.REARRANGED] == told
    assert (node.op_type == "BatchNormalization") is (Kind.FOREIGN not in told)


def test_a_bidirectional_layer_states_both_halves() -> None:
    inner = {"class_name": "LSTM", "config": {"units": 2, "name": "lstm", "go_backwards": False}}
    _, config = modern_layer("Bidirectional", {"layer": inner}, past(), "b")
    assert config["backward_layer"]["config"]["go_backwards"] is True
    assert config["backward_layer"]["config"]["units"] == 2


# Weights


def test_a_gru_without_reset_after_follows_its_bias() -> None:
    for bias, wanted in (((6,), False), ((2, 6), True)):
        arrays = {"k": np.zeros((3, 6)), "r": np.zeros((2, 6)), "b": np.zeros(bias)}
        upgraded = upgrade(model("GRU", {"units": 2}, arrays), Report())
        assert upgraded.graph.nodes[-1].attributes["config"]["reset_after"] is wanted


def test_gates_of_keras_1_are_joined_in_todays_order() -> None:
    arrays = {}
    for gate, value in zip("icfo", (0.0, 1.0, 2.0, 3.0), strict=True):
        arrays |= {f"W_{gate}": np.full((3, 2), value), f"U_{gate}": np.full((2, 2), value)}
        arrays |= {f"b_{gate}": np.full((2,), value)}
    upgraded = upgrade(model("LSTM", {"output_dim": 2}, arrays, "1.2.2"), Report())
    assert upgraded.tensors["layer/cell/bias"].numpy().tolist() == [0, 0, 2, 2, 1, 1, 3, 3]
    assert upgraded.tensors["layer/cell/kernel"].shape == (3, 8)


def test_theanos_kernels_are_mirrored() -> None:
    kernel = np.arange(12.0).reshape(3, 2, 2, 1)
    config = {"filters": 1, "kernel_size": [3, 2], "use_bias": False}
    upgraded = upgrade(model("Conv2D", config, {"kernel": kernel}, backend="theano"), Report())
    found = upgraded.tensors["layer/kernel"].numpy()
    assert (found == kernel[::-1, ::-1]).all()


@pytest.mark.parametrize(
    ("op_type", "config", "arrays"),
    [
        ("Dense", {"units": 3}, {"a": np.zeros((2, 4)), "b": np.zeros(3)}),
        ("Dense", {"units": 3}, {"a": np.zeros((2, 3))}),
        ("Dense", {"units": 3}, {"a": np.zeros(3), "b": np.zeros((2, 3))}),
        ("LSTM", {"units": 2}, {"a": np.zeros((3, 8)), "b": np.zeros((2, 6)), "c": np.zeros(8)}),
        ("Conv2D", {"filters": 2, "kernel_size": 3}, {"a": np.zeros(3), "b": np.zeros(2)}),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    op_type: str, config: dict[str, Any], arrays: dict[str, Any]
) -> None:
    with pytest.raises(MalformedFile, match="'layer'"):
        upgrade(model(op_type, config, arrays), Report())


# Hostile configs


DEEP: Any = {"class_name": "Dense", "config": {"units": 1}}
for _ in range(60):
    DEEP = {"class_name": "TimeDistributed", "config": {"layer": DEEP}}

WRONG: list[Any] = [None, 1, -1, 1.5, "x", [], {}, [[[]]], {"class_name": 3}, {"config": 3}, True]
KEYS = (
    *("units", "activation", "kernel_size", "strides", "padding", "layer", "backward_layer"),
    *("cell", "cells", "dtype", "data_format", "kernel_initializer", "kernel_regularizer"),
    *("bias_constraint", "axis", "batch_input_shape", "trainable", "use_bias", "name", "size"),
    *("cropping", "target_shape", "mode", "interpolation", "recurrent_activation", "merge_mode"),
)


@pytest.mark.parametrize("version", ["1.2.2", "2.2.4", "2.15.0", "3.5.0"])
@pytest.mark.parametrize("op_type", sorted({*DEFAULTS, "Merge", "Convolution2D", "CuDNNLSTM"}))
def test_configs_of_the_wrong_form_end_in_a_model_or_one_typed_error(
    op_type: str, version: str
) -> None:
    arrays = {"a": np.zeros((2, 3)), "b": np.zeros(3)}
    for key in KEYS:
        for value in WRONG:
            backend = "theano" if len(key) % 2 else "tensorflow"
            try:
                upgrade(model(op_type, {key: value}, arrays, version, backend=backend), Report())
            except ModelportError as error:
                assert isinstance(error, MalformedFile)


@pytest.mark.parametrize("config", [DEEP["config"], *WRONG], ids=str)
def test_wrappers_too_deep_and_configs_that_are_none(config: Any) -> None:
    try:
        upgrade(model("TimeDistributed", config, {}), Report())
    except ModelportError as error:
        assert isinstance(error, MalformedFile)


# Measured with Keras 1.2.2 on TensorFlow: (kernel, stride, border mode, output extent) of an input
# of extent 3, and what Keras 3 needs to be told for it.
@pytest.mark.parametrize(
    ("size", "stride", "mode", "extent", "padding"),
    [
        (3, 2, "valid", 7, None),
        (3, 2, "valid", 8, [1, 1]),
        (3, 2, "same", 6, None),
        (3, 2, "same", 5, [0, 0]),
        (2, 2, "same", 5, [1, 1]),
        (2, 3, "valid", 9, None),
        (2, 3, "valid", 8, [0, 0]),
        (4, 2, "same", 5, [1, 1]),
    ],
)
def test_the_stated_output_of_a_deconvolution_is_kept(
    size: int, stride: int, mode: str, extent: int, padding: list[int] | None
) -> None:
    written = {
        **{"nb_filter": 2, "nb_row": size, "nb_col": size, "subsample": [stride, stride]},
        **{"border_mode": mode, "output_shape": [3, extent, extent, 2], "dim_ordering": "tf"},
    }
    _, config = modern_layer("Deconvolution2D", written, past(Era.KERAS1), "d")
    assert config["output_padding"] == padding
