"""A function that is compiled: recorded, compared, run as a native program as long as that is right.

The first two calls of a function run as usual and are recorded. If both recordings agree, the program is compiled and later calls
run it, as long as everything it depends on is as it was: the arguments' shapes and dtypes, the modes, what the function finds around
itself (`capture/environment.py`), the state of the gradients. Otherwise the call is recorded anew. What cannot be recorded runs as usual,
and a warning says why.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import is_
from typing import Any

from .. import compiler
from ..codegen.frontend.record import Recorder
from ..codegen.runtime.executable import GuardFailed
from ..core import dtypes, lifted, modes
from ..core.origin import warn
from ..core.tensor import Tensor
from . import agreement, fetched
from .environment import Environment
from .explain.summary import Report, explained, missed, note
from .growing import EVER_NEW, Growing, Kind
from .recording import Recording, State, flattened
from .side_effects import Effects, let_rates_change, without_collections
from .specialization import MISS, Specialization

VARIANTS = 8  # compiled programs that one function keeps; the one least recently used goes
ATTEMPTS = 5  # recordings in a row without two that agree after which a function is left to run as usual
EARLIER = 4  # recordings that a later one may agree with: functions may take turns in what they do
TRIES = 3  # recordings in a row that are refused, likewise
WASTED = 48  # recordings that may be made between two runs of compiled programs
DEEP = 100_000  # calls within one another while a program is made
LEFT = 256  # kinds of arguments that are remembered as not to be compiled


class Compiled:
    """A function with its compiled programs."""

    watched_as = "function"  # see `Environment.walk`

    most_left = LEFT
    discreet = False  # whether nobody is to see it: random numbers and the names of histories are those of the function

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False):
        self.function, self.fullgraph = function, fullgraph
        self.warned = False
        self.reset()
        compiler.instances.add(self)

    def reset(self) -> None:
        """Forget all compiled programs, and what was not to be compiled."""
        self.variants: list[Specialization] = []
        self.pending: OrderedDict[Any, tuple[int, int, list[Recording]]] = OrderedDict()  # attempts, refusals, the last recordings
        self.left: dict[Any, str] = {}  # keys that run as usual, and why
        self.usual: Counter[Any] = Counter()  # how often each of them did
        self.recordings = self.aside = 0  # calls that ran as usual to be recorded, and in modes in which nothing is compiled
        self.misses: list[str] = []
        self.recorded = 0  # calls since a compiled program was run, which had been
        self.earlier_runs = 0  # of them, by then
        self.given_up: str | None = None
        self.growing = Growing(VARIANTS)
        self.shortcut: Callable[..., Any] | None = None
        self.same: tuple[tuple[Any, ...], tuple[Any, ...], Specialization] | None = None  # objects as arguments, modes, what ran with them

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        settings = modes.settings
        apart = settings.recorder is not None or settings.anomaly or settings.autocast is not None or settings.function_modes
        # Within vmap what is given or found may be a sample, or have a tangent, which programs know nothing of.
        if apart or modes.uncompiled or (lifted.alive and lifted.stay()):
            self.aside += 1
            return self.function(*args, **kwargs)
        if self.same is not None and (result := self.again(args, kwargs)) is not MISS:
            return result
        tensors: list[Tensor] = []
        others: list[Any] = []
        if args or kwargs:
            try:
                key: Any = (flattened((args, kwargs), tensors, others), *the_modes())
                hash(key)
            except (TypeError, RecursionError):
                self.leave(None, "the arguments cannot be compared")
                self.usual[None] += 1
                return self.function(*args, **kwargs)
        else:
            key = settings.grad
        for variant in list(self.variants):
            if variant.key == key and variant.suits(tensors):
                try:
                    result = variant.run(tensors, args, kwargs)
                except GuardFailed:
                    note(self, "a number that the program branches on is another one")
                    continue
                if result is MISS:
                    continue
                if self.variants[0] is not variant or variant.runs == 1:
                    self.put_first(variant)
                if args and not tensors and not kwargs and not any(isinstance(each, (list, tuple, dict)) for each in args):
                    self.same = args, the_modes(), variant
                return result
        if key in self.left or self.given_up is not None:
            self.usual[key if key in self.left else None] += 1
            return self.function(*args, **kwargs)
        kind = self.growing.kind(key)
        if kind is not None and self.growing.is_left(key, kind, self.pending):
            self.leave_new(kind)
            return self.function(*args, **kwargs)
        if self.variants and key not in self.pending:
            missed(self, key)
        return self.record(key, tensors, others, args, kwargs)

    def again(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the program gives that ran with the same objects before; MISS if it cannot be run, or other arguments are given."""
        assert self.same is not None
        before, kinds, variant = self.same
        if kwargs or len(args) != len(before) or not all(map(is_, args, before)) or the_modes() != kinds:
            return MISS
        try:
            return variant.run([], args, kwargs)
        except GuardFailed:
            return MISS

    def put_first(self, variant: Specialization) -> None:
        """The variant used last is tried first."""
        variants = [each for each in self.variants if each is not variant]
        self.variants = [variant, *variants][:VARIANTS]
        if variant.short is None:
            variant.short = variant.shortcut()
        self.shortcut = variant.short if variant.takes_nothing else None

    @property
    def runs(self) -> int:
        """How many calls ran a program of those that are kept."""
        return sum(variant.runs for variant in self.variants)

    def explain(self, time: bool = True, eager: Any = None) -> Report:
        """What became of the function, and where its time goes; `time=False` measures nothing.

        With `eager`, the arguments of a call, it is called with these for a moment, compiled and as usual, to say how much faster it is.
        """
        return explained(self, time, eager)

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """Within it calls are not counted: they are none of the program's."""
        runs, before = {id(variant): variant.runs for variant in self.variants}, (Counter(self.usual), self.recordings, self.aside)
        misses = len(self.misses)
        try:
            yield
        finally:
            for variant in self.variants:
                variant.runs = runs.get(id(variant), 0)
            self.usual, self.recordings, self.aside = before
            self.earlier_runs = min(self.earlier_runs, self.runs)
            del self.misses[misses:]

    def record(self, key: Any, tensors: list[Tensor], others: list[Any], args: Any, kwargs: Any) -> Any:
        """Run as usual and record; compile if the last recording agrees."""
        self.recordings += 1
        surroundings = Environment(self.function, others)
        keep = bool(key in self.pending and self.pending[key][2]) and agreement.MODE != "off"
        recorder = Recorder(tensors, surroundings.arrays, keep, self.discreet)
        if surroundings.refused is not None:
            recorder.refused = surroundings.refused
        state = State(tensors, surroundings, (args, kwargs))
        recorder.fetch_number = functools.partial(fetched.number, getattr(self.function, "__code__", None), sys._getframe().f_code)
        with without_collections(), modes.recording(recorder), Effects(recorder, surroundings):
            result = self.function(*args, **kwargs)
        if recorder.refused is None and surroundings.refused is not None:
            recorder.refused = surroundings.refused
        let_rates_change(recorder, surroundings)
        changed = state.change() or surroundings.changed()
        recording = None
        if recorder.refused is None and changed is None:
            nodes = [t._node for t in tensors]
            recording = Recording(recorder, tensors, result, surroundings, nodes)
        self.judge(key, recording, recorder.refused or (changed and f"the call itself changes what it depends on: {changed}"))
        if recording is not None:
            recording.settle()
        return fetched.plain(result) if recorder.fetched else result

    def judge(self, key: Any, recording: Recording | None, refused: str | None) -> None:
        """Compile, or remember a recording for the next call."""
        attempts, refusals, earlier = self.pending.pop(key, (0, 0, []))
        if (runs := self.runs) > self.earlier_runs:
            self.recorded = 0
        self.earlier_runs = runs
        self.recorded += 1
        if refused is not None or recording is None:  # a first call may begin what later ones find, such as an optimizer's state
            if refusals + 1 >= TRIES or (self.fullgraph and refusals):
                return self.leave(key, refused or "it cannot be recorded")
            self.pending[key] = attempts, refusals + 1, earlier
        elif any(each.agrees(recording) for each in earlier):
            return self.compile(key, recording)
        elif self.known(key, recording):
            return None
        elif (like := next((v for v in self.variants if v.key == key and v.recording.is_like(recording)), None)) is not None:
            return self.compile(key, recording, like)  # an optimizer's state was loaded, say
        elif attempts + 1 >= ATTEMPTS:
            why = earlier[-1].surroundings.changed() or recording.difference(earlier[-1]) if earlier else ""
            return self.leave(key, f"the recorded calls differ: {why}")
        else:
            for each in earlier[:]:
                each.forget()
            self.pending[key] = attempts + 1, refusals, [*earlier, recording][-EARLIER:]
        while len(self.pending) > VARIANTS:
            self.pending.popitem(last=False)
        if self.recorded > WASTED:
            self.given_up = f"{self.recorded} calls in a row found no compiled program that could be run"
            self.leave(None, self.given_up)
        return None

    def known(self, key: Any, recording: Recording) -> bool:
        """Whether a program compiled before is the same, although elements of NumPy arrays are others: then it does not hang on them."""
        for variant in self.variants:
            if variant.key == key and variant.recording.agrees(recording):
                freed = variant.free_contents()
                self.shortcut = None
                return freed
        return False

    def compile(self, key: Any, recording: Recording, like: Specialization | None = None) -> None:
        """Make a program of a recording, or take that of another one; where that fails the function runs as usual."""
        try:
            with compiling():
                variant = Specialization(recording, key, self, like)
        except ImportError:
            if self.fullgraph:
                raise RuntimeError("compile(fullgraph=True): llvmlite is not installed") from None
            without_compiler()
            self.given_up = "llvmlite is not installed"
            return
        except modes.Untraceable as why:
            return self.leave(key, str(why))
        except Exception as error:  # whatever it is, the function can be run as usual
            return self.leave(key, f"its program could not be compiled ({type(error).__name__}: {error})")
        self.variants = [variant, *self.variants][:VARIANTS]
        self.growing.compiled(key)
        self.shortcut = self.same = None

    def leave_new(self, kind: Kind) -> None:
        """Count a call as one of a kind that runs as usual because its sizes are ever new ones."""
        self.left[kind.name] = EVER_NEW
        self.usual[kind.name] += 1
        if kind.are_many:
            self.say(EVER_NEW)

    def leave(self, key: Any, why: str) -> None:
        """Let calls with this key run as usual."""
        self.left[key] = why
        if len(self.left) > self.most_left:
            self.given_up = "called with ever new arguments that cannot be compiled"
        if self.fullgraph:
            raise RuntimeError(f"compile(fullgraph=True): {why}")
        self.say(why)

    def say(self, why: str) -> None:
        """Warn once that calls run as usual."""
        if not self.warned:
            self.warned = True
            name = getattr(self.function, "__qualname__", None) or type(self.function).__name__
            warn(f"pedigrad.compile: {name} is run without being compiled: {why}")


