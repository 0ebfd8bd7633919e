"""Memory planning: arrays that live only within a program share one arena."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ALIGN = 64


class Lifetime(NamedTuple):
    """The bytes of an array and the first and last step at which it is in use."""

    size: int
    first: int
    last: int


def planned(lifetimes: Iterable[Lifetime]) -> tuple[list[int], int]:
    """An offset for each array such that no two in use at one time overlap, and the size of the arena: the largest are placed first."""
    wanted = list(lifetimes)
    offsets = [0] * len(wanted)
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first and last step
    total = 0
    for number in sorted(range(len(wanted)), key=lambda i: -wanted[i].size):
        mine = wanted[number]
        size = -(-max(mine.size, 1) // ALIGN) * ALIGN
        begin, finish = mine.first, mine.last
        others = sorted([(start, end) for start, end, first, last in placed if first <= finish and begin <= last])
        offset, best = 0, None
        for start, end in others:
            if start - offset >= size and (best is None or start - offset < best[1]):
                best = offset, start - offset
            offset = max(offset, end)
        offset = best[0] if best else offset
        offsets[number] = offset
        placed.append((offset, offset + size, begin, finish))
        total = max(total, offset + size)
    return offsets, total
