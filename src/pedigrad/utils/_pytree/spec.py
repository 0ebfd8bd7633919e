"""Structures: what is left of a value without its leaves."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from ...core.trees import SUPPORTED_NODES, structure_of
from ...core.trees import kind_of as _kind
from .kinds import STANDARD_DICT_TYPES


class TreeSpec:
    """The structure of a value: a kind of container, its context, and the structures of what is in it; `*` is a leaf."""

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    num_leaves: int
    num_nodes: int

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type = type
        self.context = context
        self._children = children_specs
        self.num_children = len(children_specs)
        leaf = type is None
        self.num_nodes = 1 + sum(each.num_nodes for each in children_specs)
        self.num_leaves = 1 if leaf else sum(each.num_leaves for each in children_specs)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The structures of what is in it."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """The structures of what is in it, in a new list."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """The structure of one thing in it."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Whether it is that of a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self.type == other.type and self.context == other.context and self._children == other._children

    def __hash__(self) -> int:
        context = tuple(self.context) if isinstance(self.context, list) and self.type is not defaultdict else None
        return hash((self.type, context, tuple(self._children)))

    def __repr__(self) -> str:
        return self._shown(0)

    def _shown(self, indent: int) -> str:
        if self.type is None:
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(each._shown(indent + 2) for each in self._children)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{inner}])"

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """A value of this structure with these leaves. ValueError if they are more or fewer than it has."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            count = f"`leaves` has length {len(leaves)} but the spec refers to a pytree that holds {self.num_leaves} items"
            raise ValueError(f"treespec.unflatten(leaves): {count} ({self}).")
        return self._filled(iter(leaves))

    def _filled(self, leaves: Iterator[Any]) -> Any:
        if self.type is None:
            return next(leaves)
        kind = SUPPORTED_NODES.get(self.type) or structure_of(self.type)
        return kind.unflatten_fn([each._filled(leaves) for each in self._children], self.context)

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The parts of `tree` at the places of this structure's leaves. ValueError if it is another above them."""
        out: list[Any] = []
        self._walk(tree, out)
        return out

    def _walk(self, tree: Any, out: list[Any]) -> None:
        if self.type is None:
            out.append(tree)
            return
        for child, spec in zip(self.one_level(tree), self._children, strict=True):
            spec._walk(child, out)

    def one_level(self, tree: Any) -> list[Any]:
        """The children of `tree` in the order of this structure's. ValueError if it is a container of another kind or size."""
        kind = _kind(tree)
        dicts = kind is not None and kind.type in STANDARD_DICT_TYPES and self.type in STANDARD_DICT_TYPES
        if self.type is None or kind is None or (kind.type is not self.type and not dicts):
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {type(tree)!r}.")
        if dicts:
            keys = self.context[1] if self.type is defaultdict else self.context
            missing, extra = [k for k in keys if k not in tree], [k for k in tree if k not in keys]
            if missing or extra:
                texts = [f"{name} key(s): {set(found)!r}" for name, found in (("missing", missing), ("extra", extra)) if found]
                raise ValueError(f"Node keys mismatch; {'; '.join(texts)}.")
            return [tree[key] for key in keys]
        children, context = kind.flatten_fn(tree)
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if context != self.context and self.type is not deque:
            raise ValueError(f"Node context mismatch for custom node type {self.type!r}: {context!r}, expected {self.context!r}.")
        return list(children)


PyTreeSpec = TreeSpec
_LEAF_SPEC = TreeSpec(None, None, [])


def LeafSpec() -> TreeSpec:
    """The structure of a leaf."""
    return _LEAF_SPEC
