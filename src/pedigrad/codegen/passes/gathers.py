"""Gathers move up: elements are picked from an operand rather than from what is computed of all of it."""

from __future__ import annotations

from typing import Any

from ..ir.instructions import ELEMENTWISE
from ..ir.program import Instruction, Program, Value, copied, rewritten
from .stages import stage


@stage("moved")
def gathers(program: Program) -> Program:
    """The program in which elements are picked before elementwise instructions, where fewer are picked than computed."""

    def rewrite(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value:
        if instruction.out.size < args[0].size:
            found = picked(new, args[0], args[1:], instruction.attributes["axis"], instruction.out.shape)
            if found is not None:
                return found
        return copied(new, instruction, args)

    return rewritten(program, rewrite, ("gather",))


def picked(new: Program, x: Value, indices: tuple[Value, ...], axis: int, shape: tuple[int, ...], depth: int = 4) -> Value | None:
    """What of `x` the indices pick, from what it is computed of; None where that is no better."""
    by = x.by
    if by is None or depth == 0:
        return None
    if by.operation in ELEMENTWISE:
        args = []
        for arg in by.args:
            if isinstance(arg, Value) and arg.shape:
                inner = picked(new, arg, indices, axis, shape, depth - 1)
                arg = new.emit("gather", (arg, *indices), shape, arg.dtype, axis=axis) if inner is None else inner
            args.append(arg)
        return new.emit(by.operation, args, shape, by.out.dtype, **by.attributes)
    if by.operation == "broadcast":
        return of_broadcast(new, by, indices, axis, shape)
    return None


def of_broadcast(new: Program, by: Instruction, indices: tuple[Value, ...], axis: int, shape: tuple[int, ...]) -> Value | None:
    """Elements of a broadcast operand: indices along dimensions that were expanded do not count."""
    (x,) = by.args
    if axis != 0 or len(indices) != len(by.out.shape):
        return None
    sizes = (1,) * (len(indices) - len(x.shape)) + x.shape
    kept = [i for i, n in enumerate(sizes) if n != 1]
    if not kept or kept != list(range(kept[0], kept[-1] + 1)):
        return None
    flat = new.emit("reshape", (x,), tuple(sizes[d] for d in kept), x.dtype)
    chosen = [indices[d] for d in kept]
    if len(chosen) == 1 and is_iota(chosen[0]) and chosen[0].shape == flat.shape == shape:
        return flat
    return new.emit("gather", (flat, *chosen), shape, x.dtype, axis=0)


def is_iota(value: Value) -> bool:
    """Whether the value counts from zero."""
    return value.by is not None and value.by.operation == "iota"
