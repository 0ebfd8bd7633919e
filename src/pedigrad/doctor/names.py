"""Whether a dotted name of torch leads anywhere here."""

from __future__ import annotations

import difflib
import functools
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from ..core.refused import why_refused
from ..core.settings import Settings

PACKAGE = __package__.partition(".")[0]


class Answer(NamedTuple):
    """What became of a name: `kind` is there, missing or refused, `name` the part of it that decided, `hint` why or what is near."""

    kind: str
    name: str
    hint: str


@functools.cache
def look_up(name: str) -> Answer:
    """Where a dotted name that begins with `torch` leads.

    >>> look_up("torch.nn.functional.relu").kind, look_up("torch.sofmax.x")
    ('there', Answer(kind='missing', name='torch.sofmax', hint='the nearest it has is torch.softmax'))
    """
    found: Any = import_module(PACKAGE)
    parts = name.split(".")
    for i, part in enumerate(parts[1:], 1):
        so_far = ".".join(parts[: i + 1])
        inner = _inner(found, part, so_far)
        if inner is _MISSING:
            if not isinstance(found, (ModuleType, type)) or isinstance(found, Settings):
                break  # an attribute of a value: nobody knows from the text
            near = difflib.get_close_matches(part, [each for each in dir(found) if not each.startswith("_")], n=1)
            hint = f"the nearest it has is {'.'.join([*parts[:i], near[0]])}" if near else ""
            return Answer("missing", so_far, hint)
        found = inner
        why = why_refused(found)
        if why is not None:
            return Answer("refused", so_far, why.partition(": ")[2])
    return Answer("there", name, "")


_MISSING = object()


def _inner(found: Any, part: str, path: str) -> Any:
    """What is at the end of a path whose rest led to `found`."""
    if not isinstance(found, ModuleType):
        return getattr(found, part, _MISSING)
    try:
        return getattr(found, part)
    except (AttributeError, ImportError):
        pass
    try:
        return import_module(PACKAGE + path.removeprefix("torch"))
    except ImportError:
        return _MISSING
