"""From containers to classes: equal ones become one class, their differing numbers arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
from modelport.dialects.torch.source.members import BUFFER, CONSTANT, PARAMETER, Member, Path
from modelport.dialects.torch.source.inline import replaced
from modelport.dialects.torch.source.statements import CHILD, Body
from modelport.dialects.torch.source.wrap import INDENT

_ARGUMENTS = {
    "Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "Conv2d": ("in_channels", "out_channels", "kernel_size"),
    "Conv3d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose1d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose2d": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose3d": ("in_channels", "out_channels", "kernel_size"),
    "Linear": ("in_features", "out_features"),
    "BatchNorm1d": ("features",),
    "BatchNorm2d": ("channels",),
    "BatchNorm3d": ("channels",),
    "LayerNorm": ("features",),
    "GroupNorm": ("groups", "channels"),
    "Embedding": ("count", "features"),
    "LSTM": ("input_size", "hidden_size"),
    "GRU": ("input_size", "hidden_size"),
    "RNN": ("input_size", "hidden_size"),
}
"""What the first arguments of modules are called."""


@dataclass(slots=True)
class Class:
    """The text of one class: its constructor's arguments, its attributes, its ``forward``."""

    name: str
    arguments: list[str]
    init: list[str]
    forward: list[str]
    inputs: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Logical lines, to be wrapped."""
        yield f"class {self.name}(nn.Module):"
        yield f"{INDENT}def __init__({', '.join(['self', *self.arguments])}):"
        yield f"{INDENT * 2}super().__init__()"
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
    numbers: list[tuple[int, str]]


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
        draft = self._draft(model, inputs)
        self.made.append(
            Class(name, [], _attributes(model, draft.init), draft.forward, draft.inputs)
        )

    def _draft(self, container: Container, inputs: Sequence[str] | None) -> _Draft:
        init = [ast.parse(self.constructor(part), mode="eval").body for part in
                container.fields.values()]
        forward: list[str] = []
        words: list[str] = []
        if container.body is not None:
            words = list(inputs or _words(container))
            numbers = [ref.number for ref in container.inputs]
            body = self._reached(container)
            forward = lines_of(body, dict(zip(numbers, words, strict=True)))
        found: list[tuple[int, str]] = []
        masked = [ast.unparse(_masked(expression, found, self._arguments)) for expression in init]
        kinds = [part.kind if isinstance(part, Member) else "" for part in container.fields.values()]
        key = repr((list(container.fields), kinds, masked, words, forward, self._hint(container)))
        return _Draft(container, init, forward, words, key, found)

    def _family(self, family: Sequence[_Draft]) -> None:
        """One class for drafts that differ in numbers only."""
        first = family[0]
        name = unused(self._hint(first.container), self._names)
        self._names.add(name)
        columns = list(zip(*([n for n, _ in draft.numbers] for draft in family), strict=True))
        words: dict[tuple[int, ...], str] = {}
        arguments: list[str | None] = []
        for column, (_, role) in zip(columns, first.numbers, strict=True):
            if len(set(column)) == 1:
                arguments.append(None)
                continue
            if column not in words:
                words[column] = unused(role, set(words.values()))
            arguments.append(words[column])
        given = iter(arguments)
        init = [_argued(expression, given) for expression in first.init]
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
        found = self.types.get(container.path, "")
        if found and found.isidentifier() and found not in ("Sequential", "ModuleList", "Functional"):
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

        assert container.body is not None  # noqa: S101
        return replaced(container.body, text)

    def _step(self, container: Container, path: Path, place: int) -> str:
        name = path[place]
        if not name.isdigit():
            return f".{name}"
        part: Field = container
        for word in path[len(container.path) : place]:
            part = part.fields[word] if isinstance(part, Container) else part
        quoted = isinstance(part, Container) and part.kind == DICT
        return f'["{name}"]' if quoted else f"[{name}]"


def _by_height(container: Container, levels: dict[int, list[Container]]) -> int:
    heights = [
        _by_height(part, levels) for part in container.fields.values() if isinstance(part, Container)
    ]
    height = max(heights, default=-1) + (container.kind == CLASS)
    if container.kind == CLASS:
        levels.setdefault(height, []).append(container)
    return height


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
        text = ast.unparse(expression)
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


def _integers(expression: ast.expr) -> Iterator[tuple[ast.Constant, ast.Call | None, str]]:
    """The integers in an expression, each with the call and argument it stands in."""

    def walk(node: ast.AST, call: str, word: str) -> Iterator[tuple[ast.Constant, str, str]]:
        if isinstance(node, ast.Constant):
            if type(node.value) is int:
                yield node, call, word
            return
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            for place, item in enumerate(node.args):
                yield from walk(item, name, str(place))
            for keyword in node.keywords:
                yield from walk(keyword.value, name, keyword.arg or "")
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, call, word)

    yield from walk(expression, "", "")  # type: ignore[misc]


def _masked(
    expression: ast.expr, found: list[tuple[int, str]], known: Mapping[str, Sequence[str]]
) -> ast.expr:
    """The expression with 0 for every integer, which are collected with what they are called."""
    copy = ast.parse(ast.unparse(expression), mode="eval").body
    for constant, call, word in list(_integers(copy)):
        names = known.get(str(call)) or _ARGUMENTS.get(str(call), ())
        role = word
        if word.isdigit():
            role = names[int(word)] if int(word) < len(names) else "size"
        found.append((int(constant.value), role or "size"))  # type: ignore[arg-type]
        constant.value = 0
    return copy


def _argued(expression: ast.expr, given: Iterator[str | None]) -> ast.expr:
    """The expression with arguments in place of the integers that differ."""
    copy = ast.parse(ast.unparse(expression), mode="eval").body
    chosen = {id(constant): next(given) for constant, _, _ in list(_integers(copy))}

    class Put(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            word = chosen.get(id(node))
            return node if word is None else ast.Name(word)

    result: ast.expr = Put().visit(copy)
    return result
