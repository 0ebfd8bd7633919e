"""What a function finds around it: the tensors, modules and settings that a compiled version of it depends on.

`Surroundings` walks the arguments, closures, globals, modules, classes, containers and plain objects that a function can reach by name.
It gives the arrays that the function may meet, and notices whether anything it saw has been put in another's place since. What it
cannot watch it names in `refused`.
"""

from __future__ import annotations

import builtins
import functools
import sys
import weakref
from collections import deque
from collections.abc import Iterator
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from .. import dtypes, modes, threads
from ..graph import Leaf, storage_of
from ..mersenne import MersenneTwister
from ..origin import MARK
from ..tensor import Tensor
from .watched import CONTENT, PLAIN, Cell, Code, Content, Kind, OwnDict, Sequence, Settings, Snapshot, Standing, Table, Watched, slots_of

DEPTH = 24
MANY = 50_000  # objects after which the walk gives up
PACKAGE = __name__.partition(".")[0]
HOOK_TABLES = ("nn.hooks", "optim.optimizer", "nn.registry")  # modules of ours with hooks for everything


class Surroundings:
    """A snapshot of what `function` can reach."""

    def __init__(self, function: Any = None, extra: Any = ()):
        # The identity of an array -> its storage's, and what holds it; not the array itself, see `Leaf.zero`.
        self.arrays: dict[int, tuple[int, Any]] = {}
        self.tensors: list[Tensor] = []
        self.items: list[Watched] = []
        self.tables: dict[int, Table] = {}  # by the identity of the dict
        self.lists: list[Sequence] = []
        self.cells: list[Cell] = []
        self.contents: list[Content] = []
        self.codes: set[CodeType] = set()  # of the functions that were walked
        self.generators: list[Any] = []  # of random numbers
        self.seen: set[int] = set()
        self.kept: list[Any] = []
        self.refused: str | None = None
        self.walk(function, 0)
        self.walk(extra, 0)
        self.of_ours()

    def watch(self, item: Any) -> Any:
        self.items.append(item)
        return item

    @property
    def names(self) -> list[str]:
        """The globals that are watched."""
        return [name for table in self.tables.values() if not table.complete for name in table.keys]

    def refuse(self, why: str) -> None:
        """Note what cannot be watched."""
        self.refused = self.refused or why

    def of_ours(self) -> None:
        """The settings of the library."""
        self.some_of(vars(dtypes), ["_default"], "the default dtype")
        self.some_of(vars(threads), ["_threads"], "the number of threads")
        self.watch(Settings(modes.settings))
        for name in HOOK_TABLES:
            module = sys.modules.get(f"{PACKAGE}.{name}")
            for key, value in [] if module is None else list(vars(module).items()):
                if isinstance(value, dict) and ("hooks" in key) and not key.startswith("__"):
                    self.walk(value, 1)

    def walk(self, thing: Any, depth: int) -> None:
        """Note what can be reached from `thing`."""
        if isinstance(thing, (*PLAIN, MersenneTwister)) or id(thing) in self.seen:  # generators change: programs draw their seeds anew
            return
        if depth > DEPTH or len(self.seen) > MANY:
            return self.refuse("more objects can be reached than the compiler watches")
        self.seen.add(id(thing))
        self.kept.append(thing)
        if isinstance(thing, Tensor):
            self.tensor(thing)
        elif isinstance(thing, type):
            self.kind(thing, depth)
        elif isinstance(thing, np.ndarray):
            self.array(thing)
        elif isinstance(thing, FunctionType):
            self.function(thing, depth)
        elif isinstance(thing, MethodType):
            self.walk(thing.__self__, depth + 1)
            self.walk(thing.__func__, depth + 1)
        elif isinstance(thing, (functools.partial, property, staticmethod, classmethod, functools.cached_property)):
            self.wrapper(thing, depth)
        elif hasattr(type(thing), "watched_as"):  # a compiled function: what it keeps for itself changes from call to call
            self.walk(getattr(thing, type(thing).watched_as), depth)
        elif isinstance(thing, ModuleType):
            pass  # its names are walked where they are used
        else:
            self.object(thing, depth)
        return None

    def wrapper(self, thing: Any, depth: int) -> None:
        if isinstance(thing, functools.partial):
            parts: tuple[Any, ...] = (thing.func, *thing.args, thing.keywords)
        elif isinstance(thing, property):
            parts = (thing.fget, thing.fset, thing.fdel)
        else:
            parts = (thing.func,) if isinstance(thing, functools.cached_property) else (thing.__func__,)
        for part in parts:
            self.walk(part, depth + 1)

    def object(self, thing: Any, depth: int) -> None:
        """A container, or an object of somebody's class: both may be true."""
        if isinstance(thing, dict):
            self.table(thing, depth)
        elif isinstance(thing, (list, tuple, set, frozenset, deque, MappingProxyType)):
            self.container(thing, depth)
        elif isinstance(thing, (np.random.Generator, np.random.RandomState) if "numpy.random" in sys.modules else ()):
            self.generators.append(thing)
        elif isinstance(thing, Iterator) and not hasattr(thing, "__dict__"):
            self.refuse(f"a {type(thing).__name__}, which gives something else each time, is found around the function")
        if type(thing).__module__ == "builtins" or isinstance(thing, (weakref.ref, np.generic, np.dtype, np.ufunc)):
            return
        if hasattr(thing, "__dict__"):
            self.watch(OwnDict(thing))
            self.table(thing.__dict__, depth)
        self.kind(type(thing), depth)
        self.slots(thing, depth)

    def container(self, thing: Any, depth: int) -> None:
        if isinstance(thing, list):
            self.lists.append(self.watch(Sequence(thing)))
        elif isinstance(thing, deque):
            self.watch(Snapshot(thing, list, "a deque"))
        elif isinstance(thing, MappingProxyType):
            self.watch(Snapshot(thing, lambda t: list(t.items()), "a mapping"))
        elif isinstance(thing, set):
            self.watch(Snapshot(thing, lambda t: sorted(t, key=id), "a set"))
        for item in thing.values() if isinstance(thing, MappingProxyType) else list(thing):
            self.walk(item, depth + 1)

    def slots(self, thing: Any, depth: int) -> None:
        if not any(is_users(kind) and "__slots__" in vars(kind) for kind in type(thing).__mro__):
            return
        held = self.watch(Snapshot(thing, slots_of, f"a slot of a {type(thing).__name__}"))
        for value in held.seen:
            self.walk(value, depth + 1)

    def kind(self, kind: type, depth: int) -> None:
        """What the methods of a class, and its attributes, can reach. Classes of ours and of Python's are watched, not walked."""
        if kind.__module__ == "builtins" or not hasattr(kind, "__mro__"):
            return
        if ("class", id(kind)) in self.seen:
            return
        self.seen.add(("class", id(kind)))  # type: ignore[arg-type]
        self.kept.append(kind)
        if not kind.__flags__ & (1 << 8):  # a class that cannot be changed is not watched
            self.watch(Kind(kind))
        for base in kind.__mro__:
            if is_users(base):
                for value in list(vars(base).values()):
                    self.walk(value, depth + 1)

    def table(self, table: dict[Any, Any], depth: int) -> None:
        """All entries of a dict."""
        if MARK in table:
            return
        known = self.tables.get(id(table))
        if known is not None and known.complete:
            return
        self.kept.append(table)
        self.tables[id(table)] = self.watch(Table(table))
        for key, value in list(table.items()):
            if not isinstance(key, PLAIN):
                self.walk(key, depth + 1)
            self.walk(value, depth + 1)

    def some_of(self, table: dict[str, Any], names: Any, what: str = "the global") -> None:
        """Some entries of a dict, there or not."""
        if id(table) in self.tables:
            self.tables[id(table)].add(names)
        else:
            self.kept.append(table)
            self.tables[id(table)] = self.watch(Table(table, sorted(names), what))

    def array(self, array: np.ndarray[Any, Any]) -> None:
        """An array of NumPy's: the recorder is told when a Tensor is made of it, but not when Python looks at its elements."""
        self.arrays.setdefault(id(array), (id(storage_of(array)), array))
        if array.dtype == object or array.size > CONTENT:
            self.refuse(f"a NumPy array of {array.size} elements is found around the function: make it a tensor")
        else:
            self.contents.append(self.watch(Content(array)))

    def tensor(self, tensor: Tensor) -> None:
        self.tensors.append(tensor)
        self.watch(Standing(tensor))
        self.arrays.setdefault(id(tensor._array), (id(storage_of(tensor._array)), tensor))
        node = tensor._node
        if isinstance(node, Leaf):
            if node.grad is not None:
                self.arrays.setdefault(id(node.grad._array), (id(storage_of(node.grad._array)), node))
            if node.hooks is not None:
                for table in (node.hooks.on_gradient, node.hooks.before, node.hooks.after, node.hooks.post_accumulate):
                    self.table(table, 1)
        self.table(tensor.__dict__, 1)
        if is_users(type(tensor)):
            self.kind(type(tensor), 1)

    def function(self, function: FunctionType, depth: int) -> None:
        ours = MARK in function.__globals__
        if hasattr(function, "__wrapped__"):
            self.walk(function.__wrapped__, depth)
        for cell in function.__closure__ or ():
            self.kept.append(cell)
            self.cells.append(self.watch(Cell(cell)))
            self.walk(self.cells[-1].value, depth + 1)
        if ours or is_installed(function.__globals__):
            return
        self.watch(Code(function))
        self.walk(function.__defaults__, depth + 1)
        self.walk(function.__kwdefaults__, depth + 1)
        if function.__dict__:
            self.walk(function.__dict__, depth + 1)
        self.code(function.__code__, function.__globals__, depth)

    def code(self, code: CodeType, table: dict[str, Any], depth: int) -> None:
        """What code finds by name."""
        self.codes |= codes_in(code)
        names = names_of(code)
        found = {name for name in names if name in table or hasattr(builtins, name)}
        self.some_of(table, found)
        for name in sorted(found & table.keys()):
            value = table[name]
            if isinstance(value, ModuleType):
                self.module_names(value, names, depth)
            else:
                self.walk(value, depth + 1)

    def module_names(self, module: ModuleType, names: set[str], depth: int) -> None:
        table = vars(module)
        if id(module) in self.seen and MARK in table:
            return
        self.seen.add(id(module))
        used = names & table.keys()
        self.some_of(table, used, module.__name__)
        if MARK in table or is_installed(table):
            return
        for name in sorted(used):
            value = table[name]
            if isinstance(value, ModuleType) and value is not module and id(value) not in self.seen:
                self.module_names(value, names, depth)
            elif not isinstance(value, ModuleType):
                self.walk(value, depth + 1)

    def release(self, table: dict[str, Any], names: set[str]) -> Table | None:
        """No longer watch the values of these entries of a dict: they are inputs."""
        found = self.tables.get(id(table))
        if found is not None:
            found.free |= names
        return found

    # Later

    def changed(self) -> str | None:
        """What has been put in another's place since, None if nothing has; equal numbers and strings count as the same."""
        return next(filter(None, (item.change() for item in self.items)), None)


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


