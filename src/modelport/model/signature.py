"""The signature: names, dtypes and shapes of what goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.model.graph import Value


@dataclass(slots=True)
class Signature:
    """The inputs and outputs of a model, in order."""

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)

    def __repr__(self) -> str:
        sides = (", ".join(map(str, side)) or "nothing" for side in (self.inputs, self.outputs))
        return f"<Signature: {' → '.join(sides)}>"
