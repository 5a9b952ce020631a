"""The whole source file of a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelport.dialects.torch.source.classes import Classes
from modelport.dialects.torch.source.containers import Arrangement
from modelport.dialects.torch.source.function import unused
from modelport.dialects.torch.source.members import Member, Path
from modelport.dialects.torch.source.statements import Body, Ref
from modelport.dialects.torch.source.wrap import INDENT, wrap

WEIGHTS = "<weights>"
"""What stands in the text for the path of the weights, until the files have names."""

_LOAD = '''
def load(path=WEIGHTS):
    """The model with its weights, ready to predict."""
    model = Model()
    model.load_state_dict(torch.load(path, weights_only=True)["state_dict"])
    return model.eval()
'''


@dataclass(frozen=True, slots=True)
class Title:
    """What stands at the top: what the model is, and what goes in and comes out."""

    text: str
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()


def program(
    body: Body,
    inputs: Sequence[Ref],
    members: Sequence[Member],
    types: Mapping[Path, str],
    title: Title,
    helpers: Sequence[str] = (),
) -> str:
    """The source of a model, with ``WEIGHTS`` for the path of its weights."""
    arranged = Arrangement(members)
    classes = Classes(arranged, types)
    words: list[str] = []
    for ref in inputs:
        words.append(unused(ref.hint or "x", set(words)))
    classes.write(arranged.model(body, inputs), words)
    blocks = [*helpers]
    for made in classes.made:
        lines = [text for line in made.lines() for text in wrap(line)]
        if made.name == "Model":
            lines[1:1] = _docstring(title)
        blocks.append("\n".join(lines))
    blocks.append(_LOAD.strip("\n"))
    code = "\n\n\n".join(blocks)
    top = f"{_imports(code)}\n\nWEIGHTS = {WEIGHTS}"
    return f'"""{_plain(title.text)}"""\n\n{top}\n\n\n{code}\n'


def _docstring(title: Title) -> list[str]:
    lines = [f"{INDENT}{_plain(line)}" for line in (*title.inputs, *title.outputs)]
    if not lines:
        return []
    lines[0] = f'{INDENT}"""{lines[0].strip()}'
    return [*lines, f'{INDENT}"""', ""] if len(lines) > 1 else [f'{lines[0]}"""', ""]


def _imports(code: str) -> str:
    lines = ["import math", ""] if re.search(r"\bmath\.", code) else []
    lines.append("import torch")
    if re.search(r"\bF\.", code):
        lines.append("import torch.nn.functional as F")
    lines.append("from torch import nn")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text of a file that ends no docstring and no line."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return kept.replace("\\", "/").replace('"', "'")
