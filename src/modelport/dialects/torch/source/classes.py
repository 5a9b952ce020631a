"""From containers to classes: equal ones become one class, their differing numbers arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from modelport.dialects.torch.source.constructors import (
    Number,
    argued,
    brief,
    complete,
    masked,
)
from modelport.dialects.torch.source.containers import (
    CLASS,
    DICT,
    LIST,
    SEQUENTIAL,
    Arrangement,
    Container,
    Field,
)
from modelport.dialects.torch.source.function import lines_of, unused
from modelport.dialects.torch.source.inline import replaced
from modelport.dialects.torch.source.loops import looped
from modelport.dialects.torch.source.members import BUFFER, CONSTANT, PARAMETER, Member, Path
from modelport.dialects.torch.source.statements import CHILD, Body, parse, unparse
from modelport.dialects.torch.source.wrap import INDENT


@dataclass(slots=True)
class Class:
    """The text of one class: its constructor's arguments, its attributes, its ``forward``.

    One with ``parts`` is a Sequential of these.
    """

    name: str
    arguments: list[str]
    init: list[str]
    forward: list[str]
    inputs: list[str] = field(default_factory=list)
    parts: list[str] | None = None

    def lines(self) -> Iterator[str]:
        """Logical lines, to be wrapped."""
        base = "nn.Module" if self.parts is None else "nn.Sequential"
        yield f"class {self.name}({base}):"
        yield f"{INDENT}def __init__({', '.join(['self', *self.arguments])}):"
        yield f"{INDENT * 2}super().__init__({', '.join(self.parts or ())})"
        yield from (INDENT * 2 + line for line in self.init)
        if self.forward:
            yield ""
            yield f"{INDENT}def forward({', '.join(['self', *self.inputs])}):"
            yield from (INDENT * 2 + line for line in self.forward)


@dataclass(eq=False, slots=True)
class _Draft:
    """A class as it stands in one place of the model: numbers not yet arguments."""

    container: Container
    init: list[ast.expr]
    forward: list[str]
    inputs: list[str]
    key: str
    numbers: list[Number]


class Classes:
    """Writes every container of a model; ``made`` are the classes, inner ones first."""

    def __init__(self, arranged: Arrangement, types: Mapping[Path, str]) -> None:
        self.arranged = arranged
        self.types = types
        self.made: list[Class] = []
        self._constructors: dict[int, str] = {}
        self._arguments: dict[str, list[str]] = {}
        self._names = {"Model", "F", "nn", "torch", "math", "load"}

    def write(self, model: Container, inputs: Sequence[str], name: str = "Model") -> None:
        """Write the model's own class last, after those it is made of."""
        levels: dict[int, list[Container]] = {}
        _by_height(model, levels)
        for height in sorted(levels):
            families: dict[str, list[_Draft]] = {}
            for container in levels[height]:
                if container is not model:
                    draft = self._draft(container, None)
                    families.setdefault(draft.key, []).append(draft)
            for family in families.values():
                self._family(family)
        if model.kind == SEQUENTIAL:
            parts = [self.constructor(part) for part in model.fields.values()]
            self.made.append(Class(name, [], [], [], parts=parts))
            return
        draft = self._draft(model, inputs)
        self.made.append(
            Class(name, [], _attributes(model, draft.init), draft.forward, draft.inputs)
        )

    def _draft(self, container: Container, inputs: Sequence[str] | None) -> _Draft:
        init = [complete(parse(self.constructor(part))) for part in container.fields.values()]
        forward: list[str] = []
        words: list[str] = []
        if container.body is not None:
            words = list(inputs or _words(container))
            given = [ref.number for ref in container.inputs]
            lines = lines_of(self._reached(container), dict(zip(given, words, strict=True)))
            forward = looped(lines, lambda items: _length(container, items))
        masks = [masked(expression, self._arguments) for expression in init]
        kinds = [
            part.kind if isinstance(part, Member) else "" for part in container.fields.values()
        ]
        key = repr((list(container.fields), kinds, [text for text, _ in masks], words, forward))
        numbers = [number for _, found in masks for number in found]
        return _Draft(container, init, forward, words, key, numbers)

    def _family(self, family: Sequence[_Draft]) -> None:
        """One class for drafts that differ in numbers only."""
        first = family[0]
        name = unused(_agreed([self._hint(draft.container) for draft in family]), self._names)
        self._names.add(name)
        columns = list(zip(*([n.value for n in draft.numbers] for draft in family), strict=True))
        words: dict[tuple[int, ...], str] = {}
        arguments: list[str | None] = []
        for column, number in zip(columns, first.numbers, strict=True):
            if len(set(column)) == 1:
                arguments.append(None)
                continue
            if column not in words:
                words[column] = unused(number.role, set(words.values()))
            arguments.append(words[column])
        given = iter(arguments)
        init = [argued(expression, given) for expression in first.init]
        self.made.append(
            Class(
                name,
                list(words.values()),
                _attributes(first.container, init),
                first.forward,
                first.inputs,
            )
        )
        self._arguments[name] = list(words.values())
        for place, draft in enumerate(family):
            values = ", ".join(str(column[place]) for column in words)
            self._constructors[id(draft.container)] = f"{name}({values})"

    def constructor(self, part: Field) -> str:
        """The expression that makes a part of a container."""
        if isinstance(part, str):
            return part
        if isinstance(part, Member):
            return part.constructor
        if part.kind == CLASS:
            return self._constructors[id(part)]
        inner = [self.constructor(item) for item in part.fields.values()]
        if part.kind == DICT:
            items = [f'"{name}": {text}' for name, text in zip(part.fields, inner, strict=True)]
            return f"nn.ModuleDict({{{', '.join(items)}}})"
        if part.kind == LIST:
            return f"nn.ModuleList([{', '.join(inner)}])"
        return f"nn.Sequential({', '.join(inner)})"

    def _hint(self, container: Container) -> str:
        """What a class is called: by its type, else by its place."""
        found = self.types.get(container.path, "").rpartition(".")[2]
        if (
            found
            and found.isidentifier()
            and found not in ("Sequential", "ModuleList", "Functional")
        ):
            return found[0].upper() + found[1:]
        words = [word for word in container.path if not word.isdigit()] or ["part"]
        word = words[-1]
        if container.path and container.path[-1].isdigit() and word.endswith("s") and len(word) > 3:
            word = word[:-1]
        return "".join(piece[:1].upper() + piece[1:] for piece in re.split(r"_+", word)) or "Part"

    def _reached(self, container: Container) -> Body:
        """The statements with members and children as attributes of ``self``."""
        paths = {str(member): member.path for member in self.arranged.members}
        paths |= {f"{CHILD}{n}": path for n, path in self.arranged.calls.items()}
        depth = len(container.path)

        def text(name: str) -> str | None:
            path = paths.get(name)
            if path is None:
                return None
            return "self" + "".join(self._step(container, path, i) for i in range(depth, len(path)))

        assert container.body is not None
        return replaced(container.body, text)

    def _step(self, container: Container, path: Path, place: int) -> str:
        name = path[place]
        if not name.isdigit():
            return f".{name}"
        part: Field = container
        for word in path[len(container.path) : place]:
            part = part.fields[word] if isinstance(part, Container) else part
        kind = part.kind if isinstance(part, Container) else ""
        if kind == CLASS:
            return f'.get_submodule("{name}")'
        return f'["{name}"]' if kind == DICT else f"[{name}]"


