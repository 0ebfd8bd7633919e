"""The steps of a program beside kernels: sums of products, convolutions, calls of NumPy, sums of rows by number.

Each says what it reads and writes.
"""

from __future__ import annotations

from .affine import Affine, Axis
from .kernel import Load
from .program import Instruction, Value


class Contraction:
    """A sum of products. Each index letter has axes; `places` are the operands' and the result's affine places."""

    def __init__(self, out: Value, groups: dict[str, list[Axis]], loads: tuple[Load, Load], place: Affine, letters: dict[str, str]):
        self.out, self.groups, self.loads, self.place, self.letters = out, groups, loads, place, letters
        self.reads, self.writes = [load.root for load in loads], [out]


class Call:
    """NumPy does it: the values of one call, in order; some may be None, which nobody reads."""

    def __init__(self, instruction: Instruction, roots: list[Value]):
        self.instruction, self.reads = instruction, roots
        self.outs = {instruction.attributes["index"]: instruction.out}

    @property
    def writes(self) -> list[Value]:
        """The roots of its values."""
        return list(self.outs.values())


class Convolution:
    """One of the three products of a convolution: its `kind` is that of `conv/plan.py`, `shapes` are those of the operands and of `out`."""

    def __init__(self, instruction: Instruction, roots: list[Value]):
        self.instruction, self.reads, self.out, self.writes = instruction, roots, instruction.out, [instruction.out]
        self.kind, self.geometry = instruction.attributes["convolution"]
        self.shapes = tuple(v.shape for v in (*instruction.values(), instruction.out))


class Scatter:
    """`out`, zero at first, gets the rows of `x` added at the rows that `rows` names."""

    def __init__(self, out: Value, x: Value, rows: Value):
        self.out, self.x, self.rows = out, x, rows
        self.reads, self.writes = [x, rows], [out]


class Check:
    """The program is left unless what Python branched on is as it was: the roots of numbers, and which of them are true."""

    def __init__(self, roots: list[Value], expected: list[bool]):
        self.expected, self.reads = expected, roots
        self.writes: list[Value] = []


class NeedsCopy(Exception):
    """A movement must be copied, or what is waiting computed, before the kernel that is being made can load it."""

    def __init__(self, value: Value):
        super().__init__(value)
        self.value = value


def mixed(axes: list[Axis]) -> Affine:
    """The number that axes count together, the last one fastest."""
    terms, step = [], 1
    for axis in reversed(axes):
        terms.append((axis, step))
        step *= axis.size
    return Affine(0, tuple(reversed(terms)))
