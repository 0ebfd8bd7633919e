"""The command line: `pedigrad run script.py [args]`, and what is about it: `graph`, `doctor`, `alias`, `env`, `convert`, `demo`."""

from __future__ import annotations

import argparse
import atexit
import functools
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pickle import UnpicklingError
from types import TracebackType
from typing import Any

from . import about, demo, doctor, graph_page, version
from .alias import environment, install_as_torch, missing_name, shim
from .doctor import session
from .fast import importing, report
from .fast.part import as_written
from .profiler import profile
from .serialization.convert import convert


def run(script: str, args: Sequence[str], as_module: bool = False, checked: bool = False, fast: bool = False) -> dict[str, Any]:
    """The globals of a program, run as Python would, with pedigrad in the place of torch, in it and in the processes that it starts.

    Where it is to be `checked`, what the doctor has found is told at its end; where it is to be `fast`, its training steps are compiled.
    """
    install_as_torch()
    sys.argv = [script, *args]
    sys.path.insert(0, os.getcwd() if as_module else os.path.dirname(os.path.abspath(script)))
    hand_down_torch()
    if fast:
        importing.enable()
    try:
        if as_module:
            program = functools.partial(runpy.run_module, script, run_name="__main__", alter_sys=True)
        else:
            program = functools.partial(importing.run_path if fast else runpy.run_path, script, run_name="__main__")
        return session.watched(program) if checked else program()  # type: ignore[no-any-return]
    except Exception as error:
        hint = missing_name(error) if isinstance(error, (ImportError, AttributeError)) else None
        if hint is not None:
            error.add_note(hint)
        sys.excepthook = functools.partial(show_from_program, sys.excepthook)
        raise


