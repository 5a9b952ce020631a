"""Big files for the benchmarks, each made by its own framework or an independent writer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

TENSORS = 256
SIDE = 1400
"""256 tensors of 1400 x 1400 float32 are 2.0 GB."""

RESNET50 = """
import sys, numpy as np, tf_keras
tf_keras.utils.set_random_seed(0)
model = tf_keras.applications.ResNet50(weights=None, classifier_activation=None)
random = np.random.default_rng(0)
model.set_weights([random.normal(0, 0.05, w.shape) ** 2 if "variance" in v.name
                   else random.normal(0, 0.05, w.shape)
                   for v, w in zip(model.weights, model.get_weights())])
model.save(sys.argv[1])
"""


def resnet50_h5(path: Path) -> None:
    """ResNet50 with random weights and statistics, and logits, as Keras 2 HDF5."""
    subprocess.run([sys.executable, "-c", RESNET50, str(path)], check=True, capture_output=True)


def chain_h5(path: Path, layers: str) -> None:
    """A chain of small dense layers in the layout of Keras 2 HDF5, made with h5py.

    Keras itself runs out of recursion on chains of thousands of layers.
    """
    import h5py

    names = [f"dense_{i}" for i in range(int(layers))]
    entries: list[dict[str, object]] = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "name": "input_1"}}
    ]
    entries += [
        {"class_name": "Dense", "config": {"name": name, "units": 4, "activation": "relu"}}
        for name in names
    ]
    config = {"class_name": "Sequential", "config": {"name": "chain", "layers": entries}}
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.13.1", "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        for part in range(0, len(names), 1000):
            chosen = [name.encode() for name in names[part : part + 1000]]
            group.attrs[f"layer_names{part // 1000}"] = chosen
        for name in names:
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            layer[f"{name}/kernel:0"] = random.standard_normal((4, 4)).astype(np.float32)
            layer[f"{name}/bias:0"] = random.standard_normal(4).astype(np.float32)


def big_safetensors(path: Path) -> None:
    """2 GB of float32 as safetensors, written by hand as the specification says."""
    size = SIDE * SIDE * 4
    header = {
        f"layer_{i}/kernel": {
            "dtype": "F32",
            "shape": [SIDE, SIDE],
            "data_offsets": [i * size, (i + 1) * size],
        }
        for i in range(TENSORS)
    }
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for i in range(TENSORS):
            file.write(np.full((SIDE, SIDE), i, np.float32).tobytes())


def big_onnx(path: Path) -> None:
    """Just under 2 GB of float32 inside one ONNX file, made with the onnx package."""
    from onnx import TensorProto, helper, numpy_helper

    count = TENSORS - 1
    tensors = [
        numpy_helper.from_array(np.full((SIDE, SIDE), i, np.float32), f"layer_{i}/kernel")
        for i in range(count)
    ]
    names = [f"h{i}" for i in range(count)]
    nodes = [
        helper.make_node("MatMul", [f"h{i - 1}" if i else "x", f"layer_{i}/kernel"], [names[i]])
        for i in range(count)
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE])
    y = helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, ["n", SIDE])
    graph = helper.make_graph(nodes, "big", [x], [y], tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())


def big_h5(path: Path) -> None:
    """2 GB of float32 as a Keras HDF5 weights file, made with h5py."""
    import h5py

    with h5py.File(path, "w") as file:
        names = [f"layer_{i}" for i in range(TENSORS)]
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["keras_version"], file.attrs["backend"] = b"2.13.1", b"tensorflow"
        for i, name in enumerate(names):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0".encode()]
            values = np.full((SIDE, SIDE), i, np.float32)
            group.create_dataset(f"{name}/kernel:0", data=values)


def big_pt(path: Path, tensors: str = str(TENSORS)) -> None:
    """A state dict of float32 with 8 MB a tensor (2 GB by default), saved by torch."""
    import torch

    state = {f"layer_{i}.weight": torch.full((SIDE, SIDE), float(i)) for i in range(int(tensors))}
    torch.save(state, path)


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
