"""What a session tells: findings with their lines and remedies, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from .findings import Finding
from .program import Program

WIDTH = 100


def text_of(findings: Sequence[Finding], program: Program, faults: Sequence[str] = ()) -> str:
    """The report on a program."""
    models = ", ".join(dict.fromkeys(f"{m.name} ({m.kind})" for m in program.models.values()))
    passes, steps = _count(program.passes, "backward pass", "es"), _count(program.steps, "step")
    seen = f"{passes} and {steps} of {_count(len(program.updaters), 'optimizer')}"
    lines = [f"pedigrad check: {_count(len(findings), 'finding')} in {seen}" + (f"; models: {models}" if models else "")]
    for number, finding in enumerate(findings, 1):
        lines += [
            "",
            f"{number}. {finding.place or 'in the program'}  [{finding.check}]" + (f"  in {finding.module}" if finding.module else ""),
        ]
        if finding.text:
            lines.append(f"       {finding.text}")
        lines += textwrap.wrap(finding.message, WIDTH, initial_indent="   ", subsequent_indent="   ")
        lines += textwrap.wrap(finding.remedy, WIDTH, initial_indent="   -> ", subsequent_indent="      ")
    lines += ["", *(f"not checked: {fault}" for fault in faults)] if faults else []
    return "\n".join(lines)


def _count(n: int, what: str, plural: str = "s") -> str:
    return f"{n} {what}{plural if n != 1 else ''}"
