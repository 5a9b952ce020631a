"""Whoever stops a conversion finds nothing half-written, no temporary folder, no child left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from safetensors.numpy import save_file
from tests.samples import FILES

import modelport
from modelport.errors import MalformedFile, UnreadableFile
from modelport.wire.output import Output

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")

H5 = FILES / "keras-h5" / "gru_rmsprop.h5"
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]

# Says which phase has begun, and stays there until a signal comes.
WAITING = """
import sys, time
from modelport.commands import convert
phase, main = sys.argv.pop(1), __import__("modelport.cli.main", fromlist=["main"]).main
def wait(*a, **k):
    print("now", flush=True)
    time.sleep(60)
if phase == "reading":
    convert.opened = wait
elif phase == "writing":
    convert.sum_up = wait
elif phase == "publishing":
    from modelport.wire import output
    output._sync = wait
elif phase == "tidying":
    import shutil
    real = shutil.rmtree
    def slow(*a, **k):
        print("now", flush=True)
        time.sleep(0.5)
        real(*a, **k)
    from modelport.wire import output
    output.shutil.rmtree = slow
main()
"""


def started(phase: str, target: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WAITING, phase, "convert", str(H5), str(target), *more]
    environment = {**os.environ, "TMPDIR": str(target.parent)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize(("number", "state"), SIGNALS, ids=str)
@pytest.mark.parametrize("phase", ["reading", "writing", "publishing"])
def test_a_stopped_conversion_leaves_nothing(
    phase: str, number: int, state: int, tmp_path: Path
) -> None:
    with started(phase, tmp_path / "a.onnx", "--no-verify") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "now\n"
        running.send_signal(number)
        assert "Traceback" not in running.stderr.read()
    assert running.returncode == state
    assert not list(tmp_path.iterdir())


def test_a_signal_while_tidying_waits(tmp_path: Path) -> None:
    with started("tidying", tmp_path / "a.onnx", "--no-verify") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "now\n"
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert running.returncode in (130, 143)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def children(parent: int) -> list[int]:
    """The processes whose parent is ``parent``."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "state"), [*SIGNALS, (signal.SIGKILL, -9)], ids=str)
def test_a_runtime_ends_with_the_command(number: int, state: int, tmp_path: Path) -> None:
    with started("running", tmp_path / "a.onnx") as running:
        while not (inner := children(running.pid)):
            assert running.poll() is None
            time.sleep(0.01)
        time.sleep(1.0)
        running.send_signal(number)
        running.communicate()
    assert running.returncode == state
    for _ in range(100):
        left = [pid for pid in inner if Path(f"/proc/{pid}").exists()]
        if not left:
            break
        time.sleep(0.1)
    assert not left
    if number != signal.SIGKILL:
        assert not list(tmp_path.iterdir())


def test_an_output_never_entered_goes_with_the_process(tmp_path: Path) -> None:
    code = "import sys; from modelport.wire.output import Output; a = Output(sys.argv[1]); 1 / 0"
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a"], check=False, stderr=subprocess.DEVNULL
    )
    assert not list(tmp_path.iterdir())


def test_handlers_are_as_before(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number, _ in SIGNALS]
    with Output(tmp_path / "a") as output:
        output.path.write_bytes(b"a")
        output.publish()
    assert [signal.getsignal(number) for number, _ in SIGNALS] == before


@pytest.mark.parametrize("target", ["a.npz", "a.safetensors"])
@pytest.mark.parametrize("change", ["cut", "written"])
def test_a_source_that_changes_while_it_is_read(change: str, target: str, tmp_path: Path) -> None:
    source = tmp_path / "source.safetensors"
    save_file({"a": np.arange(1000.0)}, source)

    def meddle(stage: str, path: Path | None, size: int) -> None:
        if stage != "writing":
            return
        with source.open("r+b") as file:
            file.truncate(2000) if change == "cut" else file.write(source.read_bytes())
        os.utime(source, ns=(1, 1))

    error, what = (MalformedFile, "end of file") if change == "cut" else (UnreadableFile, "changed")
    with pytest.raises(error, match=what):
        modelport.convert(source, tmp_path / target, verify=False, progress=meddle)
    assert [path.name for path in tmp_path.iterdir()] == ["source.safetensors"]


@pytest.mark.parametrize("target", ["b.onnx", "b.npz"])
@pytest.mark.parametrize("change", ["cut", "written", "touched", "replaced"])
def test_weights_beside_a_source_that_change(change: str, target: str, tmp_path: Path) -> None:
    beside = tmp_path / "a.onnx.data"
    weight = numpy_helper.from_array(np.arange(5000, dtype=np.float32), "w")
    value = helper.make_tensor_value_info("x", 1, [5000])
    result = helper.make_tensor_value_info("y", 1, [5000])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    made = helper.make_model(helper.make_graph([node], "g", [value], [result], [weight]))
    onnx.save(made, tmp_path / "a.onnx", save_as_external_data=True, location=beside.name)

    def meddle(stage: str, path: Path | None, size: int) -> None:
        if stage != "writing":
            return
        if change == "replaced":
            (tmp_path / "new").write_bytes(beside.read_bytes())
            (tmp_path / "new").replace(beside)
        elif change != "touched":
            with beside.open("r+b") as file:
                file.truncate(2000) if change == "cut" else file.write(bytes(100))
        os.utime(beside, ns=(1, 1))

    with pytest.raises((MalformedFile, UnreadableFile), match=r"changed while|end of file"):
        modelport.convert(tmp_path / "a.onnx", tmp_path / target, verify=False, progress=meddle)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "a.onnx.data"]


# Interrupts itself where nobody reads any more what it prints.
DEAF = """
import os, signal, sys
from modelport.cli.main import main
from modelport.commands import convert
def stop(*a, **k):
    if closed == "both":
        os.dup2(2, 1)
    os.kill(os.getpid(), signal.SIGINT)
convert.opened = stop
closed = sys.argv.pop()
main()
"""


@pytest.mark.parametrize("closed", ["stderr", "both"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_an_interrupt_that_nobody_hears_of(form: list[str], closed: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    convert = ["convert", str(H5), str(tmp_path / "a.onnx"), *form]
    done = subprocess.run(
        [sys.executable, "-c", DEAF, *convert, closed],
        stdout=subprocess.PIPE,
        stderr=writer,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 130
    assert not list(tmp_path.iterdir())
