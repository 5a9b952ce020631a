"""What torch would do beyond computing if it loaded an exported program.

``torch.export.load`` unpickles examples (without restriction where those fail to load with it),
evaluates expressions of extents with ``sympify``, executes guards as Python, finds the functions of
nodes below the module ``torch`` by name, and loads compiled libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelport.errors import ModelportError
from modelport.formats.shared.pickle.members import judge_members
from modelport.formats.shared.pickle.streams import judge_member
from modelport.formats.shared.torch.archive import judge_others, top_folder
from modelport.model.model import Finding, Level, Model
from modelport.wire.source import ByteSource
from modelport.wire.zip import ZipArchive

_SYMBOL = re.compile(r"Symbol\('\w+'(?:, ?\w+=(?:True|False))*\)")
_NUMBER = re.compile(r"(?:Float|Rational)\('[-+\d./eE]+'(?:, ?\w+=\d+)?\)")
_INPUT = re.compile(r"L(?:\['\w+'\]|\[\d+\])+(?:\.(?:size|stride|storage_offset)\(\)(?:\[\d+\])?)?")
_PLAIN = re.compile(r"[\w\s+\-*/%(),<>=!&|~.]*")
_ATTRIBUTE = re.compile(r"[A-Za-z_)]\w*\s*\.\s*[A-Za-z_]")
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_FUNCTIONS = frozenset(
    "Integer Float Rational FloorDiv ModularIndexing Where PythonMod Mod CleanDiv CeilToInt "
    "CeilDiv FloorToInt LShift RShift PowByNatural FloatPow FloatTrueDiv IntTrueDiv ToFloat "
    "TruncToInt TruncToFloat RoundToInt RoundDecimal Identity Max Min Abs floor ceiling sqrt Eq Ne "
    "Lt Le Gt Ge And Or Not and or not Piecewise IsNonOverlappingAndDenseIndicator Mul Add "
    "Pow GreaterThan LessThan StrictGreaterThan StrictLessThan Equality Unequality Xor ITE "
    "BitwiseFn_bitwise_and BitwiseFn_bitwise_or max min abs int float bool round".split()
)
_TARGETS = re.compile(r"torch\.ops(?:\.\w+)+|_operator\.\w+|math\.\w+|torch\._?sym_\w+|#.*|\w+")
_COMPILED = "data/aotinductor/"
_RAW = ("data/weights/", "data/constants/")
"""Where the bytes of tensors lie, which may be anything."""
_MOST_SHOWN = 80


def judge_program(
    archive: ZipArchive, folder: str, member: str, written: Any, model: Model, depth: int = 0
) -> None:
    """Put what loading the program would do into the model's findings.

    ``depth`` is how many archives this one lies in.
    """
    others = []
    for name in archive.members:
        inside = name.removeprefix(folder)
        if inside.startswith(_COMPILED):
            _note(model, "PT2-003", "loads a compiled library", inside)
        elif inside.endswith((".pt", ".pkl", ".pickle")):
            judge_object(archive.open(name), inside, model, depth + 1)
        elif not inside.startswith(_RAW):
            others.append(name)
    for finding in judge_members(archive, others, depth):
        model.findings.append(replace(finding, where=finding.where.removeprefix(folder)))
    for rule, what in _code(written):
        _note(model, rule, what, member.removeprefix(folder))


def judge_object(source: ByteSource, place: str, model: Model, depth: int = 1) -> None:
    """Judge an object of ``torch.save`` that torch would unpickle: in a zip, or as it is.

    ``depth`` is how many archives it lies in.
    """
    head = source.read_at(0, min(4, source.size))
    if head[:2] == b"PK":
        try:
            inner = ZipArchive(source)
        except ModelportError as error:
            model.findings.append(Finding("PT2-004", Level.MALFORMED, str(error), place))
            return
        judge_others(inner, f"{top_folder(inner)}/", model, (), depth)
    elif head:
        judge_member(source, model.findings, place)


def _note(model: Model, rule: str, what: str, where: str) -> None:
    finding = Finding(rule, Level.DANGEROUS, what, where)
    if finding not in model.findings:
        model.findings.append(finding)


def _code(written: Any) -> Iterator[tuple[str, str]]:
    """What torch would evaluate or look up, where it is more than arithmetic with operators."""
    waiting = [written]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
            text = value.get("expr_str")
            if isinstance(text, str) and not _is_arithmetic(text):
                yield "PT2-001", f"evaluates {text[:_MOST_SHOWN]!r}"
            target = value.get("target")
            if isinstance(target, str) and not _TARGETS.fullmatch(target):
                yield "PT2-002", f"calls {target[:_MOST_SHOWN]}"
            for guard in _texts(value.get("guards_code")):
                if not _is_arithmetic(_INPUT.sub("x", guard)):
                    yield "PT2-001", f"executes {guard[:_MOST_SHOWN]!r}"


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _is_arithmetic(text: str) -> bool:
    """Whether an expression is made of numbers, names, operators and known functions."""
    bare = _NUMBER.sub("1", _SYMBOL.sub("s", text))
    return (
        _PLAIN.fullmatch(bare) is not None
        and "__" not in bare
        and _ATTRIBUTE.search(bare) is None
        and all(name in _FUNCTIONS for name in _CALLED.findall(bare))
    )