@functools.cache
def _places() -> tuple[str, ...]:
    """Where the modules lie that come with Python, and the packages whose functions only compute."""
    library = str(functools.__file__).rpartition("/")[0]
    packages = [str(module.__file__).rpartition("/")[0] for module in (np,)]
    beside = packages[0].rpartition("/")[0]
    return (library + "/", *(f"{beside}/{name}/" for name in ("numpy", "scipy", "ml_dtypes", "llvmlite")))


def is_installed(table: dict[str, Any]) -> bool:
    """Whether a module came with Python, or is NumPy's or SciPy's: what its functions find is not watched."""
    name = table.get("__name__")
    file = table.get("__file__") or ""
    if not file:
        return name != "__main__" and name in sys.builtin_module_names
    library, *packages = _places()
    beside = file.startswith((library + "site-packages/", library + "dist-packages/"))
    return file.startswith(tuple(packages)) or (file.startswith(library) and not beside)


def is_users(kind: type) -> bool:
    """Whether a class is neither ours nor Python's nor NumPy's."""
    module = sys.modules.get(kind.__module__)
    table = {} if module is None else vars(module)
    if MARK in table or kind.__module__ in sys.builtin_module_names:
        return False
    return kind.__module__ == "__main__" or not (module is not None and is_installed(table))
