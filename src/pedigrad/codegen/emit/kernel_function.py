"""A kernel's native function: what is known of it, and which kernels share one.

In a program of many layers or time steps most kernels differ in nothing but the arrays they work on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..ir.affine import Affine
from ..ir.kernel import Kernel, Load, Position
from ..ir.program import Instruction, Value
from ..schedule.loop_order import store_place


class Lowered:
    """A kernel's function: its text, the roots it is given, what it needs beside them, and the functions of mathlib it calls."""

    def __init__(self) -> None:
        self.text = ""
        self.roots: list[tuple[Value, int]] = []  # with the element that a pointer is to, where slices are read or written
        self.scratch = 0  # bytes of each thread
        self.partials: list[tuple[Value, Instruction, int]] = []  # roots that are left in parts: the reduction and its length
        self.functions: set[tuple[str, str]] = set()
        self.points = 0
        self.is_open = False  # whether it is told how many points there are
        self.kept = (0, 0)  # values that are kept between phases, and the points of each
        self.parallel = True
        self.streams = False  # whether something is written past the caches

    def on(self, others: dict[tuple[Value, int], tuple[Value, int]]) -> Lowered:
        """The same function for other roots."""
        new = copy.copy(self)
        new.roots = [others[root] for root in self.roots]
        new.partials = [(others[root, 0][0], by, size) for root, by, size in self.partials]
        return new


class _Numbers(dict[Any, int]):
    """Numbers for things in the order in which they are first asked for."""

    def __missing__(self, thing: Any) -> int:
        number = self[thing] = len(self)
        return number


def description(kernel: Kernel, streamed: Callable[[Value], bool]) -> tuple[Any, list[tuple[Value, int]]]:
    """What a kernel's function follows from, and the elements that it is given pointers to, in the order in which that tells of them."""
    axes, values, starts = _Numbers((axis, i) for i, axis in enumerate(kernel.axes)), _Numbers(), _Numbers()

    def affine(place: Affine) -> Any:
        return place.constant, *[(axes[axis], factor) for axis, factor in place.terms]

    def element(root: Value, place: Affine) -> Any:
        return starts[root, place.constant], *[(axes[axis], factor) for axis, factor in place.terms]

    def operand(each: Any) -> Any:
        if isinstance(each, Value):
            return "value", values[each]
        if isinstance(each, Load):
            return "load", element(each.root, each.place), tuple((values[out], i, stride) for (out, i), stride in each.dynamic)
        if isinstance(each, Position):
            return "position", affine(each.place)
        return type(each), repr(each)  # the text tells -0.0 from 0.0

    members = []
    for member in kernel.members:
        out, reduced = member.out, kernel.reduced.get(member.out, ())
        dtypes = tuple(a.dtype if isinstance(a, Value) else None for a in member.args)
        attributes = tuple((name, repr(value)) for name, value in member.attributes.items())
        source = member.args[0].shape if member.operation == "gather" else ()
        where = tuple(map(affine, kernel.index[out])), kernel.kinds.get(out), tuple(axes[axis] for axis in reduced)
        members.append((values[out], member.operation, attributes, dtypes, source, out.shape, out.dtype, where))
    count = len(values)
    operands = tuple((values[out], i, operand(each)) for (out, i), each in kernel.operands.items() if values[out] < count)
    stores = tuple((values[value], element(root, store_place(kernel, value, place))) for value, root, place in kernel.stores)
    kinds = tuple((root.dtype, start if streamed(root) else None) for root, start in starts)
    divided = None if kernel.outer is None else tuple(tuple(axes[axis] for axis in part) for part in (kernel.outer, kernel.inner))
    return (tuple(members), operands, stores, kinds, tuple(axis.size for axis in axes), divided), list(starts)
