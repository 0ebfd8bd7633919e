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

import gc
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .core import meta
from .core.graph import Leaf, Node
from .core.storage import storage_of
from .core.tensor import Tensor
from .provenance.facts import Facts, saved_arrays
from .provenance.text import count, size

SAVED, PARAMETERS, GRADIENTS, TENSORS = "saved for backward", "parameters", "gradients", "other tensors"
ROWS = 20  # that are printed


class Holder(NamedTuple):
    """What memory is counted for."""

    what: str
    line: str  # file, number and text of the line that made it, where that is known
    module: str


class Held(NamedTuple):
    """How much there is of it."""

    nbytes: int
    arrays: int


class Snapshot:
    """Memory by holder, the largest first; `after - before` is what has changed, and prints as a table."""

    def __init__(self, held: dict[Holder, Held], is_change: bool = False):
        self.held = dict(sorted(held.items(), key=lambda item: -abs(item[1].nbytes)))
        self.is_change = is_change

    @property
    def total(self) -> int:
        """Bytes of all."""
        return sum(held.nbytes for held in self.held.values())

    def __sub__(self, before: Snapshot) -> Snapshot:
        changes = {}
        for holder in (*self.held, *before.held):
            now, then = self.held.get(holder, Held(0, 0)), before.held.get(holder, Held(0, 0))
            if now != then:
                changes[holder] = Held(now.nbytes - then.nbytes, now.arrays - then.arrays)
        return Snapshot(changes, True)

    def of(self, what: str) -> int:
        """Bytes of one kind: "saved for backward", "parameters", "gradients" or "other tensors"."""
        return sum(held.nbytes for holder, held in self.held.items() if holder.what == what)

    def lines(self, most: int | None = ROWS) -> Iterator[str]:
        """The lines of the table."""
        sign = "+" if self.is_change and self.total > 0 else ""
        kinds = [(kind, self.of(kind)) for kind in (SAVED, PARAMETERS, GRADIENTS, TENSORS)]
        said = ", ".join(f"{kind} {signed(n, self.is_change)}" for kind, n in kinds if n)
        yield f"{sign}{signed(self.total, False)}" + (f": {said}" if said else "")
        for holder, held in list(self.held.items())[:most]:
            where = f"{holder.line}  {holder.module}".strip()
            yield f"{signed(held.nbytes, self.is_change):>10}  {count(held.arrays, 'array'):>12}  {holder.what}  {where}".rstrip()
        if most is not None and len(self.held) > most:
            yield f"and {len(self.held) - most} more"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


def signed(n: int, is_change: bool) -> str:
    """Bytes, with a sign where they are a change."""
    return f"{'-' if n < 0 else '+' if is_change else ''}{size(abs(n))}"


def snapshot() -> Snapshot:
    """What holds memory now: each memory is counted once, for parameters and gradients, else what saved it first, else a tensor on it.

    Nothing is watched beforehand: the objects that are alive are looked at, which takes a while. Arrays that only your own code holds,
    without a tensor, and what optimizers and the compiler keep for themselves beside tensors are not seen.
    """
    gc.collect()
    objects = gc.get_objects()
    tensors = [x for x in objects if isinstance(x, Tensor) and isinstance(getattr(x, "_array", None), np.ndarray)]
    nodes = sorted((x for x in objects if isinstance(x, Node) and x.parents is not None and x.saved), key=lambda node: node.seq)
    return Snapshot(Counting(tensors, nodes).held)


class Counting:
    """Counts each memory once."""

    def __init__(self, tensors: list[Tensor], nodes: list[Node]):
        self.known: set[int] = set()
        self.held: dict[Holder, Held] = {}
        self.facts = Facts({}, {})
        leaves = [t for t in tensors if isinstance(t._node, Leaf)]
        for leaf in leaves:
            self.add(Holder(PARAMETERS if type(leaf).__name__ == "Parameter" else TENSORS, "", ""), leaf._array)
        for leaf in leaves:
            gradient = leaf._node.grad  # type: ignore[union-attr]
            if gradient is not None:
                self.add(Holder(GRADIENTS, "", ""), gradient._array)
        for node in nodes:
            for array in saved_arrays(node):
                self.add(self.of_node(SAVED, node), array)
        for tensor in tensors:
            history = tensor._node
            self.add(Holder(TENSORS, "", "") if history is None else self.of_node(TENSORS, history), tensor._array)

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
