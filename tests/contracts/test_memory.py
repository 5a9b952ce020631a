"""Memory stays bounded: weights of any size need a small constant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.samples import WRITERS, big_model

from modelport.formats.format import Format
from modelport.model.report import Report
from modelport.wire.output import Output

BLOCKS = 384
LIMIT_MB = 200
"""The weights alone are twice as much."""

# The kernel's peak is asked for, because a child inherits the peak that getrusage tells.
CONVERT = """
import re, sys
from pathlib import Path
import modelport
modelport.convert(sys.argv[1], sys.argv[2], to=sys.argv[3], verify=False)
print(int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.parametrize("found", WRITERS, ids=[found.name for found in WRITERS])
def test_converting_big_weights_takes_little_memory(found: Format, tmp_path: Path) -> None:
    source = tmp_path / f"big{found.extensions[0]}"
    assert found.write is not None
    with Output(source) as output:
        found.write(big_model(found, BLOCKS), output, Report())
        output.publish()
    target = tmp_path / f"again{found.extensions[0]}"
    convert = [sys.executable, "-c", CONVERT, str(source), str(target), found.name]
    done = subprocess.run(convert, capture_output=True, text=True, check=True)
    assert target.stat().st_size >= BLOCKS << 20
    assert int(done.stdout.split()[-1]) < LIMIT_MB
