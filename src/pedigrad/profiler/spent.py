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
        yield f"{'time':>9}  {'share':>6}  {'forward':>9}  {'backward':>9}  {self.heading}"
        for row in self.rows[:most]:
            times = [f"{micro(s):>9}" for s in (row.seconds, row.forward, row.backward)]
            yield f"{times[0]}  {row.seconds / (self.total or 1):>6.1%}  {times[1]}  {times[2]}  {row.what}"
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
