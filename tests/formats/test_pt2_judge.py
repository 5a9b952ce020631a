"""Exported programs that would run code if torch loaded them, made from an ordinary one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.formats.pickle_streams import Call, write
from tests.samples import FILES

import modelport
from modelport.errors import MalformedFile

SOURCE = FILES / "pt2" / "network.pt2"
CODE = "__import__('os').system('touch marker')"


def changed(target: Path, members: dict[str, Callable[[bytes], bytes]], **more: bytes) -> None:
    """The ordinary program with some members changed and others added."""
    with zipfile.ZipFile(SOURCE) as old, zipfile.ZipFile(target, "w") as new:
        folder = old.namelist()[0].split("/")[0]
        for name in old.namelist():
            change = members.get(name.split("/", 1)[1], bytes)
            new.writestr(name, change(old.read(name)))
        for name, content in more.items():
            new.writestr(f"{folder}/{name}", content)


def in_program(change: Callable[[Any], None]) -> dict[str, Callable[[bytes], bytes]]:
    def rewrite(content: bytes) -> bytes:
        program = json.loads(content)
        change(program)
        return json.dumps(program).encode()

    return {"models/model.json": rewrite}


def extent(text: str) -> Callable[[Any], None]:
    def change(program: Any) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        next(iter(values.values()))["sizes"][0] = {"as_expr": {"expr_str": text, "hint": None}}

    return change


def target(text: str) -> Callable[[Any], None]:
    return lambda program: program["graph_module"]["graph"]["nodes"][0].update(target=text)


def guard(text: str) -> Callable[[Any], None]:
    return lambda program: program.update(guards_code=[text])


def saved() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("archive/data.pkl", write(Call("os.system", "touch marker")))
        archive.writestr("archive/version", "3\n")
    return held.getvalue()


EXAMPLES = "data/sample_inputs/model.pt"
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "extent": (in_program(extent(CODE)), "PT2-001"),
    "extent as a call": (in_program(extent("exec(s0)")), "PT2-001"),
    "extent as an attribute": (in_program(extent("s0.func")), "PT2-001"),
    "symbol": (in_program(extent(f"Symbol('s0', real={CODE})")), "PT2-001"),
    "guard": (in_program(guard(f"L['x'].size()[0] == {CODE}")), "PT2-001"),
    "guard of items": (in_program(guard("[].append(1)")), "PT2-001"),
    "target": (in_program(target("torch.hub.load")), "PT2-002"),
    "target of a module": (in_program(target("torch.serialization.os.system")), "PT2-002"),
    "examples": ({EXAMPLES: lambda _: saved()}, "PKL-001"),
    "examples as a pickle": ({EXAMPLES: lambda _: write(Call("os.system", "x"))}, "PKL-001"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_run_is_dangerous(name: str, tmp_path: Path) -> None:
    members, rule = HOSTILE[name]
    changed(tmp_path / "a.pt2", members)
    try:
        found = modelport.inspect(tmp_path / "a.pt2")["verdict"]["findings"]
    except MalformedFile as error:
        found = [{"rule": item.rule, "level": item.level} for item in error.findings]
    assert {"dangerous"} == {item["level"] for item in found if item["rule"] == rule}
    assert rule in [item["rule"] for item in found]


def test_a_compiled_library_is_dangerous(tmp_path: Path) -> None:
    changed(tmp_path / "a.pt2", {}, **{"data/aotinductor/model/a.so": b"\x7fELF"})
    assert modelport.inspect(tmp_path / "a.pt2")["verdict"]["level"] == "dangerous"


@pytest.mark.parametrize(
    "text",
    [
        "s77",
        "Symbol('s77', positive=True, integer=True)",
        "2*s0 + 1",
        "((s0 + 3)//2)*Max(1, s1)",
        "FloorDiv(Symbol('s0', integer=True), 2) + 0.5",
        "(s0 >= 2) & (s0 < 9)",
    ],
)
def test_ordinary_extents_and_guards_are_inert(text: str, tmp_path: Path) -> None:
    def change(program: Any) -> None:
        extent(text)(program)
        guard("L['args'][0].size()[1] == L['kwargs']['x'].stride()[0] + 4")(program)

    changed(tmp_path / "a.pt2", in_program(change))
    assert modelport.inspect(tmp_path / "a.pt2")["verdict"]["level"] == "inert"