def the_modes() -> tuple[Any, ...]:
    """The modes that programs of calls with arguments are made for."""
    return modes.settings.grad, dtypes.get_default_dtype(), modes.settings.inference


@contextmanager
def compiling() -> Iterator[None]:
    """Python's search for cycles takes a third of the time in which a program is made, and finds none; instructions hang on one another
    as deep as a loop of the user's is long."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        with without_collections():
            yield
    finally:
        sys.setrecursionlimit(limit)


@functools.cache
def without_compiler() -> None:
    """Say once that there is no compiler."""
    warn("pedigrad.compile: llvmlite is not installed, all functions run without being compiled")


def compiled_function(function: Callable[..., Any], fullgraph: bool = False) -> Callable[..., Any]:
    """A function that runs compiled programs of another one."""
    compiled = Compiled(function, fullgraph)

    @functools.wraps(function, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        plain = not modes.special or (modes.settings.profiler is None and not lifted.alive and not modes.uncompiled)
        if not args and not kwargs and compiled.shortcut is not None and plain:
            result = compiled.shortcut()
            if result is not MISS:
                return result
        return compiled(*args, **kwargs)

    run.compiled = compiled  # type: ignore[attr-defined]
    run.explain = compiled.explain  # type: ignore[attr-defined]
    return run
