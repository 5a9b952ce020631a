"""What a model owns: its modules, parameters and buffers, each at a path of attributes."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from modelport.model.expression import Expression

Path: TypeAlias = tuple[str, ...]
"""The attributes from the model down; a number is a place in a list or Sequential."""

PREFIX = "_member_"
MODULE, PARAMETER, BUFFER, CONSTANT = "module", "parameter", "buffer", "constant"

_TAKEN = frozenset(
    "T add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double "
    "dump_patches eval extra_repr extend float forward get_buffer get_extra_state get_parameter "
    "get_submodule half insert ipu load_state_dict modules mtia named_buffers named_children "
    "named_modules named_parameters parameters pop register_backward_hook register_buffer "
    "register_forward_hook register_forward_pre_hook register_full_backward_hook "
    "register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter "
    "register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state "
    "set_submodule share_memory state_dict to to_empty train training type xpu zero_grad".split()
)
"""Attributes that every ``torch.nn.Module`` (or Sequential, ModuleList) has already."""


@dataclass(eq=False, slots=True)
class Member:
    """One attribute of the model, as its constructor's text and the tensors it holds.

    ``tensors`` are by the name that ``state_dict`` adds to the path: ``weight`` of a module, the
    empty name of a parameter or buffer itself. A ``constant`` is a buffer that is no part of the
    ``state_dict``, because its constructor says its values.
    """

    number: int
    path: Path
    kind: str
    constructor: str
    tensors: dict[str, Expression] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{PREFIX}{self.number}"

    @property
    def state(self) -> dict[str, Expression]:
        """The tensors by their keys in the ``state_dict``."""
        base = ".".join(self.path)
        return {f"{base}.{name}" if name else base: held for name, held in self.tensors.items()}


def attribute(word: str) -> str:
    """An attribute's name like ``word``; numbers stay what they are."""
    if word.isdigit() and word.isascii():
        return str(int(word))
    name = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in word) or "_"
    if not name.isidentifier():
        name = f"_{name}"
    # Two underscores in front would be mangled inside a class.
    name = f"_{name.lstrip('_')}" if name.startswith("__") else name
    return f"{name}_" if name in _TAKEN or keyword.iskeyword(name) else name


def common(paths: Sequence[Path]) -> Path:
    """The longest path that all of them begin with."""
    first = min(paths, default=())
    last = max(paths, default=())
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]
