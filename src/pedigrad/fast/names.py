"""Which names statements read and store, by Python's rules of scopes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


class Names(ast.NodeVisitor):
    """The names of the scope around that are read and stored; those of comprehensions and lambdas are their own."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.stored: set[str] = set()
        self.inner: frozenset[str] = frozenset()  # names of comprehensions and lambdas that are being visited

    def visit_Name(self, node: ast.Name) -> None:
        if node.id not in self.inner:
            (self.stored if isinstance(node.ctx, ast.Store) else self.read).add(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.stored.add(node.target.id)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.read.add(node.target.id)
        self.generic_visit(node)

    def within(self, names: Iterable[str], parts: Iterable[ast.AST]) -> None:
        """Visit what has names of its own."""
        before = self.inner
        self.inner = before | frozenset(names)
        for part in parts:
            self.visit(part)
        self.inner = before

    def comprehension_of(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)
        own = {name for each in node.generators for name in names_of(each.target)}
        results: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        conditions = [part for each in node.generators for part in each.ifs]
        self.within(own, [*results, *conditions, *(each.iter for each in node.generators[1:])])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = comprehension_of

    def visit_Lambda(self, node: ast.Lambda) -> None:
        given = node.args
        for default in [*given.defaults, *(each for each in given.kw_defaults if each is not None)]:
            self.visit(default)
        listed = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        self.within((each.arg for each in listed if each is not None), [node.body])


def names_of(target: ast.AST) -> set[str]:
    """The names that an assignment's target stores."""
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def names_in(statements: Iterable[ast.AST]) -> Names:
    """What statements read and store."""
    found = Names()
    for statement in statements:
        found.visit(statement)
    return found


def surely_stored(statement: ast.stmt) -> set[str]:
    """The names that have a value once a statement has run, whatever way it took."""
    if isinstance(statement, ast.Assign):
        return {name for target in statement.targets for name in names_of(target)}
    if isinstance(statement, ast.AugAssign) or (isinstance(statement, ast.AnnAssign) and statement.value is not None):
        return names_of(statement.target)
    if isinstance(statement, ast.With):
        held = {name for item in statement.items if item.optional_vars is not None for name in names_of(item.optional_vars)}
        return held.union(*map(surely_stored, statement.body))
    if isinstance(statement, ast.If):
        return set.intersection(*(set().union(*map(surely_stored, branch)) for branch in (statement.body, statement.orelse)))
    return set()


def needed(statements: list[ast.stmt]) -> set[str]:
    """The names whose values statements may need from before them."""
    known: set[str] = set()
    found: set[str] = set()
    for statement in statements:
        found |= needed_by(statement) - known
        known |= surely_stored(statement)
    return found


def needed_by(statement: ast.stmt) -> set[str]:
    """The same of one statement."""
    if isinstance(statement, ast.For):
        within = needed(statement.body) - names_of(statement.target)
        return names_in([statement.iter, statement.target]).read | within | needed(statement.orelse)
    if isinstance(statement, ast.With):
        held = {name for item in statement.items if item.optional_vars is not None for name in names_of(item.optional_vars)}
        return names_in(statement.items).read | (needed(statement.body) - held)
    if isinstance(statement, ast.If):
        return names_in([statement.test]).read | needed(statement.body) | needed(statement.orelse)
    return names_in([statement]).read


def uses(tree: ast.AST, without: Iterable[ast.AST] = ()) -> Iterator[str]:
    """The names that anything below reads or deletes, functions within included, but for what lies in `without`."""
    left_out = set(map(id, without))
    left = [tree]
    while left:
        node = left.pop()
        if id(node) in left_out:
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        left.extend(ast.iter_child_nodes(node))
