"""Makes the samples of weights in several files, with huggingface_hub 2.4 and torch 2.13 (CPU).

Run it in this folder: ``python make_samples.py``.
"""

from pathlib import Path

import numpy as np
import torch
from huggingface_hub import save_torch_state_dict
from torch import nn

HERE = Path(__file__).parent


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Linear(16, 6))
    weights = dict(model.state_dict())
    weights["0.mask"] = torch.tensor([True, False, True])
    weights["half"] = torch.randn(3, 4).to(torch.bfloat16)
    weights["tied"] = weights["0.weight"]
    return weights


def main() -> None:
    weights = state()
    np.savez(HERE / "weights.io.npz", **{n: t.float().numpy() for n, t in weights.items()})
    save_torch_state_dict(weights, HERE, max_shard_size=500)
    save_torch_state_dict(
        weights, HERE, max_shard_size=500, safe_serialization=False,
        filename_pattern="pytorch_model{suffix}.bin",
    )  # fmt: skip
    # As Transformer Engine does: what is no tensor under a name of the state dict.
    first = min(HERE.glob("pytorch_model-*.bin"))
    held = torch.load(first, weights_only=True)
    held["0._extra_state"] = {"scale": 2.0}
    torch.save(held, first)


main()
