"""Interception: public functions made of several operations, asked before they run.

Autocast, `__torch_function__` and `pedigrad.check` have to see calls of functions like `cross_entropy` before the operations in them.
Functions that are one operation ask in `dispatch`. The others get code that asks first, from the moment at which a program first needs it;
until then they are what was written, and cost nothing more.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
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
_installed: set[int] = set()


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
    _installed.add(id(function))
    signature = inspect.signature(function)
    original = types.FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    original.__kwdefaults__ = function.__kwdefaults__
    code = _stub(function.__code__.co_freevars)
    function.__code__ = code.replace(co_filename=function.__code__.co_filename, co_name=function.__code__.co_name)
    function.__defaults__ = None
    function.__kwdefaults__ = {"_ask": _ask, "_function": public, "_original": original}
    function.__signature__ = signature  # type: ignore[attr-defined]


def install() -> None:
    """Have all public functions that are not one operation ask first."""
    if _installed:
        return
    for place, functions in PLACES.items():
        for name, function in functions.items():
            left = name in (UNTOUCHED if place == "Tensor" else FOREIGN) or "autocast" in name
            if not left and isinstance(function, types.FunctionType):
                intercept(function)
    for name in METHODS:
        intercept(getattr(Tensor, name))
    for step in ALSO:
        step()
