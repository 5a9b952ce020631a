"""How a model was trained: loss, metrics, optimizer, and the optimizer's state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.model.tensor import Tensor

ONLY_IN_KERAS_3 = "only_in_keras_3"
"""The key of ``Model.extras`` with the changes that hold where Keras 3 goes on training."""

METRIC_STATE = "metric_state"
"""The key of ``Model.extras`` with what metrics had counted, by path."""

LONGEST = 120
"""Characters of a loss that are shown."""


@dataclass(slots=True)
class Optimizer:
    """An optimizer in its framework's own words.

    ``name`` is the class name (``Adam``); ``hyperparameters`` its settings as the file states them.
    """

    name: str
    hyperparameters: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class TrainingConfig:
    """What the file says about training, in its framework's own words.

    ``dialect`` names whose words (``keras``); ``loss`` and ``metrics`` are plain JSON values;
    ``config`` is the whole statement as the file has it.
    """

    dialect: str
    loss: Any = None
    metrics: Any = None
    optimizer: Optimizer | None = None
    config: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        optimizer = self.optimizer.name if self.optimizer is not None else None
        loss = repr(self.loss)
        shown = loss if len(loss) <= LONGEST else f"{loss[:LONGEST]}…"
        return f"<TrainingConfig ({self.dialect}): loss {shown}, optimizer {optimizer}>"


@dataclass(slots=True)
class OptimizerState:
    """The state of an optimizer.

    ``step`` is the number of finished steps, None where the file does not keep it. ``tensors`` is
    every tensor of the state in the order and under the names of the file (the step count too).
    ``slots`` maps a slot name (``momentum``) to one tensor for each weight, by the weight's name;
    it is empty where the tensors cannot be told apart. ``scalars`` are the other numbers.
    """

    step: int | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    slots: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        step = "unknown step" if self.step is None else f"step {self.step:,}"
        told = not isinstance(self.slots, LazySlots) or self.slots.told
        slots = f", slots {', '.join(self.slots)}" if told and self.slots else ""
        return f"<OptimizerState: {step}, {len(self.tensors):,} tensors{slots}>"


class LazySlots(Mapping[str, Mapping[str, Tensor]]):
    """Slots that are told apart when somebody first asks for them."""

    __slots__ = ("_found", "_tell")

    def __init__(self, tell: Callable[[], Mapping[str, Mapping[str, Tensor]]]) -> None:
        self._tell = tell
        self._found: Mapping[str, Mapping[str, Tensor]] | None = None

    @property
    def told(self) -> bool:
        """Whether somebody has asked for them."""
        return self._found is not None

    def _told(self) -> Mapping[str, Mapping[str, Tensor]]:
        if self._found is None:
            self._found = self._tell()
        return self._found

    def __getitem__(self, slot: str) -> Mapping[str, Tensor]:
        """The tensors of one slot, by the names of their weights."""
        return self._told()[slot]

    def __iter__(self) -> Iterator[str]:
        """The names of the slots."""
        return iter(self._told())

    def __len__(self) -> int:
        """The number of slots."""
        return len(self._told())

    def __repr__(self) -> str:
        """The slots, or that nobody has asked for them yet."""
        return "LazySlots(...)" if self._found is None else f"LazySlots({self._found!r})"
