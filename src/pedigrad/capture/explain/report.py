"""How a report of `explain()` is printed: as text, and as HTML for notebooks."""

from __future__ import annotations

import html
import math
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...provenance.folding import longest_repeat
from .opening import opening

WIDTH = 120
GUARDS = 12  # that the text shows
STEPS = 24  # that the text shows one by one; of more those that are alike are added up
KINDS = 14  # of steps that it shows then
LEFT = {1, 2, 8}  # the columns that begin at the left
COLUMNS = ("#", "step", "axes", "FLOP", "read", "written", "time", "share", "of the limit")


def number(n: float, unit: str, base: int = 1000) -> str:
    """A number with three figures and a prefix."""
    prefixes = ["", "k", "M", "G", "T"] if base == 1000 else ["", "Ki", "Mi", "Gi", "Ti"]
    while n >= base and len(prefixes) > 1:
        n, prefixes = n / base, prefixes[1:]
    text = f"{n:.0f}" if n == int(n) or n >= 100 else f"{n:.1f}" if n >= 10 else f"{n:.2f}"
    return f"{text} {prefixes[0]}{unit}".strip()


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0) * 1e9:.0f} ns"


def share(part: float | None, total: float | None) -> str:
    return "" if part is None or not total else f"{part / total:.1%}"


def reached(limit: tuple[str, float] | None) -> str:
    return "" if limit is None else "cache" if limit[0] == "memory" and limit[1] > 1 else f"{limit[0]} {limit[1]:.0%}"


def fused(step: Any) -> str:
    """The operations of a step."""
    parts = []
    for op, names in step.ops.items():
        inside = ", ".join(name if n == 1 else f"{name} x{n}" for name, n in names.items())
        parts.append(f"{op} ({inside})")
    return "; ".join(parts)


def rows(section: Any) -> list[tuple[str, ...]]:
    """The cells of a program's table."""
    found = []
    for i, step in enumerate(section.steps):
        axes = " x ".join(map(str, step.axes))
        sizes = [number(n, unit) if n else "" for n, unit in ((step.flops, ""), (step.read, "B"), (step.written, "B"))]
        times = [duration(step.seconds), share(step.seconds, section.seconds), reached(step.limit)]
        found.append((str(i), step.kind, axes, *sizes, *times))
    if section.rest is not None:
        found.append(("", "the rest", "", "", "", "", duration(section.rest), share(section.rest, section.seconds), ""))
    return found


def headline(section: Any) -> str:
    kinds = {kind: len(section.of(kind)) for kind in ("kernel", "contraction", "convolution", "scatter", "call")}
    parts = [f"{n} {kind}{'s' * (n != 1)}{' to NumPy' * (kind == 'call')}" for kind, n in kinds.items() if n]
    parts += [number(section.flops, "FLOP"), f"arena {number(section.arena, 'B', 1024)}"]
    if section.seconds is not None:
        parts.append(f"{duration(section.unmeasured)} a run ({duration(section.seconds)} while it is measured)")
    return ", ".join(parts)


def compilation(variant: Any) -> str:
    source = "machine code from the cache" if variant.cached else "compiled here"
    runs = f"{variant.runs} run{'s' * (variant.runs != 1)}"
    proof = "proven" if variant.proven else "not proven"
    return f"{', '.join(variant.modes)}; {duration(variant.compile_seconds)} to compile ({source}), {proof}; {runs}"


def limits(report: Any) -> str:
    m = report.machine
    threads = f"{m.threads} thread{'s' * (m.threads > 1)}"
    return f"limits of this machine with {threads}: memory {number(m.bandwidth, 'B/s')}, float32 {number(m.arithmetic, 'FLOP/s')}"


def causes(report: Any) -> list[tuple[str, list[str]]]:
    """What was not run as compiled and may be yet, by heading."""
    again = [f"{why}" + (f" ({n} times)" if n > 1 else "") for why, n in report.recompilations.items()]
    waiting = [f"{arguments}: {state}" for arguments, state in report.pending.items()]
    return [("recompilations", again), ("not compiled yet", waiting)]


# Text


def wrapped(text: str, indent: str) -> list[str]:
    whole = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", **whole)  # type: ignore[arg-type]


