"""Calls that are of one kind but for sizes and whole numbers: a sequence that grows by one each time, say.

A program is for arguments of certain sizes. Where hardly any come twice, recording each call would take many times as long as it saves.
"""

from __future__ import annotations

import functools
from typing import Any

KINDS = 256  # that are told apart
FEW = 3  # sizes that are recorded without one of them coming twice, after which calls of their kind run as usual

EVER_NEW = "called with ever new sizes, of which none came twice in a row"


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
        self.met: set[Any] = set()  # keys that came, up to `most`
        self.last: Any = None
        self.name: Any = None  # what the recorded keys have in common, once calls run as usual
        self.are_many = False  # there are more keys than programs are kept


class Growing:
    """Which kinds of calls have ever new sizes. `most` programs are kept: with no more sizes than that each may have its own."""

    def __init__(self, most: int):
        self.most = most
        self.kinds: dict[Any, Kind] = {}

    def kind(self, key: Any) -> Kind | None:
        """The kind of a call that finds no program; None if there is nothing in it that could be of another size."""
        if type(key) is not tuple:
            return None
        if len(self.kinds) > KINDS:
            self.kinds.clear()
        return self.kinds.setdefault(without_sizes(key), Kind())

    def is_left(self, key: Any, kind: Kind, pending: dict[Any, Any]) -> bool:
        """Whether a call of that kind is to run as usual. `pending` has what was recorded of calls without a program yet."""
        if kind.name is None:
            if key not in kind.recorded:
                kind.recorded.append(key)
            if len(kind.recorded) <= FEW:
                return False
            kind.name, kind.met = functools.reduce(merged, kind.recorded), set(kind.recorded[:-1])
        again = key == kind.last or key in kind.met
        kind.last = key
        if not kind.are_many:
            kind.met.add(key)
            if len(kind.met) > self.most:
                kind.are_many = True
                kind.met.clear()
                for each in kind.recorded:
                    pending.pop(each, None)
        return not again

    def compiled(self, key: Any) -> None:
        """There is a program for a call: others of its kind may be worth one too."""
        kind = self.kind(key)
        if kind is not None and kind.name is None:
            kind.recorded.clear()
