"""Profiles: when events are noted, and the context managers that users open."""

from __future__ import annotations

import enum
import functools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..core import modes, profiling
from ..core.modes import settings
from ..core.origin import located
from .alive import Alive
from .held import Snapshot
from .report import EventList
from .spent import Table


class ProfilerActivity(enum.Enum):
    """What is observed; there is nothing but the CPU."""

    CPU = 0
    XPU = 1
    CUDA = 2
    MTIA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profile does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be observed."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """True: profiles can be made."""
    return True


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:  # fmt: skip
    """A function from a step's number to what is done in it: `wait` steps nothing, `warmup` unused ones, `active` observed ones, again
    and again, `repeat` times (0: until the end), after `skip_first` steps."""
    if active <= 0:
        raise AssertionError(located(f"Invalid profiler schedule arguments: active must be positive, got {active}"))

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait and step >= 0:
            step += wait
        length = wait + warmup + active
        if repeat and step // length >= repeat:
            return ProfilerAction.NONE
        at = step % length
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < length - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(dir_name: str, worker_name: str | None = None, use_gzip: bool = False) -> Callable[[Any], None]:
    """A function for `on_trace_ready` that writes Chrome traces into a directory, where TensorBoard's plugin finds them."""

    def handler(finished: Any) -> None:
        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        end = ".gz" if use_gzip else ""
        finished.export_chrome_trace(os.path.join(dir_name, f"{worker}.{time.time_ns()}.pt.trace.json{end}"))

    return handler


class Observer:
    """Notes events of the thread that opened it."""

    def __init__(self, shapes: bool, memory: bool = False):
        self.shapes = shapes
        self.alive = Alive() if memory else None
        self.roots: list[profiling.Event] = []
        self.open: profiling.Event | None = None
        self.thread = threading.get_ident()
        self.base = profiling.clock()

    def begin(self, name: str, kind: str, inputs: Any) -> profiling.Event:
        """A new event within those that are open."""
        seen = tuple(tuple(getattr(x, "shape", ())) for x in inputs) if self.shapes else ()
        event = self.open = profiling.Event(name, kind, self.open, self.thread, seen)
        return event

    def finish(self, event: profiling.Event) -> None:
        """The event is over."""
        self.open = event.parent
        (self.roots if event.parent is None else event.parent.children).append(event)


class profile:
    """Within it operations are timed; afterwards `key_averages()`, `events()`, `by_line()` and `export_chrome_trace()` say where time went.

    With `profile_memory` it is also noted what operations make and for how long it is there: `memory()` and `leaks()` tell the lines.

    With a `schedule`, `step()` marks the end of each step, and `on_trace_ready` is called with the profile at the end of each cycle.
    """

    def __init__(
        self,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        **more: Any,
    ):
        self.schedule, self.on_trace_ready, self.shapes = schedule, on_trace_ready, record_shapes
        self.observes_memory = profile_memory
        self.activities = set(activities) if activities is not None else supported_activities()
        self.step_num = 0
        self.observer: Observer | None = None
        self.finished = EventList([], 0)
        self.current_action = ProfilerAction.RECORD if schedule is None else schedule(0)

    # Begin and end

    def start(self) -> None:
        """Begin to observe, if the schedule says so."""
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._observe()

    def stop(self) -> None:
        """End; what was observed is kept."""
        if self.observer is not None:
            self._keep()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)

    def _observe(self) -> None:
        if self.observer is None:
            if settings.profiler is not None:
                raise RuntimeError(located("Profiler is already enabled on this thread"))
            self.observer = settings.profiler = Observer(self.shapes, self.observes_memory)
            modes.need_long_way(+1)

    def _keep(self) -> None:
        assert self.observer is not None
        self.finished = EventList(self.observer.roots, self.observer.base)
        self.finished.alive = self.observer.alive
        if self.observer.alive is not None:
            self.observer.alive.end()
        settings.profiler = self.observer = None
        modes.need_long_way(-1)

    def step(self) -> None:
        """A step is over."""
        before = self.current_action
        self.step_num += 1
        if self.observer is not None and self.observer.alive is not None:
            self.observer.alive.mark()
        if self.schedule is None:
            return
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE and self.observer is not None:
            self._keep()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self.start()

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # What was found

    def events(self) -> EventList:
        """All events, in order."""
        return self.finished

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Events of one name together, with `group_by_input_shape` of one name and shapes, with `group_by_stack_n` of one source line."""
        return self.finished.key_averages(group_by_input_shape, group_by_stack_n)

    def by_line(self) -> EventList:
        """Events by the user's source line, forward and backward together."""
        return self.finished.by_line()

    def lines(self) -> Table:
        """Each source line's own time, forward and backward; prints as a table."""
        return self.finished.lines()

    def modules(self) -> Table:
        """Each module's own time, forward and backward; prints as a table."""
        return self.finished.modules()

    def memory(self) -> Snapshot:
        """What was alive when most was, by line, with `profile_memory=True`; prints as a table."""
        return self.finished.memory()

    def leaks(self) -> Snapshot:
        """What has grown in each step, by line, with `profile_memory=True` and `step()` at the end of each step; prints as a table."""
        return self.finished.leaks()

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """A flame graph by module, line and operation, and a timeline, as one HTML page; written to `path` if there is one."""
        return self.finished.html(path)

    def export_speedscope(self, path: str | os.PathLike[str]) -> None:
        """Write the times as a file for speedscope.app."""
        self.finished.export_speedscope(path)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events as a file for chrome://tracing and Perfetto (compressed if its name ends in .gz)."""
        self.finished.export_chrome_trace(path)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write a line for each stack of events with its microseconds, for flame graphs."""
        self.finished.export_stacks(path, metric)

    @functools.wraps(EventList.table)
    def table(self, *args: Any, **kwargs: Any) -> str:
        return self.key_averages().table(*args, **kwargs)

    def add_metadata(self, key: str, value: str) -> None:
        """Keep a text with the trace."""
        self.finished.metadata[key] = value

    add_metadata_json = add_metadata

    def __str__(self) -> str:
        return self.finished.table()


class record_function:
    """A context manager and decorator that gives a span of a program a name in profiles."""

    def __init__(self, name: str, args: str | None = None):
        self.name = name
        self.event: profiling.Event | None = None

    def __enter__(self) -> record_function:
        observer = settings.profiler
        if observer is not None:
            self.event = observer.begin(self.name, "user", ())
            self.event.start = profiling.clock()
        return self

    def __exit__(self, *exc: object) -> None:
        observer, event = settings.profiler, self.event
        if event is not None:
            event.end = profiling.clock()
            if observer is not None:
                observer.finish(event)
            self.event = None

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def named(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return named
