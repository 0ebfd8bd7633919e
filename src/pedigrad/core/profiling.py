"""What a profiler is told: each operation with its time, and the user's line that ran it."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from . import modes
from .origin import Origin, outside
from .scope import here

P = ParamSpec("P")
R = TypeVar("R")
clock = time.perf_counter_ns


class Event:
    """A span of time: an operation, its gradient, or what a user has named."""

    __slots__ = (
        "caller", "children", "code", "end", "inputs", "kind", "lasti", "memory", "name", "parent", "scope", "seq", "start", "thread"
    )  # fmt: skip

    def __init__(self, name: str, kind: str, parent: Event | None, thread: int, inputs: Any = ()):
        self.name, self.kind, self.parent, self.thread, self.inputs = name, kind, parent, thread, inputs
        self.children: list[Event] = []
        self.code: Any = None
        self.lasti = 0
        self.scope: Any = None  # the module
        self.caller: int | None = None  # of a gradient, which is at its operation's line: the user's frame that asked for it
        self.start = self.end = 0
        self.memory = 0  # bytes that it made and that were there after it

    def __repr__(self) -> str:
        place = "" if self.code is None else f" at {self.origin}"
        return f"<Event {self.name} {self.total / 1e3:.3f}us{place}>"

    @property
    def total(self) -> int:
        """Nanoseconds from its begin to its end."""
        return self.end - self.start

    @property
    def own(self) -> int:
        """Nanoseconds in it and in nothing within it."""
        return self.total - sum(child.total for child in self.children)

    @property
    def origin(self) -> Origin:
        """The user's line."""
        return Origin(self.code, self.lasti)


def spanned(profiler: Any, name: str, kind: str, run: Callable[[], Any], inputs: Any = (), at: Any = None) -> Any:
    """What `run` returns; `profiler` is told how long it took, and where: at the user's line that is running or that of the node `at`."""
    event = started(profiler, name, kind, inputs, at)
    try:
        result = run()
    finally:
        ended(profiler, event)
    if profiler.alive is not None:
        profiler.alive.made(event, result)
    return result


def noted(name: str, run: Callable[[], Any], kind: str = "user") -> Any:
    """What `run` returns; a profiler of this thread, if there is one, is told how long it took. Callers look at `modes.special` first."""
    profiler = modes.settings.profiler
    return run() if profiler is None else spanned(profiler, name, kind, run)


def profiled(function: Callable[P, R]) -> Callable[P, R]:
    """A function of which profilers are told as of one operation; what it does is within it."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if modes.special:
            return noted(function.__name__, functools.partial(function, *args, **kwargs))  # type: ignore[no-any-return]
        return function(*args, **kwargs)

    return called


def started(profiler: Any, name: str, kind: str, inputs: Any = (), at: Any = None) -> Event:
    """A new event that begins now."""
    event: Event = profiler.begin(name, kind, inputs)
    frame = outside(sys._getframe(1))
    around = event.parent
    if at is None and around is not None and around.caller is not None and around.caller == id(frame):
        at, event.kind = around, around.kind  # a step of a gradient's rule
    if at is not None:
        event.code, event.lasti, event.scope, event.caller = at.code, at.lasti, at.scope, id(frame)
    else:
        if frame is not None:
            event.code, event.lasti = frame.f_code, frame.f_lasti
        event.scope = here.get().scope
    event.start = clock()
    return event


def ended(profiler: Any, event: Event) -> None:
    """The event ends now."""
    event.end = clock()
    profiler.finish(event)


def current() -> Any:
    """The profiler of this thread, None if there is none."""
    return modes.settings.profiler
