"""Modules of settings that programs write and nothing reads: any name can be set, and set for a while."""

from __future__ import annotations

import sys
from contextlib import ContextDecorator
from types import ModuleType
from typing import Any


class Settings(ModuleType):
    """A module any attribute of which can be set; names that nobody has set are missing, as in any module."""

    def patch(self, name: Any = None, value: Any = None, **named: Any) -> Patch:
        """A context, or a decorator, in which settings are other ones: a name and a value, a dict, or keywords."""
        changes = dict(name) if isinstance(name, dict) else {} if name is None else {name: value}
        return Patch(self, changes | named)


class Patch(ContextDecorator):
    """Settings that are other ones within a context."""

    def __init__(self, module: ModuleType, changes: dict[str, Any]):
        self.module, self.changes = module, changes
        self.before: list[dict[str, Any]] = []

    def __enter__(self) -> None:
        place = vars(self.module)
        self.before.append({name: place[name] for name in self.changes if name in place})
        place.update(self.changes)

    def __exit__(self, *exc: object) -> None:
        place, before = vars(self.module), self.before.pop()
        for name in self.changes:
            if name in before:
                place[name] = before[name]
            else:
                place.pop(name, None)


def settings(module: str) -> None:
    """Make a module one of settings."""
    sys.modules[module].__class__ = Settings
