"""Runs 100,000 founding training steps and shows whether memory grows: `python bench/memory.py [library]`."""

import argparse
import importlib
import os
import sys
import time
import tracemalloc
from pathlib import Path

from workloads import build


def resident():
    """Bytes of memory that this process holds now, or None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def show(done, steps, started):
    current, peak = tracemalloc.get_traced_memory()
    held = resident()
    rss = "unknown" if held is None else f"{held / 2**20:.1f} MiB"
    print(
        f"{100 * done / steps:4.0f}%  {done:8} steps  traced {current / 2**10:8.1f} KiB"
        f"  peak {peak / 2**10:8.1f} KiB  RSS {rss}  {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    return current, held


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", nargs="?", default="pedigrad")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--workload", default="founding")
    args = parser.parse_args()
    sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "src"))
    step = build(importlib.import_module(args.library), args.workload)
    step()  # what the first step sets up once does not count

    tracemalloc.start()
    started = time.perf_counter()
    marks = [args.steps // 10, args.steps // 2, args.steps]
    shown = []
    for done in range(1, args.steps + 1):
        step()
        if done in marks:
            shown.append(show(done, args.steps, started))
    traced = (shown[-1][0] - shown[0][0]) / 2**10
    growth = f"growth from 10% to 100%: traced {traced:+.1f} KiB"
    if shown[0][1] is not None:
        growth += f", RSS {(shown[-1][1] - shown[0][1]) / 2**20:+.2f} MiB"
    print(growth)


if __name__ == "__main__":
    main()
