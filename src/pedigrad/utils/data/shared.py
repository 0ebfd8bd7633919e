"""Batches from a worker's process to the loader's: large arrays lie in memory that both have mapped, all else is pickled.

The memory is a file without a name, whose descriptor goes through the connection once: whichever process dies, and however,
nothing is left. A worker makes batch after batch in the same few segments, since fresh pages cost more than a copy does; it
may write into one again when the last array on it is gone on both sides. A program that keeps its batches is given copies
from some number on, so they cost memory but no descriptors.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import mmap
import os
import pickle
import tempfile
from collections.abc import Callable
from multiprocessing import reduction
from typing import Any

import numpy as np

LARGE = 1 << 14  # bytes from which an array goes through shared memory
LENT = 16  # segments of one worker that arrays in the loader's process may lie on at a time
ALIGN = 64
ROUND = 1 << 16
FLAGS = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0) if hasattr(mmap, "MAP_SHARED") else 0


def _file(size: int) -> int:
    """The descriptor of a new file of so many bytes that has no name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pedigrad-batch")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size)
    return descriptor


class Segment:
    """Memory that two processes have mapped, and how many arrays of this one lie on it."""

    def __init__(self, number: int, descriptor: int, size: int, freed: Any) -> None:
        self.number = number
        self.size = size
        self.memory = np.frombuffer(mmap.mmap(descriptor, size, FLAGS), np.uint8)
        self.address = self.memory.__array_interface__["data"][0]
        self.freed = freed
        self.lying: list[int] = []  # 0 to n - 1 for n arrays; pop() is one step, whichever threads let arrays go
        self.sent = False  # whether it is the other side's for now

    def give_back(self) -> None:
        """One array less; with the last one, this side needs the segment no more."""
        if self.lying.pop() == 0:
            self.freed.append(self.number)


class Piece:
    """A part of a segment that one array lies on: the storage of that array."""

    __slots__ = ("__array_interface__", "__weakref__", "segment")

    def __init__(self, segment: Segment, start: int, size: int, readonly: bool = False) -> None:
        self.segment = segment
        segment.lying.append(len(segment.lying))
        self.__array_interface__ = {"data": (segment.address + start, readonly), "shape": (size,), "typestr": "|u1", "version": 3}

    def __del__(self) -> None:
        self.segment.give_back()


class Sender:
    """The worker's side: `empty` gives memory to make a batch in, `send` writes a message."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.segments: dict[int, Segment] = {}
        self.made = 0
        self.used: set[int] = set()  # segments that this message lies on
        self.end = 0  # of what is taken in the last of them
        self.open: Segment | None = None
        self.new: list[tuple[int, int, int]] = []  # number, size and descriptor of segments that the other side does not know
        self.dropped: list[int] = []
        self.usual = 0  # bytes of the last message
        self.unheld: collections.deque[int] = collections.deque(maxlen=1)  # nobody asks: what lies on segments is looked at

    def freed(self, numbers: list[int]) -> None:
        """Take note of segments that nothing on the other side lies on any more."""
        for number in numbers:
            if number in self.segments:
                self.segments[number].sent = False

    def empty(self, shape: tuple[int, ...], dtype: Any, size: int) -> Any:
        """An array of unspecified contents, `size` bytes, that the next message can be sent with as it lies."""
        segment, start = self._room(size)
        return np.asarray(Piece(segment, start, size)).view(dtype).reshape(shape)

    def _room(self, size: int) -> tuple[Segment, int]:
        """A segment and where `size` bytes of it are free."""
        if self.open is None or self.open.size - self.end < size:
            self.open, self.end = self._segment(size, max(size, self.usual)), 0
            self.used.add(self.open.number)
        start = self.end
        self.end += -(-size // ALIGN) * ALIGN
        return self.open, start

    def _segment(self, size: int, wanted: int) -> Segment:
        """A segment that nothing lies on, of the wanted size, or at least of `size`; what is smaller is given up for a new one."""
        free = [each for number, each in self.segments.items() if not (each.sent or each.lying or number in self.used)]
        fitting = [each for each in free if each.size >= wanted] or [each for each in free if each.size >= size]
        if fitting:
            return min(fitting, key=lambda each: each.size)
        for each in free:
            del self.segments[each.number]
            self.dropped.append(each.number)
        self.made += 1
        rounded = -(-(wanted + wanted // 8) // ROUND) * ROUND
        descriptor = _file(rounded)
        self.new.append((self.made, rounded, descriptor))
        segment = self.segments[self.made] = Segment(self.made, descriptor, rounded, self.unheld)
        return segment

    def send(self, tag: Any, message: Any) -> None:
        """Send a message behind a small tag; what it raises while it is pickled leaves the connection as it was."""
        large: list[memoryview] = []

        def in_line(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes < LARGE:
                return True
            large.append(raw)
            return False

        try:
            body = pickle.dumps(message, protocol=5, buffer_callback=in_line)
            places = self._placed(large)
            new = [(number, size) for number, size, _ in self.new]
            self.connection.send_bytes(pickle.dumps((tag, body, places, new, self.dropped)))
            self.dropped = []
            while self.new:
                reduction.send_handle(self.connection, self.new[0][2], None)
                os.close(self.new.pop(0)[2])
        finally:
            self.used.clear()
            self.open = None

    def _placed(self, large: list[memoryview]) -> list[tuple[int, int, int, bool]]:
        """Segment, start and size of each buffer, and whether it is read only; what lies on none is copied to one."""
        places: list[tuple[int, int, int, bool]] = []
        for raw in large:
            array = np.frombuffer(raw, np.uint8)
            address, size = array.__array_interface__["data"][0], raw.nbytes
            for number in self.used:
                segment = self.segments[number]
                start = address - segment.address
                inside = start >= 0 and start + size <= segment.size
                if inside and not any(n == number and s < start + size and start < s + length for n, s, length, _ in places):
                    break
            else:  # elsewhere, or on the memory of another array: each has its own on the other side
                segment, start = self._room(size)
                segment.memory[start : start + size] = array
            places.append((segment.number, start, size, raw.readonly))
        for number, *_ in places:
            self.segments[number].sent = True
        if places:
            self.usual = sum(-(-size // ALIGN) * ALIGN for _, _, size, _ in places)
        return places


#: The sender of this process, if it is a worker.
sender: Sender | None = None


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """An array in memory that a worker shares with its loader; None where there is none, or where the array is small."""
    if sender is None or dtype.kind not in "biufc":
        return None
    size = dtype.itemsize
    for n in shape:
        size *= n
    return sender.empty(shape, dtype, size) if size >= LARGE else None


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

    def receive(self) -> tuple[Any, Callable[[], Any]]:
        """The tag of the next message, and what unpickles the message. EOFError or OSError if the other side is gone."""
        tag, body, places, new, dropped = pickle.loads(self.connection.recv_bytes())
        for number in dropped:
            self.segments.pop(number, None)
        for number, size in new:
            descriptor = reduction.recv_handle(self.connection)
            try:
                self.segments[number] = Segment(number, descriptor, size, self._freed)
            finally:
                os.close(descriptor)
        if sum(bool(each.lying) for each in self.segments.values()) < LENT:
            pieces = [np.asarray(Piece(self.segments[number], *place)) for number, *place in places]
            return tag, functools.partial(pickle.loads, body, buffers=pieces)
        copies = [self.segments[number].memory[start : start + size].tobytes() for number, start, size, _ in places]
        self._freed.extend({number for number, *_ in places})
        given = [c if p[3] else bytearray(c) for c, p in zip(copies, places, strict=True)]
        return tag, functools.partial(pickle.loads, body, buffers=given)
