"""How a model was trained: loss, metrics, optimizer, and the optimizer's state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelport.model.tensor import Tensor

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
    it is empty until a dialect has told the tensors apart.
    """

    step: int | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    slots: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        step = "unknown step" if self.step is None else f"step {self.step:,}"
        slots = f", slots {', '.join(self.slots)}" if self.slots else ""
        return f"<OptimizerState: {step}, {len(self.tensors):,} tensors{slots}>"
