"""Programs held against PyTorch. `python -m fuzz.against FILE` (with src and tests on PYTHONPATH) does so with the programs of files."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from typing import Any

from fuzz import noise, programs


def against_torch(program: programs.Program, strides: bool = False) -> str | None:
    """How pedigrad differs from PyTorch on a program, by more than rounding explains."""
    torch = importlib.import_module("torch")
    given, right = programs.run(program, importlib.import_module("pedigrad")), programs.run(program, torch)
    text = programs.differ(given, right, strides)
    text = text and programs.differ(given, programs.run(program, torch, refresh=True), strides)
    return beyond_rounding(program, torch, given, right, strides) if text and noise.is_of_values(text) else text


def beyond_rounding(
    program: programs.Program, torch: Any, given: programs.Observations, right: programs.Observations, strides: bool
) -> str | None:
    """How what was given differs from what is right by more than what is right moves if PyTorch rounds otherwise."""
    others = [programs.run(program, torch, mode=mode).values for mode in noise.modes(torch)]
    values = noise.excused(given.values, right.values, [(right.values, others)])
    return programs.differ(dataclasses.replace(given, values=values), right, strides)


def main(files: list[str]) -> int:
    """Run files on PyTorch and on pedigrad and print how they differ: 1 if any does."""
    status = 0
    for path in files:
        with open(path) as file:
            program = programs.parse(file.read())
        difference = against_torch(program)
        print(f"{path}: {difference or 'agrees'}")
        status |= difference is not None
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
