"""Tensors of every kind that torch saves, against what torch itself says of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import modelport
from modelport.model.model import Level
from modelport.model.report import Kind

SPARSE = {
    "coo": lambda d: d.to_sparse(),
    "hybrid": lambda d: d.to_sparse(1),
    "uncoalesced": lambda d: torch.sparse_coo_tensor([[0, 0, 1], [1, 1, 2]], [1.0, 2.0, 3.0]),
    "empty": lambda d: torch.zeros(3, 4).to_sparse(),
    "csr": lambda d: d.to_sparse_csr(),
    "csc": lambda d: d.to_sparse_csc(),
    "bsr": lambda d: d.to_sparse_bsr((2, 2)),
    "bsc": lambda d: d.to_sparse_bsc((2, 1)),
}
LEGACY = (False, True)


def saved(value: Any, path: Path, legacy: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", LEGACY)
@pytest.mark.parametrize("kind", SPARSE)
def test_sparse_tensors_show_their_parts(kind: str, legacy: bool, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dense = torch.tensor([[0, 1.5, 0, 0], [2, 0, 0, 0], [0, 0, 3.0, 4.0], [0, 0, 0, 0]])
        tensor = SPARSE[kind](dense)
    path = saved({"w": tensor, "b": torch.ones(2)}, tmp_path / "a.pt", legacy)
    model = modelport.open(path)
    assert model.level is Level.INERT
    parts = {name.removeprefix("w."): t for name, t in model.tensors.items() if name != "b"}
    for name, part in parts.items():
        # torch gives the parts of an uncoalesced tensor only under names of its own
        hidden = "coalesced" in parts["values"].metadata
        wanted = getattr(tensor, f"_{name}" if hidden else name)()
        assert np.array_equal(part.numpy(), wanted.numpy()), name
    assert len(parts) == (2 if tensor.layout is torch.sparse_coo else 3)
    assert parts["values"].metadata["shape"] == str(list(tensor.shape))
    assert parts["values"].metadata["layout"] == str(tensor.layout).removeprefix("torch.")
    for ending in (".safetensors", ".npz", ".h5"):
        report = modelport.convert(path, tmp_path / f"b{ending}")
        assert not report.lossless
        assert any(c.where == "w.values" and "shape" in c.why for c in report)
    modelport.convert(path, tmp_path / "again.pt", to="pytorch")
    back = torch.load(tmp_path / "again.pt", weights_only=True)["w"]
    assert back.layout == tensor.layout
    assert torch.equal(back.to_dense(), tensor.to_dense())


QUANTISED = {
    "unsigned": lambda x: torch.quantize_per_tensor(x, 0.1, 10, torch.quint8),
    "signed": lambda x: torch.quantize_per_tensor(x, 0.05, 0, torch.qint8),
    "wide": lambda x: torch.quantize_per_tensor(x, 0.001, 0, torch.qint32),
    "channels": lambda x: torch.quantize_per_channel(
        x, torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 2]), 0, torch.qint8
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("legacy", LEGACY)
@pytest.mark.parametrize("kind", QUANTISED)
def test_quantised_tensors_keep_numbers_and_scales(kind: str, legacy: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    tensor = QUANTISED[kind](torch.randn(3, 4))
    path = saved({"w": tensor, "b": torch.ones(2)}, tmp_path / "a.pt", legacy)
    found = modelport.open(path).tensors
    assert np.array_equal(found["w"].numpy(), tensor.int_repr().numpy())
    if kind == "channels":
        assert np.array_equal(found["w.scales"].numpy(), tensor.q_per_channel_scales().numpy())
        points = tensor.q_per_channel_zero_points().numpy()
        assert np.array_equal(found["w.zero_points"].numpy(), points)
    else:
        assert str(tensor.q_scale()) in found["w"].metadata["quantizer"]
    report = modelport.convert(path, tmp_path / "b.safetensors")
    (change,) = report
    assert change.kind is Kind.DROPPED
    assert change.where == "w"
    assert "per_" in change.why
    modelport.convert(path, tmp_path / "again.pt", to="pytorch")
    back = torch.load(tmp_path / "again.pt", weights_only=True)["w"]
    assert torch.equal(back.dequantize(), tensor.dequantize())


LAZY: dict[str, Callable[[Any], Any]] = {
    "conjugated": lambda c: c.conj(),
    "negated": lambda c: c.conj().imag,
    "both": lambda c: torch._neg_view(c.conj()),
    "part": lambda c: c.conj()[1:, ::2].t(),
}


@pytest.mark.parametrize("legacy", LEGACY)
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
@pytest.mark.parametrize("kind", LAZY)
def test_signs_that_torch_has_put_off(kind: str, dtype: Any, legacy: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    tensor = LAZY[kind](torch.randn(3, 4, dtype=dtype))
    path = saved({"w": tensor}, tmp_path / "a.pt", legacy)
    wanted = tensor.resolve_conj().resolve_neg()
    assert modelport.open(path).tensors["w"].numpy().tobytes() == wanted.numpy().tobytes()
    for target in (tmp_path / "b.npz", tmp_path / "b.pt"):
        modelport.convert(path, target)
        assert modelport.open(target).tensors["w"].numpy().tobytes() == wanted.numpy().tobytes()
    back = torch.load(tmp_path / "b.pt", weights_only=True)["w"]
    assert torch.equal(back, tensor)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("legacy", LEGACY)
def test_complex32_is_shown_as_pairs(legacy: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = torch.randn(3, 4, 2).half()
    tensor = torch.view_as_complex(whole)[1:, ::2].t()
    path = saved({"w": tensor, "b": torch.ones(2)}, tmp_path / "a.pt", legacy)
    found = modelport.open(path).tensors
    assert set(found) == {"w.view_as_real", "b"}
    assert np.array_equal(found["w.view_as_real"].numpy(), torch.view_as_real(tensor).numpy())
    report = modelport.convert(path, tmp_path / "b.npz")
    assert any("complex32" in change.why for change in report)


class Elsewhere:
    """Pickled as torch pickles tensors of XLA and the like."""

    def __init__(self, rebuild: Any, *args: Any) -> None:
        self.reduced = rebuild, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.parametrize("legacy", LEGACY)
def test_tensors_of_devices_without_storages(legacy: bool, tmp_path: Path) -> None:
    values = torch.arange(6.0).reshape(2, 3)
    rebuild = torch._utils._rebuild_device_tensor_from_numpy
    copied = torch._utils._rebuild_device_tensor_from_cpu_tensor
    made = {
        "xla": Elsewhere(rebuild, values.numpy(), torch.float32, "cpu", False),
        "other": Elsewhere(copied, values.t(), torch.float32, "cpu", False),
        "cast": Elsewhere(rebuild, values.numpy(), torch.float16, "cpu", False),
    }
    model = modelport.open(saved(made, tmp_path / "a.pt", legacy))
    assert np.array_equal(model.tensors["xla"].numpy(), values.numpy())
    assert np.array_equal(model.tensors["other"].numpy(), values.t().numpy())
    assert set(model.tensors) == {"xla", "other"}
    assert "cast" in model.extras["python_objects"]


def test_nested_tensors_show_their_parts(tmp_path: Path) -> None:
    rows = [torch.arange(6.0).reshape(2, 3), torch.ones(1, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        strided = torch.nested.nested_tensor(rows)
        jagged = torch.nested.nested_tensor(rows, layout=torch.jagged)
        model = modelport.open(saved({"s": strided, "j": jagged}, tmp_path / "a.pt"))
    assert model.level is Level.NEEDS_CODE
    found = {name: tensor.numpy() for name, tensor in model.tensors.items()}
    assert np.array_equal(found["s.values"], strided.values().numpy())
    assert np.array_equal(found["s.nested_sizes"], strided._nested_tensor_size().numpy())
    assert np.array_equal(found["s.storage_offsets"], strided._nested_tensor_storage_offsets())
    assert np.array_equal(found["j.values"], jagged.values().numpy())
    assert np.array_equal(found["j.offsets"], jagged.offsets().numpy())


OPTIMIZERS = [
    name
    for name in torch.optim.__all__
    if name not in ("Optimizer", "Muon", "SparseAdam")
    and isinstance(kind := getattr(torch.optim, name), type)
    and issubclass(kind, torch.optim.Optimizer)
]


@pytest.mark.parametrize("name", [*OPTIMIZERS, "Muon", "SparseAdam"])
def test_every_optimizer_is_called_by_its_name(name: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    sparse = name == "SparseAdam"
    linear = torch.nn.Linear(4, 3, bias=name != "Muon")
    model = torch.nn.Embedding(4, 3, sparse=True) if sparse else linear
    inputs = torch.tensor([1, 3]) if sparse else torch.randn(5, 4)
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)

    def closure() -> Any:
        optimizer.zero_grad()
        value = model(inputs).square().mean()
        value.backward()
        return value

    for _ in range(2):
        optimizer.step(closure)
    path = saved({"model": model.state_dict(), "optim": optimizer.state_dict()}, tmp_path / "a.pt")
    found = modelport.open(path)
    assert found.training is not None
    assert found.training.optimizer is not None
    assert found.training.optimizer.name == name
    slots = found.optimizer_state.tensors if found.optimizer_state else {}
    for key, state in optimizer.state_dict()["state"].items():
        for slot, value in state.items():
            if isinstance(value, torch.Tensor):
                assert np.array_equal(slots[f"{key}.{slot}"].numpy(), value.numpy())


@pytest.mark.parametrize("legacy", LEGACY)
def test_numpy_inside_a_checkpoint(legacy: bool, tmp_path: Path) -> None:
    values = {
        "array": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        "deep": [{"half": np.ones(3, np.float16)}],
        "records": np.zeros(2, [("a", "i4"), ("b", "f8")]),
        "best": np.float32(1.5),
        "epoch": np.int64(3),
        "done": np.bool_(True),
    }
    path = saved({"model": {"w": torch.ones(2)}, **values}, tmp_path / "a.pt", legacy)
    model = modelport.open(path)
    found = {name: tensor.numpy() for name, tensor in model.tensors.items()}
    assert set(found) == {"w", "array", "fortran", "deep.0.half"}
    assert np.array_equal(found["array"], values["array"])
    assert np.array_equal(found["fortran"], values["fortran"])
    assert {key: model.hyperparameters[key] for key in ("best", "epoch", "done")} == {
        "best": 1.5,
        "epoch": 3,
        "done": True,
    }
    modelport.convert(path, tmp_path / "b.pt", to="pytorch")
    back = torch.load(tmp_path / "b.pt", weights_only=False)
    assert np.array_equal(back["records"], values["records"])
    assert back["best"] == values["best"]


NARROW = ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")


@pytest.mark.parametrize("kind", [*(f"float8_{kind}" for kind in NARROW), "bfloat16", "uint16"])
def test_views_with_steps_of_types_that_numpy_does_not_know(kind: str, tmp_path: Path) -> None:
    whole = torch.arange(1, 25).reshape(4, 6).to(getattr(torch, kind))
    views = {"rows": whole[::2, 1:3], "turned": whole[1:, ::3].t(), "wide": whole[0].expand(3, 6)}
    path = saved(views, tmp_path / "a.pt")
    modelport.convert(path, tmp_path / "b.npz")
    for file in (path, tmp_path / "b.npz"):
        tensors = modelport.open(file).tensors
        for name, view in views.items():
            wanted = view.contiguous().flatten().view(torch.uint8).numpy().tobytes()
            assert np.ascontiguousarray(tensors[name].numpy()).tobytes() == wanted


class Noting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, 2)
        self.handle = self.inner.register_forward_hook(self.note)

    def note(self, *given: Any) -> None:
        pass


HOOKED = {
    "lazy": lambda: torch.nn.Sequential(torch.nn.LazyConv2d(2, 3), torch.nn.LazyBatchNorm2d()),
    "hook": Noting,
    "method": lambda: [torch.nn.Linear(2, 2).forward],
}


@pytest.mark.parametrize("legacy", LEGACY)
@pytest.mark.parametrize("kind", HOOKED)
def test_modules_that_bring_hooks_and_no_values_yet_raise_no_alarm(
    kind: str, legacy: bool, tmp_path: Path
) -> None:
    path = saved(HOOKED[kind](), tmp_path / "a.pt", legacy)
    assert modelport.open(path).level is Level.NEEDS_CODE
