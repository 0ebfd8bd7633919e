"""What became of a program's windows, as text."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from .part import ASIDE, Part, Window, windows


def text() -> str:
    """A line for each window: which lines it has, whether they are compiled, from which on, how much faster that is, and why not."""
    known = [window for window in windows if window.parts]
    if not known:
        return "compile without asking: no training step was found in the program's source"
    compiled = sum(window.start != ASIDE and ran(window.parts[window.start]) > 0 for window in known)
    lines = [f"compile without asking: {compiled} of {len(known)} training steps are compiled"]
    for window in sorted(known, key=lambda each: (each.path, each.first)):
        lines += [f"  {window.place} in {window.scope}: {standing(window)}", *(f"    {why}" for why in reasons(window))]
    return "\n".join(lines)


def ran(part: Part) -> int:
    """How many calls ran a program of those that are kept."""
    return part.compiled.runs


def standing(window: Window) -> str:
    """How a window is run."""
    if window.start == ASIDE:
        return "runs as usual"
    part = window.parts[window.start]
    if not ran(part):
        times = "once" if len(part.usual) == 1 else f"{len(part.usual)} times"
        return f"called {times}, which is too little to compile it" if part.usual else "was not reached"
    found = f"{part.compiled.made} programs, made in {part.compiled.seconds:.2f} s; {ran(part)} runs"
    if part.fast:
        usual, fast = min(part.usual), median(part.fast)
        found += f"; {1e3 * usual:.3g} ms as usual, {1e3 * fast:.3g} ms compiled ({usual / fast:.3g} times as fast)"
    return found


def reasons(window: Window) -> Iterator[str]:
    """Why its first lines, or all, run as usual, or some of its calls."""
    for start, why in zip(window.starts, window.reasons, strict=False):
        yield f"not compiled from line {window.parts[start].function.__code__.co_firstlineno} on: {why}"
    if window.start != ASIDE:
        for why in dict.fromkeys(window.parts[window.start].compiled.why):
            yield f"some calls run as usual: {why}"
