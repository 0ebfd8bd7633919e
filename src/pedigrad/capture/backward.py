"""The backward pass of a compiled function: a second program, run by one node that stands for the whole function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from ..autograd.engine import Backward
from ..codegen.frontend.record import Recorder
from ..codegen.ir.interpreter import interpreted
from ..codegen.ir.program import Value
from ..codegen.ir.sources import in_order, order_of
from ..codegen.runtime.executable import Executable, GuardFailed, source_of
from ..codegen.schedule import split
from ..core import graph, locks, modes
from ..core.dispatch import output
from ..core.graph import Freed, Leaf, Node, Output
from ..core.lifted import Lifted
from ..core.origin import Origin, Source, located
from ..core.scope import here
from ..core.tensor import Tensor, wrap
from . import agreement
from .explain import timed

Array = np.ndarray[Any, Any]
_new = object.__new__
ALL = -1  # in the place of a result's number: all of them
MOST_ALIVE = 3  # nodes of results that are kept to be used again
UNKNOWN = 3  # references to a node in a list that is gone through, where nobody else has one
MOST_RESULTS = 8  # with gradients that a compiled function may have


class Spent(Node):
    """The history of a result whose backward pass has run within the compiled program."""

    __slots__ = ("named",)
    op = None  # type: ignore[assignment]
    named: str

    def name(self) -> str:
        return self.named

    def backward(self, g: Any, parents: Any, saved: Any) -> Any:
        raise AssertionError("what was freed is refused before")


def spent(array: Array, leaves: tuple[Node, ...], usual: Node | None = None) -> Spent:
    """The node of such a result; `leaves` are what it followed from, `usual` whose name it bears."""
    node = _new(Spent)
    node.named = "CompiledBackward" if usual is None else usual.name()
    node.parents, node.hooks, node.seq, node.shape, node.dtype = leaves, None, next(modes.clock), array.shape, array.dtype
    node.code, node.lasti, node.scope, node.saved = None, 0, None, Freed(Origin(None, 0))
    if usual is not None:
        node.code, node.lasti, node.scope = usual.code, usual.lasti, usual.scope
    return node


def another(like: Spent) -> Spent:
    """A node such as that one."""
    node = _new(Spent)
    node.named, node.parents, node.shape, node.dtype, node.saved = like.named, like.parents, like.shape, like.dtype, like.saved
    node.code, node.lasti, node.scope, node.hooks, node.seq = like.code, like.lasti, like.scope, None, next(modes.clock)
    return node


class Histories:
    """Nodes of a result of spent history, one for each that is alive: hooks on one are not the next one's."""

    __slots__ = ("nodes",)

    def __init__(self, node: Spent):
        self.nodes = [node]

    def __call__(self) -> Spent:
        """A node that no tensor has and nobody else knows."""
        for node in self.nodes:
            if getrefcount(node) <= UNKNOWN and node.hooks is None:
                return node
        node = another(self.nodes[0])
        self.nodes = [*self.nodes[: MOST_ALIVE - 1], node]  # the first one stays
        return node


def is_spent(tensor: Tensor, begin: int) -> bool:
    """Whether a backward pass has freed part of a tensor's history since `begin`."""
    return any(isinstance(node.saved, Freed) and node.seq >= begin for node in history([tensor], ()))


def history(tensors: Sequence[Tensor], ends: Sequence[Any]) -> list[Node]:
    """The nodes that tensors come from, parents first, back to leaves and to the nodes `ends`."""
    stop = {id(end) for end in ends}
    seen: dict[int, Node] = {}
    stack: list[Node | None] = [t._node for t in tensors]
    while stack:
        node = stack.pop()
        if node is not None and node.seq not in seen:
            seen[node.seq] = node
            if id(node) not in stop:
                stack.extend(node.parents)
    return [seen[seq] for seq in sorted(seen)]


class Within(Backward):
    """A backward pass that stays within a function: it ends at leaves and at the arguments' histories."""

    def __init__(self, nodes: list[Node], ends: Sequence[Node], create: bool = False):
        super().__init__(True, create, ends, accumulate=False)
        useful = self.useful = {end.seq for end in ends}
        stop = {id(end) for end in ends}
        for node in nodes:
            if id(node) not in stop and any(p is not None and p.seq in useful for p in node.parents):
                useful.add(node.seq)

    def before(self, node: Node, g: Any) -> Any:
        return g  # hooks on leaves and arguments are run by the pass that the compiled one is a part of

    def captures(self, node: Node, g: Any) -> bool:
        if node.seq in self.wanted:  # type: ignore[operator]
            self.captured[node.seq] = g
            return True
        return isinstance(node, Leaf)


