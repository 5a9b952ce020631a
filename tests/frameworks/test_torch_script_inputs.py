"""Inputs that scripts do not describe: shapes out of examples, and lists and dicts of tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from tests.frameworks import script_live, torch_live
from tests.frameworks import script_nests as nests
from torch import nn, ones, randn

import modelport
from modelport.errors import ConversionError, ModelportError, WrongUsage
from modelport.model.component import Component

pytestmark = pytest.mark.filterwarnings("ignore")

A, B = randn(2, 3), randn(2, 3)
TWO = {"xs_0": A, "xs_1": B}

NESTED: dict[str, tuple[Any, list[Any], dict[str, Any]]] = {
    "unpacked": (nests.Unpacked(), [[A, B]], TWO),
    "looked up": (nests.LookedUp(), [{"a": A, "b": B}], {"xs_a": A, "xs_b": B}),
    "gone through": (nests.GoneThrough(), [[A, B, A]], {**TWO, "xs_2": A}),
    "pairs": (
        nests.Pairs(),
        [[(A, B), (B, A)]],
        {"xs_0_0": A, "xs_0_1": B, "xs_1_0": B, "xs_1_1": A},
    ),
    "named": (nests.OfNamed(), [nests.Point(A, B)], {"p_x": A, "p_y": B}),
    "keyed by numbers": (nests.ByNumber(), [{3: A, 5: B}], {"xs_3": A, "xs_5": B}),
    "sizes": (nests.Sizes(), [A, [3, 2]], {"x": A, "sizes": torch.tensor([3, 2])}),
    "left out": (nests.LeftOut(), [A], {"x": A}),
    "not left out": (nests.LeftOut(), [A, B], {"x": A, "y": B}),
}


def examples(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **{name: torch.as_tensor(array).numpy() for name, array in arrays.items()})
    return path


@pytest.mark.parametrize("name", NESTED)
def test_lists_and_dicts_are_inputs_by_name(name: str, tmp_path: Path) -> None:
    module, inputs, arrays = NESTED[name]
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(module, inputs, "script", source)
    given = examples(tmp_path / "given.npz", arrays)
    report = modelport.convert(source, target, inputs=given)
    assert report.verification["status"] == "agreed"
    session = onnxruntime.InferenceSession(target)
    assert [value.name for value in session.get_inputs()] == list(arrays)
    found = session.run(None, {key: np.asarray(item) for key, item in arrays.items()})
    wanted = torch.utils._pytree.tree_leaves(module(*inputs))
    for ours, theirs in zip(found, wanted, strict=True):
        torch_live.same(ours, theirs)


@pytest.mark.parametrize("name", ["unpacked", "looked up", "gone through", "pairs"])
def test_traced_lists_and_dicts_have_their_examples(name: str, tmp_path: Path) -> None:
    module, inputs, _ = NESTED[name]
    script_live.check(module, inputs, tmp_path, "trace")


def test_a_list_that_is_unpacked_has_as_many_items(tmp_path: Path) -> None:
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(nests.Unpacked(), [], "script", source)
    report = modelport.convert(source, target, verify=False)
    assert ("xs", Component.SIGNATURE) in {(item.where, item.component) for item in report}
    assert [value.name for value in onnx.load(target).graph.input] == ["xs_0", "xs_1"]


def test_what_tells_no_length_names_the_way_out(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(nests.GoneThrough(), [], "script", source)
    with pytest.raises(ConversionError, match=r"--inputs FILE\.npz.*xs_0"):
        modelport.convert(source, tmp_path / "target.onnx", verify=False)


def test_results_of_a_dict_have_its_keys(tmp_path: Path) -> None:
    proto = script_live.check(nests.Keyed(), [A], tmp_path, "script")
    assert [value.name for value in proto.graph.output] == ["first_0", "rest_0", "rest_1"]


@pytest.mark.parametrize("names", [["input"], ["arr_0"]])
def test_an_example_tells_the_shape(names: list[str], tmp_path: Path) -> None:
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(nn.ReLU(), [], "script", source)
    with pytest.raises(ConversionError, match="--inputs"):
        modelport.convert(source, target, verify=False)
    one = examples(tmp_path / "one.npz", {names[0]: ones(2, 3, 4)})
    two = examples(tmp_path / "two.npz", {names[0]: ones(5, 3, 4)})
    report = modelport.convert(source, target, inputs=[one, two])
    assert report.verification["status"] == "agreed"
    dims = onnx.load(target).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in dims] == [0, 3, 4]


def test_examples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    script_live.save(nn.ReLU(), [], "script", source)
    other = examples(tmp_path / "other.npz", {"input": ones(2), "more": ones(1)})
    with pytest.raises(WrongUsage, match="expected arrays named input"):
        modelport.convert(source, target, inputs=other)
    flat = examples(tmp_path / "flat.npz", {"input": ones(2)})
    deep = examples(tmp_path / "deep.npz", {"input": ones(2, 1)})
    with pytest.raises(ModelportError, match="number of axes"):
        modelport.convert(source, target, inputs=[flat, deep])