def show_from_program(show: Callable[..., Any], kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error that ends a program by `show`, from the program's own first frame on: how it was started is left out."""
    frames = list(each_of(trace))
    ours = [i for i, each in enumerate(frames) if each.tb_frame.f_code is run.__code__]
    if ours:
        starting = list(map(is_starting, frames[ours[0] :]))
        first = ours[0] + (starting.index(True) if True in starting else 0)
        while first < len(frames) and is_starting(frames[first]):
            first += 1
        trace = None
        for each in reversed(as_written(frames[first:])):
            trace = TracebackType(trace, each.tb_frame, each.tb_lasti, each.tb_lineno)
    show(kind, error.with_traceback(trace), trace)


def is_starting(entry: TracebackType) -> bool:
    """Whether a traceback's entry is of what runs a program's file."""
    return entry.tb_frame.f_code is importing.run_path.__code__ or entry.tb_frame.f_globals.get("__name__") == "runpy"


def each_of(trace: TracebackType | None) -> Iterator[TracebackType]:
    """The entries of a traceback, outermost first."""
    while trace is not None:
        yield trace
        trace = trace.tb_next


def run_profiled(path: str, script: str, args: Sequence[str], as_module: bool) -> int:
    """Run a program, print which of its lines take how long, and write the profile; returns the exit status."""
    found = profile(profile_memory=True)
    try:
        with found:
            run(script, args, as_module)
    finally:  # also of a program that ends early
        print(f"{found.lines()}\n\nmemory {found.memory()}")
        if path.endswith(".speedscope.json"):
            found.export_speedscope(path)
        elif path.endswith((".json", ".json.gz")):
            found.export_chrome_trace(path)
        else:
            found.html(path)
        print(f"\n{path}")
    return 0


def hand_down_torch() -> None:
    """Let the processes that the program starts find pedigrad as torch, for as long as it runs."""
    folder, maker = shim.temporary(), os.getpid()
    shim.hand_down(folder)
    atexit.register(lambda: shim.discard(folder) if os.getpid() == maker else None)  # a forked child may end before


def take_from(given: argparse.Namespace, *names: str) -> None:
    """Take options of ours that stand right behind the script out of the program's own arguments."""
    while given.args:
        option, equals, value = given.args[0].partition("=")
        name = option.removeprefix("--")
        if not option.startswith("--") or name not in names or not (equals or len(given.args) > 1):
            break
        setattr(given, name, value if equals else given.args[1])
        del given.args[: 1 if equals else 2]


def require_folder(parser: argparse.ArgumentParser, path: str | None) -> None:
    """End with an error, before anything runs, where there is no folder for a file that is to be written."""
    folder = os.path.dirname(path or "")
    if folder and not os.path.isdir(folder):
        parser.error(f"no such folder: {folder}")


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the `pedigrad` command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pedigrad", description="Tensors that remember where they come from.")
    parser.add_argument("--version", action="version", version=f"pedigrad {version.own_version} (as torch: {version.__version__})")
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run an unchanged PyTorch program on pedigrad")
    runner.add_argument("-m", dest="module", action="store_true", help="run a module instead of a file")
    runner.add_argument("--profile", metavar="FILE", help="time it: a flame graph (.html), a Chrome trace (.json) or .speedscope.json")
    runner.add_argument("--check", action="store_true", help="watch it, and tell at the end what is hardly meant, with lines and remedies")
    runner.add_argument("--fast", action="store_true", help="compile its training steps, without a word of it in the program")
    runner.add_argument("--report", action="store_true", help="tell at the end what --fast has compiled, what not and why")
    runner.add_argument("script", help="the program: a file, or a module with -m")
    runner.add_argument("args", nargs=argparse.REMAINDER, help="the program's own arguments")
    show = commands.add_parser("demo", help="train two models and show where a loss comes from")
    show.add_argument("--epochs", type=int, default=30, help="epochs on the digits (default 30)")
    show.add_argument("--plot", default="pedigrad-demo.png", help="where the loss curve goes (default %(default)s)")
    stand_in = commands.add_parser("alias", help="let `import torch` give pedigrad in this environment, without `pedigrad run`")
    stand_in.add_argument("action", choices=("install", "remove", "status"))
    stand_in.add_argument("--site", help="the site-packages to use (default: this environment's)")
    check = commands.add_parser("doctor", help="list the names of torch that a program uses and pedigrad lacks, without running it")
    check.add_argument("script")
    check.add_argument("--limit", type=int, default=doctor.LIMIT, help="how many files to read at most (default %(default)s)")
    check.add_argument("-v", "--verbose", action="store_true", help="list the names that are there, too")
    graph = commands.add_parser("graph", help="run a program until its first backward pass and show where the loss came from, as a page")
    graph.add_argument("--tensor", metavar="NAME", help="the variable to show instead of what backward() is called on")
    graph.add_argument("--out", metavar="FILE", help="where the page goes (default: the script's name with .html)")
    graph.add_argument("script", help="the program")
    graph.add_argument("args", nargs=argparse.REMAINDER, help="the program's own arguments")
    commands.add_parser("env", help="the machine, the caches and the versions")
    converter = commands.add_parser("convert", help="write the tensors of a file in another format")
    converter.add_argument("source", help="a state dict: PyTorch's format, or safetensors if the name ends so")
    converter.add_argument("target", help="where it goes; safetensors if the name ends so, else PyTorch's format")
    given = parser.parse_args(argv)
    if given.command == "convert":
        try:
            print(convert(given.source, given.target))
        except (OSError, ValueError, RuntimeError, UnpicklingError) as error:
            parser.error(str(error))
        return 0
    if given.command == "run":
        if not given.module and not os.path.exists(given.script):
            parser.error(f"no such file: {given.script}")
        if given.profile is not None:
            require_folder(parser, given.profile)
            return run_profiled(given.profile, given.script, given.args, given.module)
        fast = given.fast or os.environ.get("PEDIGRAD_FAST", "0") not in ("", "0")
        if given.report:
            atexit.register(lambda: print(report.text(), file=sys.stderr))
        run(given.script, given.args, given.module, given.check, fast)
        return 0
    if given.command == "graph":
        if not os.path.exists(given.script):
            parser.error(f"no such file: {given.script}")
        if "--" not in (sys.argv if argv is None else argv):
            take_from(given, "tensor", "out")
        require_folder(parser, given.out)
        return graph_page.main(given.script, given.args, given.tensor, given.out, run)
    if given.command == "alias":
        return environment.main(given.action, given.site)
    if given.command == "doctor":
        return doctor.main(given.script, given.limit, given.verbose)
    if given.command == "env":
        print(about.report())
        return 0
    return demo.main(epochs=given.epochs, plot=given.plot)
