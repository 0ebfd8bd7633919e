"""What a compiled function depends on, piece by piece: each knows whether it is still as it was, and which words of memory show it.

`change()` looks at the objects and says what is another now, None if nothing is. Equal numbers and strings may stand for one another.
`words()` gives the words (`compiler/words.py`) that cannot stay the same if `change()` would find something; None where there are none,
and then `change()` must be asked each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
from types import FunctionType
from typing import Any

import numpy as np

from ..compiler import words
from ..compiler.words import Word
from ..graph import Leaf
from ..tensor import Tensor

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))
CONTENT = 1 << 15  # elements of NumPy arrays whose content is watched
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "absent"})()

ARRAY, NODE = (words.slot_offset(Tensor, name) for name in ("_array", "_node"))
GRAD, ZEROED, HOOKS = (words.slot_offset(Leaf, name) for name in ("grad", "zeroed", "hooks"))
CODE = words.place_of(words.slot_offset, words.slot_offset.__code__)
usable = words.usable and None not in (ARRAY, NODE, GRAD, ZEROED, HOOKS, CODE)


def alike(new: Any, old: Any) -> bool:
    """Whether one may stand for the other."""
    if new is old:
        return True
    if type(new) is not type(old) or not isinstance(new, PLAIN):
        return False
    return repr(new) == repr(old) if isinstance(new, (float, complex)) else bool(new == old)  # 0.0 is no -0.0, nan is nan


def all_alike(now: Iterable[Any], old: Iterable[Any]) -> bool:
    return all(map(alike, now, old))


class Watched:
    """A piece of the surroundings."""

    def words(self) -> list[Word] | None:
        """The words of memory that show a change."""
        return None

    def change(self) -> str | None:
        """What has been put in another's place."""
        raise NotImplementedError


class Table(Watched):
    """A dict: all of its entries, or those called `names`."""

    def __init__(self, table: dict[Any, Any], names: Iterable[Any] | None = None, what: str = ""):
        self.table, self.complete, self.what = table, names is None, what
        self.keys = list(table if names is None else names)
        self.values = [dict.get(table, key, ABSENT) for key in self.keys]
        self.free: set[Any] = set()

    def add(self, names: Iterable[Any]) -> None:
        """Watch more entries."""
        if not self.complete:
            new = [name for name in names if name not in self.keys]
            self.keys += new
            self.values += [dict.get(self.table, key, ABSENT) for key in new]

    def words(self) -> list[Word]:
        return words.of_dict(self.table)

    def change(self) -> str | None:
        table = self.table
        if self.complete:
            if len(table) != len(self.keys) or not all_alike(table, self.keys):
                return f"the entries of {self.what or 'a dict'}, {[k for k in table if k not in self.keys] or 'fewer than before'}"
            if all(map(is_, table.values(), self.values)):
                return None
        for key, old in zip(self.keys, self.values, strict=True):
            if key not in self.free and not alike(dict.get(table, key, ABSENT), old):
                return f"{self.what} {key!r}".strip() if isinstance(key, str) else "an entry of a dict"
        return None


class Sequence(Watched):
    """A list."""

    def __init__(self, items: list[Any]):
        self.items, self.seen = items, list(items)

    def words(self) -> list[Word]:
        return words.of_list(self.items)

    def change(self) -> str | None:
        now = list(self.items)
        if len(now) != len(self.seen) or not all_alike(now, self.seen):
            return "a list"
        self.seen = now
        return None


class Snapshot(Watched):
    """A collection without order or of an unknown make, or the slots of an object: a look at it gives what it has."""

    def __init__(self, thing: Any, look: Callable[[Any], Any], what: str):
        self.thing, self.look, self.what = thing, look, what
        self.seen = look(thing)

    def words(self) -> list[Word] | None:
        return words.of_set(self.thing) if type(self.thing) is set else None

    def change(self) -> str | None:
        now = self.look(self.thing)
        if len(now) == len(self.seen) and all_alike(now, self.seen):
            return None
        return self.what


def slots_of(thing: Any) -> list[Any]:
    """What the slots of an object hold."""
    names = [n for kind in type(thing).__mro__ for n in names_of_slots(kind)]
    return [getattr(thing, name, ABSENT) for name in names]


def names_of_slots(kind: type) -> list[str]:
    """The slots that a class itself declares, under the names by which they are reached."""
    slots = kind.__dict__.get("__slots__", ())
    listed = [slots] if isinstance(slots, str) else list(slots)
    owner = kind.__name__.lstrip("_")
    private = [f"_{owner}{n}" if n.startswith("__") and not n.endswith("__") else n for n in listed]
    return [n for n in private if n not in ("__dict__", "__weakref__")]


