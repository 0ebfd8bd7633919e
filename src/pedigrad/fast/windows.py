"""Windows of a program: statements in a row that take a training step, found in its source.

A window ends with the backward pass or with the optimizer's step behind it, and reaches back to the beginning of its block, or to what no
compiled program does: printing, files, numbers fetched from tensors. What its first statements do may turn out not to compile (indices
drawn in Python, say); so it has several `starts`, the later of which leave more of them to run as usual.
"""

from __future__ import annotations

import ast
import copy
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

from .names import names_in, needed, surely_stored, uses

STARTS = 6  # places at which a window may begin
# Calls that end a window: what they do is no part of a program, or follows from the numbers in tensors.
FUNCTIONS = frozenset("print input open next tqdm locals globals vars eval exec super breakpoint exit quit float int bool".split())
METHODS = frozenset(
    "item tolist numpy append extend insert write writelines log info debug warning set_postfix set_description add_scalar add_scalars "
    "save close flush time perf_counter monotonic sleep".split()
)
LOOKS = frozenset("locals globals vars eval exec dir".split())  # functions that see all names of a scope
UPDATES = frozenset("zero_grad zero_ no_grad clip_grad_norm_ clip_grad_value_ update".split())  # what belongs to a step, behind it too
APART = (
    *(ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom),
    *(
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Try,
        ast.Raise,
        ast.Delete,
        ast.Match,
        ast.AsyncFor,
        ast.AsyncWith,
        ast.While,
    ),
)
BOUNDS = (  # what the bounds of slices that are lifted consist of
    *(ast.Slice, ast.Tuple, ast.Name, ast.Attribute, ast.Constant, ast.BinOp, ast.UnaryOp),
    *(ast.expr_context, ast.operator, ast.unaryop),
)
Scope = ast.Module | ast.FunctionDef


@dataclass
class Start:
    """A place at which the compiled part of a window may begin."""

    index: int
    body: list[ast.stmt]
    parameters: dict[str, ast.expr]  # the names that the body reads, and what they are given
    results: list[str]


@dataclass
class Window:
    """Statements of a block that one compiled function may run."""

    scope: str
    block: list[ast.stmt]
    first: int
    statements: list[ast.stmt]
    starts: list[Start] = field(default_factory=list)


class Sight:
    """What is known of the names of a scope."""

    def __init__(self, scope: Scope, table: symtable.SymbolTable):
        self.scope, self.table = scope, table
        self.is_module = isinstance(scope, ast.Module)
        self.sees_all = not LOOKS.isdisjoint(uses(scope))
        self.shared = set(shared_names(table))
        self.given = set() if self.is_module else set(table.get_parameters())  # type: ignore[attr-defined]

    def is_own(self, name: str) -> bool:
        """Whether a name is not one of the module's or of Python's."""
        if self.is_module:
            return False
        try:
            return not self.table.lookup(name).is_global()
        except KeyError:  # a comprehension alone has it
            return False

    def live(self, window: list[ast.stmt]) -> set[str] | None:
        """The names that the scope reads outside of a window; None if it may read any."""
        return None if self.sees_all else set(uses(self.scope, window))


def shared_names(table: symtable.SymbolTable) -> Iterator[str]:
    """The names of a scope that functions within it see, and those that it stores for others."""
    own = table.get_type() == "module"
    if not own:
        yield from (s.get_name() for s in table.get_symbols() if s.is_declared_global() or s.is_nonlocal())
    left = list(table.get_children())
    while left:
        inner = left.pop()
        left += inner.get_children()
        yield from (s.get_name() for s in inner.get_symbols() if (s.is_global() if own else s.is_free()))


def scopes(tree: ast.Module, source: str, path: str) -> Iterator[tuple[str, Scope, symtable.SymbolTable]]:
    """The module and its functions, by their qualified names, each with what Python knows of its names."""
    table = symtable.symtable(source, path, "exec")
    yield "<module>", tree, table
    tables: dict[tuple[str, int], list[symtable.SymbolTable]] = {}
    left = list(table.get_children())
    while left:
        inner = left.pop()
        left += inner.get_children()
        tables.setdefault((inner.get_name(), inner.get_lineno()), []).append(inner)
    for name, node in functions(tree, ""):
        found = tables.get((node.name, node.lineno), [])
        if len(found) == 1:
            yield name, node, found[0]


def functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """All functions below a node that are no coroutines, by their qualified names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if isinstance(child, ast.FunctionDef):
                yield f"{prefix}{child.name}", child
            yield from functions(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def calls(node: ast.AST, *names: str) -> bool:
    """Whether a method, or a function of a module, with one of these names is called below a node."""
    return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in names for n in ast.walk(node))


def is_backward(node: ast.AST) -> bool:
    return calls(node, "backward")


def runs_backward(node: ast.AST) -> bool:
    """Whether `backward` is called below a node, but in functions and classes that are defined there."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    parts = [part for part in ast.iter_child_nodes(node) if not isinstance(part, inner)]
    return any(is_backward(part) if isinstance(part, ast.expr) else runs_backward(part) for part in parts)


def is_step(statement: ast.stmt) -> bool:
    """Whether a statement is `optimizer.step()`, or the like: its result is not used, as that of an environment's would be."""
    return isinstance(statement, ast.Expr) and calls(statement, "step")


def is_update(statement: ast.stmt) -> bool:
    """Whether a statement behind the backward pass belongs to the step: of an optimizer, or written out."""
    if is_step(statement) or calls(statement, *UPDATES):
        return True
    return any(isinstance(n, ast.Attribute) and n.attr in ("grad", "data") for n in ast.walk(statement))


