"""Archives as torch 1.0 to 1.2 wrote them, made here.

The torch of today reads them no more. What the first of them computes is what torch 1.4.0 gave for
it, and what the same operators give today.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tests.frameworks import torch_live
from torch import nn

import modelport
from modelport.errors import ConversionError, MalformedFile, ModelportError

pytestmark = pytest.mark.filterwarnings("ignore")

GENERATOR = np.random.default_rng(3)
WEIGHT, BIAS = (GENERATOR.standard_normal(s).astype(np.float32) for s in ((4, 3), (4,)))
SHIFT = np.array([2.5], np.float64)
TRUTH = {
    1.0: [1.061032772064209, 0.2979688048362732, -0.8361411094665527, 2.652677059173584],
    -1.0: [1.157679796218872, 1.533984899520874, 2.2809906005859375, -0.5434781312942505],
    0.3: [1.09485924243927, 0.7305744290351868, 0.2548549771308899, 1.5340228080749512],
}
"""What ``torch.jit.load`` of torch 1.4.0 gives for rows of three equal numbers."""
CODE = """op_version_set = 0
def forward(self,
    x: Tensor) -> Tensor:
  h = (self.inner).forward(x, )
  if bool(torch.gt(torch.sum(h), 0)):
    h0 = torch.mul(h, self.factor)
  else:
    h0 = torch.add(h, CONSTANTS.c2, alpha=1)
  return torch.div(h0, 2)
"""
INNER = """op_version_set = 0
def forward(self,
    x: Tensor) -> Tensor:
  return torch.addmm(self.bias, x, torch.t(self.weight), beta=1, alpha=1)
"""


def described() -> dict[str, Any]:
    """The JSON of a module with one inside: 64-bit numbers are text, as protobuf writes them."""

    def tensor(array: np.ndarray[Any, Any], key: str, kind: str) -> dict[str, Any]:
        strides = [str(step // array.itemsize) for step in array.strides]
        dims = [str(extent) for extent in array.shape]
        places = {"dims": dims, "offset": "0", "strides": strides, "requiresGrad": False}
        return {**places, "dataType": kind, "data": {"key": f"tensors/{key}"}, "device": "cpu"}

    parameters = [
        {"isBuffer": False, "tensorId": "0", "name": "weight"},
        {"isBuffer": True, "tensorId": "1", "name": "bias"},
    ]
    inner = {
        "name": "inner",
        "optimize": True,
        "parameters": parameters,
        "torchscriptArena": {"key": "code/inner.py"},
    }
    factor = {"type": "float", "name": "factor", "id": "0"}
    main = {
        "name": "Net",
        "submodules": [inner],
        "attributes": [factor],
        "torchscriptArena": {"key": "code/net.py"},
    }
    tensors = [
        tensor(WEIGHT, "0", "FLOAT"),
        tensor(BIAS, "1", "FLOAT"),
        tensor(SHIFT.astype(np.float32), "2", "FLOAT"),
    ]
    return {
        "protoVersion": "4",
        "mainModule": main,
        "producerName": "pytorch",
        "producerVersion": "1.2",
        "tensors": tensors,
    }


def made(path: Path, model: dict[str, Any], code: str = CODE) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        members = {
            "version": b"1\n",
            "model.json": json.dumps(model).encode(),
            "tensors/0": WEIGHT.tobytes(),
            "tensors/1": BIAS.tobytes(),
            "tensors/2": SHIFT.astype(np.float32).tobytes(),
            "attributes.pkl": pickle.dumps((3.0,), protocol=2),
            "code/net.py": code.encode(),
            "code/inner.py": INNER.encode(),
        }
        for name, data in members.items():
            archive.writestr(f"old/{name}", data)
    return path


def test_an_archive_of_torch_1_becomes_what_its_code_computes(tmp_path: Path) -> None:
    source, target = made(tmp_path / "old.pt", described()), tmp_path / "new.onnx"
    model = modelport.open(source)
    assert (model.format, model.level, model.producer.version) == ("torchscript", "inert", "1.2")
    np.testing.assert_array_equal(model.tensors["inner.weight"].numpy(), WEIGHT)
    np.testing.assert_array_equal(model.tensors["inner.bias"].numpy(), BIAS)
    modelport.convert(source, target)
    session = onnxruntime.InferenceSession(target)
    for number, row in TRUTH.items():
        found = session.run(None, {"x": np.full((2, 3), number, np.float32)})[0]
        np.testing.assert_allclose(found, [row, row], rtol=0, atol=1e-6)
    for x in (torch.ones(2, 3), -torch.ones(5, 3), torch.randn(1, 3)):
        h = nn.functional.linear(x, torch.tensor(WEIGHT), torch.tensor(BIAS))
        wanted = (h * 3.0 if h.sum() > 0 else h + 2.5) / 2
        torch_live.same(session.run(None, {"x": x.numpy()})[0], wanted)


def test_what_its_code_cannot_become_leaves_the_weights(tmp_path: Path) -> None:
    code = CODE.replace("torch.div(h0, 2)", "ops.own.unknown(h0)")
    source = made(tmp_path / "old.pt", described(), code)
    model = modelport.open(source)
    assert list(model.tensors)[:2] == ["inner.weight", "inner.bias"]
    with pytest.raises(ConversionError, match="unknown"):
        modelport.convert(source, tmp_path / "new.onnx")
    modelport.convert(source, tmp_path / "new.safetensors")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("mainModule",), None),
        (("mainModule", "submodules"), {}),
        (("mainModule", "submodules", 0, "parameters", 0, "tensorId"), "7"),
        (("tensors", 0, "dims"), ["4", "x"]),
        (("tensors", 0, "dims"), ["4000", "3"]),
        (("tensors", 0, "dataType"), "STRING"),
        (("tensors", 0, "data"), {"key": "tensors/9"}),
        (("tensors", 0, "data"), {"key": "../tensors/0"}),
    ],
)
def test_what_no_torch_wrote_is_malformed(place: Any, value: Any, tmp_path: Path) -> None:
    model: Any = described()
    inside = model
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(ModelportError) as caught:
        modelport.open(made(tmp_path / "old.pt", model))
    assert isinstance(caught.value, MalformedFile)
