"""Stages: in which order passes are run; each pass says in its own file to which stage it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from ..ir.program import Program

Pass: TypeAlias = Callable[[Program], Program]

# What moves instructions makes new ones simpler, so these are run before and after it.
ORDER = ("unused", "constant", "simpler", "moved", "constant", "simpler", "repeated", "unused")
_stages: dict[str, dict[str, Pass]] = {stage: {} for stage in ORDER}


def stage(name: str) -> Callable[[Pass], Pass]:
    """The decorator of a pass of a stage, whose passes run in the order of their names. KeyError for a stage that is not in ORDER."""
    passes = _stages[name]

    def register(function: Pass) -> Pass:
        passes[function.__name__] = function
        return function

    return register


def pipeline(order: Iterable[str] = ORDER) -> tuple[Pass, ...]:
    """The registered passes in the order in which they are run; those of a stage that comes twice are there twice."""
    return tuple(function for stage in order for _, function in sorted(_stages[stage].items()))
