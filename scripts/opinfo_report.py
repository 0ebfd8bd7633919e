"""How pedigrad fares on PyTorch's OpInfo entries: one line for each that fails, and the lists kept up to date.

Without arguments it runs every entry; with names or patterns (`sum 'linalg.*'`) those alone, and prints all their failures.
`--update` writes tests/conformance/supported_ops.txt and the generated section of docs/differences.md anew, or, with names,
only what concerns these.
"""

from __future__ import annotations

import argparse
import fnmatch
import multiprocessing
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
sys.path += [str(ROOT / "src"), str(ROOT / "tests" / "conformance")]

import agreement  # noqa: E402
import opinfo_list  # noqa: E402

LACK = {"gradgrad", "inplace", "out", "method"}  # kinds of failure that a supported entry may be listed "without"


def examine(job: tuple[str, int]) -> tuple[str, list[tuple[str, agreement.Failure]], float]:
    """The failures of one entry, each with its dtype."""
    name, count = job
    entry = opinfo_list.entries()[name]
    start = time.perf_counter()
    found = []
    for dtype in agreement.dtypes_of(entry):
        found += [(dtype, failure) for failure in unbroken(agreement.failures, entry, dtype, count)]
        if found and found[-1][1].kind == "missing":
            break
    untested = [pair for pair in found if pair[1].kind == "untested"]
    if len(untested) < len(agreement.dtypes_of(entry)):
        found = [pair for pair in found if pair not in untested]
    elif not found:
        found = [("-", agreement.Failure("untested", "", "PyTorch has none of the tested dtypes for it"))]
    if lacking(name, found) is not None and entry.error_inputs_func is not None:
        found += [("errors", failure) for failure in unbroken(agreement.error_failures, entry)]
    return name, found, time.perf_counter() - start


def unbroken(check: Callable[..., list[agreement.Failure]], *arguments: Any) -> list[agreement.Failure]:
    """What the check finds; if it breaks itself, that is a failure too."""
    try:
        return check(*arguments)
    except Exception as error:
        return [agreement.Failure("check", "", f"{type(error).__name__}: {error}")]


def lacking(name: str, found: list[tuple[str, agreement.Failure]]) -> frozenset[str] | None:
    """What an entry with these failures may be listed "without"; None if it cannot be listed."""
    lacks = set()
    for dtype, failure in found:
        if failure.kind == "errors" or (failure.kind in LACK and failure.refused):
            lacks.add(failure.kind)
        elif dtype in opinfo_list.MAY_LACK and failure.kind == "raises":
            lacks.add(dtype)
        else:
            return None
    rest = [d for d in agreement.dtypes_of(opinfo_list.entries()[name]) if d not in lacks]
    return frozenset(lacks) if rest else None


def one_line(name: str, found: list[tuple[str, agreement.Failure]]) -> str:
    """Name, kind of failure, dtype, sample."""
    dtype, failure = found[0]
    kinds = sorted({f.kind for _, f in found})
    return f"{name:40} {','.join(kinds):20} {dtype}: {failure.message} [{failure.sample}]"[:240].replace("\n", " ")


def write_supported(lists: dict[str, frozenset[str]]) -> None:
    """Write supported_ops.txt."""
    lines = ["# Entries of PyTorch's op_db that must pass; kept by scripts/opinfo_report.py."]
    for name in sorted(lists):
        without = " without " + " ".join(sorted(lists[name])) if lists[name] else ""
        lines.append(name + without)
    opinfo_list.SUPPORTED.write_text("\n".join(lines) + "\n")


