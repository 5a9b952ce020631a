"""Tests here need the real frameworks; modules beside them are importable by name."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the frameworks say about numpy and about themselves is not about modelport."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"))


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """First weights, dropout and batches are the same in every run and every order of tests."""
    import keras
    import tf_keras
    import torch

    keras.utils.set_random_seed(0)
    tf_keras.utils.set_random_seed(0)
    torch.manual_seed(0)
