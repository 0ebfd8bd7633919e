"""Packages whose modules are found and not listed: who adds a file touches nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def modules_of(package: str, path: Iterable[str]) -> list[ModuleType]:
    """All modules of a package, in the order of their names, imported; `path` is its `__path__`."""
    return [import_module(f"{package}.{name}") for name in sorted(each.name for each in iter_modules(path))]
