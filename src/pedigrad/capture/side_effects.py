"""What a function does beside computing on tensors, seen while it is recorded: a compiled program would not do it again.

Python tells of each call while a profile function is set. Calls of Python functions show whether the user's code is that which the
walk of the surroundings found; what it did not find is walked when it is called. Calls into the standard library and of built-in
functions show what has effects, or results that follow from something else than the arguments: printing, files, clocks, chance.
"""

from __future__ import annotations

import dis
import functools
import gc
import importlib
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from ..codegen.frontend.record import Recorder
from ..core import interception
from ..core.formatting import set_printoptions
from ..core.origin import AS_USER, MARK, Origin
from ..core.quiet import name_of
from ..rng.generator import Generator, default_generator
from ..rng.mersenne import MersenneTwister
from .environment import Environment, is_installed
from .guards import is_plain
from .reading import Reading, strings_of, tells

PURE = frozenset(
    "numpy scipy ml_dtypes math cmath functools itertools operator collections contextlib copy copyreg enum dataclasses typing types abc "
    "_abc inspect re string numbers fractions decimal _pydecimal statistics weakref _weakrefset _collections_abc keyword reprlib textwrap "
    "bisect heapq ast dis opcode tokenize linecache warnings _py_abc builtins importlib zipimport _frozen_importlib "
    "_frozen_importlib_external codecs encodings struct genericpath posixpath pathlib".split()
)
IMPORTING = vars(importlib)["_bootstrap"]._find_and_load.__code__  # runs a module, the first time that it is imported
CHANCE = {MersenneTwister._draw.__code__, MersenneTwister._twister.__code__}
RECORDED = Generator.recorded.__code__
SEEDS = {  # what sets or tells the state of a generator
    getattr(MersenneTwister, name).__code__ for name in ("manual_seed", "seed", "initial_seed", "state_array", "set_state")
} | {Generator.get_state.__code__}
SETTERS = (Generator.__module__, MersenneTwister.__module__, interception.__name__, "pedigrad.random")  # by way of which users do so
BUILT_IN = frozenset("print input open exec eval breakpoint __import__".split())
FILES = frozenset("fromfile tofile dump".split())  # functions and methods of NumPy's
OUTSIDE = frozenset(
    "time gc posix nt _io io _socket select _thread _random random _queue array mmap signal _signal faulthandler _sqlite3".split()
)
CLOCKS = frozenset("now utcnow today".split())
FIXED = frozenset(
    "numpy scipy functools contextlib collections abc enum weakref".split()
)  # attributes are read by names that their code has
BY_ANY_NAME = frozenset("getattr hasattr setattr delattr vars dir __dict__ __getattribute__ attrgetter eval exec format format_map".split())
BY_ANY_NAME |= frozenset("__reduce__ __reduce_ex__ __getstate__ __setstate__".split())
RECORDING = ("pedigrad.codegen.", "pedigrad.capture.")
MATCH = dis.opmap["MATCH_CLASS"]


def is_ours(table: dict[str, Any]) -> bool:
    """Whether globals are those of a module of the library."""
    if MARK in table:
        return True
    name = name_of(table)
    return name.startswith("pedigrad.") and name not in AS_USER


def is_users(table: dict[str, Any]) -> bool:
    """Whether globals are those of a module of the user's."""
    return not is_ours(table) and not is_installed(table)


