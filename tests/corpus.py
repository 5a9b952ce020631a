"""Where real model files lie beside the checkout, and how to walk them."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="needs the corpus in ../shared beside the checkout"
)


def corpus(*formats: str) -> list[str]:
    """The paths, below ``SHARED / "corpus"``, of the manifest's rows of these formats."""
    manifest = SHARED / "corpus" / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    rows = [line.split("\t") for line in manifest.read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[0] in formats]
