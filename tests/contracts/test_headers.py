"""Reading a header reads no payload and imports no framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.samples import SAMPLE_IDS, SAMPLES, WRITERS, big_model

from modelport.formats.candidate import Candidate
from modelport.formats.format import Format
from modelport.formats.table import identify
from modelport.model.report import Report
from modelport.wire.output import Output

BLOCKS = 32
FRAMEWORKS = {"keras", "onnx", "onnxruntime", "tensorflow", "tf_keras", "torch", "h5py"}
LIGHT = {"onnx", "safetensors"}

LISTING = """
import sys
from modelport.cli.main import cli
try:
    cli.main(["inspect", "--tensors", "--json", sys.argv[1]], standalone_mode=False)
finally:
    print(*sorted(module for module in sys.modules if "." not in module), file=sys.stderr)
"""


@pytest.mark.parametrize("found", WRITERS, ids=[found.name for found in WRITERS])
def test_listing_a_big_file_reads_a_small_part(found: Format, tmp_path: Path) -> None:
    path = tmp_path / f"big{found.extensions[0]}"
    assert found.write is not None
    with Output(path) as output:
        found.write(big_model(found, BLOCKS), output, Report())
        output.publish()
    assert path.stat().st_size >= BLOCKS << 20
    candidate = Candidate(path)
    model = identify(candidate).read(candidate)
    assert sum(tensor.nbytes for tensor in model.tensors.values()) == BLOCKS << 20
    assert candidate.source.bytes_read < 1 << 20


@pytest.mark.parametrize(("found", "path"), SAMPLES, ids=SAMPLE_IDS)
def test_listing_imports_no_framework(found: Format, path: Path) -> None:
    listing = [sys.executable, "-c", LISTING, str(path)]
    done = subprocess.run(listing, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.splitlines()[-1].split())
    assert not loaded & FRAMEWORKS
    if found.name in LIGHT:
        assert not loaded & {"numpy", "rich", "pyfive"}
