"""Passes: each is a function from a Program to a Program that computes the same, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from ..ir.program import Program
from .algebra import algebra
from .constants import constants
from .cse import cse
from .dce import dce
from .gathers import gathers

PASSES: tuple[Callable[[Program], Program], ...] = (dce, constants, algebra, gathers, constants, algebra, cse, dce)


def simplified(program: Program) -> Program:
    """The program after all passes, in order."""
    for each in PASSES:
        program = each(program)
    return program


__all__ = ["PASSES", "algebra", "constants", "cse", "dce", "gathers", "simplified"]