class Gradient:
    """The backward pass of a recorded call, recorded too. `arguments` are the histories of the call's arguments."""

    def __init__(self, recorder: Recorder, results: list[Tensor], arguments: Sequence[Any]):
        program = recorder.program
        self.cut, self.guards_before = len(program.instructions), len(recorder.guards)
        nodes = history(results, arguments)
        given = {id(node) for node in arguments if node is not None}
        # What arrives in a leaf that was made within the function is lost with it.
        self.ends = [n for n in nodes if (isinstance(n, Leaf) and n.seq < recorder.begin) or id(n) in given]
        inside = [n for n in nodes if not isinstance(n, Leaf) and id(n) not in given]
        if any(node.hooks is not None for node in inside):
            raise modes.Untraceable("hooks on tensors within the function are not compiled")
        if any(node.op is None for node in inside if not isinstance(node, Output)):
            raise modes.Untraceable("a backward of the user's own, run outside of the function, is not compiled")
        if any(node.seq < recorder.begin for node in inside):
            raise modes.Untraceable("a tensor is used that was computed before the call and needs a gradient, and is no argument")
        if any(isinstance(n, Leaf) and n.seq >= recorder.begin and n.hooks is not None for n in nodes):
            raise modes.Untraceable("hooks on a leaf that is made within the function are not compiled")
        if len(results) > MOST_RESULTS:
            raise modes.Untraceable(f"the function returns more than {MOST_RESULTS} tensors that need gradients")
        starts = [np.ones_like(tensor._array) for tensor in results]
        self.starts = [program.input(start.shape, start.dtype) for start in starts]
        for start, value in zip(starts, self.starts, strict=True):
            recorder.enter_array(start, value)
        # A result that another one follows from is an end of that one's backward pass: gradients gather there.
        own = [tensor._node for tensor in results]
        self.nested = any(node is not each._node for each in results for node in own if node in history([each], arguments))
        self.whiches = range(len(results)) if self.nested else [ALL, *range(len(results))] if len(results) > 1 else [ALL]
        self.order = sorted(range(len(results)), key=lambda i: own[i].seq)  # type: ignore[union-attr]
        # The gradients of the ends, and of such results, None where none arrives, from all results together and from each alone.
        self.grads: dict[int, list[Value | None]] = {}
        self.recorded: dict[int, list[Array | None]] = {}  # what they were
        self.orders: dict[int, list[tuple[int, ...] | None]] = {}  # how they lay
        self.guards: dict[int, list[tuple[Value, bool]]] = {}  # what each pass branched on
        for which in self.whiches:
            before = len(recorder.guards)
            ends = [*self.ends, *(node for i, node in enumerate(own) if i != which)] if self.nested else self.ends
            run = Within(nodes, ends)  # type: ignore[arg-type]
            for i, (tensor, start) in enumerate(zip(results, starts, strict=True)):
                if which in (ALL, i):
                    run.deposit(tensor._node, start)  # type: ignore[arg-type]
            with modes.recording(recorder):
                run.run()
            grads = [run.captured.get(end.seq) for end in [*self.ends, *(own if self.nested else ())]]  # type: ignore[union-attr]
            self.grads[which] = [None if g is None else recorder.value_of(g) for g in grads]
            self.recorded[which] = grads
            self.orders[which] = [None if g is None else order_of(np.asarray(g)) for g in grads]
            self.guards[which] = recorder.guards[before:]

    def text(self) -> str:
        """What two recordings have in common."""
        return f"{self.cut} {[[v and v.number for v in grads] for grads in self.grads.values()]} {self.order}"


