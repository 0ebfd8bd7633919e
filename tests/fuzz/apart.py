"""Comparisons in processes of their own, between guard pages: what breaks memory is a finding, and breaks no other program."""

from __future__ import annotations

import faulthandler
import functools
import os
import pathlib
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import guard_pages

LIMIT = 30  # seconds of a processor's time that a program may take; twenty times as long by the clock


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


def run(function: Callable[[Any], Any], program: Any, tally: Any = None, mode: str | None = None) -> Any:
    """What `function(program)` gives in another process; how that ended, where it did not give anything. `tally` counts here what it
    counted there."""
    mode = os.environ.get("PEDIGRAD_GUARD_PAGES", "end") if mode is None else mode
    guarded = ready(mode)
    if not hasattr(os, "fork"):
        return function(program)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        work(function, program, tally, mode if guarded else "", reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    if data:
        result, counted = pickle.loads(data)
        if tally is not None:
            tally.__dict__.update(counted)
        return result
    code = os.waitstatus_to_exitcode(status)
    return (
        "hang: no answer"
        if code in (-signal.SIGALRM, -signal.SIGXCPU)
        else f"crash: {signal.Signals(-code).name if code < 0 else f'exit status {code}'}"
    )


def work(function: Callable[[Any], Any], program: Any, tally: Any, mode: str, reading: int, writing: int) -> None:
    """The other process."""
    try:
        os.close(reading)
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT + 5))
        signal.alarm(20 * LIMIT)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the C library says of a broken heap
        if mode:
            guard_pages.install(mode)
        result = function(program)
        with os.fdopen(writing, "wb") as file:
            pickle.dump((result, None if tally is None else tally.__dict__), file)
        os._exit(0)
    except BaseException as error:
        os.write(writing, pickle.dumps((f"failure: {type(error).__name__}: {error}", tally and tally.__dict__)))
        os._exit(1)
