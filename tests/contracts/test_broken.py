"""Every broken input ends in one typed error, fast; never a bare exception, a crash or a hang."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tests.samples import SAMPLE_IDS, SAMPLES

import modelport
from modelport.errors import ModelportError
from modelport.formats.format import Format

CUTS = 25
FLIPS = 40
SLOWEST = 5.0
"""Seconds; generous, because the machine may be busy with other tests."""


def open_broken(path: Path) -> None:
    started = time.monotonic()
    try:
        modelport.inspect(path, tensors=True)
        for tensor in modelport.open(path).tensors.values():
            tensor.numpy()
    except ModelportError as error:
        assert str(error)
    assert time.monotonic() - started < SLOWEST


@pytest.mark.parametrize(("found", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_a_cut_file(found: Format, path: Path, tmp_path: Path) -> None:
    whole = path.read_bytes()
    broken = tmp_path / path.name
    for i in range(CUTS):
        broken.write_bytes(whole[: len(whole) * i // CUTS])
        open_broken(broken)


@pytest.mark.parametrize(("found", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_a_file_with_changed_bytes(found: Format, path: Path, tmp_path: Path) -> None:
    chance = random.Random(path.name)
    broken = tmp_path / path.name
    for _ in range(FLIPS):
        data = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 1, 3, 20))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        broken.write_bytes(data)
        open_broken(broken)
