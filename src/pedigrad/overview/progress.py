"""How far a loop is: a bar with its speed, the time that is left, and how much of it goes into waiting for data."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

from ..core.tensor import Tensor

__all__ = ["Progress", "clock", "progress"]

T = TypeVar("T")
EVERY = 0.1  # seconds between two drawings
WIDTH = 30  # of the bar
BAR, EIGHTHS = "█", " ▏▎▍▌▋▊▉"


class Progress(Generic[T]):
    """What `progress` returns: goes through an iterable, and shows a line about it."""

    def __init__(self, iterable: Iterable[T], total: int | None = None, label: str = "", file: Any = None):
        self.iterable, self.label = iterable, label
        self.total = total if total is not None else size_of(iterable)
        self.file = sys.stdout if file is None else file
        self.done = self.samples = 0
        self.seconds = self.waited = 0.0  # in all, and of them until the iterable had the next item
        self.noted: dict[str, Any] = {}
        self.is_loader = hasattr(iterable, "dataset") and hasattr(iterable, "collate_fn")
        self._drawn = -math.inf
        self._width = 0

    def __len__(self) -> int:
        if self.total is None:
            raise TypeError("the length of what progress() goes through is not known")
        return self.total

    def note(self, **values: Any) -> None:
        """Show values at the end of the line: `bar.note(loss=loss.item())`."""
        self.noted.update(values)

    def __iter__(self) -> Iterator[T]:
        self.done = self.samples = 0
        self.seconds = self.waited = 0.0
        began = asked = time.perf_counter()
        live = getattr(self.file, "isatty", lambda: False)()
        items = iter(self.iterable)
        try:
            for item in items:
                now = time.perf_counter()
                self.waited += now - asked
                yield item
                self.done += 1
                if self.is_loader:
                    self.samples += samples_in(item)
                asked = time.perf_counter()
                self.seconds = asked - began
                if live and asked - self._drawn >= EVERY:
                    self._draw("")
        finally:
            self.seconds = time.perf_counter() - began
            self._draw("\n", live)

    def line(self) -> str:
        """What is shown."""
        parts = [self.label] if self.label else []
        if self.total:
            eighths = round(8 * WIDTH * min(self.done / self.total, 1))
            bar = BAR * (eighths // 8) + (EIGHTHS[eighths % 8] if eighths % 8 else "")
            parts.append(f"{bar:<{WIDTH}} {self.done}/{self.total}")
        else:
            parts.append(str(self.done))
        if self.seconds and self.done:
            parts.append(f"{significant(self.done / self.seconds)}/s")
            if self.is_loader:
                parts.append(f"{significant(self.samples / self.seconds)} samples/s, data {self.waited / self.seconds:.0%}")
            left = self.total is not None and self.total > self.done
            parts.append(f"{clock((self.total - self.done) * self.seconds / self.done)} left" if left else clock(self.seconds))  # type: ignore[operator]
        noted = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in self.noted.items())
        return "  ".join([*parts, *noted])

    def _draw(self, end: str, live: bool = True) -> None:
        line = self.line()
        self.file.write(("\r" if live else "") + f"{line:<{self._width}}" + end)
        self.file.flush()
        self._width, self._drawn = len(line), time.perf_counter()


def progress(iterable: Iterable[T], total: int | None = None, label: str = "", file: Any = None) -> Progress[T]:
    """The items of an iterable, with a bar on the terminal as they pass: how many, how fast, how long it will still take.

    Of a `DataLoader` it also tells samples a second, and which share of the time was spent waiting for its batches: where `data` is
    large, the loader holds the training up. `note(loss=...)` puts values at the end of the line. Where the output is no terminal only
    the last line is written.

    Args:
        iterable: what is gone through.
        total: how many items there are, where `len(iterable)` does not tell.
        label: what the line begins with.
        file: where it is shown (standard output).

    >>> import io
    >>> from pedigrad.utils import progress
    >>> out = io.StringIO()
    >>> [x + 1 for x in progress([0, 1, 2, 3], label="adding", file=out)]
    [1, 2, 3, 4]
    >>> "4/4" in out.getvalue()
    True
    """
    return Progress(iterable, total, label, file)


def size_of(iterable: Any) -> int | None:
    """How many items there are, if it says so."""
    try:
        return len(iterable) if isinstance(iterable, Sized) else None
    except TypeError:  # a loader of a stream
        return None


def samples_in(batch: Any) -> int:
    """The size of a batch: the first dimension of the first tensor in it."""
    if isinstance(batch, Tensor):
        return batch.shape[0] if batch.ndim else 1
    if isinstance(batch, dict):
        batch = list(batch.values())
    return next((n for n in map(samples_in, batch) if n), 0) if isinstance(batch, (list, tuple)) else 0


def significant(value: float) -> str:
    """A number in three figures at least, with separators."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds.

    >>> clock(3725)
    '1:02:05'
    """
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
