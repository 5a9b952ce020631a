"""Write all_dtypes.safetensors with the safetensors library (0.8.0): every dtype it stores."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

NAMES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
]
NARROW = [
    "bfloat16",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
]


def main() -> None:
    values = np.arange(6).reshape(2, 3)
    tensors = {
        f"layer.{name}": (values % 2 if name == "bool" else values).astype(name) for name in NAMES
    }
    for name in NARROW:
        tensors[f"layer.{name}"] = (values + 1).astype(getattr(ml_dtypes, name))
    tensors["scalar"] = np.array(7.5, np.float32)
    tensors["empty"] = np.zeros((0, 4), np.float32)
    metadata = {"format": "np", "made by": "make_all_dtypes.py", "licence": "Apache-2.0"}
    save_file(tensors, Path(__file__).with_name("all_dtypes.safetensors"), metadata=metadata)


if __name__ == "__main__":
    main()
