"""Arrays of which only some elements are kept: the values, and the places where they are.

They take part in the backward pass as gradients do, with a shape, a dtype and a sum. All that computes on more than their values is in
`ops/sparse`. None of NumPy's functions takes them: what is not written for them cannot take them for something else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from .precision import FLOAT32, is_narrow

Array = np.ndarray[Any, Any]


class Sparse:
    """An array of this shape whose elements are zero but for `values`, a row of which belongs to each place."""

    __slots__ = ("shape", "values")
    __array_ufunc__: ClassVar[Any] = None  # so that operators of arrays leave the work to ours
    layout: ClassVar[Any]
    shape: tuple[int, ...]
    values: Array

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of the elements."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements, zeros included."""
        return math.prod(self.shape)

    @property
    def sparse_dim(self) -> int:
        """The number of dimensions that places have."""
        raise NotImplementedError

    @property
    def dense_dim(self) -> int:
        """The number of dimensions that the value at a place has."""
        return self.ndim - self.sparse_dim

    @property
    def count(self) -> int:
        """How many values there are."""
        raise NotImplementedError

    def with_values(self, values: Any) -> Any:
        """Other values at the same places."""
        raise NotImplementedError

    def coordinates(self) -> Coordinates:
        """The same values with the coordinates of each."""
        raise NotImplementedError

    def as_laid(self, other: Sparse) -> Any:
        """The same elements kept in the layout of `other`."""
        return self.coordinates() if isinstance(other, Coordinates) else Compressed.of(self.coordinates(), other.layout)

    def dense(self) -> Array:
        """All elements."""
        return self.coordinates().dense()

    @property
    def places(self) -> Any:
        """The places alone: the values are zeros that take no memory."""
        values = self.values
        return self.with_values(np.ndarray(values.shape, values.dtype, np.zeros((), values.dtype), 0, (0,) * values.ndim))

    def astype(self, dtype: Any) -> Any:
        """The values in another dtype, at the same places."""
        return self.with_values(self.values.astype(dtype))

    def copy(self) -> Any:
        """A copy of values and places."""
        raise NotImplementedError

    @property
    def real(self) -> Any:
        """The real parts."""
        return self.with_values(self.values.real)

    @property
    def T(self) -> Any:
        """The matrix with its dimensions exchanged."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return self.with_values(-self.values)

    def __mul__(self, other: Any) -> Any:
        return self.with_values(self.values * other) if isinstance(other, (int, float, complex)) else NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Sparse):
            return self.coordinates().joined(other.coordinates()).as_laid(self)
        return self.dense() + other if isinstance(other, np.ndarray) else NotImplemented

    __radd__ = __add__

    def __array__(self, *args: Any, **kwargs: Any) -> Array:
        raise TypeError("a sparse array is no NumPy array: make it one with dense()")

    def __array_function__(self, function: Any, *args: Any) -> Any:
        raise TypeError(f"{function.__name__}() takes no sparse array")

    def __repr__(self) -> str:
        return f"<{self.layout.name} of shape {self.shape}, {self.count} values>"


def added_up(values: Array, starts: Array) -> Array:
    """The sums of the rows of `values` from each of `starts` to the next; 16-bit floats are added up in float32."""
    if not starts.size:
        return values[:0]
    wide = values.astype(FLOAT32) if is_narrow(values.dtype) else values
    return np.add.reduceat(wide, starts, axis=0, dtype=wide.dtype).astype(values.dtype, copy=False)


class Coordinates(Sparse):
    """An array with the coordinates of its values: `indices` of shape (sparse_dim, count), `values` of shape (count, ...)."""

    __slots__ = ("coalesced", "indices")

    def __init__(self, indices: Array, values: Any, shape: Sequence[int], coalesced: bool = False):
        self.indices, self.values, self.shape = indices, values, tuple(shape)
        self.coalesced = coalesced or indices.shape[1] < 2  # no place is there twice, and they are in order

    @property
    def sparse_dim(self) -> int:
        return self.indices.shape[0]

    @property
    def count(self) -> int:
        return self.indices.shape[1]

    def with_values(self, values: Any) -> Coordinates:
        return Coordinates(self.indices, values, self.shape, self.coalesced)

    def coordinates(self) -> Coordinates:
        return self

    def copy(self) -> Coordinates:
        return Coordinates(self.indices.copy(), self.values.copy(), self.shape, self.coalesced)

    def keys(self) -> Array:
        """One number for each place, in the order of places."""
        keys = np.zeros(self.count, np.int64)
        for row, size in zip(self.indices, self.shape, strict=False):
            keys = keys * size + row
        return keys

    def grouped(self) -> tuple[Array, Array]:
        """An order in which equal places are neighbours, and where each place begins in it."""
        keys = self.keys()
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        return order, np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))

    def coalesce(self) -> Coordinates:
        """The same elements with each place there once, in order."""
        if self.coalesced:
            return self
        order, starts = self.grouped()
        return Coordinates(self.indices[:, order[starts]], added_up(self.values[order], starts), self.shape, True)

    def distinct(self) -> tuple[Coordinates, Any]:
        """The places, each once and in order, without the sums of their values; and the first value that belongs to each."""
        if self.coalesced:
            return self, slice(None)
        order, starts = self.grouped()
        first = order[starts]
        return Coordinates(self.indices[:, first], self.values[first], self.shape, True), first

    def dense(self) -> Array:
        out = np.zeros(self.shape, self.dtype)
        once = self.coalesce()
        out[tuple(once.indices)] = once.values if once.sparse_dim else once.values.sum(0)
        return out

    def joined(self, other: Coordinates) -> Coordinates:
        """The sum, with the values of both one after the other; coalesced if both are."""
        values = np.concatenate([self.values, other.values])
        both = Coordinates(np.concatenate([self.indices, other.indices], 1), values, self.shape)
        return both.coalesce() if self.coalesced and other.coalesced else both

    def at(self, places: Coordinates) -> Array:
        """The elements at other places; zero where none is kept."""
        own = self.coalesce()
        if not own.count:
            return np.zeros((places.count, *own.values.shape[1:]), self.dtype)
        keys, wanted = own.keys(), places.keys()
        found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[found] == wanted).reshape(-1, *(1,) * own.dense_dim), own.values[found], own.values.dtype.type(0))

    @property
    def T(self) -> Coordinates:
        return Coordinates(self.indices[::-1], self.values, self.shape[::-1])


class Compressed(Sparse):
    """A matrix whose values lie row by row ("sparse_csr") or column by column ("sparse_csc").

    `pointers` say where each row or column begins, `indices` in which column or row each value is. There may be dimensions before
    those of the matrix, of batches, in all three.
    """

    __slots__ = ("indices", "layout", "pointers")

    def __init__(self, pointers: Array, indices: Array, values: Any, shape: Sequence[int], layout: Any):
        self.pointers, self.indices, self.values, self.shape, self.layout = pointers, indices, values, tuple(shape), layout  # type: ignore[misc]

    @classmethod
    def of(cls, source: Coordinates, layout: Any) -> Compressed:
        """A matrix given by coordinates, compressed along rows or columns."""
        by_rows = layout.name == "sparse_csr"
        once = source.coalesce() if by_rows else source.T.coalesce()
        starts = np.searchsorted(once.indices[0], np.arange(once.shape[0] + 1))
        return cls(starts, once.indices[1].copy(), once.values, source.shape, layout)

    @property
    def by_rows(self) -> bool:
        """Whether the values lie row by row."""
        return self.layout.name == "sparse_csr"

    @property
    def sparse_dim(self) -> int:
        return 2

    @property
    def dense_dim(self) -> int:
        return self.values.ndim - self.indices.ndim

    @property
    def count(self) -> int:
        return self.indices.shape[-1]

    def with_values(self, values: Any) -> Compressed:
        return Compressed(self.pointers, self.indices, values, self.shape, self.layout)

    def coordinates(self) -> Coordinates:
        lines = np.repeat(np.arange(self.pointers.size - 1), np.diff(self.pointers))
        pair = np.stack([lines, self.indices] if self.by_rows else [self.indices, lines]).astype(np.int64)
        found = Coordinates(pair, self.values, self.shape)
        keys = found.keys()
        found.coalesced = bool((np.diff(keys) > 0).all())
        return found

    def copy(self) -> Compressed:
        return Compressed(self.pointers.copy(), self.indices.copy(), self.values.copy(), self.shape, self.layout)

    @property
    def T(self) -> Compressed:
        return Compressed(self.pointers, self.indices, self.values, self.shape[::-1], self.layout.transposed)
