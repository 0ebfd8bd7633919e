"""Switches of libraries that are not here: they can be set, read and set for a while, and change nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def switches(module: str, names: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`set_flags` and `flags` of a module with these switches: set some and get what they were; the same for the time of a context."""
    order = names.split()

    def set_flags(*values: Any, **named: Any) -> tuple[Any, ...]:
        """What the switches were before these were set."""
        place = vars(sys.modules[module])
        before = tuple(place[name] for name in order)
        wrong = [name for name in named if name not in order]
        if wrong or len(values) > len(order):
            raise TypeError(
                f"set_flags(): there is no switch {wrong[0]!r}: {', '.join(order)}" if wrong else "set_flags(): too many values"
            )
        given = {**dict(zip(order, values, strict=False)), **named}
        place.update({name: value for name, value in given.items() if value is not None})
        return before

    @contextmanager
    def flags(*values: Any, **named: Any) -> Iterator[None]:
        """A context in which the switches are set."""
        before = set_flags(*values, **named)
        try:
            yield
        finally:
            vars(sys.modules[module]).update(zip(order, before, strict=True))

    return set_flags, flags
