"""Nothing named in a file is imported, executed or opened."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.samples import CORPUS, FILES, SAMPLES

# The child opens one file after another under an audit hook and prints every event that a file
# must not cause: code compiled or run, a process, a socket, a path other than its own folder's.
WATCH = """
import json, os, sys
import modelport
from modelport.errors import ModelportError
from modelport.formats.table import formats
list(formats())
for warm in json.loads(sys.argv[1]):
    modelport.inspect(warm)
seen, folder = [], [None]
FORBIDDEN = ("exec", "compile", "marshal.loads", "import", "pickle.find_class", "ctypes.dlopen")
STARTS = ("subprocess.", "socket.", "os.system", "os.exec", "os.spawn", "os.fork")
own = tuple(p for p in sys.path if p)
def hook(event, arguments):
    if folder[0] is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            path = os.path.realpath(os.fsdecode(path))
            if os.path.dirname(path) != folder[0] and not path.startswith(own):
                seen.append([event, path])
    elif event in FORBIDDEN or event.startswith(STARTS):
        if event == "import" and str(arguments[0]).split(".")[0] in STANDARD:
            return
        seen.append([event, str(arguments[:1])])
STANDARD = set(sys.stdlib_module_names) | {"modelport", "numpy", "pyfive", "numcodecs", "ml_dtypes"}
sys.addaudithook(hook)
for path in sys.stdin.read().splitlines():
    folder[0] = os.path.dirname(os.path.realpath(path))
    try:
        modelport.inspect(path, tensors=True)
        for tensor in modelport.open(path).tensors.values():
            if tensor.dtype.name != "object":
                tensor.numpy()
    except ModelportError:
        pass
    folder[0] = None
print(json.dumps(seen))
"""


@pytest.mark.parametrize("group", ["samples", "corpus"])
def test_opening_does_nothing_but_read_the_file(group: str) -> None:
    paths = [path for _, path in SAMPLES] if group == "samples" else CORPUS
    warm = [str(FILES / found.samples[part]) for found, _ in SAMPLES for part in found.samples]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(sorted(set(warm)))],
        input="\n".join(str(path) for path in paths),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
