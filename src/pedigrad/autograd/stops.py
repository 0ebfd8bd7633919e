"""Why a node lets no gradient through, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.graph import Node
from .nonfinite import UNCOMPILED, is_compiled, name_of, ranges, saved_by, span_of
from .passing import Passed

Array = np.ndarray[Any, Any]
EVERYWHERE = "its slope is 0 everywhere"
BOUNDS = "the operand lies outside the bounds, where its slope is 0"
SATURATED = "its results go {span}: it is saturated"
STOPS = {
    "relu": "of its results {zero} are 0, where its slope is 0 too (dead ReLUs)",
    "threshold": "of its results {zero} are at the threshold, where its slope is 0",
    "sigmoid": SATURATED,
    "tanh": SATURATED,
    "softmax": SATURATED,
    "clamp": BOUNDS,
    "hardtanh": BOUNDS,
    "where": "its condition picks the other operand",
    "masked_fill": "the mask covers it",
    **dict.fromkeys(("round", "floor", "ceil", "trunc", "sign", "heaviside"), EVERYWHERE),
}
# Operations that only move elements, or pick some.
PICKS = frozenset(
    "view reshape slice select stack cat unbind split chunk index gather index_select take narrow squeeze unsqueeze expand t transpose"
    " permute diagonal unfold flatten masked_select clone repeat".split()
)
WRITES = frozenset(("fill", "copy", "replace_region"))  # their first operand is what they write over


def stopped(node: Node, passed: Passed) -> str:
    """Why a node lets nothing through of the gradient that has arrived at it."""
    name, on = name_of(node), passed.on_the_way(node)
    if is_compiled(node):
        return UNCOMPILED
    if not any(np.prod(p.shape) for p in on):
        return "it was given no elements: nothing was picked before it"
    if name in WRITES and node.parents[0] in on:
        return "it overwrites the elements that what comes after it makes use of"
    if name in PICKS or name in WRITES:
        return "what comes after it uses other elements of its result, or it takes other elements itself"
    if getattr(node, "op", None) is None:
        return "its backward() returns zeros"
    if passed.underflows(node):
        return (
            f"what arrives there is so small ({span_of(passed.arriving[node.seq])}) that {node.dtype} has no number for what is left of it"
        )
    if not passed.is_flat(node):
        return cancelled(passed.arriving[node.seq])
    saved = saved_by(node)
    special = SPECIAL.get(name, lambda *_: "")(node, saved, on)
    if special:
        return special
    told = STOPS.get(name)
    if told is not None:
        out = next((saved[n] for n in ("out", "x") if isinstance(saved.get(n), np.ndarray)), None)
        zero = "all" if out is None else f"{int((out <= 0).sum())} of {out.size}"
        return told.format(zero=zero, span="" if out is None else span_of(out))
    given = ranges(node)
    return "its slope is 0 for what it was given" + (f" ({given})" if given else "")


def cancelled(g: Any) -> str:
    """Why a gradient goes no further although slopes are not 0."""
    if isinstance(g, np.ndarray) and g.size and (g == g.flat[0]).all():
        return "the same gradient arrives at all its results, and their sum does not depend on what it was given"
    return "the sum of its results that comes after it, each times its gradient, does not depend on what it was given"


def of_softmax(node: Node, saved: dict[str, Any], on: list[Node]) -> str:
    """Where a softmax runs over a single element."""
    dim = saved.get("dim")
    if isinstance(dim, int) and (not node.shape or node.shape[dim] == 1):
        return f"it runs over a dimension of size 1 (dim={dim}), where its result is always {'0' if 'log' in name_of(node) else '1'}"
    return ""


def of_dropout(node: Node, saved: dict[str, Any], on: list[Node]) -> str:
    """What a dropout has dropped."""
    return "p is 1: it drops every element" if saved.get("p") == 1 else "it has dropped the elements that a gradient arrives at"


def of_embedding(node: Node, saved: dict[str, Any], on: list[Node]) -> str:
    """Where all indices are the one whose row does not learn."""
    padding, indices = saved.get("padding_idx"), saved.get("indices")
    if padding is not None and isinstance(indices, np.ndarray) and (indices == padding).all():
        return f"all indices are padding_idx, {padding}, whose row gets no gradient"
    return ""


def of_product(node: Node, saved: dict[str, Any], on: list[Node]) -> str:
    """The factor that is 0."""
    others = {id(node.parents[0]): saved.get("y"), id(node.parents[1]): saved.get("x")}
    factor = next((others[id(p)] for p in on if id(p) in others), None)
    if factor is None:
        return ""
    if not np.any(factor):
        return "it multiplies by 0"
    return f"it multiplies by 0 where a gradient arrives (the other factor goes {span_of(np.asarray(factor))})"


SPECIAL: dict[str, Callable[[Node, dict[str, Any], list[Node]], str]] = {
    "softmax": of_softmax,
    "log_softmax": of_softmax,
    "dropout": of_dropout,
    "embedding": of_embedding,
    "mul": of_product,
}
