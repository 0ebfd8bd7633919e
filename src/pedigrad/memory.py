"""What holds memory: how much what is saved at which line takes, parameters, gradients and other tensors; and what has grown since.

>>> import pedigrad as torch
>>> from pedigrad import memory
>>> before = memory.snapshot()
>>> x = torch.ones(1000, requires_grad=True)
>>> y = x.exp()
>>> memory.snapshot().total - before.total
8000
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .core import meta
from .core.graph import Leaf, Node
from .core.origin import Source, outside
from .core.storage import storage_of
from .core.tensor import Tensor
from .core.traces import parts_of, variables_of
from .profiler.held import BUFFERS, COMPILED, GRADIENTS, PARAMETERS, SAVED, SCRATCH, STATE, TENSORS, Held, Holder, Snapshot, grown
from .profiler.session import profile
from .provenance.facts import Facts, saved_sources

KINDS = ["BUFFERS", "COMPILED", "GRADIENTS", "PARAMETERS", "SAVED", "STATE", "TENSORS"]
__all__ = [*KINDS, "Held", "Holder", "Peak", "Snapshot", "leaks", "peak", "snapshot"]
SETTLED = 2  # steps that are taken before it is looked at what further ones leave behind


class Peak:
    """What was alive when most was, of what a block has made: `snapshot` by line; it prints as that."""

    def __init__(self) -> None:
        self.snapshot = Snapshot({})

    @property
    def total(self) -> int:
        """Bytes."""
        return self.snapshot.total

    def __str__(self) -> str:
        return str(self.snapshot)

    __repr__ = __str__


@contextlib.contextmanager
def peak() -> Iterator[Peak]:
    """Within it, it is looked at what operations make; afterwards the answer has the lines that held most memory at the peak.

    What there was before (parameters, say), and what operations use within themselves, is not counted.

    >>> import pedigrad as torch
    >>> with torch.memory.peak() as found:
    ...     torch.ones(1000, requires_grad=True).exp().sum().backward()
    >>> found.total >= 8000
    True
    """
    found, observed = Peak(), profile(profile_memory=True)
    try:
        with observed:
            yield found
    finally:  # also of a block that ends early
        found.snapshot = observed.memory()


def leaks(step: Callable[[], Any], times: int = 4) -> Snapshot:
    """What each call of `step` leaves behind, by line: calls it some times, and tells what has grown in each but the first two calls.

    An empty table says that memory does not grow. See `snapshot` for what is counted.
    """
    found = []
    for i in range(SETTLED + times):
        step()
        if i >= SETTLED - 1:
            found.append(snapshot())
    return grown(found)


def snapshot() -> Snapshot:
    """What holds memory now: each memory is counted once, for parameters and gradients, else what saved it first, else a tensor on it.

    Nothing is watched beforehand: the objects that are alive are looked at, which takes a while. Arrays that only your own code holds,
    without a tensor, and what optimizers and the compiler keep for themselves beside tensors are not seen.

    What an operation has made goes by its line and module, parameters, buffers and gradients by their module, state of optimizers by its
    name, and other tensors by the variable they are in, if the function that asks, or one of its file that called it, has one.
    """
    gc.collect()
    objects = gc.get_objects()  # by their types: isinstance asks objects for `__class__`, which runs code of those that stand for others
    tensors = [x for x in objects if issubclass(type(x), Tensor) and isinstance(getattr(x, "_array", None), np.ndarray)]
    nodes = sorted((x for x in objects if issubclass(type(x), Node) and x.parents is not None and x.saved), key=lambda node: node.seq)
    optimizers = [x for x in objects if hasattr(type(x), "state_names") and isinstance(getattr(x, "state", None), dict)]
    modules = [x for x in objects if hasattr(type(x), "named_modules") and hasattr(type(x), "named_buffers")]
    counting = Counting(tensors, nodes, optimizers, in_variables() | in_modules(modules), buffers_of(modules))
    counting.programs([x for x in objects if hasattr(type(x), "arena_by_source")])
    return Snapshot(counting.held)


def in_modules(modules: list[Any]) -> dict[int, str]:
    """The modules that parameters and buffers are in, by the tensors' identity."""
    found: dict[int, str] = {}
    inner = {id(child) for module in modules for child in module.children()}
    for root in modules:
        for path, module in root.named_modules() if id(root) not in inner else ():
            name = f"{path} ({type(module).__name__})" if path else type(module).__name__
            own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
            found |= {id(tensor): name.removeprefix("_orig_mod.") for _, tensor in own}
    return found


