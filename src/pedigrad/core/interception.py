"""Interception: public functions made of several operations, asked before they run.

Autocast, `__torch_function__` and `pedigrad.check` have to see calls of functions like `cross_entropy` before the operations in them.
Functions that are one operation ask in `dispatch`. The others get code that asks first, from the moment at which a program first needs it;
until then they are what was written, and cost nothing more. `pedigrad.check` gives back what was written when it ends, unless
something else needs the interception too.
"""

from __future__ import annotations

import inspect
import threading
import types
from collections.abc import Callable, Container
from typing import Any

from . import modes, watching
from .declare import PLACES, taking_words
from .tensor import Tensor

AROUND: list[Callable[..., Any]] = []  # what casts the arguments of a call while autocast is on
ALSO: list[Callable[[], None]] = []  # what else is to be done then
METHODS = ("detach", "detach_", "item", "numpy", "requires_grad_", "tolist")  # of Tensor's own, those that may be taken over
UNTOUCHED = ("__repr__", "__format__", "__setstate__", "__reduce_ex__", "as_subclass")
FOREIGN = ("from_dlpack",)  # functions of objects of other libraries, whose `__torch_function__` is theirs
_WORDS = taking_words.__code__.co_filename  # functions that come from there only take their arguments by other names
_installed: dict[int, tuple[types.FunctionType, types.FunctionType, Any]] = {}  # by identity: it, what was written, its __signature__
_for_good = False  # something needs it that does not say when it no longer does
_users = 0  # what needs it and says when it no longer does


def _ask(function: Any, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if modes.overriding and (answer := modes.answer(function, args, kwargs)) is not modes.NO_ANSWER:
        return answer
    if modes.settings.autocast is not None:
        for cast in AROUND:
            args, kwargs = cast(function, args, kwargs)
    if watching.watcher is not None:
        return watching.watcher.function(function, args, kwargs, original)
    return original(*args, **kwargs)


def _stub(cells: tuple[str, ...]) -> types.CodeType:
    """Code that calls `_ask`, for a function with these variables of an enclosing one, which it does not read."""
    inner = "def stub(*args, _ask, _function, _original, **kwargs):\n"
    inner += "".join(f"        if 0: {name}\n" for name in cells) + "        return _ask(_function, _original, args, kwargs)\n"
    scope: dict[str, Any] = {}
    exec(f"def make({', '.join(cells)}):\n    {inner}\n    return stub", scope)
    return scope["make"](*cells).__code__


def intercept(function: Any) -> None:
    """Have calls of `function` ask first; it and what it wraps stay the same objects."""
    public = function
    if getattr(function, "__code__", None) is not None and function.__code__.co_filename == _WORDS:
        function = getattr(function, "__wrapped__", function)
    if not isinstance(function, types.FunctionType) or hasattr(function, "op") or id(function) in _installed:
        return
    signature = inspect.signature(function)
    own = function.__dict__.get("__signature__")
    original = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    _installed[id(function)] = function, original, own
    code = _stub(function.__code__.co_freevars)
    function.__code__ = code.replace(co_filename=function.__code__.co_filename, co_name=function.__code__.co_name)
    function.__defaults__ = None
    function.__kwdefaults__ = {"_ask": _ask, "_function": public, "_original": original}
    function.__signature__ = signature  # type: ignore[attr-defined]


def install(for_good: bool = True, names: Container[str] | None = None) -> None:
    """Have public functions that are not one operation ask first: all, or those of these `names`.

    Where it is not `for_good` it is until `uninstall` is called.
    """
    global _for_good, _users
    if _for_good:
        _users += not for_good
        return
    if for_good:
        _for_good = True
        for step in ALSO:
            step()
    else:
        _users += 1
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
    if _for_good or _users or threading.active_count() > 1:
        return
    for function, original, signature in _installed.values():
        function.__code__ = original.__code__
        function.__defaults__, function.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
        if signature is None:
            del function.__signature__  # type: ignore[attr-defined]
        else:
            function.__signature__ = signature  # type: ignore[attr-defined]
    _installed.clear()
