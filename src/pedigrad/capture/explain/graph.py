"""The page of a compiled function: a box for each kernel with the operations fused in it, as wide as it takes time.

Its colour is the share that it reaches of what the machine could do at best.
"""

from __future__ import annotations

from typing import Any

from ...core.origin import Origin
from ...provenance.folding import Folder
from ...provenance.graph import Box, Graph, Sources, as_tree
from .report import duration, fused, headline, number, reached

PLACES = 4  # source lines that a box shows


class Placed:
    """A step as the folder sees it: in the module and at the line that it computes most elements for."""

    parents = ()

    def __init__(self, step: Any, section: Any):
        most = max(step.places, key=step.places.get, default=None)
        self.scope = None if most is None else most.scope
        self.code: Any = None if most is None else most.code
        self.lasti: int = 0 if most is None else most.lasti
        self.name = f"{section.title} {step.kind} {fused(step)} {step.axes}"


def of_report(report: Any) -> Graph:
    """The graph of the version that ran most, its backward pass after it."""
    most = max(report.variants, key=lambda variant: variant.runs, default=None)
    sections = [] if most is None else [section for section in (most.forward, most.backward) if section is not None]
    boxes: list[Box] = []
    placed: list[Placed] = []
    sources = Sources()
    for section in sections:
        first = len(boxes)
        for step in section.steps:
            boxes.append(of_step(step, section, first, sources))
            placed.append(Placed(step, section))
    tree = as_tree(Folder(placed, lambda step: step.name).folded())
    total = sum(section.seconds or 0.0 for section in sections)
    graph = Graph(report.name, "; ".join(map(headline, sections)) or "not compiled", boxes, tree, sources.files(), "step")
    graph.sums = [("time", "time", "s")]
    graph.notes = str(report).partition("\n\n")[0].split("\n")
    graph.total = total if any(box.time for box in boxes) else 0.0
    return graph


def of_step(step: Any, section: Any, first: int, sources: Sources) -> Box:
    """One step; the section's begin at the place `first`."""
    names = list(step.ops)
    box = Box(", ".join(names) or step.kind, duration(step.seconds) or step.kind, [first + p for p in step.parents])
    box.time, box.limit = step.seconds, None if step.limit is None else step.limit[1]
    modules = dict.fromkeys(place.module for place in step.places if place.scope is not None)
    box.module = ", ".join(modules)
    facts: list[tuple[Any, ...]] = [("what", step.kind), ("time", duration(step.seconds)), ("of the limit", reached(step.limit))]
    facts += [("axes", " x ".join(map(str, step.axes))), ("FLOP", number(step.flops, "") if step.flops else "")]
    facts += [("read", number(step.read, "B")), ("written", number(step.written, "B")), ("writes", ", ".join(step.outs))]
    facts += [("module", box.module), ("part", section.title), ("NumPy, because", step.why or "", bool(step.why))]
    box.facts = [fact for fact in facts if fact[1]]
    parts = [(op, ", ".join(name if n == 1 else f"{name} x{n}" for name, n in inside.items())) for op, inside in step.ops.items()]
    box.tables = [("fused in it", parts)] if parts else []
    lines: dict[tuple[str, int], list[str]] = {}
    for place in sorted(step.places, key=lambda p: -step.places[p]):
        if place.code is not None:
            origin = Origin(place.code, place.lasti)
            lines.setdefault((origin.file, origin.line), []).append(place.name)
    for (file, line), ops in list(lines.items())[:PLACES]:
        box.source.append((*sources.enter(file, line), ", ".join(dict.fromkeys(ops))))
    return box
