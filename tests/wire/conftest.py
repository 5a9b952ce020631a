"""Fixtures for the wire formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Build a file with h5py."""

    def build(fill: Callable[[h5py.File], None], **options: Any) -> Path:
        path = tmp_path / "made.h5"
        with h5py.File(path, "w", **options) as file:
            fill(file)
        return path

    return build
