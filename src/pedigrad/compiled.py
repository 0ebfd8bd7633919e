"""`compile`: functions, modules and whole training steps as native programs.

The first two calls of a function run as usual and are recorded. If both recordings agree, the program is compiled and later calls
run it, as long as everything it depends on is as it was: the arguments' shapes and dtypes, the modes, what the function finds around
itself (`surroundings.py`), the state of the gradients. Otherwise the call is recorded anew. What cannot be recorded runs as usual,
and a warning says why.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from . import dtypes, modes
from .compiled_gradient import Gradient, GradientProgram, relink, spent
from .compiler import cache
from .compiler.executable import Executable, GuardFailed
from .compiler.program import Value
from .compiler.record import Recorder, held, read_option
from .explain import Report, explained, missed, note
from .graph import Leaf, note_writes
from .origin import Origin
from .surroundings import PLAIN, Surroundings
from .tensor import Tensor, wrap
from .threads import get_num_threads

Array = np.ndarray[Any, Any]
VARIANTS = 8  # compiled programs that one function keeps; the one least recently used goes
ATTEMPTS = 5  # recordings in a row without two that agree after which a function is left to run as usual
TRIES = 3  # recordings in a row that are refused, likewise


def layout(array: Array) -> Any:
    """What a program compiled for `array` may rely on."""
    return array.shape, array.dtype, None if array.flags.c_contiguous else array.strides


def flattened(thing: Any, tensors: list[Tensor], others: list[Any]) -> Any:
    """A key for what arguments are, with their tensors and objects listed."""
    if isinstance(thing, Tensor):
        for i, other in enumerate(tensors):
            if other is thing:
                return ("again", i)
        tensors.append(thing)
        return ("tensor", layout(thing._array), thing._node is not None, type(thing._node) is Leaf)
    if isinstance(thing, (list, tuple)):
        return (type(thing), *(flattened(item, tensors, others) for item in thing))
    if isinstance(thing, dict):
        return (dict, *((key, flattened(value, tensors, others)) for key, value in thing.items()))
    if isinstance(thing, PLAIN):
        return (type(thing), thing)
    others.append(thing)
    return ("object", id(thing))


def rebuilt(plan: Any, tensors: list[Any]) -> Any:
    """A result made from its plan and the tensors in it."""
    kind, *rest = plan
    if kind == "tensor":
        return tensors[rest[0]]
    if kind == "plain":
        return rest[0]
    if kind is dict:
        return {key: rebuilt(value, tensors) for key, value in rest}
    items = [rebuilt(item, tensors) for item in rest]
    return items if kind is list else tuple(items) if kind is tuple else kind(*items)


class Recording:
    """One recorded call: its program, where its inputs are found and what it does beside returning something."""

    def __init__(self, recorder: Recorder, given: list[Tensor], result: Any, surroundings: Surroundings):
        self.recorder, self.given, self.surroundings = recorder, given, surroundings
        self.results: list[Tensor] = []
        self.plan = self.planned(result)
        recorder.check_writes()
        self.gradient: Gradient | None = None
        self.parents: list[tuple[str, Any]] = []  # of the function's node: arguments by number, leaves that it found
        around = {id(t._node) for t in (*surroundings.tensors, *given)}
        recorder.leaves = {leaf: state for leaf, state in recorder.leaves.items() if id(leaf) in around}  # not what lived in the call
        self.entry = [(leaf, grad is None, zeroed) for leaf, (grad, zeroed) in recorder.leaves.items()]
        self.outputs: list[Any] = []
        self.in_place: dict[int, Any] = {}
        self.after: list[tuple[str, Any, int]] = []  # what is done after a run: with which object and output
        self.collect()
        self.text = "\n".join([recorder.text(), self.gradient.text() if self.gradient else "", repr(self.plan), repr([v.number for v in self.outputs]), repr(self.entry_text())])
        recorder.forget()

    def entry_text(self) -> Any:
        return [(id(leaf), none, zeroed) for leaf, none, zeroed in self.entry], [(what, id(thing), n) for what, thing, n in self.after]

    def planned(self, thing: Any) -> Any:
        if isinstance(thing, Tensor):
            self.results.append(thing)
            return ("tensor", len(self.results) - 1)
        if isinstance(thing, (list, tuple)):
            return (type(thing), *map(self.planned, thing))
        if isinstance(thing, dict):
            return (dict, *((key, self.planned(value)) for key, value in thing.items()))
        if not isinstance(thing, PLAIN):
            self.recorder.refuse(f"the function returns a {type(thing).__name__}")
        return ("plain", thing)

    def collect(self) -> None:
        """The outputs of the program: results, gradients, what is written in place."""
        recorder, program = self.recorder, self.recorder.program
        try:
            for i, tensor in enumerate(self.results):
                self.outputs.append(recorder.value_of(tensor._array))
                self.after.append(("result", None, i))
            of_leaves = set()
            for leaf, (grad, _) in recorder.leaves.items():
                if any(t._node is leaf for t in self.given):
                    recorder.refuse("a gradient arrives in an argument")
                if leaf.grad is None or leaf.zeroed:
                    self.after.append(("zeroed" if leaf.grad is not None else "no gradient", leaf, 0))
                    continue
                of_leaves.add(id(leaf.grad._array))
                value = recorder.value_of(leaf.grad._array)
                kept = grad is not None and leaf.grad is grad()
                if kept:
                    target = next((v for v, holder in recorder.captured.items() if holder is leaf), None)
                    if target is None:
                        target = program.input(value.shape, value.dtype)
                        recorder.captured[target] = leaf
                    self.in_place[len(self.outputs)] = target
                self.after.append(("gradient in place" if kept else "gradient", leaf, len(self.outputs)))
                self.outputs.append(value)
            for storage, (_, array, value) in recorder.writes.items():
                if storage in recorder.made or id(array) in of_leaves or self.is_gradient(array):
                    continue
                target = next((v for v, h in recorder.captured.items() if held(h) is array), None)
                if target is None:
                    recorder.refuse("a tensor is written to in place that was reached in a way that the compiler does not watch")
                    continue
                self.in_place[len(self.outputs)] = target
                self.after.append(("written", recorder.captured[target], len(self.outputs)))
                self.outputs.append(value)
            program.outputs = list(self.outputs)
            live = [t for t in self.results if t._node is not None and type(t._node) is not Leaf]
            if live and not recorder.leaves:
                self.gradient = Gradient(recorder, live)
                of_arguments = {id(t._node): i for i, t in enumerate(self.given)}
                self.parents = [("argument", of_arguments[id(n)]) if id(n) in of_arguments else ("leaf", n) for n in self.gradient.leaves]
        except modes.Untraceable as why:
            recorder.refuse(str(why))

    def is_gradient(self, array: Array) -> bool:
        return any(leaf.grad is not None and leaf.grad._array is array for leaf in self.recorder.leaves)

    def forget(self) -> None:
        """Let go of the arrays of the recorded call."""
        self.results.clear()
        self.given.clear()

    def agrees(self, other: Recording) -> bool:
        """Whether another recording is of the same program."""
        mine, theirs = self.recorder, other.recorder
        if self.text != other.text or [*mine.captured] and not same_holders(mine, theirs):
            return False
        arrays = zip(mine.constants.values(), theirs.constants.values(), strict=True)
        return len(mine.constants) == len(theirs.constants) and all(np.array_equal(a, b) for a, b in arrays)

    def difference(self, other: Recording) -> str:
        """The first thing in which two recordings differ, with the user's line."""
        for mine, theirs in zip(self.text.split("\n"), other.text.split("\n"), strict=False):
            if mine != theirs:
                return f"{mine.strip()!r} was {theirs.strip()!r} before"
        return "one has more operations than the other, or finds other tensors"


