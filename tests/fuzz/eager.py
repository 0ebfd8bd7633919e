"""Eager programs, held against PyTorch."""

from __future__ import annotations

from fuzz import programs

KNOWN: dict[str, str] = {}
compare = programs.against_torch


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    r = programs.source(seed, "eager")
    y = ["a = torch.arange(6.).reshape(2, 3).requires_grad_()", "b = a * 2"]
    for _ in range(4):
        y.append(r.choice(["b.mul_(3)", "b.retain_grad()", "c = b[0]", "b[0].mul_(2)"]))
    y.append("b.sum().backward()")
    return programs.Program(tuple(y))
