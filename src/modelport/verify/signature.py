"""What two models take and what is given to them: do the inputs fit together?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from modelport.errors import WrongUsage
from modelport.model.dtype import DType
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.verify.inputs import paired

if TYPE_CHECKING:
    from numpy.typing import NDArray

Inputs: TypeAlias = "Sequence[tuple[str, NDArray[Any]]]"


def differing_inputs(a: Model, b: Model) -> str | None:
    """How the inputs of two models differ so that nothing fits both, or None."""
    if a.signature is None or b.signature is None:
        return None
    own, other = a.signature.inputs, b.signature.inputs
    if not own or not other:
        return None
    if len(own) != len(other):
        return f"they take different inputs: {_told(own)} against {_told(other)}"
    for left, right in zip(own, paired(a, b), strict=True):
        if not _fit(left, right):
            apart = f"they take different inputs: {_told([left])} against {_told([right])}"
            return f"{apart}{_TURNED}" if _turned(left, right) else apart
    return None


_TURNED = (
    ". The channels of one may be last, but neither file says so (those that modelport writes do: "
    "convert ... --layout)"
)


def _turned(a: Value, b: Value) -> bool:
    """Whether they would fit, were the channels of one last."""
    return any(_fit(_channels_last(x), y) for x, y in ((a, b), (b, a)))


def _channels_last(value: Value) -> Value:
    held = value.type
    if not isinstance(held, TensorType) or held.shape is None or len(held.shape) < 3:
        return value
    shape = (held.shape[0], *held.shape[2:], held.shape[1])
    return replace(value, type=replace(held, shape=shape))


def _told(values: Sequence[Value]) -> str:
    shown = [f"{value.name} {value.dtype or ''}{_shape(value)}" for value in values[:8]]
    rest = f" and {len(values) - 8} more" if len(values) > 8 else ""
    return ", ".join(shown) + rest


def _shape(value: Value) -> str:
    if value.shape is None:
        return ""
    return f"({', '.join('?' if dim is None else str(dim) for dim in value.shape)})"


def _fit(a: Value, b: Value) -> bool:
    if a.dtype is not None and b.dtype is not None and _is_text(a.dtype) != _is_text(b.dtype):
        return False
    if a.shape is None or b.shape is None:
        return True
    fixed = [
        (left, right)
        for left, right in zip(a.shape, b.shape, strict=False)
        if isinstance(left, int) and isinstance(right, int)
    ]
    return len(a.shape) == len(b.shape) and all(left == right for left, right in fixed)


def _is_text(dtype: DType) -> bool:
    return dtype.kind == "string"


def fitted(model: Model, inputs: Inputs) -> Inputs:
    """The inputs in the dtypes that a model states: the same values, rounded where they must be."""
    stated = model.signature.inputs if model.signature else []
    if len(stated) != len(inputs):
        return inputs
    by_name = {value.name: value for value in stated}
    if by_name.keys() == {name for name, _ in inputs}:
        wanted = [by_name[name].dtype for name, _ in inputs]
    else:
        wanted = [value.dtype for value in stated]
    return [
        (name, _cast(array, dtype)) for (name, array), dtype in zip(inputs, wanted, strict=True)
    ]


def _cast(array: NDArray[Any], dtype: DType | None) -> NDArray[Any]:
    if dtype is None or _is_text(dtype) or array.dtype == object or array.dtype == dtype.numpy:
        return array
    return array.astype(dtype.numpy)


def named(given: Inputs, a: Model, b: Model, path: str) -> Inputs:
    """Given arrays under the names and in the order of A's inputs.

    They may have the names of A's inputs or of B's, or those that numpy gives to arrays without
    any (``arr_0`` ...), which go by their order.

    Raises:
        WrongUsage: other names, or another number of arrays; says what was expected and found.
    """
    lists = [m.signature.inputs if m.signature else [] for m in (a, b)]
    names = [[value.name for value in stated] for stated in lists]
    found = [name for name, _ in given]
    expected = names[0] or names[1]
    if not expected:
        return given
    arrays = dict(given)
    for stated in names:
        if len(stated) == len(expected) and set(stated) == set(found):
            return list(zip(expected, (arrays[name] for name in stated), strict=True))
    numbered = [f"arr_{i}" for i in range(len(expected))]
    if sorted(found) == sorted(numbered):
        return [(name, arrays[key]) for name, key in zip(expected, numbered, strict=True)]
    either = f" (or {', '.join(names[1])})" if names[1] and set(names[1]) != set(expected) else ""
    why = (
        f"expected arrays named {', '.join(expected)}{either}, found {', '.join(found) or 'none'}; "
        f"write it with numpy.savez(FILE, {expected[0]}=...)"
    )
    raise WrongUsage(path, why)
