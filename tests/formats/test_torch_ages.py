"""Archives that old versions of torch wrote, held against what they computed there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.samples import FILES

import modelport
from modelport.model.component import Component

OLD = sorted((FILES / "torchscript" / "old").glob("*.pt"))
STATED = {"1_13-Bag.trace": (1, 1), "1_13-Encoder.trace": (3,), "1_13-Causal.trace": (3,)}
"""How many axes inputs have whose types no archive of that age states."""


def recorded(path: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with np.load(path.with_suffix(".io.npz")) as held:
        return tuple(
            [held[key] for key in sorted(held.files) if key.startswith(kind)]
            for kind in ("in", "out")
        )


CASES = [(path, given) for path in OLD for given in (True, False)]
CASES = [case for case in CASES if case[1] or "Attention" not in case[0].stem]  # tells too little


@pytest.mark.parametrize(("path", "given"), CASES, ids=[f"{p.stem}-{g}" for p, g in CASES])
def test_an_old_archive_computes_as_then(path: Path, given: bool, tmp_path: Path) -> None:
    inputs, outputs = recorded(path)
    examples = tmp_path / "examples.npz"
    np.savez(examples, *inputs)
    target = tmp_path / "target.onnx"
    modelport.convert(path, target, verify=False, inputs=examples if given else None)
    session = onnxruntime.InferenceSession(target)
    names = [value.name for value in session.get_inputs()]
    found = session.run(None, dict(zip(names, inputs, strict=True)))
    for ours, theirs in zip(found, outputs, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", STATED)
def test_the_code_tells_how_many_axes_inputs_have(name: str, tmp_path: Path) -> None:
    source = FILES / "torchscript" / "old" / f"{name}.pt"
    target = tmp_path / "target.onnx"
    report = modelport.convert(source, target, verify=False)
    inputs = onnxruntime.InferenceSession(target).get_inputs()
    assert tuple(len(value.shape) for value in inputs) == STATED[name]
    assumed = {change.where for change in report if change.component is Component.SIGNATURE}
    assert {value.name for value in inputs} <= assumed


def test_the_first_zip_archives_of_torch_keep_storages_elsewhere() -> None:
    path = FILES / "pytorch" / "1_4-state.pt"
    model = modelport.open(path)
    with np.load(path.with_suffix(".io.npz")) as held:
        assert list(model.tensors) == held.files
        for name in held.files:
            np.testing.assert_array_equal(model.tensors[name].numpy(), held[name])
