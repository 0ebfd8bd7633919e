"""What a tensor says of where it comes from: its family tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .declare import function
from .graph import Leaf, Node
from .history import refresh
from .tensor import Tensor


class Family:
    """The operations a tensor came from, youngest first, as a tree that prints.

    Iterating gives the nodes, parents after children; `leaves` are the tensors that gradients arrive in.
    """

    def __init__(self, tensor: Tensor, names: Mapping[str, Tensor] | None = None):
        refresh(tensor)
        self.tensor = tensor
        self.names = {id(t._node): name for name, t in (names or {}).items() if t._node is not None}

    def __iter__(self) -> Iterator[Node]:
        root = self.tensor._node
        found: dict[int, Node] = {}
        stack = [] if root is None else [root]
        while stack:
            node, _ = stack.pop().edge()
            if node.seq not in found:
                found[node.seq] = node
                stack.extend(p for p in node.parents if p is not None)
        return iter(sorted(found.values(), key=lambda node: -node.seq))

    @property
    def leaves(self) -> list[Tensor]:
        """The leaf tensors that receive a gradient, in the order they were made."""
        nodes = [node for node in self if isinstance(node, Leaf)]
        return [t for t in (node.variable for node in reversed(nodes)) if t is not None]

    def describe(self, node: Node) -> str:
        """One node in a line: operation, shape, source line; of a leaf, that gradients arrive there."""
        shape = tuple(node.shape)
        if isinstance(node, Leaf):
            name = self.names.get(id(node)) or type(node.variable).__name__.lower()
            return f"leaf {name} {shape}, receives a gradient"
        return f"{node.op.name} {shape}  {node.origin}"

    def lines(self) -> Iterator[str]:
        """The lines of the tree; a node that was shown already is only referred to."""
        root = self.tensor._node
        if root is None:
            cut = self.tensor._cut
            yield "no history: " + (f"{cut.reason} at {cut.origin}" if cut else "a tensor that needs no gradient")
            return
        numbers: dict[int, int] = {}
        stack: list[tuple[Node, str, str]] = [(root.edge()[0], "", "")]
        while stack:
            node, lead, below = stack.pop()
            if node.seq in numbers:
                yield f"{lead}as #{numbers[node.seq]} above"
                continue
            numbers[node.seq] = len(numbers)
            yield f"{lead}#{numbers[node.seq]} {self.describe(node)}"
            parents = [p.edge()[0] for p in node.parents if p is not None]
            for i, parent in reversed(list(enumerate(parents))):
                last = i == len(parents) - 1
                stack.append((parent, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    __repr__ = __str__


@function("torch Tensor")
def family(input: Tensor, names: Any = None) -> Family:
    """The family tree of a tensor: the operations, shapes and source lines it came from, and the leaves it gives gradients to.

    `names` is a mapping or the `named_parameters()` of a module, used to call leaves by name.
    """
    return Family(input, dict(names) if names is not None else None)