def ends_window(statement: ast.stmt) -> bool:
    """Whether a statement is no part of a window."""
    inner = isinstance(statement, (ast.For, ast.If, ast.With)) and (
        is_backward(statement) or any(isinstance(n, ast.stmt) and is_step(n) for n in ast.walk(statement))
    )
    return inner or any(map(is_apart, ast.walk(statement)))


def is_apart(node: ast.AST) -> bool:
    """Whether something is, or does, what a compiled program does not."""
    if isinstance(node, APART):
        return True
    if isinstance(node, ast.Call):
        called = node.func
        return (isinstance(called, ast.Name) and called.id in FUNCTIONS) or (isinstance(called, ast.Attribute) and called.attr in METHODS)
    if isinstance(node, ast.AugAssign):  # a counter
        return isinstance(node.target, ast.Name) and isinstance(node.value, ast.Constant)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return (name.startswith("__") and not name.endswith("__")) or name == "__class__"


def blocks(node: ast.AST, loops: tuple[ast.AST, ...] = ()) -> Iterator[tuple[list[ast.stmt], tuple[ast.AST, ...]]]:
    """The lists of statements of a scope, each with the loops that it is in."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            within = (*loops, node) if isinstance(node, (ast.For, ast.While)) and name == "body" else loops
            yield block, within
            for statement in block:
                if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    yield from blocks(statement, within)
    for other in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
        yield from blocks(other, loops)


def windows(tree: ast.Module, source: str, path: str) -> list[Window]:
    """All windows of a program."""
    found = []
    for name, scope, table in scopes(tree, source, path):
        if not runs_backward(scope):
            continue
        sight = Sight(scope, table)
        for block, loops in blocks(scope):
            begin, known = 0, set(sight.given)
            for end in range(len(block) + 1):
                if end == len(block) or ends_window(block[end]) or stores_for_others(block[end], sight, known):
                    window = window_of(name, block, begin, end, loops, sight)
                    found += [] if window is None else [window]
                    begin = end + 1
                if end < len(block):
                    gone = uses(block[end]) if isinstance(block[end], ast.Delete) else ()
                    known = (known | surely_stored(block[end])).difference(gone)
    return found


def stores_for_others(statement: ast.stmt, sight: Sight, known: set[str]) -> bool:
    """Whether a statement stores what others see meanwhile, or what may have no value after it: not what is `known` to have one."""
    stored = names_in([statement]).stored
    if stored & sight.shared:
        return True
    unsure = stored - surely_stored(statement) - known
    live = sight.live([statement]) if unsure else set()
    return live is None or bool(unsure & live)


def window_of(name: str, block: list[ast.stmt], begin: int, end: int, loops: tuple[ast.AST, ...], sight: Sight) -> Window | None:
    """The window in a run of statements, if there is one."""
    run = block[begin:end]
    backward = [i for i, statement in enumerate(run) if is_backward(statement)]
    updates = [i for i, statement in enumerate(run) if is_update(statement)]
    if backward:
        first, latest = 0, backward[0]
    elif any(map(is_step, run)) and any(map(runs_backward, loops[-1:] or (sight.scope,))):
        first = latest = updates[0]
    else:
        return None
    statements = run[first : max(backward + updates) + 1]
    window = Window(name, block, begin + first, statements)
    for index in range(max(0, latest - first - STARTS + 1), latest - first + 1):
        window.starts.append(start_of(statements, index, loops, sight))
    return window


def start_of(statements: list[ast.stmt], index: int, loops: tuple[ast.AST, ...], sight: Sight) -> Start:
    """What the part of a window from a statement on is given, and gives."""
    part = statements[index:]
    stored = names_in(part).stored
    body, slices = lifted(part, stored)
    wanted = needed(body)
    if sight.is_module:  # what changes from turn to turn; the rest is found as a global
        turns = names_in(loops).stored | names_in(statements).stored
        given = (wanted - slices.keys()) & turns
    else:
        given = {name for name in wanted - slices.keys() if sight.is_own(name)}
    live = sight.live(part)
    surely = set().union(*map(surely_stored, part))
    given |= stored - surely if live is None else (stored - surely) & live  # what is stored under a condition keeps its value else
    results = (stored if live is None else stored & (live | given)) & (surely | given)
    parameters: dict[str, ast.expr] = {name: ast.Name(name, ast.Load()) for name in sorted(given)}
    return Start(index, body, parameters | slices, sorted(results))


def lifted(part: list[ast.stmt], stored: set[str]) -> tuple[list[ast.stmt], dict[str, ast.expr]]:
    """Statements with slices such as `x[i : i + n]` as parameters, and what these are: numbers that change would need new programs."""
    slices: dict[str, ast.expr] = {}
    return [Lifting(stored, slices).visit(copy.deepcopy(statement)) for statement in part], slices


class Lifting(ast.NodeTransformer):
    """Puts names in the place of slices of what a window does not store, whose bounds have names that it does not store either."""

    def __init__(self, stored: set[str], slices: dict[str, ast.expr]):
        self.stored, self.slices = stored, slices

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        parts = list(ast.walk(node.slice))
        bounds = {n.id for n in parts if isinstance(n, ast.Name)}
        owner: ast.expr = node.value
        while isinstance(owner, ast.Attribute):
            owner = owner.value
        fits = isinstance(node.ctx, ast.Load) and isinstance(owner, ast.Name) and any(isinstance(n, ast.Slice) for n in parts)
        if not fits or not bounds or not all(isinstance(n, BOUNDS) for n in parts):
            return self.generic_visit(node)
        if (bounds | {owner.id}) & self.stored:  # type: ignore[attr-defined]
            return self.generic_visit(node)
        name = next((name for name, known in self.slices.items() if ast.dump(known) == ast.dump(node)), f"_slice_{len(self.slices)}")
        self.slices[name] = node
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def left(self, node: ast.AST) -> ast.AST:
        return node  # it has names of its own

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = left
