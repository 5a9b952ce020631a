"""From the weights of a file to roles: which array of a layer is which variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.dialects.keras.history.era import Era, History
from modelport.dialects.keras.history.weights_history import modern_weights
from modelport.dialects.keras.roles import Role, roles, stored_order
from modelport.errors import UnsupportedFeature
from modelport.model.expression import Expression, source
from modelport.model.tensor import Tensor


def assign(
    class_name: str,
    name: str,
    config: Mapping[str, Any],
    given: Mapping[str, Tensor],
    history: History,
    where: str,
) -> dict[str, Expression]:
    """The weights of a layer by role, in the order of roles; what has no role keeps its key.

    ``given`` are the file's weights by the file's keys, in the file's order.

    Raises:
        MalformedFile: their number or shapes do not fit the layer.
        UnsupportedFeature: LoRA factors that are not merged into their weight.
    """
    factors = [key for key in given if key.rsplit("/", 1)[-1].startswith("lora_")]
    if factors:
        clause = f"layer {where!r} with unmerged LoRA factors ({', '.join(factors)})"
        raise UnsupportedFeature(history.path, clause)
    wanted = roles(name, config)
    if not wanted or not given:
        return {key: source(tensor) for key, tensor in given.items()}
    by_path = _by_path(wanted, given, history.era is Era.KERAS3)
    if by_path is not None:
        return _checked(wanted, by_path, history, where)
    arrays = [source(tensor) for tensor in given.values()]
    arrays = modern_weights(class_name, name, config, arrays, history, where)
    if len(arrays) != len(wanted):
        named = _by_name(wanted, given)
        if named is not None:
            return _checked(wanted, named, history, where)
        raise history.malformed(
            where,
            expected=f"{len(wanted)} weights ({_listed(wanted)}), as {name} has",
            found=f"{len(given)}: {', '.join(given)}",
        )
    found = {role.path: array for role, array in zip(stored_order(wanted), arrays, strict=True)}
    return _checked(wanted, found, history, where)


def _listed(wanted: Sequence[Role]) -> str:
    return ", ".join(role.path for role in wanted)


def _by_path(
    wanted: Sequence[Role], given: Mapping[str, Tensor], by_role: bool
) -> dict[str, Expression] | None:
    """The weights of a ``.keras`` file, or of a graph that is canonical already, by their keys."""
    keys = {_public(key): key for key in given}
    found: dict[str, Expression] = {}
    used: set[str] = set()
    for role in wanted:
        key = keys.get(_public(role.stored)) or (keys.get(role.path) if by_role else None)
        if key is None:
            return None
        found[role.path] = source(given[key])
        used.update((key, keys.get(role.copy, key)))
    rest = {key: source(tensor) for key, tensor in given.items() if key not in used}
    return found | rest


def _public(path: str) -> str:
    """A path without the underscores of private attributes: Keras 2 wrote ``_query_dense``."""
    return "/".join(part.lstrip("_") for part in path.split("/"))


def _by_name(wanted: Sequence[Role], given: Mapping[str, Tensor]) -> dict[str, Expression] | None:
    """Weights by the last part of their keys, where that tells all of them apart."""
    names = [key.split(":")[0].rsplit("/", 1)[-1] for key in given]
    if len(set(names)) != len(names) or not {role.name for role in wanted} <= set(names):
        return None
    tensors = dict(zip(names, given.values(), strict=True))
    found = {role.path: source(tensors.pop(role.name)) for role in wanted}
    return found | {name: source(tensor) for name, tensor in tensors.items()}


def _checked(
    wanted: Sequence[Role], found: dict[str, Expression], history: History, where: str
) -> dict[str, Expression]:
    """The weights in the order of roles, each of a shape that the role can have."""
    for role in wanted:
        shape = found[role.path].shape
        if role.shape is not None and not _fits(shape, role.shape):
            raise history.malformed(
                where,
                expected=f"weight {role.path!r} of shape {_shown(role.shape)}",
                found=f"shape {list(shape)}",
            )
    ordered = {role.path: found[role.path] for role in wanted}
    return ordered | found


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (None, extent) for extent, want in zip(shape, wanted, strict=True)
    )


def _shown(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('?' if extent is None else str(extent) for extent in shape)}]"
