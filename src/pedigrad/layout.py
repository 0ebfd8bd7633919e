"""In which order the elements of a result lie in memory: PyTorch's rules.

It matters to whoever looks: `stride`, `is_contiguous`, what `view` accepts, and whether a write through `reshape` reaches the tensor.
Results of operands that lie row by row do so too, and nobody asks here. Where one does not, an op's `layout` says what its result
is like:

- "iterator": as the operands, the first of them that tells two dimensions apart deciding which lies outside; densely
- "like": as the first operand, densely
- "channels": channels last, if the first operand is so
- "rows": row by row
- None: as the forward has made it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def order_of(shape: Sequence[int], strides: Iterable[Sequence[int]]) -> list[int]:
    """The dimensions of a result of `shape`, innermost first, given its operands' strides along them (0 where they are broadcast).

    Two dimensions stay in the order of rows unless an operand tells otherwise, so comparisons are not transitive, and what
    comes out depends on how it is sorted: by insertion, as PyTorch does.
    """
    strides = list(strides)

    def outside(a: int, b: int) -> int:
        """1 if dimension `a` lies outside `b`, -1 if inside, 0 if no operand tells."""
        for steps in strides:
            one, other = steps[a], steps[b]
            if one and other:
                if one != other:
                    return 1 if one > other else -1
                if shape[a] > shape[b]:
                    return 1
        return 0

    order = list(range(len(shape) - 1, -1, -1))
    for i in range(1, len(order)):
        place = i
        for before in range(i - 1, -1, -1):
            found = outside(order[before], order[place])
            if found < 0:
                break
            if found > 0:
                order[before], order[place] = order[place], order[before]
                place = before
    return order


def broadcast_strides(array: Array, shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of `array` along the dimensions of the shape it is broadcast to."""
    lead = len(shape) - array.ndim
    steps = zip(array.strides, array.shape, shape[lead:], strict=True)
    return (0,) * lead + tuple(0 if n == 1 != wanted else abs(step) for step, n, wanted in steps)


def iterator_order(shape: tuple[int, ...], arrays: Sequence[Any]) -> list[int] | None:
    """The order of dimensions, innermost first, of the result of an elementwise operation; None for rows."""
    arrays = [a for a in arrays if a.__class__ is np.ndarray and a.ndim <= len(shape)]
    if all(a.shape == shape and a.flags.c_contiguous for a in arrays):
        return None
    return order_of(shape, [broadcast_strides(a, shape) for a in arrays])


def is_channels_last(array: Array) -> bool:
    """Whether the strides of four or five dimensions have the second innermost."""
    if array.ndim not in (4, 5) or not array.size or not array.strides[1]:
        return False
    least = 0
    for dim in (1, *range(array.ndim - 1, 1, -1), 0):
        step = array.strides[dim]
        if step < least or (dim == 0 and least == array.strides[1]):
            return False
        least = step * array.shape[dim]
    return True


def channels_order(shape: tuple[int, ...], arrays: Sequence[Any]) -> list[int] | None:
    """Channels innermost if the first operand has them so."""
    return [1, *range(len(shape) - 1, 1, -1), 0] if len(shape) > 3 and is_channels_last(arrays[0]) else None


def arranged(array: Array, order: list[int] | None) -> Array:
    """`array` with its dimensions in this order in memory (innermost first; None for rows), densely: itself if it is so already."""
    if array.flags.c_contiguous if order is None else lies_in(array, order):
        return array
    if order is None:
        return np.array(array, order="C")
    out = empty_in(array.shape, order, array.dtype)
    np.copyto(out, array)
    return out


def lies_in(array: Array, order: list[int]) -> bool:
    """Whether the elements of `array` lie densely with its dimensions in this order, innermost first."""
    step = array.itemsize
    for dim in order:
        if array.shape[dim] != 1:
            if array.strides[dim] != step:
                return not array.size
            step *= array.shape[dim]
    return True


def empty_in(shape: tuple[int, ...], order: list[int] | None, dtype: Any) -> Array:
    """An array of unspecified contents with its dimensions in this order in memory, innermost first."""
    if order is None:
        return np.empty(shape, dtype)
    outermost = order[::-1]
    return np.empty([shape[d] for d in outermost], dtype).transpose(np.argsort(outermost))


def empty_like(array: Array, dtype: Any = None) -> Array:
    """An array of unspecified contents that lies as `array` does, without gaps."""
    return empty_in(array.shape, iterator_order(array.shape, (array,)), array.dtype if dtype is None else dtype)


def copied(array: Array, dtype: Any = None) -> Array:
    """A copy that lies as `array` does, without gaps."""
    out = empty_like(array, dtype)
    np.copyto(out, array, casting="unsafe")
    return out


def is_dense(array: Array) -> bool:
    """Whether the elements of `array` fill a piece of memory, each place once."""
    return lies_in(array, sorted(range(array.ndim), key=lambda d: (array.strides[d], array.shape[d])))


def _rows(shape: tuple[int, ...], arrays: Sequence[Any]) -> None:
    return None


def _like(shape: tuple[int, ...], arrays: Sequence[Any]) -> list[int] | None:
    return iterator_order(shape, arrays[:1]) if arrays[0].__class__ is np.ndarray and arrays[0].ndim == len(shape) else None


RULES: dict[str, Any] = {"iterator": iterator_order, "like": _like, "channels": channels_order, "rows": _rows}


def laid_out(rule: str, arrays: Sequence[Any], result: Any) -> Any:
    """`result`, computed from these operands, as the rule wants it in memory."""
    if result.__class__ is not np.ndarray or result.ndim < 2:
        if result.__class__ is np.ndarray and result.ndim and not result.flags.c_contiguous:
            return np.array(result, order="C")
        return result
    return arranged(result, RULES[rule](result.shape, arrays))


__all__ = ["arranged", "copied", "empty_like", "is_dense", "laid_out"]
