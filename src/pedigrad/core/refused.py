"""Names of PyTorch's that are there to be imported, and that refuse when they are used.

A library imports many names for cases that never come up on a CPU in one process. So the names are there, `isinstance` with a class of
them is False, and a call says what to do instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from .absent import message, public_path
from .origin import mark_internal

REFUSED = "__refused__"  # an attribute of what refuses: why


def refused(module: str, why: str, *, classes: str = "", functions: str = "", error: type[Exception] = RuntimeError) -> dict[str, Any]:
    """Classes and functions by their names, for a module's globals: each raises `error` with `why` when it is called."""
    path = module.replace("pedigrad", "torch", 1)
    made: dict[str, Any] = {name: refused_class(module, name, f"{path}.{name}: {why}", error) for name in classes.split()}
    return made | {name: _function(module, name, f"{path}.{name}(): {why}", error) for name in functions.split()}


def refused_class(module: str, name: str, message: str, error: type[Exception] = RuntimeError) -> type:
    """A class without instances, which can be a base and be asked for by `isinstance`."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise error(message)

    return type(name, (), {"__new__": refuse, "__module__": module, "__doc__": message, REFUSED: message, "__slots__": ()})


def _function(module: str, name: str, message: str, error: type[Exception]) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise error(message)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__module__, refuse.__doc__ = module, message
    setattr(refuse, REFUSED, message)
    return refuse


def why_refused(thing: Any) -> str | None:
    """What a name that is only there to be imported says when it is used; None for what works."""
    own = getattr(thing, "__dict__", {})
    return own.get(REFUSED) if callable(thing) else None


def lazily(package: str, path: Sequence[str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that imports its submodules when they are first asked for, and says what is missing otherwise."""
    submodules = frozenset(each.name for each in iter_modules(path))

    def __getattr__(name: str) -> Any:
        if name in submodules:
            module = import_module(f"{package}.{name}")
            mark_internal()
            return module
        here = sys.modules[package]
        raise AttributeError(message(f"{public_path(package)}.{name}", dir(here)), name=name, obj=here)

    return __getattr__
