"""The rules of the house: sizes, circles, the public face, and that ARCHITECTURE.md is true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelport
from modelport.formats.table import CONTAINERS, ENDINGS, load

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "modelport"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = {
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno + 1 <= 60, node.name


def imports(path: Path, *, top_level: bool) -> Iterator[str]:
    """The modelport modules a file imports; with ``top_level`` only those at import time."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelport"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: set(imports(path, top_level=True)) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("module", [m for group in CONTAINERS.values() for m in group])
def test_a_format_imports_no_other_format(module: str) -> None:
    own = f"modelport.formats.{module}"
    common = ("modelport.formats.candidate", "modelport.formats.format", "modelport.formats.shared")
    for name, path in MODULES.items():
        if name == own or name.startswith(f"{own}."):
            for imported in imports(path, top_level=False):
                if imported.startswith("modelport.formats."):
                    assert imported.startswith((own, *common)), f"{name} imports {imported}"


def test_every_ending_leads_to_the_formats_that_have_it() -> None:
    stated = {
        (ending, module)
        for module in {module for group in CONTAINERS.values() for module in group}
        for ending in load(module).extensions
    }
    assert {(end, module) for end, modules in ENDINGS.items() for module in modules} == stated


@pytest.mark.parametrize("dialect", ["keras", "onnx"])
def test_a_dialect_imports_no_other_but_onnx(dialect: str) -> None:
    allowed = (f"modelport.dialects.{dialect}", "modelport.dialects.onnx")
    for name, path in MODULES.items():
        if name.startswith(f"modelport.dialects.{dialect}"):
            for imported in imports(path, top_level=False):
                if imported.startswith("modelport.dialects."):
                    assert imported.startswith(allowed), f"{name} imports {imported}"


def test_architecture_names_exactly_the_folders_there_are() -> None:
    block = re.search(
        r"```\nsrc/modelport/\n(.*?)```", (ROOT / "ARCHITECTURE.md").read_text(), re.S
    )
    assert block is not None
    named = set(re.findall(r"^  ([a-z_0-9]+)/", block.group(1), re.M))
    there = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert named == there


def test_the_public_face_is_complete_and_sorted() -> None:
    assert modelport.__all__ == sorted(modelport.__all__)
    for name in modelport.__all__:
        assert getattr(modelport, name) is not None


def test_every_command_is_documented() -> None:
    from modelport.cli.main import COMMANDS

    readme = (ROOT / "README.md").read_text()
    for name in COMMANDS:
        assert f"modelport {name}" in readme


def test_nothing_unfinished_is_left() -> None:
    marks = re.compile(r"TODO|FIXME|XXX|raise NotImplementedError|except Exception:\s*pass")
    for path in FILES:
        assert not marks.search(path.read_text()), path
