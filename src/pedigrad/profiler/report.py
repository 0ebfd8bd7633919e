"""What a profile found: lists of events, sums by name and by line, tables and traces."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..core.profiling import Event
from ..provenance.text import size
from . import flame
from .alive import Alive, rows_of
from .held import Snapshot
from .spent import Spent, Table

SORTS = {
    "cpu_time": "cpu_time",
    "cpu_time_total": "cpu_time_total",
    "self_cpu_time_total": "self_cpu_time_total",
    "count": "count",
    "self_cpu_time": "self_cpu_time_total",
    "cpu_memory_usage": "cpu_memory_usage",
    "self_cpu_memory_usage": "self_cpu_memory_usage",
}


class FunctionEventAvg:
    """Events of one key: how many, and how long they took, in microseconds."""

    def __init__(self, key: str, input_shapes: Any = (), stack: tuple[str, ...] = ()):
        self.key, self.input_shapes, self.stack = key, input_shapes, stack
        self.count, self.cpu_time_total, self.self_cpu_time_total = 0, 0.0, 0.0
        self.is_user_annotation = False
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0  # bytes

    def add(self, event: Event) -> None:
        """Count one more event; what lies within one of the same key is not counted twice in the total."""
        self.count += 1
        self.self_cpu_time_total += event.own / 1e3
        self.cpu_time_total += event.total / 1e3
        self.is_user_annotation = event.kind == "user"
        self.self_cpu_memory_usage += event.memory
        self.cpu_memory_usage += sum(each.memory for each in _within(event))

    @property
    def cpu_time(self) -> float:
        """The mean of one event."""
        return self.cpu_time_total / self.count if self.count else 0.0

    name = property(lambda self: self.key)
    device_time_total = self_device_time_total = cuda_time_total = self_cuda_time_total = property(lambda self: 0)

    def __repr__(self) -> str:
        times = f"self_cpu_time={self.self_cpu_time_total:.3f}us cpu_time={self.cpu_time:.3f}us"
        return f"<FunctionEventAvg key={self.key} {times} count={self.count}>"


class EventList(list[Any]):
    """Events of a profile, or sums of them."""

    def __init__(self, items: Iterable[Any], base: int = 0, roots: list[Event] | None = None):
        events = list(items)
        self.roots = roots if roots is not None else [e for e in events if isinstance(e, Event)]
        self.base, self.metadata = base, {}  # type: ignore[var-annotated]
        self.alive: Alive | None = None  # what is known of memory
        super().__init__([e for root in self.roots for e in _within(root)] if roots is None else events)

    def _summed(self, key: Any) -> EventList:
        sums: dict[Any, FunctionEventAvg] = {}
        for event in (e for root in self.roots for e in _within(root)):
            name, *rest = key(event)
            found = sums.get((name, *rest))
            if found is None:
                found = sums[(name, *rest)] = FunctionEventAvg(name, *rest)
            found.add(event)
        return EventList(sums.values(), self.base, self.roots)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """The sums of events of one name (and shapes, and source line)."""
        return self._summed(
            lambda e: (
                e.name,
                e.inputs if group_by_input_shape else (),
                (str(e.origin),) if group_by_stack_n and e.code is not None else (),
            )
        )

    def by_line(self) -> EventList:
        """The sums of events of one source line."""
        return self._summed(lambda e: (str(e.origin) if e.code is not None else e.name,))

    def lines(self) -> Table:
        """Each source line's own time, forward and backward; prints as a table."""
        return self._spent(lambda event: str(flame.stack_of(event)[-2]) if event.code is not None else flame.operation(event), "line")

    def modules(self) -> Table:
        """Each module's own time, forward and backward; prints as a table."""
        return self._spent(lambda event: "outside of modules" if event.scope is None else str(event.scope), "module")

    def _spent(self, key: Any, heading: str) -> Table:
        found: dict[str, Spent] = {}
        for event in self.all():
            entry = found.setdefault(key(event), Spent(key(event)))
            entry.operations += 1
            if event.kind == "backward":
                entry.backward += event.own / 1e9
            else:
                entry.forward += event.own / 1e9
        rows = sorted(found.values(), key=lambda entry: -entry.seconds)
        return Table(rows, heading, sum(row.seconds for row in rows))

    def all(self) -> Iterator[Event]:
        """All events, those within others too."""
        for root in self.roots:
            yield from _within(root)

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """A flame graph by module, line and operation, and a timeline, as one HTML page; written to `path` if there is one."""
        made = flame.page(self.all(), memory=self._memory_data())
        if path is not None:
            Path(path).write_text(made, encoding="utf-8")
        return made

    def export_speedscope(self, path: str | os.PathLike[str]) -> None:
        """Write the times as a file for speedscope.app."""
        held = {} if self.alive is None else self.alive.stacks(flame.stack_of)
        flame.write_json(flame.speedscope(self.all(), held=held), path)

    def memory(self) -> Snapshot:
        """What was alive when most was, by line; empty where memory was not observed."""
        return Snapshot({}) if self.alive is None else self.alive.at_peak(self.base)

    def leaks(self) -> Snapshot:
        """What has grown in each step, by line; empty where memory was not observed."""
        return Snapshot({}, True) if self.alive is None else self.alive.leaks()

    def _memory_data(self) -> Any:
        if self.alive is None:
            return None
        snapshot, leaks = self.memory(), self.leaks()
        first = min((event.start for event in self.all()), default=self.base)
        course = [(max(time - first, 0), nbytes) for time, nbytes in self.alive.course()]
        return {"course": course, "total": snapshot.total, "rows": rows_of(snapshot), "leaks": rows_of(leaks)}

    def total_average(self) -> FunctionEventAvg:
        """The sum of all."""
        total = FunctionEventAvg("Total")
        for root in self.roots:
            for event in _within(root):
                total.count += 1
                total.self_cpu_time_total += event.own / 1e3
        total.cpu_time_total = total.self_cpu_time_total
        return total

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return sum(root.total for root in self.roots) / 1e3

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75, max_name_column_width: int = 55,
        max_shapes_column_width: int = 80, header: str | None = None, top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:  # fmt: skip
        """A table of the sums, the largest by `sort_by` first: "cpu_time_total", "self_cpu_time_total", "cpu_time" or "count"."""
        rows = list(self) if all(isinstance(e, FunctionEventAvg) for e in self) else list(self.key_averages())
        if sort_by is not None:
            column = SORTS.get(sort_by.replace("cuda", "cpu").replace("device", "cpu"))
            if column is None:
                raise AttributeError(f"there is no column {sort_by!r} to sort by: there are {', '.join(SORTS)}")
            rows.sort(key=lambda row: -getattr(row, column))
        total = self.self_cpu_time_total or 1.0
        shown = rows[: row_limit if row_limit >= 0 else None]
        names = [_cut(row.key, max_name_column_width) for row in shown]
        width = max([len(n) for n in names] + [4])
        heads: tuple[str, ...] = ("Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")
        with_memory = any(row.cpu_memory_usage for row in rows)
        heads += ("CPU Mem", "Self CPU Mem") if with_memory else ()
        rule = "  ".join("-" * n for n in (width, *(max(len(h), 10) for h in heads)))
        lines = [] if header is None else [header]
        lines += [rule, "  ".join([f"{'Name':>{width}}", *(f"{h:>{max(len(h), 10)}}" for h in heads)]), rule]
        for name, row in zip(names, shown, strict=True):
            cells = (
                f"{100 * row.self_cpu_time_total / total:.2f}%", _time(row.self_cpu_time_total), f"{100 * row.cpu_time_total / total:.2f}%",
                _time(row.cpu_time_total), _time(row.cpu_time), str(row.count),
                *((size(row.cpu_memory_usage), size(row.self_cpu_memory_usage)) if with_memory else ()),
            )  # fmt: skip
            lines.append("  ".join([f"{name:>{width}}", *(f"{c:>{max(len(h), 10)}}" for c, h in zip(cells, heads, strict=True))]))
        return "\n".join([*lines, rule, f"Self CPU time total: {_time(self.self_cpu_time_total)}", ""])

    def export_chrome_trace(self, path: str) -> None:
        """Write the events as a file for chrome://tracing and Perfetto."""
        kinds = {"op": "cpu_op", "user": "user_annotation"}
        events = []
        for event in (e for root in self.roots for e in _within(root)):
            line = str(event.origin) if event.code is not None else ""
            args = {"line": line, "Input Dims": [list(s) for s in event.inputs]}
            times = {"ts": (event.start - self.base) / 1e3, "dur": event.total / 1e3}
            kind = kinds.get(event.kind, event.kind)
            events.append({"ph": "X", "cat": kind, "name": event.name, "pid": 0, "tid": event.thread, **times, "args": args})
        for time, nbytes in () if self.alive is None else self.alive.course():
            events.append({"ph": "C", "name": "memory", "pid": 0, "ts": (time - self.base) / 1e3, "args": {"alive": nbytes}})
        text = json.dumps({"schemaVersion": 1, "traceEvents": events, **self.metadata})
        with gzip.open(path, "wt") if path.endswith(".gz") else open(path, "w") as file:
            file.write(text)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write a line for each stack of events with its microseconds."""
        with open(path, "w") as file:
            for root in self.roots:
                for event in _within(root):
                    names, at = [], event
                    while at is not None:
                        names.append(at.name.replace(";", ","))
                        at = at.parent  # type: ignore[assignment]
                    file.write(f"{';'.join(reversed(names))} {max(round(event.own / 1e3), 1)}\n")

    def __str__(self) -> str:
        return self.table()


def _within(event: Event) -> Iterator[Event]:
    yield event
    for child in event.children:
        yield from _within(child)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _time(microseconds: float) -> str:
    for unit, each in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= each:
            return f"{microseconds / each:.3f}{unit}"
    return f"{microseconds:.3f}us"
