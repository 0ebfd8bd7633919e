"""What anomaly detection looks for in a backward pass: the first nan, and before it the first infinity."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.graph import Node
from ..core.origin import located
from ..core.sparse_tensor import elements_of
from .nonfinite import ancestors, first_in_graph, in_words, is_finite, known_values, name_of, ranges


class Anomalies:
    """The gradients of one backward pass, looked at as they are made: RuntimeError at the first nan."""

    def __init__(self) -> None:
        self.infinite = ""  # where a gradient became infinite first, in words

    def inspect(self, node: Node, given: Any, grads: Any) -> None:
        """Look at what a node's rules have made of what was `given`."""
        arrays = list(map(elements_of, grads))
        for i, array in enumerate(arrays):
            if array is not None and np.isnan(array).any():
                message = f"Function '{node.name()}' returned nan values in its {i}th output: the operation was run {node.place}"
                raise RuntimeError(located(message + circumstances(node) + self.infinite))
        if not self.infinite and any(array is not None and np.isinf(array).any() for array in arrays):
            before = [elements_of(g) for g in (given if isinstance(given, list) else [given])]
            if all(array is None or is_finite(array) for array in before):
                more = circumstances(node).replace("\n", "\n  ")
                self.infinite = f"\n  before that a gradient became infinite in {name_of(node)}(), run {node.place}{more}"


def circumstances(node: Node) -> str:
    """What there is to say of a node in whose gradient something went wrong: its operands, the first value up to it that is not finite."""
    operands, first = ranges(node, known_values(ancestors(node))), first_in_graph(node)
    said = f"\n  its operands: {operands}" if operands else ""
    return said + (f"\n  {in_words(first)}" if first is not None else "")
