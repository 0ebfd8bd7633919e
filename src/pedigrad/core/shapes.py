"""Shapes and dimensions: pure functions on tuples, and `Size`."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from numpy.exceptions import AxisError

from .origin import located


class Size(tuple[int, ...]):
    """A shape: a tuple of ints that prints as PyTorch's does.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return Size(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Size:
        return Size(super().__add__(tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (tuple(self),)


def as_int(value: Any) -> int:
    """`value` as an int; TypeError for what is no whole number by its type: floats, booleans."""
    if isinstance(value, bool):
        raise TypeError("must be int, not bool")
    return operator.index(value)


def one_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; IndexError if a tensor of `ndim` dimensions has no such dimension."""
    span = ndim or 1
    if dim.__class__ is not int:
        dim = as_int(dim)
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim + span if dim < 0 else dim


def all_dims(dim: int | Iterable[int] | None, ndim: int) -> tuple[int, ...]:
    """The dimensions meant by a `dim` argument, counted from the front; None and () mean all of them.

    >>> all_dims(-1, 3), all_dims(None, 2)
    ((2,), (0, 1))
    """
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int):
        return (one_dim(dim, ndim),) if ndim else (one_dim(dim, ndim),)[:0]
    dims = tuple(one_dim(d, ndim) for d in dim)
    if len(set(dims)) != len(dims):
        twice = next(d for i, d in enumerate(dims) if d in dims[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return (dims or tuple(range(ndim))) if ndim else ()


def kept_shape(shape: Sequence[int], dim: Any) -> tuple[int, ...]:
    """`shape` with the reduced dimensions `dim` set to one."""
    dims = all_dims(dim, len(shape))
    return tuple(1 if i in dims else n for i, n in enumerate(shape))


def as_shape(sizes: Sequence[Any]) -> tuple[int, ...]:
    """The shape meant by `f(2, 3)` and `f((2, 3))` alike."""
    try:
        if len(sizes) == 1 and not hasattr(sizes[0], "__index__"):
            sizes = tuple(sizes[0])
        return tuple(map(operator.index, sizes))
    except TypeError:
        wrong = next((size for size in sizes if not hasattr(size, "__index__")), None)
        if not isinstance(wrong, (float, str)):
            raise
        hint = f": use // where a size is divided, or int({wrong})" if isinstance(wrong, float) else ""
        raise TypeError(located(f"sizes must be integers, but got {wrong!r}, a {type(wrong).__name__}{hint}")) from None


def pair(value: Any, n: int = 2) -> tuple[Any, ...]:
    """`value` once per spatial dimension: an int is repeated, a sequence of one too."""
    if isinstance(value, Iterable):
        values = tuple(value)
        return values * n if len(values) == 1 else values
    return (value,) * n


def broadcast_shapes(*shapes: Sequence[int]) -> Size:
    """The shape that tensors of these shapes broadcast to; RuntimeError where two sizes differ and neither is one."""
    ndim = max((len(s) for s in shapes), default=0)
    result = [1] * ndim
    for shape in shapes:
        for i, n in enumerate(shape, ndim - len(shape)):
            if n != 1 and result[i] not in (1, n):
                raise RuntimeError(
                    f"The size {result[i]} must match the size {n} at dimension {i}: shapes "
                    f"{' and '.join(str(tuple(s)) for s in shapes)} do not broadcast"
                )
            if n != 1:
                result[i] = n
    return Size(result)


__all__ = ["AxisError", "Size", "all_dims", "as_int", "as_shape", "broadcast_shapes", "kept_shape", "one_dim", "pair"]
