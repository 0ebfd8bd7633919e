"""Where time goes as a tree: modules within modules, then source lines, then operations. As a page, and as a file for speedscope.

Of an operation only its own time counts, so a stack's time is the sum of what is above it. Backward passes stand where the operations
were run: in the module and at the line that they belong to.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from ..core.profiling import Event
from ..provenance.page import ASSETS, asset, embedded


def stack_of(event: Event) -> tuple[str, ...]:
    """The frames around an event, the outermost first: modules, the line, the operation."""
    modules = [] if event.scope is None else [f"{s.name or s.kind} ({s.kind})" if s.name else s.kind for s in event.scope.chain()]
    line = []
    if event.code is not None:
        origin = event.origin
        line = [f"{os.path.basename(origin.file)}:{origin.line}: {origin.text}".rstrip(": ")]
    return (*modules, *line, operation(event))


def operation(event: Event) -> str:
    """What an event is called: without the words that profilers put before it."""
    name = event.name.removeprefix("autograd::engine::evaluate_function: ").removeprefix("aten::")
    return f"{name} (backward)" if event.kind == "backward" else name


def stacks(events: Iterable[Event]) -> dict[tuple[str, ...], int]:
    """Nanoseconds of each stack."""
    found: dict[tuple[str, ...], int] = {}
    for event in events:
        key = stack_of(event)
        found[key] = found.get(key, 0) + max(event.own, 0)
    return found


def tree(times: dict[tuple[str, ...], int]) -> dict[str, Any]:
    """The stacks as frames within frames, each with its nanoseconds."""
    root: dict[str, Any] = {"name": "all", "time": 0, "inside": {}}
    for stack, time in times.items():
        at = root
        at["time"] += time
        for name in stack:
            at = at["inside"].setdefault(name, {"name": name, "time": 0, "inside": {}})
            at["time"] += time
    return listed(root)


def listed(root: dict[str, Any]) -> dict[str, Any]:
    """The same with lists of frames, the longest first."""
    todo = [root]
    while todo:
        frame = todo.pop()
        frame["inside"] = sorted(frame["inside"].values(), key=lambda inner: -inner["time"])
        todo += frame["inside"]
    return root


def speedscope(events: Iterable[Event], name: str = "pedigrad", held: dict[tuple[str, ...], int] | None = None) -> dict[str, Any]:
    """What speedscope.app reads: samples with their weights; `held` are the bytes of stacks, for a second profile."""
    frames: dict[str, int] = {}
    profiles = []
    for called, unit, times in ((name, "nanoseconds", stacks(events)), (f"{name}: memory at the peak", "bytes", held or {})):
        if times or unit == "nanoseconds":
            samples = [[frames.setdefault(frame, len(frames)) for frame in stack] for stack in times]
            profile = {"type": "sampled", "name": called, "unit": unit, "startValue": 0, "endValue": sum(times.values())}
            profiles.append(profile | {"samples": samples, "weights": list(times.values())})
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "shared": {"frames": [{"name": frame} for frame in frames]},
        "profiles": profiles,
        "exporter": "pedigrad",
    }


def page(events: Iterable[Event], title: str = "profile", memory: Any = None) -> str:
    """One HTML page with the flame graph, a timeline and what is known of memory; nothing in it is fetched."""
    known = list(events)
    data = {"tree": tree(stacks(known)), "spans": list(spans(known)), "memory": memory}
    parts = {"title": html.escape(title), "style": asset("page.css"), "data": embedded(data)}
    text = (ASSETS / "flame.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        before, _, after = text.partition("{{" + name + "}}")
        text = before + part + after
    return text


def spans(events: list[Event]) -> Iterator[tuple[str, int, int, int, str]]:
    """Each event's name, begin, length and depth, and what kind it is, for a timeline."""
    first = min((event.start for event in events), default=0)
    for event in events:
        depth, at = 0, event.parent
        while at is not None:
            depth, at = depth + 1, at.parent
        yield operation(event), event.start - first, event.total, depth, event.kind


def write_json(data: Any, path: str | os.PathLike[str]) -> None:
    """Write data as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file)
