"""A family tree as text: a row for each operation or closed group, youngest first, at most a screen.

A row's source is the next one, so a straight chain has no indentation; other sources are named by their row (`and #12`). Modules
that are open indent what is in them. Of what is repeated the last round is shown. Groups are opened level by level while there is room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .ancestors import Ancestors
from .facts import Facts, Operand, dtype_name, saved_bytes, title
from .folding import Group, Item

WIDTH = 100
LEFT = 66  # columns before the source line where rows are short enough
KNOWN = 8  # modules that are named where one was asked for that is not there
ENDS, GOES_ON, OPEN = "╵", "│", "▾"


@dataclass
class Row:
    """A line of the tree: an item, how far it is indented, and whether what is in it follows."""

    item: Item
    level: int
    is_open: bool


@dataclass
class View:
    """What is to be shown: how deep, which modules are open, how many lines (None: all)."""

    depth: int | None = None
    opened: tuple[str, ...] = ()
    lines: int | None = 50
    by_module: bool = True
    goals: tuple[int, ...] = ()  # places of operations that are to be seen if there is room


def count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def size(n: float) -> str:
    """Bytes in a few characters."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}" if n < 999.5 else f"{n:.0f} {unit}"
        n /= 1000
    return f"{n:.3g} GB"


# Which rows there are


def inside(group: Group, view: View) -> list[Item]:
    """The items of a group that is opened, youngest first; of what is repeated those of the last round, or of those that are asked for."""
    items = group.items
    if group.what == "repeat":
        last = items[-1]
        wanted = [item for item in items[::-1] if isinstance(item, Group) and (is_named(item, view) or leads(item, view))]
        if wanted and wanted != [last] and len(wanted) < len(items):
            return list[Item](wanted)
        return inside(last, view) if isinstance(last, Group) and last.what in ("module", "round") else [last]
    return items[::-1]


def is_worth_opening(item: Item) -> bool:
    """Whether there is more to see in it than the row says: a module of one operation, or a repeated operation, says all."""
    if not isinstance(item, Group) or item.what == "rest":
        return False
    return item.size > 1 if item.what != "repeat" else isinstance(item.items[-1], Group)


