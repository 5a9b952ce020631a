"""Write the npz samples with numpy (2.4.6) itself."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np

HERE = Path(__file__).parent
NAMES = [
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]


def main() -> None:
    values = np.arange(24).reshape(2, 3, 4)
    plain = {name: values.astype(name) for name in NAMES}
    plain["bfloat16"] = values.astype(ml_dtypes.bfloat16)
    plain["scalar"] = np.array(7.5)
    plain["empty"] = np.zeros((0, 4), np.float32)
    np.savez(HERE / "all_dtypes.npz", **plain)
    np.savez_compressed(HERE / "compressed.npz", **plain)
    np.savez(
        HERE / "layouts.npz",
        fortran=np.asfortranarray(values.astype(np.float32)),
        big=values.astype(">f4"),
        big_fortran=np.asfortranarray(values.astype(">i8")),
        complex_big=values.astype(">c8"),
        text=np.array([["a", "äöü"], ["", "bc"]]),
        text_fortran=np.asfortranarray(np.array([["a", "b", "c"], ["d", "e", "f"]])),
        octets=np.array([b"a", b"\x00b"]),
    )
    np.savez(
        HERE / "objects.npz",
        weights=values.astype(np.float32),
        things=np.array([{"a": 1}, [2]], object),
        records=np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        when=np.array(["2026-01-01"], "M8[D]"),
    )
    rng = np.random.default_rng(0)
    np.savez(
        HERE / "training_data.npz",
        x_train=rng.random((6, 4), np.float32),
        y_train=np.arange(6) % 3,
        x_test=rng.random((2, 4), np.float32),
        y_test=np.arange(2),
    )
    np.savez(HERE / "batches.npz", x0=rng.random((8, 4)), x1=rng.random((8, 2)), y0=np.arange(8))
    with io.BytesIO() as buffer:
        np.lib.format.write_array(buffer, values.astype(np.float32), version=(2, 0))
        second = buffer.getvalue()
    with zipfile.ZipFile(HERE / "versions.npz", "w") as archive:
        archive.writestr(zipfile.ZipInfo("two.npy"), second)
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, np.array([(1,)], [("ä", "i4")]), version=(3, 0))
        archive.writestr(zipfile.ZipInfo("three.npy"), buffer.getvalue())
    np.savez(HERE / "other_members.npz", weight=values.astype(np.float32), bias=np.ones(2))
    with zipfile.ZipFile(HERE / "other_members.npz", "a") as archive:
        archive.writestr(zipfile.ZipInfo("notes.txt"), "trained for 3 epochs\n")
        buffer = io.BytesIO()
        np.save(buffer, np.float64(0.5))
        archive.writestr(zipfile.ZipInfo("scale"), buffer.getvalue())


if __name__ == "__main__":
    main()
