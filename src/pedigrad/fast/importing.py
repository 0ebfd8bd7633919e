"""Programs and modules of the user's are rewritten when they are read: `fast/rewrite.py` makes functions of their windows."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import runpy
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .part import ASIDE, windows
from .rewrite import rewritten

LIBRARIES = ("site-packages", "dist-packages")


class Rewriting(importlib.machinery.SourceFileLoader):
    """A loader that rewrites what it reads."""

    def get_code(self, fullname: str) -> CodeType | None:
        data = self.get_data(self.get_filename(fullname))
        if b"backward" not in data:
            return super().get_code(fullname)
        return self.source_to_code(data, self.get_filename(fullname))

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        usual: CodeType = super().source_to_code(data, path, _optimize=_optimize)
        if not isinstance(data, (bytes, bytearray)):
            return usual
        source = importlib.util.decode_source(bytes(data))
        return compile(rewritten(source, os.fspath(path))[0], path, "exec", dont_inherit=True, optimize=_optimize)


class Finder:
    """Finds modules as Python does, and has the user's own rewritten: not those of installed packages."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader and is_own(spec.origin):
            spec.loader = Rewriting(spec.loader.name, spec.loader.path)
        return spec


def is_own(path: str | None) -> bool:
    """Whether a file belongs to the user's program: not to Python, an installed package or this one."""
    if path is None:
        return False
    path = os.path.abspath(path)
    others = (sysconfig.get_path("stdlib"), os.path.dirname(os.path.dirname(__file__)))
    return not any(name in path.split(os.sep) for name in LIBRARIES) and not any(path.startswith(other + os.sep) for other in others)


def enable() -> None:
    """Rewrite the modules that are imported from now on."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        usual = sys.meta_path.index(importlib.machinery.PathFinder)  # what stands before it finds other modules, torch among them
        sys.meta_path.insert(usual, Finder())


def disable() -> None:
    """Import modules as they are again."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, Finder)]


def auto(enabled: bool, module: dict[str, Any]) -> None:
    """`torch.compiler.auto`: compile the training steps of functions that a module has, and of modules imported from now on."""
    if not enabled:
        disable()
        for window in windows:
            window.start = ASIDE
        return
    enable()
    rewrite_functions(module)


def rewrite_functions(module: dict[str, Any]) -> None:
    """Give the functions of a module, and the methods of its classes, the code that the rewritten module would give them."""
    path = module.get("__file__")
    if path is None or not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        tree, made = rewritten(importlib.util.decode_source(file.read()), path)
    if not made:
        return
    codes = {(code.co_qualname, code.co_firstlineno): code for code in within(compile(tree, path, "exec", dont_inherit=True))}
    exec(compile(ast.Module(made, []), path, "exec", dont_inherit=True), module)
    classes = [each for each in module.values() if isinstance(each, type) and each.__module__ == module.get("__name__")]
    for thing in [*module.values(), *(member for each in classes for member in vars(each).values())]:
        function = getattr(thing, "__func__", thing)
        if isinstance(function, FunctionType) and function.__code__.co_filename == path and function.__globals__ is module:
            code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code is not None and code.co_freevars == function.__code__.co_freevars:
                function.__code__ = code


def within(code: CodeType) -> Iterator[CodeType]:
    """The code of all functions of a module."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from within(each)


def run_path(path: str, run_name: str = "__main__") -> dict[str, Any]:
    """The globals of a program that is run with its windows compiled; a directory is run as Python does it."""
    if not os.path.isfile(path):
        return runpy.run_path(path, run_name=run_name)
    loader = Rewriting(run_name, path)
    code = loader.get_code(run_name)
    assert code is not None
    module = ModuleType(run_name)
    vars(module).update(__file__=path, __cached__=None, __builtins__=__builtins__)
    before = sys.modules[run_name]
    sys.modules[run_name] = module
    try:
        exec(code, vars(module))
        return dict(vars(module))
    finally:
        sys.modules[run_name] = before