class GradientProgram:
    """The two programs of a function: `forward`, whose last outputs are kept, and that of its backward pass."""

    def __init__(self, gradient: Gradient, recorder: Recorder, written: frozenset[Value]):
        whole = recorder.program
        self.gradient = gradient
        self.backs = {
            which: split.Backward(
                whole, gradient.cut, gradient.starts, [g for g in grads if g is not None], written, [v for v, _ in gradient.guards[which]]
            )
            for which, grads in gradient.grads.items()
        }
        self.kept_values = list(dict.fromkeys(v for back in self.backs.values() for v in back.kept))
        self.computed = [v for v in self.kept_values if v.by is not None]
        self.sources: list[Source | None] = []  # of what nodes save: the lines that it comes from
        inputs = [v for v in whole.inputs if v not in gradient.starts]
        self.guards = recorder.guards[: gradient.guards_before]
        self.forward = split.forward(whole, gradient.cut, inputs, [*whole.outputs, *self.computed], [v for v, _ in self.guards])
        self.recorder = recorder
        self.lock = locks.renewed()  # the program's memory is one thread's at a time
        self.names: defaultdict[int, str] = defaultdict(lambda: "CompiledBackward")  # of the nodes, by the numbers of their results
        self.parts: dict[int, Executable] = {}

    def compile(self, inputs: list[Value], threads: int, strides: dict[Value, tuple[int, ...]]) -> None:
        """Compile the backward pass from all results; `inputs` is the order of the forward program's inputs, some of which have strides."""
        self.threads, self.strides, constants = threads, strides, self.recorder.constants
        order = {value: i for i, value in enumerate(inputs)}
        places = {v: ("input", order[v]) for v in self.kept_values if v in order}
        places |= {v: ("output", i) for i, v in enumerate(self.computed)}
        self.kept_values = [v for v in self.kept_values if v not in constants]
        self.kept = [places[v] for v in self.kept_values]
        self.sources = [source_of(v) for v in self.kept_values]
        self.executable = self.part(self.gradient.whiches[0])

    def part(self, which: int) -> Executable:
        """The program of the backward pass from all results, or from one."""
        if which not in self.parts:
            back, constants = self.backs[which], self.recorder.constants
            known = back.known
            mine = {known[v]: array for v, array in constants.items() if v in known}
            inputs = [known[v] for v in back.kept if v not in constants] + [s for s in back.starts if s is not None]
            expected = [(known[v], answer) for v, answer in self.gradient.guards[which]]
            strides = {known[v]: steps for v, steps in self.strides.items() if v in known}
            self.parts[which] = Executable(back.program, mine, self.threads, expected, strides=strides, inputs=inputs)
        return self.parts[which]

    def run(self, which: int, saved: Any, starts: list[Any]) -> list[Any]:
        """The gradients of the ends from one result, or from all; None where none arrives. GuardFailed as usual."""
        back, kept = self.backs[which], dict(zip(self.kept_values, saved, strict=True))
        arrays = [kept[v] for v in back.kept if v in kept]
        for value, start, used in zip(self.gradient.starts, starts, back.starts, strict=True):
            if used is not None:  # of 0-d arrays rules give NumPy's numbers
                arrays.append(np.require(start, value.dtype, ("C", "A")))
        with self.lock:
            unproven = which not in self.parts and agreement.MODE != "off"
            found = timed.run(self.part(which), arrays, "compiled gradient", "backward")
        if unproven and not self.agrees(which, arrays, found):
            raise GuardFailed  # the function is run as usual instead
        grads, orders = iter(found), self.gradient.orders[which]
        return [None if g is None else in_order(next(grads), order) for g, order in zip(self.gradient.grads[which], orders, strict=True)]

    def agrees(self, which: int, arrays: list[Array], found: list[Array]) -> bool:
        """Whether a backward program that was made when it was first wanted gives what its instructions mean."""
        executable, program = self.parts[which], self.backs[which].program
        given = dict(zip(executable.inputs, arrays, strict=True)) | executable.constants
        known, rounding = interpreted(program, given), agreement.Rounding(program, given)
        pairs = zip(program.outputs, found, strict=True)
        return all(rounding.compared("", one, known[value], value) is None for value, one in pairs)

    def nodes(self, call: Any, arrays: list[Array], outputs: list[Any], parents: tuple[Any, ...], results: list[Tensor]) -> None:
        """Give the results of a run their history: one node for all, or for each its own where some follow from others."""
        if not self.gradient.nested:
            node = self.node(ALL, call, arrays, outputs, parents, results)
            if len(results) == 1:
                results[0]._node = node
            else:
                for i, tensor in enumerate(results):
                    tensor._node = output(node, i, results)
            return
        before: list[Any] = [None] * len(results)
        for i in self.gradient.order:  # parents first
            before[i] = results[i]._node = self.node(i, call, arrays, outputs, (*parents, *before), [results[i]])

    def node(self, which: int, call: Any, arrays: Any, outputs: Any, parents: Any, results: list[Tensor]) -> CompiledBackward:
        """The node of one result, or of all."""
        node = _new(CompiledBackward if len(results) == 1 else CompiledBackwards)
        node.parents, node.hooks, node.seq, node.which = parents, None, next(modes.clock), which
        node.shape, node.dtype = results[0]._array.shape, results[0]._array.dtype
        origin = Origin.here()
        node.code, node.lasti, node.scope = origin.code, origin.lasti, here.get().scope
        first = len(outputs) - len(self.computed)
        node.saved = tuple(arrays[i] if what == "input" else outputs[first + i] for what, i in self.kept)
        node.program, node.call = self, call
        node.named = self.names[which]
        node.borrowed = [arrays[i] for what, i in self.kept if what == "input"]
        node.given = arrays
        return node


