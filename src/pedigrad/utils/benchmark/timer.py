"""Timing of a statement."""

from __future__ import annotations

import enum
import textwrap
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from .measurement import Measurement, TaskSpec, set_torch_threads

timer = timeit.default_timer
ENOUGH = 1000.0  # how many times longer than reading the clock a measurement has to take, at least


class Language(enum.Enum):
    """What a statement is written in."""

    PYTHON = 0
    CPP = 1


class Timer:
    """Times `stmt`, after `setup`, with one thread unless it is told otherwise, and after a run that is not counted.

    `globals` are names that both see; `label`, `sub_label`, `description` and `env` say what is measured, for tables.
    NotImplementedError for statements in C++.
    """

    _timer_cls: Any = timeit.Timer

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if language not in (Language.PYTHON, "py", "python"):
            raise NotImplementedError(f"Timer: statements in {language!r} cannot be timed, only in Python")
        if global_setup:
            raise ValueError(f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`.")
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported: put a function into globals and call it")
        stmt, setup = (textwrap.dedent(text).strip() for text in (stmt, setup))
        self._globals = dict(globals or {})
        self._timer = self._timer_cls(stmt=stmt, setup=setup, timer=timer, globals=self._globals)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _timeit(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """The time of `number` runs, taken as one."""
        with set_torch_threads(self._task_spec.num_threads):
            self._timeit(max(number // 100, 2))
            return Measurement(number, [self._timeit(number)], self._task_spec)

    def autorange(self, callback: Any = None) -> Any:
        """Not there, as in PyTorch: `blocked_autorange` is."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def repeat(self, repeat: int = -1, number: int = -1) -> Any:
        """Not there, as in PyTorch: `blocked_autorange` is."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time: float) -> int:
        """How many runs a measurement has to be of for the clock not to matter, and not more than half of the time allows."""
        with set_torch_threads(self._task_spec.num_threads):
            clock = float(np.median([self._timeit(0) for _ in range(5)]))
            number = 1
            while True:
                taken = self._timeit(number)
                if clock / (taken / number) / number < 1 / ENOUGH and taken >= min_run_time / 1000:
                    return number
                if taken > min_run_time / 2:
                    return number
                number *= 10

    def _measured(self, number: int, seconds: float, enough: Callable[[list[float]], bool], callback: Any) -> Measurement:
        """Measurements of `number` runs until they have taken this long and are enough."""
        times: list[float] = []
        with set_torch_threads(self._task_spec.num_threads):
            while sum(times) < seconds or not enough(times):
                times.append(self._timeit(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def blocked_autorange(self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2) -> Measurement:
        """As many measurements as take `min_run_time` seconds, of so many runs each that the clock does not matter.

        `callback(number, seconds)` is called after each.
        """
        return self._measured(self._block_size(min_run_time), min_run_time, bool, callback)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measurements until the middle half of them lies within `threshold` of the median, or `max_run_time` seconds are over."""
        number = self._block_size(0.05)

        def enough(times: list[float]) -> bool:
            if sum(times) > max_run_time:
                return True
            return len(times) > 3 and Measurement(number, times, self._task_spec).meets_confidence(threshold)

        return self._measured(number, min_run_time, enough, callback)

    def collect_callgrind(self, number: int = 100, **kwargs: Any) -> Any:
        """Not there: counting instructions needs Valgrind and PyTorch's own build for it."""
        raise NotImplementedError("Timer.collect_callgrind: instructions are not counted; blocked_autorange() measures times")
