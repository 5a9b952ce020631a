"""TorchScript archives whose code is not what torch writes: they open, and end in one error."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.samples import FILES

import modelport
from modelport.errors import ConversionError, ModelportError
from modelport.model.component import Component

SAMPLE = FILES / "torchscript" / "scripted.pt"
ROOT = "scripted/code/__torch__/torch/nn/modules/container.py"
HEAD = """class Sequential(Module):
  training : bool
  def forward(self: __torch__.torch.nn.modules.container.Sequential,
    input: Tensor) -> Tensor:
"""
SHARED = "".join(f"    _{i} = (_{i - 1}, _{i - 1})\n" for i in range(1, 90))

HOSTILE = {
    "no such function": "    return torch.no_such_thing(input)\n",
    "no such class": "    return __torch__.nowhere.f(input, )\n",
    "no such attribute": "    return self.nowhere\n",
    "no such variable": "    return torch.add(input, nowhere)\n",
    "another domain": "    return ops.evil.run(input)\n",
    "a module of Python": "    return os.system('touch marker')\n",
    "a builtin of Python": "    return __import__('os')\n",
    "a constant there is not": "    return CONSTANTS.c99999\n",
    "itself": "    return (self).forward(input, )\n",
    "without end": "    while True:\n      input = torch.add(input, 1)\n    return input\n",
    "without end or effect": "    while True:\n      pass\n    return input\n",
    "very often": "    for i in range(1000000000):\n      pass\n    return input\n",
    "often in often": "    for i in range(4000):\n      for j in range(4000):\n        pass\n",
    "many operators": (
        "    for i in range(4000):\n      for j in range(4000):\n"
        "        input = torch.add(input, 1)\n    return input\n"
    ),
    "a large list": "    x = torch.mul([1], 1000000000)\n    return input\n",
    "a large number": "    return torch.add(input, torch.pow(10, 1000000000))\n",
    "a large shape": "    return torch.zeros([9223372036854775807, 9223372036854775807])\n",
    "shared tuples": f"    _0 = (1, input)\n{SHARED}    return torch.stack(_89)\n",
    "shared tuples out": f"    _0 = (1, input)\n{SHARED}    return _89\n",
    "shared tuples in branches": (
        f"    _0 = (1, input)\n{SHARED}    if bool(input):\n      _0 = _89\n    else:\n"
        "      _0 = _88\n    return _0\n"
    ),
    "a list in itself": "    x = [input]\n    _1 = torch.append(x, x)\n    return torch.stack(x)\n",
    "a list in itself out": "    x = [input]\n    _1 = torch.append(x, x)\n    return x\n",
    "a list that doubles": "    x = [1]\n"
    + "    _1 = torch.extend(x, x)\n" * 60
    + "    return x\n",
    "a list that grows": (
        "    x = [1]\n    while bool(torch.sum(input)):\n      _1 = torch.extend(x, x)\n"
        "    return x\n"
    ),
    "it raises": "    ops.prim.RaiseException('never')\n    return input\n",
    "negative extents": "    return torch.reshape(input, [-5, -7])\n",
    "arguments of other kinds": "    return torch.conv2d(input, 'x', [], {}, None)\n",
    "too many arguments": f"    return torch.relu(input{', 1' * 500})\n",
    "another number of values": "    a, b, c, = (input, input)\n    return a\n",
    "an item beyond the end": "    return [input][7]\n",
    "nothing": "    return None\n",
    "a text": "    return 'x'\n",
    "deep branches": "".join(f"{'  ' * (i + 2)}if bool(torch.sum(input)):\n" for i in range(90))
    + f"{'  ' * 92}input = torch.relu(input)\n    return input\n",
    "deep expressions": f"    return {'torch.relu(' * 90}input{')' * 90}\n",
    "many branches": "    if bool(torch.sum(input)):\n      input = torch.relu(input)\n" * 300
    + "    return input\n",
}


def archive(path: Path, code: str | bytes) -> Path:
    """The sample with other code for its outermost module."""
    with zipfile.ZipFile(SAMPLE) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, code if name == ROOT else source.read(name))
    return path


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_ends_in_one_error(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "model.pt", HEAD + HOSTILE[name])
    begun = time.process_time()
    opened = modelport.open(path)
    assert len(opened.tensors) == len(modelport.open(SAMPLE).tensors)
    try:
        modelport.convert(path, tmp_path / "model.onnx", verify=False)
    except ModelportError as error:
        assert isinstance(error, ConversionError)
    else:
        assert name in ("deep expressions", "many branches", "deep branches")
    assert time.process_time() - begun < 30
    assert not list(tmp_path.glob("marker*"))


def test_what_is_no_code_is_told_with_its_place(tmp_path: Path) -> None:
    path = archive(tmp_path / "model.pt", HEAD + "    return ?\n")
    opened = modelport.open(path)
    assert opened.kind == "modules"
    assert f"{ROOT} at byte {len(HEAD) + 11}" in opened.evidence[Component.ARCHITECTURE]
    with pytest.raises(ConversionError, match=f"at byte {len(HEAD) + 11}"):
        modelport.convert(path, tmp_path / "model.onnx", verify=False)


with zipfile.ZipFile(SAMPLE) as _sample:
    CODE = _sample.read(ROOT)


@given(at=st.integers(0, len(CODE)), cut=st.integers(0, 12), new=st.binary(max_size=3))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_changed_code_ends_in_a_model_or_one_error(
    at: int, cut: int, new: bytes, tmp_path: Path
) -> None:
    path = archive(tmp_path / "model.pt", CODE[:at] + new + CODE[at + cut :])
    modelport.open(path)
    try:
        modelport.convert(path, tmp_path / "model.onnx", verify=False, overwrite=True)
    except ModelportError as error:
        assert isinstance(error, ConversionError)
