"""Dividing a recorded program in two: a forward part, and a backward part that is run later from what the first one kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.modes import Untraceable
from ..ir.kernel import kind
from ..ir.program import MOVEMENT, Instruction, Program, Value

CHEAP = frozenset("cast eq ne lt le gt ge and or not where neg add sub mul max2 min2 abs square".split())
STEPS = 4  # cheap instructions in a row that are run again instead of keeping their result


class Backward:
    """The second part: `program`, which is given `kept` values of the first part and then `starts`, gradients of its results.

    The first part writes to the inputs `written`: what they were is gone when the second one is run. Values that Python branched on,
    `guards`, are computed too.
    """

    def __init__(
        self,
        whole: Program,
        cut: int,
        starts: list[Value],
        grads: list[Value],
        written: frozenset[Value] = frozenset(),
        guards: Sequence[Value] = (),
    ):
        self.program, self.written = Program(), written
        self.first = {i.out for i in whole.instructions[:cut]} | set(whole.inputs) - set(starts)
        self.known: dict[Value, Value] = {}
        self.kept: list[Value] = []
        later = whole.instructions[cut:]
        wanted = used(later, [*grads, *guards])
        for instruction in later:
            if instruction.out in wanted:
                for value in instruction.values():
                    self.provide(value, starts)
                self.copy(instruction)
        for value in (*grads, *guards):
            self.provide(value, starts)
        self.program.outputs = [self.known[value] for value in grads]
        self.starts = [self.known.get(start) for start in starts]  # None: its gradient has no effect

    def provide(self, value: Value, starts: list[Value], depth: int = 0) -> None:
        """Have a value of the first part at hand: kept, or computed again from what is."""
        if value in self.known or (value not in self.first and value not in starts):
            return
        by = value.by
        if by is not None and value in self.first and (kind(by) in ("movement", "inline", "scalar") or self.again(by, depth)):
            for each in by.values():
                self.provide(each, starts, depth + (by.operation not in MOVEMENT))
            self.copy(by)
            return
        if value in self.written:
            raise Untraceable("a tensor is written to in place that the backward pass needs as it was")
        self.known[value] = self.program.input(value.shape, value.dtype)
        if value not in starts:
            self.kept.append(value)

    def again(self, instruction: Instruction, depth: int) -> bool:
        return instruction.operation in CHEAP and depth < STEPS and all(self.near(v, depth + 1) for v in instruction.values())

    def near(self, value: Value, depth: int) -> bool:
        """Whether a value is kept anyway, or follows cheaply from such ones."""
        by = value.by
        if by is None or value in self.known:
            return value not in self.written
        if kind(by) in ("inline", "scalar"):
            return True
        if kind(by) == "movement":
            return self.near(by.args[0], depth)
        return self.again(by, depth)

    def copy(self, instruction: Instruction) -> None:
        args: list[Any] = [self.known[a] if isinstance(a, Value) else a for a in instruction.args]
        out = self.program.emit(instruction.operation, args, instruction.out.shape, instruction.out.dtype, **instruction.attributes)
        assert out.by is not None
        out.by.origin = instruction.origin
        self.known[instruction.out] = out


def used(instructions: list[Instruction], outputs: list[Value]) -> set[Value]:
    """The values that the outputs depend on."""
    found = set(outputs)
    for instruction in reversed(instructions):
        if instruction.out in found:
            found.update(instruction.values())
    return found


def forward(whole: Program, cut: int, inputs: list[Value], outputs: list[Value], guards: list[Value]) -> Program:
    """The first part; `guards` are computed too."""
    program = Program()
    program._next = whole._next
    program.inputs = inputs
    wanted = used(whole.instructions[:cut], [*outputs, *guards])
    program.instructions = [i for i in whole.instructions[:cut] if i.out in wanted]
    program.outputs = list(outputs)
    return program