def repeated(section: Any) -> list[tuple[int, int, int]]:
    """The steps in stretches: the number of the first, how many there are, how often they follow on themselves."""
    alike = [(step.kind, fused(step), tuple(step.axes), tuple(step.outs), step.why) for step in section.steps]
    numbers = {key: i for i, key in enumerate(dict.fromkeys(alike))}
    tokens = [numbers[key] for key in alike]
    found, at = [], 0
    while at < len(tokens):
        period, end = longest_repeat(tokens, at)
        times = (end - at) // period
        period, times = (period, times) if times > 2 else (1, 1)
        found.append((at, period, times))
        at += period * times
    return found


@dataclass
class Alike:
    """Steps of the same operations, whatever their sizes: added up."""

    steps: list[Any]
    first: int  # the number of the first one

    @property
    def seconds(self) -> float | None:
        """Of all; None if they were not measured."""
        times = [step.seconds for step in self.steps if step.seconds is not None]
        return sum(times) if times else None

    def row(self, section: Any) -> tuple[str, ...]:
        """The cells of their line."""
        one = self.steps[0]
        sizes = sorted(self.steps, key=lambda step: math.prod(step.axes))
        axes = [" x ".join(map(str, step.axes)) or "1" * (step.kind == "kernel") for step in (sizes[0], sizes[-1])]
        span = " to ".join(dict.fromkeys(axes))
        sums = [sum(getattr(step, name) for step in self.steps) for name in ("flops", "read", "written")]
        cells = [number(n, unit) if n else "" for n, unit in zip(sums, ("", "B", "B"), strict=True)]
        times = [duration(self.seconds), share(self.seconds, section.seconds), reached(one.limit) if len(self.steps) == 1 else ""]
        return (f"{len(self.steps)} x" if len(self.steps) > 1 else str(self.first), one.kind, span, *cells, *times)


def added_up(section: Any) -> list[Alike]:
    """The steps by what they do, those that take longest first."""
    found: dict[Any, Alike] = {}
    for i, step in enumerate(section.steps):
        found.setdefault((step.kind, tuple(step.ops), step.why), Alike([], i)).steps.append(step)
    return sorted(found.values(), key=lambda alike: -(alike.seconds or 0.0))


def section_summary(section: Any) -> Iterable[str]:
    """The lines of a long program: its steps by what they do."""
    kinds, whole = added_up(section), rows(section)[len(section.steps) :]
    shown = kinds[:KINDS]
    cells = [COLUMNS, *(alike.row(section) for alike in shown), *whole]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    yield aligned(COLUMNS, widths)
    for alike in shown:
        yield aligned(alike.row(section), widths)
        one = alike.steps[0]
        indent = " " * (widths[0] + 4)
        if one.ops:
            yield from wrapped(", ".join(one.ops), indent)
        if one.why:
            yield from wrapped(f"NumPy, because {one.why}", indent)
    rest = sum(alike.seconds or 0.0 for alike in kinds[KINDS:])
    if len(kinds) > KINDS:
        took = f", {share(rest, section.seconds)} of the time" if section.seconds else ""
        yield f"  and {sum(len(alike.steps) for alike in kinds[KINDS:])} more steps of {len(kinds) - KINDS} other kinds{took}"
    for row in whole:
        yield aligned(row, widths)
    yield f"  these are {len(section.steps)} steps; explain().text(full=True) shows each"


def section_text(section: Any, full: bool) -> Iterable[str]:
    if section.title:
        yield f"  {section.title}"
    yield f"  {headline(section)}"
    if section.problem:
        yield from wrapped(f"not measured: {section.problem}", "  ")
    whole = rows(section)
    stretches = repeated(section)
    if not full and sum(period for _, period, _ in stretches) > STEPS:
        yield from section_summary(section)
        return
    shown = [i for at, period, _ in stretches for i in range(at, at + period)] + list(range(len(section.steps), len(whole)))
    cells = [COLUMNS, *(whole[i] for i in shown)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(COLUMNS))]
    yield aligned(COLUMNS, widths)
    for at, period, times in stretches:
        if times > 1:
            yield of_stretch(section, at, period, times, widths[0])
        for i in range(at, at + period):
            yield aligned(whole[i], widths)
            yield from step_text(section.steps[i], " " * (widths[0] + 4))
    for row in whole[len(section.steps) :]:
        yield aligned(row, widths)


