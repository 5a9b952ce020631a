"""Verdicts on pickles: attacks are dangerous, ordinary objects are not."""

from __future__ import annotations

import argparse
import array
import codecs
import collections
import datetime
import decimal
import enum
import fractions
import functools
import gzip
import io
import logging
import operator
import pathlib
import pickle
import random
import re
import socket
import types
import typing
import uuid
import zoneinfo
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.formats.hostile_helpers import helped
from tests.formats.hostile_pickles import given_more
from tests.formats.pickle_streams import Call, Name, write
from tests.wire.pickle_programs import random_stream

from modelport.formats.shared.pickle.judge import judge
from modelport.model.model import Finding, Level
from modelport.wire.pickle import interpret
from modelport.wire.source import BytesSource


def findings(stream: bytes, own: str = "") -> list[Finding]:
    return judge(interpret(BytesSource(stream, "test.pkl")), "", own)


def level(stream: bytes) -> str:
    levels = {finding.level for finding in findings(stream)}
    for strongest in (Level.DANGEROUS, Level.MALFORMED, Level.NEEDS_CODE):
        if strongest in levels:
            return strongest
    return Level.INERT


RUN = "touch /nowhere/marker"
ATTACKS: dict[str, Any] = {
    "system": Call("os.system", RUN),
    "posix": Call("posix.system", RUN),
    "nt": Call("nt.system", RUN),
    "popen": Call("os.popen", RUN),
    "python 2 commands": Call("commands.getoutput", RUN),
    "subprocess": Call("subprocess.Popen", [RUN]),
    "subprocess as object": Call("subprocess.Popen", [RUN], how="OBJ"),
    "eval": Call("builtins.eval", "1"),
    "python 2 eval": Call("__builtin__.eval", "1"),
    "exec": Call("builtins.exec", "1"),
    "compile": Call("builtins.compile", "1", "x", "exec"),
    "import": Call("builtins.__import__", "os"),
    "open": Call("builtins.open", "/nowhere/x", "w"),
    "python 2 file": Call("__builtin__.file", "/nowhere/x", "w"),
    "map": Call("builtins.map", Name("os.system"), [RUN], how="NEWOBJ"),
    "list of map": Call("builtins.list", Call("builtins.map", Name("os.system"), [RUN])),
    "filter": Call("builtins.filter", Name("os.system"), [RUN]),
    "getattr": Call("builtins.getattr", Name("os.path", "os"), "system"),
    "chain": Call(Call("builtins.getattr", Call("builtins.__import__", "os"), "system"), RUN),
    "attrgetter": Call(
        Call("operator.attrgetter", "system"), Call("importlib.import_module", "os")
    ),
    "methodcaller": Call(Call("operator.methodcaller", "system", RUN), Name("os.path", "os")),
    "runpy": Call("runpy.run_path", "/nowhere/x"),
    "pip": Call("pip.main", ["install", "x"]),
    "pip inside": Call("pip._internal.cli.main.main", ["install", "x"]),
    "timeit": Call("timeit.timeit", "1"),
    "pydoc": Call("pydoc.pipepager", "x", RUN),
    "pydoc import": Call("pydoc.importfile", "/nowhere/x"),
    "hub": Call("torch.hub.load", "x/y", "z"),
    "torch load": Call("torch.load", "/nowhere/x"),
    "jit load": Call("torch.jit.load", "/nowhere/x"),
    "runstring": Call("numpy.testing._private.utils.runstring", "1", {}),
    "numpy load": Call("numpy.load", "/nowhere/x"),
    "numpy fromfile": Call("numpy.fromfile", "/etc/passwd"),
    "numpy save": Call("numpy.save", "/nowhere/x", [1]),
    "memmap": Call("numpy.memmap", "/nowhere/x", "uint8", "w+"),
    "memmap as new": Call("numpy.memmap", "/nowhere/x", "uint8", "w+", how="NEWOBJ"),
    "ctypes": Call("numpy.ctypeslib.load_library", "x", "/nowhere"),
    "dataclasses": Call("dataclasses._create_fn", "f", [], ["1"]),
    "site": Call("site.addpackage", "/nowhere", "x", []),
    "resolve": Call("pkgutil.resolve_name", "os:system"),
    "gzip": Call("gzip.GzipFile", "/nowhere/x", "wb"),
    "sqlite": Call("sqlite3.connect", "/nowhere/x"),
    "shutil": Call("shutil.rmtree", "/nowhere"),
    "webbrowser": Call("webbrowser.open", "http://127.0.0.1"),
    "socket": Call("socket.create_connection", ("127.0.0.1", 9)),
    "urlopen": Call("urllib.request.urlopen", "http://127.0.0.1"),
    "loads": Call("pickle.loads", b"N."),
    "private loads": Call("_pickle.loads", b"N."),
    "marshal": Call("marshal.loads", b"N"),
    "code": Call("code.InteractiveInterpreter", how="INST"),
    "bdb": Call("bdb.Bdb", how="NEWOBJ"),
    "cProfile": Call("cProfile.run", "1"),
    "pandas": Call("pandas.io.pickle.read_pickle", "/nowhere/x"),
    "sklearn fetch": Call("sklearn.datasets._openml.fetch_openml", "x"),
    "setuptools": Call("setuptools._distutils.file_util.write_file", "/nowhere/x", ["x"]),
    "partial called": Call(Call("functools.partial", Name("os.system")), RUN),
    "reconstructor": Call(
        "copyreg._reconstructor", Call("os.system", RUN), Name("builtins.object"), None
    ),
    "newobj of map": Call("copyreg.__newobj__", Name("builtins.map"), Name("os.system"), [RUN]),
    "rebuild from type": Call(
        "torch._tensor._rebuild_from_type_v2", Name("os.system"), Name("torch.Tensor"), (RUN,), {}
    ),
    "planted": Call("a.B", how="NEWOBJ", state={"__setstate__": Name("os.system")}),
    "planted in slots": Call("a.B", how="NEWOBJ", state=(None, {"__class__": Name("os.system")})),
    "codec": Call("_codecs.encode", "x", "zlib_codec"),
    "range in a set": Call("builtins.set", Call("builtins.range", 10**12)),
    "bytes of a size": Call("builtins.bytes", 10**12),
    "factory": Call("collections.defaultdict", Name("os.getcwd")),
    "array of a size": Call(
        "numpy.core.multiarray._reconstruct", Name("numpy.ndarray"), (10**12,), b"b"
    ),
    **given_more("/nowhere/marker"),
    **helped("/nowhere/marker"),
}
DANGEROUS_BYTES = {
    "dotted": b"\x80\x04\x8c\x07logging\x8c\x09os.system\x93\x8c\x01x\x85R.",
    "extension": b"\x80\x02\x82\x05.",
    "modules": b"csys\nmodules\nS'os'\nNs.",
    "state of a class": b"ca\nB\n}b.",
    "number as name": b"\x80\x04\x8c\x02osK\x05\x93.",
    "no stop": b"cos\nsystem\n(S'x'\ntR",
    "broken tail": b"cos\nsystem\n(S'x'\ntR\xff",
    "popped": b"cos\nsystem\n(S'x'\ntR0N.",
    "second state": b"ca\nB\n)\x81}S'__setstate__'\ncos\nsystem\nsbS'x'\nb.",
    "import that acts": b"cantigravity\nx\n.",
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_attacks_are_dangerous(name: str, protocol: int) -> None:
    attack = ATTACKS[name]
    if getattr(attack, "how", "") in ("NEWOBJ", "INST"):  # opcodes that not every protocol has
        protocol = 2
    assert level(write(attack, protocol)) == Level.DANGEROUS
    assert level(write([1, {"a": (attack,)}], protocol)) == Level.DANGEROUS


@pytest.mark.parametrize("name", DANGEROUS_BYTES)
def test_streams_no_pickler_writes_are_dangerous(name: str) -> None:
    assert level(DANGEROUS_BYTES[name]) == Level.DANGEROUS


def test_a_defect_is_told_beside_the_danger() -> None:
    rules = [finding.rule for finding in findings(DANGEROUS_BYTES["broken tail"])]
    assert rules == ["PKL-001", "PKL-020"]


class Color(enum.Enum):
    RED = 1


class Plain:
    def method(self) -> None: ...

    class Inner: ...


ORDINARY: dict[str, Any] = {
    "values": [
        None,
        True,
        1,
        10**30,
        1.5,
        "ä",
        b"\xff",
        (1,),
        {"a": {1}},
        frozenset([2]),
        bytearray(b"x"),
    ],
    "ordered": collections.OrderedDict(a=1, b=[2]),
    "counter": collections.Counter("aab"),
    "default": collections.defaultdict(list, a=[1]),
    "default of default": collections.defaultdict(int),
    "deque": collections.deque([1, 2], maxlen=3),
    "complex": [1 + 2j, slice(1, None), range(3)],
    "dates": [
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
        datetime.time(1, 2),
        datetime.timedelta(1, 2),
        datetime.datetime(2020, 1, 2),
    ],
    "numbers": [decimal.Decimal("1.5"), fractions.Fraction(1, 3)],
    "uuid": uuid.UUID(int=5),
    "paths": [pathlib.Path("a/b"), pathlib.PureWindowsPath("c:/x")],
    "pattern": re.compile("a+"),
    "array": np.arange(6.0).reshape(2, 3),
    "arrays": [
        np.array(["a", "bc"]),
        np.array([1, None], dtype=object),
        np.float32(3),
        np.int64(4),
    ],
    "big-endian": np.arange(3, dtype=">f4"),
    "structured": np.zeros(2, dtype=[("a", "f4"), ("b", "i8", (2,))]),
    "dates of numpy": np.array(["2020-01-01"], dtype="M8[D]"),
    "fortran": np.asfortranarray(np.ones((2, 3))),
    "dtype": [np.dtype("f4"), np.float32],
    "masked": np.ma.masked_array([1, 2], [0, 1]),
    "matrix of numpy": np.zeros((2, 2)).view(np.matrix),
    "random state": np.random.RandomState(1),
    "generator": np.random.default_rng(1),
}
NEEDS_CODE: dict[str, Any] = {
    "namespace": argparse.Namespace(a=1),
    "simple namespace": types.SimpleNamespace(a=1),
    "object": Plain(),
    "inner": Plain.Inner(),
    "method": Plain().method,
    "class": Plain,
    "enum": Color.RED,
    "function": level,
    "partial": functools.partial(print, 1),
    "itemgetter": operator.itemgetter(1),
    "logger": logging.getLogger("x"),
    "random": random.Random(1),
    "names": [operator.attrgetter("a"), operator.methodcaller("a")],
    "typing": typing.List[int],  # noqa: UP006  (this form is pickled by another function)
    "errors": [ValueError("x"), PermissionError(1, "x")],
    "numbers of the system": [Path().stat(), socket.AF_INET],
    "context": decimal.getcontext(),
    "codes": array.array("d", [1]),
    "user dict": collections.UserDict(a=1),
    "zone": zoneinfo.ZoneInfo("UTC"),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_values_are_inert(name: str, protocol: int) -> None:
    assert findings(pickle.dumps(ORDINARY[name], protocol)) == []


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", NEEDS_CODE)
def test_objects_of_unknown_classes_need_code(name: str, protocol: int) -> None:
    found = findings(pickle.dumps(NEEDS_CODE[name], protocol))
    assert {finding.level for finding in found} == {Level.NEEDS_CODE}, found


HARMLESS_CALLS: dict[str, Any] = {
    "enumeration": Call("torchvision.transforms.functional.InterpolationMode", "bilinear"),
    "resampling": Call("PIL.Image.Resampling", 2),
    "activation": Call("a.B", how="NEWOBJ", state={"act": Name("torch.nn.functional.relu")}),
    "quiet function": Call("a.B", how="NEWOBJ", state={"key": Name("math.log"), "n": 1}),
    "choice": Call("argparse.Namespace", how="NEWOBJ", state={"append": True, "add": Name("a.f")}),
    "symbol": Call("sympy.core.symbol.Symbol", "x", how="NEWOBJ"),
    "sum of symbols": Call(
        "sympy.core.add.Add", Call("sympy.core.symbol.Symbol", "x", how="NEWOBJ"), 2, how="NEWOBJ"
    ),
    "functions of packages": Call(
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        how="NEWOBJ",
        state={"func": Name("numpy.log1p"), "act": Name("torch._C._nn.gelu")},
    ),
    "list of one's own": Call("copyreg._reconstructor", Name("a.B"), Name("builtins.list"), [1]),
}


@pytest.mark.parametrize("name", HARMLESS_CALLS)
def test_harmless_calls_need_code(name: str) -> None:
    assert level(write(HARMLESS_CALLS[name], 2)) == Level.NEEDS_CODE


def test_an_enumeration_gets_a_value_and_no_more() -> None:
    place = "torchvision.transforms.functional.InterpolationMode"
    assert level(write(Call(place, "a", Name("os.system")), 2)) == Level.DANGEROUS


def test_graphs_of_torch_fx_say_why() -> None:
    name = "torch.fx.graph_module.reduce_graph_module"
    (finding,) = findings(write(Call(name, {"_code": "def forward(self): ..."}, ""), 2))
    assert finding.level is Level.DANGEROUS
    assert finding.what == f"{name} executes the Python source that the file brings with it"


HELD: dict[str, Any] = {
    f"{name}, {inner}": form(write(Call("os.system", RUN), inner))
    for inner in (0, 1, 2, 4)
    for name, form in {
        "bytes": bytes,
        "text": lambda stream: stream.decode("latin-1"),
        "packed": gzip.compress,
        "array": bytearray,
    }.items()
}
"""A pickle of each protocol as the value of another."""


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", HELD)
def test_a_pickle_in_a_value_is_told_and_leaves_the_verdict(name: str, protocol: int) -> None:
    (finding,) = findings(pickle.dumps({"a": [HELD[name]]}, protocol))
    assert (finding.rule, finding.level) == ("PKL-015", Level.INERT)
    assert "os.system" in finding.what
    assert "dangerous" in finding.what


def test_texts_that_only_look_alike_are_nothing() -> None:
    texts = [
        "cat\nnumpy\n.",
        "import os\nos.system('x')\n",
        "I1\n.",
        "(lp0\n.",
        "N.",
        "]\n",
        "x" * 99,
    ]
    packed = [gzip.compress(b"text\n"), gzip.compress(b"(lp0\n.")[:-4], b"x\x9c\x00"]
    assert findings(pickle.dumps([*texts, *packed], 4)) == []


def test_pickles_in_bytes_are_followed_three_deep() -> None:
    stream = write(Call("os.system", RUN), 4)
    for _ in range(5):
        stream = pickle.dumps({"a": stream}, 4)
    (finding,) = findings(stream)
    assert finding.what.count("holds a pickle") == 3


def test_bytes_that_only_begin_alike_are_nothing() -> None:
    assert (
        findings(pickle.dumps([b"\x80\x04\x00\x01\x02", b"\x80\x03", b"\x80\x02\xff.."], 4)) == []
    )


def test_old_numpy_names_are_the_same() -> None:
    stream = pickle.dumps(np.arange(3), 2).replace(b"numpy._core", b"numpy.core")
    assert findings(stream) == []


def test_classes_of_a_file_are_its_own() -> None:
    stream = write(Call("__torch__.Net", how="NEWOBJ", state={"training": False}))
    assert level(stream) == Level.NEEDS_CODE
    assert findings(stream, own="__torch__.") == []


def test_a_finding_says_what_and_where() -> None:
    (finding,) = findings(write(Call("os.system", RUN)))
    assert finding.rule == "PKL-001"
    assert finding.what == f"calls os.system({RUN!r})"
    assert finding.where.startswith("at byte ")


class Spy:
    """Stands for a global off the list, and tells when it is used."""

    used: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any) -> Any:
        self.used.append(self.name)
        return self


REAL = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "list"): list,
    ("builtins", "dict"): dict,
    ("builtins", "complex"): complex,
    ("builtins", "bytes"): bytes,
    ("datetime", "date"): datetime.date,
    ("_codecs", "encode"): codecs.encode,
    ("fractions", "Fraction"): fractions.Fraction,
}
OFF_THE_LIST = [("os", "system"), ("a.b", "C"), ("numpy", "load"), ("builtins", "eval")]


