"""Programs run as they are and with their windows compiled, in this process, from their text."""

import contextlib
import io
import linecache
import sys
import types

from pedigrad.alias import install_as_torch
from pedigrad.fast import part
from pedigrad.fast.rewrite import rewritten


def run(source, fast, path="<program>"):
    """What a program prints, its globals, and its windows. They are compiled at once."""
    install_as_torch()
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    tree = rewritten(source, path)[0] if fast else source
    module = types.ModuleType("program")
    vars(module).update(__name__="program", __file__=path)
    sys.modules["program"] = module
    printed, before = io.StringIO(), len(part.windows)
    kept = part.WARM, part.LONG, part.SLOWER
    part.WARM, part.LONG, part.SLOWER = 2, 0.0, float("inf")
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, path, "exec"), vars(module))
    finally:
        part.WARM, part.LONG, part.SLOWER = kept
        del sys.modules["program"]
    return printed.getvalue(), vars(module), part.windows[before:]
