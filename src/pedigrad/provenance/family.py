"""What a tensor says of where it comes from: its family tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..core.declare import function
from ..core.graph import Node
from ..core.origin import located
from ..core.tensor import Tensor
from ..core.traces import modules_around, variables
from . import drawing, page, text
from .ancestors import Ancestors, tensors
from .facts import Facts
from .folding import Folder, Group
from .graph import Graph, of_family


class Family:
    """The operations a tensor came from, youngest first, as a tree that prints, and as a page and pictures.

    Iterating gives the nodes, parents after children; `leaves` are the tensors that gradients arrive in.
    """

    def __init__(
        self, tensor: Tensor, names: Mapping[str, Tensor] | None = None, *, depth: int | None = None,
        modules: bool | str | Sequence[str] = True, until: Any = None, to: Any = None, lines: int | None = 50,
    ):  # fmt: skip
        self.ancestors = Ancestors(tensor, tensors(until), tensors(to))
        self.tensor = tensor
        scopes = {id(node.scope): node.scope for node in self.ancestors.nodes if node.scope is not None}
        self.kept = self.leaves, [scope.module() for scope in scopes.values()]  # names are looked up when the program may be over
        called = {id(t._node): name for name, t in (names or {}).items() if t._node is not None}
        self.facts = Facts(called, variables(around=True), modules_around())
        self.by_module = modules is not False
        opened = () if isinstance(modules, bool) else (modules,) if isinstance(modules, str) else tuple(modules)
        room = None if depth is not None and lines == text.View.lines else lines
        self.view = text.View(depth, opened, room, self.by_module, self.ancestors.goals)

    @cached_property
    def tree(self) -> Group:
        """The operations in groups, by module and by what is repeated."""
        return Folder(self.ancestors.nodes, modules=self.by_module).folded()

    def __iter__(self) -> Iterator[Node]:
        both = [*self.ancestors.nodes, *self.ancestors.leaves]
        return iter(sorted(both, key=lambda node: -node.seq))

    def __len__(self) -> int:
        return len(self.ancestors.nodes) + len(self.ancestors.leaves)

    @property
    def leaves(self) -> list[Tensor]:
        """The leaf tensors that receive a gradient, in the order they were made."""
        return [t for t in (leaf.variable for leaf in self.ancestors.leaves) if t is not None]

    def lines(self) -> Iterator[str]:
        """The lines of the tree."""
        return text.lines(self.ancestors, self.tree, self.facts, self.view)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def with_gradients(self) -> Family:
        """The family itself, which notes the norm of each operation's gradient at the next backward pass, for the page.

        What operations computed can be told afterwards only if that pass was called with `retain_graph=True`.
        """
        for node in self.ancestors.nodes:
            self.facts.note_gradient(node)
        return self

    def graph(self) -> Graph:
        """What the page shows, as data."""
        summary = text.header(self.ancestors) if self.ancestors.nodes else str(self)
        return of_family(self.ancestors, self.tree, self.facts, summary)

    def html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The family as one HTML page that needs no network, in which modules open and close; written to `path` if there is one."""
        return written(page.page(self.graph()), path)

    def _repr_html_(self) -> str:
        return page.framed(self.html())

    def printer(self) -> text.Printer:
        """The rows that are shown, for pictures."""
        return text.Printer(self.ancestors, self.facts, text.rows(self.tree, self.view), self.view.by_module)

    def svg(self, path: str | os.PathLike[str] | None = None) -> str:
        """The rows that are printed as an SVG picture, edges as arcs; written to `path` if there is one."""
        return written(drawing.svg(self.printer()), path)

    def dot(self, path: str | os.PathLike[str] | None = None) -> str:
        """The rows that are printed as a graph in Graphviz' language; written to `path` if there is one."""
        return written(drawing.dot(self.printer()), path)

    def mermaid(self, path: str | os.PathLike[str] | None = None) -> str:
        """The rows that are printed as a graph in Mermaid's language; written to `path` if there is one."""
        return written(drawing.mermaid(self.printer()), path)

    __repr__ = __str__


def written(made: str, path: str | os.PathLike[str] | None) -> str:
    """A text, which is written to `path` if there is one."""
    if path is not None:
        Path(path).write_text(made, encoding="utf-8")
    return made


def what_is(given: Any) -> str:
    """The type of an argument, of those in a list theirs."""
    inner = sorted({type(each).__name__ for each in given}) if isinstance(given, (list, tuple)) else []
    return type(given).__name__ + (f" of {', '.join(inner)}" if inner else "")


@function("torch Tensor")
def family(
    input: Tensor, names: Any = None, *, depth: int | None = None, modules: bool | str | Sequence[str] = True,
    until: Any = None, to: Any = None, lines: int | None = 50,
) -> Family:  # fmt: skip
    """The family tree of a tensor: the operations, modules and source lines it came from, and the leaves it gives gradients to.

    It prints at most `lines` rows (None: all) and opens modules as far as there is room, or to a `depth`. `modules` are the paths of
    those to open (`"layer4.1"`), or False to see operations only. It goes back until the tensors `until`; of tensors `to` it shows
    only the paths that lead from them. `names` is a mapping or the `named_parameters()` of a module, used to call leaves by name.

    >>> import pedigrad as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> print((w * 2).sum().family({"w": w}))  # doctest: +ELLIPSIS
    () float32: 2 operations, 1 leaf of 3 numbers...
      1 │ sum ()...
      2 ╵ mul (3,)  ← w (3,)
    """
    for name, given in (("until", until), ("to", to)):
        several = given if isinstance(given, (list, tuple)) else () if given is None else (given,)
        wrong = next((each for each in several if not isinstance(each, Tensor)), None)
        if wrong is not None:
            raise TypeError(located(f"family(): '{name}' must be a Tensor or several, not {type(wrong).__name__}"))
    for name, number, least in (("depth", depth, 0), ("lines", lines, 1)):
        if number is not None and (not isinstance(number, int) or number < least):
            raise ValueError(located(f"family(): '{name}' must be an integer from {least} or None, not {number!r}"))
    paths = () if isinstance(modules, bool) else (modules,) if isinstance(modules, str) else modules
    if not isinstance(paths, (list, tuple)) or not all(isinstance(path, str) for path in paths):
        raise TypeError(
            located(f"family(): 'modules' must be the path of a module (\"layer4.1\"), several, or False, not {what_is(modules)}")
        )
    try:
        called = None if names is None else dict(names)
    except (TypeError, ValueError):
        told = "a dict of names and tensors, or a module's named_parameters()"
        raise TypeError(located(f"family(): 'names' must be {told}, not {what_is(names)}")) from None
    return Family(input, called, depth=depth, modules=modules, until=until, to=to, lines=lines)