class Cell(Watched):
    """A variable of an enclosing function."""

    def __init__(self, cell: Any):
        self.cell, self.value = cell, self.look(cell)

    @staticmethod
    def look(cell: Any) -> Any:
        try:
            return cell.cell_contents
        except ValueError:  # nothing is there yet
            return ABSENT

    def words(self) -> list[Word]:
        return words.of_cell(self.cell)

    def change(self) -> str | None:
        now = self.look(self.cell)
        if not alike(now, self.value):
            return "a variable of an enclosing function"
        self.value = now
        return None


class OwnDict(Watched):
    """That an object's `__dict__` is the same dict."""

    def __init__(self, thing: Any):
        self.thing, self.table = thing, thing.__dict__

    def words(self) -> list[Word] | None:
        place = words.dict_place(self.thing)
        return None if place is None else [(place, id(self.table))]

    def change(self) -> str | None:
        return None if self.thing.__dict__ is self.table else f"the attributes of a {type(self.thing).__name__}"


class Kind(Watched):
    """A class, with the attributes of its bases."""

    def __init__(self, kind: type):
        self.kind, self.bases = kind, kind.__mro__
        self.seen = [list(vars(each).items()) for each in self.bases if each is not object]

    def words(self) -> list[Word] | None:
        return words.of_type(self.kind)

    def change(self) -> str | None:
        if self.kind.__mro__ is not self.bases and self.kind.__mro__ != self.bases:
            return f"the bases of the class {self.kind.__name__}"
        for kind, old in zip([each for each in self.bases if each is not object], self.seen, strict=True):
            now = vars(kind)
            for name, value in old:
                if now.get(name, ABSENT) is not value and name not in CACHES and not alike(now.get(name, ABSENT), value):
                    return f"{name!r} of the class {kind.__name__}"
            if len(now) != len(old) and {n for n in now if n not in CACHES} - {n for n, _ in old}:
                return f"the attributes of the class {kind.__name__}"
        return None


CACHES = frozenset({"__doc__", "__abstractmethods__", "_abc_impl", "__annotations__", "__slotnames__", "__parameters__"})


class Code(Watched):
    """The code and the defaults of a function."""

    def __init__(self, function: FunctionType):
        self.function = function
        self.seen = self.look(function)

    @staticmethod
    def look(function: FunctionType) -> tuple[Any, Any, Any]:
        return function.__code__, function.__defaults__, function.__kwdefaults__

    def words(self) -> list[Word] | None:
        if CODE is None:
            return None
        first = id(self.function) + CODE
        found = [(at, words.word_at(at)) for at in range(first, first + 3 * words.POINTER, words.POINTER)]
        as_seen = all(word == (0 if each is None else id(each)) for (_, word), each in zip(found, self.seen, strict=True))
        return found if as_seen else None

    def change(self) -> str | None:
        same = all(map(is_, self.look(self.function), self.seen))
        return None if same else f"the code or the defaults of {self.function.__qualname__}"


class Content(Watched):
    """The elements of a NumPy array, which Python may look at without being seen."""

    def __init__(self, array: np.ndarray[Any, Any]):
        self.array, self.seen = array, array.copy()
        self.free = False  # it was shown that no other program follows from other elements
        self.looked_at = False  # by a method of the array's

    def mostly_new(self) -> bool:
        """Whether at least half of the elements are others than they were."""
        return self.array.shape == self.seen.shape and 2 * int((self.array != self.seen).sum()) >= self.array.size > 0

    def words(self) -> list[Word] | None:
        return [] if self.free else words.of_content(self.array)

    def change(self) -> str | None:
        if self.free:
            return None
        now, old = self.array, self.seen
        same = now.shape == old.shape and now.dtype == old.dtype and now.tobytes() == old.tobytes()
        return None if same else "the elements of a NumPy array"


class Standing(Watched):
    """Whether a tensor needs a gradient, its history and the hooks on it."""

    def __init__(self, tensor: Tensor):
        self.tensor, self.node = tensor, tensor._node
        self.hooks = self.node.hooks if isinstance(self.node, Leaf) else None

    def words(self) -> list[Word]:
        assert NODE is not None and HOOKS is not None
        found = [(id(self.tensor) + NODE, id(self.node))]
        return [*found, (id(self.node) + HOOKS, id(self.hooks))] if isinstance(self.node, Leaf) else found

    def change(self) -> str | None:
        node = self.tensor._node
        if node is not self.node:
            return "whether a tensor needs a gradient, or its history"
        return None if not isinstance(node, Leaf) or node.hooks is self.hooks else "the hooks on a tensor"


class Settings(Watched):
    """The modes of a thread."""

    NAMES = ("grad", "inference", "anomaly", "recorder")

    def __init__(self, settings: Any):
        self.table = settings.__dict__
        self.seen = [self.table[name] for name in self.NAMES]

    def words(self) -> list[Word]:
        return words.of_dict(self.table)

    def change(self) -> str | None:
        same = all(map(is_, map(self.table.get, self.NAMES), self.seen))
        return None if same else "the modes"
