"""The values of sparse tensors apart from their places, and together again.

Most operations on sparse tensors are made of these: their history is that of the operations on the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import sparse
from ...core.dispatch import under_name
from ...core.sparse import Coordinates, Sparse
from ...core.sparse_tensor import SparseTensor, strided
from ...core.tensor import Tensor


@sparse(name="with_values", node="SparseCooTensorWithDimsAndTensorsBackward0")
def put(values, /, places):
    """`values` at the places of a sparse array."""
    return places.with_values(values)


@put.grad("values")
def _(g, places):
    return pick(g, places, False)


@sparse(name="values_of", node="ValuesBackward0")
def kept_values(x, /, places):
    """The values that are kept, at these places."""
    return x.values


@kept_values.grad("x")
def _(g, places):
    if not isinstance(places, Coordinates):
        return put(g, places)
    once, first = places.distinct()  # values of one place have the same gradient: it counts once
    return put(g if isinstance(first, slice) else g[first], once)


@sparse(name="take_places", node="SparseMaskBackward0")
def pick(x, /, places, sparse_grad):
    """The elements of `x`, dense or sparse, at the places of a sparse array; its gradient is sparse where that is asked for."""
    found = places.coordinates()
    if isinstance(x, Sparse):
        taken = x.coordinates().at(found)
        return taken if isinstance(places, Coordinates) else taken.reshape(places.values.shape)
    if not found.sparse_dim:
        return np.broadcast_to(x, (found.count, *x.shape))
    taken = x[tuple(found.indices)]
    return taken if isinstance(places, Coordinates) else taken.reshape(places.values.shape)


@pick.grad("x")
def _(g, places, sparse_grad):
    spread = put(g, places)
    return spread if sparse_grad else all_of(spread, places, True, strided)


@sparse(name="to_dense", node="ToDenseBackward0")
def all_of(x, /, places, masked, grad_layout):
    """All elements. The gradient is what arrives at the places if it is `masked`, and dense if that is its layout."""
    return x.dense()


@all_of.grad("x")
def _(g, places, masked, grad_layout):
    if grad_layout is strided:
        return to_dense(g, True, strided) if is_sparse(g) else g
    if masked:
        once = places.distinct()[0] if isinstance(places, Coordinates) else places
        return put(pick(g, once, False), once)
    return g if is_sparse(g) else from_dense(g, places.ndim - places.dense_dim)


def with_values(values: Any, pattern: Any) -> Any:
    """`values` at the places of a sparse array."""
    return put(values, pattern.places)


def values_of(x: Any) -> Any:
    """The values that a sparse tensor or array keeps."""
    return kept_values(x, held(x).places)


def take(x: Any, pattern: Any, sparse_grad: bool) -> Any:
    """The elements of `x`, dense or sparse, at the places of a sparse array; its gradient is sparse where that is asked for."""
    return pick(x, pattern.places, sparse_grad)


def to_dense(x: Any, masked: bool = True, grad_layout: Any = None) -> Any:
    """All elements; see `all_of`."""
    return all_of(x, held(x).places, masked, grad_layout)


@sparse(node="ToSparseBackward1")
def from_dense(x, /, sparse_dim):
    """The elements, or arrays of the last dimensions, that are not zero, by their first `sparse_dim` coordinates."""
    filled = x.any(tuple(range(sparse_dim, x.ndim))) if x.dtype.kind != "V" else (x != 0).any(tuple(range(sparse_dim, x.ndim)))
    indices = np.array(np.nonzero(filled) if sparse_dim else np.zeros((0, int(filled))), np.int64)
    return Coordinates(indices, x[tuple(indices)] if sparse_dim else x[None][: int(filled)], x.shape, True)


@from_dense.grad("x")
def _(g):
    return to_dense(g, True, strided) if is_sparse(g) else g


@sparse(node="CoalesceBackward0")
def coalesced(x, /):
    """The same elements, each place there once and in order."""
    return x.coalesce()


@coalesced.grad("x")
def _(g):
    return g


def held(x: Any) -> Any:
    """The sparse array of a tensor, or the array itself."""
    return x._held if isinstance(x, Tensor) else x


def is_sparse(x: Any) -> bool:
    """Whether an array or a tensor is sparse."""
    return isinstance(x, (Sparse, SparseTensor))


def mapped(name: str, x: Any, change: Any, coalesce: bool = True) -> Any:
    """A sparse tensor whose values are what `change` makes of those of `x`, under the name of a node of PyTorch's."""
    if coalesce and isinstance(held(x), Coordinates):
        x = coalesced(x)
    values = change(values_of(x))
    return under_name(name, with_values(values, held(x)))
