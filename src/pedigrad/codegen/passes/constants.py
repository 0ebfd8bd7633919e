"""Constants: arrays that hold one number become that number among the operands of elementwise instructions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.instructions import ELEMENTWISE
from ..ir.program import MOVEMENT, Instruction, Program, Value, copied, rewritten
from .stages import stage


@stage("constant")
def constants(program: Program) -> Program:
    """The program with numbers in the place of arrays that are full of one, as far as that goes."""

    def rewrite(new: Program, instruction: Instruction, args: tuple[Any, ...]) -> Value:
        out, operation = instruction.out, instruction.operation
        numbers = [number(a) for a in args]
        if not any(n is not None for n in numbers):
            return copied(new, instruction, args)
        if operation in MOVEMENT and numbers[0] is not None:
            return new.emit("full", (), out.shape, out.dtype, value=numbers[0])
        if operation == "cast" and numbers[0] is not None:
            return new.emit("full", (), out.shape, out.dtype, value=np.asarray(numbers[0], args[0].dtype).astype(out.dtype).item())
        if operation in ELEMENTWISE and operation != "cast":
            values = [a for a in args if isinstance(a, Value)]
            alike = [a for a in values if number(a) is None]
            same = {a.dtype for a in values[operation == "where" and values[0] is args[0] :]}
            if alike and operation != "where" and any(a.dtype in same for a in alike):
                args = tuple(n if n is not None and isinstance(a, Value) else a for a, n in zip(args, numbers, strict=True))
            elif operation == "where":
                args = args[:1] + tuple(n if n is not None else a for a, n in zip(args[1:], numbers[1:], strict=True))
        return copied(new, instruction, args)

    return rewritten(program, rewrite, ELEMENTWISE.keys() | MOVEMENT)


def number(value: Any) -> Any:
    """The number that an array is full of, None if it is not."""
    if isinstance(value, Value) and value.by is not None and value.by.operation == "full":
        return value.by.attributes["value"]
    return None
