"""Which format a target has: the one that was named, or what its ending stands for."""

from __future__ import annotations

from pathlib import Path

from modelport.dialects.keras.raises.value import Layout
from modelport.errors import WrongUsage
from modelport.formats.format import Format
from modelport.formats.table import by_ending, by_name, formats
from modelport.model.component import Component, Holds
from modelport.model.model import Model


def target_format(path: Path, to: str | None, model: Model) -> Format:
    """The format a target is to have: the one named, else the one its ending tells.

    Raises:
        WrongUsage: no format has that name or that ending.
    """
    if to is not None:
        try:
            return by_name(to)
        except ValueError as error:
            raise WrongUsage("--to", str(error)) from error
    endings = _by_ending(path, model)
    if not endings:
        known = sorted({ending for f in formats() if f.write for ending in f.extensions})
        why = f"its ending names no format; use one of {' '.join(known)} or give --to FORMAT"
        raise WrongUsage(str(path), why)
    return endings[0][1]


def _by_ending(path: Path, model: Model) -> list[tuple[str, Format]]:
    """The formats that the ending of a target can stand for with that ending, the best first."""
    wants_architecture = model.dialect is not None
    of = by_name(model.format).framework
    found: list[tuple[tuple[int, bool, bool, bool], str, Format]] = []
    for ending, each in by_ending(path.name):
        suits = (each.holds[Component.ARCHITECTURE] is not Holds.NEVER) == wants_architecture
        if each.write is not None:
            # The longest ending wins, then what the model needs, then the source's own framework,
            # then whose own ending it is.
            own = ending == each.extensions[0]
            rank = (len(ending), suits, each.framework == of, own)
            found.append((rank, ending, each))
    found.sort(key=lambda ranked: ranked[0], reverse=True)
    return [(ending, each) for _, ending, each in found]


def other_meanings(path: Path, to: str | None, model: Model) -> str:
    """What else the ending of a target stands for, as a sentence; empty where ``to`` says it."""
    found = _by_ending(path, model) if to is None else []
    names = [
        each.name
        for ending, each in found[1:]
        if ending == found[0][0]
        and (model.dialect is not None or each.holds[Component.ARCHITECTURE] is Holds.NEVER)
    ]
    if not names:
        return ""
    return f"{found[0][0]} also stands for {' and '.join(names)}; --to FORMAT chooses"


LAYOUTS = (Layout.CHANNELS_LAST.value, Layout.CHANNELS_FIRST.value)
"""What may be asked for."""


def layout_for(wanted: str | None, model: Model, target: Format) -> Layout:
    """Where channels are to lie in the target.

    Raises:
        WrongUsage: no layout has that name, or the target gets none from modelport.
    """
    if wanted is None:
        return Layout.SOURCE
    if wanted not in LAYOUTS:
        raise WrongUsage("--layout", f"{wanted!r} is none; use {' or '.join(LAYOUTS)}")
    if target.dialect != "keras" or target.holds[Component.ARCHITECTURE] is Holds.NEVER:
        why = f"it is for models that become Keras (.keras, .h5), and DST is {target.name}"
        raise WrongUsage("--layout", why)
    if model.dialect in (None, "keras"):
        what = "has no architecture" if model.dialect is None else "is Keras already"
        why = f"SRC {what}: its layers are taken as they are; leave the option out"
        raise WrongUsage("--layout", why)
    return Layout(wanted)
