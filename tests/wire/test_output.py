"""Where nothing can be written, one typed error says so and nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.samples import FILES

import modelport
from modelport.errors import OutputExists, UnreadableFile
from modelport.wire.output import Output

SOURCE = FILES / "keras-h5" / "gru_rmsprop.h5"
MAIN = "from modelport.cli.main import main; main()"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("name", ["a.onnx", "a.keras", "a.h5", "a.safetensors", "a.npz"])
def test_a_disk_that_takes_no_more(name: str, tmp_path: Path) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); {MAIN}"
    command = [sys.executable, "-c", limited, "convert", "--no-verify", SOURCE, tmp_path / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_disk_takes(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="too long"):
        modelport.convert(SOURCE, tmp_path / f"{'x' * 300}.onnx", verify=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_and_a_pipe_are_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="a folder"):
        Output(tmp_path, overwrite=True)
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        Output(tmp_path / "pipe.onnx", overwrite=True)


def test_a_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"mine")
    with pytest.raises(OutputExists):
        Output(tmp_path / "a.onnx")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("options", [["inspect", SOURCE], ["inspect", "--json", "none.h5"]])
def test_standard_output_that_takes_no_more(options: list[str | Path]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", MAIN, *options]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


def test_nobody_reads_on() -> None:
    command = [sys.executable, "-c", MAIN, "inspect", "--layers", str(SOURCE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0
