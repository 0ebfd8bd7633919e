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
        return self.coordinates() if isinstance(other, Coordinates) else Compressed.of(self.coordinates(), other.layout, other.block)  # type: ignore[attr-defined]

    def dense(self) -> Array:
        """All elements."""
        return self.coordinates().dense()

    @property
    def form(self) -> tuple[Any, Any]:
        """The layout, and of one of blocks their size."""
        return self.layout, getattr(self, "block", None)

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
    """Matrices whose values lie row by row ("sparse_csr", "sparse_bsr") or column by column ("sparse_csc", "sparse_bsc").

    `pointers` say where each row or column begins, `indices` in which column or row each value is. In the second layout of each pair values
    are blocks, matrices of one size, and rows and columns are those of blocks. There may be dimensions before those of the matrix, of
    batches, in all three; each matrix of a batch keeps as many values.
    """

    __slots__ = ("indices", "layout", "pointers")

    def __init__(self, pointers: Array, indices: Array, values: Any, shape: Sequence[int], layout: Any):
        self.pointers, self.indices, self.values, self.shape, self.layout = pointers, indices, values, tuple(shape), layout  # type: ignore[misc]

    @classmethod
    def of(cls, source: Coordinates, layout: Any, block: tuple[int, int] | None = None) -> Compressed:
        """Matrices given by coordinates, the last two of which are rows and columns, compressed along one of them.

        Of a layout of blocks `block` is their size, which divides that of the matrices.
        """
        once, (height, width) = source.coalesce(), block or (1, 1)
        *lead, row, column = once.indices
        *sizes, n, m = source.shape[: source.sparse_dim]
        batch = np.ravel_multi_index(tuple(lead), tuple(sizes)) if lead else np.zeros(once.count, np.int64)
        by_rows = is_by_rows(layout)
        lines, others = (row // height, column // width) if by_rows else (column // width, row // height)
        count, limit = (n // height, m // width) if by_rows else (m // width, n // height)
        keys = (batch * count + lines) * limit + others
        matrices = math.prod(sizes)
        if block is None:
            order = slice(None) if by_rows else np.argsort(keys, kind="stable")
            keys, values = keys[order], once.values[order]
        else:
            keys, place = np.unique(keys, return_inverse=True)
            values = np.zeros((len(keys), height, width, *once.values.shape[1:]), once.dtype)
            values[place, row % height, column % width] = once.values
        lines, others = (keys // limit, keys % limit) if limit else (keys, keys)
        starts = np.searchsorted(lines, np.arange(matrices)[:, None] * count + np.arange(count + 1))
        kept = np.diff(np.append(starts[:, 0], len(keys)))
        if matrices > 1 and (kept != kept[0]).any():
            raise RuntimeError("Expect the same number of specified elements per batch.")
        starts, each = starts - starts[:, :1], len(keys) // matrices if matrices else 0
        pointers, others = starts.reshape(*sizes, count + 1), others.reshape(*sizes, each)
        return cls(pointers, others, values.reshape(*sizes, each, *values.shape[1:]), source.shape, layout)

    @property
    def by_rows(self) -> bool:
        """Whether the values lie row by row."""
        return is_by_rows(self.layout)

    @property
    def blocked(self) -> bool:
        """Whether the values are blocks."""
        return self.layout.name.startswith("sparse_b")

    @property
    def block(self) -> tuple[int, int] | None:
        """The size of a block; None if the values are elements."""
        return self.values.shape[self.indices.ndim : self.indices.ndim + 2] if self.blocked else None

    @property
    def batch_dim(self) -> int:
        """The number of dimensions before those of the matrices."""
        return self.pointers.ndim - 1

    @property
    def sparse_dim(self) -> int:
        return 2

    @property
    def dense_dim(self) -> int:
        return self.values.ndim - self.indices.ndim - 2 * self.blocked

    @property
    def count(self) -> int:
        return self.indices.shape[-1]

    def with_values(self, values: Any) -> Compressed:
        if values.ndim < self.values.ndim:  # those of all elements one after the other
            values = values.reshape(self.values.shape)
        return Compressed(self.pointers, self.indices, values, self.shape, self.layout)

    def coordinates(self) -> Coordinates:
        lead, values = self.pointers.shape[:-1], self.values.reshape(-1, *self.values.shape[self.indices.ndim :])
        pointers = self.pointers.reshape(-1, self.pointers.shape[-1])
        counts = np.diff(pointers)
        lines = np.repeat(np.tile(np.arange(counts.shape[1]), len(pointers)), counts.reshape(-1))
        others = self.indices.reshape(-1)
        row, column = (lines, others) if self.by_rows else (others, lines)
        places = [row, column]
        if lead:
            places = [*np.unravel_index(np.repeat(np.arange(len(pointers)), self.count), lead), *places]
        if self.block is not None:
            height, width = self.block
            down, across = np.indices((height, width))
            within = [np.zeros_like(down)] * len(lead) + [down, across]
            units = [1] * len(lead) + [height, width]
            places = [(p[:, None, None] * unit + inner).reshape(-1) for p, unit, inner in zip(places, units, within, strict=True)]
            values = values.reshape(-1, *values.shape[3:])
        found = Coordinates(np.stack(places).astype(np.int64), values, self.shape)
        found.coalesced = bool((np.diff(found.keys()) > 0).all())
        return found

    def copy(self) -> Compressed:
        return Compressed(self.pointers.copy(), self.indices.copy(), self.values.copy(), self.shape, self.layout)

    @property
    def T(self) -> Compressed:
        *lead, n, m = self.shape[: self.batch_dim + 2]
        values = self.values.swapaxes(self.indices.ndim, self.indices.ndim + 1) if self.blocked else self.values
        shape = (*lead, m, n, *self.shape[self.batch_dim + 2 :])
        return Compressed(self.pointers, self.indices, values, shape, self.layout.transposed)


def is_by_rows(layout: Any) -> bool:
    """Whether values lie row by row in a layout."""
    return layout.name.endswith("sr")
