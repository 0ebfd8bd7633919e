"""A compiled program of a function: when it may be run, and its run.

What it depends on is compared word by word in native code (`codegen/runtime/guard_words.py`), which then runs the program in the same
call. Only the pieces in which a word has changed are looked at in Python: a version of a dict also changes when somebody stores what was
there.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..codegen.frontend.regions import extent, like
from ..codegen.ir.interpreter import interpreted
from ..codegen.ir.program import Program, Value
from ..codegen.ir.sources import held, in_order, read_option
from ..codegen.runtime import cache, guard_words
from ..codegen.runtime.executable import SERIAL, SERIAL_PRODUCT, Executable, GuardFailed
from ..codegen.runtime.guard_words import Word
from ..codegen.runtime.memory import empty
from ..core import graph, locks, modes
from ..core.graph import Leaf, note_writes
from ..core.origin import MARK, Origin, outside
from ..core.storage import storage_of
from ..core.tensor import Tensor, wrap
from ..eager.threads import get_num_threads
from ..rng.generator import default_generator
from . import agreement, guards, proof
from .backward import ALL, UNKNOWN, GradientProgram, Histories, spent
from .explain import timed
from .given import Entry, Held, Options, Related, lie_apart, merged, overlaps
from .guards import Guard
from .recording import Recording, layout, rebuilt, results_of

Array = np.ndarray[Any, Any]
NOTHING = np.empty(0)
MISS: Any = object()  # what a run gives that found something else than the program expects
BRIEF = 200e-6  # seconds up to which a program is run without giving up the interpreter's lock


class Specialization:
    """A compiled program, and when it may be run."""

    def __init__(self, recording: Recording, key: Any, compiled: Any, like: Specialization | None = None):
        """`like` is one whose recording is the same but for the objects it was made on: its native code serves again."""
        recorder, threads = recording.recorder, get_num_threads()
        self.key, self.recording, self.surroundings, self.compiled = key, recording, recording.surroundings, compiled
        self.threads, self.lock = threads, locks.renewed()
        self.gradient = (
            None if recording.gradient is None else GradientProgram(recording.gradient, recorder, frozenset(recording.in_place.values()))
        )
        if like is not None and like.gradient is not None:
            self.gradient = like.gradient
        self.program, guards = (
            (recorder.program, recorder.guards) if self.gradient is None else (self.gradient.forward, self.gradient.guards)
        )
        program = self.program if like is None else like.program
        self.program = program
        # By number: values of a recording that is like another one have the same.
        known: dict[int, Any] = {v.number: ("argument", i) for i, v in enumerate(recorder.program.inputs[: len(recording.given)])}
        known |= {v.number: ("held", holder) for v, holder in recorder.captured.items()}
        known |= {v.number: ("option", where) for v, where in recorder.options.items()}
        known |= {v.number: ("draw", draw) for v, draw in recorder.draws.items()}
        sources = {v: known[v.number] for v in program.inputs if v.number in known}
        threads = useful_threads(recorder.program, threads)
        begin, made = time.perf_counter(), cache.counts()["misses"]
        constants = {v: array for v, array in recorder.constants.items() if v in program.inputs}
        order = {"argument": 0, "held": 1, "option": 2, "draw": 3}
        if like is None:
            inputs = sorted((v for v in program.inputs if v not in constants), key=lambda v: order[sources[v][0]])
            strides = self.strides(program, sources)
            self.executable = Executable(program, constants, threads, guards, recording.in_place, strides, inputs=inputs)
            if self.gradient is not None:
                self.gradient.compile(inputs, threads, strides)
        else:
            self.executable = like.executable.again()
            inputs = self.executable.inputs
        self.seconds = time.perf_counter() - begin
        self.cached = cache.counts()["misses"] == made  # the machine code was there already
        self.arguments = [sources[v][1] for v in inputs if sources[v][0] == "argument"]
        self.holders = [sources[v][1] for v in inputs if sources[v][0] == "held"]
        self.options = [sources[v][1] for v in inputs if sources[v][0] == "option"]
        self.draws = [sources[v][1] for v in inputs if sources[v][0] == "draw"]
        self.layouts = [recording.layouts[v.number] for v in inputs if sources[v][0] == "held"]
        self.numbers = [np.zeros((), np.float64) for _ in self.options]
        self.entry, self.choices = recording.entry, recorder.choices
        self.changed_places = [thing for what, thing, _ in recording.after if what == "written"]
        # What a group gives may be another number each time, such as the seed of a run's random numbers.
        self.drawn = [i for i, (group, _) in enumerate(self.options) if type(group).__getitem__ is not dict.__getitem__]
        self.runs = 0
        self.takes_nothing = isinstance(key, bool)  # of a call without arguments the key is a mode
        if self.gradient is not None and any(self.gradient.gradient.guards.values()) and self.happens_once():
            raise modes.Untraceable("its backward pass branches on numbers, and what it computes cannot be computed again")
        for group, _ in self.options:
            self.surroundings.release(group, {key[0] if isinstance(key, tuple) else key for g, key in self.options if g is group})
        self.nodes = [
            None if leaves is None else Histories(spent(t._array, leaves, t._node if compiled.discreet else None))
            for t, leaves in zip(recording.results, recording.spent, strict=True)
        ]
        if self.gradient is not None and compiled.discreet:
            names = [t._node.name() for t in recording.live if t._node is not None]
            self.gradient.names.update({ALL: names[0], **dict(enumerate(names))})
        self.is_live = [any(t is each for each in recording.live) for t in recording.results]
        roots = self.executable.placement.outputs
        kept = roots[len(recorder.program.outputs) :]  # for the backward pass
        self.kept_too = [roots[number] in kept for number in range(len(self.nodes))]
        self.pinned = recording.pinned
        self.pinned_numbers = {i for i, _ in self.pinned}
        self.around = {id(t) for t in self.surroundings.tensors}
        self.orders = recording.orders
        self.is_proven: bool = proof.is_wanted(recorder.program, self.seconds) if like is None else like.is_proven
        if self.is_proven and like is None:
            proof.Proof(self.executable, self.gradient, recording)
        self.watch()
        recording.forget()

    def strides(self, program: Any, sources: dict[Value, Any]) -> dict[Value, tuple[int, ...]]:
        """The strides, in elements, of inputs that do not lie row by row."""
        found = {}
        for value in program.inputs:
            kind, source = sources.get(value, ("", None))
            if kind in ("argument", "held"):
                steps = (layout(self.recording.given[source]._array) if kind == "argument" else self.recording.layouts[value.number])[2]
                if steps is not None and value.size:
                    found[value] = tuple(s // value.dtype.itemsize for s in steps)
        return found

    # What it depends on

    def watch(self) -> None:
        """Lay out the words that are compared before each run."""
        executable, first = self.executable, len(self.arguments)
        self.held = [
            Held(holder, layout, executable.table, slot, self.regular)
            for slot, (holder, layout) in enumerate(zip(self.holders, self.layouts, strict=True), first)
        ]
        for each in self.held:
            executable.table[each.slot] = id(held(each.holder))
        for i, number in enumerate(self.numbers):
            executable.table[first + len(self.holders) + i] = id(number)
        groups = {id(group): group for group, *_ in [*self.options, *self.choices]}
        options = [self.watched_options(group) for group in groups.values() if type(group).__getitem__ is dict.__getitem__]
        self.items: list[Guard] = [*self.surroundings.items, *(Entry(*each) for each in self.entry), *options, *self.held]
        self.items += [Related(each) for each in self.recording.recorder.derived]
        self.always: list[Guard] = []  # what no words tell of
        self.places: list[tuple[int, Guard]] = []
        self.owners: list[int] = []
        listed: list[Word] = []
        for item in self.items:
            found = item.words() if guards.usable else None
            if found is None:
                self.always.append(item)
            else:
                self.owners += [len(self.places)] * len(found)
                self.places.append((len(listed), item))
                listed += found
        self.shared = self.sharing()
        self.native = executable.plan[0] if len(executable.plan) == 1 and isinstance(executable.plan[0], int) else 0
        self.words = guard_words.Words(listed) if guards.usable else None
        self.together: Any = None  # the same, and the program is run
        self.settings = modes.settings.__dict__
        self.writes: list[Any] = []
        self.forgotten = -1  # how many records of writes had gone when these were seen to be there
        self.reach: tuple[list[int], list[int]] | None = None  # where the memory of held arrays begins and ends; None if not known
        self.short: Any = None  # what `shortcut` has given

    def watched_options(self, group: Any) -> Options:
        """Those of a group that are inputs of the program, or that it branches on."""
        inputs = [(key, number) for (g, key), number in zip(self.options, self.numbers, strict=True) if g is group]
        return Options(group, inputs, [(key, answer) for g, key, answer in self.choices if g is group])

    def sharing(self) -> list[int]:
        """Which held arrays lie in the memory of others: for each the number of the first of those that overlap."""
        arrays = map(held, self.holders)
        return overlaps([NOTHING if array is None else array for array in arrays])

    def regular(self) -> bool:
        """Whether arrays share memory as they did, where the program writes to some."""
        return not self.recording.in_place or (all(held(h) is not None for h in self.holders) and self.sharing() == self.shared)

    def recheck(self, index: int) -> bool:
        """Whether what a word tells of is still good, although the word is another one; the new one is expected from now on."""
        start, item = self.places[self.owners[index]]
        if not isinstance(item, guards.Table):  # it may be an array that the program is given, or writes to
            self.writes, self.reach = [], None
        if item.change() is not None:
            return False
        found = item.words()
        if found is None or word_again(found, index - start):
            return False
        for each in (self.words, self.together):
            if each is not None:
                each.put(start, found)
        return True

    def free_contents(self) -> bool:
        """No longer watch the elements of arrays most of which are others now: a recording has shown that the program is the same.

        Only of arrays that the program is given: what Python computes from the others may be the same by chance.
        """
        given = [holder for holder in self.holders if isinstance(holder, np.ndarray)]
        free = [c for c in self.surroundings.contents if not c.looked_at and any(c.array is a for a in given) and c.mostly_new()]
        for content in free:
            content.free = True
        if free and all(item.change() is None for item in self.items):
            self.watch()
            return self.fits()
        for content in free:
            content.free = False
        return False

    def fits(self) -> bool:
        """Whether everything but the arguments is as the program expects it."""
        if modes.settings.__dict__ is not self.settings and not self.modes_fit():
            return False
        for item in self.always:
            if item.change() is not None:
                return False
        if self.words is None:
            return True
        while (index := self.words.go()) >= 0:
            if not self.recheck(index):
                return False
        return True

    def modes_fit(self) -> bool:
        """Whether another thread's modes are those that the program was compiled in."""
        names = guards.Settings.NAMES
        now = modes.settings.__dict__
        return [now[n] for n in names] == next(item.seen for item in self.surroundings.items if isinstance(item, guards.Settings))

    def suits(self, tensors: list[Tensor]) -> bool:
        """Whether these arguments will do, whose layouts are known to be right."""
        if any(tensors[i] is not tensor for i, tensor in self.pinned):
            return False
        if any(id(t) in self.around and i not in self.pinned_numbers for i, t in enumerate(tensors)):
            return False
        if not self.recording.in_place or not tensors:
            return True
        if self.reach is None or self.words is None:
            arrays = map(held, self.holders)
            self.reach = merged(extent(array) for array in arrays if array is not None)
        return lie_apart([extent(t._array) for i, t in enumerate(tensors) if i not in self.pinned_numbers], *self.reach)

    # A run

    def run(self, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """Run the program; what it does beside its results is done when this returns. MISS if something was not as expected."""
        if self.short is not None and (not modes.special or modes.settings.profiler is None):
            return self.short(tensors)
        with self.lock:
            if not self.fits() or (self.reach is None and not self.suits(tensors)):
                return MISS
            if agreement.MODE != "always":
                return self.run_program(tensors, args, kwargs)
        return self.run_both(tensors, args, kwargs)

    def run_both(self, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """What the function gives as usual, after its program was run on copies of the same; RuntimeError if that gives something else."""
        executable, recording, program = self.executable, self.recording, self.program
        state = default_generator.state_array() if self.draws else None
        start = dict(zip(executable.inputs, map(like, self.arrays_for(tensors)), strict=True)) | executable.constants
        if state is not None:
            default_generator.set_state(state)
        copies = [like(start[v]) for v in executable.inputs]
        outputs = executable.run(copies)
        self.runs += not self.drawn
        place = {v.number: i for i, v in enumerate(executable.inputs)}  # by number: of another recording that is like this one, perhaps
        outputs = [o if n not in recording.in_place else copies[place[recording.in_place[n].number]] for n, o in enumerate(outputs)]
        what = {number: what for what, _, number in reversed(recording.after)}
        if self.drawn:
            known = interpreted(program, start)
            wanted = {n: known[v] for n, v in enumerate(program.outputs)}
            result = self.run_program(tensors, args, kwargs)
        else:
            result = self.compiled.function(*args, **kwargs)
            wanted = dict(self.found_as_usual(result, tensors))
        proof.check_run(what, outputs, wanted, program, start)
        return result

    def found_as_usual(self, result: Any, tensors: list[Tensor]) -> Iterator[tuple[int, Array]]:
        """The arrays that a usual run has returned or written, with the numbers of the outputs that they are."""
        found = results_of(self.recording.plan, result, {})
        for what, thing, number in self.recording.after:
            if what == "result":
                yield number, found[number]._array
            elif what == "written":
                yield number, tensors[thing]._array if isinstance(thing, int) else held(thing)
            elif what in ("gradient", "gradient in place"):
                yield number, thing.grad._array

    def arrays_for(self, tensors: list[Tensor]) -> list[Array]:
        """The arrays that the program is given."""
        for i in self.drawn:
            self.numbers[i].fill(read_option(*self.options[i]))
        return [*[tensors[i]._array for i in self.arguments], *map(held, self.holders), *self.numbers, *[draw() for draw in self.draws]]

    def run_executable(self, tensors: list[Tensor]) -> tuple[list[Array], list[Any]]:
        """The arrays that the program is given, and its outputs. Where it is left, the generator of random numbers is as it was."""
        state = default_generator.state_array() if self.draws and (self.executable.expected or self.executable.placement.calls) else None
        arrays = self.arrays_for(tensors)
        try:
            if modes.settings.profiler is None:
                return arrays, self.executable.run(arrays)
            name = f"compiled {getattr(self.compiled.function, '__name__', 'function')}"
            return arrays, timed.run(self.executable, arrays, name, "op")
        except GuardFailed:
            if state is not None:
                default_generator.set_state(state)
            raise

    def run_program(self, tensors: list[Tensor], args: Any, kwargs: Any) -> Any:
        """The same, when everything is as the program expects it."""
        arrays, outputs = self.run_executable(tensors)
        self.runs += 1
        results = self.finish(outputs, tensors)
        if self.gradient is not None:
            parents = tuple(tensors[w]._node if kind == "argument" else w for kind, w in self.recording.parents)
            live = [r for r, needed in zip(results, self.is_live, strict=True) if needed]
            self.gradient.nodes(functools.partial(self.again, args, kwargs, tensors), arrays, outputs, parents, live)
            if modes.settings.profiler is not None:
                timed.saved(modes.settings.profiler, live)
        return rebuilt(self.recording.plan, results)

    def finish(self, outputs: list[Any], tensors: list[Tensor]) -> list[Tensor]:
        """What is done after the program: results are wrapped, gradients put where they belong, writes noted."""
        results: list[Tensor] = []
        made: dict[int, Tensor] = {}
        accumulated = []
        places = [tensors[p]._array if isinstance(p, int) else held(p) for p in self.changed_places]
        for what, thing, number in self.recording.after:
            if what == "result":
                made[number] = self.result(number, outputs[number], tensors)
                results.append(made[number])
            elif what == "gradient":
                thing.grad = made[number] = wrap(in_order(outputs[number], self.orders[number]))
                thing.zeroed = False
            elif what == "shared gradient":
                thing.grad, thing.zeroed = made[number], False
            elif what == "gradient in place":
                if not self.zeroed_before(thing):
                    accumulated.append(thing.grad._array)
                thing.zeroed = False
            elif what == "zeroed":
                thing.zeroed = True
            elif what == "no gradient":
                thing.grad, thing.zeroed = None, False
            elif what == "schedule":
                thing.step()
        if self.changed_places or accumulated:
            note_writes([*places, *accumulated], "a compiled step")
        return results

    def zeroed_before(self, leaf: Leaf) -> bool:
        return next(zeroed for other, _, zeroed in self.entry if other is leaf)

    def result(self, number: int, array: Array, tensors: list[Tensor]) -> Tensor:
        kind, which = self.recording.sources[number]
        if kind == "argument":
            return tensors[which]
        if kind == "held":
            return which
        if kind == "array of argument":
            return wrap(tensors[which]._array)
        if kind == "array of":
            return wrap(which._array)
        laid = in_order(array, self.orders[number])
        out = wrap(array.copy() if self.kept_too[number] and laid is array else laid)
        history = self.nodes[number]
        out._node = None if history is None else history()
        return out

    def happens_once(self) -> bool:
        """Whether running the function once more as usual would give something else than the run, or have other effects."""
        return bool(self.recording.in_place or self.recording.leaves_gradients() or self.drawn or self.draws)

    def again(self, args: Any, kwargs: Any, tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The results, as usual, and the tensors that the parents of their node belong to."""
        if self.happens_once() or self.surroundings.changed() is not None:
            what = "what it finds around it has changed" if self.surroundings.changed() else "it writes to tensors or draws random numbers"
            raise RuntimeError(f"second derivatives of a compiled function are computed by running it again, but {what}")
        found = results_of(self.recording.plan, self.compiled.function(*args, **kwargs), {})
        live = [found[i] for i, needed in enumerate(self.is_live) if needed]
        return live, [tensors[w] if kind == "argument" else w.tensor() for kind, w in self.recording.parents]

    # The short way

    def shortcut(self) -> Callable[..., Any] | None:
        """A function of the tensors among the arguments that does as `run`, written out for this program; None where that cannot be."""
        if self.words is None or not self.native or self.gradient is not None or self.always or self.draws or agreement.MODE == "always":
            return None
        if any(what != "result" and what not in SHORT for what, _, _ in self.recording.after):
            return None
        executable = self.executable
        if any(kind != "new" for kind, _ in self.recording.sources) or executable.placement.twice:
            return None
        if any(isinstance(place, (Leaf, int)) for place in self.changed_places):  # it may be gone when the write is noted, or is given
            return None
        if any(order for number, order in enumerate(self.orders) if number not in self.recording.in_place):
            return None
        if self.brief():
            # As expected now: the table has what was found then. Those of the beginning may come back, when memory is used again.
            self.together = guard_words.Words(self.words.expected(), self.native, executable.address)
        return written_out(self)

    def brief(self) -> bool:
        """Whether the program is so short that Python's other threads can wait for it: by what it reads and writes."""
        alone = self.executable.threads == 1 and not self.drawn
        return alone and self.executable.arena.nbytes < 1 << 18 and sum(v.size for v in self.executable.inputs) < 1 << 15

    def launch(self) -> None:
        """Run the native program, while Python's other threads may run too."""
        for i in self.drawn:
            self.numbers[i].fill(read_option(*self.options[i]))
        self.executable.launch(self.native)


def useful_threads(program: Program, threads: int) -> int:
    """How many threads are of use to a program: one, where no step is large enough to be shared."""
    for instruction in program.instructions:
        values = [instruction.out, *instruction.values()]
        if instruction.operation == "dot":
            operands = instruction.attributes["spec"].split("->")[0].split(",")
            sizes: dict[str, int] = {}
            for names, value in zip(operands, instruction.values(), strict=True):
                sizes |= dict(zip(names, value.shape, strict=True))
            if math.prod(sizes.values()) > SERIAL_PRODUCT:
                return threads
        if any(value.size > SERIAL for value in values):
            return threads
    return 1


def word_again(found: list[Word], index: int) -> bool:
    """Whether a word is not what it was just found to be: then the comparison would never end."""
    address, value = found[index]
    return address >= 0 and guard_words.word_at(address) != value


SHORT = frozenset({"gradient", "shared gradient", "gradient in place", "zeroed", "no gradient", "written", "schedule"})


def written_out(variant: Specialization) -> Callable[..., Any]:
    """The text of a run, as `core/fastpath.py` does it for ops."""
    executable, recording, check = variant.executable, variant.recording, variant.together or variant.words
    assert check is not None
    names: dict[str, Any] = {
        "settings": modes.settings, "mine": variant.settings, "lock": variant.lock, "recheck": variant.recheck,
        "MISS": MISS, "variant": variant, "table": executable.table, "new": object.__new__, "Tensor": Tensor, "clock": modes.clock,
        "graph": graph, "getframe": sys._getframe, "MARK": MARK, "outside": outside, "Origin": Origin, "empty": empty,
        "writes_of": functools.partial(writes_of, variant), "np_empty": np.empty, "rebuilt": rebuilt, "plan": recording.plan,
        "check": check, "go": check.go, "launch": variant.launch, "suits": variant.suits, "GuardFailed": GuardFailed,
        "known": sys.getrefcount,
    }  # fmt: skip
    lines = ["def run(tensors=()):", "    if settings.__dict__ is not mine:", "        return MISS", "    with lock:"]
    arrays: dict[Any, str] = {}
    outputs: dict[int, str] = {}
    for number, root in executable.placement.fresh.items():
        if root not in arrays:
            arrays[root] = f"a{len(arrays)}"
            names[f"shape{number}"], names[f"dtype{number}"] = root.shape, root.dtype
            make = "empty" if root.size * root.dtype.itemsize >= 1 << 16 else "np_empty"
            lines += [f"        {arrays[root]} = {make}(shape{number}, dtype{number})"]
            lines += [f"        table[{executable.placement.slots[root]}] = id({arrays[root]})"]
        shape = executable.program.outputs[number].shape
        outputs[number] = arrays[root] if shape == root.shape else f"{arrays[root]}.reshape({shape!r})"
    lines += [f"        table[{slot}] = id(tensors[{which}]._array)" for slot, which in enumerate(variant.arguments)]
    now = "(check is variant.words or check is variant.together)"  # another thread may have laid out others: these would stay as they are
    lines += ["        while (index := go()) >= 0:", f"            if not recheck(index) or not {now}:", "                return MISS"]
    if variant.arguments:
        lines += ["        if variant.reach is None and not suits(tensors):", "            return MISS"]
    lines += ["        launch()"] * (variant.together is None)
    if executable.expected:
        names["failed"] = executable.failed
        lines += [
            "        if failed[0]:",
            "            failed[0] = 0",
            "            raise GuardFailed" if not variant.takes_nothing else "            return MISS",
        ]
    lines += ["        variant.runs += 1"]
    results, accumulated = [], False
    for what, thing, number in recording.after:
        name = f"leaf{len(names)}"
        names[name] = thing
        if what == "result":
            history, node = variant.nodes[number], "None"
            if history is not None:  # its first node is known by these names too
                names[f"node{number}"], names[f"history{number}"] = history.nodes[0], history
                is_free = f"known(node{number}) <= {UNKNOWN} and node{number}.hooks is None"
                node = f"node{number} if {is_free} else history{number}()"
            lines += [f"        t{number} = new(Tensor)", f"        t{number}._array = {outputs[number]}"]
            lines += [f"        t{number}._node = {node}", f"        t{number}._view = t{number}._cut = None"]
            results.append(f"t{number}")
        elif what == "gradient":
            lines += [f"        {name}.grad = t{number} = new(Tensor)", f"        t{number}._array = {outputs[number]}"]
            lines += [f"        t{number}._node = t{number}._view = t{number}._cut = None", f"        {name}.zeroed = False"]
        elif what == "shared gradient":
            lines += [f"        {name}.grad = t{number}", f"        {name}.zeroed = False"]
        elif what == "gradient in place":
            accumulated = accumulated or not variant.zeroed_before(thing)
            lines += [f"        {name}.zeroed = False"]
        elif what == "zeroed":
            lines += [f"        {name}.zeroed = True"]
        elif what == "no gradient":
            lines += [f"        {name}.grad = None", f"        {name}.zeroed = False"]
        elif what == "schedule":
            lines += [f"        {name}.step()"]
    if variant.changed_places or accumulated:
        lines += NOTE
    kind, *rest = recording.plan
    whole = f"t{rest[0]}" if kind == "tensor" else f"rebuilt(plan, [{', '.join(results)}])"
    lines += [f"    return {whole}"]
    exec(compile("\n".join(lines), "<a compiled function's run>", "exec"), names)
    run: Callable[..., Any] = names["run"]
    run.source = "\n".join(lines)  # type: ignore[attr-defined]
    return run


NOTE = """
        frame = getframe(1)
        if MARK in frame.f_globals:
            frame = outside(frame)
        origin = None if frame is None else Origin(frame.f_code, frame.f_lasti)
        stamp = graph.last_write = next(clock)
        for write in writes_of():
            write.origin, write.what, write.stamp = origin, "a compiled step", stamp
            write.count += 1
""".strip("\n").split("\n")


def writes_of(variant: Specialization) -> list[Any]:
    """The records of writes to the arrays that the program writes to; those of gradients are not held, and may be others' by now."""
    forgotten = graph.forgotten[0]
    if variant.writes and (variant.forgotten == forgotten or all(write.storage() is not None for write in variant.writes)):
        variant.forgotten = forgotten
        return variant.writes
    gradients = [leaf for what, leaf, _ in variant.recording.after if what == "gradient in place" and not variant.zeroed_before(leaf)]
    arrays = [*map(held, variant.changed_places), *(leaf.grad._array for leaf in gradients)]
    owners = [storage_of(array) for array in arrays]
    variant.writes = [graph._writes.get(id(owner)) or graph._first_write(owner) for owner in owners]
    return variant.writes
