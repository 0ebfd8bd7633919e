"""Tables of what memory is held for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ..provenance.text import count, size

SAVED, PARAMETERS, BUFFERS = "saved for backward", "parameters", "buffers"
GRADIENTS, TENSORS = "gradients", "other tensors"
STATE, COMPILED = "state of optimizers", "within compiled programs"
SCRATCH = "scratch memory"  # of it, what no line's values lie in
ROWS = 20  # that are printed


class Holder(NamedTuple):
    """What memory is counted for."""

    what: str
    line: str  # file, number and text of the line that made it, where that is known
    module: str  # that ran it; of what no operation has made, the module, variable or optimizer that has it


class Held(NamedTuple):
    """How much there is of it."""

    nbytes: int
    arrays: int


class Snapshot:
    """Memory by holder, the largest first; `after - before` is what has changed, and prints as a table. `title` begins it."""

    def __init__(self, held: dict[Holder, Held], is_change: bool = False, title: str = ""):
        self.held = dict(sorted(held.items(), key=lambda item: -abs(item[1].nbytes)))
        self.is_change, self.title = is_change, title

    @property
    def total(self) -> int:
        """Bytes of all."""
        return sum(held.nbytes for held in self.held.values())

    def __len__(self) -> int:
        return len(self.held)

    def __sub__(self, before: Snapshot) -> Snapshot:
        changes = {}
        for holder in (*self.held, *before.held):
            now, then = self.held.get(holder, Held(0, 0)), before.held.get(holder, Held(0, 0))
            if now != then:
                changes[holder] = Held(now.nbytes - then.nbytes, now.arrays - then.arrays)
        return Snapshot(changes, True)

    def of(self, what: str) -> int:
        """Bytes of one kind, as the table calls them: "saved for backward", "parameters", "buffers", "gradients" and so on."""
        return sum(held.nbytes for holder, held in self.held.items() if holder.what == what)

    def by_line(self) -> Snapshot:
        """The same with the modules of each line together: `12 modules` where there are several."""
        groups: dict[tuple[str, str, str], list[tuple[str, Held]]] = {}
        for holder, held in self.held.items():
            other = "" if holder.line or holder.what in (PARAMETERS, BUFFERS, GRADIENTS) else holder.module  # no module
            groups.setdefault((holder.what, holder.line, other), []).append((holder.module, held))
        found = {}
        for (what, line, _), each in groups.items():
            module = each[0][0] if len(each) == 1 else f"{len(each)} modules"
            found[Holder(what, line, module)] = Held(sum(held.nbytes for _, held in each), sum(held.arrays for _, held in each))
        return Snapshot(found, self.is_change, self.title)

    def lines(self, most: int | None = ROWS) -> Iterator[str]:
        """The lines of the table; of more than `most` holders the modules of each line are put together."""
        if most is not None and len(self.held) > most and len(short := self.by_line()) < len(self.held):
            yield from short.lines(most)
            return
        sign = "+" if self.is_change and self.total > 0 else ""
        kinds = [(kind, self.of(kind)) for kind in (SAVED, PARAMETERS, BUFFERS, GRADIENTS, STATE, TENSORS, COMPILED)]
        said = ", ".join(f"{kind} {signed(n, self.is_change)}" for kind, n in kinds if n)
        yield self.title + f"{sign}{signed(self.total, False)}" + (f": {said}" if said else "")
        for holder, held in list(self.held.items())[:most]:
            where = f"{holder.line}  {holder.module}".strip()
            yield f"{signed(held.nbytes, self.is_change):>10}  {count(held.arrays, 'array'):>12}  {holder.what}  {where}".rstrip()
        if most is not None and len(self.held) > most:
            yield f"and {len(self.held) - most} more"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def signed(n: int, is_change: bool) -> str:
    """Bytes, with a sign where they are a change."""
    return f"{'-' if n < 0 else '+' if is_change else ''}{size(abs(n))}"


def grown(snapshots: list[Snapshot]) -> Snapshot:
    """What has grown from each of several snapshots to the next: how much a step leaves behind, on average."""
    found = {}
    for holder, last in snapshots[-1].held.items() if len(snapshots) > 1 else ():
        series = [snapshot.held.get(holder, Held(0, 0)) for snapshot in snapshots]
        if all(now.nbytes > then.nbytes for then, now in itertools.pairwise(series)):
            steps = len(series) - 1
            found[holder] = Held((last.nbytes - series[0].nbytes) // steps, -(-(last.arrays - series[0].arrays) // steps))
    return Snapshot(found, True, "left behind by each step: ")
