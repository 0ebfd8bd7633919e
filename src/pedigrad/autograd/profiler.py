"""torch.autograd.profiler: the older names of `torch.profiler`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..profiler import EventList, FunctionEventAvg, record_function
from ..profiler import profile as _profile


class profile(_profile):
    """Within it operations are timed; `enabled=False` switches that off."""

    def __init__(self, enabled: bool = True, *, use_cuda: bool = False, record_shapes: bool = False, **more: Any):
        super().__init__(record_shapes=record_shapes)
        self.enabled = enabled

    def start(self) -> None:
        """Begin to observe."""
        if self.enabled:
            super().start()

    def total_average(self) -> FunctionEventAvg:
        """The sum of all events."""
        return self.finished.total_average()

    @property
    def function_events(self) -> EventList:
        """All events."""
        return self.finished

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events."""
        return self.finished.self_cpu_time_total


@contextmanager
def emit_nvtx(enabled: bool = True, record_shapes: bool = False) -> Iterator[None]:
    """Nothing: there is no such tool without a GPU."""
    yield


emit_itt = emit_nvtx

__all__ = ["EventList", "FunctionEventAvg", "emit_itt", "emit_nvtx", "profile", "record_function"]
