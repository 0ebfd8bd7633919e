"""A window while the program runs: first as usual, then compiled, as long as that is right and faster."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from statistics import median
from types import FunctionType, TracebackType
from typing import Any

from ..capture.function import Compiled
from ..capture.recording import Recording
from ..core import modes
from ..core.graph import Leaf
from ..core.quiet import name_of
from ..core.tensor import Tensor

WARM = 3  # calls that are made as usual at first
MANY = 50  # calls, or
LONG = 0.05  # seconds, that a window takes before a program is made of it
RUNS = 5  # of the compiled program that are timed
SLOWER = 1.1  # times as long as usual that a program may take
LARGEST = 20_000  # instructions of a program
PROGRAMS = 24  # that one window may become
FIRST = 4  # of these, after which each must have run
ASIDE = -1  # the start of a window that runs as usual

windows: list[Window] = []  # all there are in this process


class Window:
    """Statements that take a step. `start` is that from which on a function runs them; ASIDE if none does."""

    watched_as = "nothing"  # see `capture/environment.py`
    nothing = None

    def __init__(self, scope: str, first: int, last: int, parameters: dict[int, tuple[str, ...]], path: str):
        self.scope, self.first, self.last, self.path = scope, first, last, path
        self.parameters = parameters
        self.starts = list(parameters)
        self.start = self.starts[0]
        self.parts: dict[int, Part] = {}
        self.reasons: list[str] = []  # why it was not compiled from an earlier start on
        windows.append(self)

    def part(self, start: int) -> Callable[[FunctionType], Part]:
        """A decorator: the function is what this window does from a start on."""

        def belongs(function: FunctionType) -> Part:
            self.parts[start] = Part(self, start, function)
            return self.parts[start]

        return belongs

    def leave(self, start: int, why: str) -> None:
        """Begin at the next start, if there is one: from this one it cannot be compiled."""
        if self.start != start:
            return
        self.reasons.append(why)
        later = self.starts[self.starts.index(start) + 1 :]
        self.start = later[0] if later else ASIDE

    @property
    def place(self) -> str:
        """Its lines, as an editor takes them."""
        return f"{os.path.relpath(self.path)}:{self.first}" + (f"-{self.last}" if self.last > self.first else "")


class Part:
    """What a window does from one of its starts on: a function, and its compiled programs."""

    watched_as = "function"

    def __init__(self, window: Window, start: int, function: FunctionType):
        name = window.scope.rpartition(".")[2]
        function.__code__ = function.__code__.replace(co_name=name, co_qualname=window.scope)
        function.__name__, function.__qualname__ = name, window.scope
        self.window, self.start, self.function = weakref.proxy(window), start, function
        self.compiled = Unasked(self)
        self.usual: list[float] = []  # seconds of calls as usual
        self.fast: list[float] = []  # and of the program
        self.before: Any = None  # what the last call was given, but for tensors
        self.differs: set[str] = set()
        self.lasting: dict[int, weakref.ref[Tensor]] | None = None  # leaves that each call was given, by identity
        self.doubted = False
        self.call: Callable[..., Any] = self.as_usual

    def __call__(self, *args: Any) -> Any:
        return self.call(*args)

    def as_usual(self, *args: Any) -> Any:
        """Run it as it stands, until it is known how long that takes, and that it is worth more."""
        if modes.settings.recorder is not None:
            return self.function(*args)
        self.compare(args)
        begin = time.perf_counter()
        result = self.function(*args)
        self.usual.append(time.perf_counter() - begin)
        if self.differs:
            names = ", ".join(sorted(self.differs))
            self.window.leave(self.start, f"{names} {'is' if len(self.differs) == 1 else 'are'} another in each call")
        elif len(self.usual) >= WARM and (len(self.usual) >= MANY or sum(self.usual) >= LONG):
            self.call = self.timed
        return result

    def compare(self, args: tuple[Any, ...]) -> None:
        """Note which arguments, other than tensors, are not what they were in the call before: each would need a program of its own."""
        now = [list(fixed(each)) for each in args]
        leaves = {id(each): weakref.ref(each) for each in args if isinstance(each, Tensor) and isinstance(each._node, Leaf)}
        self.lasting = {at: leaf for at, leaf in leaves.items() if self.lasting is None or self.is_lasting(leaf())}
        if self.before is not None and len(self.usual) <= WARM:
            names = self.window.parameters[self.start]
            self.differs |= {name for name, one, other in zip(names, now, self.before, strict=True) if one != other}
        self.before = now if len(self.usual) < WARM else None

    def is_lasting(self, tensor: Tensor | None) -> bool:
        """Whether a tensor is a leaf that each call is given, such as a parameter that a function has as a variable."""
        return self.lasting is not None and id(tensor) in self.lasting and self.lasting[id(tensor)]() is tensor

    def timed(self, *args: Any) -> Any:
        """Run the program, and look whether it is faster."""
        compiled = self.compiled
        known = compiled.not_run
        begin = time.perf_counter()
        result = compiled(*args)
        if compiled.not_run == known:
            self.fast.append(time.perf_counter() - begin)
            if len(self.fast) >= RUNS:
                self.judge()
        return result

    def judge(self) -> None:
        """Keep the program, measure once more, or step aside."""
        one, other = median(self.fast), min(self.usual)
        if one <= SLOWER * other:
            self.call = self.compiled
        elif self.doubted:
            self.window.reasons.append(f"compiled it takes {1e3 * one:.3g} ms, as usual {1e3 * other:.3g} ms")
            self.window.start = ASIDE
        else:
            self.doubted = True
            self.usual, self.fast, self.before, self.call = [], [], None, self.as_usual


def as_written(entries: list[TracebackType]) -> list[TracebackType]:
    """A traceback's entries without those by which windows are run: as the program is written, there is none between."""
    kept: list[TracebackType] = []
    within = False
    for entry in entries:
        if entry.tb_frame.f_code is Part.__call__.__code__:
            kept.pop()  # the call: the window's function has the line that failed
            within = True
        within = within and name_of(entry.tb_frame.f_globals).startswith("pedigrad.")
        if not within:
            kept.append(entry)
    return kept


