"""Memory in a profile: what operations made, what of it gradients need, and for how long it was alive.

Arrays are referred to weakly, so that it is known when each goes. What operations use within themselves, what the program had before,
and arrays that only NumPy or an optimizer has made are not seen.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..core import meta
from ..core.graph import Leaf, Node
from ..core.origin import Source
from ..core.profiling import Event, clock
from ..core.storage import storage_of
from ..core.tensor import Tensor
from ..provenance.facts import saved_sources
from .held import COMPILED, GRADIENTS, ROWS, SAVED, SCRATCH, TENSORS, Held, Holder, Snapshot, grown

BACKWARD = (".grad", "AccumulateGrad")  # how the names end of what a backward pass runs


class Entry:
    """One array's memory: how much, who made it and who saved it first, and when: places in the log of changes."""

    __slots__ = ("born", "died", "is_within", "maker", "nbytes", "saved", "saver")

    def __init__(self, nbytes: int, maker: Event | None, born: int, is_within: bool = False):
        self.nbytes, self.maker, self.born = nbytes, maker, born
        self.is_within = is_within  # it is a compiled program's own
        self.saver: Event | None = None
        self.saved: int | None = None
        self.died: int | None = None

    def is_alive(self, at: int) -> bool:
        """Whether it was there after the change `at`."""
        return self.born <= at and (self.died is None or self.died > at)

    def holder(self, at: int) -> Holder:
        """What it was held for then."""
        if self.is_within:
            return Holder(COMPILED, SCRATCH, "") if self.maker is None else holder_of(COMPILED, self.maker)
        if self.saved is not None and self.saved <= at:
            return holder_of(SAVED, self.saver)
        return holder_of(GRADIENTS if self.maker is None or self.maker.kind == "backward" else TENSORS, self.maker)

    def event(self, at: int) -> Event | None:
        """The operation that it was held for then."""
        return self.saver if self.saved is not None and self.saved <= at else self.maker


def event_at(source: Source | None, around: Event | None) -> Event | None:
    """The operation of a compiled program that a value comes from, as an event within `around`, which it is where that is not known."""
    if source is None or around is None:
        return around
    is_backward = around.kind == "backward" or source.endswith(BACKWARD)
    event = Event(source.removesuffix(".grad"), "backward" if is_backward else "op", around, around.thread)
    event.code, event.lasti, event.scope = source.code, source.lasti, source.scope
    return event


def holder_of(what: str, event: Event | None) -> Holder:
    """The line and the module of an operation."""
    if event is None:
        return Holder(what, "", "")
    line = "" if event.code is None else f"{os.path.basename(event.origin.file)}:{event.origin.line}: {event.origin.text}"
    return Holder(what, line, "" if event.scope is None else str(event.scope))


def parts_of(result: Any) -> Iterator[Any]:
    """What an operation has returned, or a loader's batch, without the containers that it is in."""
    if isinstance(result, (tuple, list, dict)):
        for each in result.values() if isinstance(result, dict) else result:
            yield from parts_of(each)
    else:
        yield result