class CompiledBackward(Node):
    """One run of a compiled function."""

    __slots__ = ("borrowed", "call", "given", "named", "program", "which")
    op = None  # type: ignore[assignment]
    program: GradientProgram
    which: int  # the number of its result where there are nodes for others, else ALL
    call: Callable[..., Any]  # runs the function as usual, on tensors with a history: for second derivatives
    borrowed: list[Array]  # what the backward pass reads of what the function was given, or found
    given: list[Array]
    named: str

    def name(self) -> str:
        return self.named

    def backward(self, g: Any, parents: Any, saved: Any) -> Any:
        """The gradients of the leaves and arguments."""
        given = g if isinstance(g, list) else [g]
        if self.which != ALL:
            given = [g if i == self.which else None for i in range(len(self.program.gradient.starts))]
        if any(isinstance(each, Tensor) for each in given):
            return self.with_history(given, parents)
        if any(isinstance(each, Lifted) for each in given):  # of a batch of passes, or with tangents: programs have neither
            return self.as_usual(given, parents)
        self.check(self.borrowed)
        used = [i for i, each in enumerate(given) if each is not None]
        total: list[Any] = [None] * len(self.parents)
        try:
            for which in [ALL] if len(used) == len(given) else used:
                grads = self.program.run(which, saved, given)
                total = [t if g is None else g if t is None else t + g for t, g in zip(total, grads, strict=True)]
        except GuardFailed:
            return self.as_usual(given, parents)
        return tuple(total)

    def as_usual(self, given: list[Any], parents: Any) -> tuple[Any, ...]:
        """The gradients as arrays, from a run of the function as usual."""
        starts = [each if each is None or isinstance(each, Lifted) else np.asarray(each) for each in given]
        tensors = self.with_history([None if start is None else wrap(start) for start in starts], parents)
        return tuple(None if t is None else t._array for t in tensors)

    @property
    def saved_sources(self) -> list[Source | None]:
        """The user's lines that what it saved comes from, as the recorded program knows them."""
        return self.program.sources

    def check(self, arrays: list[Array]) -> None:
        """RuntimeError if one of the tensors that the function was given, or found, has been written to since."""
        for array in arrays:
            write = graph.write_to(array)
            if write is not None and write.stamp > self.seq:
                message = (
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"the compiled function called at {self.origin} kept it, {write.what}() wrote to it at {write.origin}"
                )
                raise RuntimeError(located(message))

    def with_history(self, given: list[Any], parents: Any) -> tuple[Any, ...]:
        """The gradients as Tensors that can be differentiated again: the function is run once more, as usual."""
        self.check(self.given)
        with modes.enable_grad():
            results, inputs = self.call()
        others = self.parents[len(inputs) :]
        ends = [None if p is None else t._node for t, p in zip(inputs, self.parents, strict=False)]
        nodes = history(results, [end for end in ends if end is not None])
        if others:  # what follows from other results follows from those that the program has given
            place = {id(result._node): other for result, other in zip(results, others, strict=True) if other is not None}
            for node in nodes:
                node.parents = tuple(place.get(id(p), p) for p in node.parents)
            nodes = history([results[self.which]], [end for end in (*ends, *others) if end is not None])
        wanted = [*ends, *others]
        run = Within(nodes, [end for end in wanted if end is not None], create=True)
        for result, each in zip(results, given, strict=True):
            if each is not None:
                run.enter(each)
                run.deposit(result._node, each)  # type: ignore[arg-type]
        with modes.enable_grad():
            run.run()
        return tuple(None if end is None else run.captured.get(end.seq) for end in wanted)


class CompiledBackwards(CompiledBackward):
    """One run of a function of several results: the backward passes from each of them are independent, so none frees anything."""

    __slots__ = ()
    keeps_arrays = False
