"""Random models of Keras 3 and tf_keras, saved and carried everywhere: a few of very many seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from random_check import problems
from random_models import random_model

keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")


pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("framework", "suffix", "seeds"),
    [
        (keras, ".keras", range(0, 8)),
        (keras, ".h5", range(8, 16)),
        (tf_keras, ".h5", range(0, 12)),
    ],
    ids=["keras", "keras-h5", "tf_keras-h5"],
)
def test_random_models(framework: Any, suffix: str, seeds: range, tmp_path: Path) -> None:
    wrong = []
    for seed in seeds:
        sample = random_model(framework, seed)
        found = [(seed, *problem) for problem in problems(sample, tmp_path, suffix)]
        wrong += [problem for problem in found if problem[1] != "limit"]
    assert not wrong
