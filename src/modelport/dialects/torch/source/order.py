"""An order in which groups of statements can run, and the groups for which there is none."""

from __future__ import annotations

import ast
import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from modelport.dialects.torch.source.inline import free
from modelport.dialects.torch.source.members import Path
from modelport.dialects.torch.source.statements import Ref, Statement, numbers


@dataclass(eq=False, slots=True)
class Unit:
    """Statements that run together: those of the module at ``path``, or one alone (None).

    ``inputs`` are the values it takes from outside in the order of their use; ``outputs`` those
    of its own that are used outside.
    """

    path: Path | None
    statements: list[Statement]
    inputs: tuple[Ref, ...] = ()
    outputs: tuple[Ref, ...] = field(default=())


def ordered(units: Sequence[Unit], results: Sequence[ast.expr]) -> tuple[list[Unit], set[Path]]:
    """The units so that each comes after what it uses, else as they were; and who stands in a ring.

    Fills in the inputs and outputs of each.
    """
    maker: dict[int, int] = {}
    refs: dict[int, Ref] = {}
    for place, unit in enumerate(units):
        for statement in unit.statements:
            for ref in statement.targets:
                maker[ref.number] = place
                refs[ref.number] = ref
    needs: list[set[int]] = []
    wanted = {number for result in results for number in numbers(result)}
    uses = [list(_used(unit, maker, place)) for place, unit in enumerate(units)]
    for used in uses:
        wanted.update(used)
        needs.append({maker[number] for number in used if number in maker})
    for place, unit in enumerate(units):
        unit.inputs = tuple(refs.get(number) or Ref(number, "") for number in uses[place])
        made = [ref for statement in unit.statements for ref in statement.targets]
        unit.outputs = tuple(ref for ref in made if ref.number in wanted)
    order = _sorted(needs)
    ring = set(range(len(units))) - set(order)
    # What only waits for a ring stands in none.
    while free := {i for i in ring if not any(i in needs[j] for j in ring)}:
        ring -= free
    knot = {path for i in ring if (path := units[i].path) is not None}
    return [units[i] for i in order], knot


def _used(unit: Unit, maker: dict[int, int], place: int) -> list[int]:
    found = (number for statement in unit.statements for number in free(statement))
    return [number for number in dict.fromkeys(found) if maker.get(number) != place]


def _sorted(needs: Sequence[set[int]]) -> list[int]:
    """Kahn's algorithm, the earliest first."""
    waiting = [len(before) for before in needs]
    after: list[list[int]] = [[] for _ in needs]
    for place, before in enumerate(needs):
        for needed in before:
            after[needed].append(place)
    ready = [place for place, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for following in after[place]:
            waiting[following] -= 1
            if not waiting[following]:
                heapq.heappush(ready, following)
    return order
