"""What the traceback of a mistake shows: the user's frames, and the layer in which it happened.

Everything here runs only once something has gone wrong. An error of ours is known by its message (`origin.Message`); errors of
other people's code, and faults of our own, keep all their frames. `PEDIGRAD_TRACEBACK=full` keeps them for every error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Iterator
from opcode import opmap
from types import FrameType, FunctionType
from typing import Any

from .origin import MARK, STANDARD, Message, Origin, is_users, located, outside

FULL = os.environ.get("PEDIGRAD_TRACEBACK") == "full"
_RAISE = opmap["RAISE_VARARGS"]
IN_GRADIENT = "in the gradient of "
_OTHERS = ("numpy", "scipy", "llvmlite")  # whose own errors are translated
_PLAIN = frozenset({RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, AssertionError})


def is_refusal(error: BaseException) -> bool:
    """Whether a `raise` of ours, or of the user's, made `error`.

    NumPy's compiled functions have no frame, so the innermost one is that of whoever called them, at a call and not at a `raise`.
    """
    trace = error.__traceback__
    if trace is None:
        return True  # it was made and is to be raised
    while trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__") or ""
    return module.partition(".")[0] not in _OTHERS and trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE


def trim(error: BaseException) -> None:
    """Drop the library's frames beneath the one that caught `error`, if what it says is complete without them."""
    if FULL or not (error.args and error.args[0].__class__ is Message):
        return
    last = error.__traceback__
    if last is None:
        return
    trace = last.tb_next
    while trace is not None:
        if MARK not in trace.tb_frame.f_globals:
            last.tb_next = trace
            last = trace
        trace = trace.tb_next
    last.tb_next = None


def users_line(error: BaseException) -> Origin | None:
    """The innermost line of the user's that `error` came by; None if all frames are the library's up to the one that caught it."""
    found, trace = None, error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if is_users(frame) and frame.f_globals.get("__name__") not in STANDARD:
            found = Origin(trace.tb_frame.f_code, trace.tb_lasti)
        trace = trace.tb_next
    return found


def variables(around: bool = False) -> dict[int, str]:
    """What the user's frame calls its tensors: the name of each, by the identity of its array.

    With `around` the frames that called it count too, as long as they are of the same module; what is nearer comes first.
    """
    first = frame = outside(sys._getframe(1))
    found: dict[int, str] = {}
    while frame is not None:
        for name, value in variables_of(frame):
            if hasattr(type(value), "_held"):
                found.setdefault(id(value._held), name)
        frame = outside(frame.f_back) if around else None
        if frame is not None and first is not None and frame.f_globals is not first.f_globals:
            break
    return found


def modules_around() -> list[tuple[str, Any]]:
    """The modules that the user's frame, and those of its file that called it, have in variables: their names, and weak references."""
    first = frame = outside(sys._getframe(1))
    found = []
    while frame is not None and first is not None and frame.f_globals is first.f_globals:
        for name, value in variables_of(frame):
            if not isinstance(value, type) and hasattr(type(value), "named_parameters"):
                with contextlib.suppress(TypeError):  # it cannot be referred to weakly
                    found.append((name, weakref.ref(value)))
        frame = outside(frame.f_back)
    return found


def variables_of(frame: FrameType | None) -> Any:
    """The variables that a frame can name, and the attributes of its `self`: pairs of a name and a value."""
    if frame is None:
        return
    yield from [(name, value) for name, value in frame.f_locals.items() if name[0] not in "@."]  # those are not the user's
    names = frame.f_globals
    yield from [(name, names[name]) for name in frame.f_code.co_names if name in names]
    own = getattr(frame.f_locals.get("self"), "__dict__", None)
    if isinstance(own, dict):
        yield from [(f"self.{name}", value) for name, value in own.items()]


def parts_of(name: str, value: Any, kind: type) -> Iterator[tuple[str, Any]]:
    """The objects of a kind that a user's variable is or has in it (a module's are its parameters), and how they are called there."""
    if isinstance(value, kind):
        yield name, value
    elif isinstance(value, (list, tuple)):
        yield from ((f"{name}[{i}]", each) for i, each in enumerate(value[:100]) if isinstance(each, kind))
    elif isinstance(value, dict):
        yield from ((f"{name}[{key!r}]", each) for key, each in list(value.items())[:100] if isinstance(each, kind))
    elif isinstance(value, FunctionType):  # what it closes over
        for variable, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # it is empty
                if isinstance(cell.cell_contents, kind):
                    yield f"{variable} of {name}()", cell.cell_contents
    elif not isinstance(value, type) and hasattr(type(value), "named_parameters"):
        yield from ((f"{name}.{path}", each) for path, each in value.named_parameters() if isinstance(each, kind))


def within(error: Exception, module: Any) -> None:
    """Enter into `error`, which leaves the call of `module`, that it happened there, and trim its traceback."""
    if error.__class__ not in _PLAIN or len(error.args) != 1:
        return
    message = error.args[0]
    if message.__class__ is not Message:
        if message.__class__ is not str or error.__class__ is NotImplementedError or not _is_ours(error):
            return  # a module without a forward names itself
        message = located(message, origin=users_line(error))
    inner = message.module
    if inner is None:
        path, kind = "", type(module).__name__
    else:
        path, kind = message.path, message.kind
        name = next((name for name, each in module.named_modules() if each is inner), None)
        if name != "":  # it may have called itself
            path = f"{name or type(inner).__name__}.{path}".rstrip(".")
    root = next((name for name, value in variables_of(outside(sys._getframe(1))) if value is module), None)
    layer = ".".join(filter(None, (root or (type(module).__name__ if path else ""), path)))
    new = Message(message.text, message.given, f"{layer} ({kind})" if layer else kind, message.where, message.forward)
    new.module, new.path, new.kind = module, path, kind
    error.args = (new,)
    trim(error)


def in_gradient(error: Exception, node: Any) -> None:
    """Enter into `error`, which a gradient rule raised, which operation it is the gradient of, and where this was run."""
    if node.code is None:
        return
    message = error.args[0] if len(error.args) == 1 else None
    forward = f"{node.name()}, run {node.place}"
    if message.__class__ is str and error.__class__ in _PLAIN and _is_ours(error):
        message = located(message, origin=users_line(error))  # type: ignore[arg-type]
    if message.__class__ is not Message:
        if not any(note.startswith(IN_GRADIENT) for note in getattr(error, "__notes__", ())):
            error.add_note(IN_GRADIENT + forward)
    elif not message.forward and str(node.origin) not in message.text:  # type: ignore[union-attr]
        error.args = (Message(message.text, message.given, message.layer, message.where, forward),)  # type: ignore[union-attr]


def _is_ours(error: BaseException) -> bool:
    """Whether a `raise` of the library made `error`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and MARK in trace.tb_frame.f_globals and is_refusal(error)
