"""The files that a program is made of, and the names of torch in each, read from their texts."""

from __future__ import annotations

import ast
import os
import sys
import tokenize
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

TORCH = ("torch", "pedigrad")
# Libraries that are large and use no torch, and those that pedigrad itself is made of.
SKIPPED = {*sys.stdlib_module_names, *TORCH, "numpy", "scipy", "pandas", "matplotlib", "sklearn", "llvmlite", "ml_dtypes", "PIL", "pytest"}
CAUGHT = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}


@dataclass
class Use:
    """A name of torch in a text; `guarded` where its absence is caught."""

    name: str
    file: str
    line: int
    guarded: bool


@dataclass
class Source:
    """A file: what it uses of torch, the other modules that it imports, and why it could not be read."""

    path: str
    uses: list[Use] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    fault: str = ""


def reached(script: str, limit: int) -> tuple[list[Source], int]:
    """The script and the files that it imports, nearest first, at most `limit` of them; and how many more there would be."""
    path = [os.path.dirname(os.path.abspath(script)), *(entry or os.getcwd() for entry in sys.path)]
    waiting = deque([(os.path.abspath(script), "")])
    seen = {waiting[0][0]}
    found: list[Source] = []
    while waiting and len(found) < limit:
        file, module = waiting.popleft()
        source = read(file, module)
        found.append(source)
        for name in source.imports:
            for each in files_of(name, path):
                if each[0] not in seen:
                    seen.add(each[0])
                    waiting.append(each)
    return found, len(waiting)


def files_of(name: str, path: list[str]) -> Iterator[tuple[str, str]]:
    """The files that are run when a module is imported, each with its module's name: packages, and the module in them."""
    parts = name.split(".")
    if parts[0] in SKIPPED:
        return
    for folder in path:
        base = os.path.join(folder, parts[0])
        if os.path.isfile(base + ".py") or os.path.isdir(base):
            break
    else:
        return
    base = folder
    for i, part in enumerate(parts, 1):
        base = os.path.join(base, part)
        for file in (os.path.join(base, "__init__.py"), base + ".py"):
            if os.path.isfile(file):
                yield file, ".".join(parts[:i])
                break
        if not os.path.isdir(base):
            return


def read(file: str, module: str) -> Source:
    """What one file says."""
    source = Source(file)
    try:
        with tokenize.open(file) as stream:
            tree = ast.parse(stream.read(), file)
    except (SyntaxError, UnicodeDecodeError, OSError, ValueError, RecursionError) as error:
        source.fault = f"{type(error).__name__}: {error}"
        return source
    package = module if os.path.basename(file) == "__init__.py" else module.rpartition(".")[0]
    _Reader(source, package).visit(tree)
    return source


class _Reader(ast.NodeVisitor):
    """Collects names of torch, whatever they are called in the file."""

    def __init__(self, source: Source, package: str):
        self.source, self.package = source, package
        self.known: dict[str, str] = {}  # a name in this file -> a name of torch
        self.guards = 0

    def use(self, name: str, node: ast.AST) -> None:
        if "." in name:
            self.source.uses.append(Use(name, self.source.path, getattr(node, "lineno", 0), self.guards > 0))

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            first, _, rest = each.name.partition(".")
            if first not in TORCH:
                self.source.imports.append(each.name)
                continue
            name = f"torch.{rest}".rstrip(".")
            self.use(name, node)
            self.known[each.asname or first] = name if each.asname else "torch"

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level:
            above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            module = ".".join([*filter(None, above), *filter(None, [module])])
        first, _, rest = module.partition(".")
        if first not in TORCH or node.level:
            self.source.imports += [module, *(f"{module}.{each.name}".lstrip(".") for each in node.names)]
            return
        for each in node.names:
            name = ".".join(filter(None, ["torch", rest, "" if each.name == "*" else each.name]))
            self.use(name, node)
            self.known[each.asname or each.name] = name

    def visit_Assign(self, node: ast.Assign) -> None:
        name = self.named(node.value)
        if name is not None and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            self.known[node.targets[0].id] = name
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        name = self.named(node)
        if name is None:
            self.generic_visit(node)
        else:
            self.use(name, node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr") and len(node.args) > 1:
            owner, wanted = self.named(node.args[0]), node.args[1]
            if owner is not None and isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
                prepared = node.func.id == "hasattr" or len(node.args) > 2
                self.guards += prepared
                self.use(f"{owner}.{wanted.value}", node)
                self.guards -= prepared
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        caught = {name.id if isinstance(name, ast.Name) else "" for handler in node.handlers for name in _types(handler)}
        prepared = bool(caught & CAUGHT) or any(handler.type is None for handler in node.handlers)
        self.guards += prepared
        for each in node.body:
            self.visit(each)
        self.guards -= prepared
        for rest in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(rest)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for each in node.orelse:
                self.visit(each)
        else:
            prepared = "hasattr(" in ast.unparse(node.test)
            self.guards += prepared
            self.generic_visit(node)
            self.guards -= prepared

    def named(self, node: ast.AST) -> str | None:
        """The name of torch that an expression spells."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.known:
            return None
        return ".".join([self.known[node.id], *reversed(parts)])


def _types(handler: ast.ExceptHandler) -> list[ast.expr]:
    if handler.type is None:
        return []
    return list(handler.type.elts) if isinstance(handler.type, ast.Tuple) else [handler.type]
