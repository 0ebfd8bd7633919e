"""The command line: `pedigrad run script.py [args]`, `pedigrad demo` and `pedigrad convert`."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from pickle import UnpicklingError

from . import demo
from .alias import install_as_torch, missing_name
from .serialization.convert import convert


def run(script: str, args: Sequence[str], as_module: bool = False) -> None:
    """Run a program as Python would, with pedigrad in the place of torch."""
    install_as_torch()
    sys.argv = [script, *args]
    try:
        if as_module:
            sys.path.insert(0, os.getcwd())
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
            runpy.run_path(script, run_name="__main__")
    except (ImportError, AttributeError) as error:
        hint = missing_name(error)
        if hint is not None:
            error.add_note(hint)
        raise


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the `pedigrad` command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pedigrad", description="Tensors that remember where they come from.")
    commands = parser.add_subparsers(dest="command", required=True)
    runner = commands.add_parser("run", help="run an unchanged PyTorch program on pedigrad")
    runner.add_argument("-m", dest="module", action="store_true", help="run a module instead of a file")
    runner.add_argument("script", help="the program: a file, or a module with -m")
    runner.add_argument("args", nargs=argparse.REMAINDER, help="the program's own arguments")
    show = commands.add_parser("demo", help="train two models and show where a loss comes from")
    show.add_argument("--epochs", type=int, default=30, help="epochs on the digits (default 30)")
    show.add_argument("--plot", default="pedigrad-demo.png", help="where the loss curve goes (default %(default)s)")
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
        run(given.script, given.args, given.module)
        return 0
    return demo.main(epochs=given.epochs, plot=given.plot)
