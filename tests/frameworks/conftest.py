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
