"""Numbers in a kernel's code: constants, and sizes that are given at run time, for which primes stand in while the code is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..emit.scalar_ir import ScalarIR, literal, type_of


class Numbers:
    """The numbers of one function; `body` must have a head for instructions that come first."""

    def __init__(self, body: Any, scalar: ScalarIR, symbols: Sequence[int]):
        self.body, self.scalar, self.symbols = body, scalar, symbols
        self.known: dict[int, str] = {}
        self.infinities: dict[Any, str] = {}

    def number(self, n: int) -> str:
        """A whole number as LLVM writes it. Where sizes are given at run time, `symbols` stand in for them, and so do products."""
        if not self.symbols or n in (0, 1):
            return str(n)
        if n in self.known:
            return self.known[n]
        rest, factors = abs(n), []
        for i, symbol in enumerate(self.symbols):
            while rest % symbol == 0:
                rest //= symbol
                factors.append(i)
        if not factors:
            return str(n)
        total = str(rest if n > 0 else -rest)
        for i in factors:
            place = self.body.entry(f"getelementptr i64, ptr %sizes, i64 {i}")
            size = self.body.entry(f"load i64, ptr {place}")
            total = size if total == "1" else self.body.entry(f"mul i64 {total}, {size}")
        self.known[n] = total
        return total

    def literal(self, value: Any, dtype: np.dtype[Any]) -> str:
        """A number among the operands; it may be a size, or one divided by a size."""
        if self.symbols and dtype.kind in "if" and value == value and abs(value) not in (0, math.inf):
            whole = int(value) if value == int(value) else 0
            if whole and self.number(whole).startswith("%"):
                return self.scalar.cast(self.number(whole), np.dtype(np.int64), dtype)
            part = round(1 / value) if abs(value) < 1 else 0
            if part and dtype.type(1 / part) == dtype.type(value) and self.number(part).startswith("%"):
                wide = self.scalar.cast(self.number(part), np.dtype(np.int64), np.dtype(np.float64))
                return self.scalar.cast(self.scalar.emit_reciprocal(np.dtype(np.float64), wide), np.dtype(np.float64), dtype)
        return self.infinity(value, dtype) if dtype.kind == "f" and abs(value) == math.inf else literal(value, dtype)

    def infinity(self, value: float, dtype: np.dtype[Any]) -> str:
        """An infinity that LLVM does not know: it would make a maximum over chosen elements a branch, and not vectorise that."""
        key = (value, dtype)
        if key not in self.infinities:
            kind = type_of(dtype)
            cell = self.body.entry(f"alloca {kind}")
            self.body.head.append(f"  store volatile {kind} {literal(value, dtype)}, ptr {cell}")
            self.infinities[key] = self.body.entry(f"load volatile {kind}, ptr {cell}")
        return self.infinities[key]
