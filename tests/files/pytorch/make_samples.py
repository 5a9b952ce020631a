"""Makes the samples of all formats of PyTorch, with torch 2.13 (CPU).

Run it in this folder: ``python make_samples.py``. The tar of the first PyTorch, which nothing
writes any more, is laid out here by hand and loaded with torch, which still reads it.
"""

import argparse
import inspect
import io
import pickle
import struct
import tarfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
FILES = HERE.parent
DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool, torch.complex64, torch.complex128),
    *(torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2),
)


def trained(model: nn.Module, x: torch.Tensor) -> torch.optim.Optimizer:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return optimizer


def source_of(kind: type, *rest: object) -> tuple[list[str], int, str]:
    """The source code that old files keep of a class: only of ours, and without our folders."""
    if kind is not Residual:
        raise OSError("not kept in a sample")
    return inspect.getsourcelines(kind)[0], 0, "residual.py"


torch.serialization.get_source_lines_and_file = source_of


class Residual(nn.Module):
    """A class of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 3, padding=1),
            norm=nn.BatchNorm2d(4),
            act=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            own=Residual(),
            head=nn.Linear(4, 2),
        )
    )


def tensors() -> dict[str, torch.Tensor]:
    base = torch.arange(24.0).reshape(2, 3, 4)
    shared = torch.arange(6.0)
    made = {f"of_{str(dtype).split('.')[1]}": torch.tensor([0, 1, 1]).to(dtype) for dtype in DTYPES}
    return made | {
        "contiguous": base,
        "transposed": base.permute(2, 0, 1),
        "every_second": base[:, :, ::2],
        "expanded": torch.arange(3.0).expand(4, 3),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 5),
        "first": shared[:4],
        "second": shared[2:],
    }


def checkpoint(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict:
    return {
        "epoch": 3,
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "criterion": nn.CrossEntropyLoss(label_smoothing=0.1),
        "note": "made for the tests",
        "args": argparse.Namespace(lr=0.01, layers=[4, 2]),
        "best": {"loss": 0.5, "at": (1, 2)},
    }


def save(value: object, name: str) -> None:
    torch.save(value, FILES / "pytorch" / f"{name}.pt")
    target = FILES / "pytorch-legacy" / f"{name}.pth"
    torch.save(value, target, _use_new_zipfile_serialization=False)


STORAGES = {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}


def tar(path: Path, value: object) -> None:
    """The layout of PyTorch before 0.1.10, for plain tensors that share nothing."""
    found: list[torch.Tensor] = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, part: object) -> object:
            if type(part) is not torch.Tensor:
                return None
            found.append(part.contiguous())
            return len(found)

    saved, storages, parts = io.BytesIO(), io.BytesIO(), io.BytesIO()
    Pickler(saved, 2).dump(value)
    pickle.dump(len(found), storages, 2)
    pickle.dump(len(found), parts, 2)
    for number, tensor in enumerate(found, 1):
        storage = STORAGES[tensor.dtype]
        pickle.dump((100_000 + number, "cpu", storage), storages, 2)
        storages.write(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
        kind = getattr(torch, storage.__name__.replace("Storage", "Tensor"))
        pickle.dump((number, 100_000 + number, kind), parts, 2)
        numbers = [*tensor.shape, *tensor.stride(), 0]
        parts.write(struct.pack(f"<i4x{len(numbers)}q", tensor.dim(), *numbers))
    pickle.dump([], storages, 2)
    facts = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"int": 4}}
    members = {"sys_info": pickle.dumps(facts, 2), "pickle": saved.getvalue()}
    members |= {"tensors": parts.getvalue(), "storages": storages.getvalue()}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    torch.load(path, weights_only=False)


def graphs(model: nn.Module, x: torch.Tensor) -> None:
    model.eval()
    batch = ({0: torch.export.Dim("batch")},)
    exported = torch.export.export(model, (x,), dynamic_shapes=batch)
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    torch.export.save(exported, FILES / "pt2" / "network.pt2")
    torch.jit.script(model).save(str(FILES / "torchscript" / "scripted.pt"))
    torch.jit.trace(model, x).save(str(FILES / "torchscript" / "traced.pt"))
    io_path = FILES / "pt2" / "network.io.npz"
    np.savez(io_path, x0=x.numpy(), y0=model(x).detach().numpy())


def main() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 3, 6, 6)
    model = network()
    optimizer = trained(model, x)
    save(checkpoint(model, optimizer), "checkpoint")
    save(model.state_dict(), "state_dict")
    save(model, "module")
    save(tensors(), "tensors")
    np.savez(
        HERE / "tensors.io.npz",
        **{
            name: tensor.to(torch.float32).numpy() if tensor.is_floating_point() else tensor.numpy()
            for name, tensor in tensors().items()
        },
    )
    tar(FILES / "pytorch-tar" / "checkpoint.pt", checkpoint(model, optimizer))
    tar(FILES / "pytorch-tar" / "module.pt", model)
    graphs(model, x)


if __name__ == "__main__":
    main()
