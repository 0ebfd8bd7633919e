"""Placement: in which order a program's steps are done, and where everything lies meanwhile.

Inputs and constants lie in arrays, outputs in new arrays or in those they are to be written to, the rest in one arena.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ..ir.affine import Affine, Axis, contiguous
from ..ir.kernel import Kernel, Load
from ..ir.program import Value
from ..ir.steps import Call, Check, Contraction, Convolution, Scatter
from .arena import Lifetime, planned
from .fuse import Fuser

Step: TypeAlias = Kernel | Contraction | Convolution | Scatter | Call | Check


class Placement:
    """The order of the steps of a fused program, and the places of their roots: a slot of the table of arrays, or an offset in the arena.

    `arrays` are the inputs and constants, which have the first slots. The last outputs of the program are what it branches on:
    `expected` says which of them are true. `in_place` says for an output, by its number, which input's memory it is written to.
    """

    def __init__(self, fuser: Fuser, arrays: Sequence[Value], expected: list[bool], in_place: dict[int, Value]):
        count = len(fuser.outputs) - len(expected)
        self.arrays, self.in_place, self.strides = arrays, in_place, fuser.strides
        self.outputs, self.guards = fuser.outputs[:count], fuser.outputs[count:]
        self.order_steps(fuser.steps, expected)
        self.give_slots()
        self.find_lifetimes()

    def order_steps(self, steps: list[Any], expected: list[bool]) -> None:
        """What guards depend on comes first: where one fails, nothing has been written that somebody could see."""
        producers: dict[Value, list[Any]] = {}
        for step in steps:
            for root in step.writes:
                producers.setdefault(root, []).append(step)
        early: set[int] = set()
        todo = [step for root in self.guards for step in producers.get(root, ())]
        while todo:
            step = todo.pop()
            if id(step) not in early:
                early.add(id(step))
                todo += [producer for root in step.reads for producer in producers.get(root, ())]
        first = [step for step in steps if id(step) in early]
        check = [Check(self.guards, expected)] if expected else []
        self.steps: list[Step] = [*first, *check, *(step for step in steps if id(step) not in early)]
        self.early = len(first)
        self.last_read: dict[Value, int] = {}
        self.first_written: dict[Value, int] = {}
        for number, step in enumerate(self.steps):
            self.last_read |= dict.fromkeys(step.reads, number)
            for root in step.writes:
                self.first_written.setdefault(root, number)

    def give_slots(self) -> None:
        """What lies in an array has a slot; an output that is computed where an input lies is an alias of it."""
        self.slots: dict[Any, int] = {value: i for i, value in enumerate(self.arrays)}
        self.alias: dict[Value, Value] = {}
        self.copied: list[tuple[Value, Value]] = []  # an output and the input that it is written to by a copy
        self.fresh: dict[int, Value] = {}  # the number of an output and its root, for those that are new arrays
        self.twice: list[tuple[int, Value]] = []
        for number, root in enumerate(self.outputs):
            if number not in self.in_place:
                if root in self.fresh.values():
                    self.twice.append((number, root))
                self.fresh[number] = root
                self.slots.setdefault(root, len(self.slots))
        for number, target in self.in_place.items():
            root = self.outputs[number]
            if root not in self.slots and root not in self.alias and self.writes_straight(root, target):
                self.alias[root] = target
            else:
                self.copied.append((root, target))
        self.calls = [step for step in self.steps if isinstance(step, Call)]
        for call in self.calls:
            for root in [*call.reads, *call.writes]:
                if root not in self.alias:
                    self.slots.setdefault(root, len(self.slots))

    def find_lifetimes(self) -> None:
        """From which step to which the roots are needed that lie in the arena."""
        first: dict[Value, int] = {}
        last: dict[Value, int] = {}
        for number, step in enumerate(self.steps):
            for root in [*step.writes, *step.reads]:
                if self.is_in_arena(root):
                    first.setdefault(root, number)
                    last[root] = number
        for root in [*self.guards, *(root for root, _ in self.copied)]:
            if self.is_in_arena(root):
                first.setdefault(root, 0)
                last[root] = len(self.steps)
        self.lifetimes: dict[Any, Lifetime] = {root: Lifetime(root.size * root.dtype.itemsize, first[root], last[root]) for root in first}

    def lay_out_arena(self) -> None:
        """Give what lies in the arena its offset, when all of it is known; the threads' scratch memory comes behind."""
        offsets, size = planned(self.lifetimes.values())
        self.offsets = dict(zip(self.lifetimes, offsets, strict=True))
        self.scratch_at = -(-size // 64) * 64

    def fullest(self) -> list[tuple[Value, int]]:
        """The roots that lie in the arena at the step at which most is in use, and their bytes; with them what their steps need beside."""
        used = [0] * (len(self.steps) + 1)
        for size, first, last in self.lifetimes.values():
            for number in range(first, last + 1):
                used[number] += size
        at = max(range(len(used)), key=used.__getitem__)
        there = [(key, lifetime.size) for key, lifetime in self.lifetimes.items() if lifetime.first <= at <= lifetime.last]
        return [(next(v for v in key if isinstance(v, Value)) if isinstance(key, tuple) else key, size) for key, size in there]

    def is_in_arena(self, root: Value) -> bool:
        """Whether a root lies in memory of the program's own."""
        return root not in self.slots and root not in self.alias

    def is_new(self, root: Value) -> bool:
        """Whether a root lies in memory that nobody reads but the program, as long as it runs."""
        return self.is_in_arena(root) or (root not in self.alias and root in self.fresh.values())

    def writes_straight(self, root: Value, target: Value) -> bool:
        """Whether a step may put `root` where the input `target` lies: nobody reads that any more then, or at the same place only."""
        number = self.first_written.get(root, -1)
        if number < self.early or target in self.strides or target in self.alias.values():
            return False
        if self.last_read.get(target, -1) > number:
            return False
        step = self.steps[number]
        if isinstance(step, (Contraction, Convolution)):
            return self.last_read.get(target, -1) < number and (root.size, root.dtype) == (target.size, target.dtype)
        if not isinstance(step, Kernel):
            return False
        if root.shape != target.shape or root.dtype != target.dtype or step.kinds.get(root):
            return False
        stored = [(v, place) for v, r, place in step.stores if r is root]
        if len(stored) != 1 or any(stored[0][0].dtype != root.dtype for _ in stored):
            return False
        value, place = stored[0]
        mine = place or linear_of(step, value)
        used = {m.out for m in step.members}
        loads = [o for (v, _), o in step.operands.items() if v in used and isinstance(o, Load) and o.root is target]
        if not all(o.place == mine and not o.dynamic for o in loads):
            return False
        if not is_once_each(mine, step.axes):  # a further axis would run through it again, and read what it has written
            return False
        return not loads or not any(step.kinds.get(m.out) for m in step.members)  # a second phase would read what was written


def is_once_each(place: Affine, axes: Sequence[Axis]) -> bool:
    """Whether each point of the axes has a place of its own."""
    factors, reach = dict(place.terms), 0
    if any(axis.size != 1 and axis not in factors for axis in axes):
        return False
    for axis, factor in sorted(place.terms, key=lambda term: abs(term[1])):
        if abs(factor) <= reach:
            return False
        reach += abs(factor) * (axis.size - 1)
    return True


def linear_of(kernel: Kernel, value: Value) -> Affine:
    """The place of a value's element where it lies row by row."""
    total = Affine(0, ())
    for each, stride in zip(kernel.index[value], contiguous(value.shape), strict=True):
        total = total.plus(each.times(stride))
    return total
