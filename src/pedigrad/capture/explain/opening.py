"""How a report begins: compiled or not, how much faster, the slowest lines, what was refused and how to write it otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .lines import OTHERS, REST
from .measured import LOOK

SLOWEST = 3
# What to do where the compiler refuses, by words of the reason.
REWRITE = {
    "is called": "move the call out of the compiled function: compile the part that only computes",
    "numpy() gives": "use torch's function instead of NumPy's (torch.sin for np.sin), or call NumPy's outside of the function",
    "gives Python numbers": "only give the number back, as in `return loss.item()`, or read it after the call, outside of the function",
    "Python wants to know a number": "write the branch with torch.where(), or decide it before the call",
    "NumPy array": "make it a tensor once, with torch.from_numpy(), outside of the function",
    "written to in place": "write y = x + 1 instead of x.add_(1), and give the result back",
    "hooks on": "register hooks on leaves, outside of the function",
    "random": "pass the random numbers as an argument, or draw them with torch's functions",
    "different each time": "pass what changes as an argument, as a tensor",
    "is another one": "pass what changes as an argument, as a tensor",
    "schedule": "step the scheduler after the compiled step, outside of the function",
    "arguments cannot be compared": "pass tensors, numbers, strings, and lists, tuples or dicts of these",
    "decide what shape": "keep the shape: torch.where(mask, x, 0), or x * mask, instead of x[mask]",
    "changes what it depends on": "give back what is to be kept, and append or assign it outside of the function",
    "ever new sizes": "let several calls have the same sizes: pad batches, or leave the last one out (drop_last=True)",
    "returns a": "return plain tensors, in tuples, lists or dicts",
}


class Speed(NamedTuple):
    """Seconds of a call, compiled and as usual."""

    compiled: float
    eager: float


def compared(compiled: Callable[..., Any], usual: Callable[..., Any], args: tuple[Any, ...]) -> Speed:
    """The fastest of some calls with these arguments, compiled and as usual by turns: both really run."""
    best = [float("inf")] * 2
    until = time.perf_counter() + 2 * LOOK
    while time.perf_counter() < until or best[0] == float("inf"):
        for i, call in enumerate((compiled, usual)):
            begin = time.perf_counter()
            call(*args)
            best[i] = min(best[i], time.perf_counter() - begin)
    return Speed(*best)


def rewrite(why: str) -> str:
    """What a user may do about a refusal."""
    return next((advice for words, advice in REWRITE.items() if words in why), "")


def recorded(report: Any) -> str:
    """How many of the calls that ran as usual did so to be recorded."""
    return "" if not report.recorded else f", {report.recorded} of them to be recorded" if report.usual else ", to be recorded"


def opening(report: Any, duration: Callable[[float | None], str]) -> Iterator[str]:
    """The first lines of a report."""
    runs, usual = sum(variant.runs for variant in report.variants), report.recorded + report.usual
    if not report.variants and not report.eager:
        yield f"{report.name} is not compiled yet: its first two calls with the same kinds of arguments are recorded"
    elif not report.variants:
        yield f"{report.name} is not compiled: it runs as usual"
    else:
        versions = f" in {len(report.variants)} versions" if len(report.variants) > 1 else ""
        yield f"{report.name} is compiled{versions}: {runs} call{'s' * (runs != 1)} ran compiled, {usual} as usual{recorded(report)}"
    if report.speed is not None:
        times = f"{duration(report.speed.compiled)} a call, {duration(report.speed.eager)} as usual"
        yield f"it is {report.speed.eager / report.speed.compiled:.1f} times as fast: {times}"
    elif report.variants:
        yield "how much faster that is: explain(eager=(x, y)) calls it both ways with these arguments, which really runs it"
    lines = report.by_line()
    slowest = [row for row in lines if row.seconds and row.what not in (OTHERS, REST)][:SLOWEST]
    whole = f" of a measured run of {duration(lines.total)}"  # the others' shares are of the same
    for row, rank, of in zip(slowest, ("slowest line", "second", "third"), (whole, "", ""), strict=False):
        yield f"{rank}: {row.seconds / lines.total:.0%}{of}, {duration(row.seconds)}, {row.what}"
    for arguments, (why, count) in report.eager.items():
        yield f"refused for {arguments}: {why} ({count} call{'s' * (count != 1)} since)"
        if advice := rewrite(why):
            yield f"  instead: {advice}"
