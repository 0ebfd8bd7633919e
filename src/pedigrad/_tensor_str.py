"""`torch._tensor_str`: how tensors are printed, by the names that libraries reach for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .core import formatting


class _Options:
    """The present settings of printing, as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(formatting._options, name)
        except AttributeError:
            raise AttributeError(f"there is no setting {name!r} of printing", name=name, obj=self) from None


PRINT_OPTS = _Options()


def _tensor_str(self: Any, indent: int) -> str:
    """The elements of a tensor as they are printed, further lines indented."""
    text = repr(self.detach())
    return text[len("tensor(") : -1].replace("\n" + " " * len("tensor("), "\n" + " " * indent)


def _str(self: Any, *, tensor_contents: str | None = None) -> str:
    """A tensor as it is printed."""
    return repr(self)


@contextmanager
def printoptions(**named: Any) -> Iterator[None]:
    """A context in which tensors are printed otherwise."""
    before = formatting._options
    formatting.set_printoptions(**named)
    try:
        yield
    finally:
        formatting._options = before