class Unasked(Compiled):
    """A part that is compiled; it says nothing where that cannot be, and nothing shows where it is."""

    discreet = True
    most_left = PROGRAMS

    def __init__(self, part: Part):
        self.part = weakref.proxy(part)
        self.made = self.not_run = 0  # programs; calls that ran none
        self.seconds = 0.0  # that recording and compiling took
        self.why: list[str] = []
        super().__init__(part.function)
        self.warned = True  # of what nobody asked for

    def record(self, key: Any, tensors: list[Tensor], others: list[Any], *args: Any) -> Any:
        self.not_run += 1
        others = [*others, *(each for each in tensors if self.part.is_lasting(each))]
        begin = time.perf_counter()
        try:
            return super().record(key, tensors, others, *args)
        finally:
            self.seconds += time.perf_counter() - begin

    def judge(self, key: Any, recording: Recording | None, refused: str | None) -> None:
        size = 0 if recording is None else len(recording.recorder.program.instructions)
        if size > LARGEST:  # a loop of the user's, unrolled: making a program of it takes minutes
            self.leave(key, f"its program would have {size} instructions")
        else:
            super().judge(key, recording, refused)

    def compile(self, *args: Any) -> None:
        self.made += 1
        if self.made > PROGRAMS or (self.made > FIRST and self.runs < self.made):
            self.given_up = f"it has become {self.made - 1} programs, which ran {self.runs} times"
            self.why.append(self.given_up)
            return
        super().compile(*args)

    def leave(self, key: Any, why: str) -> None:
        super().leave(key, why)
        self.why.append(why)
        if not self.variants:
            self.part.window.leave(self.part.start, why)


def fixed(thing: Any) -> Any:
    """What an argument is beside its tensors: numbers and texts as they are, objects by identity, what containers hold."""
    if isinstance(thing, Tensor):
        yield Tensor
    elif type(thing) in (list, tuple):
        for each in thing:
            yield from fixed(each)
    elif type(thing) is dict:
        for key, value in thing.items():
            yield key
            yield from fixed(value)
    elif isinstance(thing, (int, float, complex, str, bytes, bool, type(None))):
        yield repr(thing)
    else:
        yield id(thing)
