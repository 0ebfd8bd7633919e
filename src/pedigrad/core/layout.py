"""In which order the elements of a result lie in memory: PyTorch's rules.

It matters to whoever looks: `stride`, `is_contiguous`, what `view` accepts, and whether a write through `reshape` reaches the tensor.
Results of operands that lie row by row do so too, and nobody asks here. Where one does not, an op's `layout` says what its result
is like:

- "iterator": as the operands, densely, the first of them that tells two dimensions apart deciding which lies outside;
  "swapped": the last of them
- "like", "like second": as that operand, densely
- "rows": row by row
- "channels": channels last if the first operand is so, else in rows; "windows", "images", "volumes", "convolution": the same for
  batches of signals and images, of images alone, of all three, and where the second operand counts too
- "heads": as queries whose elements are side by side, in rows where weights are dropped
- "strides": as the first operand, its gaps too
- "columns": matrices column by column, whatever the operands are like
- "format": in the memory format that is the op's attribute, or as the operand
- "own": as the forward has made it, which may be anything
- None: as the forward has made it, with the operand's memory
- or a function like those in `RULES`
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .origin import located

Array = np.ndarray[Any, Any]
RANKS = {"channels_last": 4, "channels_last_3d": 5}


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
    return array.ndim in (4, 5) and bool(array.size) and _channels_inside(array.shape, array.strides)


def _channels_inside(shape: Sequence[int], strides: Sequence[int]) -> bool:
    least = 0
    if not strides[1]:
        return False
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        if strides[dim] < least or (dim == 0 and least == strides[1]):
            return False
        least = strides[dim] * shape[dim]
    return True


def channels_last(ndim: int) -> list[int]:
    """The order of dimensions, innermost first, with the second innermost."""
    return [1, *range(ndim - 1, 1, -1), 0]


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


def drawn_like(array: Array, draw: Any) -> Array:
    """What `draw` returns when it is given a shape, its numbers in the order in which the elements of `array` lie in memory."""
    order = iterator_order(array.shape, (array,))
    if order is None:
        return draw(array.shape)  # type: ignore[no-any-return]
    outermost = order[::-1]
    return draw(tuple(array.shape[d] for d in outermost)).transpose(np.argsort(outermost))  # type: ignore[no-any-return]


def empty_like(array: Array, dtype: Any = None) -> Array:
    """An array of unspecified contents that lies as `array` does, without gaps."""
    return empty_in(array.shape, iterator_order(array.shape, (array,)), array.dtype if dtype is None else dtype)


def dense_copy(array: Array) -> Array:
    """A copy that lies as `array` does, without gaps."""
    if array.flags.c_contiguous:
        return array.copy()
    out = empty_like(array)
    np.copyto(out, array, casting="unsafe")
    return out


def with_strides_of(like: Array, array: Array) -> Array:
    """`array` with the strides of `like`, in memory that has its gaps; where places of that are shared, densely."""
    outermost = sorted((d for d in range(like.ndim) if like.shape[d] != 1), key=lambda d: -like.strides[d])
    apart = all(like.strides[a] >= like.strides[b] * like.shape[b] for a, b in pairwise(outermost))
    if not apart or not like.size or (outermost and like.strides[outermost[-1]] < like.itemsize):
        return arranged(array, iterator_order(like.shape, (like,)))
    extent = sum((n - 1) * step for n, step in zip(like.shape, like.strides, strict=True)) // like.itemsize + 1
    out = np.ndarray(like.shape, like.dtype, np.empty(extent, like.dtype), 0, like.strides)
    np.copyto(out, array)
    return out


def is_dense(array: Array) -> bool:
    """Whether the elements of `array` fill a piece of memory, each place once."""
    return lies_in(array, sorted(range(array.ndim), key=lambda d: (array.strides[d], array.shape[d])))


def overlap(here: Array, other: Any) -> str | None:
    """How two arrays share memory, "wholly" or "partly", as far as PyTorch looks: None where one of them has gaps."""
    if here is other or other.__class__ is not np.ndarray:
        return "wholly" if here is other else None
    if (here.base is None and other.base is None) or not np.may_share_memory(here, other) or not (here.size and other.size):
        return None
    if not (is_dense(here) and is_dense(other)):
        return None
    same = here.__array_interface__["data"] == other.__array_interface__["data"] and here.nbytes == other.nbytes
    return "wholly" if same and here.dtype == other.dtype and _true_steps(here) == _true_steps(other) else "partly"


def _true_steps(array: Array) -> list[tuple[int, int]]:
    """The sizes and strides along dimensions of more than one element: those of others say nothing."""
    return [(n, step) for n, step in zip(array.shape, array.strides, strict=True) if n != 1]


def check_operands(op: Any, here: Array, values: Any, what: str, resized: bool = False) -> None:
    """RuntimeError if what is written lies under an operand: partly, or at all for what is written place by place or is `resized`."""
    by_place = op.name.startswith(("scatter", "index_")) and op.name != "index_fill"
    whole = by_place or resized
    if not by_place and op.kind != "elementwise" and op.name != "copy":
        return
    for value in values:
        refuse_overlap(here, value._array if hasattr(value, "_held") else None, whole, what)


def same_places(one: Array, other: Array) -> bool:
    """Whether the elements of two arrays on one memory are the same ones, in one order, as far as shapes and strides tell."""
    if one.shape != other.shape:
        return False
    return not one.size or all(a == b for a, b, n in zip(one.strides, other.strides, one.shape, strict=True) if n > 1)


def refuse_overlap(here: Array, source: Any, whole: bool, what: str) -> None:
    """RuntimeError if `here`, which is written to, lies partly under `source`, or, if `whole`, under it at all."""
    found = overlap(here, source)
    if found == "partly" or (whole and found):
        why = "some elements of the input tensor and the written-to tensor refer to a single memory location"
        raise RuntimeError(located(f"{what}(): unsupported operation: {why}. Please clone() it before."))


def lying_as(like: Array, array: Array) -> Array:
    """`array` in the order of `like`, if that is dense, or else in rows: itself if it lies so already."""
    return arranged(array, iterator_order(like.shape, (like,)) if is_dense(like) else None)


def formatted(array: Array, form: str | None) -> Array:
    """A copy in a memory format of PyTorch's: "contiguous_format", "preserve_format", "channels_last", "channels_last_3d"."""
    if form is None or form == "preserve_format":
        return dense_copy(array)
    if form == "contiguous_format":
        return np.array(array, order="C")
    out = empty_in(array.shape, order_of_format(array.ndim, form), array.dtype)
    np.copyto(out, array)
    return out


