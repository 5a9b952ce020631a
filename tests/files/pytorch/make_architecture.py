"""Makes ``architecture.pt`` and ``architecture.py``: a network that torch 2.13 exported, converted.

Run it in this folder: ``python make_architecture.py``. No framework writes a checkpoint with its
architecture; torch loads it, and runs the source beside it.
"""

import tempfile
from pathlib import Path

import torch
from torch import nn

import modelport

HERE = Path(__file__).parent


def main() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    ).eval()
    x = torch.randn(2, 1, 4, 4)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "architecture.pt2"
        batch = {0: torch.export.Dim("batch")}
        torch.export.save(torch.export.export(network, (x,), dynamic_shapes=(batch,)), program)
        modelport.convert(program, HERE / "architecture.pt", overwrite=True)
    torch.load(HERE / "architecture.pt", weights_only=True)


if __name__ == "__main__":
    main()