def of_stretch(section: Any, at: int, period: int, times: int, width: int) -> str:
    """The line above steps that follow on themselves."""
    steps = section.steps[at : at + period * times]
    what = "the next step" if period == 1 else f"the next {period} steps"
    if section.seconds is None:
        return f"  {'':>{width}}  {times} x {what}"
    total = sum(step.seconds or 0.0 for step in steps)
    return f"  {'':>{width}}  {times} x {what}: {duration(total)}, {share(total, section.seconds)}; the first time"


def step_text(step: Any, indent: str) -> Iterable[str]:
    """What a step does."""
    if step.ops:
        outs = Counter(step.outs)
        yield from wrapped(f"{fused(step)} -> {', '.join(out if n == 1 else f'{n} x {out}' for out, n in outs.items())}", indent)
    if step.why:
        yield from wrapped(f"NumPy, because {step.why}", indent)


def aligned(row: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(w) if j in LEFT else cell.rjust(w) for j, (cell, w) in enumerate(zip(row, widths, strict=True))]
    return ("  " + "  ".join(padded)).rstrip()


def text_lines(report: Any, full: bool) -> Iterable[str]:
    yield from opening(report, duration)
    if report.machine is not None:
        yield ""
        yield limits(report)
    for variant in report.variants:
        yield ""
        yield f"{report.name}{variant.arguments}"
        yield f"  {compilation(variant)}"
        yield from section_text(variant.forward, full)
        if variant.backward is not None:
            yield from section_text(variant.backward, full)
        yield "  run as long as"
        for guard in variant.guards[:GUARDS]:
            yield from wrapped(f"- {guard}", "    ")
        if len(variant.guards) > GUARDS:
            yield f"    - and {len(variant.guards) - GUARDS} more: report.variants[{report.variants.index(variant)}].guards"
    for heading, items in causes(report):
        if items:
            yield ""
            yield heading
        for item in items:
            yield from wrapped(f"- {item}", "  ")


def as_text(report: Any, full: bool = False) -> str:
    """The report for a terminal."""
    return "\n".join(text_lines(report, full))


# HTML


def tag(name: str, content: str, style: str = "") -> str:
    return f'<{name} style="{style}">{content}</{name}>' if style else f"<{name}>{content}</{name}>"


def section_html(section: Any) -> str:
    parts = [tag("h4", html.escape(section.title))] if section.title else []
    parts.append(tag("p", html.escape(headline(section))))
    if section.problem:
        parts.append(tag("p", html.escape(f"not measured: {section.problem}")))
    head = tag("tr", "".join(tag("th", html.escape(name)) for name in (*COLUMNS, "operations")))
    body = []
    for i, row in enumerate(rows(section)):
        step = section.steps[i] if i < len(section.steps) else None
        part = 0.0 if step is None or step.seconds is None or not section.seconds else step.seconds / section.seconds
        bar = f"background: linear-gradient(to right, rgba(80, 140, 220, 0.35) {part:.0%}, transparent {part:.0%})"
        cells = [tag("td", html.escape(cell), bar if name == "share" else "") for name, cell in zip(COLUMNS, row, strict=True)]
        what = "" if step is None else html.escape(fused(step)) + (f"<br>NumPy, because {html.escape(step.why)}" if step.why else "")
        body.append(tag("tr", "".join([*cells, tag("td", what, "text-align: left")])))
    return "".join([*parts, tag("table", tag("thead", head) + tag("tbody", "".join(body)))])


def bullets(items: Iterable[str]) -> str:
    return tag("ul", "".join(tag("li", html.escape(item)) for item in items))


def as_html(report: Any) -> str:
    """The report for a notebook."""
    head = [html.escape(line) for line in opening(report, duration)]
    parts = [tag("h3", head[0]), tag("p", "<br>".join(head[1:]))]
    if report.machine is not None:
        parts.append(tag("p", html.escape(limits(report))))
    for variant in report.variants:
        parts.append(tag("p", tag("b", html.escape(f"{report.name}{variant.arguments}")) + "<br>" + html.escape(compilation(variant))))
        parts += [section_html(s) for s in (variant.forward, variant.backward) if s is not None]
        parts.append(tag("details", tag("summary", "run as long as") + bullets(variant.guards)))
    parts += [tag("h4", html.escape(heading)) + bullets(items) for heading, items in causes(report) if items]
    return tag("div", "".join(parts))
