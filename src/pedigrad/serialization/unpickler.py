"""Reading pickles that nobody vouches for: an interpreter of its own, which calls nothing but what is allowed.

Python's unpickler believes what a file says of lengths and places, and writes attributes on whatever a file puts before it. Here
each length is held against what is left, and only instances of allowed classes are written to.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from ..core import dtypes
from ..core.device import device
from ..core.tensor import Tensor
from . import allowed, rebuild

_MARK = object()
_CONSTANTS: dict[int, Any] = {ord("N"): None, 0x88: True, 0x89: False}
# Opcodes of a number: format and size.
_NUMBERS = {ord("J"): ("<i", 4), ord("K"): ("<B", 1), ord("M"): ("<H", 2), ord("G"): (">d", 8)}
# Opcodes of texts and bytes: size of the length before them, and how they are decoded.
_TEXTS = {
    ord("X"): (4, "utf-8"), 0x8C: (1, "utf-8"), 0x8D: (8, "utf-8"), ord("C"): (1, None), ord("B"): (4, None), 0x8E: (8, None),
    ord("U"): (1, "given"), ord("T"): (4, "given"), 0x96: (8, "array"),
}  # fmt: skip
_SIMPLE = (str, int, float, complex, bytes, bool, type(None), dtypes.dtype, device, Tensor)
_MOST_KEYS = 1000


def _check_key(key: Any) -> None:
    """UnpicklingError for a key whose hash might take for ever: tuples of tuples of tuples."""
    waiting, seen = [key], 0
    while waiting:
        each = waiting.pop()
        seen += 1
        if seen > _MOST_KEYS:
            raise pickle.UnpicklingError("a key of a dict or set is a tuple of very many things")
        if isinstance(each, (tuple, frozenset)):
            waiting.extend(each)
        elif not isinstance(each, (*_SIMPLE, type)) and not callable(each) and not allowed.is_added(type(each)):
            raise pickle.UnpicklingError(f"a key of a dict or set is of type {type(each).__name__}")


class Unpickler:
    """Reads one pickle from a buffer; `end` is where it ended."""

    def __init__(self, data: Any, start: int = 0, encoding: str = "utf-8", persistent_load: Callable[[Any], Any] | None = None):
        self.data = memoryview(data)
        self.end = start
        self.encoding = encoding
        self.persistent_load = persistent_load
        self.memo: dict[int, Any] = {}
        self.stack: list[Any] = []

    def load(self) -> Any:
        """The object that the pickle is of; UnpicklingError if it is damaged, or names what it may not."""
        if not self.end < len(self.data):
            raise EOFError("the file ends where a pickle should begin")
        try:
            return self._run()
        except RecursionError as error:
            raise pickle.UnpicklingError("the pickle has calls within calls without end") from error
        except (pickle.UnpicklingError, RuntimeError):
            raise
        except MemoryError as error:
            raise pickle.UnpicklingError(f"what the pickle describes at byte {self.end} does not fit into memory") from error
        except Exception as error:
            # Only texts are shown: what else an error has may be the file's, and of any size when it is printed.
            why = ": ".join([type(error).__name__, *(each for each in error.args[:1] if isinstance(each, str))])
            raise pickle.UnpicklingError(f"the pickle is damaged at byte {self.end}: {why}. Make the file anew") from error

    # Reading

    def _take(self, count: int) -> memoryview:
        start, self.end = self.end, self.end + count
        if self.end > len(self.data):
            raise pickle.UnpicklingError(f"the pickle ends at byte {len(self.data)}, where {count} more bytes should be read from {start}")
        return self.data[start : self.end]

    def _integer(self, size: int) -> int:
        return int.from_bytes(self._take(size), "little")

    def _line(self) -> str:
        for end in range(self.end, min(len(self.data), self.end + 1000)):
            if self.data[end] == 10:
                line = bytes(self._take(end - self.end)).decode()
                self.end += 1
                return line
        raise pickle.UnpicklingError(f"the name that begins at byte {self.end} of the pickle does not end")

    def _items(self) -> list[Any]:
        """What was put on the stack since the last mark."""
        stack = self.stack
        for place in range(len(stack) - 1, -1, -1):
            if stack[place] is _MARK:
                items = stack[place + 1 :]
                del stack[place:]
                return items
        raise pickle.UnpicklingError("the pickle looks for a mark that it has not set")

    def _pop(self) -> Any:
        top = self.stack.pop()
        if top is _MARK:
            raise pickle.UnpicklingError("the pickle has a mark where an object should be")
        return top

    # Interpreting

    def _run(self) -> Any:
        stack, steps = self.stack, _STEPS
        while True:
            code = self._take(1)[0]
            if code in _CONSTANTS:
                stack.append(_CONSTANTS[code])
            elif code in _NUMBERS:
                form, size = _NUMBERS[code]
                stack.append(struct.unpack(form, self._take(size))[0])
            elif code in _TEXTS:
                stack.append(self._text(*_TEXTS[code]))
            elif code == 46:  # STOP
                value = self._pop()
                if stack:
                    raise pickle.UnpicklingError("the pickle leaves objects over")
                return value
            else:
                step = steps.get(code)
                if step is None:
                    raise pickle.UnpicklingError(f"the pickle has the instruction {bytes([code])!r}, which files of weights do not need")
                step(self)

    def _text(self, size: int, how: str | None) -> Any:
        found = bytes(self._take(self._integer(size)))
        if how is None:
            return found
        if how == "array":
            return bytearray(found)
        if how == "given":
            return found if self.encoding == "bytes" else found.decode(self.encoding)
        return found.decode(how, "surrogatepass")

    def _protocol(self) -> None:
        if (version := self._integer(1)) > pickle.HIGHEST_PROTOCOL:
            raise pickle.UnpicklingError(f"the pickle is of protocol {version}, which is not known")

    def _frame(self) -> None:
        self._integer(8)

    def _long1(self) -> None:
        self.stack.append(int.from_bytes(self._take(self._integer(1)), "little", signed=True))

    def _long4(self) -> None:
        self.stack.append(int.from_bytes(self._take(self._integer(4)), "little", signed=True))

    def _mark(self) -> None:
        self.stack.append(_MARK)

    def _tuple(self) -> None:
        self.stack.append(tuple(self._items()))

    def _few(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self.stack.append(tuple(items[::-1]))

    def _pop_one(self) -> None:
        self.stack.pop()

    def _pop_mark(self) -> None:
        self._items()

    def _list(self) -> None:
        self.stack.append(self._items())

    def _dict(self) -> None:
        items = self._items()
        self.stack.append({})
        self._set_all(items)

    def _append(self) -> None:
        self._extend([self._pop()])

    def _appends(self) -> None:
        self._extend(self._items())

    def _extend(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if type(into) is not list and not (isinstance(into, list) and allowed.is_added(type(into))):
            raise pickle.UnpicklingError(f"the pickle appends to {type(into).__name__}, which is no list")
        into.extend(items)

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set_all([key, value])

    def _set_items(self) -> None:
        self._set_all(self._items())

    def _set_all(self, items: list[Any]) -> None:
        into = self.stack[-1]
        if type(into) not in (dict, OrderedDict, Counter) and not (isinstance(into, dict) and allowed.is_added(type(into))):
            raise pickle.UnpicklingError(f"the pickle sets items of {type(into).__name__}, which is no dict")
        if len(items) % 2:
            raise pickle.UnpicklingError("the pickle has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) is not str and type(key) is not int:
                _check_key(key)
            into[key] = value

    def _add_items(self) -> None:
        items, into = self._items(), self.stack[-1]
        if type(into) is not set:
            raise pickle.UnpicklingError(f"the pickle adds to {type(into).__name__}, which is no set")
        for item in items:
            _check_key(item)
            into.add(item)

    def _frozen(self) -> None:
        items = self._items()
        for item in items:
            _check_key(item)
        self.stack.append(frozenset(items))

    def _get(self, size: int) -> None:
        place = self._integer(size)
        if place not in self.memo:
            raise pickle.UnpicklingError(f"the pickle refers to the object {place}, which it has not made")
        self.stack.append(self.memo[place])

    def _put(self, size: int) -> None:
        place = self._integer(size)
        self.memo[place] = self._top()

    def _memoize(self) -> None:
        self.memo[len(self.memo)] = self._top()

    def _top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise pickle.UnpicklingError("the pickle has a mark, or nothing, where an object should be")
        return self.stack[-1]

    # Names and calls

    def _global(self) -> None:
        module = self._line()
        self.stack.append(allowed.found(module, self._line()))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise pickle.UnpicklingError("the pickle has a name that is no text")
        self.stack.append(allowed.found(module, name))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        self.stack.append(self._called(function, arguments))

    def _called(self, function: Any, arguments: Any) -> Any:
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError(f"the pickle calls something with {type(arguments).__name__}, which is no tuple of arguments")
        if function is rebuild._rebuild_from_type_v2:
            if len(arguments) != 4:
                raise pickle.UnpicklingError(f"a tensor is made of four things, not of {len(arguments)}")
            maker, kind, inner, state = arguments
            return function(lambda *given: self._called(maker, given), kind, inner, state)
        checked = _look_up(function)
        if checked is None:
            if not allowed.is_added(function):
                raise pickle.UnpicklingError(f"the pickle calls {_shown(function)}, which a file of weights may not")
            checked = function
        if function in (set, Counter, OrderedDict):
            for each in arguments:
                _check_entries(each, pairs=function is OrderedDict)
        return checked(*arguments)

    def _new(self) -> None:
        arguments, kind = self._pop(), self._pop()
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("the pickle makes an object from something that is no tuple of arguments")
        if kind is OrderedDict and not arguments:
            self.stack.append(OrderedDict())
        elif isinstance(kind, type) and allowed.is_added(kind):
            self.stack.append(kind.__new__(kind, *arguments))
        else:
            raise pickle.UnpicklingError(f"the pickle makes an object of {_shown(kind)}, which a file of weights may not")

    def _build(self) -> None:
        state, instance = self._pop(), self._top()
        kind = type(instance)
        if kind is OrderedDict and type(state) is dict:
            instance.__dict__.update(state)
            return
        if isinstance(instance, type) or not any(allowed.is_added(each) for each in kind.__mro__):
            raise pickle.UnpicklingError(f"the pickle gives attributes to {_shown(instance)}, which a file of weights may not")
        if hasattr(instance, "__setstate__"):
            instance.__setstate__(state)
            return
        slots = None
        if isinstance(state, tuple) and len(state) == 2:
            state, slots = state
        if state:
            instance.__dict__.update(state)
        for name, value in (slots or {}).items():
            setattr(instance, name, value)

    def _persistent(self) -> None:
        if self.persistent_load is None:
            raise pickle.UnpicklingError("the pickle refers to a storage where there can be none")
        self.stack.append(self.persistent_load(self._pop()))


def _look_up(function: Any) -> Any:
    return allowed.CALLS.get(function) if callable(function) else None  # to hash other things might take for ever


def _check_entries(given: Any, pairs: bool) -> None:
    """UnpicklingError for what cannot be the items of a set or a dict."""
    if isinstance(given, dict):
        return
    if not isinstance(given, (list, tuple, set, frozenset)):
        raise pickle.UnpicklingError(f"a set or dict is made of a list, not of {type(given).__name__}")
    for each in given:
        _check_key(each[0] if pairs and isinstance(each, (list, tuple)) and len(each) == 2 else each)


def _shown(thing: Any) -> str:
    return getattr(thing, "__qualname__", None) or f"an object of type {type(thing).__name__}"


_STEPS: dict[int, Callable[[Unpickler], None]] = {
    0x80: Unpickler._protocol,
    0x95: Unpickler._frame,
    0x8A: Unpickler._long1,
    0x8B: Unpickler._long4,
    ord("("): Unpickler._mark,
    ord("0"): Unpickler._pop_one,
    ord("1"): Unpickler._pop_mark,
    ord(")"): lambda u: u.stack.append(()),
    ord("t"): Unpickler._tuple,
    0x85: lambda u: u._few(1),
    0x86: lambda u: u._few(2),
    0x87: lambda u: u._few(3),
    ord("]"): lambda u: u.stack.append([]),
    ord("l"): Unpickler._list,
    ord("a"): Unpickler._append,
    ord("e"): Unpickler._appends,
    ord("}"): lambda u: u.stack.append({}),
    ord("d"): Unpickler._dict,
    ord("s"): Unpickler._set_item,
    ord("u"): Unpickler._set_items,
    0x8F: lambda u: u.stack.append(set()),
    0x90: Unpickler._add_items,
    0x91: Unpickler._frozen,
    ord("h"): lambda u: u._get(1),
    ord("j"): lambda u: u._get(4),
    ord("q"): lambda u: u._put(1),
    ord("r"): lambda u: u._put(4),
    0x94: Unpickler._memoize,
    ord("c"): Unpickler._global,
    0x93: Unpickler._stack_global,
    ord("R"): Unpickler._reduce,
    0x81: Unpickler._new,
    ord("b"): Unpickler._build,
    ord("Q"): Unpickler._persistent,
}
