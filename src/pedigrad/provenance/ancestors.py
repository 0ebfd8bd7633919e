"""The operations that a tensor came from, in the order in which they were run, and what each of them was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.graph import Leaf, Node
from ..core.history import refresh
from ..core.tensor import Tensor


def node_of(tensor: Tensor) -> Node | None:
    """The node of a tensor, in the place of an output's that of the operation."""
    refresh(tensor)
    return None if tensor._node is None else tensor._node.edge()[0]


def parents_of(node: Node) -> Iterator[Node]:
    """The nodes that the operands of an operation came from."""
    for parent in node.parents:
        if parent is not None:
            yield parent.edge()[0]


class Ancestors:
    """Operations, oldest first, each known by its place in that order, and leaves.

    The walk ends at the tensors `until`. With tensors `to`, only what lies on a path from them is left.
    """

    def __init__(self, tensor: Tensor, until: Sequence[Tensor] = (), to: Sequence[Tensor] = ()):
        self.tensor = tensor
        ends = {node.seq for node in map(node_of, until) if node is not None}
        targets = {node.seq for node in map(node_of, to) if node is not None}
        found = _reached(node_of(tensor), ends)
        reached = {node.seq for node in found}
        self.strangers = sum(node is None or node.seq not in reached for node in map(node_of, until))  # that it did not come from
        if targets or to:
            found = _leading_to(found, targets)
        self.nodes = [node for node in found if not isinstance(node, Leaf)]
        self.leaves = [node for node in found if isinstance(node, Leaf)]
        self.is_leaf = {node.seq for node in self.leaves}
        self.only_paths = bool(targets or to)
        self.place = {node.seq: i for i, node in enumerate(self.nodes)}
        self.ends = ends
        first = [i for i, node in enumerate(self.nodes) if node.seq in targets or any(p.seq in targets for p in self.followed(node))]
        self.goals = tuple(first)  # places of the operations that are tensors `to`, or take them
        self.parents = [sorted({self.place[p.seq] for p in self.followed(node) if p.seq in self.place}) for node in self.nodes]

    def shows(self, leaf: Leaf | None) -> bool:
        """Whether an operand, by its leaf if it has one, stands beside its operation: of paths only what they begin at."""
        return not self.only_paths if leaf is None else leaf.seq in self.is_leaf

    def followed(self, node: Node) -> Iterator[Node]:
        """The parents of an operation, none where the walk ends."""
        return iter(()) if node.seq in self.ends else parents_of(node)


def _reached(root: Node | None, ends: set[int]) -> list[Node]:
    """The nodes that are reached from `root` without going past `ends`, oldest first."""
    found: dict[int, Node] = {}
    stack = [] if root is None else [root]
    while stack:
        node = stack.pop()
        if node.seq not in found:
            found[node.seq] = node
            if node.seq not in ends:
                stack.extend(parents_of(node))
    return [found[seq] for seq in sorted(found)]


def _leading_to(nodes: list[Node], targets: set[int]) -> list[Node]:
    """Those of the nodes, oldest first, that came from one of the targets."""
    kept: set[int] = set()
    for node in nodes:
        if node.seq in targets or any(parent.seq in kept for parent in parents_of(node)):
            kept.add(node.seq)
    return [node for node in nodes if node.seq in kept]


def tensors(given: Any) -> tuple[Tensor, ...]:
    """One tensor, or several, as several."""
    if given is None:
        return ()
    return (given,) if isinstance(given, Tensor) else tuple(given)
