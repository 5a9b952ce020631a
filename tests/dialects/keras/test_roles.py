"""The table of roles: order, what is trained, shapes a config tells, places in files."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.dialects.keras.roles import knows, roles, stored_order

LSTM = {"class_name": "LSTM", "config": {"units": 2}}

TABLE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("Dense", {"units": 3}, ["kernel", "bias"]),
    ("Dense", {"units": 3, "use_bias": False}, ["kernel"]),
    ("DepthwiseConv2D", {"kernel_size": [3, 3], "depth_multiplier": 1}, ["kernel", "bias"]),
    (
        "SeparableConv2D",
        {"kernel_size": [3, 3], "depth_multiplier": 1, "filters": 2},
        ["depthwise_kernel", "pointwise_kernel", "bias"],
    ),
    ("LSTM", {"units": 2}, ["cell/kernel", "cell/recurrent_kernel", "cell/bias"]),
    (
        "BatchNormalization",
        {},
        ["gamma", "beta", "moving_mean", "moving_variance"],
    ),
    ("BatchNormalization", {"scale": False}, ["beta", "moving_mean", "moving_variance"]),
    (
        "Bidirectional",
        {"layer": LSTM, "backward_layer": LSTM},
        [
            f"{way}_layer/cell/{name}"
            for way in ("forward", "backward")
            for name in ("kernel", "recurrent_kernel", "bias")
        ],
    ),
    (
        "SpectralNormalization",
        {"layer": {"class_name": "Dense", "config": {"units": 2}}},
        ["layer/kernel", "vector_u", "layer/bias"],
    ),
    ("Highway", {}, ["kernel", "carry_kernel", "bias", "carry_bias"]),
    ("Dropout", {"rate": 0.5}, []),
    ("SomebodysLayer", {"units": 3}, []),
    ("TimeDistributed", {"layer": {"class_name": "Sequential", "config": {"layers": []}}}, []),
]


@pytest.mark.parametrize(("op_type", "config", "paths"), TABLE)
def test_paths_in_order(op_type: str, config: dict[str, Any], paths: list[str]) -> None:
    assert [role.path for role in roles(op_type, config)] == paths


def test_moving_averages_and_frozen_layers_are_not_trained() -> None:
    found = roles("BatchNormalization", {})
    assert [role.trainable for role in found] == [True, True, False, False]
    frozen = roles("TimeDistributed", {"trainable": False, "layer": LSTM})
    assert [role.trainable for role in frozen] == [False] * 3
    inner = {"class_name": "Dense", "config": {"units": 1, "trainable": False}}
    assert [role.trainable for role in roles("TimeDistributed", {"layer": inner})] == [False] * 2


def test_h5_files_keep_what_is_not_trained_last() -> None:
    config = {"layer": {"class_name": "Dense", "config": {"units": 2}}}
    order = [role.path for role in stored_order(roles("SpectralNormalization", config))]
    assert order == ["layer/kernel", "layer/bias", "vector_u"]


def test_shapes_follow_from_the_config() -> None:
    assert [role.shape for role in roles("Dense", {"units": 3})] == [(None, 3), (3,)]
    gru = roles("GRU", {"units": 2, "reset_after": True})
    assert [role.shape for role in gru] == [(None, 6), (2, 6), (2, 6)]
    before = roles("GRU", {"units": 2, "reset_after": False})
    assert before[2].shape == (6,)
    assert roles("Conv2D", {"kernel_size": [3, 5], "filters": 4})[0].shape == (3, 5, None, 4)
    assert roles("Dense", {"units": "many"})[0].shape == (None, None)
    assert roles("Conv2D", {"kernel_size": "wide"})[0].shape is None


def test_cells_of_one_class_are_numbered_in_files() -> None:
    cell = {"class_name": "LSTMCell", "config": {"units": 2, "use_bias": False}}
    other = {"class_name": "GRUCell", "config": {"units": 2, "use_bias": False}}
    stack = {"class_name": "StackedRNNCells", "config": {"cells": [cell, other, cell]}}
    found = roles("RNN", {"cell": stack})
    assert [(role.path, role.stored) for role in found[::2]] == [
        ("cell/cells/0/kernel", "cell/cells/lstm_cell/vars/0"),
        ("cell/cells/1/kernel", "cell/cells/gru_cell/vars/0"),
        ("cell/cells/2/kernel", "cell/cells/lstm_cell_1/vars/0"),
    ]


def test_classes_without_variables_of_their_own_are_not_known() -> None:
    assert knows("LSTM")
    assert knows("Bidirectional")
    assert not knows("Dropout")
