"""tf_keras, the Keras 2 that lives on beside TensorFlow: runs files of Keras 2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelport.runtimes.keras_runtime import Named, predict


def run(
    path: Path, inputs: Sequence[tuple[str, NDArray[Any]]], layers: Sequence[str]
) -> tuple[Named, Named]:
    """The outputs (inference mode) and the outputs of the named layers' first calls."""
    import tf_keras

    given = {"safe_mode": True} if path.suffix == ".keras" else {}
    model = tf_keras.models.load_model(path, compile=False, **given)
    return predict(tf_keras, model, inputs, layers)
