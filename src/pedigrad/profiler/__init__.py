"""torch.profiler: where time goes, by operation, by source line and by what a program has named.

>>> import pedigrad as torch
>>> with torch.profiler.profile() as found:
...     y = torch.ones(3, requires_grad=True).exp().sum()
...     y.backward()
>>> [e.key for e in found.key_averages() if e.key == "aten::exp"]
['aten::exp']
"""

from .report import EventList, FunctionEventAvg
from .session import (
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    profile,
    record_function,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "EventList",
    "FunctionEventAvg",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
