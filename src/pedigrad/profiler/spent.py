"""Tables of what lines or modules take: forward and backward of one together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass
class Spent:
    """What one line, or one module, takes of a run: seconds."""

    what: str
    forward: float = 0.0
    backward: float = 0.0
    operations: int = 0

    @property
    def seconds(self) -> float:
        return self.forward + self.backward


@dataclass
class Table:
    """Times by line or by module; prints."""

    rows: list[Spent]
    heading: str
    total: float

    def lines(self, most: int | None = 30) -> Iterator[str]:
        """The lines of the table."""
        heads = ("time", "share", "forward", "backward")
        shown = self.rows[:most]
        cells = [(micro(r.seconds), f"{r.seconds / (self.total or 1):.1%}", micro(r.forward), micro(r.backward)) for r in shown]
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        for row, what in zip((heads, *cells), (self.heading, *(r.what for r in shown)), strict=True):
            yield "  ".join([*(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True)), what])
        if most is not None and len(self.rows) > most:
            yield f"and {len(self.rows) - most} more"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__

    def __iter__(self) -> Iterator[Spent]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def micro(seconds: float) -> str:
    """Microseconds."""
    return f"{seconds * 1e6:,.1f} us"
