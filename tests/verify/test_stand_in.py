from __future__ import annotations

from tests.samples import FILES

import modelport
from modelport.model.model import Model
from modelport.verify.stand_in import form_for, standing_in

OLD = FILES / "keras-h5" / "keras1.2.2-tensorflow-lstm.h5"


def test_the_form_is_never_the_one_of_the_other_side() -> None:
    keras = modelport.open(OLD)
    assert form_for(keras, Model("onnx", "b", dialect="ai.onnx")) == "keras-v3"
    assert form_for(keras, Model("keras-v3", "b", dialect="keras")) == "onnx"
    assert form_for(Model("pt2", "a", dialect="torch"), keras) is None


def test_a_graph_joined_with_weights_stands_in_as_what_it_is() -> None:
    assert form_for(Model("onnx", "a", dialect="ai.onnx"), modelport.open(OLD)) == "onnx"


def test_a_stand_in_is_gone_afterwards() -> None:
    with standing_in(modelport.open(OLD), "onnx") as (model, path):
        assert model.format == "onnx"
        assert path.exists()
    assert not path.exists()
