"""What nodes pass on of a loss's gradient, node by node, for those who ask: nothing runs or is let go that a backward pass would."""

from __future__ import annotations

from collections.abc import Iterator
from math import frexp, inf, isnan
from typing import Any

import numpy as np

from ..core.graph import Leaf, Node, Output, Packed, Remade
from ..core.lifted import Lifted
from ..core.tensor import Tensor
from ..ops.sparse.values import is_sparse, to_dense
from .engine import added, fitted

Array = np.ndarray[Any, Any]
SMALLEST = 1e-30  # what is larger does not vanish in one operation


class Passed:
    """The gradients of the nodes on the way from a loss to a tensor: those that arrive there, and what each node gives its parents."""

    def __init__(self, loss: Tensor, useful: dict[int, Node]):
        assert loss._node is not None
        self.useful = useful
        self.arriving: dict[int, Any] = {loss._node.seq: np.ones(loss._array.shape, loss._array.dtype)}
        self.given: dict[int, dict[int, float]] = {}  # by node the largest elements that it gives its parents
        self.shares: dict[int, list[tuple[Node, float]]] = {}  # by node who gives it a gradient, and the largest element of that
        for seq in sorted(useful, reverse=True):
            g = self.arriving.get(seq)
            if g is not None and not isinstance(useful[seq], Leaf):
                self.visit(useful[seq], g)
        self.gradients = {seq: np.asarray(elements(g)) for seq, g in self.arriving.items() if not isinstance(g, list)}

    def visit(self, node: Node, g: Any) -> None:
        """Pass on what has arrived at a node."""
        if isinstance(node, Output):
            shares: list[Any] = [None] * node.count
            shares[node.index] = g
            inner = node.parents[0]
            self.arriving[inner.seq] = added(self.arriving[inner.seq], shares) if inner.seq in self.arriving else shares  # type: ignore[union-attr]
            return
        given = self.given[node.seq] = {}
        for parent, d in self.results(node, g):
            most = largest(d)
            given[parent.seq] = max(given.get(parent.seq, 0.0), most)
            self.shares.setdefault(parent.seq, []).append((node, most))
            self.arriving[parent.seq] = added(self.arriving[parent.seq], d) if parent.seq in self.arriving else d

    def results(self, node: Node, g: Any) -> Iterator[tuple[Node, Array]]:
        """What the rules of a node make of a gradient, for each of its parents on the way."""
        source, saved = node, node.saved
        while isinstance(saved, Remade):
            source = saved.node()
            saved = source.saved
        if isinstance(saved, Packed):
            saved = saved.unpacked()
        parents = tuple(p if p is not None and p.seq in self.useful else None for p in node.parents)
        with np.errstate(all="ignore"):
            results = source.backward(g, parents, saved)  # type: ignore[attr-defined]
        for parent, d in zip(parents, results, strict=False):
            if parent is not None and d is not None:
                held = d._held if isinstance(d, Tensor) else d
                d = fitted(to_dense(held) if is_sparse(held) else held, parent.shape, parent.dtype)
                while isinstance(d, Lifted) and isinstance(parent, Leaf):
                    d = d.parts()[0].sum(0)  # of all samples
                yield parent, d

    def on_the_way(self, node: Node) -> list[Node]:
        """The parents of a node that are on the way."""
        return [p for p in node.parents if p is not None and p.seq in self.useful]

    def is_flat(self, node: Node) -> bool:
        """Whether a node passes nothing on of any gradient that is not 0 where the one that has arrived is not."""
        if getattr(node, "op", None) is None or isinstance(node.saved, Remade):
            return True  # a function of the user's is not run for a question
        noise = np.random.default_rng(0)

        def other(g: Any) -> Any:
            if isinstance(g, list):
                return [each if each is None else other(each) for each in g]
            if isinstance(g, Lifted):  # all samples alike
                return (g != 0) * np.asarray(noise.uniform(0.5, 1.5, g.shape), g.dtype)
            return ((g != 0) * noise.uniform(0.5, 1.5, g.shape) * noise.choice((-1.0, 1.0), g.shape)).astype(g.dtype)

        return all(largest(d) == 0 for _, d in self.results(node, other(self.arriving[node.seq])))

    def underflows(self, node: Node) -> bool:
        """Whether a node passes nothing on because what has arrived at it is next to the smallest number of its dtype."""
        g = self.arriving[node.seq]
        if not isinstance(g, np.ndarray) or g.dtype.kind != "f" or getattr(node, "op", None) is None or not 0 < largest(g) < SMALLEST:
            return False
        larger = np.ldexp(g, -frexp(largest(g))[1])
        return any(largest(d) > 0 for _, d in self.results(node, larger))


def largest(array: Any) -> float:
    """The largest element of an array or of several, without its sign; 0 if there is none, infinite where one is nan."""
    if isinstance(array, list):
        return max(map(largest, array), default=0.0)
    array = elements(array)
    most = 0.0 if array is None or not array.size else float(np.abs(array).max())
    return inf if isnan(most) else most


def elements(g: Any) -> Any:
    """The numbers of a gradient: of one within vmap those of all samples."""
    while isinstance(g, Lifted):
        g = g.parts()[0]
    return g
