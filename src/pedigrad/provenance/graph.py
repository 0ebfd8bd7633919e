"""The graph of a page: nodes with what their panels say, source lines, and the tree of groups that open and close.

`assets/page.js` draws it and knows nothing of tensors: the steps of compiled programs come as the same data (`capture/explain/`).
"""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass, field
from typing import Any

from ..core.graph import Leaf, Node
from ..core.sparse_tensor import elements_of
from .ancestors import Ancestors
from .facts import Facts, Operand, Values, dtype_name, gradient_norm, is_freed, outputs_by_seq, saved_bytes, title, values_of
from .folding import Group, Item
from .text import size

MOST, PART = 60, 30  # items of a group; where there are more they come in parts of so many
AROUND = 3  # lines of source before and after one
Fact = tuple[Any, ...]  # what it is, its value, whether that is bad


@dataclass
class Box:
    """A node of the graph."""

    title: str
    sub: str  # the line under the title
    parents: list[int]
    shape: str = ""
    leaves: str = ""  # what stands beside it
    module: str = ""
    facts: list[Fact] = field(default_factory=list)
    tables: list[tuple[str, list[Fact]]] = field(default_factory=list)
    source: list[tuple[Any, ...]] = field(default_factory=list)  # the number of a file, a line, a remark
    bad: bool = False  # there are values that are not finite
    saved: int = 0  # bytes
    time: float | None = None  # seconds
    limit: float | None = None  # the share of what the machine could do that was reached


@dataclass
class Graph:
    """What a page shows."""

    title: str
    summary: str
    nodes: list[Box]
    tree: dict[str, Any]
    files: list[dict[str, Any]]
    unit: str = "operation"
    sums: list[tuple[str, str, str]] = field(default_factory=list)  # what is summed up for groups: an attribute, its name, its unit
    notes: list[str] = field(default_factory=list)
    total: float = 0.0  # seconds of all; with them boxes are as wide as they take time

    def as_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        return {**vars(self), "nodes": [vars(node) for node in self.nodes]}


class Sources:
    """The files that lines are shown of."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.lines: dict[int, set[int]] = {}

    def enter(self, file: str, line: int) -> tuple[int, int]:
        """The number of a file, and the line."""
        number = self.numbers.setdefault(file, len(self.numbers))
        self.lines.setdefault(number, set()).update(range(max(line - AROUND, 1), line + AROUND + 1))
        return number, line

    def files(self) -> list[dict[str, Any]]:
        """Each file's name and the lines that are needed of it."""
        found = []
        for file, number in self.numbers.items():
            text = linecache.getlines(file)
            wanted = [n for n in sorted(self.lines[number]) if n <= len(text)]
            found.append({"name": os.path.basename(file), "path": file, "lines": [(n, text[n - 1].rstrip("\n")) for n in wanted]})
        return found


def number(x: float | None) -> str:
    return "" if x is None else f"{x:.4g}"


def of_family(ancestors: Ancestors, tree: Group, facts: Facts, summary: str) -> Graph:
    """The graph of a family tree."""
    nodes, sources = ancestors.nodes, Sources()
    outputs, saved = outputs_by_seq(nodes), saved_bytes(nodes)
    boxes = []
    for i, node in enumerate(nodes):
        operands = [operand for operand in facts.operands(node) if ancestors.shows(operand.leaf)]
        box = _box(node, facts, operands, outputs.get(node.seq), saved[node.seq])
        box.parents = ancestors.parents[i]
        place = facts.place(node)
        if place is not None:
            box.source.append(sources.enter(place.file, place.line))
        boxes.append(box)
    for i, module in lone_modules(tree).items():
        boxes[i].title = f"{module.name or module.kind}: {boxes[i].title}"
    tensor = ancestors.tensor
    name = f"{title(nodes[-1])} {tuple(tensor.shape)}" if nodes else "no history"
    sums = [("saved", "saved for backward", "B")]
    return Graph(name, summary, boxes, as_tree(tree), sources.files(), sums=sums)


