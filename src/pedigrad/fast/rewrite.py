"""The source of a program with its windows as functions, which is what `--fast` runs. Lines and names stay those of the program."""

from __future__ import annotations

import ast
from typing import TypeVar

from .windows import Start, Window, windows

MAKER = "_pedigrad_window"  # under which the module finds `fast.part.Window`
Node = TypeVar("Node", bound=ast.AST)


def rewritten(source: str, path: str) -> tuple[ast.Module, list[ast.stmt]]:
    """The program's tree, each window a choice: the function of one of its starts, or its statements as they are; and what was put in
    at its beginning, the functions."""
    tree = ast.parse(source, path)
    made: list[ast.stmt] = []
    for number, window in reversed(list(enumerate(windows(tree, source, path)))):  # in a block the last first: places stay as they were
        name = f"{MAKER}_{number}"
        made = [watcher(name, window), *(function(name, window, start) for start in window.starts), *made]
        last = window.first + len(window.statements)
        window.block[window.first : last] = choice(name, window)
    if made:
        at = beginning(tree)
        found = ast.ImportFrom(module="pedigrad.fast.part", names=[ast.alias(name="Window", asname=MAKER)], level=0)
        made = [placed(found, tree.body[0]), *made]
        tree.body[at:at] = made
    return tree, made


def beginning(tree: ast.Module) -> int:
    """Where statements may be put in: behind the docstring and imports from `__future__`."""
    for at, statement in enumerate(tree.body):
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)
        if not (is_text or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")):
            return at
    return len(tree.body)


def watcher(name: str, window: Window) -> ast.stmt:
    """`name = Window(scope, first line, last line, names of the parameters, of each start)`."""
    first, last = window.statements[0].lineno, window.statements[-1].end_lineno
    known = [window.scope, first, last, {start.index: tuple(start.parameters) for start in window.starts}]
    value = ast.Call(read(MAKER), [ast.parse(repr(each), mode="eval").body for each in [*known]] + [read("__file__")], [])
    return placed(ast.Assign([ast.Name(name, ast.Store())], value), window.statements[0])


def function(name: str, window: Window, start: Start) -> ast.stmt:
    """What a window does from a start on, as a function that belongs to it."""
    part = start.body
    results = ast.Return(ast.Tuple([read(each) for each in start.results], ast.Load()))
    given = ast.arguments([], [ast.arg(each) for each in start.parameters], None, [], [], None, [])
    belongs = ast.Call(ast.Attribute(read(name), "part", ast.Load()), [ast.Constant(start.index)], [])
    made = ast.FunctionDef(f"{name}_{start.index}", given, [*part, placed(results, part[-1])], [belongs], None)
    return placed(made, part[0])


def choice(name: str, window: Window) -> list[ast.stmt]:
    """The statements of a window, or from one of its starts on the call of the function."""
    starts, statements = window.starts, window.statements
    chosen = statements[starts[-1].index :]
    for start, before in zip(reversed(starts), [*reversed(starts[:-1]), None], strict=True):
        test = ast.Compare(ast.Attribute(read(name), "start", ast.Load()), [ast.Eq()], [ast.Constant(start.index)])
        chosen = [placed(ast.If(test, [call(name, start)], chosen), statements[start.index])]
        chosen = statements[0 if before is None else before.index : start.index] + chosen
    return chosen


def call(name: str, start: Start) -> ast.stmt:
    """`results = name_of_the_function(parameters)`."""
    value = ast.Call(read(f"{name}_{start.index}"), list(start.parameters.values()), [])
    if not start.results:
        return ast.Expr(value)
    return ast.Assign([ast.Tuple([ast.Name(each, ast.Store()) for each in start.results], ast.Store())], value)


def read(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def placed(node: Node, where: ast.stmt) -> Node:
    """A new node at the place where a statement of the program begins, and so all below it that has no place."""
    for name, value in (("lineno", where.lineno), ("col_offset", where.col_offset)):
        setattr(node, name, value)
        setattr(node, f"end_{name}", value)
    return ast.fix_missing_locations(node)
