"""Words of memory that must be as they were: the quickest way to see that Python objects have not changed.

A compiled function depends on what it finds around itself: entries of dicts, items of lists, slots of objects. CPython keeps each of
these in a word at a known address, and the version of a dict in another. `Words` compares them all in one native call, a nanosecond
each. It only ever says that nothing changed; what to make of a change is for its user, who looks at the objects themselves.

The layouts are probed when the module is loaded. Where one is not as expected, `usable` is False and objects are looked at instead.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import sys
import sysconfig
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..emit import llvm

Word = tuple[int, int]  # an address and what must be there; with `NOT` added to the address, what must not
NOT = -(1 << 63)
HEAD = object.__basicsize__  # reference count and type
POINTER = 8
MANAGED_DICT = 1 << 4  # flag of a type whose instances have their dict before their head

THUNKS = 128  # native functions without arguments: every argument costs ctypes as much as comparing a hundred words

IR = """
%Record = type { ptr, i64, ptr, ptr }
@records = internal global [THUNKS x %Record] zeroinitializer

define i64 @go(ptr %record) nounwind noinline {
entry:
  %words = load ptr, ptr %record
  %count.at = getelementptr %Record, ptr %record, i64 0, i32 1
  %count = load i64, ptr %count.at
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %body, label %same
body:
  %at = shl i64 %i, 1
  %place = getelementptr i64, ptr %words, i64 %at
  %marked = load i64, ptr %place
  %bare = and i64 %marked, 9223372036854775807
  %address = inttoptr i64 %bare to ptr
  %after = getelementptr i64, ptr %place, i64 1
  %wanted = load i64, ptr %after
  %found = load i64, ptr %address
  %next = add i64 %i, 1
  %equal = icmp eq i64 %found, %wanted
  %not = icmp slt i64 %marked, 0
  %good = xor i1 %equal, %not
  br i1 %good, label %head, label %other
other:
  ret i64 %i
same:
  %main.at = getelementptr %Record, ptr %record, i64 0, i32 2
  %main = load ptr, ptr %main.at
  %none = icmp eq ptr %main, null
  br i1 %none, label %done, label %run
run:
  %table.at = getelementptr %Record, ptr %record, i64 0, i32 3
  %table = load ptr, ptr %table.at
  call void %main(ptr %table, i64 0, i64 1)
  br label %done
done:
  ret i64 -1
}

define i64 @where(i64 %k) nounwind {
  %record = getelementptr %Record, ptr @records, i64 %k
  %address = ptrtoint ptr %record to i64
  ret i64 %address
}
"""
THUNK = """
define i64 @thunkK() nounwind {
  %record = getelementptr %Record, ptr @records, i64 K
  %found = tail call i64 @go(ptr %record)
  ret i64 %found
}
"""


def word_at(address: int) -> int:
    """What is at an address."""
    return ctypes.c_int64.from_address(address).value


def place_of(holder: Any, value: Any) -> int | None:
    """Where in the memory of an object the pointer to `value` is, None unless there is exactly one."""
    size = type(holder).__basicsize__
    found = [at for at in range(HEAD, size - size % POINTER, POINTER) if word_at(id(holder) + at) == id(value)]
    return found[0] if len(found) == 1 else None


def slot_offset(kind: type, name: str) -> int | None:
    """How far from an instance's head the slot `name` of its class lies."""
    probe: Any = object.__new__(kind)
    marker = object()
    setattr(probe, name, marker)
    return place_of(probe, marker)


def dict_place(thing: Any) -> int | None:
    """The address of the pointer to an object's `__dict__`."""
    kind, table = type(thing), thing.__dict__
    places = [id(thing) + kind.__dictoffset__] if kind.__dictoffset__ > 0 else []
    if kind.__flags__ & MANAGED_DICT:
        places.append(id(thing) - 3 * POINTER)
    return next((place for place in places if word_at(place) == id(table)), None)


# Each of these gives the words that change when an object does.


def of_dict(table: dict[Any, Any]) -> list[Word]:
    """The version of a dict."""
    address = id(table) + HEAD + POINTER
    return [(address, word_at(address))]


def of_list(items: list[Any]) -> list[Word]:
    """The length of a list, where its items lie, and the items."""
    head = id(items) + HEAD
    start = word_at(head + POINTER)
    return [(head, len(items)), (head + POINTER, start), *((start + POINTER * i, id(item)) for i, item in enumerate(items))]


def of_set(items: set[Any]) -> list[Word]:
    """How many entries a set has, where its table lies, and all places of that."""
    head = id(items) + HEAD
    mask, start = word_at(head + 2 * POINTER), word_at(head + 3 * POINTER)
    places = [*(head + POINTER * i for i in range(4)), *(start + 2 * POINTER * i for i in range(mask + 1))]
    return [(place, word_at(place)) for place in places]


def of_cell(cell: Any) -> list[Word]:
    """The content of a variable of an enclosing function."""
    return [(id(cell) + HEAD, word_at(id(cell) + HEAD))]


def of_array(array: np.ndarray[Any, Any]) -> list[Word]:
    """Shape, strides, dtype and flags of an array: they can be assigned to."""
    head = id(array) + HEAD
    shape, strides, dtype, flags = (head + i * POINTER for i in (2, 3, 5, 6))
    words = [(shape, word_at(shape)), (strides, word_at(strides)), (dtype, word_at(dtype))]
    for start in (word_at(shape), word_at(strides)):
        words += [(start + POINTER * i, word_at(start + POINTER * i)) for i in range(array.ndim)]
    return [*words, (flags, word_at(flags))]


