"""What a run measured, as it is kept in a file, and the figures that tables show of it."""

import math
import statistics
from dataclasses import dataclass


@dataclass
class Result:
    """What one library did of one workload."""

    loss: float = math.nan
    first: float = math.nan  # seconds of the first step, compilation included
    count: int = 0
    seconds: list | None = None  # a step's mean time, one number a round
    error: str | None = None

    @property
    def median(self):
        return statistics.median(self.seconds)


def limit(cost, machine):
    """The least seconds that the machine can take for (FLOPs, bytes); 0 where neither is known."""
    flops, nbytes = cost
    return max(flops / machine["flops"], nbytes / machine["bandwidth"])


def share(result, cost, machine):
    """What part of its time a library would take at the machine's limit, in percent; nothing where that is below a tenth of one."""
    part = 0 if result.error else 100 * limit(cost, machine) / result.median
    return "" if part < 0.1 else f"{part:.1f} %" if part < 1 else f"{part:.0f} %"


def duration(seconds):
    """Seconds in the unit that suits them, with three digits."""
    unit, scale = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    number = seconds * scale
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


def ratio(ours, peer):
    """The peer's median over ours: above 1, we are faster; nothing if one of them failed."""
    return "" if ours.error or peer.error else f"{peer.median / ours.median:.2f}"


def paired(ours, peer):
    """The smallest and the largest ratio of a round of the one and the same round of the other."""
    found = [theirs / mine for mine, theirs in zip(ours.seconds, peer.seconds, strict=True)]
    return min(found), max(found)


def difference(ours, peer):
    """By how much the losses differ, relative to the peer's."""
    return abs(ours.loss - peer.loss) / max(abs(peer.loss), 1e-30)
