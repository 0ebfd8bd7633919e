"""Where in the user's program something happened: a code object and an instruction, formatted only when asked.

Frames of pedigrad's own modules are passed over: `mark_internal` puts a name into their globals that the walk looks for,
which is the cheapest test there is for "is this frame ours".
"""

from __future__ import annotations

import linecache
import sys
import warnings
from types import CodeType, FrameType
from typing import Any

from .quiet import MARK, silence

AS_USER = frozenset({"pedigrad.demo", "pedigrad.__main__"})  # modules whose lines are shown as a program's would be


def mark_internal() -> None:
    """Mark every loaded module of the library; whoever loads more of them later calls it again."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("pedigrad.") or module is None or name in AS_USER or MARK in module.__dict__:
            continue
        if not getattr(module.__spec__, "_initializing", False):  # until then what it defines is named after it
            silence(module, name)


def outside(frame: FrameType | None) -> FrameType | None:
    """The first frame from `frame` outwards that is not the library's own."""
    while frame is not None:
        names = frame.f_globals
        if MARK not in names:
            name = names.get("__name__") or ""
            if not name.startswith("pedigrad.") or name in AS_USER:
                return frame
            mark_internal()  # a module that was imported by itself since the last marking
        frame = frame.f_back
    return None


def is_users(frame: FrameType) -> bool:
    """Whether a frame is the user's and not the library's."""
    return MARK not in frame.f_globals and outside(frame) is frame


_BETWEEN = ("pedigrad.core.interception", "pedigrad.core.override", "pedigrad.core.modes")


def caller(depth: int) -> FrameType | None:
    """What called the function `depth` frames out from the one that asks; functions that ask first are passed over."""
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and ("_original" in frame.f_code.co_varnames or frame.f_globals.get(MARK) in _BETWEEN):
        frame = frame.f_back
    return frame


def called_by_user(depth: int) -> bool:
    """Whether the user's program called the function `depth` frames out from the one that asks."""
    frame = caller(depth + 1)
    return frame is not None and is_users(frame)


def outside_depth() -> int:
    """How many frames from its caller outwards the user's own is: the `stacklevel` with which the caller warns of the user's line."""
    first = sys._getframe(1)
    frame, user, depth = first, outside(first), 1
    while frame is not user and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the user's line; in the library's own frames nothing is heard (`core/quiet.py`), so all warnings of ours go this way."""
    warnings.warn(message, category, stacklevel=outside_depth())


_warned: set[str] = set()


def warn_once(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the user's line, the first time in the process: so PyTorch does where the same call may be made often."""
    if message not in _warned:
        _warned.add(message)
        warn(message, category)


class Origin:
    """A place in the user's program."""

    __slots__ = ("code", "lasti")

    def __init__(self, code: CodeType | None, lasti: int):
        self.code, self.lasti = code, lasti

    @classmethod
    def here(cls) -> Origin:
        """The user's line that is running now."""
        frame = outside(sys._getframe(1))
        return cls(None, 0) if frame is None else cls(frame.f_code, frame.f_lasti)

    @property
    def key(self) -> tuple[CodeType | None, int]:
        """What tells it from other places, for dictionaries."""
        return self.code, self.lasti

    @property
    def file(self) -> str:
        """Path of the source file."""
        return self.code.co_filename if self.code else "<unknown>"

    @property
    def function(self) -> str:
        """Qualified name of the function."""
        return self.code.co_qualname if self.code else "<unknown>"

    @property
    def line(self) -> int:
        """Line number of the statement, from 1; 0 if unknown."""
        if self.code is None:
            return 0
        for index, positions in enumerate(self.code.co_positions()):
            if index == self.lasti // 2:
                return positions[0] or self.code.co_firstlineno
        return self.code.co_firstlineno

    @property
    def text(self) -> str:
        """The source line, stripped; empty where the source is not at hand."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        text = self.text
        return f"{self.file}:{self.line}" + (f": {text}" if text else "")

    def __repr__(self) -> str:
        return f"<Origin {self}>"


NOWHERE = Origin(None, 0)  # no place in the program


class Source(str):
    """The name of what computes something, with the user's line and the module that ran it: what recorded programs keep of an operation."""

    code: CodeType | None
    lasti: int
    scope: Any

    def __new__(cls, name: str, code: CodeType | None, lasti: int, scope: Any) -> Source:
        self = super().__new__(cls, name)
        self.code, self.lasti, self.scope = code, lasti, scope
        return self

    @property
    def origin(self) -> Origin:
        """The user's line."""
        return Origin(self.code, self.lasti)


class Message(str):
    """What an error says, in parts: the text, what the operation was given, the layer it happened in, the user's line."""

    text: str
    given: str
    layer: str  # `model.encoder.0 (Linear)`, once a module has seen the error go by
    where: str
    forward: str  # of an error in a gradient rule: the operation that it is of, and where this was run
    module: Any = None  # the outermost module that has seen it so far
    path: str = ""  # from there to the innermost one, which is a `kind`
    kind: str = ""

    def __new__(cls, text: str, given: str = "", layer: str = "", where: str = "", forward: str = "") -> Message:
        said = (("given", given), ("in", layer), ("at", where), ("in the gradient of", forward))
        self = super().__new__(cls, "\n".join([text, *(f"  {word} {part}" for word, part in said if part)]))
        self.text, self.given, self.layer, self.where, self.forward = text, given, layer, where, forward
        return self

    def __reduce__(self) -> Any:
        return str, (str(self),)


STANDARD = frozenset({"copy", "functools", "contextlib"})  # modules of Python's through which users call us


def located(message: str, given: str = "", origin: Origin | None = None) -> str:
    """`message` with what was given and the user's line under it: `origin`, or the one that is running.

    >>> print(located("expected a float"))  # doctest: +ELLIPSIS
    expected a float
      at ...
    """
    if isinstance(message, Message):
        return message
    if origin is not None:
        return Message(message, given, where=str(origin))
    frame = outside(sys._getframe(1))
    while frame is not None and frame.f_globals.get("__name__") in STANDARD:
        frame = outside(frame.f_back)
    return Message(message, given, where="" if frame is None else str(Origin(frame.f_code, frame.f_lasti)))
