"""What a function finds around it: the tensors, modules and settings that a compiled version of it depends on.

`Environment` walks the arguments, closures, globals, modules, classes, containers and plain objects that a function can reach by name.
It gives the arrays that the function may meet, and notices whether anything it saw has been put in another's place since. What it
cannot watch it names in `refused`. Once a call has shown which names were looked up, attributes that nobody can have read are let go.
"""

from __future__ import annotations

import array
import builtins
import contextvars
import ctypes
import functools
import gc
import operator
import sys
import weakref
from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MappingProxyType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from ..core import dtypes, modes
from ..core.graph import Leaf
from ..core.origin import MARK
from ..core.quiet import name_of
from ..core.sparse_tensor import strided
from ..core.storage import storage_of
from ..core.tensor import Tensor
from ..eager import threads
from ..rng.mersenne import MersenneTwister
from . import guards
from .guards import ABSENT, CONTENT, Cell, Guard, Snapshot, Table, built, codes_in, handed_on, imported_by, is_plain, names_of

DEPTH = 24
MANY = 50_000  # objects after which the walk gives up
PACKAGE = __name__.partition(".")[0]
HOOK_TABLES = ("nn.hooks", "optim.optimizer", "nn.registry")  # modules of ours with hooks for everything
PUBLISHED = ["", *(f".{name}" for name in "nn nn.functional nn.init nn.utils optim autograd linalg fft special creation random".split())]
LOOKS_UP = {getattr, setattr, delattr, hasattr, vars, dir, globals, eval, exec}  # what takes names that no code shows
BY_ANY_NAME = frozenset("getattr hasattr vars dir __dict__ __getattribute__ attrgetter".split())
# Modules of Python's with classes in C whose objects do not change, or do by calls that `Effects` sees.
IMMUTABLE = frozenset(
    "builtins types typing re _sre datetime operator _operator functools _functools _thread _io io _random _socket select _queue numpy "
    "decimal zoneinfo _zoneinfo collections _collections weakref _struct ast _ast _abc".split()
)


