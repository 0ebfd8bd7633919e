"""A program proves itself before it is used: run once on copies of what a recorded call was given, it must give what that call gave.

Compared are all results, all that is written in place, all gradients; `capture/agreement.py` tells rounding from faults.
Random numbers are others than the eager ones: such a program is held against NumPy's run of it from the same seed.

`PEDIGRAD_VERIFY` may be `off`, or `always`: then every call runs both as usual and compiled, on copies, and they are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codegen.frontend.regions import like, shares
from ..codegen.ir.interpreter import interpreted
from ..codegen.ir.program import Program, Value
from ..codegen.ir.sources import SEEDS, held, read_option
from ..codegen.runtime.executable import Executable, GuardFailed
from ..core.graph import write_to
from ..core.modes import Untraceable
from . import agreement
from .agreement import Fault, Rounding
from .backward import ALL, GradientProgram
from .given import overlaps
from .recording import Recording

Array = np.ndarray[Any, Any]
PATIENCE = 2.0  # seconds that a program may run to be proven, where compiling took less
PRODUCTS, ELEMENTS = 1e10, 1e9  # multiplications in sums of products, and elements otherwise, that are done in a second
CALLED = 50  # elements that one of what NumPy does counts as: a convolution, say
SEED = 20_011.0


class Unproven(Untraceable):
    """A program is wrong: the function is run without it."""


REPORT = "this is a fault of the compiler and the function is right as it is: please report the function with what explain() prints"


class Proof:
    """The one run of a new program on what a recorded call was given."""

    def __init__(self, executable: Executable, gradient: GradientProgram | None, recording: Recording):
        self.executable, self.gradient, self.recording, self.recorder = executable, gradient, recording, recording.recorder
        self.program = self.recorder.program if gradient is None else gradient.forward
        self.is_random = any(group is SEEDS for group, _ in self.recorder.options.values())
        fault = self.find()
        if fault is not None:
            raise Unproven(f"{fault}; {REPORT}")

    def find(self) -> Fault | None:
        """The first thing that is wrong."""
        self.start = {value: self.given(value) for value in self.executable.inputs} | self.executable.constants
        targets = set(self.recording.in_place.values())
        if self.on_one_memory(targets):
            return Fault("the tensors that it is given", (), "one that is written to on the memory of another", "each its own")
        arrays = [like(self.start[v]) if v in targets else self.start[v] for v in self.executable.inputs]
        try:
            outputs = self.executable.run(arrays)
        except GuardFailed:
            return None if self.is_random else Fault("what it branches on", (), "another answer", "the one that it was recorded with")
        known = interpreted(self.program, self.start) if self.is_random else {}
        place, rounding = {v: i for i, v in enumerate(self.executable.inputs)}, Rounding(self.program, self.start)
        for number, expected in enumerate(self.recording.expected):
            target = self.recording.in_place.get(number)
            found = outputs[number] if target is None else arrays[place[target]]
            value = self.program.outputs[number]
            wanted = known[value] if self.is_random else expected
            fault = rounding.compared(self.name(number), found, wanted, value)
            if fault is not None:
                return fault
        return None if self.gradient is None else self.find_in_gradients(self.gradient, arrays, outputs, rounding)

    def on_one_memory(self, targets: set[Value]) -> bool:
        """Whether something is written to in place that another input is on too, by addresses alone."""
        given = dict(zip(self.recorder.program.inputs, (t._array for t in self.recording.given), strict=False))
        captured = self.recorder.captured
        known = [v for v in self.executable.inputs if v in given or v in captured]
        real = {v: given[v] if v in given else held(captured[v]) for v in known}
        found = [(v in targets, array) for v, array in real.items() if array is not None]
        tied = overlaps([array for _, array in found])
        if tied == list(range(len(tied))):
            return False
        for x, (is_target, array) in enumerate(found):
            others = [other for y, (_, other) in enumerate(found) if y != x and tied[y] == tied[x]] if is_target else []
            if any(shares(array, other) for other in others):
                return True
        return False

    def given(self, value: Value) -> Array:
        """A copy of what an input was in the recorded call."""
        recorder = self.recorder
        found = recorder.snapshots.get(value) if recorder.snapshots is not None else None
        if found is not None:
            return found
        if value in recorder.options:
            group = recorder.options[value][0]
            return np.array(SEED if group is SEEDS else read_option(*recorder.options[value]))
        return like(held(recorder.captured[value]))

    def name(self, number: int) -> str:
        """What an output is to the user."""
        what, thing, _ = next(each for each in self.recording.after if each[2] == number and each[0] not in ("zeroed", "no gradient"))
        if what == "result":
            node = self.recording.results[number]._node
            return f"result {number}" + (f" ({node.name()}, {node.origin})" if node is not None and node.code is not None else "")
        if what == "written":
            write = write_to(self.recording.expected[number])
            return "what it writes in place" if write is None else f"what {write.what}() writes at {write.origin}, element "
        return f"the gradient of a tensor of shape {tuple(thing.shape)}, element "

    def find_in_gradients(self, program: GradientProgram, arrays: list[Array], outputs: list[Any], before: Rounding) -> Fault | None:
        """The backward programs, from gradients of ones."""
        first = len(outputs) - len(program.computed)
        saved = [arrays[i] if what == "input" else outputs[first + i] for what, i in program.kept]
        starts = [np.ones(v.shape, v.dtype) for v in program.gradient.starts]
        for which in program.gradient.whiches if program.gradient.nested else [ALL]:
            back = program.backs[which]
            try:
                found = program.run(which, saved, starts)
            except GuardFailed:
                continue  # as usual then
            given = {back.known[v]: a for v, a in zip(program.kept_values, saved, strict=True) if v in back.known}
            given |= {back.known[v]: a for v, a in self.recorder.constants.items() if v in back.known}
            given |= {s: a for s, a in zip(back.starts, starts, strict=True) if s is not None}
            wanted: Sequence[Any] = program.gradient.recorded[which]
            if self.is_random:
                news = interpreted(back.program, given)
                grads = iter(back.program.outputs)
                wanted = [None if g is None else news[next(grads)] for g in wanted]
            links = {
                back.known[v]: self.program.outputs[first + i]
                for v, (what, i) in zip(program.kept_values, program.kept, strict=True)
                if v in back.known and what != "input"
            }
            values, rounding = iter(back.program.outputs), Rounding(back.program, given, before, links)
            for one, other in zip(found, wanted, strict=True):
                if other is not None:
                    what = f"a gradient of shape {np.shape(other)}"
                    fault = rounding.compared(what, one, np.asarray(other), next(values))
                    if fault is not None:
                        return fault
        return None


def is_wanted(program: Program, compiling: float) -> bool:
    """Whether a program is proven, which takes a run of it: not if that is long and compiling was not."""
    return agreement.MODE != "off" and seconds_of(program) <= max(PATIENCE, compiling)


def seconds_of(program: Program) -> float:
    """What a run of a program takes at most on an ordinary machine, roughly."""
    total = 0.0
    for instruction in program.instructions:
        if instruction.operation == "dot":
            letters, sizes = instruction.attributes["spec"].split("->")[0].split(","), [v.shape for v in instruction.values()]
            lengths = {c: n for term, shape in zip(letters, sizes, strict=True) for c, n in zip(term, shape, strict=True)}
            total += math.prod(lengths.values()) / PRODUCTS
        else:
            size = max([instruction.out.size, *(v.size for v in instruction.values())])
            total += size * (CALLED if instruction.operation == "call" else 1) / ELEMENTS
    return total


# Every call


def check_run(what: dict[int, str], outputs: Sequence[Any], wanted: dict[int, Array], program: Program, start: dict[Value, Array]) -> None:
    """RuntimeError if what a program gave from `start` is not what is wanted, by the numbers of its outputs."""
    rounding = Rounding(program, start)
    for number, array in wanted.items():
        fault = rounding.compared(f"{what.get(number, 'kept')} {number}", outputs[number], array, program.outputs[number])
        if fault is not None:
            raise RuntimeError(f"PEDIGRAD_VERIFY=always: {fault}")


__all__ = ["Fault", "Proof", "Unproven", "check_run", "is_wanted"]
