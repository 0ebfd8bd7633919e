"""Batches from a worker's process to the loader's: large arrays lie in memory that both have mapped, all else is pickled.

The memory is a file without a name, whose descriptor goes through the connection once: whichever process dies, and however,
nothing is left. A worker writes batch after batch into the same few segments, since fresh pages cost more than the copy does; it
may write into one again when the last array on it is gone on the other side. A program that keeps its batches is given copies
from some number on, so they cost memory but no descriptors.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import tempfile
from multiprocessing import reduction
from typing import Any

import numpy as np

LARGE = 1 << 14  # bytes from which an array goes through shared memory
LENT = 16  # segments of one worker that arrays may lie on at a time
ALIGN = 64
ROUND = 1 << 16


def _file(size: int) -> int:
    """The descriptor of a new file of so many bytes that has no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pedigrad-batch")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size)
    return descriptor


class Sender:
    """The worker's side: `send` writes a message, `freed` says which segments may be written again."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.segments: dict[int, mmap.mmap] = {}
        self.free: set[int] = set()
        self.made = 0

    def freed(self, numbers: list[int]) -> None:
        """Take note of segments that nothing on the other side lies on any more."""
        self.free.update(number for number in numbers if number in self.segments)

    def send(self, message: Any) -> None:
        """Send a message; what it raises while it is pickled leaves the connection as it was."""
        large: list[memoryview] = []

        def in_line(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < LARGE:
                return True
            large.append(raw)
            return False

        body = pickle.dumps(message, protocol=5, buffer_callback=in_line)
        if not large:
            self.connection.send_bytes(pickle.dumps((None, 0, [], (), body)))
            return
        places, end = [], 0
        for raw in large:
            places.append((end, raw.nbytes, raw.readonly))
            end += -(-raw.nbytes // ALIGN) * ALIGN
        number, descriptor, dropped = self._segment(end)
        memory = self.segments[number]
        for raw, (start, size, _) in zip(large, places, strict=True):
            memory[start : start + size] = raw
        new_size = 0 if descriptor is None else len(memory)
        try:
            self.connection.send_bytes(pickle.dumps((number, new_size, places, dropped, body)))
            if descriptor is not None:
                reduction.send_handle(self.connection, descriptor, None)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _segment(self, size: int) -> tuple[int, int | None, tuple[int, ...]]:
        """A segment to write `size` bytes to, its descriptor if it is new, and the ones given up for it."""
        fitting = [number for number in self.free if len(self.segments[number]) >= size]
        if fitting:
            number = min(fitting, key=lambda each: len(self.segments[each]))
            self.free.discard(number)
            return number, None, ()
        dropped = tuple(self.free)  # all are too small
        for number in dropped:
            del self.segments[number]
        self.free.clear()
        rounded = -(-(size + size // 8) // ROUND) * ROUND
        descriptor = _file(rounded)
        self.made += 1
        self.segments[self.made] = mmap.mmap(descriptor, rounded)
        return self.made, descriptor, dropped


class Segment:
    """The loader's side of a segment: the memory, and how many arrays lie on it."""

    def __init__(self, number: int, memory: Any, freed: list[int]) -> None:
        self.number = number
        self.memory = np.frombuffer(memory, np.uint8)
        self.address = self.memory.__array_interface__["data"][0]
        self.freed = freed
        self.lying: list[int] = []  # a token for each array; pop() is one step, whichever threads let arrays go

    def lent(self) -> bool:
        """Whether an array lies on it."""
        return bool(self.lying)

    def give_back(self) -> None:
        """One array less; with the last one, the segment is free."""
        if self.lying.pop() == 0:
            self.freed.append(self.number)


class Piece:
    """A part of a segment that one array lies on: the storage of that array."""

    __slots__ = ("__array_interface__", "__weakref__", "segment")

    def __init__(self, segment: Segment, start: int, size: int, readonly: bool) -> None:
        self.segment = segment
        self.__array_interface__ = {"data": (segment.address + start, readonly), "shape": (size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        self.segment.give_back()


class Receiver:
    """The loader's side: `receive` reads a message, `take_freed` gives the segments that the worker may write again."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.segments: dict[int, Segment] = {}
        self._freed: list[int] = []

    def take_freed(self) -> list[int]:
        """The numbers of segments that became free since the last call."""
        out = []
        with contextlib.suppress(IndexError):
            while True:
                out.append(self._freed.pop())
        return out

    def receive(self) -> Any:
        """The next message. EOFError or OSError if the other side is gone."""
        number, new_size, places, dropped, body = pickle.loads(self.connection.recv_bytes())
        for each in dropped:
            self.segments.pop(each, None)
        if number is None:
            return pickle.loads(body)
        if new_size:
            descriptor = reduction.recv_handle(self.connection)
            try:
                self.segments[number] = Segment(number, mmap.mmap(descriptor, new_size), self._freed)
            finally:
                os.close(descriptor)
        segment = self.segments[number]
        if sum(each.lent() for each in self.segments.values()) >= LENT:
            copies = [segment.memory[start : start + size].tobytes() for start, size, _ in places]
            self._freed.append(number)
            return pickle.loads(body, buffers=[c if p[2] else bytearray(c) for c, p in zip(copies, places, strict=True)])
        segment.lying = list(range(len(places)))
        return pickle.loads(body, buffers=[np.asarray(Piece(segment, *place)) for place in places])
