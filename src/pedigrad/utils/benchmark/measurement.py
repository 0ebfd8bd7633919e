"""What was measured: the times of runs of a statement, and their statistics."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...eager.threads import get_num_threads, set_num_threads

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
ENGLISH = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}
LEAST, MOST = 1, 5  # significant figures
WIDE, TOO_WIDE = 0.1, 0.25  # interquartile ranges over medians at which it is said that a time is no good


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which a time in seconds is well read, and that unit in seconds."""
    unit = next((name for name, size in reversed(UNITS.items()) if t >= size), "ns")
    return unit, UNITS[unit]


def unit_to_english(u: str) -> str:
    """The name of a unit."""
    return ENGLISH[u]


def trim_sigfig(x: float, n: int) -> float:
    """A number rounded to n significant figures."""
    if n != int(n):
        raise AssertionError(f"Number of significant figures must be an integer, got {n}")
    if x == 0:
        return 0.0
    return round(x, int(n) - 1 - math.floor(math.log10(abs(x))))


def ordered_unique(elements: Iterable[Any]) -> list[Any]:
    """The elements without repetitions, in order."""
    return list(dict.fromkeys(elements))


@contextmanager
def set_torch_threads(n: int) -> Iterator[None]:
    """A context in which native code uses n threads."""
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


@dataclasses.dataclass(init=True, repr=False, eq=True, frozen=True)
class TaskSpec:
    """What was run, without its values: the statement, its labels, the number of threads."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """What to call it: its labels, or the statement."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        return self.stmt if "\n" not in self.stmt else "stmt:\n" + "\n".join(f"  {line}" for line in self.stmt.split("\n"))

    def setup_str(self) -> str:
        """The setup as a line or lines to print, "" if there is none."""
        if self.setup in ("", "pass"):
            return ""
        return f"setup: {self.setup}" if "\n" not in self.setup else "setup:\n" + "\n".join(f"  {line}" for line in self.setup.split("\n"))


@dataclasses.dataclass(repr=False)
class Measurement:
    """Times in seconds of several measurements of `number_per_run` runs each, of one task."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"Measurement has no {name!r}")

    @property
    def times(self) -> list[float]:
        """Seconds of one run, by each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The median of the times."""
        return float(np.median(self.times))

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return float(np.mean(self.times))

    @property
    def iqr(self) -> float:
        """The range in which the middle half of the times lies."""
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(high - low)

    @property
    def significant_figures(self) -> int:
        """How many figures of the median are to be believed, by the spread of the middle half."""
        count = len(self.times)
        spread = self.iqr / 1.35 * 1.25 / math.sqrt(max(count, 1))  # of the median, if times were normal
        if not spread or not self.median:
            return MOST
        return int(min(max(LEAST, math.floor(math.log10(self.median / spread))), MOST))

    @property
    def has_warnings(self) -> bool:
        """Whether times differ too much."""
        return not self.meets_confidence()

    def meets_confidence(self, threshold: float = WIDE) -> bool:
        """Whether the middle half lies within this part of the median."""
        return not self.median or self.iqr / self.median < threshold

    @property
    def title(self) -> str:
        """What to call it."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """What its row in a table is called."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    def __repr__(self) -> str:
        unit, size = select_unit(self.median)
        head = [f"<{type(self).__module__}.Measurement object at {id(self):#x}>", self.title]
        head += [text for text in (self.task_spec.description, self.task_spec.setup_str()) if text]
        count, threads = len(self.raw_times), self.task_spec.num_threads
        last = f"{count} measurement{'s' * (count > 1)}, {self.number_per_run} runs{' per measurement,' if count > 1 else ','} "
        last += f"{threads} thread{'s' * (threads > 1)}"
        if count < 2:
            return "\n".join([*head, f"  {self.median / size:.2f} {unit}", f"  {last}"])
        lines = [f"  Median: {self.median / size:.2f} {unit}"]
        if count > 2:
            low, high = np.quantile(self.times, [0.25, 0.75]) / size
            lines.append(f"  IQR:    {self.iqr / size:.2f} {unit} ({low:.2f} to {high:.2f})")
        if not self.meets_confidence():
            much = "very wide: what else runs on this machine?" if not self.meets_confidence(TOO_WIDE) else "wide"
            last += f"\n  WARNING: the middle half of the times is {self.iqr / self.median:.0%} of the median, which is {much}"
        return "\n".join([*head, *lines, f"  {last}"])

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Measurements of the same task as one, with the times of all."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for each in measurements:
            groups.setdefault(each.task_spec, []).append(each)
        return [functools.reduce(_joined, group) if len(group) > 1 else group[0] for group in groups.values()]


def _joined(a: Measurement, b: Measurement) -> Measurement:
    return Measurement(1, a.times + b.times, a.task_spec, None)
