"""Kernel: instructions that one loop nest computes.

A kernel has axes, and for each value that it computes an Index: which element of the value belongs to a point of the axes. Its
operands are values of its own, numbers, whole numbers that follow from the point (`Position`), or elements of arrays in memory
(`Load`). Reductions divide the axes in outer and inner ones:

- "row" reductions are over all inner axes: for each outer point the inner loop runs once in each phase, and what a phase reduces
  is known in the next. Softmax has three phases: maximum; exponentials and their sum; quotients.
- "column" reductions are over all outer axes, "total" ones over all: their results are known to later kernels only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .affine import ZERO, Affine, Axis, Index, NeedsSplit, axes_of, backward, reshape_index, with_split
from .instructions import ELEMENTWISE
from .program import MOVEMENT, REDUCTION, Instruction, Value

INLINE = frozenset({"full", "iota"})


class Load(NamedTuple):
    """An element of an array in memory: its root value, its place, and index values that are added to it, each with a stride."""

    root: Value
    place: Affine
    dynamic: tuple[tuple[Any, int], ...] = ()


class Position(NamedTuple):
    """A whole number that follows from the point of the kernel."""

    place: Affine


class Kernel:
    """One loop nest in the making."""

    def __init__(self, number: int):
        self.number = number
        self.axes: list[Axis] = []
        self.members: list[Instruction] = []
        self.index: dict[Value, Index] = {}
        self.operands: dict[tuple[Value, int], Any] = {}  # of the member that gives this value: a value, a number, Load, Position
        self.kinds: dict[Value, str] = {}  # of the values that are reductions: "row", "column", "total"
        self.reduced: dict[Value, list[Axis]] = {}
        self.outer: list[Axis] | None = None  # None: not divided yet
        self.inner: list[Axis] = []
        self.stores: list[tuple[Value, Value, Affine | None]] = []  # a value, the root whose memory it goes to, where (None: as it lies)
        self.roots: set[Value] = set()

    @property
    def reads(self) -> list[Value]:
        """The roots that it reads."""
        used = {m.out for m in self.members}
        return list(dict.fromkeys(o.root for (v, _), o in self.operands.items() if v in used and isinstance(o, Load)))

    @property
    def writes(self) -> list[Value]:
        """The roots that it writes."""
        return list(dict.fromkeys(root for _, root, _ in self.stores))

    def new_axis(self, size: int) -> Axis:
        """A further axis."""
        self.axes.append(Axis(size, f"i{len(self.axes)}"))
        return self.axes[-1]

    def fresh_index(self, shape: tuple[int, ...]) -> Index:
        """An index with an axis of its own for each dimension."""
        return tuple(Affine(0, ((self.new_axis(n), 1),)) if n != 1 else ZERO for n in shape)

    def split(self, axis: Axis, low: int) -> tuple[Axis, Axis]:
        """Replace an axis by two: every index is rewritten."""
        one, two = Axis(axis.size // low, f"{axis.name}h"), Axis(low, f"{axis.name}l")

        def affine(place: Affine) -> Affine:
            return with_split((place,), axis, one, two)[0]

        def axes(old: list[Axis]) -> list[Axis]:
            return [new for a in old for new in ((one, two) if a is axis else (a,))]

        self.index = {v: with_split(index, axis, one, two) for v, index in self.index.items()}
        for key, operand in self.operands.items():
            if isinstance(operand, Load):
                self.operands[key] = operand._replace(place=affine(operand.place))
            elif isinstance(operand, Position):
                self.operands[key] = Position(affine(operand.place))
        self.stores = [(v, root, place and affine(place)) for v, root, place in self.stores]
        self.reduced = {v: axes(old) for v, old in self.reduced.items()}
        self.axes, self.inner = axes(self.axes), axes(self.inner)
        self.outer = None if self.outer is None else axes(self.outer)
        return one, two

    def usable(self, value: Value) -> bool:
        """Whether the value is known within the kernel."""
        return value in self.index and self.kinds.get(value, "row") == "row"

    # Which axes an instruction would have

    def forward(self, value: Value) -> Index | None:
        """The index of `value`, a movement or several of what the kernel computes, at the kernel's point."""
        if value in self.index:
            return self.index[value]
        by = value.by
        if by is None or by.operation not in MOVEMENT or by.operation == "slice":
            return None
        operand = by.args[0]
        index = self.forward(operand)
        if index is None:
            return None
        if by.operation == "transpose":
            return tuple(index[d] for d in by.attributes["order"])
        if by.operation == "reshape":
            try:
                return reshape_index(index, operand.shape, value.shape)
            except NeedsSplit as need:
                self.split(need.axis, need.low)
                return self.forward(value)
        return self._broadcast(index, operand.shape, value.shape)

    def _broadcast(self, index: Index, operand: tuple[int, ...], shape: tuple[int, ...]) -> Index | None:
        lead = len(shape) - len(operand)
        taken = set(axes_of(index))
        free = [axis for axis in self.axes if axis not in taken]
        result: list[Affine] = []
        for d, n in enumerate(shape):
            if d >= lead and operand[d - lead] == n:
                result.append(index[d - lead])
            elif n == 1:
                result.append(ZERO)
            else:
                factor, terms = 1, []
                while free and free[0].size and factor < n and n % free[0].size == 0 and (factor == 1 or n % (factor * free[0].size) == 0):
                    axis = free.pop(0)
                    terms.append(axis)
                    factor *= axis.size
                if factor != n:
                    return None
                places, step = [], 1
                for axis in reversed(terms):
                    places.append((axis, step))
                    step *= axis.size
                result.append(Affine(0, tuple(reversed(places))))
        return tuple(result)

    def covers(self, index: Index, shape: tuple[int, ...]) -> bool:
        """Whether the index runs through every element of the shape once, and does so at all: not beside an axis without a round."""
        axes = axes_of(index)
        if any(not axis.size and axis not in axes for axis in self.axes):
            return False
        if sum(len(each.terms) for each in index) != len(axes):
            return False
        for each, n in zip(index, shape, strict=True):
            reach = 1
            for axis, factor in reversed(each.terms):
                if factor != reach:
                    return False
                reach *= axis.size
            if reach != n or each.constant:
                return False
        return True

    # Reductions

    def kind_of(self, reduced: list[Axis], kept: list[Axis]) -> str | None:
        """What kind a reduction over those axes is here; None if the kernel cannot do it. Divides the axes where it must."""
        over, rest = set(reduced), set(kept)
        if self.outer is None:
            if over | rest != set(self.axes):
                return None
            if not rest:
                return "total"
            first_kept = min(self.axes.index(a) for a in rest)
            columns = all(self.axes.index(a) < first_kept for a in over)
            self.outer = [a for a in self.axes if a in (over if columns else rest)]
            self.inner = [a for a in self.axes if a in (rest if columns else over)]
            return "column" if columns else "row"
        outer, inner = set(self.outer), set(self.inner)
        if over == inner and rest == outer:
            return "row"
        if over == outer and rest == inner:
            return "column"
        return "total" if not rest and over in (outer | inner, outer) else None


def kind(instruction: Instruction) -> str:
    """The family an instruction belongs to for the fuser."""
    operation = instruction.operation
    if operation in MOVEMENT:
        return "movement"
    if operation in INLINE:
        return "inline"
    if operation in ELEMENTWISE:
        return "elementwise" if instruction.out.shape or "in_memory" in instruction.attributes else "scalar"
    return "reduction" if operation in REDUCTION else operation


def pulled(kernel: Kernel, value: Value, index: Index) -> tuple[Value, Index] | None:
    """One movement back: what `value` is a movement of, and the index into it; may raise NeedsSplit."""
    by = value.by
    assert by is not None
    operand = by.args[0]
    found = backward(by.operation, by.attributes, index, value.shape, operand.shape)
    return None if found is None else (operand, found)
