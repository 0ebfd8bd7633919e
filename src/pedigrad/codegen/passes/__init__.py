"""Passes: each is a function from a Program to a Program that computes the same, in a file of its own, which says when it is run."""

from __future__ import annotations

from ...core.folder import modules_of
from ..ir.program import Program
from .stages import pipeline

modules_of(__name__, __path__)
PASSES = pipeline()


def simplified(program: Program) -> Program:
    """The program after all passes, in order."""
    for each in PASSES:
        program = each(program)
    return program


__all__ = ["PASSES", "simplified"]
