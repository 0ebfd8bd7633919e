"""torch.utils: data, checkpoints of activations, hooks, benchmarks; and `progress`, a bar for loops."""

from importlib import import_module as _import_module
from pkgutil import iter_modules as _iter_modules
from typing import Any

_SUBMODULES = frozenset(each.name for each in _iter_modules(__path__))


def __getattr__(name: str) -> Any:
    """Submodules are imported when they are first asked for."""
    if name == "progress":
        return _import_module("pedigrad.overview").progress
    if name in _SUBMODULES:
        return _import_module(f"{__name__}.{name}")
    raise AttributeError(f"pedigrad.utils has no {name!r}", name=name)
