"""Nothing named in a file is imported, executed or opened."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.samples import CORPUS, SAMPLES

# The child opens one file after another, first to import what modelport itself needs, then under an
# audit hook that notes every event a file must not cause: code compiled or run, an import, a
# process, a socket, or a path other than the file's own folder.
WATCH = """
import json, os, sys
import modelport
from modelport.errors import ModelportError
seen, folder = [], [None]
FORBIDDEN = ("exec", "compile", "marshal.loads", "import", "pickle.find_class", "ctypes.dlopen")
STARTS = ("subprocess.", "socket.", "os.system", "os.exec", "os.spawn", "os.fork")
def hook(event, arguments):
    if folder[0] is None:
        return
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes)):
            path = os.path.realpath(os.fsdecode(path))
            if os.path.dirname(path) != folder[0]:
                seen.append([event, path])
    elif event in FORBIDDEN or event.startswith(STARTS):
        seen.append([event, str(arguments[:1])])
def look(path):
    try:
        modelport.inspect(path, tensors=True)
        for tensor in modelport.open(path).tensors.values():
            tensor.numpy()
    except ModelportError:
        pass
paths = sys.stdin.read().splitlines()
for path in paths:
    look(path)
ours = {"modelport", "numpy", "pyfive", "numcodecs", "fsspec", "ml_dtypes", "typing_extensions",
        "cython_runtime"}
roots = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - ours
sys.addaudithook(hook)
for path in paths:
    folder[0] = os.path.dirname(os.path.realpath(path))
    look(path)
    folder[0] = None
print(json.dumps([seen, sorted(root for root in roots if not root.startswith("_"))]))
"""


@pytest.mark.parametrize("group", ["samples", "corpus"])
def test_opening_does_nothing_but_read_the_file(group: str) -> None:
    paths = [path for _, path in SAMPLES] if group == "samples" else CORPUS
    done = subprocess.run(
        [sys.executable, "-c", WATCH],
        input="\n".join(str(path) for path in paths),
        capture_output=True,
        text=True,
        check=True,
    )
    seen, imported = json.loads(done.stdout.splitlines()[-1])
    assert seen == []
    assert imported == []
