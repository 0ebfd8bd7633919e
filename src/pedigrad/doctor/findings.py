"""Findings, and checks as declared units: a name, what a check listens to, and a remedy.

A check is a subclass of `Check`. It listens to the events whose names its methods have; `functions` are the public functions that it is
told of. Each session makes its own instances, so a check may remember what it has seen.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..core.graph import Node
from ..core.origin import Origin
from ..core.scope import Scope, here
from .program import Program

# What a check may listen to, and when it is told.
EVENTS = {
    "calling": "a model is about to be called by the user's program (not by another model): a `Call`",
    "called": "the call is over",
    "forwarded": "the forward of a module was called itself, past its hooks: the module",
    "function": "one of the check's `functions` was called: a `FunctionCall`",
    "operation": "an operation was run, in the steps that are looked at closely: an op, its operands, its result",
    "look": "it begins or ends that operations are told of",
    "backward": "a backward pass is about to begin: a `Pass`",
    "backwarded": "it is over",
    "not_finite": "a gradient rule made a nan or an infinity of finite numbers: a node, what arrived at it, the pass",
    "step": "an optimizer is about to take a step: an `Updater`",
    "stepped": "it has taken it",
    "by_hand": "leaves that no optimizer has were updated since the last backward pass: the leaves",
    "scheduled": "a schedule of learning rates is about to take a step: a `Schedule`",
    "batch": "a loader has made a batch: its iterator, the batch",
    "cut": "a value was taken that has no history, of a tensor that has one: the tensor, what took it",
    "clipping": "gradients are about to be clipped: the name of the function, the parameters, the norm or value they are clipped to",
    "scaling": "a GradScaler is about to scale a loss: the scaler",
    "loading": "a module is about to be loaded from a dictionary of tensors: both, and whether names may not differ",
    "unseen_write": "a tensor was written to past its history: the tensor, what wrote, the tensor that lent it by `.data` or None",
    "fall_asleep": "several steps will go by unheard, but by those that hear `always`: what is known of single steps is out of date",
    "failed": "the program ended with an error",
    "finish": "the program is over",
}


@dataclass(frozen=True)
class Finding:
    """Something in a program that is hardly meant: what was seen, in which line, and what to do about it."""

    check: str
    message: str
    remedy: str
    file: str = ""
    line: int = 0
    text: str = ""
    module: str = ""  # the path and the class of the module that ran the line, where there is one

    @property
    def place(self) -> str:
        """The user's line as `file:line`, empty where it is not known."""
        return f"{self.file}:{self.line}" if self.line else ""

    def __str__(self) -> str:
        module = f" in {self.module}" if self.module else ""
        at = f" at {self.place}" + (f": {self.text}" if self.text else "") if self.line else ""
        return f"[{self.check}]{module}{at}\n  {self.message}\n  {self.remedy}"


@dataclass
class Findings:
    """What a session has found so far, each thing once a line."""

    items: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Take a finding in, unless the same check has one for that line already."""
        if not any(f.check == finding.check and f.place == finding.place for f in self.items):
            self.items.append(finding)


class Check:
    """One thing that is looked for. Subclasses are registered by their `name`."""

    name: ClassVar[str]
    remedy: ClassVar[str]
    functions: ClassVar[tuple[str, ...]] = ()
    is_of_speed: ClassVar[bool] = False  # the program is right, but slower than it need be
    always: tuple[str, ...] = ()  # the calls, passes and steps that it hears of also where most checks sleep
    ever: tuple[str, ...] = ()  # those of them that it hears of where sleep is deep

    def __init__(self, program: Program, findings: Findings):
        self.program, self.findings = program, findings
        self.times_by_line: Counter[Any] = Counter()

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            CHECKS[cls.name] = cls

    @classmethod
    @functools.cache
    def listens(cls) -> tuple[str, ...]:
        """The events that the check is told of."""
        return tuple(event for event in EVENTS if hasattr(cls, event))

    def times_here(self) -> int:
        """How often this was asked in the user's line that is running, this time included: what happens once may be meant."""
        line = Origin.here().key
        self.times_by_line[line] += 1
        return self.times_by_line[line]

    def found(self, message: str, at: Origin | Node | None = None, remedy: str = "", scope: Scope | None = None) -> None:
        """Enter a finding; `at` is the user's line, or the node of an operation: the one that is running unless it is given.

        `scope` is the module that ran it, where neither of the two tells.
        """
        scope = scope or (here.get().scope if at is None else at.scope if isinstance(at, Node) else None)
        origin = Origin.here() if at is None else at.origin if isinstance(at, Node) else at
        known = origin.code is not None
        place = (origin.file, origin.line, origin.text) if known else ("", 0, "")
        self.findings.add(Finding(self.name, message, remedy or self.remedy, *place, "" if scope is None else str(scope)))


CHECKS: dict[str, type[Check]] = {}


def listed(names: Iterable[Any], most: int = 4) -> str:
    """Names in a row, the first few of many.

    >>> listed("abcdef")
    'a, b, c, d and 2 more'
    """
    every = list(map(str, names))
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