def _by_height(container: Container, levels: dict[int, list[Container]]) -> int:
    heights = [
        _by_height(part, levels)
        for part in container.fields.values()
        if isinstance(part, Container)
    ]
    height = max(heights, default=-1) + (container.kind == CLASS)
    if container.kind == CLASS:
        levels.setdefault(height, []).append(container)
    return height


def _length(container: Container, items: str) -> int:
    """How many parts the list has that an expression reaches from a container."""
    part: Field = container
    for word in re.findall(r"\w+", items)[1:]:
        part = part.fields[word] if isinstance(part, Container) else part
    return len(part.fields) if isinstance(part, Container) else 0


def _words(container: Container) -> list[str]:
    """What the arguments of a ``forward`` are called."""
    taken: set[str] = set()
    found = []
    for ref in container.inputs:
        word = unused(ref.hint or "x", taken)
        taken.add(word)
        found.append(word)
    return found


def _attributes(container: Container, init: Sequence[ast.expr]) -> list[str]:
    lines = []
    for (name, part), expression in zip(container.fields.items(), init, strict=True):
        text = unparse(brief(expression))
        kind = part.kind if isinstance(part, Member) else ""
        if kind == PARAMETER:
            lines.append(f"self.{name} = nn.Parameter({text})")
        elif kind == BUFFER:
            lines.append(f'self.register_buffer("{name}", {text})')
        elif kind == CONSTANT:
            lines.append(f'self.register_buffer("{name}", {text}, persistent=False)')
        elif name.isdigit():
            lines.append(f'self.add_module("{name}", {text})')
        else:
            lines.append(f"self.{name} = {text}")
    return lines


def _agreed(hints: Sequence[str]) -> str:
    """One name for a class that stands in several places."""
    if len(set(hints)) == 1:
        return hints[0]
    first, last = min(hints), max(hints)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[:length].rstrip("_0123456789") or hints[0]
