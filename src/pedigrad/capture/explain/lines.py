"""Where a compiled program's time goes by source line and by module, forward and backward together.

A step computes operations of several lines where these are fused. Its time is shared out by the elements that each computes there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ...codegen.ir.kernel import Kernel
from ...core.origin import Origin, Source
from ...profiler.alive import BACKWARD
from ...profiler.spent import Spent

OTHERS = "between operations"
REST = "the rest: arrays of the results, the way in and out"


class Place(NamedTuple):
    """An operation of the user's program: its name, line and module."""

    name: str
    code: Any
    lasti: int
    scope: Any

    @property
    def line(self) -> str:
        """File, line number and text."""
        if self.code is None:
            return OTHERS
        origin = Origin(self.code, self.lasti)
        return f"{os.path.basename(origin.file)}:{origin.line}: {origin.text}".rstrip(": ")

    @property
    def module(self) -> str:
        """The module's path and class."""
        return "outside of modules" if self.scope is None else str(self.scope)


def places_of(step: Any) -> dict[Place, int]:
    """The operations of a step, and how many elements each of them computes there."""
    instructions = {m.out: m for m in step.members}.values() if isinstance(step, Kernel) else [v.by for v in step.writes]
    found: dict[Place, int] = {}
    for instruction in instructions:
        if instruction is not None and isinstance(instruction.origin, Source):
            source = instruction.origin
            place = Place(str(source), source.code, source.lasti, source.scope)
            found[place] = found.get(place, 0) + max(instruction.out.size, 1)
    return found


def spent(sections: Iterable[Any], key: Callable[[Place], str]) -> list[Spent]:
    """Seconds of a run by what `key` makes of operations, the most first."""
    found: dict[str, Spent] = {}
    for section in sections:
        for step in section.steps:
            total = sum(step.places.values())
            for place, elements in step.places.items():
                what = key(place)
                entry = found.setdefault(what, Spent(what))
                entry.operations += 1
                seconds = (step.seconds or 0.0) * elements / total
                if place.name.endswith(BACKWARD) or section.title:
                    entry.backward += seconds
                else:
                    entry.forward += seconds
            if not step.places and step.seconds:
                found.setdefault(OTHERS, Spent(OTHERS)).forward += step.seconds
        if (rest := section.rest or 0.0) > 0:
            entry = found.setdefault(REST, Spent(REST))
            entry.forward, entry.backward = entry.forward + rest * (not section.title), entry.backward + rest * bool(section.title)
    return sorted(found.values(), key=lambda entry: -entry.seconds)
