"""Whether an array is what it should be: rounding is told from faults.

Native code sums in another order than NumPy, so floats may differ by what rounding explains: first some units in the last place of the
largest element; where that is not enough, by as much as the program's own results move when NumPy computes them
(`codegen/ir/interpreter.py`) in wider floats, and with inputs and intermediate results that are a rounding error away.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..codegen.ir.interpreter import interpreted
from ..codegen.ir.program import REDUCTION, Program, Value, compute_dtype

Array = np.ndarray[Any, Any]
UNITS = {4: 32, 8: 1 << 16}  # units in the last place of the largest element that results may differ by, by the bytes of a float
NARROW_EPS = {"bfloat16": 2.0**-7, "float16": 2.0**-10}  # of which two where any are in a program: a sum may be rounded the other way
RUNS, WIDE = 4, 1  # with other rounding, as far as they are asked for; which of them is in wider floats
BLOCK = 1 << 14  # elements that are looked at together, in the cache
SHAKEN = 1 << 14  # elements that are moved by rounding errors of their own
NOISE = 8  # times what a result moves by rounding that it may differ by
MODE = os.environ.get("PEDIGRAD_VERIFY", "")  # off; always; or as a rule: each program once


class Fault(NamedTuple):
    """Where a program is wrong."""

    what: str
    place: tuple[int, ...]
    given: Any
    wanted: Any

    def __str__(self) -> str:
        element = f"[{', '.join(map(str, self.place))}]" if self.place else ""
        return f"its program gave {self.given} for {self.what}{element}, where the function gives {self.wanted}"


class Rounding:
    """What rounding does to the values that a program gives from some inputs: NumPy runs it a few times when that is first asked.

    Inputs may be what another program gives, whose `Rounding` is `before`: `links` are its outputs by these inputs.
    """

    def __init__(
        self, program: Program, given: dict[Value, Array], before: Rounding | None = None, links: Mapping[Value, Value] | None = None
    ):
        self.program, self.given, self.before, self.links = program, given, before, links or {}
        self.runs: list[dict[Value, Array]] = []
        self.chance = np.random.Generator(np.random.PCG64(0))

    def compared(self, what: str, found: Array, wanted: Array, value: Value) -> Fault | None:
        """Where an array, the program's output `value`, is not what it should be, by more than rounding explains."""
        found = found.reshape(wanted.shape)
        if wanted.dtype == found.dtype:
            found, wanted = (each.astype(compute_dtype(each.dtype), copy=False) for each in (found, wanted))
        most = tolerance(self.longest, self.narrow, wanted)
        fault = difference(what, found, wanted, most)
        if fault is None:
            return None
        if found.dtype.kind == "f":
            near = next(self.moved())[value]
            one, other = moved_by(found, near), moved_by(wanted, near)  # a wrong result is far from what is near the right one, and the
            if one is not None and other is not None:  # results of a wrong program, done by native code and by NumPy, are near each other
                fault = difference(what, found, wanted, most + NOISE * min(one, other))
                if fault is None:
                    return None
        plain, moved = self.plain[value], 0.0
        if plain.dtype.kind == "f":  # what cancels leaves the rounding of what it was made of
            moved = self.unit(value)
        for run in self.moved():
            step = moved_by(plain, run[value])
            if step is None:
                return None
            moved = max(moved, step)
            fault = difference(what, found, wanted, most + NOISE * moved)
            if fault is None:
                return None
        return fault

    @cached_property
    def plain(self) -> dict[Value, Array]:
        """The outputs as NumPy computes them."""
        self.units: dict[Value, float] = {}
        return interpreted(self.program, self.given, keep=self.program.outputs, look=self.measure)

    def moved(self) -> Iterator[dict[Value, Array]]:
        """The outputs with other rounding, each computed when it is asked for: moved a little, in wider floats, otherwise moved."""
        return map(self.run, range(RUNS))

    def run(self, number: int) -> dict[Value, Array]:
        """The outputs of one of these runs."""
        if number == len(self.runs):
            before = {} if self.before is None else self.before.run(number)
            given = self.given | {v: before[link] for v, link in self.links.items()}
            self.runs.append(self.wide(given) if number == WIDE else self.nearby(given))
        return self.runs[number]

    def wide(self, given: dict[Value, Array]) -> dict[Value, Array]:
        """The outputs as they are in wider floats."""
        return interpreted(self.program, given, wide=True, keep=self.program.outputs)

    def nearby(self, given: dict[Value, Array]) -> dict[Value, Array]:
        """The outputs where inputs and all that is computed are a rounding error away."""
        shake = Shaking(self.chance)
        given = {v: a if a.dtype.kind != "f" else shake(a) for v, a in given.items()}
        return interpreted(self.program, given, rounded=shake, keep=self.program.outputs)

    def measure(self, value: Value, array: Array) -> None:
        """Note what is one unit in the last place of the largest finite number of an array of floats."""
        if array.dtype.kind == "f":
            self.units[value] = float(np.finfo(array.dtype).eps) * largest(array)

    def unit(self, value: Value) -> float:
        """The largest of those units among all that a value follows from."""
        found, seen, todo = 0.0, {value}, [value]
        while todo:
            each = todo.pop()
            found = max(found, self.units.get(each, 0.0))
            new = [v for v in (each.by.values() if each.by is not None else ()) if v not in seen]
            seen.update(new)
            todo += new
        return found

    @cached_property
    def narrow(self) -> float:
        """The rounding error of the narrowest floats that the program has, 0 where none has 16 bits."""
        values = (*self.program.inputs, *(instruction.out for instruction in self.program.instructions))
        return max((NARROW_EPS.get(v.dtype.name, 0.0) for v in values), default=0.0)

    @cached_property
    def longest(self) -> int:
        """Of how many terms the program's longest sums are."""
        longest = 1
        for instruction in self.program.instructions:
            if instruction.operation == "dot":
                longest = max(longest, instruction.args[0].shape[-1])
            elif instruction.operation in REDUCTION:
                longest = max(longest, instruction.values()[0].size // max(instruction.out.size, 1))
        return longest


def moved_by(plain: Array, other: Array) -> float | None:
    """How far an output moves by rounding in a run; None where it decides which of its elements are finite."""
    if plain.dtype.kind == "b":
        return float((plain != other).any())
    finite = np.isfinite(plain)
    if (np.isfinite(other) != finite).any():
        return None
    return float(np.abs(other - plain.astype(other.dtype))[finite].max(initial=0))


class Shaking:
    """Moves each element of an array by a rounding error: the errors of one array after the other are parts of one row of numbers."""

    def __init__(self, chance: np.random.Generator):
        self.chance, self.factors = chance, dict[Any, Array]()

    def __call__(self, array: Array) -> Array:
        factors = self.factors.get(array.dtype)
        if factors is None:
            eps = float(np.finfo(array.dtype).eps)
            drawn = self.chance.random(2 * SHAKEN, np.float32 if array.dtype == np.float32 else np.float64)
            factors = self.factors[array.dtype] = (1 - eps + 2 * eps * drawn).astype(array.dtype)
        first = int(self.chance.integers(SHAKEN))
        moved, line = np.empty(array.shape, array.dtype), np.ascontiguousarray(array).reshape(-1)
        into = moved.reshape(-1)
        for start in range(0, line.size, SHAKEN):
            part = line[start : start + SHAKEN]
            np.multiply(part, factors[first : first + part.size], out=into[start : start + SHAKEN])
        return moved


def tolerance(longest: int, narrow: float, wanted: Array) -> float:
    """By how much rounding may move elements of an array, at a first look, where sums have so many terms and values are so `narrow`."""
    if wanted.dtype.kind != "f":
        return 0.0
    return float((np.finfo(wanted.dtype).eps * (UNITS[wanted.itemsize] + longest**0.5) + 2 * narrow) * largest(wanted))


def largest(array: Array) -> float:
    """The largest magnitude among the finite numbers of an array of floats."""
    with np.errstate(all="ignore"):
        most = max(float(array.max(initial=0)), -float(array.min(initial=0)))
    return most if math.isfinite(most) else float(np.abs(array[np.isfinite(array)]).max(initial=0))


def is_near(found: Array, wanted: Array, most: float) -> bool:
    """Whether arrays of one dtype of floats are finite and surely differ by no more than `most`: a quick look, block by block."""
    if not (found.flags.c_contiguous and wanted.flags.c_contiguous and found.dtype == wanted.dtype and found.dtype.itemsize > 2):
        return False
    one, other = found.reshape(-1), wanted.reshape(-1)
    surely = most * (1 - 4 * float(np.finfo(found.dtype).eps))  # the differences are rounded too
    apart = np.empty(min(BLOCK, one.size), found.dtype)
    with np.errstate(all="ignore"):
        for start in range(0, one.size, BLOCK):
            part = one[start : start + BLOCK]
            step = np.subtract(part, other[start : start + BLOCK], out=apart[: part.size])
            if not (step.max() <= surely and -step.min() <= surely):  # of nan, and infinities less infinities, it is neither
                return False
    return True


def difference(what: str, found: Array, wanted: Array, most: float) -> Fault | None:
    """The first element that differs by more than `most`."""
    if found.dtype.kind == "f":
        if is_near(found, wanted, most):
            return None
        with np.errstate(all="ignore"):
            near = np.abs(found.astype(np.float64) - wanted) <= most
        same = near | (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    elif found.dtype.kind == "b":
        same = (found == wanted) | (most >= 1)
    else:
        same = np.abs(found.astype(np.float64) - wanted) <= most if most else found == wanted
    if same.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    return Fault(what, index, found[index], wanted[index])