class Alive:
    """What is alive of what was made since it began to look."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.known: dict[int, tuple[Any, Entry]] = {}  # by the storage's identity: it, weakly, and its entry
        self.now = 0  # bytes
        self.log: list[tuple[int, int]] = []  # after each change: the time, and how much there was
        self.marks: list[int] = []  # places in the log at which steps ended

    def made(self, event: Event | None, result: Any) -> None:
        """An operation, or its gradient rule, has returned `result`; without an event it is gradients that arrived in leaves."""
        for each in parts_of(result):
            array = each._held if isinstance(each, Tensor) else each
            if isinstance(each, Tensor) and isinstance(each._node, Node) and not isinstance(each._node, Leaf):
                self.saves(each._node, event)
            if isinstance(array, np.ndarray):
                self.take(array, event)

    def saves(self, node: Node, event: Event | None) -> None:
        """Note what a new node has saved, but for leaves, which are there anyway."""
        node, _ = node.edge()
        leaves = {id(storage_of(p.variable._array)) for p in node.parents if isinstance(p, Leaf) and p.variable is not None}
        for array, source in saved_sources(node):
            if id(storage_of(array)) not in leaves:
                known = self.known.get(id(storage_of(array)))
                saver = event if source is None else known[1].maker if known is not None else event_at(source, event)
                entry = self.take(array, saver)
                if entry is not None and entry.saved is None:
                    entry.saved, entry.saver = min(len(self.log), entry.born if entry.maker is saver else len(self.log)), saver

    def ran(self, event: Event, outputs: list[tuple[Any, Source | None]], arena: list[tuple[Source | None, int]]) -> None:
        """A compiled program has run: its outputs are there, and what lies in its arena was."""
        for array, source in outputs:
            if isinstance(array, np.ndarray):
                entry = self.take(array, event_at(source, event))
                event.memory += 0 if entry is None or entry.maker is event else entry.nbytes
        makers = [(None if source is None else event_at(source, event), nbytes) for source, nbytes in arena if nbytes]
        within = [Entry(nbytes, maker, len(self.log), True) for maker, nbytes in makers]
        self.entries += within
        total = sum(entry.nbytes for entry in within)
        self.change(total)
        for entry in within:
            entry.died = len(self.log)
        self.change(-total)

    def take(self, array: Any, event: Event | None) -> Entry | None:
        """The entry of an array's memory, made if it is new."""
        if meta.is_meta(array):
            return None
        storage = storage_of(array)
        key = id(storage)
        known = self.known.get(key)
        if known is not None:
            return known[1]
        entry = Entry(getattr(storage, "nbytes", array.nbytes), event, len(self.log))
        self.known[key] = (weakref.ref(storage, lambda _, key=key: self.gone(key)), entry)  # type: ignore[misc]
        self.entries.append(entry)
        self.change(entry.nbytes)
        if event is not None:
            event.memory += entry.nbytes
        return entry

    def gone(self, key: int) -> None:
        """Nobody has an array any more."""
        _, entry = self.known.pop(key)
        entry.died = len(self.log)
        self.change(-entry.nbytes)

    def change(self, nbytes: int) -> None:
        """Enter a change into the log."""
        self.now += nbytes
        self.log.append((clock(), self.now))

    def mark(self) -> None:
        """A step has ended."""
        self.marks.append(len(self.log) - 1)

    def end(self) -> None:
        """Look no further."""
        self.known.clear()

    # What was found

    def peak(self) -> tuple[int, int, int]:
        """When the most was alive: the place in the log, the time and the bytes."""
        at = max(range(len(self.log)), key=lambda i: self.log[i][1], default=-1)
        return (at, *self.log[at]) if at >= 0 else (-1, 0, 0)

    def at(self, place: int, title: str = "") -> Snapshot:
        """What was alive after a change, by line."""
        held: dict[Holder, Held] = {}
        for entry in self.entries:
            if entry.is_alive(place):
                holder = entry.holder(place)
                before = held.get(holder, Held(0, 0))
                held[holder] = Held(before.nbytes + entry.nbytes, before.arrays + 1)
        return Snapshot(held, title=title)

    def at_peak(self, base: int = 0) -> Snapshot:
        """What was alive when most was."""
        place, when, _ = self.peak()
        return self.at(place, f"at the peak, {max(when - base, 0) / 1e6:,.1f} ms after the beginning: ")

    def leaks(self) -> Snapshot:
        """What has grown from the end of each step to that of the next."""
        return grown([self.at(place) for place in self.marks])

    def stacks(self, stack_of: Any) -> dict[tuple[str, ...], int]:
        """Bytes at the peak by stack of modules, line and operation."""
        place, _, _ = self.peak()
        found: dict[tuple[str, ...], int] = {}
        for entry in self.entries:
            if entry.is_alive(place):
                event = entry.event(place)
                key = stack_of(event) if event is not None else (SCRATCH,) if entry.is_within else ("gradients",)
                found[key] = found.get(key, 0) + entry.nbytes
        return found

    def course(self, most: int = 4000) -> Iterator[tuple[int, int]]:
        """Times and bytes, of many changes the largest in each of `most` spans."""
        span = -(-len(self.log) // most) or 1
        for i in range(0, len(self.log), span):
            yield max(self.log[i : i + span], key=lambda change: change[1])


def rows_of(snapshot: Snapshot, most: int = ROWS) -> Iterable[tuple[int, str, str, str]]:
    """The first rows of a table: bytes, what, line and module; of more the modules of each line together."""
    snapshot = snapshot.by_line() if len(snapshot) > most else snapshot
    return [(held.nbytes, *holder) for holder, held in list(snapshot.held.items())[:most]]
