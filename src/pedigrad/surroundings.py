"""What a function finds around it: the tensors, modules and settings that a compiled version of it depends on.

`Surroundings` walks the arguments, closures, globals, modules, containers and plain objects that a function can reach by name. It
gives the arrays that the function may meet, and notices whether anything it saw has been put in another's place since.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from operator import is_
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .graph import Leaf, storage_of
from .origin import MARK
from .tensor import Tensor

PLAIN = (int, float, complex, str, bytes, bool, type(None), type, type(...))
DEPTH = 12
MANY = 20_000  # objects after which the walk gives up: what lies beyond is not watched


class Surroundings:
    """A snapshot of what `function` can reach."""

    def __init__(self, function: Callable[..., Any], extra: Any = ()):
        self.arrays: dict[int, tuple[int, Any]] = {}  # identity of an array -> its storage's, and what holds it (not the array: see `Leaf.zero`)
        self.tensors: list[Tensor] = []
        self.tables: list[tuple[Any, list[Any], list[Any]]] = []  # a dict, its keys and values when it was seen
        self.lists: list[tuple[Any, list[Any]]] = []
        self.cells: list[tuple[Any, Any]] = []
        self.names: list[tuple[dict[str, Any], str, Any]] = []
        self.seen: set[int] = set()
        self.kept: list[Any] = []
        self.walk(function, 0)
        self.walk(extra, 0)

    def walk(self, thing: Any, depth: int) -> None:
        """Note what can be reached from `thing`."""
        if isinstance(thing, PLAIN) or id(thing) in self.seen or depth > DEPTH or len(self.seen) > MANY:
            return
        self.seen.add(id(thing))
        self.kept.append(thing)
        if isinstance(thing, Tensor):
            self.tensor(thing)
        elif isinstance(thing, np.ndarray):
            self.arrays.setdefault(id(thing), (id(storage_of(thing)), thing))
        elif isinstance(thing, dict):
            self.table(thing, depth)
        elif isinstance(thing, (list, tuple, set, frozenset)):
            if isinstance(thing, list):
                self.lists.append((thing, list(thing)))
            for item in thing:
                self.walk(item, depth + 1)
        elif isinstance(thing, MethodType):
            self.walk(thing.__self__, depth + 1)
            self.walk(thing.__func__, depth + 1)
        elif isinstance(thing, FunctionType):
            self.function(thing, depth)
        elif isinstance(thing, functools.partial):
            self.walk((thing.func, thing.args, thing.keywords), depth + 1)
        elif hasattr(type(thing), "watched_as"):  # a compiled function: what it keeps for itself changes from call to call
            self.walk(getattr(thing, type(thing).watched_as), depth)
        elif not isinstance(thing, ModuleType) and hasattr(thing, "__dict__") and not is_library(thing):
            self.table(thing.__dict__, depth)
            self.method_names(thing, depth)

    def table(self, table: dict[Any, Any], depth: int) -> None:
        if MARK in table:
            return
        values = list(table.values())
        self.tables.append((table, list(table), values))
        for key, value in list(table.items()):
            if not isinstance(key, PLAIN):
                self.walk(key, depth + 1)
            self.walk(value, depth + 1)

    def tensor(self, tensor: Tensor) -> None:
        self.tensors.append(tensor)
        self.arrays.setdefault(id(tensor._array), (id(storage_of(tensor._array)), tensor))
        node = tensor._node
        if isinstance(node, Leaf) and node.grad is not None:
            self.arrays.setdefault(id(node.grad._array), (id(storage_of(node.grad._array)), node))
        if tensor.__dict__:
            self.walk(tensor.__dict__, 1)

    def method_names(self, thing: Any, depth: int) -> None:
        """What the methods of the user's classes can reach."""
        for kind in type(thing).__mro__:
            if MARK in getattr(sys.modules.get(kind.__module__), "__dict__", {MARK: 1}) or kind is object:
                continue
            for method in vars(kind).values():
                if isinstance(method, FunctionType):
                    self.walk(method, depth + 1)

    def function(self, function: FunctionType, depth: int) -> None:
        if MARK in function.__globals__ or is_installed(function.__globals__):
            if hasattr(function, "__wrapped__"):
                self.walk(function.__wrapped__, depth)
            for cell in function.__closure__ or ():
                self.cell(cell, depth)
            return
        for cell in function.__closure__ or ():
            self.cell(cell, depth)
        self.walk(function.__defaults__, depth + 1)
        self.walk(function.__kwdefaults__, depth + 1)
        names = set(names_of(function.__code__))
        for name in names & function.__globals__.keys():
            value = function.__globals__[name]
            self.names.append((function.__globals__, name, value))
            if isinstance(value, ModuleType):
                self.module_names(value, names)
            else:
                self.walk(value, depth + 1)

    def module_names(self, module: ModuleType, names: set[str]) -> None:
        table = vars(module)
        if MARK in table or is_installed(table):
            return
        for name in names & table.keys():
            self.names.append((table, name, table[name]))
            self.walk(table[name], 2)

    def cell(self, cell: Any, depth: int) -> None:
        try:
            value = cell.cell_contents
        except ValueError:  # nothing was put there yet
            return
        self.cells.append((cell, value))
        self.walk(value, depth + 1)

    def release(self, table: dict[str, Any], names: set[str]) -> None:
        """No longer watch these entries of a dict: they are inputs."""
        for i, (other, keys, _) in enumerate(self.tables):
            if other is table:
                self.names += [(table, key, table[key]) for key in keys if key not in names]
                del self.tables[i]
                return

    # Later

    def changed(self) -> str | None:
        """What has been put in another's place since, None if nothing has; equal numbers and strings count as the same."""
        for table, keys, values in self.tables:
            now = table.values()
            if len(now) != len(values) or not all(map(is_, now, values)):
                for key, old in zip(keys, values, strict=True):
                    if key not in table or not same(table[key], old):
                        return f"{key!r} of a {'module or object' if isinstance(key, str) else 'dict'}"
                if len(table) != len(keys):
                    return f"the entries of a dict, {set(table) ^ set(keys)}"
        for items, old in self.lists:
            if len(items) != len(old) or not all(map(same, items, old)):
                return "a list"
        for cell, old in self.cells:
            if not same(cell.cell_contents, old):
                return "a variable of an enclosing function"
        for table, name, old in self.names:
            if not same(table.get(name), old):
                return f"the global {name!r}"
        return None


def same(new: Any, old: Any) -> bool:
    """Whether one may stand for the other."""
    return new is old or (type(new) is type(old) and isinstance(new, PLAIN) and (new == old or new != new))


def names_of(code: CodeType) -> set[str]:
    """The names that code and the functions within it look up."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_of(constant)
    return names


def is_installed(table: dict[str, Any]) -> bool:
    """Whether a module came with Python or was installed: its names are not watched."""
    file = table.get("__file__") or ""
    return not file and table.get("__name__") != "__main__" or "site-packages" in file or file.startswith(sys.base_prefix + "/lib/")


def is_library(thing: Any) -> bool:
    """Whether an object's class belongs to an installed package other than ours."""
    module = sys.modules.get(type(thing).__module__)
    table = {} if module is None else vars(module)
    return MARK not in table and is_installed(table) and type(thing).__module__ != "__main__"
