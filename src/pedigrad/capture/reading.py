"""What the user's code reads of the options of optimizers, and of schedules of learning rates.

Programs are given options anew in each run, and schedules take their steps in Python after it. Neither is watched then; so no number may
follow from them in another way.
"""

from __future__ import annotations

import dis
import functools
import itertools
from types import CodeType, FrameType

from ..core.quiet import name_of

OPTIMIZERS = "pedigrad.optim."
ASKED = frozenset({"step", "stepped", "zero_grad"})  # functions of optimizers and schedules that give nobody what these hold
ENTRIES = frozenset("values items keys get pop popitem setdefault copy update dict".split())  # what gives entries that no code names
WHOLE = frozenset("vars __dict__ __getstate__ __reduce_ex__ __reduce__".split())
COPIES = frozenset({"copy", "pickle"})


class Reading:
    """What the user's code that ran can have read of the options of optimizers and of schedules: programs are given these anew."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.by_key = False  # of dicts that it gets at, entries of which it does not have the names
        self.whole = False  # all attributes of objects

    def ran(self, code: CodeType) -> None:
        """Code of the user's has run."""
        names = strings_of(code)
        self.names |= names
        self.by_key = self.by_key or not ENTRIES.isdisjoint(names) or takes_by_key(code)
        self.whole = self.whole or not WHOLE.isdisjoint(names)

    def of_group(self, name: str, is_open: bool) -> bool:
        """Whether it can have read an option of a group, which it gets at otherwise than through the optimizer if that `is_open`."""
        is_open = is_open or "param_groups" in self.names
        return self.whole or (is_open and (self.by_key or name in self.names))

    def of_object(self, name: str, is_open: bool) -> bool:
        """Whether it can have read an attribute of an object, whose dict it gets at if that `is_open`."""
        return self.whole or name in self.names or (is_open and self.by_key)


def tells(frame: FrameType) -> bool:
    """Whether a call is one of a function that gives, or copies, what optimizers and schedules hold."""
    name = name_of(frame.f_globals)
    asked = name.startswith(OPTIMIZERS) and frame.f_code.co_name not in ASKED and not name.endswith(".swa_utils")
    return asked or name in COPIES


@functools.lru_cache(1 << 14)
def strings_of(code: CodeType) -> frozenset[str]:
    """The names that code looks up, and its strings, which may be names."""
    found, parts = set(code.co_names), list(code.co_consts)
    while parts:
        part = parts.pop()
        if isinstance(part, str):
            found.add(part)
        elif isinstance(part, (tuple, frozenset)):
            parts += part
    return frozenset(found)


@functools.lru_cache(1 << 14)
def takes_by_key(code: CodeType) -> bool:
    """Whether code takes something out of something by what is no constant, or all there is in a dict."""
    for before, step in itertools.pairwise(dis.get_instructions(code)):
        takes = step.opname == "BINARY_SUBSCR" or (step.opname == "BINARY_OP" and step.argrepr == "[]")
        if (takes and not before.opname.startswith(("LOAD_CONST", "LOAD_SMALL_INT"))) or step.opname in ("DICT_UPDATE", "DICT_MERGE"):
            return True
    return False