def elided(items: list[Item], room: int | None) -> list[Item]:
    """The items, those in the middle as one if there are more than there is room for; youngest first."""
    if room is None or len(items) <= room:
        return items
    begin = max(room * 2 // 3, 1)
    end = max(room - begin - 1, 1)
    middle = items[begin : len(items) - end]
    rest = Group(-1, middle[-1].first, middle[0].last, "rest", "", "", None, middle[::-1])
    return [*items[:begin], rest, *items[len(items) - end :]]


def rows(root: Group, view: View) -> list[Row]:
    """The rows that are shown."""
    shown = [Row(item, 0, False) for item in elided(root.items[::-1], view.lines)]
    if view.goals and not view.opened:
        open_groups(shown, view, to_goals=True)
    open_groups(shown, view)
    return shown


def open_groups(shown: list[Row], view: View, to_goals: bool = False) -> None:
    """Open the groups that are named, or level by level all for which there is room; `to_goals` those alone that lead there."""
    level = 0
    while any(row.level >= level for row in shown) and (view.depth is None or level < view.depth):
        for row in [row for row in shown if row.level == level and not row.is_open and is_worth_opening(row.item)]:
            assert isinstance(row.item, Group)
            items = inside(row.item, view)
            fits = view.lines is None or len(shown) + len(items) <= view.lines
            if to_goals and not leads(row.item, view):
                continue
            if not is_named(row.item, view) and (view.opened or not fits):
                continue
            at = next(i for i, each in enumerate(shown) if each is row)
            shown[at + 1 : at + 1] = [Row(item, level + 1, False) for item in items]
            row.is_open = True
        level += 1


def is_named(group: Group, view: View) -> bool:
    """Whether a group is asked for by the path of a module."""
    return any(is_within(group, path) for path in view.opened)


def leads(item: Item, view: View) -> bool:
    """Whether an operation that is to be seen is in it."""
    return any(item.first <= place <= item.last for place in view.goals)


def is_within(group: Group, path: str) -> bool:
    """Whether a group is at a module's path, beneath it, or on the way there."""
    if group.scope is None:
        return any(isinstance(item, Group) and is_within(item, path) for item in group.items)
    own = group.scope.path
    return own == path or own.startswith(path + ".") or path.startswith(own + ".") or not own


# What a row says


class Printer:
    """Prints the rows of a tree."""

    def __init__(self, ancestors: Ancestors, facts: Facts, shown: list[Row], by_module: bool = True):
        self.ancestors, self.facts, self.shown, self.by_module = ancestors, facts, shown, by_module
        numbered = [row.item for row in shown if not row.is_open or (isinstance(row.item, Group) and row.item.what == "repeat")]
        self.number = {id(item): i for i, item in enumerate(numbered, 1)}
        self.owner: list[int] = [0] * len(ancestors.nodes)  # the row that stands for an operation
        for i, row in enumerate(shown):  # rows within a group come after it
            for place in range(row.item.first, row.item.last + 1):
                self.owner[place] = i

    def lines(self) -> Iterator[str]:
        """The lines."""
        lefts = [self.left(i) for i in range(len(self.shown))]
        column = min(max((len("".join(left)) for left in lefts), default=0), LEFT) + 2
        before = None
        for row, left in zip(self.shown, lefts, strict=True):
            place = None if row.is_open else self.facts.place(self.ancestors.nodes[row.item.last])
            said = place is None or place == before
            before = place or before
            if said or place is None:
                yield shortened(*left, WIDTH).rstrip()
            else:  # its text makes way first
                text = f"{shortened(*left, WIDTH - 2 - len(place.short)).rstrip():<{column - 2}}  {place.short}"
                yield clipped(f"{text}  {place.text}".rstrip(), WIDTH) if len(text) < WIDTH - 4 else text

    def left(self, i: int) -> tuple[str, str, str]:
        """A row without its source line: what it is, the rows that it comes from, leaves and inputs."""
        row = self.shown[i]
        item = row.item
        number = f"{self.number[id(item)]:>3}" if id(item) in self.number else "   "
        parents, mark = self.sources(i)
        mark = OPEN if row.is_open else mark
        what = self.group(item, row.is_open) if isinstance(item, Group) else self.operation(item.last)
        given = self.given(item.last) if item.first == item.last else ""
        return f"{number} {'  ' * row.level}{mark} {what}", "" if row.is_open else parents, given

    def sources(self, i: int) -> tuple[str, str]:
        """The rows that a row comes from, but for the next one, and whether it comes from that."""
        item = self.shown[i].item
        following = next((j for j in range(i + 1, len(self.shown)) if not self.shown[j].is_open), None)
        inside_it = range(item.first, item.last + 1)
        owners = {self.owner[p] for place in inside_it for p in self.ancestors.parents[place] if p not in inside_it}
        others = sorted(self.number.get(id(self.shown[j].item), 0) for j in owners - {following, i})
        follows = following in owners
        text = "" if not others else f"  {'and' if follows else 'from'} {', '.join(f'#{n}' for n in others)}"
        return text, GOES_ON if follows else ENDS

    def group(self, group: Group, is_open: bool) -> str:
        """A group in a line."""
        node = self.ancestors.nodes[group.last]
        shape = f"{tuple(node.shape)}"
        if group.what == "rest":
            return f"… {count(group.size, 'operation')} more: {self.most(group)}"
        if group.what == "repeat":
            first = self.ancestors.nodes[group.items[0].last]
            shape += "" if first.shape == node.shape else f" from {tuple(first.shape)}"
            inner = group.items[-1]
            name = f"{group.name} ({group.kind})" if group.name else group.kind or self.contents(inner)
            each = f", each {self.contents(inner)}" if group.kind and not is_open else ""
            return f"{len(group.items)} x {name} {shape}{each}"
        name = f"{group.name} ({group.kind})" if group.name else group.kind
        if is_open:
            return f"{name} {shape}"
        if group.size == 1:
            return f"{name}: {self.operation(group.last)}"
        return f"{name} {shape}, {self.contents(group)}"

    def contents(self, item: Item) -> str:
        """What is in an item, in a few words."""
        if not isinstance(item, Group):
            return title(self.ancestors.nodes[item.last])
        if item.size <= 3:
            return ", ".join(title(node) for node in self.ancestors.nodes[item.first : item.last + 1][::-1])
        return count(item.size, "operation")

    def most(self, group: Group) -> str:
        """The most frequent operations of a group."""
        names: dict[str, int] = {}
        for node in self.ancestors.nodes[group.first : group.last + 1]:
            names[title(node)] = names.get(title(node), 0) + 1
        often = sorted(names.items(), key=lambda pair: -pair[1])
        return ", ".join(f"{n} {name}" for name, n in often[:4]) + (", …" if len(often) > 4 else "")

    def operation(self, place: int) -> str:
        """An operation with its shape."""
        node = self.ancestors.nodes[place]
        dtype = dtype_name(node)
        return f"{title(node)} {tuple(node.shape)}" + ("" if dtype == "float32" else f" {dtype}")

    def given(self, place: int) -> str:
        """The leaves and inputs of an operation."""
        node = self.ancestors.nodes[place]
        prefix = node.scope.path + "." if self.by_module and node.scope is not None and node.scope.path else ""
        given = [described(operand, prefix) for operand in self.facts.operands(node) if self.ancestors.shows(operand.leaf)]
        return f"  ← {', '.join(given)}" if given else ""


def described(operand: Operand, prefix: str) -> str:
    """An operand with its shape."""
    name = operand.name.removeprefix(prefix)
    return name if operand.shape is None else f"{name} {tuple(operand.shape)}"


def clipped(text: str, width: int) -> str:
    """The text, cut where it is longer."""
    return text if len(text) <= width else text[: width - 1] + "…"


def shortened(what: str, parents: str, given: str, width: int) -> str:
    """The parts of a row one after the other, where that is too long without the end of the last, then of the first."""
    if len(what) + len(parents) < width:
        return clipped(what + parents + given, width)
    return clipped(what, width - len(parents)) + parents


def header(ancestors: Ancestors) -> str:
    """The first line: how much there is."""
    nodes, leaves = ancestors.nodes, ancestors.leaves
    scopes = {node.scope.path for node in nodes if node.scope is not None}
    numbers = sum(int(leaf_size(leaf.shape)) for leaf in leaves)
    kept = sum(saved_bytes(nodes).values())
    parts = [count(len(nodes), "operation") + (f" in {count(len(scopes), 'module')}" if scopes else "")]
    parts.append(f"{count(len(leaves), 'leaf').replace('leafs', 'leaves')} of {count(numbers, 'number')}" if leaves else "no leaves")
    if kept:
        parts.append(f"{size(kept)} saved for backward")
    return f"{tuple(ancestors.tensor.shape)} {str(ancestors.tensor.dtype).removeprefix('torch.')}: {', '.join(parts)}"


def missing(ancestors: Ancestors, view: View) -> Iterator[str]:
    """What was asked for and is not there."""
    if ancestors.strangers:
        yield f"until: it did not come from {'that' if ancestors.strangers == 1 else f'{ancestors.strangers} of these'}"
    for given in view.opened if view.by_module else ():
        scopes = {id(node.scope): node.scope for node in ancestors.nodes if node.scope is not None}
        paths = list(dict.fromkeys(each.path for scope in scopes.values() for each in scope.chain() if each.path))
        if not any(path == given or path.startswith(f"{given}.") for path in paths):
            known = f"there are {', '.join(paths[:KNOWN])}{', …' * (len(paths) > KNOWN)}" if paths else "there are no modules within others"
            yield clipped(f"modules: none of {given!r} ran an operation: {known}", WIDTH)


def leaf_size(shape: Iterable[int]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def lines(ancestors: Ancestors, root: Group, facts: Facts, view: View) -> Iterator[str]:
    """The lines of the tree."""
    tensor: Any = ancestors.tensor
    if tensor._node is None:
        cut = tensor._cut
        yield "no history: " + (f"{cut.reason} {cut.place}" if cut else "a tensor that needs no gradient")
        return
    if not ancestors.nodes and ancestors.leaves:
        leaf = ancestors.leaves[0]
        yield f"leaf {facts.leaf_name(leaf)} {tuple(leaf.shape)}, receives a gradient"
        return
    if not ancestors.nodes:
        yield "it did not come from there"
        return
    yield header(ancestors)
    yield from missing(ancestors, view)
    yield from Printer(ancestors, facts, rows(root, view), view.by_module).lines()
