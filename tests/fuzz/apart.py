"""Comparisons in processes of their own, between guard pages: what breaks memory is a finding, and breaks no other program.

To fork a process and to end it takes as long as the comparison of a small program. `sharing` lets a process compare many programs, one
after the other; what is found in one that has compared others is looked for once more in a process of its own.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import os
import pathlib
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, Pipe
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import guard_pages

LIMIT = 30  # seconds of a processor's time that a program may take; twenty times as long by the clock
LATER = "after other programs of its process "

Compare = Callable[[Any], Any]
shared: list[int] = []  # the largest number of programs that a process compares, while it may compare several
kept: list[Process] = []  # the process that does


@functools.cache
def ready(mode: str) -> bool:
    """Load what every process needs; whether there are guard pages."""
    import pedigrad as torch

    x = torch.ones(2, requires_grad=True)
    double = torch.compile(lambda: (x * 2).sum())
    for _ in range(4):
        double().backward()
    for name in ("nn", "optim", "linalg", "special"):
        getattr(torch, name)
    if guard_pages.SUPPORTED and mode:
        guard_pages.allocator(mode)
    return guard_pages.SUPPORTED and bool(mode)


@contextlib.contextmanager
def sharing(programs: int) -> Iterator[None]:
    """Let a process compare up to so many programs."""
    shared.append(programs)
    try:
        yield
    finally:
        shared.pop()
        while kept:
            kept.pop().end()


def run(function: Compare, program: Any, tally: Any = None, mode: str | None = None) -> Any:
    """What `function(program)` gives in another process; how that ended, where it did not give anything. `tally`, which is cleared
    there, counts here what it has counted there."""
    mode = os.environ.get("PEDIGRAD_GUARD_PAGES", "end") if mode is None else mode
    mode = mode if ready(mode) else ""
    if not hasattr(os, "fork"):
        return function(program)
    process = taken(function, tally, mode)
    first = not process.done
    result, counted = process.compare(program)
    if result is not None and not first:
        process.end()
        with contextlib.closing(Process(function, tally, mode)) as another:
            again, counted = another.compare(program)
        result = again or f"{LATER}{result}"
    elif shared and process.alive and process.done < shared[-1]:
        kept.append(process)
    else:
        process.end()
    if counted is not None:
        tally.add(counted)
    return result


def taken(function: Compare, tally: Any, mode: str) -> Process:
    """A process for the comparison: the one that is kept if it does this, or a new one."""
    while kept:
        process = kept.pop()
        if process.asked == (function, tally, mode):
            return process
        process.end()
    return Process(function, tally, mode)


class Process:
    """A process that compares the programs it is given."""

    def __init__(self, function: Compare, tally: Any, mode: str):
        self.asked, self.done, self.alive = (function, tally, mode), 0, True
        self.connection, theirs = Pipe()
        self.number = os.fork()
        if not self.number:
            self.connection.close()
            serve(function, tally, mode, theirs)
        theirs.close()

    def compare(self, program: Any) -> tuple[Any, Any]:
        """What the comparison gave, or how the process ended, and what was counted."""
        self.done += 1
        try:
            self.connection.send(program)
            return self.connection.recv()
        except (EOFError, ConnectionError):
            return self.died(), None

    def died(self) -> str:
        """How the process ended."""
        self.alive = False
        code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        if code in (-signal.SIGALRM, -signal.SIGXCPU):
            return "hang: no answer"
        return f"crash: {signal.Signals(-code).name if code < 0 else f'exit status {code}'}"

    def end(self) -> None:
        """End the process."""
        self.connection.close()
        if self.alive:
            self.alive = False
            os.waitpid(self.number, 0)

    close = end


def serve(function: Compare, tally: Any, mode: str, connection: Connection) -> None:
    """Compare what comes until nothing does any more: in the other process, which this ends."""
    status = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the C library says of a broken heap
        if mode:
            guard_pages.install(mode)
        with contextlib.suppress(EOFError):
            while True:
                program = connection.recv()
                limit()
                connection.send(compared(function, program, tally))
        status = 0
    finally:
        os._exit(status)


def compared(function: Compare, program: Any, tally: Any) -> tuple[Any, Any]:
    """What the comparison gives, an error that it ends with too, and what it counts."""
    if tally is not None:
        tally.__init__()
    try:
        return function(program), tally
    except Exception as error:
        return f"failure: {type(error).__name__}: {error}", tally


def limit() -> None:
    """Give the process time for one more program."""
    used = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used + LIMIT, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    signal.alarm(20 * LIMIT)