def _box(node: Node, facts: Facts, operands: list[Operand], out: Any, saved: int) -> Box:
    """One operation."""
    shape, dtype = str(tuple(node.shape)), dtype_name(node)
    values = None if out is None else values_of(out)
    grad = facts.gradient_norm(node)
    box = Box(title(node), shape + ("" if dtype == "float32" else f" {dtype}"), [], shape, saved=saved)
    box.module = "" if node.scope is None else str(node.scope)
    box.leaves = ", ".join(operand.name.rpartition(".")[2] for operand in operands)
    box.facts = [("shape", shape), ("dtype", dtype), ("module", box.module), ("node", node.name())]
    box.facts.append(("saved", "freed by a backward pass" if is_freed(node) else size(saved)))
    box.facts += _of_values(values)
    if grad is not None:
        box.facts.append(("gradient norm", number(grad), not grad < float("inf")))
    box.facts = [fact for fact in box.facts if fact[1]]
    box.bad = values is not None and values.bad > 0
    for operand in operands:
        rows, is_bad = _of_operand(operand)
        box.tables.append((operand.name, rows))
        box.bad = box.bad or is_bad
    return box


def _of_values(values: Values | None) -> list[Fact]:
    """An array's range."""
    if values is None:
        return []
    found: list[Fact] = [("values", f"{number(values.low)} to {number(values.high)}, mean {number(values.mean)}")]
    if values.bad:
        found.append(("not finite", f"{values.bad:,} of {values.size:,}", True))
    return found


def _of_operand(operand: Operand) -> tuple[list[Fact], bool]:
    """What there is to say of a leaf or an input, and whether its values or its gradient are not all finite."""
    rows: list[Fact] = [] if operand.shape is None else [("shape", str(tuple(operand.shape)))]
    leaf: Leaf | None = operand.leaf
    if leaf is None:
        return [*rows, ("", "needs no gradient")], False
    tensor = leaf.variable
    values = None if tensor is None else values_of(elements_of(tensor))
    rows += _of_values(values)
    grad = gradient_norm(leaf)
    wrong = grad is not None and not grad < float("inf")
    rows.append(("gradient norm", "none yet" if grad is None else number(grad), wrong))
    return rows, wrong or (values is not None and values.bad > 0)


def as_tree(group: Group) -> dict[str, Any]:
    """A group as plain containers; groups of very many items in parts."""
    root: dict[str, Any] = {}
    stack = [(group, root)]
    while stack:
        item, made = stack.pop()
        scope = item.scope
        made.update(what=item.what, name=item.name, kind=item.kind, path="" if scope is None else scope.path)
        made["times"] = len(item.items)
        made["items"] = in_parts([_planted(each, stack) for each in item.items])
    return root


def is_lone(item: Item) -> bool:
    """Whether it is a module with one operation, which is shown as that operation under the module's name."""
    return isinstance(item, Group) and item.what == "module" and item.size == 1


def lone_modules(root: Group) -> dict[int, Group]:
    """Those modules by the place of their operation, the outermost where several are around one."""
    found: dict[int, Group] = {}
    stack: list[Item] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, Group):
            if item is not root and is_lone(item):
                found[item.first] = item
            else:
                stack += item.items
    return found


def _planted(item: Item, stack: list[Any]) -> Any:
    """An item's place, or a dict that is filled later."""
    if not isinstance(item, Group) or is_lone(item):
        return item.first
    made: dict[str, Any] = {}
    stack.append((item, made))
    return made


def in_parts(items: list[Any]) -> list[Any]:
    """The items, or groups of some of them, and groups of these, where there are too many to be shown at once."""
    spans = [(i + 1, i + 1) for i in range(len(items))]
    while len(items) > MOST:
        cut = [slice(at, at + PART) for at in range(0, len(items), PART)]
        spans = [(spans[part][0][0], spans[part][-1][1]) for part in cut]
        items = [
            {"what": "part", "name": f"{first} to {last}", "kind": "", "path": "", "items": items[part]}
            for part, (first, last) in zip(cut, spans, strict=True)
        ]
    return items
