"""Makes ``brought_code.zip``: classes, functions and objects that cloudpickle and dill write whole.

Members below ``quiet/`` are loaded without any of their code being called; those below ``acting/``
make the file named by the environment variable MARKER when they are loaded, or freed after it. Run
with cloudpickle and dill installed: ``python make_brought_code.py .``. The members are checked
with the real unpicklers, each in a process of its own.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType

import cloudpickle
import dill

import __main__

BASE = """
import abc, collections, dataclasses, enum, functools, os
def act(*args, **keywords):
    __import__('os').close(__import__('os').open(__import__('os').environ['MARKER'], 65))
"""
QUIET = {
    "lambda": "value = lambda x: x + 1",
    "closure": "value = (lambda k: (lambda x: x + k))(3)",
    "partial": "value = functools.partial(lambda a, b: a, 1)",
    "property": "value = property(lambda self: 1)",
    "class": """
class C:
    x = 1
    def f(self):
        return act()
value = C
""",
    "abstract": """
class A(abc.ABC):
    def f(self):
        return act()
class C(A):
    def g(self):
        return super().f()
value = C()
""",
    "object": """
class C:
    def __init__(self):
        self.a = 1
    def f(self):
        return act()
value = [C(), {'a': C()}]
""",
    "called": """
class C:
    def __call__(self):
        return act()
    def __len__(self):
        return act()
    def __repr__(self):
        return act()
value = C()
value.other = C()
""",
    "in another": """
class C:
    def __getitem__(self, k):
        act()
value = C()
value.parts = (C(), lambda x: act())
""",
    "dataclass": """
@dataclasses.dataclass(repr=False)
class D:
    a: int = 1
value = D()
""",
    "enum": """
class E(enum.Enum):
    P = 1
value = E
""",
}
NOT_OF_DILL = ("dataclass", "enum")  # it writes the loader of a module, or a class by name
ACTING = {
    "state": """
class C:
    def __init__(self):
        self.a = 1
    def __setstate__(self, s):
        act()
value = C()
""",
    "new": """
class C:
    def __new__(cls):
        act()
        return object.__new__(cls)
value = C()
""",
    "init": """
class C(Exception):
    def __init__(self, *a):
        act()
value = C()
""",
    "freed": """
class C:
    def __del__(self):
        act()
value = C()
""",
    "inherited": """
class A:
    def __del__(self):
        act()
class C(A):
    pass
value = C()
""",
    "getattr": """
class C:
    def __init__(self):
        self.a = 1
    def __getattr__(self, n):
        act()
        raise AttributeError
value = C()
""",
    "getattribute": """
class C:
    def __init__(self):
        self.a = 1
    def __getattribute__(self, n):
        act()
        return object.__getattribute__(self, n)
value = C()
""",
    "hash": """
class C:
    def __hash__(self):
        act()
        return 1
value = {C(): 1}
""",
    "equal": """
class C(int):
    def __eq__(self, o):
        act()
        return False
    __hash__ = int.__hash__
value = {C(): 1, 0: 2}
""",
    "append": """
class C(list):
    def append(self, x):
        act()
    def extend(self, x):
        act()
value = C([1])
""",
    "item": """
class C(dict):
    def __setitem__(self, k, v):
        act()
value = C.fromkeys([])
dict.__setitem__(value, 1, 2)
""",
    "slot": """
class C:
    __slots__ = ('_a',)
    a = property(lambda self: 1, act)
    def __reduce_ex__(self, p):
        return (__import__('copyreg').__newobj__, (C,), (None, {'a': 1}))
value = C()
""",
    "argument": """
class C:
    def __iter__(self):
        act()
        return iter(())
class W:
    def __reduce__(self):
        return (collections.deque, (C(),))
value = W()
""",
    "factory": """
class W:
    def __reduce__(self):
        return (functools.reduce, (act, [1, 2]))
value = W()
""",
    "hook": """
class A:
    def __init_subclass__(cls):
        act()
class C(A):
    pass
value = C
""",
}
LOAD = """
import gc, pickle, sys
import {0}
x = {0}.load(open(sys.argv[1], "rb"))
del x
gc.collect()
"""


def acts(stream: bytes, package: str, folder: Path) -> bool:
    file, marker = folder / "a.pkl", folder / "marker"
    file.write_bytes(stream)
    done = subprocess.run(
        [sys.executable, "-c", LOAD.format(package), str(file)],
        env={**os.environ, "MARKER": str(marker)},
        capture_output=True,
    )
    if marker.exists():
        marker.unlink()
        return True
    if done.returncode:
        print(done.stderr.decode()[-200:])
    return False


def written(package: ModuleType, source: str, protocol: int) -> bytes:
    """The stream of ``value`` in a program of that source."""
    for key in ("act", "C", "A", "W", "D", "E", "value"):
        __main__.__dict__.pop(key, None)
    __main__.__file__ = "model.py"
    exec(BASE + source, __main__.__dict__)
    keywords = {"recurse": True} if package is dill else {}
    return package.dumps(__main__.value, protocol=protocol, **keywords)


def main(folder: Path) -> None:
    members: dict[str, bytes] = {}
    sources = [("quiet", *pair) for pair in QUIET.items()]
    sources += [("acting", *pair) for pair in ACTING.items()]
    with tempfile.TemporaryDirectory() as work:
        os.environ["MARKER"] = str(Path(work) / "own")
        for kind, name, source in sources:
            for package, protocol in itertools.product((cloudpickle, dill), (2, 4)):
                if package is dill and name in NOT_OF_DILL:
                    continue
                stream = written(package, source, protocol)
                if acts(stream, package.__name__, Path(work)) == (kind == "acting"):
                    members[f"{kind}/{name}.{package.__name__}.{protocol}"] = stream
                else:
                    print("not as said:", kind, name, package.__name__, protocol)
    with zipfile.ZipFile(folder / "brought_code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, stream in members.items():
            archive.writestr(zipfile.ZipInfo(name), stream, zipfile.ZIP_DEFLATED)
    print(len(members))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
