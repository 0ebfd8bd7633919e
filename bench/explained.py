"""Times what it costs that programs are explained, in turn in one process; prints ratios of medians.

    python bench/explained.py             # some workloads as they are, watched by pedigrad.check(), and as they are afterwards
    python bench/explained.py lenet       # one of them

`checked` is a step's time within `pedigrad.check()` over its time without, `after` the time when the session is over, which is 1 if
nothing stays behind. The last line is what an operation costs within three modules more than outside of any: nodes know their module.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import workloads
from figures import duration

import pedigrad

CASES = "founding mlp_small mlp_64 lenet char_lstm pinn mobilenet tcn ppo".split()
LEAD = 700  # steps of a session before it is timed: at first a program is looked at more closely
LONG = 0.02  # seconds of a step so many of which would take too long


def seconds(step, most):
    """A step's mean time over about `most` seconds."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < most:
        step()
        count += 1
    return (time.perf_counter() - start) / count


def checked(name, rounds, most):
    """The medians of a workload's step as it is, within a session, and after it."""
    step = workloads.build(pedigrad, name, False)
    seconds(step, most)
    plain, watched, after = [], [], []
    for _ in range(rounds):
        plain.append(seconds(step, most))
        with pedigrad.check():
            for _ in range(LEAD if plain[0] < LONG else LEAD // 10):
                step()
            watched.append(seconds(step, most))
        after.append(seconds(step, most))
    return map(statistics.median, (plain, watched, after))


def of_a_module(rounds):
    """What an operation costs within three modules more than outside of any, in seconds."""

    class Measured(pedigrad.nn.Module):
        def forward(self, x):
            return seconds(lambda: x * x, 0.2)

    x, nested = pedigrad.ones(8, requires_grad=True), pedigrad.nn.Sequential(pedigrad.nn.Sequential(Measured()))
    pairs = [(nested(x), seconds(lambda: x * x, 0.2)) for _ in range(rounds)]
    return statistics.median(inside - outside for inside, outside in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=CASES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5)
    options = parser.parse_args()
    print(f"{'workload':12} {'a step':>10} {'checked':>8} {'after':>6}")
    for name in options.workloads:
        plain, watched, after = checked(name, options.rounds, options.seconds)
        print(f"{name:12} {duration(plain):>10} {watched / plain:8.2f} {after / plain:6.2f}", flush=True)
    print(f"an operation within three modules: {of_a_module(options.rounds) * 1e9:+.0f} ns")


if __name__ == "__main__":
    main()