def is_in_format(array: Array, form: str) -> bool:
    """Whether the elements of `array` lie densely in a memory format of PyTorch's."""
    if form in ("contiguous_format", "preserve_format"):
        return array.flags.c_contiguous
    return array.ndim == RANKS[form] and lies_in(array, channels_last(array.ndim))


def steps(array: Array) -> tuple[int, ...]:
    """How many elements apart neighbours along each dimension are; NumPy gives strides of no meaning to empty arrays."""
    if array.size:
        return tuple(s // array.itemsize for s in array.strides)
    sizes = [max(n, 1) for n in array.shape]
    return tuple(math.prod(sizes[i + 1 :]) for i in range(len(sizes)))


def order_of_format(ndim: int, form: str) -> list[int] | None:
    """The order of dimensions, innermost first, in a memory format; RuntimeError if it is one of other numbers of dimensions."""
    if form == "contiguous_format":
        return None
    if ndim != RANKS[form]:
        raise RuntimeError(f"required rank {RANKS[form]} tensor to use {form} format")
    return channels_last(ndim)


# The rules: the order of a result's dimensions, innermost first (None for rows), given its operands and its op's attributes.


def _format(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    (form,) = attributes
    if form is None or form.name == "preserve_format":
        return iterator_order(shape, arrays)
    return order_of_format(len(shape), form.name)


def _iterator(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return iterator_order(shape, arrays)


def _columns(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    if len(shape) != arrays[0].ndim:  # vectors of a batch
        return None
    return [len(shape) - 2, len(shape) - 1, *range(len(shape) - 3, -1, -1)]


def _swapped(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return iterator_order(shape, arrays[::-1])


def _like(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return iterator_order(shape, arrays[:1])


def _like_second(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return iterator_order(shape, arrays[1:2])


def _rows(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> None:
    return None


def _channels(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return channels_last(len(shape)) if is_channels_last(arrays[0]) and len(shape) == arrays[0].ndim else None


def _volumes(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    sizes = getattr(attributes[0], "sizes", attributes[0])  # one for each dimension that windows slide along
    return channels_last(len(shape)) if len(shape) == len(sizes) + 2 and _is_channels_last_image(arrays[0]) else None


def _windows(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return _volumes(shape, arrays, attributes) if len(shape) < 5 else None


def _images(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    return _volumes(shape, arrays, attributes) if len(shape) == 4 else None


def _convolution(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    found = is_channels_last(arrays[0]) or _is_channels_last_image(arrays[1])  # of signals the weight alone counts
    return channels_last(len(shape)) if found else None


def _heads(shape: tuple[int, ...], arrays: Sequence[Any], attributes: Sequence[Any]) -> list[int] | None:
    query, _, _, _, keep = arrays
    is_direct = keep is None and query.ndim in (4, 5) and query.shape == shape and query.strides[-1] == query.itemsize
    return iterator_order(shape, (query,)) if is_direct else None


def _is_channels_last_image(array: Array) -> bool:
    """`is_channels_last`, for three dimensions too: a signal is an image of one row."""
    if array.ndim != 3:
        return is_channels_last(array)
    (n, c, length), (by_n, by_c, step) = array.shape, array.strides
    return bool(array.size) and _channels_inside((n, c, 1, length), (by_n, by_c, length * step, step))


RULES: dict[str, Any] = {
    "iterator": _iterator, "swapped": _swapped, "like": _like, "like second": _like_second, "rows": _rows, "columns": _columns,
    "channels": _channels, "windows": _windows, "images": _images, "volumes": _volumes, "convolution": _convolution, "format": _format,
    "heads": _heads,
}  # fmt: skip


ALWAYS = frozenset({"columns", "format", "own"})  # the rules that hold where all operands lie row by row too


def laid_out(rule: Any, arrays: Sequence[Any], attributes: Sequence[Any], result: Any) -> Any:
    """`result`, computed from these operands, as the rule wants it in memory."""
    if result.__class__ is not np.ndarray or rule == "own":
        return result
    if rule == "strides":
        return with_strides_of(arrays[0], result)
    find = rule if callable(rule) else RULES[rule]
    return arranged(result, find(result.shape, arrays, attributes) if result.ndim > 1 else None)
