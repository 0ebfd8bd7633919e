"""What is computed twice is computed once."""

from __future__ import annotations

from typing import Any

from ..ir.program import Instruction, Program, Value, copied, rewritten
from .stages import stage


@stage("repeated")
def cse(program: Program) -> Program:
    """The program in which of equal instructions on equal operands the first one serves for all."""
    known: dict[Any, Value] = {}

    def rewrite(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value:
        out = copied(new, instruction, args)
        assert out.by is not None
        key = out.by.key()
        if key is None:
            return out
        if key in known and known[key].shape == out.shape:
            new.instructions.pop()
            return known[key]
        known[key] = out
        return out

    return rewritten(program, rewrite)
