"""Interception: public functions made of several operations, asked before they run.

Autocast and `pedigrad.check` have to see calls of functions like `cross_entropy` before the operations in them. Functions that are one
operation ask in `dispatch`. The others get code that asks first, from the moment at which a program first needs it; until then they are
what was written, and cost nothing more. `pedigrad.check` gives back what was written when it ends, unless something else needs the
interception too. `__torch_function__` (`core/override.py`) has a layer of its own above this one, on all that is public.
"""

from __future__ import annotations

import functools
import inspect
import threading
import types
from collections.abc import Callable, Container
from typing import Any

from . import fastpath, modes, signatures, watching
from .declare import PLACES, taking_words
from .op import Op
from .tensor import Tensor
from .traces import trim

AROUND: list[Callable[..., Any]] = []  # what casts the arguments of a call while autocast is on
METHODS = ("detach", "detach_", "item", "numpy", "requires_grad_", "tolist")  # of Tensor's own, those that may be taken over
UNTOUCHED = ("__repr__", "__format__", "__setstate__", "__reduce_ex__", "as_subclass")
FOREIGN = ("from_dlpack",)  # functions of objects of other libraries, whose `__torch_function__` is theirs
_WORDS = taking_words.__code__.co_filename  # functions that come from there only take their arguments by other names
_for_good = False  # something needs it that does not say when it no longer does
_users = 0  # what needs it and says when it no longer does


class Layer:
    """Functions whose calls come to `ask` first; they, and what they wrap, stay the same objects.

    `ask(what, original, args, kwargs)` gives the result. Where it is `only_asked`, `ask(what, args, kwargs)` does, or `what` itself if what
    was written is to be run.
    """

    def __init__(self, ask: Callable[..., Any], only_asked: bool = False):
        self.ask, self.only_asked = ask, only_asked
        self.held: dict[
            int, tuple[types.FunctionType, types.FunctionType, Any]
        ] = {}  # by identity: it, what was written, its __signature__

    def put(self, function: Any, what: Any) -> None:
        """Have calls of `function` come to `ask`, which is given `what`."""
        if id(function) in self.held:
            return
        own = function.__dict__.get("__signature__")
        original = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        original.__kwdefaults__ = function.__kwdefaults__
        self.held[id(function)] = function, original, own
        if own is None:
            function.__signature__ = signatures.Declared(  # type: ignore[attr-defined]
                lambda: inspect.signature(function.__dict__.get("__wrapped__", original))
            )
        _built_into(function, original)
        code = _stub(function.__code__.co_freevars, self.only_asked)
        file, line = _place(function)
        more = {"_ask": self.ask, "_what": what, "_original": original, "_trim": trim}
        # Another thread may call it meanwhile: what the new code needs is there before it.
        function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), **more}
        function.__code__ = code.replace(co_filename=file, co_firstlineno=line, co_name=function.__code__.co_name)
        function.__defaults__ = None

    def what(self, function: Any) -> Any:
        """What `ask` is given for calls of `function`."""
        return self.held[id(function)][0].__kwdefaults__["_what"]  # type: ignore[index]

    def undo(self) -> None:
        """Have functions be what was written again."""
        for function, original, signature in self.held.values():
            function.__code__ = original.__code__
            function.__defaults__, function.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
            _built_into(original, function)
            if signature is None:
                del function.__signature__  # type: ignore[attr-defined]
            else:
                function.__signature__ = signature  # type: ignore[attr-defined]
        self.held.clear()


def _built_into(before: Any, now: Any) -> None:
    """Have the code that is generated for an op, or an operator, at its first call put into `now` in place of `before`."""
    op = getattr(before, "op", getattr(now, "op", None))
    if op is not None and any(form is before for form in op.forms):
        op.forms[:] = [now if form is before else form for form in op.forms]
    if before.__globals__.get("_self") is before:
        before.__globals__["_self"] = now


def _place(function: types.FunctionType) -> tuple[str, int]:
    """Where a function is written: of an op, its declaration."""
    op = getattr(function, "op", function.__globals__.get("_op"))
    op = op if isinstance(op, Op) else None
    code = function.__code__ if op is None else op.forward.__code__
    return code.co_filename, code.co_firstlineno if op is None else fastpath.line_of(code)


_HANDED = """
    return _ask(_what, _original, args, kwargs)
"""
_ASKED = """
    try:
        answer = _ask(_what, args, kwargs)
        return _original(*args, **kwargs) if answer is _what else answer
    except Exception as error:
        _trim(error)
        raise
"""


@functools.cache
def _stub(cells: tuple[str, ...], only_asked: bool) -> types.CodeType:
    """Code that asks, for a function with these variables of an enclosing one, which it does not read; all of it on its first line."""
    lines = ["def stub(*args, _ask, _what, _original, _trim, **kwargs):", *(f"    if 0: {name}" for name in cells)]
    text = "\n".join(lines) + (_ASKED if only_asked else _HANDED)
    scope: dict[str, Any] = {}
    exec(f"def make({', '.join(cells)}):\n" + "".join(f"    {line}\n" for line in text.splitlines()) + "    return stub", scope)
    return fastpath.on_one_line(scope["make"](*cells).__code__)


def _ask(function: Any, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if modes.settings.autocast is not None:
        for cast in AROUND:
            args, kwargs = cast(function, args, kwargs)
    if watching.watcher is not None:
        return watching.watcher.function(function, args, kwargs, original)
    return original(*args, **kwargs)


_composed = Layer(_ask)


def only_renames(function: types.FunctionType) -> bool:
    """Whether a function only hands its arguments on, by other names."""
    return function.__code__.co_filename == _WORDS and hasattr(function, "__wrapped__")


def intercept(function: Any) -> None:
    """Have calls of `function`, or of what it hands its arguments to by other names, ask first."""
    public = function
    if only_renames(function):
        function = function.__wrapped__
    if isinstance(function, types.FunctionType) and not hasattr(function, "op"):
        _composed.put(function, public)


def install(for_good: bool = True, names: Container[str] | None = None) -> None:
    """Have public functions that are not one operation ask first: all, or those of these `names`.

    Where it is not `for_good` it is until `uninstall` is called.
    """
    global _for_good, _users
    _users += not for_good
    if _for_good:
        return
    _for_good = for_good
    for place, functions in PLACES.items():
        for name, function in functions.items():
            left = name in (UNTOUCHED if place == "Tensor" else FOREIGN) or "autocast" in name
            if not left and isinstance(function, types.FunctionType) and (names is None or function.__name__ in names):
                intercept(function)
    for name in METHODS:
        if names is None or name in names:
            intercept(getattr(Tensor, name))


def uninstall() -> None:
    """Have functions be what was written again, unless they are needed still, or another thread may be about to call one."""
    global _users
    _users -= 1
    if not (_for_good or _users) and threading.active_count() == 1:
        _composed.undo()
