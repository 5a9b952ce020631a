"""Write plain.safetensors with the safetensors library (0.8.0): one dense layer, no metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def main() -> None:
    rng = np.random.default_rng(0)
    tensors = {
        "dense.weight": rng.random((3, 4), np.float32),
        "dense.bias": np.zeros(3, np.float32),
    }
    path = Path(__file__).with_name("plain.safetensors")
    save_file(tensors, path)
    path.chmod(0o644)


if __name__ == "__main__":
    main()
