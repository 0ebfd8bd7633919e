"""What `pedigrad.compiler` offers to users: to leave a function out, to ask, to begin anew."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from .core import modes

instances: weakref.WeakSet[Any] = weakref.WeakSet()  # everything that was compiled


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """A version of `fn` that is never compiled, nor is what calls it. Usable as a decorator, with or without options."""
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    call: Callable[..., Any] = fn

    @functools.wraps(call, updated=())
    def as_usual(*args: Any, **kwargs: Any) -> Any:
        recorder = modes.settings.recorder
        if recorder is not None:
            name = getattr(call, "__qualname__", type(call).__name__)
            recorder.refuse(f"{name}() is not to be compiled" + (f" ({reason})" if reason else ""))
        return call(*args, **kwargs)

    return as_usual


def is_compiling() -> bool:
    """Whether the code that asks is run in order to be compiled."""
    return modes.settings.recorder is not None


def is_dynamo_compiling() -> bool:
    """The same as `is_compiling`."""
    return is_compiling()


def is_exporting() -> bool:
    """False: there is no export."""
    return False


def reset() -> None:
    """Forget all compiled programs of all functions."""
    for compiled in list(instances):
        compiled.reset()


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no graphs of a GPU."""


def assume_constant_result(fn: Any) -> Any:
    """The function itself: whatever it finds around it is watched."""
    return fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself: what it does is recorded as all else is."""
    return fn


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """The names of the compilers: there is one."""
    return ["inductor"]
