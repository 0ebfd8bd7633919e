"""Passes: each is a function from a Program to a Program that computes the same, in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

from ..program import Program
from .algebra import algebra
from .constants import constants
from .dead import dead
from .gathers import gathers
from .repeats import repeats

PASSES: tuple[Callable[[Program], Program], ...] = (dead, constants, algebra, gathers, constants, algebra, repeats, dead)


def simplified(program: Program) -> Program:
    """The program after all passes, in order."""
    for each in PASSES:
        program = each(program)
    return program


__all__ = ["PASSES", "algebra", "constants", "dead", "gathers", "repeats", "simplified"]
