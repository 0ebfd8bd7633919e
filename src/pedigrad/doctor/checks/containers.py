"""Containers of layers: one layer in several places."""

from __future__ import annotations

import ast
import itertools
import linecache
from collections.abc import Iterator

from ...nn.containers import ModuleList, Sequential
from ...nn.module import Module
from ..findings import Check, Finding
from ..program import Model
from .modules import line_that_sets


class LayersShared(Check):
    """One layer stands several times in a container, as in `[make()] * 3`: the places share their weights."""

    name = "layers-shared"
    remedy = (
        "Make each layer anew: [make() for _ in range(n)], or copy.deepcopy(layer). Where the weights are to be shared, call one layer"
        " several times in forward()."
    )

    def finish(self) -> None:
        for model in list(self.program.models.values()):
            for path, container in model.module.named_modules():
                layer, times = repeated(container)
                if layer is not None and (model.trained or not self.program.updaters):
                    self.tell(model, path, container, layer, times)

    def tell(self, model: Model, path: str, container: Module, layer: Module, times: int) -> None:
        """Enter a finding, if a list with a layer made in it was repeated: one that has a name may be shared on purpose."""
        outer, _, name = path.rpartition(".")
        owner = model.module.get_submodule(outer) if path else None
        place = line_that_sets(type(owner), name) if owner is not None else None
        made = self.program.made_at(next(layer.parameters()))
        file, line = (made.file, 0) if place is None else place[:2]
        if not is_repeated(file, line, type(container).__name__):
            return
        message = f"{model.name}.{path}".rstrip(".") + f" has one {type(layer).__name__} in {times} places, which share its weights."
        if place is None:
            self.found(message, made if made.code is not None else model.origin)
        else:
            self.findings.add(Finding(self.name, message, self.remedy, *place))


def repeated(container: Module) -> tuple[Module | None, int]:
    """The layer with parameters that stands most often one after the other in a container, and in how many places; None if none does."""
    if not isinstance(container, (Sequential, ModuleList)):
        return None, 0
    runs = [(layer, len(list(run))) for layer, run in itertools.groupby(container._modules.values())]
    shared = [(layer, times) for layer, times in runs if times > 1 and layer is not None and next(layer.parameters(), None) is not None]
    return max(shared, key=lambda run: run[1], default=(None, 0))


def is_repeated(file: str, line: int, kind: str) -> bool:
    """Whether the function of a line, any where it is 0, makes a container of that kind of a list that is repeated: `[make()] * n`."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return False
    functions = [f for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.AsyncFunctionDef))]
    around = [f for f in functions if f.lineno <= line <= (f.end_lineno or line)]
    scopes = [max(around, key=lambda f: f.lineno)] if around else [tree, *functions]
    return any(Lists(scope).make(kind) for scope in scopes)


class Lists:
    """What the lists in a function are made of."""

    def __init__(self, scope: ast.AST):
        self.scope = scope
        self.values: dict[str, list[ast.expr]] = {}  # what names are assigned
        for node in nodes_of(scope):
            targets = (
                node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else []
            )
            for target in targets:
                if (name := name_of(target)) and node.value is not None:  # type: ignore[attr-defined]
                    self.values.setdefault(name, []).append(node.value)  # type: ignore[attr-defined]

    def make(self, kind: str) -> bool:
        """Whether one that is repeated becomes a container of that kind."""
        calls = [node for node in nodes_of(self.scope) if isinstance(node, ast.Call) and name_of(node.func).rpartition(".")[2] == kind]
        return any(self.repeats(each) for call in calls for each in call.args)

    def repeats(self, value: ast.expr, depth: int = 4) -> bool:
        """Whether a list is one that is repeated with something made in it, or has such a one in it."""
        if not depth:
            return False
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            return any(self.makes(side, depth) for side in (value.left, value.right))
        inner: list[ast.expr] = []
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            inner = [value.left, value.right]
        elif isinstance(value, (ast.List, ast.Tuple)):
            inner = [each for each in value.elts if isinstance(each, ast.Starred)]
        elif isinstance(value, ast.Starred):
            inner = [value.value]
        elif isinstance(value, ast.Call) and name_of(value.func) in ("list", "tuple"):
            inner = value.args
        elif name := name_of(value):
            inner = self.values.get(name, [])
        return any(self.repeats(each, depth - 1) for each in inner)

    def makes(self, value: ast.expr, depth: int) -> bool:
        """Whether a list has something made in it."""
        if isinstance(value, (ast.List, ast.Tuple)):
            return any(isinstance(each, ast.Call) for each in value.elts)
        return depth > 1 and any(self.makes(each, depth - 1) for each in self.values.get(name_of(value), []))


def nodes_of(scope: ast.AST) -> Iterator[ast.AST]:
    """What is written in a function or a file, without the functions in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            yield from nodes_of(node)


def name_of(value: ast.expr) -> str:
    """The name or the path of attributes that an expression is, empty if it is another."""
    return ast.unparse(value) if isinstance(value, (ast.Name, ast.Attribute)) else ""
