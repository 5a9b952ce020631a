"""Makes ``arrays.h5``, ``weights.h5`` here and ``with_data.*`` in the folders of Keras files.

With h5py 3.16, run in the folder above: ``python hdf5/make_samples.py``. ``gru_rmsprop.*`` and
``cnn_adam.h5`` were written by Keras 3.15.1 and tf_keras 2.21.0 after three steps of training.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np

HERE = Path(__file__).parent.parent


def arrays(path: Path) -> None:
    rng = np.random.default_rng(5)
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["title"] = "a table of measurements"
        file.attrs["weights"] = np.arange(3.0)
        file["x"] = rng.standard_normal((20, 6)).astype("f4")
        file["x"].attrs["unit"] = "mm"
        file.create_dataset(
            "images/rgb",
            data=rng.integers(0, 255, (20, 4, 4, 3), "u1"),
            chunks=(5, 4, 4, 3),
            compression="gzip",
            shuffle=True,
        )
        file["labels"] = np.arange(20, dtype=">i4")
        file.create_dataset(
            "names", data=[f"row {n}" for n in range(20)], dtype=h5py.string_dtype()
        )


def weights(path: Path) -> None:
    """A state dict, as people write it with h5py: one dataset a name."""
    rng = np.random.default_rng(6)
    shapes = {
        "conv1.weight": (4, 3, 3, 3),
        "bn1.weight": (4,),
        "bn1.bias": (4,),
        "bn1.running_mean": (4,),
        "bn1.running_var": (4,),
        "bn1.num_batches_tracked": (),
        "lstm.weight_ih_l0_reverse": (8, 4),
        "fc/kernel": (4, 2),
    }
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["epoch"] = 3
        for name, shape in shapes.items():
            values = np.asarray(rng.standard_normal(shape), "f4")
            file[name] = np.int64(7) if name.endswith("tracked") else values


def with_data(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with h5py.File(target, "a", libver="earliest") as file:
        file["data/x"] = np.arange(24, dtype="f4").reshape(8, 3)
        file["data/y"] = np.arange(8)
        file.attrs["distributed_config"] = '{"mode": "synchronous"}'


def archive_with_data(source: Path, target: Path) -> None:
    """A ``.keras`` into whose weights somebody put the data."""
    with zipfile.ZipFile(source) as held, zipfile.ZipFile(target, "w") as made:
        for name in held.namelist():
            content = held.read(name)
            if name == "model.weights.h5":
                store = io.BytesIO(content)
                with h5py.File(store, "a") as file:
                    file["layers/gru/history"] = np.linspace(0.0, 1.0, 5)
                    file["layers/gru"].attrs["note"] = "second attempt"
                    file.attrs["author"] = "Ada"
                content = store.getvalue()
            made.writestr(zipfile.ZipInfo(name), content)


if __name__ == "__main__":
    arrays(HERE / "hdf5" / "arrays.h5")
    weights(HERE / "hdf5" / "weights.h5")
    with_data(HERE / "keras-h5" / "gru_rmsprop.h5", HERE / "keras-h5" / "with_data.h5")
    with_data(HERE / "keras-weights-h5" / "cnn_adam.h5", HERE / "keras-weights-h5" / "with_data.h5")
    archive_with_data(
        HERE / "keras-v3" / "gru_rmsprop.keras", HERE / "keras-v3" / "with_data.keras"
    )
