"""Folding: operations in groups, by the module that ran them and by what is repeated.

Operations lie in the order in which they were run, so those of one call of a module are neighbours: a `Group` is a stretch of that
order. Among the items of a group, stretches that are alike and follow one another (layers, time steps, a loop's rounds) become one
`repeat` group with an item for each. Alike are operations of the same names that take leaves in the same places, whatever their shapes.
Since groups are stretches of an order in which all edges lead backwards, a graph of closed groups has no cycles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.graph import Leaf
from ..core.scope import Scope
from .facts import title

LONGEST = 512  # items of a stretch that is looked for again
LEAST = 4  # operations that are worth folding where there are two of a kind


@dataclass
class Item:
    """One operation, by its place."""

    token: int
    first: int  # place of the oldest operation
    last: int  # and of the youngest


@dataclass
class Group(Item):
    """Operations that are shown as one until it is opened."""

    what: str  # "module", "repeat", "round" (of a loop), "rest"
    name: str  # a module's name as its caller has it; of a repeat of modules that of the first to the last
    kind: str  # a module's class
    scope: Scope | None
    items: list[Item] = field(default_factory=list)  # oldest first

    @property
    def size(self) -> int:
        """How many operations are in it."""
        return self.last - self.first + 1


class Folder:
    """Folds nodes, or what has `parents`, `scope`, `code` and `lasti` as these have; alike are those of which `name` says the same."""

    def __init__(self, nodes: Sequence[Any], name: Callable[[Any], str] = title, modules: bool = True):
        self.nodes, self.name, self.modules = nodes, name, modules
        self.tokens: dict[Any, int] = {}

    def token(self, key: Any) -> int:
        """A number for what is alike."""
        return self.tokens.setdefault(key, len(self.tokens))

    def folded(self) -> Group:
        """All operations as one group."""
        root = Group(-1, 0, -1, "module", "", "", None)
        stack = [root]
        for item, scopes in self._operations():
            shared = 0
            while shared < min(len(scopes), len(stack) - 1) and stack[shared + 1].scope is scopes[shared]:
                shared += 1
            while len(stack) - 1 > shared:
                self._close(stack.pop())
            for scope in scopes[shared:]:
                group = Group(-1, item.first, item.first, "module", scope.name, scope.kind, scope)
                stack[-1].items.append(group)
                stack.append(group)
            stack[-1].items.append(item)
        while stack:
            self._close(stack.pop())
        return root

    def _operations(self) -> Iterator[tuple[Item, list[Scope]]]:
        """Each operation with the modules that it was run in, the outermost first."""
        chains: dict[int, list[Scope]] = {}
        for i, node in enumerate(self.nodes):
            scope = node.scope if self.modules else None
            if scope is not None and id(scope) not in chains:
                chains[id(scope)] = scope.chain()
            yield Item(self.token((self.name(node), *self._sides(i))), i, i), chains[id(scope)] if scope is not None else []

    def _sides(self, place: int) -> Iterator[bool]:
        """Of each operand whether it is a leaf; where others come from differs in the first round of a loop."""
        for parent in self.nodes[place].parents:
            yield parent.__class__ is Leaf

    def _close(self, group: Group) -> None:
        """All items of a group are there."""
        if group.items:
            group.first, group.last = group.items[0].first, group.items[-1].last
        group.items = self._repeats_folded(group.items)
        group.token = self.token((group.kind, *(item.token for item in group.items)))

    def _repeats_folded(self, items: list[Item]) -> list[Item]:
        """The items with repeated stretches as one group each."""
        tokens = [item.token for item in items]
        found: list[Item] = []
        at = 0
        while at < len(items):
            period, end = longest_repeat(tokens, at)
            begin = at + self._turn(items[at : at + period])
            times = (end - begin) // period
            if times > 2 or (times == 2 and items[begin + 2 * period - 1].last - items[begin].first >= LEAST - 1):
                found += items[at:begin]
                found.append(self._repeat(items[begin : begin + period * times], period))
                at = begin + period * times
            else:
                found.append(items[at])
                at += 1
        return found

    def _turn(self, items: list[Item]) -> int:
        """Where among the items of a round the loop's body begins: at the first of its instructions, if all are in one function."""
        nodes = [self.nodes[item.first] for item in items]
        if any(node.code is not nodes[0].code for node in nodes):
            return 0
        return min(range(len(nodes)), key=lambda i: nodes[i].lasti)

    def _repeat(self, items: list[Item], period: int) -> Group:
        """A group of rounds, each of so many items."""
        rounds: list[Item] = []
        for at in range(0, len(items), period):
            part = items[at : at + period]
            rounds.append(part[0] if period == 1 else self._round(part, len(rounds)))
        first, last = rounds[0], rounds[-1]
        group = Group(-1, first.first, last.last, "repeat", "", "", None, rounds)
        if isinstance(first, Group) and isinstance(last, Group) and first.what == "module":
            group.name = first.name if first.name == last.name else f"{first.name}…{last.name.rpartition('.')[2]}"
            group.kind = first.kind if first.kind == last.kind else ""
        group.token = self.token(("repeat", len(rounds), first.token))
        return group

    def _round(self, items: list[Item], number: int) -> Group:
        """One round of a loop."""
        group = Group(-1, items[0].first, items[-1].last, "round", str(number), "", None, self._repeats_folded(items))
        group.token = self.token(("round", *(item.token for item in group.items)))
        return group


def longest_repeat(tokens: list[int], at: int) -> tuple[int, int]:
    """The stretch that begins at a place and follows on itself: its length, and where what is periodic ends.

    >>> longest_repeat([7, 1, 2, 1, 2, 1, 9], 1)
    (2, 6)
    """
    best, best_end = 1, at + 1
    left = len(tokens) - at
    for period in range(1, min(left // 2, LONGEST) + 1):
        if tokens[at] != tokens[at + period] or (best_end > at + 1 and period % best == 0):
            continue
        end = at + period
        while end < len(tokens) and tokens[end] == tokens[end - period]:
            end += 1
        if end >= at + 2 * period and end > best_end:
            best, best_end = period, end
    return best, best_end
