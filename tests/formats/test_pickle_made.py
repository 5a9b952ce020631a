"""Classes and functions that a pickle brings along: code that loading calls, and other code."""

from __future__ import annotations

import zipfile
from typing import Any

import pytest
from tests.formats.pickle_streams import Again, Call, Name, write
from tests.samples import FILES

from modelport.formats.shared.pickle.judge import judge
from modelport.model.model import Finding, Level, strongest
from modelport.wire.pickle import interpret
from modelport.wire.source import BytesSource

with zipfile.ZipFile(FILES / "pickle/brought_code.zip") as archive:
    BROUGHT = {name: archive.read(name) for name in archive.namelist()}
"""Streams of cloudpickle and dill; the maker of the sample tried what each does when loaded."""


def findings(stream: bytes) -> list[Finding]:
    return judge(interpret(BytesSource(stream, "test.pkl")))


@pytest.mark.parametrize("name", BROUGHT)
def test_code_that_loading_calls_is_dangerous_and_no_other(name: str) -> None:
    acting = name.startswith("acting/")
    expected = Level.DANGEROUS if acting else Level.NEEDS_CODE
    assert strongest(findings(BROUGHT[name])) is expected


def test_code_that_is_not_called_is_told() -> None:
    for package in ("cloudpickle", "dill"):
        rules = {finding.rule for finding in findings(BROUGHT[f"quiet/lambda.{package}.4"])}
        assert "PKL-016" in rules


CLOUD, DILL = "cloudpickle.cloudpickle", "dill._dill"
FUNCTION = Call(f"{CLOUD}._make_function", Call("types.CodeType"), {}, None, None, None)
TYPE = Name("builtins.type")


def made(body: dict[str, Any], *bases: Any) -> Call:
    return Call(f"{CLOUD}._make_skeleton_class", TYPE, "C", tuple(bases), body, None, None)


def marked(body: dict[str, Any]) -> Call:
    return Call(f"{CLOUD}._make_skeleton_class", TYPE, "C", (), body, "mark", None)


QUIET = made({"method": FUNCTION}, Name("builtins.object"))
ITEM = Call(QUIET, how="NEWOBJ", state={"a": 1})
ORDERED = Call("collections.OrderedDict")
TENSOR = (Call("torch.FloatTensor"), True, ORDERED)
ATTACKS: dict[str, Any] = {
    "its class in a tensor": Call(
        "torch._tensor._rebuild_from_type_v2",
        *(Name("torch._utils._rebuild_parameter"), made({"__setstate__": FUNCTION}), TENSOR, {}),
    ),
    "an object in a tensor": Call("torch._utils._rebuild_parameter", ITEM, True, ORDERED),
    "an object in an array": Call(
        "numpy._core.multiarray._reconstruct", Name("numpy.ndarray"), (0,), b"b", state=(1, ITEM)
    ),
    "an object that is compared": Call(
        "sklearn.pipeline.Pipeline", how="NEWOBJ", state={"_sklearn_version": ITEM}
    ),
    "an object in a set": [Call("builtins.set", [ITEM])],
    "an object for a key": Call("a.B", how="NEWOBJ", state={"a": [{ITEM: 1}]}),
    "an object that is called": Call(ITEM),
    "a class that is called": Call(QUIET),
    "arguments": Call(QUIET, 1, how="NEWOBJ"),
    "a base that acts": Call(made({}, made({"__del__": FUNCTION})), how="NEWOBJ"),
    "a base of the library": Call(made({}, Name("logging.FileHandler")), how="NEWOBJ"),
    "one class under two marks": [
        Call(f"{CLOUD}._class_setstate", marked({}), ({"__del__": FUNCTION}, {})),
        Call(marked({}), how="NEWOBJ"),
    ],
    "a key that is not spelled out": Again(
        Again(
            Call("argparse.Namespace", how="NEWOBJ"),
            Call(
                "collections.OrderedDict",
                [Call("collections.deque", ["__setstate__", Name("os.system")])],
            ),
        ),
        "touch x",
    ),
    "entries of bases": made({"__mro_entries__": FUNCTION}),
    "a module to compare": Call(made({"__module__": ITEM}), how="NEWOBJ"),
    "a metaclass of dill": Call(f"{DILL}._create_type", Name("builtins.exec"), "1", (), {}),
    "a metaclass, called": Call(f"{DILL}._create_type", Name("os.system"), "touch x"),
    "a text of dill": Call(f"{DILL}._getattr", Name("os"), "system", "<a 'b' of 'os'>"),
    "a file of dill": Call(f"{DILL}._create_filehandle", "/nowhere/x", "w", 0, None, 1, 1, ""),
    "a live module": Again(Call(f"{DILL}._import_module", "os"), {"name": 1}),
    "a live class": Call("builtins.setattr", Name("a.B"), "x", FUNCTION),
    "live variables": Call(f"{DILL}._setitems", Name("__builtin__.__main__"), {"a": 1}),
    "a function of a module": Call(
        Call("builtins.getattr", Call(f"{DILL}._import_module", "os"), "system"), "touch x"
    ),
    "a type that acts": Call(Call(f"{DILL}._load_type", "map"), Name("os.system"), ["touch x"]),
    "a list of dill": Call(f"{DILL}._create_array", Name("os.system"), ("touch x",), None),
    "an evaluation": Call(f"{DILL}._eval_repr", "1"),
    "an import that acts": Call(f"{DILL}._create_namedtuple", "x", ("a",), "antigravity"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_could_call_such_code_is_dangerous(name: str) -> None:
    assert strongest(findings(write(ATTACKS[name], 2))) is Level.DANGEROUS


ORDINARY: dict[str, Any] = {
    "in a pipeline": Call(
        "sklearn.pipeline.Pipeline",
        how="NEWOBJ",
        state={"steps": [("a", ITEM)], "_sklearn_version": "1.9.0"},
    ),
    "a module of torch": Call(made({}, Name("torch.nn.modules.module.Module")), how="NEWOBJ"),
    "in protocol 0": Call("copyreg._reconstructor", QUIET, Name("builtins.object"), None),
    "a type of dill": Call(Call(f"{DILL}._load_type", "bytes"), "x", "latin-1"),
    "method of a type": Call("builtins.getattr", Name("builtins.object"), "__new__"),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_keeps_such_code_needs_it(name: str) -> None:
    assert strongest(findings(write(ORDINARY[name], 2))) is Level.NEEDS_CODE
