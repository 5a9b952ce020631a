"""The expressions that make modules: the numbers in them, what these are called, usual settings."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size")
_WINDOW = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    **{f"Conv{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _CONVOLUTION for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": ("channels",) for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": ("kernel_size",) for kind in ("Max", "Avg") for n in (1, 2, 3)},
    "Linear": ("in_features", "out_features"),
    "LayerNorm": ("features",),
    "RMSNorm": ("features",),
    "GroupNorm": ("groups", "channels"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "MultiheadAttention": ("embed_dim", "num_heads"),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), ("input_size", "hidden_size")),
}
"""What the first arguments of modules are called."""
USUAL: dict[str, Mapping[str, int]] = {
    **{f"Conv{n}d": _WINDOW for n in (1, 2, 3)},
    **{
        f"ConvTranspose{n}d": {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1}
        for n in (1, 2, 3)
    },
    **{name: {"num_layers": 1} for name in ("LSTM", "GRU", "RNN")},
}
"""Settings that need not be written."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a constructor and what it is called there."""

    value: int
    role: str


def complete(expression: ast.expr) -> ast.expr:
    """A constructor with its usual settings written out, so that equal modules look equal."""
    made = _copy(expression)
    for call in _calls(made):
        usual = USUAL.get(_name(call), {})
        given = {word.arg: word for word in call.keywords}
        rest = [word for word in call.keywords if word.arg not in usual]
        call.keywords = [
            given.get(name) or ast.keyword(name, ast.Constant(value))
            for name, value in usual.items()
        ] + rest
    return made


def brief(expression: ast.expr) -> ast.expr:
    """A constructor without the settings that need not be written."""
    made = _copy(expression)
    for call in _calls(made):
        usual = USUAL.get(_name(call), {})
        call.keywords = [word for word in call.keywords if not _is_usual(word, usual)]
    return made


def _is_usual(word: ast.keyword, usual: Mapping[str, int]) -> bool:
    value = word.value
    plain = isinstance(value, ast.Constant) and type(value.value) is int
    return (
        plain
        and word.arg is not None
        and word.arg in usual
        and ast.unparse(value) == str(usual[word.arg])
    )


def masked(expression: ast.expr, known: Mapping[str, Sequence[str]]) -> tuple[str, list[Number]]:
    """The text with 0 for every integer, and the integers; ``known`` names arguments of classes."""
    found: list[Number] = []

    def note(value: int, role: str) -> ast.expr:
        found.append(Number(value, role))
        return ast.Constant(0)

    return ast.unparse(_over(expression, known, note)), found


def argued(expression: ast.expr, words: Iterator[str | None]) -> ast.expr:
    """The constructor with arguments in place of some of its integers (None: it stays)."""

    def put(value: int, role: str) -> ast.expr:
        word = next(words)
        return ast.Constant(value) if word is None else ast.Name(word)

    return _over(expression, {}, put)


def _over(
    expression: ast.expr,
    known: Mapping[str, Sequence[str]],
    replace: Callable[[int, str], ast.expr],
) -> ast.expr:
    """The constructor with something else for every integer, in the order of reading."""

    def walk(node: ast.expr, role: str) -> ast.expr:
        if isinstance(node, ast.Constant):
            return replace(node.value, role) if type(node.value) is int else node
        if isinstance(node, ast.Call):
            names = known.get(_name(node)) or ARGUMENTS.get(_name(node), ())
            for place, item in enumerate(node.args):
                node.args[place] = walk(item, names[place] if place < len(names) else "size")
            for word in node.keywords:
                word.value = walk(word.value, word.arg or "size")
        elif isinstance(node, ast.Tuple | ast.List):
            node.elts = [walk(item, role) for item in node.elts]
        elif isinstance(node, ast.Dict):
            node.values = [walk(item, role) for item in node.values]
        return node

    return walk(_copy(expression), "size")


def _calls(expression: ast.expr) -> Iterator[ast.Call]:
    return (node for node in ast.walk(expression) if isinstance(node, ast.Call))


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _copy(expression: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(expression), mode="eval").body
