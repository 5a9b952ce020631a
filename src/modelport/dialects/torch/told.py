"""What the code of a model tells of its inputs, put together."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.model.dtype import DType


@dataclass(frozen=True, slots=True)
class From:
    """A value as it comes from an input: so many more axes, the same extents or not."""

    name: str
    more: int = 0
    same: bool = True


@dataclass(slots=True)
class Told:
    """What is told of one input; ``ranks`` by how sure they are."""

    exact: list[int] = field(default_factory=list)
    checked: list[list[int]] = field(default_factory=list)
    conditional: list[int] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)
    suggested: list[int] = field(default_factory=list)
    hinted: list[int] = field(default_factory=list)  # as suggested, but under a condition
    least: int = 0
    rows: bool = False  # its last axis is multiplied by a matrix, as it is
    extents: dict[int, int] = field(default_factory=dict)
    dtype: DType | None = None

    def rank(self) -> int | None:
        """The likeliest rank, which has all the axes that the code names."""
        found = self._likeliest()
        return max(found or 0, self.least) or found

    def _likeliest(self) -> int | None:
        if self.exact:
            return self.exact[0]
        for ranks in self.checked:
            likely = [rank for rank in self.suggested if rank in ranks]
            return likely[0] if likely else max(ranks)
        if len(set(self.conditional)) == 1:
            return self.conditional[0]
        found = self.compared + self.conditional
        if found:
            likely = [rank for rank in self.suggested if rank in found]
            if likely:
                return likely[0]
            return 4 if 4 in found else max(found)  # of several, pictures are the likeliest
        ranks = self.suggested + self.hinted
        return ranks[0] if ranks else None