def write_left_out(reasons: dict[str, str], passing: dict[str, frozenset[str]]) -> None:
    """Rewrite the generated section of docs/differences.md."""
    path = opinfo_list.DIFFERENCES
    text = path.read_text() if path.exists() else "# Differences from PyTorch\n"
    whole = sum(not lacks for lacks in passing.values())
    counts = f"{len(passing)} are supported, {whole} of them in all forms, dtypes and errors that are tested"
    rows = [f"Of the {len(reasons) + len(passing)} entries of PyTorch's operator tests, {counts}.", ""]
    rows += ["Supported except for one form or dtype:", "", "| operator | without |", "| --- | --- |"]
    rows += [f"| {name} | {', '.join(sorted(lacks))} |" for name, lacks in sorted(passing.items()) if lacks]
    if opinfo_list.KNOWN:
        rows += ["", "Supported, and different on purpose in some calls:", "", "| operator | in | reason |", "| --- | --- | --- |"]
        rows += [f"| {k.entry} | {k.kind} {k.where} | {k.reason} |" for k in opinfo_list.KNOWN]
    rows += ["", "Left out:", "", "| operator | reason |", "| --- | --- |"]
    rows += [f"| `{name}` | {text} |" for name, text in sorted(reasons.items())]
    section = "\n".join([opinfo_list.BEGIN, *rows, opinfo_list.END])
    before, found, after = text.partition(opinfo_list.BEGIN)
    if found:
        text = before + section + after.partition(opinfo_list.END)[2]
    else:
        text = text.rstrip() + "\n\n## Operators\n\n" + section + "\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def why(name: str, found: list[tuple[str, agreement.Failure]]) -> str:
    """The reason given for leaving out an entry that fails so."""
    if found[0][1].kind == "missing":
        return opinfo_list.reason(name)
    return opinfo_list.reason(name, f"not yet right: {', '.join(sorted({f.kind for _, f in found}))}")


def main() -> None:
    """Run the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="entries or patterns; all of them if none is given")
    parser.add_argument("--update", action="store_true", help="rewrite supported_ops.txt and docs/differences.md")
    parser.add_argument("--samples", type=int, default=12, help="samples per entry and dtype, 0 for all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--slow", type=float, default=20.0, help="name entries that take longer than this many seconds")
    options = parser.parse_args()
    names = list(opinfo_list.entries())
    if options.names:
        names = [n for n in names if any(fnmatch.fnmatchcase(n, p) or n.split(".")[0] == p for p in options.names)]
    jobs = [(name, options.samples) for name in names]
    results: dict[str, list[tuple[str, agreement.Failure]]] = {}
    workers = min(options.jobs, len(jobs)) or 1
    context = multiprocessing.get_context("fork")
    with context.Pool(workers, initializer=one_thread) as pool:
        for name, found, seconds in pool.imap_unordered(examine, jobs) if workers > 1 else map(examine, jobs):
            results[name] = found
            if seconds > options.slow:
                print(f"slow: {name} {seconds:.1f} s")
    report(results, detail=bool(options.names))
    if options.update:
        update(results, whole=not options.names)


def one_thread() -> None:
    """Each worker process has one core."""
    import torch

    torch.set_num_threads(1)


def report(results: dict[str, list[tuple[str, agreement.Failure]]], detail: bool) -> None:
    """Print the failures, in order of name, and how many pass."""
    for name in sorted(results):
        found = results[name]
        if detail:
            for dtype, failure in found:
                print(f"{name} {dtype} {failure}")
        elif found and found[0][1].kind != "missing":
            print(one_line(name, found))
    clean = sum(not found for found in results.values())
    partly = sum(bool(found) and lacking(name, found) is not None for name, found in results.items())
    missing = sum(bool(found) and found[0][1].kind == "missing" for found in results.values())
    print(f"{len(results)} entries: {clean} pass, {partly} pass without one form or dtype, {missing} missing")


def update(results: dict[str, list[tuple[str, agreement.Failure]]], whole: bool) -> None:
    """Rewrite the lists from these results."""
    passing = {} if whole else dict(opinfo_list.supported())
    reasons = {} if whole else {n: opinfo_list.left_out().get(n, "not written yet") for n in opinfo_list.entries() if n not in passing}
    for name, found in results.items():
        lacks = lacking(name, found)
        passing.pop(name, None)
        reasons.pop(name, None)
        if lacks is None:
            reasons[name] = why(name, found)
        else:
            passing[name] = lacks
    write_supported(passing)
    write_left_out(reasons, passing)
    print(f"supported: {len(passing)}, left out: {len(reasons)}")


if __name__ == "__main__":
    main()
