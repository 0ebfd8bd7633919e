"""Calls that are of one kind but for sizes and whole numbers: a sequence that grows by one each time, say.

A program is for arguments of certain sizes. Where hardly any come twice, recording each call would take many times as long as it saves.
"""

from __future__ import annotations

from typing import Any

KINDS = 256  # that are told apart
FEW = 3  # sizes that are recorded without one of them coming twice, after which calls of their kind run as usual


class Size:
    """Any size, in a key."""

    def __repr__(self) -> str:
        return "?"


ANY = Size()


def without_sizes(key: Any) -> Any:
    """A key of arguments (`recording.flattened`) in which sizes, strides and whole numbers are left out."""
    if type(key) is not tuple or not key:
        return key
    if key[0] is dict:
        return (dict, *((name, without_sizes(value)) for name, value in key[1:]))
    if key[0] == "tensor":
        (shape, dtype, strides, *_), *rest = key[1:]
        return ("tensor", (ANY,) * len(shape), dtype, strides is None, *rest)
    return (int, ANY) if key[0] is int else tuple(map(without_sizes, key))


def merged(one: Any, other: Any) -> Any:
    """What two keys of a kind have in common, `ANY` for what they have not."""
    if type(one) is tuple and type(other) is tuple and len(one) == len(other):
        return tuple(map(merged, one, other))
    return one if one == other else ANY


class Kind:
    """The calls that differ in nothing but sizes."""

    def __init__(self) -> None:
        self.recorded: list[Any] = []  # keys without a program
        self.met: set[Any] = set()  # keys since calls run as usual
        self.last: Any = None
        self.name: Any = None  # what all keys have in common, once calls run as usual
        self.many = False


class Growing:
    """Which kinds of calls have ever new sizes. `most` programs are kept: with no more sizes than that each may have its own."""

    def __init__(self, most: int):
        self.most = most
        self.kinds: dict[Any, Kind] = {}

    def is_new(self, key: Any) -> Any:
        """What is common to the calls of a kind that are not to be recorded, if this is one of them; otherwise None."""
        if type(key) is not tuple:
            return None
        if len(self.kinds) > KINDS:
            self.kinds.clear()
        kind = self.kinds.setdefault(without_sizes(key), Kind())
        if kind.name is None:
            if key not in kind.recorded:
                kind.recorded.append(key)
            if len(kind.recorded) <= FEW:
                return None
            kind.name = kind.recorded[0]
            for each in kind.recorded:
                kind.name = merged(kind.name, each)
        again = key == kind.last or (key in kind.met and not kind.many)
        kind.last = key
        kind.met.add(key)
        kind.many = kind.many or len(kind.met) > self.most
        if kind.many:
            kind.met.clear()
        return None if again else kind.name

    def compiled(self, key: Any) -> None:
        """There is a program for a call: others of its kind may be worth one too."""
        kind = self.kinds.get(without_sizes(key)) if type(key) is tuple else None
        if kind is not None and kind.name is None:
            kind.recorded.clear()
