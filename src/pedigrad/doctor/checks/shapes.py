"""Dimensions that are taken for each other: reshapes where transposes were meant, a softmax over another dimension than the sum."""

from __future__ import annotations

from itertools import accumulate
from math import prod
from operator import mul
from typing import Any

import numpy as np

from ...core.graph import Leaf, Node
from ...core.origin import Origin
from ...core.tensor import Tensor
from ..findings import Check
from ..program import Call, FunctionCall
from .losses import CLASSES, MOVES, name_of, op_of, source_of, through

SEVERAL = 3
SAMPLES = 8  # of data that are reshaped before they are given to a model
RESHAPES = frozenset({"view", "reshape", "unflatten", "flatten"})
PRODUCTS = frozenset({"matmul", "bmm"})
UNTURNED = MOVES - {"transpose", "permute", "t", "view", "reshape"}  # what leaves weights the rows and columns that they had
BETWEEN = frozenset("div mul add sub masked_fill where clone cast clamp".split())  # what may happen to scores before their softmax


def parts(sizes: list[int], others: list[int]) -> list[int]:
    """Sizes with each split in two where that gives one of the others."""
    found: list[int] = []
    for size in sizes:
        inner = next((k for k in others if k < size and size % k == 0 and size // k in others), 0)
        found += [size] if size in others or not inner else pair_in_order(size, inner, others)
    return found


def pair_in_order(size: int, inner: int, others: list[int]) -> list[int]:
    """The two factors of a size in the order in which they stand among the others."""
    outer = size // inner
    return [outer, inner] if others.index(outer) <= others.index(inner) else [inner, outer]


def exchanged(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether a reshape gives two groups of dimensions each other's place, as only a transpose can: its elements are of other indices then.

    >>> exchanged((32, 50, 3), (32, 3, 50)), exchanged((32, 10, 16), (32, 4, 10, 4)), exchanged((32, 10, 16), (32, 10, 4, 4))
    (True, True, False)
    """
    a, b = [k for k in before if k != 1], [k for k in after if k != 1]
    if prod(a) != prod(b) or not a:
        return False
    ends, others = (set(accumulate(sizes, mul)) for sizes in (a, b))
    if ends <= others or others <= ends:
        return False  # it splits or joins dimensions
    a, b = parts(a, b), parts(b, a)
    if sorted(a) != sorted(b):
        return False
    strip(a, b)
    for i in range(1, len(a)):
        if a[i:] + a[:i] == b:
            first, second = prod(a[:i]), prod(a[i:])
            return abs(first - second) > 1  # of such as differ by 1 it is a way to shift rows
    return False


def strip(a: list[int], b: list[int]) -> None:
    """Take away what two shapes begin and end with alike."""
    while a and b and a[0] == b[0]:
        del a[0], b[0]
    while a and b and a[-1] == b[-1]:
        del a[-1], b[-1]


def regrouped(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether a reshape may as well give neighbours in one dimension to the next one, as where frames are stacked or heads split off.

    That the sizes are each other's is chance then.

    >>> regrouped((32, 20, 10), (32, 10, 20)), regrouped((64, 32, 8), (512, 32)), regrouped((32, 50, 3), (32, 3, 50))
    (True, True, False)
    """
    a, b = [k for k in before if k != 1], [k for k in after if k != 1]
    if len(b) > len(a):
        return False
    a, b = parts(a, b), parts(b, a)
    strip(a, b)
    return len(a) == len(b) == 2 and max(a) % min(a) == 0


def classes_by_reshape(scores: Any) -> tuple[Node, Node] | None:
    """A linear layer's node and that of a reshape alone which makes (batch, classes, ...) of its (batch, ..., classes); None else."""
    node = source_of(scores, frozenset({"log_softmax"})) if isinstance(scores, Tensor) else None
    parent = node.parents[0] if node is not None and name_of(node) in RESHAPES else None
    if node is None or parent is None or name_of(parent.edge()[0]) != "linear":
        return None
    before, after = parent.shape, node.shape
    several = len(before) > 2 and min(prod(before[1:-1]), before[-1]) > 1
    return (parent, node) if several and before != after == (before[0], before[-1], *before[1:-1]) else None


class Reshaped(Check):
    """A reshape gives dimensions each other's place, where only a transpose can: values of other samples, steps or channels are mixed."""

    name = "reshape-for-transpose"
    remedy = "Use transpose() or permute(), and only then reshape(): view() and reshape() keep the elements in the order they lie in."
    functions = CLASSES

    def __init__(self, *given: Any):
        super().__init__(*given)
        self.rows = 0  # samples that the model that runs was called with
        self.of_data: list[tuple[str, Origin]] = []

    def calling(self, call: Call) -> None:
        given = call.inputs[0] if call.inputs else None
        self.rows = given.shape[0] if call.grad and given is not None and given.ndim > 1 else 0

    def called(self, call: Call) -> None:
        self.rows = 0

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name not in RESHAPES or not isinstance(result, Tensor):
            return
        x = operands[0]
        if (
            not isinstance(x, Tensor)
            or x.ndim < 2
            or x._array.dtype.kind not in "fcu"
            or not exchanged(x._array.shape, result._array.shape)
            or (regrouped(x._array.shape, result._array.shape) and not self.puts_samples_first(x, result))
        ):
            return
        what = f"{op.name}() makes {tuple(result.shape)} of {tuple(x.shape)}"
        if self.rows > 1 and self.rows in x.shape:
            self.within(what)
        elif not self.program.passes and x._node is None and x.ndim > 2 and x.shape[0] == result.shape[0] >= SAMPLES:
            self.of_data.append((what, Origin.here()))

    def function(self, call: FunctionCall) -> None:
        known = classes_by_reshape(call.argument(0, "input"))
        if known is not None and self.times_here() == SEVERAL:
            layer, node = known
            self.tell(f"{name_of(node)}() makes {tuple(node.shape)} of {tuple(layer.shape)}", node)

    def puts_samples_first(self, x: Tensor, result: Tensor) -> bool:
        """Whether the samples lay along the second dimension and are to be first of fewer, as of a recurrent layer's last states."""
        before, after = x._array.shape, result._array.shape
        return len(after) < len(before) and before[1] == after[0] == self.rows > before[0]

    def within(self, what: str) -> None:
        """Note what a model does."""
        if self.times_here() == SEVERAL:
            self.tell(what, None)

    def tell(self, what: str, at: Origin | Node | None) -> None:
        """Enter a finding."""
        self.found(f"{what}: its dimensions are exchanged, and the elements stay in the order they lie in.", at)

    def finish(self) -> None:
        for what, at in self.of_data if self.program.steps else ():
            self.tell(what, at)


class AttentionOverOther(Check):
    """Attention whose weights add up to 1 over another dimension than the one that values are summed over."""

    name = "attention-over-other"
    remedy = "Take the softmax over the keys, softmax(scores, dim=-1): each query's weights then add up to 1."

    def operation(self, op: Any, operands: tuple[Any, ...], result: Any) -> None:
        if op.name not in PRODUCTS or len(operands) < 2 or not isinstance(operands[0], Tensor):
            return
        weights = operands[0]
        if weights.ndim < 3 or weights.shape[-1] != weights.shape[-2] or op_of(weights, UNTURNED) != "softmax":
            return
        node = source_of(weights, UNTURNED)
        if node is None or not isinstance(node.saved, tuple) or len(node.saved) < 2 or not of_a_product(node):
            return
        out, dim = node.saved[:2]
        if (
            not isinstance(out, np.ndarray)
            or not isinstance(dim, int)
            or out.shape != weights._array.shape
            or dim % out.ndim == out.ndim - 1
        ):
            return
        if self.times_here() == SEVERAL:
            message = f"softmax() was taken over dimension {dim} of weights of shape {tuple(weights.shape)}, and values are summed over the"
            self.found(f"{message} last one: a query's weights do not add up to 1.", node)


def of_a_product(node: Node) -> bool:
    """Whether what a softmax was taken of are products of queries and keys: both were computed, neither is a layer's weight."""
    inner = through(node.parents[0], BETWEEN) if node.parents else None
    if inner is None or name_of(inner) not in PRODUCTS | {"einsum"}:
        return False
    sources = [through(parent) for parent in inner.parents]
    return all(source is not None and source.__class__ is not Leaf for source in sources)
