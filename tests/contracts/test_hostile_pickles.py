"""Files that would act when they are loaded: seen through, and never set off.

The oracle is the real loader in a child process: whatever makes its marker there is never called
harmless here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.formats.hostile_pickles import CONTAINERS, files
from tests.formats.pickle_streams import Call, write

from modelport.commands.scan import is_unknown, scan_file

REAL = """
import io, json, pickle, sys, os, signal
from pathlib import Path
folder = Path(sys.argv[1])
acted = []
os.chdir(folder)
for path in sorted(folder.glob("*.pkl")):
    marker = folder / f"{path.stem}.marker"
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1); os.dup2(devnull, 2)
        try:
            pickle.load(path.open("rb"))
        except BaseException:
            pass
        import time
        time.sleep(0.01)
        os._exit(0)
    os.waitpid(child, 0)
    import time
    time.sleep(0.02)
    made = [found.name for found in folder.iterdir() if found.suffix not in (".pkl",)]
    if made:
        acted.append(path.name)
        for name in made:
            found = folder / name
            found.rmdir() if found.is_dir() else found.unlink()
print(json.dumps(acted))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """All files in one folder, and what each is called."""
    folder = tmp_path_factory.mktemp("hostile")
    names = {}
    for index, (name, _) in enumerate(files("x")):
        marker = str(folder / f"{index}.marker")
        data = dict(files(marker))[name]
        (folder / f"{index}.pkl").write_bytes(data)
        names[f"{index}.pkl"] = name
    assert len(names) >= 120
    return folder, names


def test_everything_that_acts_is_dangerous_or_malformed(
    built: tuple[Path, dict[str, str]],
) -> None:
    folder, names = built
    levels = {file: scan_file(str(folder / file))["level"] for file in names}
    assert sorted(path.name for path in folder.iterdir()) == sorted(names), "something acted here"
    missed = [names[file] for file, level in levels.items() if level in (None, "inert")]
    assert missed == []
    done = subprocess.run(
        [sys.executable, "-c", REAL, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    acted = json.loads(done.stdout)
    assert len(acted) > 60, "the payloads work"
    wrong = [names[file] for file in acted if levels[file] not in ("dangerous", "malformed")]
    assert wrong == []


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_call_is_seen_in_every_container(container: str, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTAINERS[container](write([Call("os.system", "touch x")], protocol)))
    assert scan_file(str(path))["level"] == "dangerous"


def test_an_archive_of_other_things_is_no_model_file(tmp_path: Path) -> None:
    path = tmp_path / "plain.zip"
    path.write_bytes(CONTAINERS["zip of anything"](b"(no pickle)"))
    described = scan_file(str(path))
    assert is_unknown(described)
    assert described["findings"] == []
