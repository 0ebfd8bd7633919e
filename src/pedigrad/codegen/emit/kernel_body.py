"""The text of a kernel's function: loops that LLVM's vectoriser widens, and how threads share them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..gemm.microkernel import Body, Loop
from .scalar_ir import ScalarIR, identity, memory_type

CALL = 20  # instructions that a function of mathlib counts as
INTERLEAVED = ((64, 4), (128, 2), (1 << 62, 1))  # lines of a loop, and the vectors of a round: one alone waits for itself


class KernelBody(Body):
    """A function with loops whose rounds do not depend on each other through memory, as metadata says to the vectoriser."""

    access = ", !llvm.access.group !0"

    def __init__(self, name: str, arguments: str, bits: int):
        super().__init__(name, arguments, bits)
        self.head: list[str] = []

    def entry(self, text: str) -> str:
        """An instruction at the beginning of the function; returns its result."""
        name = f"%{self.fresh()}"
        self.head.append(f"  {name} = {text}")
        return name

    def text(self) -> str:
        return super().text().replace("entry:\n", "\n".join(["entry:", *self.head, ""]), 1)

    @contextmanager
    def loop(self, start: object, stop: object, step: object = 1, carry: Sequence[tuple[str, str]] = ()) -> Iterator[Loop]:
        with super().loop(start, stop, step, carry) as loop:
            yield loop
        self.lines[-2] += ", !llvm.loop !LOOP"  # LLVM would write a loop over rows several times

    @contextmanager
    def parallel(self, low: str, high: object) -> Iterator[str]:
        """The body of a loop to be vectorised; yields the index."""
        first = len(self.lines)
        with super().loop(low, high) as loop:
            yield loop.index
        work = sum(CALL if " call " in line else 1 for line in self.lines[first:])
        self.lines[-2] += f", !llvm.loop !LOOP{next(count for most, count in INTERLEAVED if work <= most)}"


def share(body: Body, count: object) -> tuple[str, str]:
    """A thread's part of what there are `count` of. There may be fewer threads than the code was made for, down to one."""
    low = body.integer("udiv", body.integer("mul", "%thread", count), "%threads")
    high = body.integer("udiv", body.integer("mul", body.integer("add", "%thread", 1), count), "%threads")
    return low, high


def inside(body: Body, index: str, size: object) -> str:
    """An index, or the last one there is where it is none: what comes of that is thrown away, but memory must not be left."""
    return body.put(f"call i64 @llvm.umin.i64(i64 {index}, i64 {body.integer('sub', size, 1)})")


@functools.lru_cache(256)
def combining(name: str, operation: str, dtype: np.dtype[Any], size: int, threads: int, bits: int) -> str:
    """`void name(ptr parts, ptr out, i64 threads)`: the parts of `size` elements that each thread has left, in their order."""
    body = KernelBody(name, "ptr %parts, ptr %out, i64 %threads", bits)
    scalar, kind = ScalarIR(body), memory_type(dtype)
    with body.parallel("0", size) as index:
        total = ""
        for thread in range(threads):
            place = body.at("%parts", body.integer("add", index, thread * size), kind)
            part = body.put(f"load {kind}, ptr {place}{body.access}")
            part = body.put(f"icmp ne i8 {part}, 0") if dtype.kind == "b" else part
            if thread:
                there = body.entry(f"icmp ugt i64 %threads, {thread}")
                part = scalar.select(there, dtype, part, identity(operation, dtype))
            total = scalar.combine(operation, dtype, total, part) if total else part
        total = body.put(f"zext i1 {total} to i8") if dtype.kind == "b" else total
        body.do(f"store {kind} {total}, ptr {body.at('%out', index, kind)}{body.access}")
    return body.text()
