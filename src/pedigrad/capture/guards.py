"""What a compiled function depends on, piece by piece: each knows whether it is still as it was, and which words of memory show it.

`change()` looks at the objects and says what is another now, None if nothing is. Equal numbers and strings may stand for one another.
`words()` gives the words (`codegen/runtime/guard_words.py`) that cannot stay the same if `change()` would find something; None where there
are none, and then `change()` must be asked each time.
"""

from __future__ import annotations

import dis
import functools
import itertools
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from operator import is_
from types import CodeType, FunctionType
from typing import Any, ClassVar

import numpy as np

from ..codegen.runtime import guard_words
from ..codegen.runtime.guard_words import Word
from ..core.graph import Leaf
from ..core.history import View, refresh
from ..core.quiet import name_of
from ..core.tensor import Tensor

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...))
PLAINS = frozenset(PLAIN)
CONTENT = 1 << 15  # elements of NumPy arrays whose content is watched
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "absent"})()

ARRAY, NODE, VIEW = (guard_words.slot_offset(Tensor, name) for name in ("_array", "_node", "_view"))
STAMP, REBASED = (guard_words.slot_offset(View, name) for name in ("stamp", "rebased"))
GRAD, ZEROED, HOOKS = (guard_words.slot_offset(Leaf, name) for name in ("grad", "zeroed", "hooks"))
CODE = guard_words.place_of(guard_words.slot_offset, guard_words.slot_offset.__code__)
usable = guard_words.usable and None not in (ARRAY, NODE, VIEW, STAMP, REBASED, GRAD, ZEROED, HOOKS, CODE)


def is_plain(thing: Any) -> bool:
    """Whether a value is all there is to an object: those of a subclass may have attributes."""
    return type(thing) in PLAINS or (isinstance(thing, np.generic) and not isinstance(thing, (np.void, np.object_)))


def alike(new: Any, old: Any) -> bool:
    """Whether one may stand for the other."""
    if new is old:
        return True
    if type(new) is not type(old) or not is_plain(new):
        return False
    if isinstance(new, np.generic):
        return new.dtype == old.dtype and new.tobytes() == old.tobytes()
    return repr(new) == repr(old) if isinstance(new, (float, complex)) else bool(new == old)  # 0.0 is no -0.0, nan is nan


def all_alike(now: Iterable[Any], old: Iterable[Any]) -> bool:
    return all(map(alike, now, old))


class Guard:
    """A piece of the surroundings."""

    about = ""  # the attribute that has the object itself

    def key(self) -> Any:
        """What two looks at the same piece have in common."""
        return type(self), id(getattr(self, self.about)), getattr(self, "what", "") if self.about == "thing" else ""

    def words(self) -> list[Word] | None:
        """The words of memory that show a change."""
        return None

    def change(self) -> str | None:
        """What has been put in another's place."""
        raise NotImplementedError


