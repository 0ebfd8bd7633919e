"""Recording: a trace that follows a program of Tensors while it runs as usual.

Tensors keep real arrays. Whatever computes on arrays (the forward of an op, a gradient rule, an optimizer's update) is run through
`Recorder.run`, which puts Tracers in the place of those it knows, by their identity. An array that it meets for the first
time is an input if it is among those the program may find (`watched`); any other was made by code that cannot be followed. Writes in place
are functional in the program: a storage has the value last written to it.

A recorder never raises: when it meets what it cannot follow it notes why in `refused` and lets the program run on without it.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import modes
from ...core.origin import Origin, Source, outside
from ...core.scope import here
from ...core.storage import storage_of
from ..ir.program import Instruction, Value
from ..ir.sources import SEEDS, held, layout, read_option
from . import regions
from .rules import cast, expanded, reshaped
from .rules_index import index_values  # noqa: F401  (both parts of the vocabulary)
from .trace import Hole, Number, Trace, Tracer, Untraceable, compiled_dtype

Array = np.ndarray[Any, Any]


class Root(NamedTuple):
    """What a program knows of a storage: an array on it, whose value tells what all arrays on it are."""

    time: int  # of the last write; -1: there was none
    array: Array
    value: Value


class Derived(NamedTuple):
    """An array that is not given to the program, since it is a view of one that is."""

    holder: Any
    of: Any  # what holds the other one


def sourced(name: str) -> Source:
    """The name of what runs, with the user's line and the module, unless it says them itself."""
    if isinstance(name, Source):
        return name
    frame = outside(sys._getframe(1))
    return Source(name, None if frame is None else frame.f_code, 0 if frame is None else frame.f_lasti, here.get().scope)


