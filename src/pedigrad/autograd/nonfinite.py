"""Where a nan or an infinity began: found in the graph, from what its nodes saved, without having been looked for before."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..core.graph import Freed, Leaf, Node, Output, Packed, write_to
from ..core.origin import Origin, outside
from ..core.tensor import Tensor
from ..core.traces import parts_of, variables_of

Array = np.ndarray[Any, Any]
UNCOMPILED = 'To hear in which of its operations, run it once under torch.compiler.set_stance("force_eager").'


class First:
    """The first value in a graph that is not finite: what computed it, in which line, of what."""

    def __init__(self, what: str, node: Node, value: Array | None, given: str = "", more: str = ""):
        self.what, self.node, self.given, self.more = what, node, given, more
        self.origin: Origin = node.origin
        self.count = "" if value is None else count_of(value)


def first_in_graph(root: Node, result: Array | None = None) -> First | None:
    """The first value before `root` that is not finite, as far as the graph has its values; None if there is none that it has.

    `result` is the value of `root` itself, where somebody has it.
    """
    nodes = ancestors(root)
    values = known_values(nodes)
    if result is not None:
        values[root.seq] = result
    for node in nodes:
        value = values.get(node.seq)
        if isinstance(node, Leaf):
            if value is not None and not is_finite(value):
                by = next((each for each in nodes if any(parent is node for parent in each.parents)), None)
                what = f"{named(node, by)} has the value itself ({count_of(value)})"
                return First(what, node, None) if by is None else First(f"{what}, which {name_of(by)}() was given", by, None)
            continue
        for name, operand in outsiders(node):
            if not is_finite(operand):
                return First(f"{name_of(node)}() was given it as {name!r}, which needs no gradient,", node, operand)
        if value is not None and not is_finite(value):
            unknown = [p for p in node.parents if p is not None and not isinstance(p, Leaf) and p.seq not in values]
            how = "returned it, and what it was given was not saved," if unknown else "computed it"
            given = ranges(node, values)
            return First(f"{name_of(node)}() {how}", node, value, given, rows_of(node, value) + came_from(unknown, values))
    return None


def rows_of(node: Node, value: Array) -> str:
    """A sentence on the rows of a softmax that are nan throughout; empty if there are none, or it is another operation."""
    dim = saved_by(node).get("dim") if name_of(node) in ("softmax", "log_softmax") else None
    if not isinstance(dim, int) or not value.ndim:
        return ""
    rows = np.isnan(value).all(axis=dim)
    if not rows.any():
        return ""
    return f" Of its {rows.size} rows {int(rows.sum())} are nan throughout, as it makes them of a row that is all -inf (masked whole)."


def came_from(unknown: list[Node], values: dict[int, Array]) -> str:
    """A sentence on where operands came from that are not known themselves."""
    if not unknown:
        return ""
    node = unknown[0]
    known = ranges(node, values)
    of = f", of {known}, and of what was not kept" if known else ""
    return f" What it was given came from {name_of(node)}() {node.place}{of}."


def named(leaf: Leaf, by: Node | None) -> str:
    """What a leaf is called where the user is, or in the module that ran the operation that uses it, with its shape."""
    variable, scope = leaf.variable, None if by is None else by.scope
    name = "" if variable is None else called(variable)
    if not name and variable is not None and scope is not None:
        parameters = getattr(scope.module(), "_parameters", {})
        name = next((f"{scope.path}.{key}".lstrip(".") for key, p in parameters.items() if p is variable), "")
    shape = tuple(leaf.shape)
    return f"{name}, a leaf of shape {shape}," if name else f"a leaf (a parameter or an input) of shape {shape}"


def is_compiled(node: Node) -> bool:
    """Whether a node stands for all that a compiled function did."""
    return getattr(node, "op", None) is None and name_of(node).startswith("CompiledBackward")


def in_words(first: First) -> str:
    """What there is to say about the first value that is not finite."""
    place = f" {first.node.place}" if first.origin.code is not None else ""
    given = f"; its operands: {first.given}" if first.given else ""
    if is_compiled(first.node):
        return f"A compiled function returned it{place}{f' ({first.count})' if first.count else ''}. {UNCOMPILED}"
    return f"The first value that is not finite: {first.what}{place}{f' ({first.count})' if first.count else ''}{given}.{first.more}"


def called(tensor: Tensor) -> str:
    """What the user's frame calls a tensor, or what a variable there has it as; empty if it has no name there."""
    variables = list(variables_of(outside(sys._getframe(1))))
    direct = (name for name, value in variables if value is tensor)
    within = (path for name, value in variables for path, each in parts_of(name, value, Tensor) if each is tensor)
    return next(direct, None) or next(within, "")


def ancestors(root: Node) -> list[Node]:
    """The nodes that a value came from, itself included, the oldest first."""
    found: dict[int, Node] = {}
    stack: list[Node | None] = [root]
    while stack:
        node = stack.pop()
        if node is not None and node.seq not in found:
            found[node.seq] = node
            stack += node.parents
    return [found[seq] for seq in sorted(found)]


def name_of(node: Node) -> str:
    """What a node's operation is called."""
    op = getattr(node, "op", None)
    return node.name() if op is None else op.called