class Table(Guard):
    """A dict: all of its entries, or those called `names`."""

    about = "table"

    def __init__(self, table: dict[Any, Any], names: Iterable[Any] | None = None, what: str = ""):
        self.table, self.complete, self.what = table, names is None, what
        self.order: Any = OrderedDict if isinstance(table, OrderedDict) else dict
        self.keys = list(self.order.keys(table) if names is None else names)
        self.values = [dict.get(table, key, ABSENT) for key in self.keys]
        self.factory = factory_of(table)
        self.free: set[Any] = set()
        self.read: Callable[[Any], bool] | None = None  # whether an entry can have been read, where others were not

    def add(self, names: Iterable[Any]) -> None:
        """Watch more entries."""
        if not self.complete:
            known = set(self.keys)
            new = [name for name in names if name not in known]
            self.keys += new
            self.values += [dict.get(self.table, key, ABSENT) for key in new]

    def narrow(self, other: Any) -> None:
        """Watch no more than another look at the dict, which knew what is read."""
        if self.complete:
            self.read = other.read
        elif not other.complete:
            kept = [(key, value) for key, value in zip(self.keys, self.values, strict=True) if key in set(other.keys)]
            self.keys, self.values = [key for key, _ in kept], [value for _, value in kept]

    def words(self) -> list[Word] | None:
        found, head = guard_words.of_dict(self.table), id(self.table) + dict.__basicsize__
        if self.order is OrderedDict:
            place = order_place()
            return None if place is None else [*found, (id(self.table) + place, guard_words.word_at(id(self.table) + place))]
        if isinstance(self.table, defaultdict):
            as_seen = guard_words.word_at(head) == (0 if self.factory is None else id(self.factory))
            return [*found, (head, guard_words.word_at(head))] if as_seen else None
        return found

    def change(self) -> str | None:
        table, order = self.table, self.order
        if factory_of(table) is not self.factory:
            return "what a dict gives for entries that it lacks"
        if self.complete:
            now = list(order.keys(table))
            if self.read is not None:
                known = set(self.keys)
                strange = [key for key in now if key not in known and self.read(key)]
            elif len(now) != len(self.keys) or not all_alike(now, self.keys):
                known = set(self.keys)
                strange = [key for key in now if key not in known] or ["fewer than before, or in another order"]
            elif all(map(is_, order.values(table), self.values)):
                return None
            else:
                strange = []
            if strange:
                return f"the entries of {self.what or 'a dict'}: {', '.join(map(named, strange))}"
        for key, old in zip(self.keys, self.values, strict=True):
            if key in self.free or (self.read is not None and not self.read(key)):
                continue
            if not alike(dict.get(table, key, ABSENT), old):
                return f"{self.what} {key!r}".strip() if isinstance(key, str) else "an entry of a dict"
        return None


def named(key: Any) -> str:
    """What to call an entry."""
    return str(key) if is_plain(key) else f"one for a {type(key).__name__}"


def factory_of(table: dict[Any, Any]) -> Any:
    """What makes the entries that a dict lacks."""
    return table.default_factory if isinstance(table, defaultdict) else None


@functools.cache
def order_place() -> int | None:
    """How far from the head of an OrderedDict the number lies that is another one after each change of its order."""
    probe: OrderedDict[str, int] = OrderedDict(a=1, b=2)
    places = range(dict.__basicsize__, OrderedDict.__basicsize__, guard_words.POINTER)
    seen = []
    for key in "aabba":
        probe.move_to_end(key)
        seen.append([guard_words.word_at(id(probe) + place) for place in places])
        list(probe)
    moving = [place for place, found in zip(places, zip(*seen, strict=True), strict=True) if grows(found)]
    return moving[0] if len(moving) == 1 else None


def grows(found: tuple[int, ...]) -> bool:
    """Whether a number grew by little each time an order changed: the probe's does not when its last entry is moved to the end."""
    a, b, c, d, e = found
    return 0 < c - b < 100 and 0 < e - d < 100 and 0 <= b - a < 100 and 0 <= d - c < 100


class Published(Guard):
    """The functions and classes that a module of ours offers: a program may put others in their place."""

    known: ClassVar[dict[int, tuple[Any, dict[str, Any]]]] = {}  # by the identity of the dict: its version, and them

    about = "table"

    def __init__(self, table: dict[str, Any]):
        self.table = table
        version = guard_words.of_dict(table) if usable else None
        before, self.seen = self.known.get(id(table), (None, {}))
        if version is None or before != version:
            self.seen = {name: value for name, value in list(table.items()) if callable(value)}
            self.known[id(table)] = version, self.seen

    def words(self) -> list[Word]:
        return guard_words.of_dict(self.table)

    def change(self) -> str | None:
        found = next((name for name, value in self.seen.items() if self.table.get(name) is not value), None)
        return None if found is None else f"{name_of(self.table)}.{found}"


class Sequence(Guard):
    """A list."""

    about = "items"

    def __init__(self, items: list[Any]):
        self.items, self.seen = items, list(items)

    def words(self) -> list[Word]:
        return guard_words.of_list(self.items)

    def change(self) -> str | None:
        now = list(self.items)
        if len(now) != len(self.seen) or not all_alike(now, self.seen):
            return "a list"
        self.seen = now
        return None