@contextmanager
def without_collections() -> Iterator[None]:
    """Within it, Python does not look for cycles: what it would end there (`__del__`, callbacks) is not the running function's doing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Effects:
    """Within it, the recorder is told what the running function does that a program cannot."""

    def __init__(self, recorder: Recorder, surroundings: Environment):
        self.recorder, self.surroundings = recorder, surroundings
        self.known: set[CodeType] = set(surroundings.codes)
        self.drawing: FrameType | None = None  # the call that draws random numbers now
        self.aside: FrameType | None = None  # the import that runs a module, which is done once

    def __enter__(self) -> Effects:
        self.chances = self.states()
        self.ran: set[CodeType] = set()
        self.names: set[str] = set()  # that the code which ran has looked up
        self.stored: set[str] = set()  # attributes that it may have assigned to, to what it had before even
        self.by_any_name = False  # it may have looked up others
        self.reading = self.surroundings.reading = Reading()
        self.before = before = cast(Any, sys.getprofile())
        if hasattr(before, "disable"):  # cProfile's is no function: it stands aside meanwhile
            before.disable()
        sys.setprofile(self.seen)
        return self

    def __exit__(self, *exc: object) -> None:
        if hasattr(self.before, "disable"):
            sys.setprofile(None)
            self.before.enable()
        else:
            sys.setprofile(self.before)
        if self.drawing is not None:
            self.refuse("random numbers are drawn", self.drawing)
            self.drawing = None
        if self.recorder.refused is None and self.states() != self.chances:
            self.recorder.refuse("random numbers are drawn")
        if self.recorder.refused is None and exc[0] is None:
            attached = {name.removeprefix("_") for tensor in self.recorder.given for name in tensor.__dict__}
            if attached & self.stored or (attached and "setattr" in self.names) or ("retains" in attached and "retain_grad" in self.names):
                self.recorder.refuse("an argument is given an attribute")
            names = frozenset(self.names) | of_modules()
            self.surroundings.settle(None if self.by_any_name else lambda key: can_be_read(key, names))

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
        if self.aside is not None:
            self.aside = None if event == "return" and frame is self.aside else self.aside
        elif event == "call" and frame.f_code is IMPORTING:
            self.aside = frame
        elif event == "call":
            if frame.f_code not in self.ran:
                self.looks_up(frame.f_code, frame.f_globals)
            if tells(frame) and not self.is_within_ours(frame.f_back):
                self.reading.whole = True
            if frame.f_code in CHANCE:
                self.draws(frame)
            elif frame.f_code is RECORDED and frame.f_locals["self"] is default_generator:
                self.drawing = None
            elif frame.f_code not in self.known:
                self.called(frame)
        elif event == "c_call" and not is_ours(frame.f_globals):
            self.called_built_in(frame, arg)
        if callable(self.before):
            self.before(frame, event, arg)

    def looks_up(self, code: CodeType, table: dict[str, Any]) -> None:
        """Note the names of the attributes that code may read."""
        self.ran.add(code)
        name = name_of(table)
        if name.startswith(RECORDING):
            return  # it reads nothing of the user's
        self.names |= strings_of(code)
        if not is_ours(table):
            self.stored |= stored_by(code)
        if is_users(table):
            self.reading.ran(code)
        if is_ours(table) or name.partition(".")[0] in FIXED:
            found = "__dict__" in code.co_names and ("items" in code.co_names or "update" in code.co_names)
        else:
            found = not BY_ANY_NAME.isdisjoint(code.co_names) or MATCH in code.co_code[::2]
        self.by_any_name = self.by_any_name or found

    def called(self, frame: FrameType) -> None:
        """A Python function is called that was not met before."""
        code, table = frame.f_code, frame.f_globals
        if is_ours(table):
            if code in SEEDS or code is set_printoptions.__code__:
                self.sets(frame)
                return None
        elif is_installed(table):
            name = name_of(table)
            if name.partition(".")[0] not in PURE or name.startswith("numpy.random"):
                return None if self.imports(frame) else self.refuse(f"{name}.{code.co_qualname}() is called", frame)
            if code.co_qualname == "import_module" and not self.is_within_ours(frame):
                self.refuse("import_module() is called", frame)
        elif code.co_name != "<module>":
            self.find(frame)
        self.known.add(code)
        return None

    def sets(self, frame: FrameType) -> None:
        """The state of a generator is set or looked at, or how tensors are printed: by the user's code, or for itself by ours."""
        outer = frame.f_back
        while outer is not None and name_of(outer.f_globals) in SETTERS:
            if outer.f_code is MersenneTwister.__init__.__code__:
                return
            outer = outer.f_back
        if outer is not None and not is_ours(outer.f_globals):
            self.refuse(f"{frame.f_code.co_name}() is called", frame)

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
        around.met(functions, code, frame.f_globals)
        self.known |= around.codes
        for _, holder in around.arrays.values():
            self.recorder.from_outside(holder)

    def called_built_in(self, frame: FrameType, function: Any) -> None:
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if is_installed(frame.f_globals):
            if self.reaches_out(owner, name) and not self.is_within_ours(frame) and not self.imports(frame):
                self.refuse(f"{name}() is called", frame)
            return
        if isinstance(owner, ModuleType):
            warns = owner.__name__ == "_warnings" and name.startswith("warn")
            if self.reaches_out(owner, name) or owner.__name__ in OUTSIDE or warns or not is_installed(vars(owner)):
                self.refuse(f"{name}() is called", frame)
        elif isinstance(owner, type):
            if owner.__module__ == "datetime" and name in CLOCKS:
                self.refuse(f"{owner.__name__}.{name}() is called", frame)
        elif isinstance(owner, np.ndarray):
            if name in FILES:
                self.refuse(f"{name}() is called", frame)
            for content in self.surroundings.contents:
                content.looked_at = content.looked_at or content.array is owner
        elif owner is not None and type(owner).__module__ in OUTSIDE:
            self.refuse(f"{type(owner).__name__}.{name}() is called", frame)

    @staticmethod
    def reaches_out(owner: Any, name: str) -> bool:
        """Whether a function, called by the standard library too, has to do with files, clocks or the like."""
        if not isinstance(owner, ModuleType):
            return type(owner).__module__ in ("_io", "_random", "_socket") and type(owner).__name__ not in ("StringIO", "BytesIO")
        if owner.__name__ == "builtins":
            return name in BUILT_IN
        if owner.__name__.startswith("numpy"):
            return name in FILES
        return owner.__name__ in OUTSIDE and owner.__name__ != "_thread" and name != "fspath"

    @staticmethod
    def is_within_ours(frame: FrameType | None) -> bool:
        """Whether the standard library was called by our code, which does it for itself."""
        while frame is not None and is_installed(frame.f_globals):
            frame = frame.f_back
        return frame is None or is_ours(frame.f_globals)

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


