"""Whether a program's steps find in memory what they read: the placement is followed step by step, without running it.

A step may write over what it reads itself only if that is proven: one kernel without a second phase, the same place at each of its
points, and no two points with one place. Nothing here is taken from where the plan was made.
"""

from __future__ import annotations

from typing import Any

from ..ir.affine import Affine, Axis, axes_of
from ..ir.kernel import Kernel, Load
from ..ir.program import Value
from .loop_order import places, store_place
from .placement import Placement


class Memory:
    """What lies where: arrays that a run is given or makes, and parts of the arena."""

    def __init__(self, placement: Placement):
        self.placement = placement
        self.arrays: dict[Any, Any] = {v: v for v in placement.arrays}
        self.arena: list[tuple[int, int, Any]] = []

    def place(self, root: Any) -> Any:
        """The array, or the bytes of the arena, that a root lies in."""
        placement = self.placement
        root = placement.alias.get(root, root)
        if root in placement.slots:
            return root
        start = placement.offsets[root]
        return start, start + placement.lifetimes[root].size

    def holds(self, root: Any) -> bool:
        """Whether a root is where it should be."""
        place = self.place(root)
        if isinstance(root, Value) and not root.size:
            return True
        if isinstance(place, tuple):
            return any(each is root or each == root for start, end, each in self.arena if (start, end) == place)
        return self.arrays.get(place) is root

    def write(self, root: Any) -> None:
        """A root is written: what was in its place is gone."""
        place = self.place(root)
        if isinstance(place, tuple):
            self.arena = [each for each in self.arena if each[1] <= place[0] or each[0] >= place[1] or place[0] == place[1]]
            self.arena.append((*place, root))
        else:
            self.arrays[place] = root


def check(placement: Placement) -> None:
    """AssertionError for a step that reads what is not there, or writes over what is still to be read."""
    memory = Memory(placement)
    parts: dict[int, list[Any]] = {}
    for key, life in placement.lifetimes.items():
        if isinstance(key, tuple):
            parts.setdefault(life.first, []).append(key)
    for number, step in enumerate(placement.steps):
        reads, writes = step.reads, step.writes
        for root in reads:
            assert memory.holds(root), f"step {number} reads {root}, and something else is in its place"
        for part in parts.get(number, ()):
            memory.write(part)
        for root in reads:
            assert memory.holds(root), f"step {number} leaves parts of a sum where {root} is read"
        for root in writes:
            over = [other for other in reads if touch(memory.place(root), memory.place(other))]
            assert not over or is_in_step(step, root, over), f"step {number} writes {root} over {over} that it reads"
        for root in writes:
            memory.write(root)
    for root, target in placement.copied:
        assert memory.holds(root), f"the output {root} is gone before it is copied"
        memory.arrays[target] = root
    for number, root in placement.fresh.items():
        assert memory.holds(root), f"output {number} is not in its array"
    for number, target in placement.in_place.items():
        wanted = placement.outputs[number]
        assert memory.arrays[target] is wanted, f"output {number} is not in the memory of its input"


def touch(one: Any, other: Any) -> bool:
    """Whether two places have memory in common."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return one[0] < other[1] and other[0] < one[1]
    return one is other


def is_in_step(step: Any, root: Any, over: list[Any]) -> bool:
    """Whether each point of a kernel reads only what it writes itself, and before that."""
    if not isinstance(step, Kernel) or any(step.kinds.get(m.out) for m in step.members):
        return False
    stores = [store_place(step, value, place) for value, r, place in step.stores if r is root]
    used = {m.out for m in step.members}
    loads = [o for (v, _), o in step.operands.items() if v in used and isinstance(o, Load) and o.root in over]
    same = len(stores) == 1 and all(load.place == stores[0] and not load.dynamic for load in loads)
    return same and has_own_places(stores[0], step)


def has_own_places(place: Affine, kernel: Kernel) -> bool:
    """Whether no two points of a kernel have the same place, tried out where that is quick, else by its factors."""
    axes = [axis for axis in axes_in(kernel) if axis.size != 1]
    factors = dict(place.terms)
    points = 1
    for axis in axes:
        points *= axis.size
    if points <= 4096:
        found = [0]
        for axis in axes:
            found = [p + i * factors.get(axis, 0) for p in found for i in range(axis.size)]
        return len(set(found)) == points
    reach = 1
    for axis in sorted(axes, key=lambda a: abs(factors.get(a, 0))):
        if abs(factors.get(axis, 0)) < reach:
            return False
        reach = abs(factors[axis]) * axis.size
    return True


def axes_in(kernel: Kernel) -> list[Axis]:
    """The axes that a kernel's values and places depend on."""
    used = [axis for each in places(kernel) for axis, _ in each.terms]
    for member in kernel.members:
        used += [*axes_of(kernel.index[member.out]), *kernel.reduced.get(member.out, ())]
    return list(dict.fromkeys(used))


__all__ = ["check"]