class Watched(pickle.Unpickler):
    """CPython's unpickler where only what is on our list is real."""

    def find_class(self, module: str, name: str) -> Any:
        Spy.used.append(f"named {module}.{name}") if (module, name) not in REAL else None
        return REAL.get((module, name), Spy(f"{module}.{name}"))

    def persistent_load(self, pid: Any) -> Any:
        return None


def test_what_the_real_unpickler_touches_is_never_inert() -> None:
    rnd = random.Random(11)
    names = [*REAL, *OFF_THE_LIST]
    seen = collections.Counter[str]()
    for _ in range(40_000):
        stream = random_stream(rnd, names)
        Spy.used.clear()
        try:
            Watched(io.BytesIO(stream), encoding="bytes").load()
            seen["loaded"] += 1
        except Exception:  # nonsense, which may have acted before it failed
            seen["failed"] += 1
        if Spy.used:
            seen["acted"] += 1
            assert level(stream) != Level.INERT, (Spy.used, stream)
        if any(not use.startswith("named") and not use.startswith("a.b") for use in Spy.used):
            seen["attacked"] += 1
            assert level(stream) == Level.DANGEROUS, (Spy.used, stream)
    assert min(seen["loaded"], seen["acted"]) > 300
    assert seen["attacked"] > 30
