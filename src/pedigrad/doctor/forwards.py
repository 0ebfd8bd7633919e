"""Modules whose `forward` is called itself, past `__call__`: from the first time on that of their class is taken over, to be heard."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..core import watching
from ..core.origin import is_users
from ..core.scope import here
from ..nn.module import Module

Hear = Callable[[Module, tuple[Any, ...], dict[str, Any], Callable[..., Any]], Any]


class Forwards:
    """The classes whose `forward` comes to `hear`, until they are given back."""

    def __init__(self, hear: Hear):
        self.hear = hear
        self.taken: dict[type, tuple[Any, Any]] = {}  # by class: what was written, what stands there now

    def take(self, module: Module) -> None:
        """Hear of calls of the forward of a module's class."""
        owner = next(cls for cls in type(module).__mro__ if "forward" in vars(cls))
        if owner not in self.taken:
            written = vars(owner)["forward"]
            heard = self.taken[owner] = written, self.heard(written)
            owner.forward = heard[1]  # type: ignore[attr-defined]

    def heard(self, written: Any) -> Any:
        """A forward that is told of where nobody has heard of the module's call."""

        @functools.wraps(written)
        def forward(module: Module, *args: Any, **kwargs: Any) -> Any:
            watcher, scope = watching.watcher, here.get().scope
            if watcher is None or not watcher.hearing or (scope is not None and scope.module() is module):
                return written(module, *args, **kwargs)
            return self.hear(module, args, kwargs, functools.partial(written, module))

        return forward

    def give_back(self) -> None:
        """Have the classes be as they were written."""
        for owner, (written, heard) in self.taken.items():
            if vars(owner).get("forward") is heard:
                owner.forward = written  # type: ignore[attr-defined]
        self.taken.clear()


def forwarding(module: Module) -> Module | None:
    """The module whose forward, which nobody has heard of, calls a part of it."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "forward" and code.co_argcount:
            outer = frame.f_locals.get(code.co_varnames[0])
            if isinstance(outer, Module) and outer is not module and any(each is module for each in outer.modules()):
                return outer
        if is_users(frame):
            return None
        frame = frame.f_back
    return None