def buffers_of(modules: list[Any]) -> set[int]:
    """The identities of modules' buffers."""
    return {id(tensor) for module in modules for tensor in module.buffers(recurse=False)}


def in_variables() -> dict[int, str]:
    """The variables that tensors are in, by the tensors' identity: those of the frame that asks, and of its file's that called it."""
    first = frame = outside(sys._getframe(1))
    found: dict[int, str] = {}
    while frame is not None and first is not None and frame.f_globals is first.f_globals:
        for name, value in variables_of(frame):
            if not hasattr(type(value), "named_modules"):
                for _, tensor in parts_of(name, value, Tensor):
                    found.setdefault(id(tensor), name if tensor is value else f"in {name}")
        frame = outside(frame.f_back)
    return found


def of_source(what: str, source: Source) -> Holder:
    """The line and the module that a compiled program's value comes from."""
    line = "" if source.code is None else f"{os.path.basename(source.origin.file)}:{source.origin.line}: {source.origin.text}"
    return Holder(what, line, "" if source.scope is None else str(source.scope))


def state_of(optimizer: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors that an optimizer keeps of its parameters, and how it calls them."""
    for state in list(optimizer.state.values()):
        for name, value in state.items() if isinstance(state, dict) else ():
            if issubclass(type(value), Tensor) and isinstance(getattr(value, "_array", None), np.ndarray):
                yield str(name), value


class Counting:
    """Counts each memory once."""

    def __init__(self, tensors: list[Tensor], nodes: list[Node], optimizers: list[Any], owners: dict[int, str], buffers: set[int]):
        self.known: set[int] = set()
        self.held: dict[Holder, Held] = {}
        self.facts = Facts({}, {})
        leaves = [t for t in tensors if isinstance(t._node, Leaf)]
        for tensor in tensors:
            what = PARAMETERS if type(tensor).__name__ == "Parameter" else BUFFERS if id(tensor) in buffers else TENSORS
            if what != TENSORS or isinstance(tensor._node, Leaf):
                self.add(Holder(what, "", owners.get(id(tensor), "")), tensor._array)
        for leaf in leaves:
            gradient = leaf._node.grad  # type: ignore[union-attr]
            if gradient is not None:
                self.add(Holder(GRADIENTS, "", owners.get(id(leaf), "")), gradient._array)
        for optimizer in optimizers:
            for name, tensor in state_of(optimizer):
                self.add(Holder(STATE, "", f"{type(optimizer).__name__}: {name}"), tensor._array)
        for node in nodes:
            for array, source in saved_sources(node):
                self.add(self.of_node(SAVED, node) if source is None else of_source(SAVED, source), array)
        for tensor in tensors:
            history = tensor._node
            self.add(Holder(TENSORS, "", owners.get(id(tensor), "")) if history is None else self.of_node(TENSORS, history), tensor._array)

    def programs(self, programs: list[Any]) -> None:
        """Count the memory that compiled programs keep for what lies there while they run, by the lines that it comes from."""
        for program in programs:
            for source, nbytes in program.arena_by_source():
                holder = Holder(COMPILED, SCRATCH, "") if source is None else of_source(COMPILED, source)
                before = self.held.get(holder, Held(0, 0))
                self.held[holder] = Held(before.nbytes + nbytes, before.arrays + 1)

    def of_node(self, what: str, node: Node) -> Holder:
        """The line and the module of an operation."""
        place = self.facts.place(node)
        line = "" if place is None else f"{os.path.basename(place.file)}:{place.line}: {place.text}"
        return Holder(what, line, "" if node.scope is None else str(node.scope))

    def add(self, holder: Holder, array: Any) -> None:
        """Count the memory of an array, unless it is counted already."""
        if meta.is_meta(array):
            return
        storage = storage_of(array)
        if id(storage) in self.known:
            return
        self.known.add(id(storage))
        before = self.held.get(holder, Held(0, 0))
        self.held[holder] = Held(before.nbytes + getattr(storage, "nbytes", array.nbytes), before.arrays + 1)