@functools.cache
def of_modules() -> frozenset[str]:
    """The attributes that each module has for us."""
    module = sys.modules.get("pedigrad.nn.module")
    return frozenset() if module is None else frozenset(vars(module.Module()))


@functools.lru_cache(1 << 14)
def stored_by(code: CodeType) -> frozenset[str]:
    """The attributes that code assigns to."""
    return frozenset(step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR")


def can_be_read(key: Any, names: frozenset[str]) -> bool:
    """Whether code that looks up `names` can have read an attribute; Python itself looks up those with underscores."""
    return type(key) is not str or key in names or key.startswith("__")


def let_rates_change(recorder: Recorder, surroundings: Environment) -> None:
    """No longer watch what a step of a schedule changes, the numbers it holds and options that the program is given, and numbers of groups
    that no program is given, because their optimizer takes no step, or none of their parameters has a gradient."""
    schedules, given = list(recorder.schedules), {id(group) for group, _ in recorder.options.values()}
    idle = list(recorder.idle)
    for schedule in schedules:
        schedules += getattr(schedule, "_schedulers", ())
        held = {name for name, value in vars(schedule).items() if all(map(is_plain, value if type(value) is list else [value]))}
        surroundings.release_attributes(vars(schedule), held)
        for group, key in recorder.options.values():
            if any(group is each for each in schedule.optimizer.param_groups):
                surroundings.release(group, {key[0] if isinstance(key, tuple) else key})
        idle += [group for group in schedule.optimizer.param_groups if id(group) not in given]
    for group in idle:
        surroundings.release(group, {name for name, value in group.items() if type(value) is float})
