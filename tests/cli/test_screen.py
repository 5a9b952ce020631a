"""What ``inspect`` shows: one screen, 80 columns, and commands that run as they stand."""

from __future__ import annotations

import os
import pickle
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import h5py
import numpy as np
import pytest
from tests.samples import CORPUS, CORPUS_IDS, FILES, SAMPLE_IDS, SAMPLES

from modelport.cli import text
from modelport.cli.inspect import SCREEN, _print
from modelport.commands.inspect import inspect

ALL = [path for _, path in SAMPLES] + CORPUS
IDS = SAMPLE_IDS + CORPUS_IDS
MAIN = "from modelport.cli.main import main; main()"


def screen(path: str | Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    _print(inspect(path), every_layer=False)
    return click.unstyle(capsys.readouterr().out).splitlines()


def suggested(lines: list[str]) -> list[list[str]]:
    """The commands below ``Next``, as a shell reads them."""
    shown = lines[lines.index("Next") + 1 :]
    commands = [line.split("    ")[0] for line in map(str.strip, shown) if "modelport " in line]
    return [shlex.split(line) for line in commands if line.startswith("modelport ")]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    stated = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=stated)


@pytest.mark.parametrize("path", ALL, ids=IDS)
def test_a_file_fits_on_one_screen(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = screen(path, capsys)
    assert len(lines) <= SCREEN
    wide = [line for line in lines[1:] if len(line) > 80 and "modelport " not in line]
    assert not wide
    assert len(suggested(lines)) >= 1


@pytest.mark.filterwarnings("ignore:__array__")
def test_a_file_with_much_of_everything_fits_on_one_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    inputs = [keras.Input((3,), name=f"a_rather_long_name_of_input_{i}") for i in range(30)]
    outputs = [keras.layers.Dense(2, name=f"日本語の名前_{i}")(x) for i, x in enumerate(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss=["mse"] * 30, metrics=[["mae", "mse"]] * 30)
    path = tmp_path / "much.h5"
    model.save(path)
    with h5py.File(path, "a") as file:
        for i in range(50):
            file.attrs[f"note {i}"] = "something that a user wanted to say " * 3
            file[f"data/array_{i}"] = np.zeros((4, i))
    lines = screen(path, capsys)
    assert len(lines) <= SCREEN
    assert sum("--json shows all" in line or "(--json" in line for line in lines) >= 4


@pytest.mark.parametrize("path", [path for _, path in SAMPLES], ids=SAMPLE_IDS)
def test_what_is_suggested_runs(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from modelport.commands.convert import convert
    from modelport.commands.ready import ready
    from modelport.errors import ConversionError

    monkeypatch.chdir(tmp_path)
    awkward = tmp_path / f"it's a {path.name}"
    shutil.copyfile(path, awkward)
    for pattern in ("*.bin", "*-of-*.safetensors", "model_0*.weights.h5"):
        for companion in path.parent.glob(pattern):
            shutil.copyfile(companion, tmp_path / companion.name)
    lines = screen(awkward, capsys)
    for _, command, *arguments in suggested(lines):
        if command == "convert":
            source, target = arguments
            try:
                assert convert(source, target, verify=False).published
            except ConversionError:
                end = target.rpartition("'")[2]
                at = next(i for i, line in enumerate(lines) if line.count(end))
                assert any(", if " in line for line in lines[at : at + 2])
        else:
            assert command == "ready"
            ready(*arguments)


def test_a_target_that_is_there_is_not_suggested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = FILES / "keras-h5" / "gru_rmsprop.h5"
    (tmp_path / "gru_rmsprop.onnx").touch()
    targets = [words[-1] for words in suggested(screen(path, capsys)) if words[1] == "convert"]
    assert targets == ["gru_rmsprop-2.onnx", "gru_rmsprop.keras"]


def test_colours_as_the_environment_says() -> None:
    path = FILES / "keras-h5" / "gru_rmsprop.h5"
    bare = {"NO_COLOR": "", "FORCE_COLOR": ""}
    assert "\x1b[" not in run("inspect", path, **bare).stdout
    assert "\x1b[" in run("inspect", path, **{**bare, "FORCE_COLOR": "1"}).stdout
    assert "\x1b[" not in run("inspect", path, NO_COLOR="1", FORCE_COLOR="1").stdout
    assert "\x1b[" in run("inspect", "none.h5", **{**bare, "FORCE_COLOR": "1"}).stderr


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    done = run("inspect", tmp_path)
    assert done.returncode == 3
    assert "without any file" in done.stderr


def test_other_files_in_a_folder_are_told(tmp_path: Path) -> None:
    shutil.copy(FILES / "keras-h5" / "gru_rmsprop.h5", tmp_path / "b.h5")
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / ".hidden").write_text("hello")
    done = run("inspect", tmp_path)
    assert done.returncode == 0
    assert "b.h5" in done.stdout
    assert "a.txt: no model file" in done.stderr
    assert ".hidden" not in done.stderr
    (tmp_path / "b.h5").unlink()
    assert run("inspect", tmp_path).returncode == 3


@pytest.mark.parametrize("name", ["pytorch/state_dict.pt", "pytorch-legacy/state_dict.pth"])
def test_weights_without_a_graph_name_the_ways_to_one(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = " ".join(screen(FILES / name, capsys))
    assert "no architecture" in shown
    assert "--state" in shown
    assert "--model package.module:factory --run-code" in shown
    assert "--run-code" in inspect(FILES / name)["evidence"]["weights"]


def test_no_more_of_a_long_text_is_broken_into_lines_than_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.pkl"
    path.write_bytes(pickle.dumps([{} for _ in range(3000)]))
    broken: list[int] = []
    whole = text.lines

    def counted(words: str, width: int) -> list[str]:
        broken.append(len(words))
        return whole(words, width)

    monkeypatch.setattr(text, "lines", counted)
    assert len(screen(path, capsys)) <= SCREEN
    assert 0 < max(broken) < 1000