def of_content(array: np.ndarray[Any, Any]) -> list[Word] | None:
    """The elements of an array, None where they are not whole words in a row."""
    data = array.__array_interface__["data"][0]
    if not array.flags.c_contiguous or array.nbytes < POINTER:
        return None
    addresses = range(data, data + array.nbytes - POINTER + 1, POINTER)
    words = [(address, word_at(address)) for address in addresses]
    last = data + array.nbytes - POINTER
    return words if array.nbytes % POINTER == 0 else [*words, (last, word_at(last))]


@functools.cache
def version_offset() -> int | None:
    """How far from a type's head the number lies that is another one whenever the type, or a base of it, has been changed."""
    base = type("Base", (), {})
    kind = type("Probe", (base,), {})

    def look(change: Any) -> list[int]:
        change()
        getattr(kind, "missing", None)  # a look-up gives a changed type its new number
        return [word_at(id(kind) + at) for at in range(HEAD, type.__basicsize__ - 7, POINTER)]  # type: ignore[operator]

    seen = [look(functools.partial(setattr, base, f"a{i}", i)) for i in range(4)]
    moving = [i for i, words in enumerate(zip(*seen, strict=True)) if all(0 < b - a < 1000 for a, b in itertools.pairwise(words))]
    return HEAD + POINTER * moving[0] if len(moving) == 1 else None


def of_type(kind: type) -> list[Word] | None:
    """The version of a class and its bases; None where it has none now."""
    offset = version_offset()
    getattr(kind, "missing_name_to_look_up", None)
    if offset is None or (version := word_at(id(kind) + offset)) == 0:
        return None
    return [(id(kind) + offset, version)]


def _as_expected() -> bool:
    """Whether this Python keeps its objects as assumed here."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in ((3, 11), (3, 12)) or sys.maxsize < 1 << 62:
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED") or hasattr(sys, "getobjects"):
        return False

    class Object:
        pass

    thing = Object()
    thing.a = 1  # type: ignore[attr-defined]
    table = thing.__dict__
    versions = [of_dict(table)]
    for i in range(40):  # often enough for the interpreter to specialise the instruction
        thing.a = (i, i)  # type: ignore[attr-defined]
        versions.append(of_dict(table))
    items, array = ["x", "y"], np.zeros((2, 3), np.float32)
    words, shape = of_list(items), of_array(array)
    variable = [array]
    cell = (lambda: variable).__closure__[0]  # type: ignore[index]
    collected = {Object, thing}
    members = of_set(collected)
    return (
        [value for _, value in members[:3]] == [2, 2, 7]
        and {value for _, value in members[4:] if value} == {id(Object), id(thing)}
        and len({version for ((_, version),) in versions}) == len(versions)
        and dict_place(thing) is not None
        and word_at(words[1][1] + POINTER) == id(items[1])
        and word_at(words[0][0]) == 2
        and [value for _, value in shape[3:7]] == [2, 3, 12, 4]
        and shape[7][1] & 0xFFFF == array.flags.num
        and shape[2][1] == id(array.dtype)
        and word_at(id(cell) + HEAD) == id(variable)
    )


usable = _as_expected()


class Words:
    """Words to be compared, in order, and a native program that is run if all are as they were."""

    def __init__(self, words: Sequence[Word], main: int = 0, table: int = 0):
        count = self.count = len(words)
        self.table = (ctypes.c_int64 * max(2 * count, 1))(*[number for word in words for number in word])
        thunks = _thunks()
        record = (ctypes.addressof(self.table), count, main, table)
        if thunks.free:
            self.thunk = thunks.free.pop()
            self.go: Any = thunks.functions[self.thunk]
            (ctypes.c_int64 * 4).from_address(thunks.records[self.thunk])[:] = list(record)
            weakref.finalize(self, thunks.free.append, self.thunk).atexit = False
        else:
            self.record = (ctypes.c_int64 * 4)(*record)
            self.go = functools.partial(thunks.go, ctypes.addressof(self.record))
        # `go()` gives the index of the first word that is another one; -1 if there is none, and then the program has been run.

    def expected(self) -> list[Word]:
        """The words as they are expected now."""
        return list(zip(self.table[0::2], self.table[1::2], strict=True))[: self.count]

    def put(self, start: int, words: Sequence[Word]) -> None:
        """Expect other words from now on."""
        for i, (address, value) in enumerate(words, start):
            self.table[2 * i], self.table[2 * i + 1] = address, value


class _Thunks:
    """The native functions. They keep the interpreter's lock: nobody may change an object while its words are read."""

    def __init__(self) -> None:
        names = [f"thunk{k}" for k in range(THUNKS)]
        text = IR.replace("THUNKS", str(THUNKS)) + "".join(THUNK.replace("K", str(k)) for k in range(THUNKS))
        addresses = llvm.load(text, [*names, "go", "where"])
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64)
        self.functions = [kind(addresses[name]) for name in names]
        one = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
        self.go, where = one(addresses["go"]), one(addresses["where"])
        self.records = [where(k) for k in range(THUNKS)]
        self.free = list(range(THUNKS))


@functools.cache
def _thunks() -> _Thunks:
    return _Thunks()
