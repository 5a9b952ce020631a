"""Side by side with the peers: ``python benchmarks/run.py [NAME...]`` writes RESULTS.md.

Needs the ``dev`` extra, tf_keras, torch, and as peers ``pip install picklescan`` and ``pip install
--no-deps tf2onnx``. Both sides of a row run in turn on the same machine.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import Cost, cost, make, modelport, python

RESULTS = Path(__file__).parent / "RESULTS.md"

TF2ONNX = """
import sys, tf_keras, tf2onnx
model = tf_keras.models.load_model(sys.argv[1], compile=False)
tf2onnx.convert.from_keras(model, output_path=sys.argv[2])
"""
KERAS_EXPORT = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1], compile=False)
model(np.zeros((1, *model.input_shape[1:]), "float32"))
model.export(sys.argv[2], format="onnx", verbose=False)
"""
H5PY_WALK = """
import sys, h5py
with h5py.File(sys.argv[1]) as file:
    file.visititems(lambda name, item: (name, getattr(item, "shape", None), dict(item.attrs)))
"""
ONNX_LOAD = "import sys, onnx; [t.name for t in onnx.load(sys.argv[1]).graph.initializer]"
SAFE_OPEN = """
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], "np") as file:
    [file.get_slice(name).get_shape() for name in file.keys()]
"""
TORCH_LIST = """
import sys, torch
state = torch.load(sys.argv[1], mmap=True, weights_only=True)
[(name, tensor.dtype, tensor.shape) for name, tensor in state.items()]
"""
TORCH_TO_SAFE = """
import sys, torch
from safetensors.torch import save_file
save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2])
"""
SAFE_TO_TORCH = """
import sys, torch
from safetensors.torch import load_file
torch.save(load_file(sys.argv[1]), sys.argv[2])
"""
CHECKSUM = """
import sys, {module}
data = bytes(range(256)) * 1024
for _ in range(40_000):
    {module}.{name}(data)
"""
PICKLESCAN = "from picklescan.cli import main; main()"

Row = tuple[str, str, Cost]


def convert(folder: Path) -> list[Row]:
    """ResNet50 as Keras HDF5 to ONNX."""
    source = folder / "resnet50.h5"
    make("resnet50_h5", source)
    ours = modelport("convert", str(source), str(folder / "a.onnx"), "--no-verify", "--overwrite")
    return [
        ("ResNet50 .h5 to .onnx", "modelport convert --no-verify", cost(ours)),
        ("", "tf2onnx", cost(python(TF2ONNX, str(source), str(folder / "b.onnx")), 1)),
        ("", "Keras export", cost(python(KERAS_EXPORT, str(source), str(folder / "c.onnx")), 1)),
    ]


def layers(folder: Path) -> list[Row]:
    """Time against the number of layers."""
    rows: list[Row] = []
    for count in (500, 1000, 2000, 5000):
        source = folder / f"chain_{count}.h5"
        make("chain_h5", source, str(count))
        target = str(folder / "chain.onnx")
        command = modelport("convert", str(source), target, "--no-verify", "--overwrite")
        rows.append((f"{count:,} layers to .onnx", "modelport convert --no-verify", cost(command)))
    return rows


def inspect(folder: Path) -> list[Row]:
    """List files of 2 GB."""
    rows: list[Row] = []
    peers = {
        "big.onnx": ("big_onnx", "onnx.load", ONNX_LOAD),
        "big.safetensors": ("big_safetensors", "safetensors.safe_open", SAFE_OPEN),
        "big.h5": ("big_h5", "h5py walk", H5PY_WALK),
    }
    for name, (maker, peer, code) in peers.items():
        path = folder / name
        make(maker, path)
        ours = modelport("inspect", "--json", "--tensors", str(path))
        rows.append((f"list {name}, 2 GB", "modelport inspect", cost(ours)))
        rows.append(("", peer, cost(python(code, str(path)), 1)))
        path.unlink()
    return rows


def weights(folder: Path) -> list[Row]:
    """List and carry a state dict of 2 GB."""
    source, target, back = (folder / name for name in ("big.pt", "big.safetensors", "back.pt"))
    make("big_pt", source)
    listing = modelport("inspect", "--json", "--tensors", str(source))
    rows: list[Row] = [
        ("list big.pt, 2 GB", "modelport inspect", cost(listing)),
        ("", "torch.load, mmap", cost(python(TORCH_LIST, str(source)), 1)),
    ]
    ways = ((source, target, TORCH_TO_SAFE), (target, back, SAFE_TO_TORCH))
    for before, after, peer in ways:
        command = modelport("convert", str(before), str(after), "--overwrite")
        task = f"{before.suffix} to {after.suffix}, 2 GB"
        rows.append((task, "modelport convert --no-verify", cost([*command, "--no-verify"])))
        rows.append(("", "modelport convert, verified", cost(command)))
        copied = folder / "copy"
        rows.append(("", "cp", cost(["cp", str(before), str(copied)])))
        rows.append(("", "torch and safetensors", cost(python(peer, str(before), str(copied)), 1)))
        copied.unlink()
    for path in (source, target, back):
        path.unlink()
    return rows


def checksums(folder: Path) -> list[Row]:
    """CRC-32 and CRC-32C, from the cache."""
    ways = (
        ("modelport.wire.native", "crc32"),
        ("modelport.wire.native", "crc32c"),
        ("zlib", "crc32"),
    )
    rows: list[Row] = []
    for module, name in ways:
        taken = cost(python(CHECKSUM.format(module=module, name=name)))
        rows.append(("" if rows else "checksum of 10.5 GB", f"{module}.{name}", taken))
    return rows


def scan(folder: Path) -> list[Row]:
    """Judge a state dict of 500 MB."""
    path = folder / "half.pt"
    make("big_pt", path, "64")
    peer = python(PICKLESCAN, "--path", str(path))
    return [
        ("scan a state dict, 500 MB", "modelport scan", cost(modelport("scan", str(path)))),
        ("", "picklescan", cost(peer)),
    ]


def start(folder: Path) -> list[Row]:
    """Start-up."""
    return [
        ("start", "modelport --help", cost(modelport("--help"), 5)),
        ("", "bare Python", cost(python("pass"), 5)),
    ]


TABLES: dict[str, Callable[[Path], list[Row]]] = {
    "convert": convert,
    "layers": layers,
    "inspect": inspect,
    "weights": weights,
    "checksums": checksums,
    "scan": scan,
    "start": start,
}


def main(names: list[str]) -> None:
    """Run the named tables (all by default) and write them down."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or list(TABLES):
            rows += TABLES[name](Path(folder))
    lines = ["| task | with | CPU s | peak MB |", "|---|---|---:|---:|"]
    lines += [f"| {task} | {who} | {c.cpu:.2f} | {c.memory:.0f} |" for task, who, c in rows]
    text = "\n".join(lines)
    print(text)
    if not names:
        machine = f"Python {platform.python_version()}, {platform.machine()}, Linux"
        head = f"# Measured side by side\n\n{machine}. Made by `benchmarks/run.py`.\n\n"
        RESULTS.write_text(head + text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
