"""Compares import times in fresh processes, libraries in turn: `python bench/import_time.py [names ...]`."""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

# The interpreter's own start is not counted; the number of modules shows what an import drags along.
PROGRAM = """
import sys, time
before, start = len(sys.modules), time.perf_counter()
import {name}
print(time.perf_counter() - start, len(sys.modules) - before)
"""


def import_once(name, environment):
    """Seconds that `import name` takes in a new process, and how many modules it loads."""
    command = [sys.executable, "-c", PROGRAM.format(name=name)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    if answer.returncode:
        sys.exit(f"{name}: error: {answer.stderr.strip().splitlines()[-1]}")
    seconds, modules = answer.stdout.split()[-2:]
    return float(seconds), int(modules)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["pedigrad", "numpy"])
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    source = str(Path(__file__).resolve().parents[1] / "src")
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages have their bytecode, NumPy too

    modules = {}
    for name in args.names:  # a first import compiles bytecode and fills the file cache: not timed
        modules[name] = import_once(name, environment)[1]
    times = {name: [] for name in args.names}
    for _ in range(args.rounds):
        for name in args.names:
            times[name].append(import_once(name, environment)[0])

    first = statistics.median(times[args.names[0]])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        spread = f"{min(seconds) * 1e3:.1f}..{max(seconds) * 1e3:.1f}"
        print(f"{name:16} {median * 1e3:8.1f} ms  ({spread})  {modules[name]:5} modules  {median / first:6.2f} x {args.names[0]}")


if __name__ == "__main__":
    main()