class Environment:
    """A snapshot of what `function` can reach."""

    def __init__(self, function: Any = None, extra: Any = (), read: Callable[[Any], bool] | None = None):
        self.root = function, extra
        self.read = read  # whether an attribute can have been read; None where all can
        # The identity of an array -> its storage's, and what holds it; not the array itself, see `Leaf.zero`.
        self.arrays: dict[int, tuple[int, Any]] = {}
        self.tensors: list[Tensor] = []
        self.items: list[Guard] = []
        self.tables: dict[int, Table] = {}  # by the identity of the dict
        self.contents: list[guards.Content] = []
        self.codes: set[CodeType] = set()  # of the functions that were walked
        self.generators: list[Any] = []  # of random numbers
        self.weak: list[Any] = []  # references to what may go away
        self.objects: list[dict[str, Any]] = []  # the attributes of which some may never be read
        self.later: list[tuple[list[FunctionType], CodeType, dict[str, Any]]] = []  # code that was met while the function ran
        self.by_any_name = False  # something was found that reads attributes of which no code has the name
        self.seen: set[int] = set()
        self.again: set[int] = set()  # what was found in several ways
        self.reading: Any = None  # what the user's code can have read of options, see `capture/reading.py`
        self.kept: list[Any] = []
        self.too_many = False
        self.why_not: str | None = None  # what cannot be watched
        self.refused: str | None = None  # the same, once it is known what is read
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
        self.why_not = self.why_not or why

    def of_ours(self) -> None:
        """The settings of the library."""
        self.some_of(vars(dtypes), ["_default"], "the default dtype")
        self.some_of(vars(threads), ["_threads"], "the number of threads")
        self.watch(guards.Settings(modes.settings))
        self.watch(guards.Kind(Tensor))
        for name in PUBLISHED:
            if (module := sys.modules.get(PACKAGE + name)) is not None:
                self.watch(guards.Published(vars(module)))
        for name in HOOK_TABLES:
            module = sys.modules.get(f"{PACKAGE}.{name}")
            for key, value in [] if module is None else list(vars(module).items()):
                if isinstance(value, dict) and ("hooks" in key) and not key.startswith("__"):
                    self.walk(value, 1)

    def walk(self, thing: Any, depth: int) -> None:
        """Note what can be reached from `thing`."""
        if type(thing) in weakref.ProxyTypes:
            return self.refuse("a weak reference is found around the function")
        if is_plain(thing) or isinstance(thing, MersenneTwister):  # generators: programs draw their seeds anew
            return None
        if id(thing) in self.seen:
            return self.again.add(id(thing))
        if depth > DEPTH or len(self.seen) > MANY:
            self.too_many = True
            return self.refuse("more objects can be reached than the compiler watches")
        self.seen.add(id(thing))
        self.kept.append(thing)
        if isinstance(thing, weakref.ref):
            self.weak.append(thing)
        elif isinstance(thing, Tensor):
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
        elif isinstance(thing, (BuiltinMethodType, MethodWrapperType)):
            self.by_any_name = self.by_any_name or thing in LOOKS_UP
            if not isinstance(thing.__self__, ModuleType):
                self.walk(thing.__self__, depth + 1)
        elif isinstance(thing, (functools.partial, property, staticmethod, classmethod, functools.cached_property)):
            self.wrapper(thing, depth)
        elif hasattr(type(thing), "watched_as"):  # a compiled function: what it keeps for itself changes from call to call
            self.walk(getattr(thing, type(thing).watched_as), depth)
        elif isinstance(thing, ModuleType):
            self.whole(vars(thing), depth)
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
        base = None
        if isinstance(thing, dict):
            self.table(thing, depth)
        elif isinstance(thing, (list, tuple, set, frozenset, deque, MappingProxyType)):
            self.container(thing, depth)
        elif isinstance(thing, (np.random.Generator, np.random.RandomState) if "numpy.random" in sys.modules else ()):
            self.generators.append(thing)
        elif isinstance(thing, Iterator) and not hasattr(thing, "__dict__"):
            self.refuse(f"a {type(thing).__name__}, which gives something else each time, is found around the function")
        elif (base := built(type(thing))) is not object:
            self.of_c(thing, base, depth)
        if type(thing).__module__ != "builtins" and not isinstance(thing, (np.generic, np.dtype, np.ufunc)):
            self.attributes(thing, depth, base is object)

    def attributes(self, thing: Any, depth: int, is_bare: bool = False) -> None:
        """The attributes of an object, its slots and its class; it is bare if it has nothing else."""
        kind = type(thing)
        if isinstance(getattr(thing, "__dict__", None), dict):
            self.watch(guards.OwnDict(thing))
            ours = kind.__module__.startswith(f"{PACKAGE}.optim.lr_scheduler")
            is_filtered = is_bare and (is_users(kind) or ours) and all(map(is_without_looks, kind.__mro__))
            if is_filtered:
                self.objects.append(thing.__dict__)
            follows = getattr(kind, "follows_from_the_rest", None)  # attributes that are made anew from the others when these change
            read = self.read if is_filtered else None
            self.table(thing.__dict__, depth, read if follows is None else lambda key: key not in follows and (read is None or read(key)))
        self.kind(kind, depth)
        self.slots(thing, depth)

    def of_c(self, thing: Any, base: type, depth: int) -> None:
        """An object of a class that is written in C, or of one made of it: what it holds cannot be seen as attributes are."""
        if isinstance(thing, (bytearray, memoryview, array.array)) and len(guards.bytes_of(thing)) <= 8 * CONTENT:
            self.watch(Snapshot(thing, lambda t: [guards.bytes_of(t)], f"the elements of a {base.__name__}"))
        elif isinstance(thing, ctypes._SimpleCData) and thing._type_ not in "OPzZ":  # type: ignore[attr-defined]
            self.watch(Snapshot(thing, lambda t: [bytes(t)], "a value of ctypes"))
        elif isinstance(thing, contextvars.ContextVar):
            self.walk(self.watch(Snapshot(thing, lambda t: [t.get(ABSENT)], "a context variable")).seen[0], depth + 1)
        elif isinstance(thing, CellType):
            self.walk(self.watch(Cell(thing)).value, depth + 1)
        elif isinstance(thing, functools._lru_cache_wrapper):
            for table in gc.get_referents(thing):
                if type(table) is dict and table is not thing.__dict__:  # what it remembers
                    self.table(table, depth)
        elif isinstance(thing, (operator.attrgetter, operator.itemgetter, operator.methodcaller)) or base.__name__ == "_lru_list_elem":
            self.by_any_name = self.by_any_name or not isinstance(thing, operator.itemgetter)
            for part in gc.get_referents(thing):
                self.walk(part, depth + 1)
        elif isinstance(thing, (KeysView, ValuesView, ItemsView)):
            for part in gc.get_referents(thing):
                self.walk(part, depth + 1)
        elif isinstance(thing, (np.void, bytearray, memoryview)) or not (base.__module__ in IMMUTABLE or isinstance(thing, np.generic)):
            self.refuse(f"a {base.__name__} is found around the function, into which the compiler cannot look")

    def container(self, thing: Any, depth: int) -> None:
        if isinstance(thing, list):
            self.watch(guards.Sequence(thing))
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
        held = self.watch(Snapshot(thing, guards.slots_of, f"a slot of a {type(thing).__name__}"))
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
        if kind.__module__ == "decimal":
            self.decimals()
        if type(kind) is not type:
            self.kind(type(kind), depth)
        if not kind.__flags__ & (1 << 8):  # a class that cannot be changed is not watched
            self.watch(guards.Kind(kind))
        for base in kind.__mro__:
            if is_users(base):
                for name, value in list(vars(base).items()):
                    if self.read is None or self.read(name):
                        self.walk(value, depth + 1)

    def decimals(self) -> None:
        """What the results of decimal numbers depend on."""
        look = sys.modules["decimal"].getcontext
        if id(look) not in self.seen:
            self.seen.add(id(look))
            self.watch(
                Snapshot(look, lambda get: [get(), *map(repr, (get().prec, get().rounding, get().traps, get().clamp))], "decimal's context")
            )

    def table(self, table: dict[Any, Any], depth: int, read: Callable[[Any], bool] | None = None) -> None:
        """All entries of a dict, or those that can have been read."""
        if MARK in table:
            return
        known = self.tables.get(id(table))
        if known is None or not known.complete:
            self.kept.append(table)
            known = self.tables[id(table)] = self.watch(Table(table))
        elif known.read is None or read is not None:
            return
        known.read = read
        self.walk(known.factory, depth + 1)
        for key, value in list(table.items()):
            if read is not None and not read(key):
                continue
            if not is_plain(key):
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
        if array.dtype.hasobject or array.size > CONTENT:
            self.refuse(f"a NumPy array of {array.size} elements is found around the function: make it a tensor")
        else:
            self.contents.append(self.watch(guards.Content(array)))
        if type(array) is not np.ndarray:
            self.attributes(array, 1)

    def tensor(self, tensor: Tensor) -> None:
        grad = tensor._node.grad if isinstance(tensor._node, Leaf) else None
        if tensor.layout is not strided or (grad is not None and grad.layout is not strided):
            return self.refuse("a sparse tensor, or one with a sparse gradient, is found around the function")
        self.tensors.append(tensor)
        self.watch(guards.Standing(tensor))
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
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.kept.append(cell)
            self.reach(name, self.watch(Cell(cell)).value, function.__code__, depth)
        if ours or is_installed(function.__globals__):
            return
        self.watch(guards.Code(function))
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
            self.reach(name, table[name], code, depth)
        for name in imported_by(code, table):
            self.some_of(sys.modules, [name], "the module")
            if name in sys.modules:
                self.reach("" if names.isdisjoint(BY_ANY_NAME) else None, sys.modules[name], code, depth)
        if "globals" in names:
            self.whole(table, depth)

    def reach(self, name: str | None, value: Any, code: CodeType, depth: int) -> None:
        """What code has found by a name, which None stands for any of."""
        if not isinstance(value, ModuleType):
            return self.walk(value, depth + 1)
        if name is None or name in handed_on(code):
            self.whole(vars(value), depth)
        return self.module_names(value, code, depth, set())

    def module_names(self, module: ModuleType, code: CodeType, depth: int, passed: set[int]) -> None:
        table = vars(module)
        if id(module) in passed:
            return
        passed.add(id(module))
        self.kept.append(module)
        names = names_of(code)
        used = names & table.keys()
        self.some_of(table, used, module.__name__)
        if module.__name__ == "decimal":
            self.decimals()
        if module is sys and "modules" in names:
            return self.refuse("sys.modules is looked at")
        foreign = MARK in table or is_installed(table)
        for name in sorted(used):
            value = table[name]
            if foreign:  # its functions are not walked, but a program may look at such as sys.argv
                self.walk(value if type(value) in (list, dict, set, deque) else None, depth + 1)
            elif isinstance(value, ModuleType):
                if name in handed_on(code):
                    self.whole(vars(value), depth)
                self.module_names(value, code, depth, passed)
            else:
                self.walk(value, depth + 1)
        return None

    def whole(self, table: dict[str, Any], depth: int) -> None:
        """All names of a module: nobody knows which are looked up."""
        if id(table) in self.tables and self.tables[id(table)].complete:
            return
        self.kept.append(table)
        self.tables[id(table)] = self.watch(Table(table, what=name_of(table)))
        if MARK in table or is_installed(table):
            return
        for name, value in list(table.items()):
            if not name.startswith("__") and not isinstance(value, ModuleType):
                self.walk(value, depth + 1)

    def met(self, functions: list[FunctionType], code: CodeType, table: dict[str, Any]) -> None:
        """Code is running that was not found by name."""
        self.later.append((functions, code, table))
        for function in functions:
            self.walk(function, 1)
        self.code(code, table, 1)

    # After the call

    def settle(self, read: Callable[[Any], bool] | None) -> None:
        """Watch no more than what can have been read, and refuse if that cannot be watched."""
        unread = read is not None and any(not read(key) for table in self.objects for key in list(table))
        if read is not None and (unread or self.why_not is not None) and not self.by_any_name and not self.too_many:
            self.narrow(read)
        self.refused = self.why_not or self.loose()

    def narrow(self, read: Callable[[Any], bool]) -> None:
        """Let go of what is found only through attributes that were not read."""
        narrow = Environment(*self.root, read)
        for each in self.later:
            narrow.met(*each)
        wanted = {item.key(): item for item in narrow.items}
        if wanted.keys() - {item.key() for item in self.items}:
            return  # there is more than before the call: it has changed what it depends on
        self.items = [item for item in self.items if item.key() in wanted]
        for item in self.items:
            if isinstance(item, Table):
                item.narrow(wanted[item.key()])
        self.tables = {key: table for key, table in self.tables.items() if table.key() in wanted}
        self.arrays = {key: value for key, value in self.arrays.items() if key in narrow.arrays}
        self.contents = [each for each in self.contents if each.key() in wanted]
        self.why_not, self.weak, self.seen, self.again = narrow.why_not, narrow.weak, narrow.seen, narrow.again

    def loose(self) -> str | None:
        """A weak reference to something that nothing else around the function holds: it may be gone next time."""
        for each in self.weak:
            thing = each()
            if thing is not None and id(thing) not in self.seen and id(thing) not in self.tables:
                return f"a weak reference to a {type(thing).__name__} is found around the function"
        return None

    # Later

    def release(self, table: dict[str, Any], names: set[str]) -> Table | None:
        """No longer watch the values of these entries of an optimizer's group: they are inputs. Those stay that may have been read too."""
        if (found := self.tables.get(id(table))) is not None:
            lists = [each for each in self.kept if type(each) is list and any(item is table for item in each)]
            is_open = any(id(each) in self.again for each in (table, *lists))
            found.free |= {name for name in names if not self.reading.of_group(name, is_open)}
        return found

    def release_attributes(self, table: dict[str, Any], names: set[str]) -> None:
        """The same of attributes of a schedule, which takes its steps after each run too."""
        if (found := self.tables.get(id(table))) is not None:
            found.free |= {name for name in names if not self.reading.of_object(name, id(table) in self.seen)}

    def changed(self) -> str | None:
        """What has been put in another's place since, None if nothing has; equal numbers and strings count as the same."""
        return next(filter(None, (item.change() for item in self.items)), None)


@functools.cache
def _places() -> tuple[str, ...]:
    """Where the modules lie that come with Python, and the packages whose functions only compute."""
    library = str(functools.__file__).rpartition("/")[0]
    packages = [str(module.__file__).rpartition("/")[0] for module in (np,)]
    beside = packages[0].rpartition("/")[0]
    return (library + "/", *(f"{beside}/{name}/" for name in ("numpy", "scipy", "ml_dtypes", "llvmlite")))


def is_installed(table: dict[str, Any]) -> bool:
    """Whether a module came with Python, or is NumPy's or SciPy's: what its functions find is not watched."""
    name = name_of(table)
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


def is_without_looks(kind: type) -> bool:
    """Whether no method that a class has reads attributes by names that its code does not show, or `Effects` sees that it does."""
    module = sys.modules.get(f"{PACKAGE}.nn.module")
    return (
        is_users(kind)
        or kind.__module__ in ("abc", "typing")
        or kind.__module__.startswith(f"{PACKAGE}.optim.lr_scheduler")
        or (module is not None and kind in module.Module.__mro__)
        or kind is object
    )
