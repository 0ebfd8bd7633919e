"""What a function does beside computing on tensors, seen while it is recorded: a compiled program would not do it again.

Python tells of each call while a profile function is set. Calls of Python functions show whether the user's code is that which the
walk of the surroundings found; what it did not find is walked when it is called. Calls into the standard library and of built-in
functions show what has effects, or results that follow from something else than the arguments: printing, files, clocks, chance.
"""

from __future__ import annotations

import gc
import pickle
import sys
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..compiler.record import Recorder, held
from ..generator import Generator, default_generator
from ..mersenne import MersenneTwister
from ..origin import AS_USER, MARK, Origin
from .surroundings import Surroundings, is_installed

PURE = frozenset(
    "numpy scipy ml_dtypes math cmath functools itertools operator collections contextlib copy copyreg enum dataclasses typing types abc "
    "_abc inspect re string numbers fractions decimal _pydecimal statistics weakref _weakrefset _collections_abc keyword reprlib textwrap "
    "bisect heapq ast dis opcode tokenize linecache warnings _py_abc builtins importlib zipimport _frozen_importlib "
    "_frozen_importlib_external codecs encodings struct genericpath posixpath pathlib".split()
)
CHANCE = {MersenneTwister._draw.__code__, MersenneTwister._twister.__code__}
RECORDED = Generator.recorded.__code__
BUILT_IN = frozenset("print input open exec eval breakpoint".split())
OUTSIDE = frozenset("time posix nt _io io _socket select _thread _random random _queue array mmap signal _signal faulthandler".split())
CLOCKS = frozenset("now utcnow today".split())


def is_ours(table: dict[str, Any]) -> bool:
    """Whether globals are those of a module of the library."""
    if MARK in table:
        return True
    name = table.get("__name__") or ""
    return name.startswith("pedigrad.") and name not in AS_USER


class Effects:
    """Within it, the recorder is told what the running function does that a program cannot."""

    def __init__(self, recorder: Recorder, surroundings: Surroundings):
        self.recorder, self.surroundings = recorder, surroundings
        self.known: set[CodeType] = set(surroundings.codes)
        self.drawing: FrameType | None = None  # the call that draws random numbers now
        self.collecting: FrameType | None = None  # what a garbage collection has called: not the function's doing

    def __enter__(self) -> Effects:
        self.chances = self.states()
        self.callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
        self.before = sys.getprofile()
        sys.setprofile(self.seen)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(self.before)
        if self.drawing is not None:
            self.refuse("random numbers are drawn", self.drawing)
            self.drawing = None
        if self.recorder.refused is None and self.states() != self.chances:
            self.recorder.refuse("random numbers are drawn")

    def states(self) -> list[bytes]:
        """The states of NumPy's generators of random numbers."""
        if "numpy.random" not in sys.modules:
            return []
        found: list[Any] = [np.random.get_state()]
        for each in self.surroundings.generators:
            found.append(each.bit_generator.state if isinstance(each, np.random.Generator) else each.get_state())
        return [pickle.dumps(state) for state in found]

    def seen(self, frame: FrameType, event: Any, arg: Any) -> None:
        """Python's profile function."""
        if self.collecting is not None:
            self.collecting = None if event == "return" and frame is self.collecting else self.collecting
        elif event == "call" and frame.f_code in self.callbacks:
            self.collecting = frame
        elif event == "call":
            if frame.f_code in CHANCE:
                self.draws(frame)
            elif frame.f_code is RECORDED and frame.f_locals["self"] is default_generator:
                self.drawing = None
            elif frame.f_code not in self.known:
                self.called(frame)
        elif event == "c_call" and not is_ours(frame.f_globals):
            self.called_built_in(frame, arg)
        if self.before is not None:
            self.before(frame, event, arg)

    def called(self, frame: FrameType) -> None:
        """A Python function is called that was not met before."""
        code, table = frame.f_code, frame.f_globals
        if is_ours(table):
            pass
        elif is_installed(table):
            name = table.get("__name__") or ""
            if name.partition(".")[0] not in PURE or name.startswith("numpy.random"):
                return None if self.imports(frame) else self.refuse(f"{name}.{code.co_qualname}() is called", frame)
        elif code.co_name != "<module>":
            self.find(frame)
        self.known.add(code)
        return None

    def draws(self, frame: FrameType) -> None:
        """Random numbers are drawn. They are made anew in each run of the program if the recorder is told of them afterwards."""
        outer: FrameType | None = frame
        while outer is not None and isinstance(outer.f_locals.get("self"), MersenneTwister):
            frame, outer = outer, outer.f_back
        if self.drawing is not None and self.drawing is not frame:
            self.refuse("random numbers are drawn", self.drawing)
        self.drawing = frame

    def find(self, frame: FrameType) -> None:
        """A function of the user's that was not found by name: what it depends on is watched from now on."""
        around, code = self.surroundings, frame.f_code
        functions = [f for f in gc.get_referrers(code) if isinstance(f, FunctionType)] if code.co_freevars else []
        for function in functions:
            around.walk(function, 1)
        around.code(code, frame.f_globals, 1)
        self.known |= around.codes
        for _, holder in around.arrays.values():
            self.recorder.from_outside(held(holder))

    def called_built_in(self, frame: FrameType, function: Any) -> None:
        if is_installed(frame.f_globals):
            return
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, ModuleType):
            if owner.__name__ in OUTSIDE or (owner.__name__ == "builtins" and name in BUILT_IN):
                self.refuse(f"{name}() is called", frame)
        elif isinstance(owner, type):
            if owner.__module__ == "datetime" and name in CLOCKS:
                self.refuse(f"{owner.__name__}.{name}() is called", frame)
        elif isinstance(owner, np.ndarray):
            for content in self.surroundings.contents:
                content.looked_at = content.looked_at or content.array is owner
        elif owner is not None and type(owner).__module__ in OUTSIDE:
            self.refuse(f"{type(owner).__name__}.{name}() is called", frame)

    def imports(self, frame: FrameType | None) -> bool:
        """Whether this happens while a module is imported, which is done once."""
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False

    def refuse(self, why: str, frame: FrameType | None) -> None:
        while frame is not None and (is_ours(frame.f_globals) or is_installed(frame.f_globals)):
            frame = frame.f_back
        self.recorder.refuse(why, None if frame is None else Origin(frame.f_code, frame.f_lasti))
