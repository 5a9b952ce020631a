"""The outcome of running two models on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from modelport.model.dtype import from_numpy
from modelport.runtimes.runtime import Run
from modelport.verify.tolerance import SMALLEST, Tolerance

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 1 << 22
"""How many elements are compared at a time, so that large outputs take little memory beside."""


class Status(StrEnum):
    """What is known about the two sides."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    WEIGHTS_ONLY = "weights-only"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True)
class OutputDifference:
    """How far one output lies apart; ``max_rel_error`` is relative to the output's scale."""

    name: str
    shape: list[int]
    max_abs_error: float
    max_rel_error: float
    agree: bool


@dataclass(slots=True)
class Agreement:
    """What a verification found.

    ``weights_exact`` is True where every tensor of B is a pure rearrangement of tensors of A and
    none of A's is left over, False where not, None where that cannot be told. ``missing`` names a
    runtime that was wanted but is not installed, and the extra that brings it.
    """

    status: Status
    reason: str = ""
    outputs: list[OutputDifference] = field(default_factory=list)
    runtimes: dict[str, str | None] = field(default_factory=lambda: {"a": None, "b": None})
    tolerance: Tolerance = field(default_factory=Tolerance)
    samples: int = 0
    seed: int = 0
    weights_exact: bool | None = None
    unused_source_tensors: list[str] = field(default_factory=list)
    first_difference: str | None = None
    missing: tuple[str, str] | None = None

    @property
    def agree(self) -> bool:
        """Whether both sides ran and agree, or, where none could run, the weights are exact."""
        if self.status is Status.WEIGHTS_ONLY:
            return self.weights_exact is True
        return self.status is Status.AGREED

    @property
    def max_abs_error(self) -> float | None:
        """The largest absolute difference of any output; None where nothing ran."""
        return max((o.max_abs_error for o in self.outputs), default=None)

    @property
    def max_rel_error(self) -> float | None:
        """The largest difference relative to an output's scale; None where nothing ran."""
        return max((o.max_rel_error for o in self.outputs), default=None)


def compare_outputs(
    a: Run, b: Run, tolerance: float = SMALLEST, steps: Sequence[float] = ()
) -> list[OutputDifference]:
    """Compare two runs output by output: by name where both name them alike, else in order.

    ``steps`` are what the outputs of ``a``, in order, may be off beside the tolerance.
    """
    import numpy as np

    steps = steps if len(steps) == len(a.outputs) else [0.0] * len(a.outputs)
    found = dict(zip(b.names, b.outputs, strict=True))
    # A name that comes twice tells nothing.
    told = len(found) == len(b.names) == len(set(a.names)) == len(a.names)
    by_name = told and set(a.names) == set(b.names)
    result: list[OutputDifference] = []
    for i, (name, expected) in enumerate(zip(a.names, a.outputs, strict=True)):
        if not by_name and i >= len(b.outputs):
            result.append(OutputDifference(name, list(expected.shape), np.inf, np.inf, False))
            continue
        other = found[name] if by_name else b.outputs[i]
        result.append(_difference(name, expected, other, tolerance, steps[i]))
    return result


def _difference(
    name: str, a: NDArray[Any], b: NDArray[Any], tolerance: float, step: float
) -> OutputDifference:
    import numpy as np

    shape = list(a.shape)
    if a.shape != b.shape:
        return OutputDifference(name, shape, np.inf, np.inf, False)
    if not (_is_number(a) and _is_number(b)):
        same = bool(np.array_equal(a.astype(str), b.astype(str)))
        error = 0.0 if same else float("inf")
        return OutputDifference(name, shape, error, error, same)
    wide = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    flat_a, flat_b = a.reshape(-1), b.reshape(-1)
    error = scale = 0.0
    for start in range(0, a.size, PIECE):
        left = flat_a[start : start + PIECE].astype(wide)
        right = flat_b[start : start + PIECE].astype(wide)
        error = max(error, _apart(left, right))
        scale = max(scale, float(np.abs(left[np.isfinite(left)]).max(initial=0.0)))
    relative = error / scale if scale > 0 else error
    agree = relative <= tolerance or (step > 0 and error <= step + tolerance * scale)
    return OutputDifference(name, shape, error, relative, agree)


def _is_number(array: NDArray[Any]) -> bool:
    return from_numpy(array.dtype).kind in ("bool", "int", "uint", "float", "complex")


def _apart(left: NDArray[Any], right: NDArray[Any]) -> float:
    """The largest difference; equal infinities and NaN on both sides are agreement."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        apart = np.abs(left - right)
    apart[(left == right) | (np.isnan(left) & np.isnan(right))] = 0.0
    apart[np.isnan(apart)] = np.inf
    return float(apart.max(initial=0.0))


def best_status(differences: Sequence[OutputDifference]) -> Status:
    """``agreed`` where every output agrees."""
    return Status.AGREED if all(o.agree for o in differences) else Status.DISAGREED
