"""The command line: exit states, JSON on standard output, errors in one paragraph."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.samples import FILES

from modelport.cli.main import COMMANDS

H5 = FILES / "keras-h5" / "gru_rmsprop.h5"
ONNX = FILES / "onnx" / "metadata.onnx"
MAIN = "from modelport.cli.main import main; main()"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_file_alone_is_inspected() -> None:
    done = run(H5)
    assert done.returncode == 0
    assert done.stdout == run("inspect", H5).stdout
    assert "GRU" in done.stdout
    assert "Next" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines() if "modelport " not in line)
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = run(name, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        (["inspect", H5], 0),
        (["inspect", "none.h5"], 3),
        (["inspect", Path(__file__)], 3),
        (["inspect"], 2),
        (["inspect", "--strange", H5], 2),
        (["convert", H5, "b.strange"], 2),
        (["convert", H5, "b.onnx", "--to", "strange"], 2),
        (["convert", ONNX, "b.keras", "--layout", "strange"], 2),
        (["convert", ONNX, "b.pt", "--layout", "channels-last"], 2),
        (["diff", H5, H5], 0),
        (["diff", H5, ONNX], 1),
        (["verify", ONNX, ONNX], 0),
        (["ready", H5], 0),
        (["ready", H5, "none.npz"], 3),
        (["formats"], 0),
    ],
    ids=str,
)
def test_exit_states(
    arguments: list[str | Path], state: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == state
    assert "Traceback" not in done.stderr
    if state in (0, 1) and arguments[0] != "inspect":
        told = json.loads(run(*arguments, "--json").stdout)
        assert told["schema"].startswith("modelport.")


def test_a_layout_that_makes_no_difference_is_told_in_a_line(tmp_path: Path) -> None:
    target = tmp_path / "m.keras"
    done = run("convert", ONNX, target, "--layout", "channels-last", "--no-verify")
    assert done.returncode == 0
    assert "--layout channels-last makes no difference" in done.stdout
    assert target.exists()


def test_an_error_is_one_json_object() -> None:
    done = run("ready", "none.h5", "--json")
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "UnreadableFile"
    assert error["message"]


def test_a_malformed_file_is_still_described(tmp_path: Path) -> None:
    broken = tmp_path / "broken.h5"
    broken.write_bytes(H5.read_bytes()[:9000])
    done = run("inspect", "--json", broken)
    assert done.returncode == 3
    described = json.loads(done.stdout)
    assert described["verdict"]["level"] == "malformed"
    assert described["error"]["type"] == "MalformedFile"


def test_an_existing_target_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "b.onnx"
    target.write_bytes(b"mine")
    done = run("convert", "--no-verify", H5, target)
    assert done.returncode == 2
    assert "--overwrite" in done.stderr
    assert target.read_bytes() == b"mine"
    assert run("convert", "--no-verify", "--overwrite", H5, target).returncode == 0
    assert target.read_bytes() != b"mine"


def test_sides_that_disagree_are_a_no(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", w=np.zeros(2))
    np.savez(tmp_path / "b.npz", w=np.ones(2))
    done = run("verify", "--json", tmp_path / "a.npz", tmp_path / "b.npz")
    assert done.returncode == 1
    assert json.loads(done.stdout)["agree"] is False


def test_a_folder_stands_for_the_models_in_it(tmp_path: Path) -> None:
    for path in (H5, ONNX):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    done = run("inspect", "--json", tmp_path)
    assert done.returncode == 0
    names = [json.loads(line)["format"]["name"] for line in done.stdout.splitlines()]
    assert sorted(names) == ["keras-h5", "onnx"]


def test_names_from_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file({"bad\x1b[31mname": np.zeros(2, np.float32)}, path)
    done = run("inspect", "--tensors", path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout


def test_what_differs_in_training_is_shown(tmp_path: Path) -> None:
    """Two files that differ in a setting of the optimizer alone."""
    import h5py

    other = tmp_path / "other.h5"
    other.write_bytes(H5.read_bytes())
    with h5py.File(other, "a") as file:
        config = json.loads(file.attrs["training_config"])
        config["optimizer_config"]["config"]["rho"] = 0.5
        file.attrs["training_config"] = json.dumps(config)
    done = run("diff", H5, other)
    assert done.returncode == 1
    assert "rho: 0.9 | 0.5" in done.stdout
    assert "8 tensors equal" in done.stdout
