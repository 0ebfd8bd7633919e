"""Affine indices: which element of an array belongs to a point of a kernel's iteration space.

    Affine = a constant plus axes times whole numbers          an Index is one Affine for each dimension of an array

The functions here carry an Index from one side of a movement (`reshape`, `transpose`, `broadcast`, `slice`) to the other. Where
a reshape cuts through an axis, the axis is split in two; None says that the result would not be affine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Axis:
    """One dimension of an iteration space; two axes are the same only if they are one object."""

    __slots__ = ("name", "size")

    def __init__(self, size: int, name: str):
        self.size, self.name = size, name

    def __repr__(self) -> str:
        return f"{self.name}<{self.size}"


class Affine(NamedTuple):
    """`constant + sum(axis * factor)`, the largest factor first."""

    constant: int
    terms: tuple[tuple[Axis, int], ...]

    def times(self, step: int, plus: int = 0) -> Affine:
        """This times a number, plus another."""
        return Affine(self.constant * step + plus, tuple((axis, factor * step) for axis, factor in self.terms))

    def plus(self, other: Affine) -> Affine:
        """The sum of two."""
        factors = dict(self.terms)
        for axis, factor in other.terms:
            factors[axis] = factors.get(axis, 0) + factor
        terms = sorted(((a, f) for a, f in factors.items() if f), key=lambda t: -abs(t[1]))
        return Affine(self.constant + other.constant, tuple(terms))

    def __str__(self) -> str:
        parts = [axis.name if factor == 1 else f"{factor}*{axis.name}" for axis, factor in self.terms]
        return " + ".join(parts + [str(self.constant)] * (self.constant != 0 or not parts))


ZERO = Affine(0, ())
Index = tuple[Affine, ...]
Split = Callable[[Axis, int], tuple[Axis, Axis]]


def linear(index: Index, strides: tuple[int, ...]) -> Affine:
    """The place of an element in memory, in elements."""
    total = ZERO
    for each, stride in zip(index, strides, strict=True):
        total = total.plus(each.times(stride))
    return total


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array laid out row by row, in elements."""
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * shape[d + 1]
    return tuple(strides)


def axes_of(index: Index) -> list[Axis]:
    """The axes that an index depends on."""
    return list(dict.fromkeys(axis for each in index for axis, _ in each.terms))


def with_split(index: Index, axis: Axis, high: Axis, low: Axis) -> Index:
    """The index after an axis was split."""

    def split(each: Affine) -> Affine:
        terms: list[tuple[Axis, int]] = []
        for a, factor in each.terms:
            terms += [(high, factor * low.size), (low, factor)] if a is axis else [(a, factor)]
        return Affine(each.constant, tuple(terms))

    return tuple(map(split, index))


class NeedsSplit(Exception):
    """An axis must be split before an index can be reshaped."""

    def __init__(self, axis: Axis, low: int):
        super().__init__(axis, low)
        self.axis, self.low = axis, low


def groups(one: tuple[int, ...], other: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The dimensions of two shapes of one size, in the smallest groups that correspond."""
    found = []
    i = j = 0
    while i < len(one) or j < len(other):
        left, right = [], []
        n = m = 1
        if i < len(one):
            left.append(i)
            n, i = one[i], i + 1
        else:
            right.append(j)
            m, j = other[j], j + 1
        while n != m:
            if n < m and i < len(one):
                left.append(i)
                n, i = n * one[i], i + 1
            elif j < len(other):
                right.append(j)
                m, j = m * other[j], j + 1
            else:
                left.append(i)
                n, i = n * one[i], i + 1
        found.append((left, right))
    return found


def reshape_index(index: Index, shape: tuple[int, ...], to: tuple[int, ...]) -> Index | None:
    """The index into an array of shape `to` that shows the same elements row by row; may raise NeedsSplit."""
    if 0 in shape:
        return None
    result: list[Affine] = [ZERO] * len(to)
    for left, right in groups(shape, to):
        strides = contiguous(tuple(shape[d] for d in left))
        whole = linear(tuple(index[d] for d in left), strides)
        parts = [d for d in right if to[d] != 1]
        for d, low in zip(parts, contiguous(tuple(to[d] for d in parts)), strict=True):
            part = _digit(whole, low, to[d], d == parts[0])
            if part is None:
                return None
            result[d] = part
    return tuple(result)


def _digit(whole: Affine, low: int, size: int, first: bool) -> Affine | None:
    """`whole // low % size`, if that is affine."""
    if low == 1 and first:
        return whole
    if whole.constant:
        return None
    terms = []
    for axis, factor in whole.terms:
        if factor < 0:
            return None
        top = factor * (axis.size - 1)  # the largest that the term gets
        if top < low or factor % (low * size) == 0:
            continue  # all below this digit, or above it
        if factor % low == 0 and (first or top < low * size):
            terms.append((axis, factor // low))
        elif factor < low and low % factor == 0 and axis.size % (low // factor) == 0:
            raise NeedsSplit(axis, low // factor)
        elif factor * axis.size > low * size > factor and (low * size) % factor == 0 and axis.size % (low * size // factor) == 0:
            raise NeedsSplit(axis, low * size // factor)
        else:
            return None
    below = sum(factor * (axis.size - 1) for axis, factor in whole.terms if factor < low)
    return Affine(0, tuple(terms)) if below < low else None


def backward(operation: str, attributes: dict[str, Any], index: Index, shape: tuple[int, ...], operand: tuple[int, ...]) -> Index | None:
    """The index into the operand of a movement for an index into its result."""
    if operation == "transpose":
        order = attributes["order"]
        return tuple(index[order.index(d)] for d in range(len(order)))
    if operation == "broadcast":
        lead = len(shape) - len(operand)
        return tuple(ZERO if n == 1 else index[lead + d] for d, n in enumerate(operand))
    if operation == "slice":
        places = zip(index, attributes["starts"], attributes["steps"], strict=True)
        return tuple(each.times(step, start) for each, start, step in places)
    return reshape_index(index, shape, operand)
