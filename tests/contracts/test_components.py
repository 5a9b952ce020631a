"""What a format says it can hold is proved by samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.samples import CORPUS, CORPUS_IDS, FILES, FORMATS, SAMPLE_IDS, SAMPLES

import modelport
from modelport.formats.format import Format
from modelport.formats.table import by_name
from modelport.model.component import Component, Holds
from modelport.model.model import Model

CELLS = [(found, part) for found in FORMATS for part in Component]


@pytest.mark.parametrize(
    ("found", "part"), CELLS, ids=[f"{found.name}-{part}" for found, part in CELLS]
)
def test_each_cell_of_the_table_has_its_proof(found: Format, part: Component) -> None:
    if found.holds[part] is Holds.NEVER:
        assert part not in found.samples
    else:
        model = modelport.open(FILES / found.samples[part])
        assert model.format == found.name
        assert part in model.components


def agrees(model: Model) -> None:
    holds = by_name(model.format).holds
    for part in Component:
        if holds[part] is Holds.ALWAYS:
            assert part in model.components, f"{part} is always there"
        if holds[part] is Holds.NEVER:
            assert part not in model.components, f"{part} is never there"
    assert set(model.evidence) == model.components


@pytest.mark.parametrize(("found", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_a_sample_holds_what_its_format_can(found: Format, path: Path) -> None:
    agrees(modelport.open(path))


@pytest.mark.parametrize("path", CORPUS, ids=CORPUS_IDS)
def test_a_real_file_holds_what_its_format_can(path: Path) -> None:
    agrees(modelport.open(path))