def same_holders(one: Recorder, other: Recorder) -> bool:
    mine = [(v.number, id(h)) for v, h in one.captured.items()]
    return mine == [(v.number, id(h)) for v, h in other.captured.items()]


class Variant:
    """A compiled program, and when it may be run."""

    def __init__(self, recording: Recording, key: Any, compiled: Compiled):
        recorder, threads = recording.recorder, get_num_threads()
        self.key, self.recording, self.surroundings, self.compiled = key, recording, recording.surroundings, compiled
        self.threads = threads
        self.gradient = None if recording.gradient is None else GradientProgram(recording.gradient, recorder)
        program, guards = (recorder.program, recorder.guards) if self.gradient is None else (self.gradient.forward, self.gradient.guards)
        sources: dict[Value, Any] = {v: ("argument", i) for i, v in enumerate(program.inputs[: len(recording.given)])}
        sources |= {v: ("held", holder) for v, holder in recorder.captured.items()}
        sources |= {v: ("option", where) for v, where in recorder.options.items()}
        begin, made = time.perf_counter(), cache.counts()["misses"]
        constants = {v: array for v, array in recorder.constants.items() if v in program.inputs}
        self.executable = Executable(program, constants, threads, guards, recording.in_place, self.strides(program, sources))
        order = {"argument": 0, "held": 1, "option": 2}
        self.executable.inputs.sort(key=lambda v: order[sources[v][0]])
        self.executable.renumber()
        inputs = self.executable.inputs
        if self.gradient is not None:
            self.gradient.compile(inputs, threads)
        self.seconds = time.perf_counter() - begin
        self.cached = cache.counts()["misses"] == made  # the machine code was there already
        self.arguments = [sources[v][1] for v in inputs if sources[v][0] == "argument"]
        self.holders = [sources[v][1] for v in inputs if sources[v][0] == "held"]
        self.options = [sources[v][1] for v in inputs if sources[v][0] == "option"]
        self.layouts = [layout(held(h)) for h in self.holders]
        self.last: list[Any] = [None] * len(self.holders)
        self.numbers = [np.zeros((), np.float64) for _ in self.options]
        self.values: list[Any] = [None] * len(self.options)
        self.entry, self.choices = recording.entry, recorder.choices
        written = {id(thing) for what, thing, _ in recording.after if what == "written"}
        self.written = [i for i, holder in enumerate(self.holders) if id(holder) in written]
        self.runs = 0
        for group, _ in self.options:
            self.surroundings.release(group, {key[0] if isinstance(key, tuple) else key for g, key in self.options if g is group})
        self.needs_grad = [t._node is not None for t in recording.results]
        self.same_objects = [same_object(t, recording) for t in recording.results]
        recording.forget()

    def strides(self, program: Any, sources: dict[Value, Any]) -> dict[Value, tuple[int, ...]]:
        """The strides, in elements, of inputs that do not lie row by row."""
        found = {}
        for value in program.inputs:
            kind, source = sources.get(value, ("", None))
            array = self.recording.given[source]._array if kind == "argument" else held(source) if kind == "held" else None
            if array is not None and not array.flags.c_contiguous and array.size:
                found[value] = tuple(s // array.itemsize for s in array.strides)
        return found

    def fits(self) -> bool:
        """Whether everything but the arguments is as the program expects it."""
        for leaf, none, zeroed in self.entry:
            if (leaf.grad is None) != none or leaf.zeroed != zeroed:
                return False
        for i, holder in enumerate(self.holders):
            array = held(holder)
            if array is not self.last[i]:
                if array is None or layout(array) != self.layouts[i]:
                    return False
                self.last[i] = array
        for group, key, answer in self.choices:
            if bool(read_option(group, key)) != answer:
                return False
        return self.threads == get_num_threads() and self.surroundings.changed() is None

    def run(self, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """Run the program; what it does beside its results is done when this returns."""
        for i, (group, key) in enumerate(self.options):
            value = read_option(group, key)
            if value != self.values[i]:
                self.values[i] = value
                self.numbers[i].fill(value)
        arrays = [*[tensors[i]._array for i in self.arguments], *self.last, *self.numbers]
        outputs = self.executable.run(arrays)
        self.runs += 1
        results: list[Any] = []
        for what, thing, number in self.recording.after:
            if what == "result":
                results.append(self.result(number, outputs[number], tensors))
            elif what == "gradient":
                thing.grad, thing.zeroed = wrap(outputs[number]), False
            elif what == "gradient in place":
                thing.zeroed = False
            elif what == "zeroed":
                thing.zeroed = True
            elif what == "no gradient":
                thing.grad, thing.zeroed = None, False
        if self.written:
            note_writes([self.last[i] for i in self.written], "a compiled step")
        if self.gradient is not None:
            parents = tuple(tensors[w]._node if kind == "argument" else w for kind, w in self.recording.parents)
            live = [r for r, needed in zip(results, self.needs_grad, strict=True) if needed]
            self.gradient.node(functools.partial(self.again, args, kwargs, tensors), arrays, outputs, parents, live)
        return rebuilt(self.recording.plan, results)

    def again(self, args: Any, kwargs: Any, tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The results, as usual, and the tensors that the parents of their node belong to."""
        found: list[Tensor] = []
        collect(self.compiled.function(*args, **kwargs), found)
        live = [t for t, needed in zip(found, self.needs_grad, strict=True) if needed]
        return live, [tensors[w] if kind == "argument" else w.tensor() for kind, w in self.recording.parents]

    def result(self, number: int, array: Array, tensors: list[Tensor]) -> Tensor:
        kind, which = self.same_objects[number]
        if kind == "argument":
            return tensors[which]
        if kind == "held":
            return which
        out = wrap(array)
        if self.needs_grad[number] and self.gradient is None:
            out._node = spent(array)
        return out


def collect(thing: Any, found: list[Tensor]) -> None:
    """The tensors in a result, in order."""
    if isinstance(thing, Tensor):
        found.append(thing)
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            collect(item, found)
    elif isinstance(thing, dict):
        for item in thing.values():
            collect(item, found)


def same_object(tensor: Tensor, recording: Recording) -> tuple[str, Any]:
    """Whether a result is an argument or a tensor from around the function."""
    for i, given in enumerate(recording.given):
        if given is tensor:
            return "argument", i
    return ("held", tensor) if any(t is tensor for t in recording.surroundings.tensors) else ("new", None)


def replaced(thing: Any, tensors: dict[int, Tensor]) -> Any:
    """The same arguments, with other tensors in the place of some."""
    if isinstance(thing, Tensor):
        return tensors.get(id(thing), thing)
    if isinstance(thing, (list, tuple)):
        items = [replaced(item, tensors) for item in thing]
        return items if isinstance(thing, list) else tuple(items) if type(thing) is tuple else type(thing)(*items)
    if isinstance(thing, dict):
        return {key: replaced(value, tensors) for key, value in thing.items()}
    return thing


class Compiled:
    """A function with its compiled programs."""

    watched_as = "function"  # see `Surroundings.walk`

    def __init__(self, function: Callable[..., Any], fullgraph: bool = False):
        self.function, self.fullgraph = function, fullgraph
        self.variants: list[Variant] = []
        self.pending: dict[Any, tuple[int, Recording | None]] = {}
        self.left: dict[Any, str] = {}  # keys that run as usual, and why
        self.usual: Counter[Any] = Counter()  # how often each of them did
        self.misses: list[str] = []
        self.warned = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if modes.settings.recorder is not None:
            return self.function(*args, **kwargs)
        tensors: list[Tensor] = []
        others: list[Any] = []
        key = (flattened((args, kwargs), tensors, others), modes.settings.grad, dtypes.get_default_dtype()) if args or kwargs else modes.settings.grad
        for variant in self.variants:
            if variant.key == key and variant.fits():
                try:
                    result = variant.run(tensors, args, kwargs)
                except GuardFailed:
                    note(self, "a number that the program branches on is another one")
                    continue
                if self.variants[0] is not variant:
                    self.variants.remove(variant)
                    self.variants.insert(0, variant)
                return result
        if key in self.left or modes.settings.anomaly:
            self.usual[key] += 1
            return self.function(*args, **kwargs)
        if self.variants and key not in self.pending:
            missed(self, key)
        return self.record(key, tensors, others, args, kwargs)

    def explain(self, time: bool = True) -> Report:
        """What became of the function, and where its time goes; `time=False` measures nothing."""
        return explained(self, time)

    def record(self, key: Any, tensors: list[Tensor], others: list[Any], args: Any, kwargs: Any) -> Any:
        """Run as usual and record; compile if the last recording agrees."""
        surroundings = Surroundings(self.function, others)
        recorder = Recorder([t._array for t in tensors], surroundings.arrays)
        inner = [t for t in tensors if t._node is not None and type(t._node) is not Leaf]
        stands = {id(t): wrap(t._array).requires_grad_() for t in inner}  # the function's own history ends at these
        with modes.recording(recorder):
            result = self.function(*replaced(args, stands), **replaced(kwargs, stands)) if stands else self.function(*args, **kwargs)
        recording = Recording(recorder, [stands.get(id(t), t) for t in tensors], result, surroundings)
        if stands:
            relink(recording.results, {stands[id(t)]._node: t._node for t in inner})  # type: ignore[misc]
            result = replaced(result, {id(stands[id(t)]): t for t in inner})
        attempts, before = self.pending.get(key, (0, None))
        if recorder.refused is not None:  # a first call may begin what later ones find, such as an optimizer's state
            if attempts + 1 >= TRIES:
                self.leave(key, recorder.refused)
            else:
                self.pending[key] = attempts + 1, None
        elif before is not None and before.agrees(recording) and surroundings.changed() is None:
            self.compile(key, recording)
        elif attempts + 1 >= ATTEMPTS:
            why = surroundings.changed() or (recording.difference(before) if before is not None else "")
            self.leave(key, f"the recorded calls differ: {why}; called at {Origin.here()}")
        else:
            self.pending[key] = attempts + 1, recording
        return result

    def compile(self, key: Any, recording: Recording) -> None:
        self.pending.pop(key, None)
        try:
            self.variants.insert(0, Variant(recording, key, self))
        except ImportError:
            self.leave(key, "llvmlite is not installed")
        del self.variants[VARIANTS:]

    def leave(self, key: Any, why: str) -> None:
        """Let calls with this key run as usual."""
        self.pending.pop(key, None)
        self.left[key] = why
        if self.fullgraph:
            raise RuntimeError(f"compile(fullgraph=True): {why}")
        if not self.warned:
            self.warned = True
            name = getattr(self.function, "__qualname__", str(self.function))
            warnings.warn(f"pedigrad.compile: {name} is run without being compiled: {why}", stacklevel=4)


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """A version of a function or module that runs as one native program; a whole training step may be inside.

    With `fullgraph` what cannot be compiled is an error, not a warning. `dynamic`, `backend`, `mode` and `options` are accepted and change
    nothing. Usable as a decorator, with or without options.
    """
    if model is None:
        return functools.partial(compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable)
    if disable:
        return model
    compiled = Compiled(model, fullgraph)

    @functools.wraps(model, updated=())
    def run(*args: Any, **kwargs: Any) -> Any:
        return compiled(*args, **kwargs)

    run.compiled = compiled  # type: ignore[attr-defined]
    run.explain = compiled.explain  # type: ignore[attr-defined]
    return run
