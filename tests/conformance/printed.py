"""What a program prints, run as a user would: in a process of its own, with PyTorch or with pedigrad in its place."""

from __future__ import annotations

import itertools
import math
import os
import pathlib
import re
import subprocess
import sys

NODE = re.compile(r"grad_fn=<\w+>")  # one operation here may be several of PyTorch's
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|inf|nan)(?![\w])")
LIBRARIES = {"torch": [sys.executable], "pedigrad": [sys.executable, "-m", "pedigrad", "run"]}


def printed(library: str, program: pathlib.Path, *arguments: object, folder: pathlib.Path, **environment: str) -> str:
    """The standard output of a program; AssertionError with all it said if it fails."""
    command = [*LIBRARIES[library], str(program), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", **environment}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=600)
    assert done.returncode == 0, f"{program.name} with {library}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def is_whole(number: str) -> bool:
    """Whether a number was printed as a whole one, which has no rounding."""
    return re.fullmatch(r"[-+]?\d+", number) is not None


def last_place(number: str) -> float:
    """One unit in the last place that was printed."""
    mantissa, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def near(expected: str, got: str, tolerance: float) -> bool:
    """Whether two printed numbers are the same up to the tolerance and one unit in the last place."""
    if expected == got:
        return True
    a, b = float(expected), float(got)
    if (is_whole(expected) and is_whole(got)) or not math.isfinite(a) or not math.isfinite(b):  # whole, infinite or nan
        return a == b or (a != a and b != b)
    return abs(a - b) <= tolerance * abs(a) + 1.01 * max(last_place(expected), last_place(got))


def differing_lines(expected: str, got: str, tolerance: float) -> list[str]:
    """The lines in which two outputs differ, in pairs: texts have to be equal, numbers near."""
    found = []
    expected, got = (NODE.sub("grad_fn=<>", text) for text in (expected, got))
    for theirs, ours in itertools.zip_longest(expected.splitlines(), got.splitlines(), fillvalue="(no line)"):
        texts = ["".join(NUMBER.sub("#", line).split()) for line in (theirs, ours)]
        numbers = [NUMBER.findall(line) for line in (theirs, ours)]
        if texts[0] != texts[1] or not all(near(a, b, tolerance) for a, b in zip(*numbers, strict=True)):
            found.append(f"torch:    {theirs}\npedigrad: {ours}")
    return found
