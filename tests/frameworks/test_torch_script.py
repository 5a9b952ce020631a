"""TorchScript archives, made live, converted and held against torch itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from tests.frameworks import script_live, torch_live
from tests.frameworks import script_modules as own
from tests.frameworks import script_nets as nets
from torch import nn, rand, randn

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind

pytestmark = pytest.mark.filterwarnings("ignore")

X = randn(3, 4)
PICTURE = randn(2, 4, 8, 8)
TOKENS = torch.tensor([[1, 2, 3], [4, 5, 6]])

MODELS: dict[str, tuple[Any, list[Any], list[list[Any]]]] = {
    "branching": (own.Branching(), [X], [[-X], [randn(5, 4)]]),
    "counting": (own.Counting(), [X], [[randn(5, 4)]]),
    "thrice": (own.Thrice(), [X], [[randn(5, 4)]]),
    "halving": (own.Halving(), [X], [[X * 10]]),
    "breaking": (own.Breaking(), [X], [[X + 5], [randn(9, 4)]]),
    "stepping": (own.Stepping(), [randn(3, 2, 4)], [[randn(5, 2, 4)]]),
    "joining": (own.Joining(), [randn(2, 3, 4)], [[randn(2, 5, 4)]]),
    "returning": (own.Returning(), [X], [[-X.abs()], [X.abs()]]),
    "checking": (own.Checking(), [X], [[randn(5, 4)]]),
    "dense": (own.Dense(), [X], []),
    "naming": (own.Naming(), [X], []),
    "changing": (own.Changing(), [X], [[-X]]),
    "shaping": (own.Shaping(), [randn(2, 3, 4, 5)], [[randn(1, 3, 6, 6)]]),
    "residual": (own.Residual(), [randn(2, 3, 32, 32)], [[randn(1, 3, 64, 64)]]),
    "mobile": (own.Mobile(), [randn(2, 3, 8, 8)], [[randn(1, 3, 6, 6)]]),
    "unet": (own.UNet(), [randn(2, 3, 8, 8)], [[randn(1, 3, 16, 12)]]),
    "encoder": (own.Encoder(), [TOKENS], [[TOKENS[:1]]]),
    "attention": (own.Attention(), [randn(2, 3, 8)], [[randn(1, 5, 8)]]),
    "reader": (own.Reader(), [TOKENS], [[TOKENS[:1]]]),
    "backwards": (nets.Backwards(), [randn(3, 2, 4)], [[randn(5, 2, 4)]]),
    "following": (nets.Following(), [randn(3, 2, 4)], [[randn(5, 2, 4)]]),
    "filling": (nets.Filling(), [X], [[randn(5, 4)]]),
    "sharing": (nets.Sharing(), [X], []),
    "decoding": (nets.Decoding(), [TOKENS], [[TOKENS[:, :1]], [torch.tensor([[1, 3]])]]),
    "nesting": (nets.Nesting(), [X], [[X.abs() / 10], [-X.abs() * 3], [X.abs() * 3]]),
    "maybe": (nets.Maybe(), [X], [[-X]]),
    "missing": (nets.Missing(), [X], [[-X], [X * 9], [-X * 9], [X.abs()], [-X.abs()]]),
    "starting": (nets.Starting(), [X], [[-X], [X * 9], [-X * 9], [randn(9, 4)], [-X.abs()]]),
    "masking": (nets.Masking(), [X], []),
    "splitting": (nets.Splitting(), [X], [[randn(5, 4)]]),
    "narrowing": (nets.Narrowing(), [randn(2, 3, 8, 8)], [[randn(1, 3, 6, 10)]]),
    "vision": (nets.Vision(), [randn(2, 3, 8, 8)], [[randn(1, 3, 8, 8)]]),
    "translating": (nets.Translating(), [TOKENS], [[TOKENS[:1]]]),
    "detecting": (nets.Detecting(), [randn(2, 3, 8, 8)], [[randn(1, 3, 16, 12)]]),
    "carrying": (nets.Carrying(), [randn(2, 3, 4), (randn(1, 2, 5), randn(1, 2, 5))], []),
}


@pytest.mark.parametrize("how", ["script", "freeze"])
@pytest.mark.parametrize("name", MODELS)
def test_scripted_models_agree_with_torch(name: str, how: str, tmp_path: Path) -> None:
    module, inputs, others = MODELS[name]
    script_live.check(module, inputs, tmp_path, how, others)


@pytest.mark.parametrize("name", ["branching", "counting", "changing", "residual", "encoder"])
def test_models_for_phones_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, inputs, others = MODELS[name]
    script_live.check(module, inputs, tmp_path, "mobile", others)


@pytest.mark.parametrize("name", MODELS)
def test_traced_models_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, inputs, _ = MODELS[name]
    script_live.check(module, inputs, tmp_path, "trace")


@pytest.mark.parametrize(
    ("name", "kind"), [("branching", "If"), ("counting", "Loop"), ("halving", "Loop")]
)
def test_control_flow_over_values_stays_control_flow(name: str, kind: str, tmp_path: Path) -> None:
    module, inputs, _ = MODELS[name]
    proto = script_live.check(module, inputs, tmp_path, "script")
    assert kind in [node.op_type for node in proto.graph.node]


ROW, TIME, LINE = [randn(2, 6)], [randn(3, 2, 4)], [randn(2, 4, 9)]
CUBE = [randn(2, 4, 6, 6, 6)]

PLAIN: dict[str, tuple[Any, list[Any]]] = {
    name: (getattr(nn, name)(), ROW)
    for name in (
        "ReLU ReLU6 ELU SELU CELU GELU SiLU Mish Sigmoid Tanh Hardtanh Hardswish Hardsigmoid "
        "LeakyReLU LogSigmoid Softplus Softsign Tanhshrink Softshrink Hardshrink Identity Dropout "
        "AlphaDropout PReLU RReLU GLU MSELoss L1Loss SmoothL1Loss CosineSimilarity PairwiseDistance"
    ).split()
}
for _name in ("MSELoss", "L1Loss", "SmoothL1Loss", "CosineSimilarity", "PairwiseDistance"):
    PLAIN[_name] = (PLAIN[_name][0], [*ROW, randn(2, 6)])
PLAIN |= {
    "Softmax": (nn.Softmax(-1), ROW),
    "LogSoftmax": (nn.LogSoftmax(1), ROW),
    "Softmin": (nn.Softmin(1), ROW),
    "Threshold": (nn.Threshold(0.1, 2.0), ROW),
    "GroupNorm": (nn.GroupNorm(2, 4), [PICTURE]),
    "RMSNorm": (nn.RMSNorm(6), [randn(2, 3, 6)]),
    "Bilinear": (nn.Bilinear(3, 4, 5), [randn(2, 3), randn(2, 4)]),
    "Flatten": (nn.Flatten(), [PICTURE]),
    "Unflatten": (nn.Unflatten(1, (2, 2)), [PICTURE]),
    "ZeroPad2d": (nn.ZeroPad2d(1), [PICTURE]),
    "ReflectionPad2d": (nn.ReflectionPad2d(1), [PICTURE]),
    "ReplicationPad2d": (nn.ReplicationPad2d(1), [PICTURE]),
    "ConstantPad2d": (nn.ConstantPad2d(1, 3.0), [PICTURE]),
    "Fold": (nn.Fold((4, 4), (2, 2), stride=2), [randn(2, 8, 4)]),
    "Unfold": (nn.Unfold(2, stride=2), [PICTURE]),
    "AdaptiveAvgPool2d": (nn.AdaptiveAvgPool2d((4, 2)), [PICTURE]),
    "AdaptiveMaxPool2d": (nn.AdaptiveMaxPool2d(2), [PICTURE]),
    "ChannelShuffle": (nn.ChannelShuffle(2), [PICTURE]),
    "CrossEntropyLoss": (nn.CrossEntropyLoss(), [randn(2, 6), torch.tensor([1, 2])]),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss(), [randn(2, 6), rand(2, 6)]),
    "KLDivLoss": (nn.KLDivLoss(reduction="batchmean"), [randn(2, 6), rand(2, 6)]),
    "NLLLoss": (nn.NLLLoss(), [randn(2, 6), torch.tensor([1, 2])]),
    "LocalResponseNorm": (nn.LocalResponseNorm(2), [PICTURE]),
    "BatchNorm1d of rows": (nn.BatchNorm1d(6), ROW),
}
"""Modules whose code takes tensors of several ranks: only a trace tells which."""

TOLD: dict[str, tuple[Any, list[Any]]] = {
    "Linear": (nn.Linear(6, 3), ROW),
    "Softmax2d": (nn.Softmax2d(), [PICTURE]),
    "Conv1d": (nn.Conv1d(4, 6, 3, padding=1, stride=2), LINE),
    "Conv2d": (nn.Conv2d(4, 6, 3, padding="same", dilation=2), [PICTURE]),
    "Conv2d circular": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), [PICTURE]),
    "Conv2d reflect": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), [PICTURE]),
    "Conv3d": (nn.Conv3d(4, 6, 3, groups=2), CUBE),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 3, stride=2), LINE),
    "ConvTranspose2d": (
        nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, padding=1),
        [PICTURE],
    ),
    "ConvTranspose3d": (nn.ConvTranspose3d(4, 6, 3), CUBE),
    "MaxPool1d": (nn.MaxPool1d(2), LINE),
    "MaxPool2d": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), [PICTURE]),
    "MaxPool2d indices": (nn.MaxPool2d(2, return_indices=True), [PICTURE]),
    "MaxPool3d": (nn.MaxPool3d(2), CUBE),
    "AvgPool1d": (nn.AvgPool1d(2), LINE),
    "AvgPool2d": (nn.AvgPool2d(3, 2, 1), [PICTURE]),
    "AdaptiveAvgPool2d to one": (nn.AdaptiveAvgPool2d(1), [PICTURE]),
    "LPPool2d": (nn.LPPool2d(2, 2), [PICTURE]),
    "BatchNorm1d": (nn.BatchNorm1d(6), [randn(2, 6, 3)]),
    "BatchNorm2d": (nn.BatchNorm2d(4), [PICTURE]),
    "BatchNorm2d plain": (nn.BatchNorm2d(4, affine=False), [PICTURE]),
    "LayerNorm": (nn.LayerNorm(6), [randn(2, 3, 6)]),
    "LayerNorm of two": (nn.LayerNorm((3, 6)), [randn(2, 3, 6)]),
    "InstanceNorm2d": (nn.InstanceNorm2d(4, affine=True), [PICTURE]),
    "Embedding": (nn.Embedding(10, 4), [TOKENS]),
    "Embedding padded": (nn.Embedding(10, 4, padding_idx=0), [torch.tensor([[1, 0], [3, 4]])]),
    **{
        f"EmbeddingBag {mode}": (nn.EmbeddingBag(10, 4, mode=mode), [TOKENS])
        for mode in ("mean", "sum", "max")
    },
    "PixelShuffle": (nn.PixelShuffle(2), [PICTURE]),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), [PICTURE]),
    "CircularPad2d": (nn.CircularPad2d(1), [PICTURE]),
    "Upsample": (nn.Upsample(scale_factor=2), [PICTURE]),
    "Upsample bilinear": (nn.Upsample(None, 2, "bilinear", align_corners=True), [PICTURE]),
    "Upsample size": (nn.Upsample((5, 7), mode="bilinear"), [PICTURE]),
    "Upsample bicubic": (nn.Upsample(scale_factor=2, mode="bicubic"), [PICTURE]),
    "RNNCell": (nn.RNNCell(4, 5), [randn(2, 4)]),
    "LSTMCell": (nn.LSTMCell(4, 5), [randn(2, 4)]),
    "GRUCell": (nn.GRUCell(4, 5), [randn(2, 4)]),
    **{
        f"{kind.__name__} {options}": (kind(4, 5, **options), TIME)
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
        for options in (
            {},
            {"bidirectional": True},
            {"bias": False, "batch_first": True},
            {"num_layers": 2, "bidirectional": True, "dropout": 0.3},
        )
    },
    "LSTM projected": (nn.LSTM(4, 5, proj_size=3), TIME),
    "RNN relu": (nn.RNN(4, 5, nonlinearity="relu"), TIME),
    "MultiheadAttention": (nn.MultiheadAttention(8, 2), [randn(3, 2, 8)] * 3),
    "TransformerEncoderLayer": (nn.TransformerEncoderLayer(8, 2, 16), [randn(3, 2, 8)]),
    "TransformerEncoderLayer first": (
        nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True),
        [randn(3, 2, 8)],
    ),
    "TransformerEncoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        [randn(3, 2, 8)],
    ),
    "TransformerDecoderLayer": (
        nn.TransformerDecoderLayer(8, 2, 16),
        [randn(3, 2, 8), randn(4, 2, 8)],
    ),
    "Transformer": (
        nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
        [randn(2, 3, 8), randn(2, 4, 8)],
    ),
}


@pytest.mark.parametrize("name", PLAIN | TOLD)
def test_traced_modules_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, inputs = (PLAIN | TOLD)[name]
    script_live.check(module, inputs, tmp_path, "trace")


@pytest.mark.parametrize("name", TOLD)
def test_scripted_modules_agree_with_torch(name: str, tmp_path: Path) -> None:
    module, inputs = TOLD[name]
    script_live.check(module, inputs, tmp_path, "script")


def test_a_dict_of_results_becomes_outputs_in_its_order(tmp_path: Path) -> None:
    script_live.check(nets.Named(), [X], tmp_path, "script")


def test_numbers_are_inputs_too(tmp_path: Path) -> None:
    source, target = tmp_path / "source.pt", tmp_path / "target.onnx"
    module = nets.Repeating()
    script_live.save(module, [X, 3, 0.5], "script", source)
    modelport.convert(source, target, verify=False)
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    for count in (0, 3):
        feeds = {"x": X.numpy(), "count": np.asarray(count), "factor": np.asarray(0.5)}
        torch_live.same(session.run(None, feeds)[0], module(X, count, 0.5))


@pytest.mark.parametrize("how", ["trace", "script"])
def test_parts_that_change_in_place_change_their_whole(how: str, tmp_path: Path) -> None:
    script_live.check(nets.Parting(), [X], tmp_path, how)


def test_shared_elements_that_cannot_be_followed_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(nets.Renaming(), [X], "script", source)
    with pytest.raises(ConversionError, match="in place"):
        modelport.convert(source, tmp_path / "target.onnx", verify=False)


def test_a_result_that_is_none_for_some_inputs_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(nets.Sometimes(), [X], "script", source)
    with pytest.raises(ConversionError, match="None for some inputs"):
        modelport.convert(source, tmp_path / "target.onnx", verify=False)


def test_an_input_of_unknown_rank_is_no_guess(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(nn.ReLU(), ROW, "script", source)
    with pytest.raises(ConversionError, match="how many axes"):
        modelport.convert(source, tmp_path / "target.onnx", verify=False)


@pytest.mark.parametrize("how", ["script", "trace"])
def test_what_the_file_does_not_state_is_reported(how: str, tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(own.Checking(), [X], how, source)
    report = modelport.convert(source, tmp_path / "target.onnx", verify=False)
    assumed = {
        (change.where, str(change.component)) for change in report if change.kind is Kind.INVENTED
    }
    assert ("x", "signature") in assumed
    left_out = [change for change in report if "raises an exception" in change.why]
    assert bool(left_out) is (how == "script")


def test_what_a_module_would_keep_is_reported(tmp_path: Path) -> None:
    source = tmp_path / "source.pt"
    script_live.save(nets.Remembering(), [X], "script", source)
    report = modelport.convert(source, tmp_path / "target.onnx", verify=False)
    assert "calls" in {change.where for change in report if change.kind is Kind.INVENTED}


def test_a_module_in_training_is_taken_as_in_evaluation(tmp_path: Path) -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    made = torch.jit.script(module.train())
    torch.jit.save(made, tmp_path / "source.pt")
    report = modelport.convert(tmp_path / "source.pt", tmp_path / "target.onnx", verify=False)
    assert "training" in {change.where for change in report if change.kind is Kind.INVENTED}
    session = onnxruntime.InferenceSession(tmp_path / "target.onnx")
    torch_live.compare(module.eval(), [X], session)


def test_names_of_modules_and_weights_are_kept(tmp_path: Path) -> None:
    proto = script_live.check(own.Residual(), [randn(2, 3, 32, 32)], tmp_path, "script")
    names = {tensor.name for tensor in proto.graph.initializer}
    assert {"stem.0.weight", "block.0.bias", "head.weight"} <= names
    assert any(node.name.startswith("stem/0/") for node in proto.graph.node)
