"""Algebra: instructions that change nothing go, and dear ones become cheap ones that give the same bits or better."""

from __future__ import annotations

import math
from typing import Any

from ..ir.program import Instruction, Program, Value, compute_dtype, copied, rewritten
from .stages import stage


@stage("simpler")
def algebra(program: Program) -> Program:
    """The program with simpler instructions."""

    def rewrite(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value:
        found = SIMPLER[instruction.operation](new, instruction, args)
        return copied(new, instruction, args) if found is None else found

    return rewritten(program, rewrite, SIMPLER)


def _times(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    out = instruction.out
    for x, y in (args, args[::-1]):
        if isinstance(x, Value) and not isinstance(y, Value) and x.shape == out.shape:
            if y == 1:
                return x
            if y == -1 and out.dtype.kind == "f":
                return new.emit("neg", (x,), out.shape, out.dtype)
    return None


def _over(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    x, y = args
    out = instruction.out
    if isinstance(y, Value) or not isinstance(x, Value) or out.dtype.kind != "f":
        return None
    if y == 1 and x.shape == out.shape:
        return x
    if y and math.isfinite(y) and abs(math.frexp(y)[0]) == 0.5 and abs(math.frexp(y)[1]) < 100:  # a power of two: exact
        return new.emit("mul", (x, 1 / y), out.shape, out.dtype)
    return None


def _power(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    x, y = args
    out = instruction.out
    if isinstance(y, Value) or not isinstance(x, Value):
        return None
    if y == 1 and x.shape == out.shape:
        return x
    if y == 2:
        return new.emit("mul", (x, x), out.shape, out.dtype)
    if y == 3:
        return new.emit("mul", (new.emit("mul", (x, x), x.shape, out.dtype), x), out.shape, out.dtype)
    if abs(y) == 0.5:  # not the same as the power for -0.0 and minus infinity: NumPy takes the root too
        root = new.emit("sqrt", (x,), out.shape, out.dtype)
        return root if y > 0 else new.emit("div", (1.0, root), out.shape, out.dtype)
    if y == -1:
        return new.emit("div", (1.0, x), out.shape, out.dtype)
    return None


def _reshape(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    (x,) = args
    while x.by is not None and x.by.operation == "reshape":
        x = x.by.args[0]
    if x.shape == instruction.out.shape:
        return x
    return new.emit("reshape", (x,), instruction.out.shape, x.dtype) if x is not args[0] else None


def _transpose(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    (x,) = args
    order = tuple(instruction.attributes["order"])
    if x.by is not None and x.by.operation == "transpose":
        first = x.by.attributes["order"]
        order, x = tuple(first[d] for d in order), x.by.args[0]
    if order == tuple(range(len(order))):
        return x
    return new.emit("transpose", (x,), instruction.out.shape, x.dtype, order=order) if x is not args[0] else None


def _broadcast(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    (x,) = args
    if x.shape == instruction.out.shape:
        return x
    if x.by is not None and x.by.operation == "broadcast":
        return new.emit("broadcast", (x.by.args[0],), instruction.out.shape, x.dtype)
    return None


def _cast(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    return args[0] if args[0].dtype == instruction.out.dtype and "in_memory" not in instruction.attributes else None


def _dot(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value | None:
    """A product of 16-bit floats in float32: packing them converts them."""
    kept = [a.by.args[0] if a.by is not None and a.by.operation == "cast" else a for a in args]
    dtype = kept[0].dtype
    if dtype != kept[1].dtype or compute_dtype(dtype) != instruction.out.dtype or dtype == instruction.out.dtype:
        return None
    return new.emit("dot", kept, instruction.out.shape, instruction.out.dtype, **instruction.attributes)


SIMPLER = {
    "dot": _dot,
    "mul": _times,
    "div": _over,
    "pow": _power,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast,
    "cast": _cast,
}