class Recorder(Trace):
    """Follows one run of a program on the arrays of the tensors `given`.

    `watched` maps the identity of an array to that of its storage and to what holds it. With `keep` there are copies of the inputs.
    Random numbers are made in the program, others than the usual ones; where it `draws_as_usual`, it is given those of the generator.
    """

    def __init__(self, given: Sequence[Any], watched: dict[int, tuple[int, Any]], keep: bool = False, draws_as_usual: bool = False):
        super().__init__()
        self.watched, self.given = watched, given
        self.snapshots: dict[Value, Array] | None = {} if keep else None  # what the inputs were
        self.outside: dict[int, Any] = {}  # storages that were there before; weakly, since `Leaf.zero` looks who holds a gradient's
        self.holders: dict[int, list[Any]] = {}  # what holds the arrays on a storage that was there before
        for holder in (*given, *(holder for _, holder in watched.values())):
            self.from_outside(holder)
        self.refused: str | None = None
        self.known_arrays: dict[int, tuple[Array, Value]] = {}
        self.stamps: dict[int, int] = {}  # when an array's value was entered
        self.entered: list[int] = []  # the arrays, in order
        self.roots: dict[int, list[Root]] = {}  # by the identity of the storage; they have no memory in common, or it is `apart`
        self.layouts: dict[Value, Any] = {}  # of inputs, when the program began
        self.given_as: dict[int, Value] = {}  # arrays by identity -> the inputs that they are
        self.captured: dict[Value, Any] = {}  # inputs found in the program's surroundings -> what holds them
        self.derived: list[Derived] = []
        self.apart: set[int] = set()  # storages of which several roots show the same elements
        self.options: dict[Value, tuple[dict[str, Any], Any]] = {}  # inputs that are numbers: the group and the option
        self.choices: list[tuple[dict[str, Any], Any, bool]] = []  # whether an option was zero, which Python branched on
        self.idle: list[dict[str, Any]] = []  # groups of optimizers that took a step in which none of their parameters had a gradient
        self.schedules: list[Any] = []  # of learning rates, which took a step
        self.leaves: dict[Any, Any] = {}  # leaves whose gradients were touched -> how they were before
        self.looked: dict[Any, tuple[bool, bool]] = {}  # those that were looked at -> whether there was none, or a zeroed one
        self.made: set[int] = set()  # storages that the program made itself
        self.announced: set[int] = set()  # those of constants
        self.written_by: list[tuple[Array, str]] = []  # what was written to, and what said so
        self.keep: list[Any] = []
        self.time = 0
        self.streams = 0  # of random numbers
        self.draws_as_usual = draws_as_usual
        self.drawing: functools.partial[Array] | None = None  # how a generator draws what it is about to give
        self.draws: dict[Value, functools.partial[Array]] = {}  # inputs that are drawn anew for each run
        self.fetch_number: Callable[[Any, Array], Any] | None = (
            None  # the number of a frame that only gives it back, see `capture/fetched.py`
        )
        self.fetched: list[tuple[Any, Array]] = []  # such numbers, and what they are the elements of
        self.nested = 0
        self.begin = next(modes.clock)  # nodes that are older belong to the function's surroundings
        for holder in given:
            self.enter_input(held(holder), self.program.input(held(holder).shape, held(holder).dtype))

    def from_outside(self, holder: Any) -> None:
        """The storage of an array was there before the program ran."""
        array = held(holder)
        if array is not None:
            owner = storage_of(array)
            self.outside[id(owner)] = weakref.ref(owner)
            self.holders.setdefault(id(owner), []).append(holder)

    def is_outside(self, owner: Any) -> bool:
        """Whether a storage was there before, and is not a new one in the place of one that died."""
        found = self.outside.get(id(owner))
        return found is not None and found() is owner

    def refuse(self, why: str, origin: Origin | None = None) -> None:
        """Give up, for a reason that the user is told."""
        if self.refused is None:
            self.refused = f"{why}, at {origin or Origin.here()}"

    # Arrays

    def enter_array(self, array: Array, value: Value) -> None:
        """From now on `value` stands for `array`."""
        self.time += 1
        self.known_arrays[id(array)] = (array, value)
        self.stamps[id(array)] = self.time
        self.entered.append(id(array))
        storage = storage_of(array)
        if self.root_of(array, storage) is None:
            self.add_root(array, storage, value)

    def add_root(self, array: Array, storage: Any, value: Value) -> None:
        """A further array that tells of its part of a storage."""
        roots = self.roots.setdefault(id(storage), [])
        if any(regions.shares(root.array, array) for root in roots):
            self.apart.add(id(storage))
        roots.append(Root(-1, array, value))

    def root_of(self, array: Array, storage: Any) -> Root | None:
        """What tells of an array's part of a storage."""
        for root in self.roots.get(id(storage), ()):
            if root.array is array or regions.within(root.array, array):
                return root
        return None

    def enter_input(self, array: Array, value: Value) -> None:
        """`array` is given to the program: a copy of it tells later what it was."""
        storage = storage_of(array)
        if (root := self.root_of(array, storage)) is not None:
            self.apart.add(id(storage))
            if root.array is not array:
                self.add_root(array, storage, value)
        self.keep.append(storage)
        self.enter_array(array, value)
        self.layouts[value] = layout(array)
        self.given_as[id(array)] = value
        if self.snapshots is not None:
            self.snapshots[value] = regions.like(array)

    def value_of(self, array: Array) -> Value:
        """The value that stands for what is in `array` now."""
        storage = storage_of(array)
        root, entry = self.root_of(array, storage), self.known_arrays.get(id(array))
        if entry is not None and (root is None or root.time <= self.stamps[id(array)]):
            return entry[1]
        if root is not None and root.time >= 0:
            shown = regions.shown(self, root.array, root.value, array)
            if shown is None:
                raise Untraceable("part of a tensor is written to in place and another part is read")
            value = shown
            if self.is_watched(array):
                self.derive(array, storage, root)
        elif self.is_watched(array):
            return self.found_outside(array, storage, self.watched[id(array)][1])
        elif (
            storage is not array
            and id(storage) in self.watched
            and held(self.watched[id(storage)][1]) is storage
            and array.flags.c_contiguous
            and storage.flags.c_contiguous
            and array.size == storage.size
        ):
            value = reshaped(self, self.value_of(storage), array.shape)
        else:
            value = self.constant_array(array)
        self.enter_array(array, value)
        return value

    def found_outside(self, array: Array, storage: Any, holder: Any) -> Value:
        """The value of an array that was there before: an input, or a view of another one that is."""
        others = self.holders.get(id(storage), ())
        if len(others) > 1:
            root = self.root_of(array, storage)
            if root is None:
                largest = max(others, key=lambda each: -1 if held(each) is None else regions.extent_size(held(each)))
                if not regions.is_same(held(largest), array) and regions.covers(held(largest), array):
                    self.found_outside(held(largest), storage, largest)
                    root = self.root_of(array, storage)
            shown = None if root is None else regions.shown(self, root.array, root.value, array)
            if shown is not None and root is not None:
                self.derive(array, storage, root)
                self.enter_array(array, shown)
                return shown
        value = self.program.input(array.shape, array.dtype)
        self.captured[value] = holder
        self.enter_input(array, value)
        return value

    def is_watched(self, array: Array) -> bool:
        """Whether an array is that of something around the function."""
        return id(array) in self.watched and held(self.watched[id(array)][1]) is array

    def derive(self, array: Array, storage: Any, root: Root) -> None:
        """Note that something around the function shows a part of another: it may no longer do so in a later run."""
        holder, others = self.watched[id(array)][1], self.holders.get(id(storage), ())
        of = next((each for each in others if held(each) is root.array), None)
        if of is None:
            raise Untraceable("a tensor is given another array")
        if of is not holder:
            self.derived.append(Derived(holder, of))

    def constant_array(self, array: Array) -> Value:
        """An array that was made without being seen, by an op on the way or by what says so (`announce`); any other may hang on inputs."""
        storage = storage_of(array)
        seen = id(storage) in self.made or self.is_outside(storage)
        if id(storage) in self.announced or (self.nested and not seen):
            return self.constant(array)
        raise Untraceable("a tensor was made by code that the compiler cannot follow")

    def announce(self, array: Array) -> None:
        """This array follows from plain numbers, shapes and dtypes: each run would make it again."""
        owner = storage_of(array)
        if id(owner) not in self.made and not self.is_outside(owner):  # else it has been computed, or drawn, or was there before
            self.announced.add(id(owner))
            self.own(array)

    def write(self, array: Array, new: Any) -> None:
        """Note that `array` was given a new content: an array of known value, or a number."""
        if self.refused is not None:
            return
        try:
            value = (
                new.value
                if isinstance(new, Tracer)
                else self.value_of(new)
                if isinstance(new, np.ndarray)
                else self.constant(np.asarray(new))
            )
            value = expanded(self, cast(self, value, array.dtype), array.shape)
            storage = storage_of(array)
            if not regions.is_once(array):
                raise Untraceable("a tensor is written to in place that shows elements several times")
            if id(storage) not in self.made:
                self.value_of(array)  # what is written to is an input too
            root = self.root_of(array, storage)
            if id(storage) in self.apart:
                raise Untraceable("a tensor is written to in place, and another one that is on the same memory is read")
            whole = None if root is None else regions.written(self, root.array, root.value, array, value)
            if root is None or whole is None:
                raise Untraceable("part of a tensor is written to in place")
            self.time += 1
            new = Root(self.time, root.array, whole)
            self.roots[id(storage)] = [new if each is root else each for each in self.roots[id(storage)]]
            self.keep.append(storage)
            self.enter_array(array, value)
        except Untraceable as why:
            self.refuse(str(why))

    def found(self, array: Array) -> Tracer:
        return self.tracer(array, self.value_of(array))

    def noted(self, array: Array, what: str) -> None:
        """Somebody says that an array was written to: the recorder must have seen it when the program ends."""
        self.written_by.append((array, what))

    def check_writes(self) -> None:
        """Refuse a program in which something was written to out of sight."""
        for array, what in self.written_by:
            root = self.root_of(array, storage_of(array))
            if root is None or root.time < 0:
                self.refuse(f"{what} writes to a tensor in a way that the compiler cannot follow")

    def writes(self) -> list[tuple[int, Root]]:
        """The storages that were written to."""
        return [(storage, root) for storage, roots in self.roots.items() for root in roots if root.time >= 0]

    def known(self, x: Tracer, kind: type) -> Any:
        if isinstance(x, Number) and x.value in self.options and kind is bool:
            group, key = self.options[x.value]
            self.choices.append((group, key, bool(x.number)))
            return bool(x.number)
        return super().known(x, kind)

    def value(self, x: Any) -> Value:
        if isinstance(x, np.ndarray):
            return self.value_of(x)
        return super().value(x)

    def relaid(self, array: Array, other: Array) -> Array:
        """Note that `other` has the elements of `array`, in another order in memory; returns it."""
        if other is not array and self.refused is None:
            try:
                self.enter_array(other, self.value_of(array))
                self.own(other)
            except Untraceable as why:
                self.refuse(str(why))
        return other

    # Running

    def traced_of(self, x: Any) -> Any:
        """The same with Tracers in the place of arrays."""
        if isinstance(x, np.ndarray):
            if x.dtype.kind not in "biuf" and not compiled_dtype(x.dtype):
                raise Untraceable(f"tensors of dtype {x.dtype.name} are not compiled")
            return self.tracer(x, self.value_of(x))
        if isinstance(x, (list, tuple)):
            items = [self.traced_of(item) for item in x]
            return items if isinstance(x, list) else tuple(items) if type(x) is tuple else type(x)(*items)
        return x

    def arrays_of(self, x: Any) -> Any:
        """The same with arrays in the place of Tracer ones, whose values are remembered."""
        if isinstance(x, Tracer):
            array = x.array
            if id(array) not in self.known_arrays or self.known_arrays[id(array)][1] is not x.value:
                if id(array) in self.known_arrays:
                    array = array.view()  # one array cannot stand for two values
                self.enter_array(array, x.value)
            self.own(array)
            if not array.flags.writeable and array.base is not None:  # such as NumPy's diagonals, which ours are not
                with contextlib.suppress(ValueError):
                    array.flags.writeable = True
            return array
        if isinstance(x, np.ndarray):
            self.announce(x)
            return x
        if isinstance(x, np.generic):
            return np.asarray(x)
        if isinstance(x, (list, tuple)):
            items = [self.arrays_of(item) for item in x]
            return items if isinstance(x, list) else tuple(items) if type(x) is tuple else type(x)(*items)
        return x

    def own(self, array: Array) -> None:
        """The program made this array, unless it is a view of one that was there before."""
        owner = storage_of(array)
        if not self.is_outside(owner):
            self.made.add(id(owner))
            self.keep.append(owner)

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], origin: Any = None, whole: Callable[..., Any] | None = None) -> Any:
        """What `function` returns for arrays, entered into the program; `whole` is what a `call` to it would be."""
        if self.refused is not None:
            return function(*args)
        before, count, entered = self.origin, len(self.program.instructions), len(self.entered)
        guards = len(self.guards)
        try:
            traced = self.traced_of(args)
        except Untraceable as why:
            self.refuse(str(why))
            return function(*args)
        self.origin = before if origin is None else sourced(origin)
        self.nested += 1
        try:
            return self.arrays_of(function(*traced))
        except Exception as why:  # NumPy turns Untraceable into errors of its own; a real error is raised again below
            self.undo(count, guards, entered)
            if whole is None or isinstance(why, modes.ShapedByValues):
                self.refuse(str(why))
                return function(*args)
            return self.run_whole(whole, args, str(why))
        finally:
            self.origin = before
            self.nested -= 1

    @contextlib.contextmanager
    def within(self) -> Iterator[None]:
        """Code is run that has no arrays of the program in its hands, but Tensors and lifted ones: others are constants that it makes."""
        self.nested += 1
        try:
            yield
        finally:
            self.nested -= 1

    def undo(self, instructions: int, guards: int, entered: int) -> None:
        """Take out what was entered since there were so many instructions, guards and arrays."""
        gone = {instruction.out for instruction in self.program.instructions[instructions:]}
        for array in self.entered[entered:]:
            if array in self.known_arrays and self.known_arrays[array][1] in gone:
                del self.known_arrays[array]
        self.roots = {storage: [root for root in roots if root.value not in gone] for storage, roots in self.roots.items()}
        del self.program.instructions[instructions:], self.guards[guards:], self.entered[entered:]

    def run_whole(self, function: Callable[..., Any], args: tuple[Any, ...], why: str) -> Any:
        """Enter a call of `function` as it is."""
        values: list[Value] = []

        def template(x: Any) -> Any:
            if isinstance(x, np.ndarray):
                values.append(self.value_of(x))
                return Hole(len(values) - 1)
            if isinstance(x, (list, tuple)):
                return type(x)(map(template, x)) if type(x) in (list, tuple) else type(x)(*map(template, x))
            return x

        try:
            plan: Any = (template(args), {})
        except Untraceable as reason:
            self.refuse(str(reason))
            return function(*args)
        result = function(*args)
        several = isinstance(result, (tuple, list))
        group = object()
        for index, array in enumerate(result if several else (result,)):
            if array is None:
                continue
            array = np.asarray(array)
            if array.dtype == object:
                self.refuse(f"{getattr(function, '__name__', 'a function')}() returns what is no array")
                return result
            out = self.emit("call", values, array, function=function, plan=plan, group=group, index=index, several=several)
            assert out.by is not None
            out.by.attributes["why"] = why
            self.enter_array(array, out)
            self.own(array)
        return result

    # Numbers

    def number(self, x: Tracer | Array) -> Number:
        """The number in an array of one element, such as a count of steps."""
        array, value = (x.array, x.value) if isinstance(x, Tracer) else (x, self.value_of(x))
        return Number(self, array.item(), cast(self, reshaped(self, value, ()), np.dtype(np.float64)))

    def option(self, group: dict[str, Any], key: Any) -> Number:
        """An option of an optimizer that is a number, as an input."""
        for value, (other, name) in self.options.items():
            if other is group and name == key:
                return Number(self, read_option(group, key), value)
        number, value = read_option(group, key), self.program.input((), np.float64)
        self.options[value] = (group, key)
        if self.snapshots is not None:
            self.snapshots[value] = np.array(number)
        return Number(self, number, value)

    # Random numbers

    def random(self, array: Array, make: Callable[[Tracer], Any]) -> Array:
        """Note that `array` is random: in compiled runs `make` gives its values from uniform numbers in [0, 1) of its shape."""
        if self.refused is not None:
            return array
        if self.draws_as_usual and self.drawing is not None:
            value = self.program.input(array.shape, array.dtype)
            self.draws[value] = self.drawing
            if self.snapshots is not None:
                self.snapshots[value] = array.copy()
            self.enter_array(array, value)
            self.own(array)
            return array
        try:
            uniform = make(self.uniform(array.shape))
            value = cast(self, uniform.value, array.dtype)
        except Untraceable as why:
            self.refuse(str(why))
            return array
        self.enter_array(array, value)
        self.own(array)
        return array

    def uniform(self, shape: tuple[int, ...]) -> Tracer:
        """New uniform numbers: a counter-based generator, so that any thread can compute any of them."""
        self.streams += 1
        seed = next((v for v, (group, _) in self.options.items() if group is SEEDS), None)
        if seed is None:
            seed = self.program.input((), np.float64)
            self.options[seed] = (SEEDS, "seed")
        size = int(np.prod(shape, dtype=np.int64))
        count = reshaped(self, self.emitted("iota", (), (size,), np.dtype(np.int64)), shape)
        value = self.emitted("philox", (cast(self, seed, np.dtype(np.int64)), count, self.streams), shape, np.dtype(np.float32))
        return self.tracer(np.full(shape, 0.5, np.float32), value)

    # What the program reads

    def read(self, array: Array, what: str) -> None:
        """Python is given the elements of an array: right in later runs only if they are not computed."""
        if self.refused is None:
            self.refuse(f"{what} gives Python numbers that are computed")

    def fetch(self, array: Array) -> Any:
        """A number that the function only gives back; None where it may do something else with it, or is not recorded."""
        frame = outside(sys._getframe(1))
        if self.refused is not None or self.fetch_number is None or frame is None:
            return None
        number = self.fetch_number(frame, array)
        copy = None if number is None else self.run(np.copy, (array,))
        if copy is None or self.refused is not None:
            return None
        self.fetched.append((number, copy))
        return number

    def branch(self, array: Array) -> None:
        """Python branches on the truth of an array's only element."""
        if self.refused is None:
            try:
                value = self.value_of(array)
            except Untraceable as why:
                return self.refuse(str(why))
            if value.dtype.kind != "b":
                value = self.emitted("ne", (value, 0), value.shape, np.dtype(bool))
            self.guards.append((reshaped(self, value, ()), bool(array.item())))
        return None

    def touch(self, leaf: Any) -> None:
        """A leaf's gradient is about to be changed."""
        if leaf not in self.leaves:  # without holding the gradient: `Leaf.zero` looks whether anybody does
            self.leaves[leaf] = (None if leaf.grad is None else weakref.ref(leaf.grad), leaf.zeroed)

    def look(self, leaf: Any) -> None:
        """Somebody looks at a leaf's gradient, perhaps only whether it has one."""
        if leaf not in self.leaves:
            self.looked.setdefault(leaf, (leaf.grad is None, leaf.zeroed))

    def forget(self) -> None:
        """Let go of the arrays of the recorded run: `Leaf.zero` looks whether anybody holds a gradient's."""
        self.known_arrays.clear()
        self.entered.clear()
        self.roots.clear()
        self.written_by.clear()
        self.given = []
        self.keep.clear()

    # Comparison

    def text(self, name: Callable[[Any], int] = id) -> str:
        """What two recordings of one program have in common; `name` tells objects apart."""
        lines = [str(self.program.inputs), str(self.guards), str([(name(g), k) for g, k in self.options.values()])]
        lines += [f"{value} {draw.func.__qualname__}{draw.args[1:]}{draw.keywords}" for value, draw in self.draws.items()]
        for instruction in self.program.instructions:
            attributes = {k: v for k, v in instruction.attributes.items() if k != "group"}
            lines.append(str(Instruction.__repr__(copy_without(instruction, attributes))))
        return "\n".join(lines)


def copy_without(instruction: Instruction, attributes: dict[str, Any]) -> Instruction:
    """The instruction with other attributes."""
    other = copy.copy(instruction)
    other.attributes = attributes
    return other


__all__ = ["Recorder"]