def saved_by(node: Node) -> dict[str, Any]:
    """What a node saved, by name; nothing where it is gone."""
    op = getattr(node, "op", None)
    saved = node.saved
    if op is None or isinstance(node, Output) or isinstance(saved, Freed):
        return {}
    if isinstance(saved, Packed):
        saved = saved.unpacked()
    return dict(zip(op.saves, saved, strict=True)) if isinstance(saved, tuple) and len(saved) == len(op.saves) else {}


def known_values(nodes: list[Node]) -> dict[int, Array]:
    """The values of nodes, by their numbers: saved by them or by who used them, or computed again from these."""
    values: dict[int, Array] = {}
    for node in nodes:
        if isinstance(node, Leaf):
            leaf = node.variable
            write = None if leaf is None else write_to(leaf._array)
            if leaf is not None and (write is None or write.stamp < nodes[-1].seq):  # else it has another value now
                values[node.seq] = leaf._array
            continue
        for parent, value in zip(node.parents, operands_for(node), strict=False):
            if parent is not None and isinstance(value, np.ndarray) and not isinstance(parent, Leaf):
                values.setdefault(parent.seq, value)
    for node in nodes:
        if node.seq not in values and not isinstance(node, (Leaf, Output)):
            value = computed(node, values)
            if value is not None:
                values[node.seq] = value
    return values


def operands_for(node: Node) -> tuple[Any, ...]:
    """What a node saved of the operands that its parents stand for, in their order; None for what it did not save."""
    saved = saved_by(node)
    if not saved:
        return (None,) * len(node.parents)
    if node.op.variadic:
        return tuple(saved.get(node.op.operands[0]) or (None,) * len(node.parents))
    return tuple(saved.get(name) for name in node.op.differentiable)


def outsiders(node: Node) -> list[tuple[str, Array]]:
    """The operands that a node saved and that need no gradient: numbers of floats with their names."""
    saved = saved_by(node)
    if not saved or node.op.variadic:
        return []
    parents = dict(zip(node.op.differentiable, node.parents, strict=True))
    pairs = zip(node.op.public_names, node.op.operands, strict=True)
    return [(public, saved[n]) for public, n in pairs if isinstance(saved.get(n), np.ndarray) and parents.get(n) is None]


def computed(node: Node, values: dict[int, Array]) -> Array | None:
    """The value of a node, which it saved, or which its forward gives for operands and attributes that are known; else None."""
    op = getattr(node, "op", None)
    if op is None:
        return None
    saved = saved_by(node)
    out = saved.get((op.outputs or ("",))[0])
    if isinstance(out, np.ndarray):
        return out
    if op.variadic or any(name not in saved and name != "dtype" for name in op.attributes):
        return None
    operands = [operand(node, name, saved, values) for name in op.operands]
    if any(x is None for x in operands):
        return None
    for dtype in (None, node.dtype) if "dtype" in op.attributes and "dtype" not in saved else (None,):
        try:
            with np.errstate(all="ignore"):
                result = op.forward(*operands, **{name: saved.get(name, dtype) for name in op.attributes})
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError):
            continue  # an operand or the dtype had another form than what is known of it
        result = np.asarray(result[0] if isinstance(result, tuple) else result)
        if result.shape == tuple(node.shape) and result.dtype == node.dtype:
            return result
    return None


def operand(node: Node, name: str, saved: dict[str, Any], values: dict[int, Array]) -> Any:
    """The value of an operand, None if it is not known."""
    if isinstance(saved.get(name), (np.ndarray, int, float)):
        return saved[name]
    parent = dict(zip(node.op.differentiable, node.parents, strict=True)).get(name)
    return None if parent is None else values.get(parent.seq)


def ranges(node: Node, values: dict[int, Array] | None = None) -> str:
    """From where to where the operands of a node go, in words, as far as they are known."""
    op = getattr(node, "op", None)
    if op is None or op.variadic or isinstance(node, Output):
        return ""
    saved, values = saved_by(node), {} if values is None else values
    if not values:
        values = {p.seq: p.variable._array for p in node.parents if isinstance(p, Leaf) and p.variable is not None}
    found = []
    for public, name in zip(op.public_names, op.operands, strict=True):
        value = operand(node, name, saved, values)
        if isinstance(value, np.ndarray):
            found.append(f"{public} {span_of(value)}")
    return ", ".join(found)


def span_of(value: Array) -> str:
    """From where to where the elements of an array go."""
    if not value.size:
        return "is empty"
    if value.dtype.kind == "b":
        return f"true in {int(value.sum())} of {value.size}"
    if value.dtype.kind not in "fiuV":
        return f"of {value.dtype}"
    wide = value.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    if not finite.size:
        return count_of(value)
    span = f"from {finite.min():.4g} to {finite.max():.4g}"
    return span + ("" if finite.size == wide.size else f" ({count_of(value)})")


def count_of(value: Array) -> str:
    """How many elements are nan and infinite, in words."""
    value = value.astype(np.float64) if value.dtype.kind != "c" else value
    nan, inf = int(np.isnan(value).sum()), int(np.isinf(value).sum())
    parts = [f"{n} {what}" for n, what in ((nan, "nan"), (inf, "infinite")) if n]
    return f"{' and '.join(parts) or 'none not finite'} of {value.size}"


def is_finite(value: Any) -> bool:
    """Whether all elements are finite; other dtypes than floats are."""
    return value.dtype.kind not in "fcV" or bool(np.isfinite(value.astype(np.float32) if value.dtype.kind == "V" else value).all())
