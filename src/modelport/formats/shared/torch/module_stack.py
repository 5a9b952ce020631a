"""The modules around a node of an exported program, as torch.export notes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelport.model.graph import Scope

_CALL = re.compile(r"@(\d{1,9})$")
"""What torch adds to the key of a module that is called again."""


def module_stack(metadata: Mapping[str, Any]) -> tuple[Scope, ...]:
    """The modules around a node, outermost first, from ``key,path,class`` joined by ``;``."""
    text = metadata.get("nn_module_stack")
    steps, before = [], ""
    for part in text.split(";") if isinstance(text, str) else ():
        fields = part.split(",")
        if len(fields) < 3 or fields[0].startswith("_empty"):
            continue
        path = re.sub(r"\[|\]|'", "", fields[-2])
        call = _CALL.search(fields[0])
        # A list is no module that is called: its parts have it in front of their names.
        own = path.removeprefix(f"{before}.") if before else path
        steps.append(Scope(own, fields[-1], int(call[1]) if call else 0))
        before = path
    return tuple(step for step in steps if step.name)
