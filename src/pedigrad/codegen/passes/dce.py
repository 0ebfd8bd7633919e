"""Instructions whose results nobody reads are dropped."""

from __future__ import annotations

from ..ir.program import Program
from .stages import stage


@stage("unused")
def dce(program: Program) -> Program:
    """The program without what its outputs do not depend on."""
    wanted = set(program.outputs)
    kept = []
    for instruction in reversed(program.instructions):
        if instruction.out in wanted:
            wanted.update(instruction.values())
            kept.append(instruction)
    return program.with_instructions(kept[::-1])