class Snapshot(Guard):
    """A collection without order or of an unknown make, or the slots of an object: a look at it gives what it has."""

    about = "thing"

    def __init__(self, thing: Any, look: Callable[[Any], Any], what: str):
        self.thing, self.look, self.what = thing, look, what
        self.seen = look(thing)

    def words(self) -> list[Word] | None:
        return guard_words.of_set(self.thing) if type(self.thing) is set else None

    def change(self) -> str | None:
        now = self.look(self.thing)
        if len(now) == len(self.seen) and all_alike(now, self.seen):
            return None
        return self.what


def built(kind: type) -> type:
    """The class in C that lays out the objects of a class; `object` where these have nothing but slots and attributes."""
    base = kind.__base__
    if base is None:
        return kind
    more = kind.__basicsize__ - base.__basicsize__ - guard_words.POINTER * len(names_of_slots(kind))
    for now, before, kept_elsewhere in (
        (kind.__dictoffset__, base.__dictoffset__, kind.__flags__ & guard_words.MANAGED_DICT),
        (kind.__weakrefoffset__, base.__weakrefoffset__, kind.__weakrefoffset__ < 0),
    ):
        more -= 0 if now == before or not now or kept_elsewhere else guard_words.POINTER
    return kind if more > 0 or kind.__itemsize__ != base.__itemsize__ else built(base)


def bytes_of(thing: Any) -> bytes:
    """What a buffer holds; nothing if it has been released."""
    try:
        return bytes(thing)
    except ValueError:
        return b""


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


class Cell(Guard):
    """A variable of an enclosing function."""

    about = "cell"

    def __init__(self, cell: Any):
        self.cell, self.value = cell, self.look(cell)

    @staticmethod
    def look(cell: Any) -> Any:
        try:
            return cell.cell_contents
        except ValueError:  # nothing is there yet
            return ABSENT

    def words(self) -> list[Word]:
        return guard_words.of_cell(self.cell)

    def change(self) -> str | None:
        now = self.look(self.cell)
        if not alike(now, self.value):
            return "a variable of an enclosing function"
        self.value = now
        return None


class OwnDict(Guard):
    """That an object's `__dict__` is the same dict."""

    about = "thing"

    def __init__(self, thing: Any):
        self.thing, self.table = thing, thing.__dict__

    def words(self) -> list[Word] | None:
        place = guard_words.dict_place(self.thing)
        return None if place is None else [(place, id(self.table))]

    def change(self) -> str | None:
        return None if self.thing.__dict__ is self.table else f"the attributes of a {type(self.thing).__name__}"


class Kind(Guard):
    """A class, with the attributes of its bases."""

    about = "kind"

    def __init__(self, kind: type):
        self.kind, self.bases = kind, kind.__mro__
        self.seen = [list(vars(each).items()) for each in self.bases if each is not object]

    def words(self) -> list[Word] | None:
        return guard_words.of_type(self.kind)

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


class Code(Guard):
    """The code and the defaults of a function."""

    about = "function"

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
        found = [(at, guard_words.word_at(at)) for at in range(first, first + 3 * guard_words.POINTER, guard_words.POINTER)]
        as_seen = all(word == (0 if each is None else id(each)) for (_, word), each in zip(found, self.seen, strict=True))
        return found if as_seen else None

    def change(self) -> str | None:
        same = all(map(is_, self.look(self.function), self.seen))
        return None if same else f"the code or the defaults of {self.function.__qualname__}"


class Content(Guard):
    """The elements of a NumPy array, which Python may look at without being seen."""

    about = "array"

    def __init__(self, array: np.ndarray[Any, Any]):
        self.array, self.seen, self.header = array, np.array(array, order="C"), header_of(array)
        self.free = False  # it was shown that no other program follows from other elements
        self.looked_at = False  # by a method of the array's

    def mostly_new(self) -> bool:
        """Whether at least half of the elements are others than they were."""
        return self.array.shape == self.seen.shape and 2 * int((self.array != self.seen).sum()) >= self.array.size > 0

    def words(self) -> list[Word] | None:
        place = id(self.array) + guard_words.HEAD  # where the elements lie
        header = [(place, guard_words.word_at(place)), *guard_words.of_array(self.array)]
        content = [] if self.free else guard_words.of_content(self.array)
        return None if content is None else header + content

    def change(self) -> str | None:
        now = self.array
        if header_of(now) != self.header:
            return "the shape, the dtype or the flags of a NumPy array"
        same = self.free or np.ndarray.tobytes(now) == self.seen.tobytes()
        return None if same else "the elements of a NumPy array"


