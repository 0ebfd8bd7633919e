"""What takes time: the steps of a compiled program, measured one by one, and what this machine can do at best.

A program is measured by compiling it a second time with a look at the processor's clock after each step, and running that on
arrays of its own: nothing that the user holds is read by a step or written to.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...codegen.emit import llvm
from ...codegen.ir.program import Program, Value
from ...codegen.runtime.executable import Executable, GuardFailed
from ...rng.generator import default_generator

Array = np.ndarray[Any, Any]
RUNS = 5, 100  # at least and at most
ENOUGH = 0.1  # seconds of runs after which the fastest is taken
LOOK = 0.25  # seconds in which the machine shows what it can do, for each limit
WAIT = 0.02  # seconds between two looks at both clocks
COPIED = 1 << 24  # elements of the copy that bandwidth is measured with
SIDE = 512  # of the matrices that arithmetic is measured with


class Times(NamedTuple):
    """Seconds: of the steps of the fastest run, of all of that run, of the fastest run in which the steps are not measured."""

    steps: list[float] | None
    total: float | None
    unmeasured: float | None
    problem: str | None = None


class Machine(NamedTuple):
    """The best that this machine was seen to do: bytes read and written a second, float32 operations a second."""

    bandwidth: float
    arithmetic: float
    threads: int

    def limit(self, nbytes: int, flops: float, itemsize: int) -> tuple[str, float]:
        """What binds work of that size, and the least number of seconds it takes."""
        memory, compute = nbytes / self.bandwidth, flops * itemsize / 4 / self.arithmetic
        return ("compute", compute) if compute > memory else ("memory", memory)


@functools.cache
def machine(threads: int) -> Machine:
    """Measured once in a process for each number of threads."""
    copy = Program()
    x, target = copy.input((COPIED,), np.float32), copy.input((COPIED,), np.float32)
    copy.outputs = [copy.emit("neg", (x,), x.shape, x.dtype)]
    arrays = [np.ones(COPIED, np.float32), np.ones(COPIED, np.float32)]
    seconds = fastest(Executable(copy, {}, threads, in_place={0: target}), arrays)
    product = Program()
    a, b = product.input((SIDE, SIDE), np.float32), product.input((SIDE, SIDE), np.float32)
    product.outputs = [product.emit("dot", (a, b), (SIDE, SIDE), np.float32, spec="ik,kj->ij")]
    factors = [np.ones((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)]
    return Machine(sum(a.nbytes for a in arrays) / seconds, 2 * SIDE**3 / fastest(Executable(product, {}, threads), factors), threads)


def fastest(executable: Executable, arrays: Sequence[Array]) -> float:
    """The seconds of the fastest of some runs."""
    best, until = math.inf, time.perf_counter() + LOOK
    while best == math.inf or time.perf_counter() < until:
        begin = time.perf_counter()
        executable.run(arrays)
        best = min(best, time.perf_counter() - begin)
    return best


def array_like(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None) -> Array:
    """An array of its own with that layout; `strides` in elements, None where it lies row by row."""
    if strides is None or 0 in shape:
        return np.zeros(shape, dtype)
    reach = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    low, high = sum(r for r in reach if r < 0), sum(r for r in reach if r > 0)
    memory = np.zeros(high - low + 1, dtype)
    size = memory.itemsize
    return np.ndarray(shape, dtype, memory, -low * size, tuple(s * size for s in strides))


def inputs(executable: Executable, present: Sequence[Array | None], fill: str) -> list[Array]:
    """Arrays for a run: copies of those that are present, made up where there is none."""
    random = np.random.Generator(np.random.PCG64(0))
    made = []
    for value, array in zip(executable.inputs, present, strict=True):
        mine = array_like(value.shape, value.dtype, executable.placement.strides.get(value))
        if array is not None and array.shape == mine.shape:
            mine[...] = array
        elif value.dtype.kind == "f":
            mine[...] = random.uniform(-0.1, 0.1, value.shape) if fill == "small numbers" else 1 if fill == "ones" else 0
        made.append(mine)
    return made


def guards_of(executable: Executable) -> list[tuple[Value, bool]]:
    """What a program computes to see whether it may go on, and what that must be."""
    return list(zip(executable.program.outputs[executable.count :], executable.expected, strict=True))


def profiled(executable: Executable) -> Executable:
    """The same program with the clock read after each step."""
    old, program = executable.program, Program()
    program.inputs, program.instructions, program._next = old.inputs, old.instructions, old._next
    program.outputs = old.outputs[: executable.count]
    how = dict(in_place=executable.in_place, strides=executable.placement.strides, profile=True, inputs=executable.inputs)
    return Executable(program, executable.constants, executable.threads, guards_of(executable), **how)  # type: ignore[arg-type]


def measure(executable: Executable, probe: Executable, present: Sequence[Array | None]) -> Times:
    """Measure the steps of `probe`, the profiled program, on copies of the arrays that are `present`, and on made-up ones else."""
    state, problem = default_generator.state_array(), ""
    try:
        for fill in ("small numbers", "zeros", "ones"):
            runs, why = attempt(probe, inputs(executable, present, fill))
            if runs:
                plain, _ = attempt(executable.again(), inputs(executable, present, fill))  # whose table stays as it is
                return best(runs, min(end - begin for begin, end, _ in plain))
            problem = problem or why
    finally:
        default_generator.set_state(state)
    return Times(None, None, None, problem)


def attempt(probe: Executable, arrays: list[Array]) -> tuple[list[tuple[float, float, Array]], str]:
    """Begin, end and the clock's ticks of some runs; what ended them early."""
    runs: list[tuple[float, float, Array]] = []
    start = time.perf_counter()
    while len(runs) < RUNS[1] and (len(runs) < RUNS[0] or time.perf_counter() - start < ENOUGH):
        begin = time.perf_counter()
        try:
            probe.run(arrays)
        except GuardFailed:
            return runs, "a number that the program branches on is another one on the arrays it was measured with"
        except Exception as error:  # NumPy's part may reject made-up numbers
            return runs, f"{type(error).__name__} on the arrays it was measured with: {error}"
        runs.append((begin, time.perf_counter(), probe.cycles.copy()))
    return runs, ""


def best(runs: list[tuple[float, float, Array]], unmeasured: float) -> Times:
    """The fastest run, its ticks in seconds."""
    begin, end, ticks = min(runs, key=lambda run: run[1] - run[0])
    if not tick():
        return Times(None, None, unmeasured, "the processor's clock cannot be read")
    return Times([float(t) * tick() for t in np.diff(ticks)], end - begin, unmeasured)


@functools.cache
def tick() -> float:
    """Seconds that the processor's clock takes for one tick; 0 where it stands still."""
    text = "define void @pg.clock(ptr %to) {\n  %now = call i64 @llvm.readcyclecounter()\n  store i64 %now, ptr %to\n  ret void\n}\n"
    look, to = llvm.function(llvm.load(text, ["pg.clock"])["pg.clock"], 1, 0), np.zeros(1, np.int64)

    def together() -> tuple[float, int]:
        """The time by both clocks: of several looks the one that was least disturbed."""
        looks = []
        for _ in range(20):
            before = time.perf_counter()
            look(to.ctypes.data)
            after = time.perf_counter()
            looks.append((after - before, (before + after) / 2, int(to[0])))
        return min(looks)[1:]

    begin = together()
    time.sleep(WAIT)
    end = together()
    return (end[0] - begin[0]) / (end[1] - begin[1]) if end[1] > begin[1] else 0.0
