"""Compiled programs in a profile: the clock is read after each step, whose time belongs to the lines that it computes."""

from __future__ import annotations

import functools
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ...codegen.runtime.executable import Executable, source_of
from ...core import modes
from ...core.profiling import Event, clock, spanned
from ...core.tensor import Tensor
from .lines import BACKWARD, Place, places_of
from .measured import profiled, tick

Parts = list[dict[Place, int]]
_probes: WeakKeyDictionary[Executable, tuple[Executable, Parts] | None] = WeakKeyDictionary()


def run(executable: Executable, arrays: list[Any], name: str, kind: str) -> Any:
    """What the program gives; where a profiler looks, it is told of the program, and of what is in it."""
    profiler = modes.settings.profiler
    if profiler is None:
        return executable.run(arrays)
    begin = clock()
    found = probe_of(executable)
    around = profiler.open
    while around is not None:  # to compile it is no part of what runs it
        around.start += clock() - begin
        around = around.parent
    if found is None:
        return spanned(profiler, name, kind, functools.partial(told, profiler, executable, arrays))
    probe, parts = found
    into = profiler.open.children if profiler.open is not None else profiler.roots
    before = len(into)
    result = spanned(profiler, name, kind, functools.partial(told, profiler, probe, arrays))
    if len(into) > before:
        share_out(into[-1], parts, (np.diff(probe.cycles) * (tick() * 1e9)).tolist(), kind)
    return result


def told(profiler: Any, executable: Executable, arrays: list[Any]) -> list[Any]:
    """What the program gives; where memory is observed, it is told what the program made, and what lay in its arena."""
    result = executable.run(arrays)
    if profiler.alive is not None:
        outputs = executable.program.outputs[: executable.count]
        profiler.alive.ran(profiler.open, list(zip(result, map(source_of, outputs), strict=True)), executable.arena_by_source())
    return result


def saved(profiler: Any, results: list[Tensor]) -> None:
    """Results have their history: where memory is observed, it is told what that has saved."""
    last = (profiler.roots if profiler.open is None else profiler.open.children)[-1:]
    for tensor in results if profiler.alive is not None and last else ():
        profiler.alive.saves(tensor._node, last[0])


def probe_of(executable: Executable) -> tuple[Executable, Parts] | None:
    """The program with the clock read after each step, compiled at its first run in a profile; None where the clock stands still."""
    if executable not in _probes:
        _probes[executable] = None
        if tick():
            probe = profiled(executable)
            _probes[executable] = probe, [places_of(step) for step in probe.placement.steps]
    return _probes[executable]


def share_out(event: Event, parts: Parts, times: list[float], kind: str) -> None:
    """Put what the steps computed into an event: each operation for as long as its part of its step took, in nanoseconds."""
    scale = min(1.0, event.total / (sum(times) or 1.0))
    at = float(event.start)
    for places, time in zip(parts, times, strict=False):
        total = sum(places.values())
        for place, elements in places.items():
            is_backward = kind == "backward" or place.name.endswith(BACKWARD)
            inner = Event(place.name.removesuffix(".grad"), "backward" if is_backward else "op", event, event.thread)
            inner.code, inner.lasti, inner.scope = place.code, place.lasti, place.scope
            inner.start, inner.end = round(at), round(at + time * scale * elements / total)
            at += time * scale * elements / total
            event.children.append(inner)
        at += 0.0 if places else time * scale