def header_of(array: np.ndarray[Any, Any]) -> Any:
    """What can be assigned to an array beside its elements."""
    return array.shape, array.strides, array.dtype, array.flags.writeable


class Standing(Guard):
    """Whether a tensor needs a gradient, its history and the hooks on it."""

    about = "tensor"

    def __init__(self, tensor: Tensor):
        refresh(tensor)
        self.tensor, self.node = tensor, tensor._node
        self.hooks = self.node.hooks if isinstance(self.node, Leaf) else None

    def words(self) -> list[Word]:
        assert NODE is not None and HOOKS is not None and VIEW is not None and STAMP is not None and REBASED is not None
        found = [(id(self.tensor) + NODE, id(self.node))]
        if isinstance(self.node, Leaf):
            return [*found, (id(self.node) + HOOKS, id(self.hooks))]
        view = self.view = self.tensor._view
        if view is not None and view.base is not None:  # its history follows from its base's, when somebody looks at it
            base = view.root()
            kept = self.kept = base._view
            found += [(id(self.tensor) + VIEW, id(view)), (id(base) + VIEW, id(kept))]
            if type(kept) is View:
                found += [(id(kept) + STAMP, id(kept.stamp)), (id(kept) + REBASED, id(kept.rebased))]
        return found

    def change(self) -> str | None:
        refresh(self.tensor)
        node = self.tensor._node
        if node is not self.node:
            return "whether a tensor needs a gradient, or its history"
        return None if not isinstance(node, Leaf) or node.hooks is self.hooks else "the hooks on a tensor"


class Settings(Guard):
    """The modes of a thread."""

    NAMES = ("grad", "asked", "inference", "anomaly", "recorder", "autocast", "function_modes")

    about = "table"

    def __init__(self, settings: Any):
        self.table = settings.__dict__
        self.seen = [self.table[name] for name in self.NAMES]

    def words(self) -> list[Word]:
        return guard_words.of_dict(self.table)

    def change(self) -> str | None:
        same = all(map(is_, map(self.table.get, self.NAMES), self.seen))
        return None if same else "the modes"


# What code shows

IMPORT = dis.opmap["IMPORT_NAME"]
LOADS = frozenset("LOAD_GLOBAL LOAD_NAME LOAD_DEREF LOAD_CLASSDEREF LOAD_FAST LOAD_FAST_CHECK LOAD_ATTR".split())


def names_of(code: CodeType) -> set[str]:
    """The names that code and the functions within it look up."""
    return {name for each in codes_in(code) for name in each.co_names}


def codes_in(code: CodeType) -> set[CodeType]:
    """The code of a function and of the functions within it."""
    found = {code}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= codes_in(constant)
    return found


@functools.lru_cache(1 << 12)
def handed_on(code: CodeType) -> frozenset[str]:
    """The names of what code does something else with than to look up an attribute: who gets a module may look up any."""
    found = set()
    for each in codes_in(code):
        steps = list(dis.get_instructions(each))
        pairs = itertools.pairwise(steps)
        found |= {step.argval for step, then in pairs if step.opname in LOADS and then.opname not in ("LOAD_ATTR", "LOAD_METHOD")}
    return frozenset(found)


def imported_by(code: CodeType, table: dict[str, Any]) -> set[str]:
    """The modules that code imports."""
    found = set()
    for each in codes_in(code):
        steps = [step for step in dis.get_instructions(each) if step.opname != "EXTENDED_ARG"] if IMPORT in each.co_code[::2] else []
        for level, _, step in zip(steps, steps[1:], steps[2:], strict=False):
            if step.opcode == IMPORT:
                name = step.argval
                if level.argval:
                    package = table.get("__package__") or name_of(table).rpartition(".")[0]
                    name = ".".join([*package.split(".")[: 1 - level.argval or None], *([name] if name else [])])
                found |= {name, name.partition(".")[0]}
    return found
