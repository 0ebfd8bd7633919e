"""What a compiled program is given, watched: arrays, how they lie in memory, gradients, options of optimizers."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..codegen.frontend.record import Derived
from ..codegen.frontend.regions import extent
from ..codegen.ir.sources import held, layout, read_option
from ..codegen.runtime import guard_words
from ..codegen.runtime.guard_words import Word
from ..core.graph import Leaf
from ..core.storage import storage_of
from . import guards
from .guards import Guard

Array = np.ndarray[Any, Any]


def words_of(holder: Any) -> list[Word]:
    """The words that show whether a tensor, a leaf or NumPy itself has the same array as before, with the same header."""
    array = held(holder)
    assert guards.ARRAY is not None and guards.GRAD is not None
    found: list[Word] = []
    if isinstance(holder, Leaf):
        found = [(id(holder) + guards.GRAD, id(holder.grad)), (id(holder.grad) + guards.ARRAY, id(array))]
    elif array is not holder:
        found = [(id(holder) + guards.ARRAY, id(array))]
    return found + guard_words.of_array(array)


class Held(Guard):
    """An array that the program is given: that of a tensor, of a leaf's gradient, or NumPy's own. Another of its layout will do.

    Its address is kept in the `table` at `slot`; `regular` says whether arrays share memory as they did.
    """

    def __init__(self, holder: Any, layout: Any, table: Any, slot: int, regular: Callable[[], bool]):
        self.holder, self.layout, self.table, self.slot, self.regular = holder, layout, table, slot, regular
        array = held(holder)
        # A gradient is not held here: `Leaf.zero` looks whether anybody does. All its words are compared, one after the other.
        self.array = None if isinstance(holder, Leaf) else array

    def words(self) -> list[Word]:
        if isinstance(self.holder, Leaf) and self.holder.grad is None:  # gone for now: as many words that are never so
            assert guards.GRAD is not None
            return [(id(self.holder) + guards.GRAD, 0)] * (6 + 2 * len(self.layout[0]))
        return words_of(self.holder)

    def change(self) -> str | None:
        array = held(self.holder)
        if array is None:
            return "a gradient that was there is gone"
        if layout(array) != self.layout:
            return "the shape, dtype or layout of a tensor"
        if self.array is not None and array is not self.array:
            self.array = array
            if not self.regular():
                return "which tensors share memory"
        self.table[self.slot] = id(array)
        return None


class Related(Guard):
    """That an array is still the same view of another one, which the program is given."""

    def __init__(self, derived: Derived):
        self.holders = derived
        self.seen = self.look()

    def look(self) -> Any:
        one, other = map(held, self.holders)
        if one is None or other is None:
            return None
        (mine, _), (its, _) = extent(one), extent(other)
        return mine - its, layout(one), storage_of(one) is storage_of(other)

    def words(self) -> list[Word]:
        places = [id(held(holder)) + guard_words.HEAD for holder in self.holders]
        return [word for holder in self.holders for word in words_of(holder)] + [(place, guard_words.word_at(place)) for place in places]

    def change(self) -> str | None:
        return None if self.look() == self.seen else "which tensors share memory"


def overlaps(arrays: list[Array]) -> list[int]:
    """For each array the number of the first of those whose memory, from first byte to last, it is tied to by overlaps."""
    found = list(range(len(arrays)))
    reach, group = 0, -1
    for i, (low, high) in sorted(enumerate(map(extent, arrays)), key=lambda each: each[1]):
        if low >= reach or group < 0:
            group, reach = i, high
        elif low < high:
            reach = max(reach, high)
            first = min(found[group], i)
            found[group] = found[i] = first
    return [found[each] for each in found]


def merged(extents: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Where stretches of memory begin and end, in order, those that overlap as one."""
    lows: list[int] = []
    highs: list[int] = []
    for low, high in sorted(each for each in extents if each[0] < each[1]):
        if highs and low < highs[-1]:
            highs[-1] = max(highs[-1], high)
        else:
            lows.append(low)
            highs.append(high)
    return lows, highs


def lie_apart(extents: list[tuple[int, int]], lows: list[int], highs: list[int]) -> bool:
    """Whether stretches of memory overlap neither one another nor those that begin and end there."""
    for low, high in extents:
        place = bisect_right(lows, low)
        if low < high and ((place and highs[place - 1] > low) or (place < len(lows) and lows[place] < high)):
            return False
    ordered = sorted(each for each in extents if each[0] < each[1])
    return all(one[1] <= other[0] for one, other in itertools.pairwise(ordered))


class Entry(Guard):
    """Whether a leaf has a gradient, and whether that is zeroed."""

    def __init__(self, leaf: Leaf, none: bool, zeroed: bool):
        self.leaf, self.none, self.zeroed = leaf, none, zeroed

    def words(self) -> list[Word]:
        assert guards.GRAD is not None and guards.ZEROED is not None
        found = [(id(self.leaf) + guards.ZEROED, id(self.zeroed))]
        return [*found, (id(self.leaf) + guards.GRAD + (0 if self.none else guard_words.NOT), id(None))]

    def change(self) -> str | None:
        same = (self.leaf.grad is None) == self.none and self.leaf.zeroed == self.zeroed
        return None if same else "whether a leaf has a gradient"


class Options(Guard):
    """Options of a group that are inputs of the program, and those on whose being zero it depends."""

    def __init__(self, group: dict[str, Any], inputs: Sequence[tuple[Any, Array]], choices: Sequence[tuple[Any, bool]]):
        """`inputs` are keys with the arrays of no dimension that the program is given, `choices` keys with whether they are not zero."""
        self.group, self.inputs, self.choices = group, inputs, choices
        self.kinds = [type(self.value(key)) for key, _ in self.inputs]
        for key, number in self.inputs:
            number.fill(self.value(key))

    def value(self, key: Any) -> Any:
        return self.group[key[0]][key[1]] if isinstance(key, tuple) else self.group[key]

    def words(self) -> list[Word]:
        return guard_words.of_dict(self.group)

    def change(self) -> str | None:
        try:
            for (key, number), kind in zip(self.inputs, self.kinds, strict=True):
                value = self.value(key)
                if type(value) is not kind or (isinstance(key, tuple) and type(self.group[key[0]]) is not tuple):
                    return f"the type of the option {key!r}"
                number.fill(value)
            for key, answer in self.choices:
                if bool(read_option(self.group, key)) != answer:
                    return f"whether the option {key!r} is zero"
        except (KeyError, IndexError, TypeError) as error:
            return f"an option ({error})"
        return None
