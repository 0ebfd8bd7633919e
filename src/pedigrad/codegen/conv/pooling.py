"""Kernels for maxima of windows that lie side by side: these, and their gradients.

A row of windows is `high` rows of `columns * wide` elements that follow each other; threads divide such rows.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..emit import llvm
from ..emit.kernel_body import KernelBody, share
from ..emit.module import finished
from ..emit.scalar_ir import memory_type


class Rows:
    """A function over rows of windows in the making, for the elements of one window at a time."""

    def __init__(self, name: str, arrays: str, dtype: np.dtype[Any], high: int, wide: int):
        typed = ", ".join(f"ptr %{each}" for each in arrays.split())
        self.body = KernelBody(name, f"{typed}, i64 %rows, i64 %columns, i64 %thread, i64 %threads", llvm.vector_bits())
        self.kind, self.high, self.wide = memory_type(dtype), high, wide
        self.align = dtype.itemsize

    def place(self, array: str, row: str, column: str, i: int, j: int) -> str:
        """The address of an element of a window, of an array that windows divide."""
        body = self.body
        line = body.integer("mul", "%columns", self.wide)
        start = body.integer("mul", body.integer("add", body.integer("mul", row, self.high), i), line)
        return body.at(array, body.integer("add", start, body.integer("add", body.integer("mul", column, self.wide), j)), self.kind)

    def load(self, place: str) -> str:
        return self.body.put(f"load {self.kind}, ptr {place}, align {self.align}{self.body.access}")

    def store(self, value: str, place: str) -> None:
        self.body.do(f"store {self.kind} {value}, ptr {place}, align {self.align}{self.body.access}")

    def result(self, array: str, row: str, column: str) -> str:
        """The address of what an array has for a window."""
        return self.body.at(array, self.body.integer("add", self.body.integer("mul", row, "%columns"), column), self.kind)

    def window(self, array: str, row: str, column: str) -> list[str]:
        """The elements of a window."""
        return [self.load(self.place(array, row, column, i, j)) for i in range(self.high) for j in range(self.wide)]


def maxima(dtype: np.dtype[Any], high: int, wide: int) -> KernelBody:
    """`maxima(x, out, rows, columns, thread, threads)`: the largest element of each window, nan where there is one."""
    rows = Rows("maxima", "x out", dtype, high, wide)
    body = rows.body
    low, end = share(body, "%rows")
    with body.loop(low, end) as row, body.parallel("0", "%columns") as column:
        most, *rest = rows.window("%x", row.index, column)
        for each in rest:
            larger, is_nan = (body.put(f"fcmp {how} {rows.kind} {each}, {other}") for how, other in (("ogt", most), ("uno", each)))
            most = body.put(f"select i1 {body.put(f'or i1 {larger}, {is_nan}')}, {rows.kind} {each}, {rows.kind} {most}")
        rows.store(most, rows.result("%out", row.index, column))
    return body


def maxima_grad(dtype: np.dtype[Any], high: int, wide: int) -> KernelBody:
    """`maxima_grad(x, out, g, grad, rows, columns, thread, threads)`: `g` where a window's maximum is first, or its last nan; else zero."""
    rows = Rows("maxima_grad", "x out g grad", dtype, high, wide)
    body = rows.body
    low, end = share(body, "%rows")
    with body.loop(low, end) as row, body.parallel("0", "%columns") as column:
        most, g = (rows.load(rows.result(array, row.index, column)) for array in ("%out", "%g"))
        parts = rows.window("%x", row.index, column)
        found = str(len(parts))
        for number, part in reversed(list(enumerate(parts))):
            found = body.put(f"select i1 {body.put(f'fcmp oeq {rows.kind} {part}, {most}')}, i32 {number}, i32 {found}")
        for number, part in enumerate(parts):
            found = body.put(f"select i1 {body.put(f'fcmp uno {rows.kind} {part}, {part}')}, i32 {number}, i32 {found}")
        for number in range(len(parts)):
            value = body.put(f"select i1 {body.put(f'icmp eq i32 {found}, {number}')}, {rows.kind} {g}, {rows.kind} 0.0")
            rows.store(value, rows.place("%grad", row.index, column, number // wide, number % wide))
    return body


@functools.cache
def loaded(dtype: np.dtype[Any], high: int, wide: int) -> dict[str, int]:
    """The addresses of both functions."""
    texts = [make(dtype, high, wide).text().replace("define internal", "define", 1) for make in (maxima, maxima_grad)]
    return llvm.load(finished(texts), ["maxima", "maxima_grad"])
