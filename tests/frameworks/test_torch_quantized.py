"""Packed weights of quantised modules: those that ``state_dict`` of the live module unpacks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.ao import quantization
from torch.ao.quantization import quantize_fx

import modelport
from modelport.model.model import Level


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant = quantization.QuantStub()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.relu = nn.ReLU()
        self.deep = nn.Sequential(nn.Conv2d(4, 6, 1), nn.AvgPool2d(2))
        self.fc = nn.Linear(6, 5)
        self.dequant = quantization.DeQuantStub()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.deep(self.relu(self.conv(self.quant(x))))
        return self.dequant(self.fc(x.mean((2, 3))))


EXAMPLE = torch.arange(3 * 64.0).reshape(1, 3, 8, 8) / 100


def static() -> nn.Module:
    net = Net().eval()
    net.qconfig = quantization.get_default_qconfig("fbgemm")
    fused = quantization.fuse_modules(net, [["conv", "relu"]])
    prepared = quantization.prepare(fused)
    prepared(EXAMPLE)
    return quantization.convert(prepared)


def traced_by_fx() -> nn.Module:
    mapping = quantization.get_default_qconfig_mapping("fbgemm")
    prepared = quantize_fx.prepare_fx(Net().eval(), mapping, (EXAMPLE,))
    prepared(EXAMPLE)
    return quantize_fx.convert_fx(prepared)


def dynamic() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 5), nn.Sequential(nn.ReLU(), nn.Linear(5, 2, bias=False)))
    return quantization.quantize_dynamic(net, {nn.Linear})


def recurrent() -> nn.Module:
    return quantization.quantize_dynamic(nn.Sequential(nn.LSTM(4, 3, 2)), {nn.LSTM})


def embedding() -> nn.Module:
    net = nn.Sequential(nn.Embedding(7, 4))
    net.qconfig = quantization.float_qparams_weight_only_qconfig
    return quantization.convert(quantization.prepare(net))


@contextmanager
def engine(name: str) -> Iterator[None]:
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    yield
    torch.backends.quantized.engine = before


NETS = [static, dynamic, recurrent, embedding]


def tensors(prefix: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors in a state, those of packed parameters by their places in it."""
    if isinstance(value, torch.ScriptObject):
        value = value.__getstate__()
        value = value[0] if isinstance(value[1], str) else value
    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from tensors(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(value):
            yield from tensors(f"{prefix}.{index}", inner)


def check(path: Path, state: dict[str, torch.Tensor]) -> None:
    found = modelport.open(path)
    assert found.level is not Level.DANGEROUS
    assert any(value.is_quantized for value in state.values())
    for key, value in state.items():
        if key.endswith((".scale", ".zero_point")):  # settings of modules, but in a state_dict
            continue
        name = key if key in found.tensors else f"{key}.1.0"  # embeddings: (version, [weight], ...)
        raw = value.int_repr() if value.is_quantized else value.detach()
        assert (found.tensors[name].numpy() == raw.numpy()).all(), name
        if value.is_quantized and "channel" in str(value.qscheme()):
            scales, zeros = value.q_per_channel_scales(), value.q_per_channel_zero_points()
            assert (found.tensors[f"{name}.scales"].numpy() == scales.numpy()).all()
            assert (found.tensors[f"{name}.zero_points"].numpy() == zeros.numpy()).all()
        elif value.is_quantized:
            assert str(value.q_scale()) in found.tensors[name].metadata["quantizer"]


CASES = [(make, form) for form in ("zip", "legacy", "script") for make in NETS]
CASES += [(static, "trace"), (traced_by_fx, "trace")]  # neither pickle nor script takes the latter


@pytest.mark.parametrize(("make", "form"), CASES)
def test_packed_weights_are_tensors(make: Any, form: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    with warnings.catch_warnings(), engine("fbgemm"):
        warnings.simplefilter("ignore")
        net = make()
        if form == "script":
            torch.jit.script(net).save(path)
        elif form == "trace":
            torch.jit.trace(net, EXAMPLE).save(path)
        else:
            torch.save(net, path, _use_new_zipfile_serialization=form == "zip")
        check(path, dict(tensors("", net.state_dict())))


@pytest.mark.parametrize("name", ["_TorchScriptTesting._PickleTester", "rnn", "quantizedX.Y", None])
def test_other_objects_of_cpp_are_not_built(name: str | None, tmp_path: Path) -> None:
    """Their class runs its own code when it is given its state."""
    path = tmp_path / "object.pkl"
    state = b""
    if name is not None:
        text = f"__torch__.torch.classes.{name}".encode()
        state = b"NX" + len(text).to_bytes(4, "little") + text + b"\x86b"
    path.write_bytes(b"\x80\x02ctorch\nScriptObject\n)\x81" + state + b".")
    assert modelport.open(path).level is Level.DANGEROUS
