"""One recorded call of a function that is to be compiled: its program, where its inputs are found, what it does beside returning.

A recording says in `text` all that two of them must have in common to be of one program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..codegen.frontend.record import Derived, Recorder
from ..codegen.ir.sources import held, layout, order_of
from ..core import dtypes
from ..core.device import device
from ..core.graph import Freed, Leaf
from ..core.history import STRIDED
from ..core.sparse_tensor import strided
from ..core.storage import storage_of
from ..core.tensor import Tensor, refresh, wrap
from .backward import Gradient, history, is_spent
from .environment import Environment
from .guards import PLAIN, PLAINS

Array = np.ndarray[Any, Any]
CONSTANT = (*PLAIN, type, dtypes.dtype, device, np.dtype, np.generic)  # what may be in a result beside tensors


class Same:
    """An object in a key: equal to itself only."""

    __slots__ = ("thing",)

    def __init__(self, thing: Any):
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def flattened(thing: Any, tensors: list[Tensor], others: list[Any], met: list[Any] | None = None) -> Any:
    """A key for what arguments are, with their tensors and objects listed; `met` are the lists and dicts among them so far."""
    met = [] if met is None else met
    if isinstance(thing, Tensor):
        if thing.layout is not strided:
            raise TypeError("a sparse tensor")
        refresh(thing)
        shared = -1  # the number of another tensor on the same array: what a program reads of one it may read of the other
        for i, other in enumerate(tensors):
            if other is thing:
                return ("again", i)
            if other._array is thing._array:
                shared = i
        tensors.append(thing)
        return ("tensor", layout(thing._array), thing._node is not None, type(thing._node) is Leaf, type(thing), shared)
    if type(thing) in (list, dict):
        for i, other in enumerate(met):
            if other is thing:
                return ("again", "container", i)
        met.append(thing)
    if isinstance(thing, (list, tuple)) and not getattr(thing, "__dict__", None):
        return (type(thing), *[flattened(item, tensors, others, met) for item in thing])
    if type(thing) is dict:
        return (dict, *[(key, flattened(value, tensors, others, met)) for key, value in thing.items()])
    if type(thing) in PLAINS or isinstance(thing, np.float64):
        return (type(thing), repr(thing) if isinstance(thing, (float, complex)) else thing)
    others.append(thing)
    return ("object", Same(thing))


def containers(thing: Any) -> list[tuple[Any, list[Any]]]:
    """The lists and dicts in arguments, with what they hold now."""
    found: list[tuple[Any, list[Any]]] = []
    if isinstance(thing, (list, tuple, dict)):
        items = [*thing, *thing.values()] if isinstance(thing, dict) else list(thing)
        if not isinstance(thing, tuple):
            found.append((thing, items))
        for item in items:
            found += containers(item)
    return found


def rebuilt(plan: Any, tensors: list[Any]) -> Any:
    """A result made from its plan and the tensors in it."""
    kind, *rest = plan
    if kind == "tensor":
        return tensors[rest[0]]
    if kind == "number":
        return tensors[rest[0]].item()
    if kind == "plain":
        return rest[0]
    if issubclass(kind, dict):
        return kind((key, rebuilt(value, tensors)) for key, value in rest)
    items = [rebuilt(item, tensors) for item in rest]
    return kind._make(items) if hasattr(kind, "_make") else kind(items)


def results_of(plan: Any, thing: Any, found: dict[int, Tensor]) -> dict[int, Tensor]:
    """The tensors of a result by their numbers in its plan, numbers that were fetched as tensors."""
    kind, *rest = plan
    if kind == "tensor":
        found[rest[0]] = thing
    elif kind == "number":
        found[rest[0]] = wrap(np.asarray(thing))
    elif kind != "plain":
        if issubclass(kind, dict):
            rest, thing = [value for _, value in rest], thing.values()
        for each, item in zip(rest, thing, strict=True):
            results_of(each, item, found)
    return found


def attached(tensor: Tensor) -> Any:
    """The attributes of a tensor, and the hooks on it, by identity."""
    hooks = None if tensor._node is None else tensor._node.hooks
    tables = [] if hooks is None else [hooks.on_gradient, hooks.before, hooks.after, hooks.post_accumulate]
    attributes = [(name, id(value)) for name, value in tensor.__dict__.items()]
    return attributes, [list(map(id, table.values())) for table in tables if table], hooks is not None and hooks.retain is not None


class State:
    """The tensors that a call finds and is given, as they are before it."""

    def __init__(self, given: list[Tensor], surroundings: Environment, arguments: Any):
        self.given = given
        for tensor in surroundings.tensors:
            refresh(tensor)
        self.tensors = [(t, t._array, t._node, attached(t)) for t in (*given, *surroundings.tensors)]
        self.containers = containers(arguments)

    def change(self) -> str | None:
        """What the call has changed otherwise than by writing elements."""
        for tensor, array, node, more in self.tensors:
            refresh(tensor)  # a view's history may follow from that of its base
            if tensor._array is not array:
                return "a tensor that was there before is given another array"
            if tensor._node is not node:
                return "a tensor that was there before is given another history"
            if attached(tensor) != more:
                return "a tensor that was there before is given other attributes, hooks, or a gradient to retain"
        for thing, items in self.containers:
            now = [*thing, *thing.values()] if isinstance(thing, dict) else thing
            if len(now) != len(items) or any(a is not b for a, b in zip(now, items, strict=True)):
                return f"a {type(thing).__name__} among the arguments is changed"
        return None


class Recording:
    """One recorded call."""

    def __init__(self, recorder: Recorder, given: list[Tensor], result: Any, surroundings: Environment, nodes: list[Any]):
        self.recorder, self.given, self.surroundings = recorder, given, surroundings
        self.results: list[Tensor] = []
        self.numbers: dict[int, Tensor] = {}  # what was fetched of tensors, by identity -> tensors of it
        self.plan = self.planned(result)
        if len(self.numbers) < len(recorder.fetched):
            recorder.refuse("item() gives Python numbers that are computed")
        for tensor in self.results:
            try:
                refresh(tensor)  # what it is a view of may have been written to since
            except RuntimeError:  # which the user hears of if anybody looks at its history
                recorder.refuse("the function returns a view whose history a write in place has ended")
        recorder.check_writes()
        self.gradient: Gradient | None = None
        self.nodes = nodes  # the arguments' histories
        self.parents: list[tuple[str, Any]] = []  # of the function's node: arguments by number, leaves that it found
        around = {id(t._node) for t in (*surroundings.tensors, *given)}
        recorder.leaves = {leaf: state for leaf, state in recorder.leaves.items() if id(leaf) in around}  # not what lived in the call
        self.pinned = self.arguments_around()
        if any(t._node is leaf for t in self.others() for leaf in recorder.looked):
            recorder.refuse("the gradient of an argument is looked at")
        looked = {leaf: state for leaf, state in recorder.looked.items() if id(leaf) in around}
        looked |= {leaf: (grad is None, zeroed) for leaf, (grad, zeroed) in recorder.leaves.items()}
        self.entry = [(leaf, none, zeroed) for leaf, (none, zeroed) in looked.items()]
        self.outputs: list[Any] = []
        self.expected: list[Array] = []  # what they were
        self.in_place: dict[int, Any] = {}
        self.after: list[tuple[str, Any, int]] = []  # what is done after a run: with which object and output
        self.sources = [self.source(tensor) for tensor in self.results]
        computed = [t for t, (kind, _) in zip(self.results, self.sources, strict=True) if kind == "new"]
        if any(isinstance(t._node, Leaf) for t in computed):
            recorder.refuse("the function returns a new leaf")
        self.live = [t for t in computed if t._node is not None and not is_spent(t, recorder.begin)]
        spent = [t for t in computed if t._node is not None and is_spent(t, recorder.begin)]
        if any(self.follows(t) for t in spent):
            recorder.refuse("a result follows from another one, which follows from what a backward pass has freed")
        # Of results whose history is freed, the leaves that they followed from.
        self.spent = [self.leaves_of(t, around) if any(t is each for each in spent) else None for t in self.results]
        self.collect()
        self.relate()
        self.orders = [order_of(array) for array in self.expected]  # in which outputs that are new arrays lie
        self.layouts = {v.number: recorder.layouts.get(v) or layout(held(h)) for v, h in recorder.captured.items()}
        self.text = "\n".join([recorder.text(), self.gradient.text() if self.gradient else "", self.summary()])
        recorder.forget()

    def summary(self, name: Callable[[Any], int] = id) -> str:
        """All but the program, in one line; `name` tells objects apart."""
        entry = [(name(leaf), none, zeroed) for leaf, none, zeroed in self.entry]
        after = [(what, name(thing), n) for what, thing, n in self.after]
        sources = [(kind, which if isinstance(which, int) else name(which)) for kind, which in self.sources]
        held_by = [(v.number, name(h)) for v, h in self.recorder.captured.items()]
        choices = [(name(group), key, answer) for group, key, answer in self.recorder.choices]
        outputs = [v.number for v in self.outputs]
        parents = [(kind, which if kind == "argument" else name(which)) for kind, which in self.parents]
        pinned = [(i, name(tensor)) for i, tensor in self.pinned]
        spent = [leaves if leaves is None else tuple(map(name, leaves)) for leaves in self.spent]
        places = self.orders, sorted(self.in_place), [tuple(map(name, each)) for each in self.recorder.derived]
        return repr((self.plan, outputs, entry, after, sources, spent, held_by, choices, parents, pinned, places))

    def leaves_of(self, tensor: Tensor, around: set[int]) -> tuple[Any, ...]:
        """The leaves that a result follows from, but for those that are given anew in each call."""
        given = {id(node) for node in self.nodes}
        nodes = history([tensor], self.nodes)
        return tuple(n for n in nodes if isinstance(n, Leaf) and id(n) in around and id(n) not in given)

    @functools.cached_property
    def likeness(self) -> Any:
        """What recordings of one program on other objects have in common."""
        numbers: dict[int, int] = {}

        def name(thing: Any) -> int:
            return numbers.setdefault(id(thing), len(numbers))

        texts = self.recorder.text(name), self.gradient.text() if self.gradient else "", self.summary(name)
        return texts, [(v.number, self.layouts[v.number]) for v in self.recorder.captured]

    def planned(self, thing: Any) -> Any:
        for number, array in self.recorder.fetched:
            if number is thing:
                return ("number", self.planned(self.numbers.setdefault(id(number), wrap(array)))[1])
        if isinstance(thing, Tensor):
            for i, other in enumerate(self.results):
                if other is thing:
                    return ("tensor", i)
            self.results.append(thing)
            return ("tensor", len(self.results) - 1)
        if isinstance(thing, (list, tuple)):
            return (type(thing), *map(self.planned, thing))
        if isinstance(thing, dict) and type(thing).__init__ is dict.__init__:
            return (type(thing), *((key, self.planned(value)) for key, value in thing.items()))
        if not isinstance(thing, CONSTANT):
            self.recorder.refuse(f"the function returns a {type(thing).__name__}")
        return ("plain", thing)

    def source(self, tensor: Tensor) -> tuple[str, Any]:
        """Where a result comes from: an argument, a tensor that was there before, one on such a tensor's array, or a new one."""
        for i, given in enumerate(self.given):
            if given is tensor:
                return "argument", i
        if any(t is tensor for t in self.surroundings.tensors):
            return "held", tensor
        if type(tensor) is not Tensor or tensor.__dict__:
            self.recorder.refuse(f"the function returns a {type(tensor).__name__} with attributes of its own")
        array, owner = tensor._array, storage_of(tensor._array)
        if self.recorder.is_outside(owner) and id(owner) not in self.recorder.made:
            if tensor._node is None:
                for i, given in enumerate(self.given):
                    if given._array is array:
                        return "array of argument", i
                for each in self.surroundings.tensors:
                    if each._array is array:
                        return "array of", each
            self.recorder.refuse("the function returns a view of a tensor that was there before")
        if any(storage_of(t._array) is owner for t in self.results if t is not tensor):
            self.recorder.refuse("two results share memory")
        if not array.flags.c_contiguous and (
            (tensor._view is not None and tensor._view is not STRIDED) or not array.transpose(order_of(array)).flags.c_contiguous
        ):
            self.recorder.refuse("the function returns a tensor whose elements do not lie in order")
        return "new", None

    def follows(self, tensor: Tensor) -> bool:
        """Whether a result follows from another one in a way of which nothing was freed, whatever was freed elsewhere."""
        others = {id(t._node): t._node for t in self.results if t._node is not None and t._node is not tensor._node}
        nodes = history([tensor], list(others.values()))
        for other in (node for node in nodes if id(node) in others):
            leading = [other]
            for node in nodes:
                if id(node) not in others and any(parent in leading for parent in node.parents):
                    leading.append(node)
            if len(leading) > 1 and not any(isinstance(node.saved, Freed) for node in leading[1:]):
                return True
        return False

    def arguments_around(self) -> list[tuple[int, Tensor]]:
        """Arguments that the function finds around it too, by number: only the same ones will do."""
        storages = {storage for storage, _ in self.surroundings.arrays.values()}
        return [(i, t) for i, t in enumerate(self.given) if id(storage_of(t._array)) in storages]

    def collect(self) -> None:
        """The outputs of the program: results, gradients, what is written in place."""
        recorder, program = self.recorder, self.recorder.program
        try:
            for i, tensor in enumerate(self.results):
                self.outputs.append(recorder.value_of(tensor._array))
                self.expected.append(tensor._array)
                self.after.append(("result", None, i))
            gradients = self.collect_gradients()
            for storage, (_, array, value) in recorder.writes():
                if storage in recorder.made or id(array) in gradients or self.is_gradient(array):
                    continue
                if storage in recorder.apart:  # the other one came later
                    recorder.refuse("a tensor is written to in place, and another one that is on the same memory is read")
                target = recorder.given_as.get(id(array))
                target = target if target in recorder.captured else None
                given = next((i for i, t in enumerate(self.given) if t._array is array), None)
                if target is None and given is None:
                    recorder.refuse("a tensor is written to in place that was reached in a way that the compiler does not watch")
                    continue
                holder = recorder.captured[target] if target is not None else given
                self.in_place[len(self.outputs)] = program.inputs[given] if target is None else target  # type: ignore[index]
                self.after.append(("written", holder, len(self.outputs)))
                self.outputs.append(value)
                self.expected.append(array)
            self.after += [("schedule", schedule, -1) for schedule in recorder.schedules]
            program.outputs = list(self.outputs)
            if self.live and recorder.refused is None:
                self.gradient = Gradient(recorder, self.live, self.nodes)
                numbers = {id(node): i for i, node in enumerate(self.nodes) if node is not None}
                ends = self.gradient.ends
                self.parents = [("argument", numbers[id(n)]) if id(n) in numbers else ("leaf", n) for n in ends]
        except Exception as why:  # a backward pass that cannot be run is the user's to try
            recorder.refuse(str(why))

    def others(self) -> list[Tensor]:
        """The arguments in whose place other tensors may come."""
        pinned = {i for i, _ in self.pinned}
        return [t for i, t in enumerate(self.given) if i not in pinned]

    def collect_gradients(self) -> set[int]:
        """The gradients that the call gave to leaves; returns the identities of their arrays."""
        recorder, program = self.recorder, self.recorder.program
        arrays = set()
        made = {id(t): (i, t._array) for i, t in enumerate(self.results)}  # tensors by identity -> the outputs that they are
        for leaf, (grad, _) in recorder.leaves.items():
            if any(t._node is leaf for t in self.others()):
                recorder.refuse("a gradient arrives in an argument")
            if leaf.grad is None or leaf.zeroed:
                self.after.append(("zeroed" if leaf.grad is not None else "no gradient", leaf, 0))
                continue
            if leaf.grad._node is not None:
                recorder.refuse("a gradient has a history")
            if recorder.is_outside(storage_of(leaf.grad._array)) and (grad is None or leaf.grad is not grad()):
                recorder.refuse("a tensor that was there before becomes a gradient")
            arrays.add(id(leaf.grad._array))
            kept = grad is not None and leaf.grad is grad()
            if id(leaf.grad) in made and not kept:
                self.after.append(("shared gradient", leaf, made[id(leaf.grad)][0]))
                continue
            if any(storage_of(array) is storage_of(leaf.grad._array) for _, array in made.values()):
                recorder.refuse("a gradient lies in the memory of another one, or of a result")
            made[id(leaf.grad)] = len(self.outputs), leaf.grad._array
            value = recorder.value_of(leaf.grad._array)
            if kept:
                target = next((v for v, holder in recorder.captured.items() if holder is leaf), None)
                if target is None:
                    target = program.input(value.shape, value.dtype)
                    recorder.captured[target] = leaf
                self.in_place[len(self.outputs)] = target
            self.after.append(("gradient in place" if kept else "gradient", leaf, len(self.outputs)))
            self.outputs.append(value)
            self.expected.append(leaf.grad._array)
        return arrays

    def is_gradient(self, array: Array) -> bool:
        return any(leaf.grad is not None and leaf.grad._array is array for leaf in self.recorder.leaves)

    def relate(self) -> None:
        """Tensors around the function that are on the array of what the program is given, or of a part of it, must stay so."""
        recorder = self.recorder
        shown = [holder for holder, _ in recorder.derived]
        holders: dict[int, Any] = {id(held(h)): h for h in [*shown, *recorder.captured.values(), *self.given]}
        for tensor in self.surroundings.tensors:
            holder = holders.get(id(tensor._array))
            if holder is not None and holder is not tensor and not isinstance(holder, Leaf):
                recorder.derived.append(Derived(tensor, holder))

    def leaves_gradients(self) -> bool:
        """Whether gradients of leaves are changed."""
        return any(what not in ("result", "written") for what, _, _ in self.after)

    def settle(self) -> None:
        """Let go of what a program made of this would have been proven by."""
        self.expected, self.recorder.snapshots = [], None
        if self.gradient is not None:
            self.gradient.recorded.clear()

    def forget(self) -> None:
        """Let go of the arrays of the recorded call."""
        self.results.clear()
        self.live.clear()
        self.given = []
        self.nodes = []

    def agrees(self, other: Recording) -> bool:
        """Whether another recording is of the same program."""
        return self.text == other.text and self.has_constants_of(other)

    def is_like(self, other: Recording) -> bool:
        """Whether another recording is of the same program on other objects of the same layout."""
        return self.likeness == other.likeness and self.has_constants_of(other)

    def has_constants_of(self, other: Recording) -> bool:
        mine, theirs = self.recorder.constants, other.recorder.constants
        if len(mine) != len(theirs):
            return False
        arrays = zip(mine.values(), theirs.values(), strict=True)
        return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in arrays)

    def difference(self, other: Recording) -> str:
        """The first thing in which two recordings differ, with the user's line."""
        for mine, theirs in zip(self.text.split("\n")[:-1], other.text.split("\n")[:-1], strict=False):
            if mine != theirs:
                return f"{mine.strip()!r} was {theirs.strip()!r} before"
        return "one has more operations than the other, finds other tensors, or an array made in it has other elements"
