"""Makes the samples of pickles, with scikit-learn 1.9, joblib 1.6 and lz4.

Run it in this folder: ``python make_samples.py``.
"""

import gzip
import pickle
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).parent


def main() -> None:
    random = np.random.default_rng(0)
    x, y = random.random((60, 4)), random.integers(0, 2, 60)
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(x, y)
    held = {
        "layers": [{"w": x.astype("f4"), "b": x[0]}, {"w": np.asfortranarray(x[:5])}],
        "big": np.arange(3, dtype=">i4"),
        "text": np.array(["a", "bcd"]),
        "mixed": np.array([1, None, "x"], object),
        "rate": np.float32(0.5),
        "epoch": 3,
    }
    for protocol in range(6):
        (HERE / f"values_{protocol}.pkl").write_bytes(pickle.dumps(held, protocol))
    (HERE / "forest.pkl").write_bytes(pickle.dumps(forest))
    (HERE / "values.pkl.gz").write_bytes(gzip.compress(pickle.dumps(held), mtime=0))
    joblib.dump({"forest": forest, **held}, HERE / "forest.joblib")
    for name in ("zlib", "bz2", "lzma", "xz", "lz4"):
        joblib.dump({"forest": forest, **held}, HERE / f"forest_{name}.joblib", (name, 3))
    np.savez(HERE / "values.io.npz", w0=held["layers"][0]["w"], b=x[0], w1=x[:5], big=held["big"])


if __name__ == "__main__":
    main()
