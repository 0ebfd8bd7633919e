"""Sparse tensors in other shapes, and parts of them: places change, values stay as they are or are picked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import sparse
from ...core.dispatch import under_name
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.sparse import Compressed, Coordinates
from ...core.sparse_tensor import SparseTensor, method, refused, sparse_coo, stands_for, strided, takes_sparse
from ...core.tensor import Tensor
from ..shape.join import cat as cat_dense
from .convert import relaid
from .values import held, is_sparse, to_dense, values_of, with_values


def _own(name: str, x: SparseTensor) -> Coordinates:
    """The coordinates of a sparse tensor; NotImplementedError if it has another layout."""
    if x.layout is not sparse_coo:
        raise refused(name, (x,))
    return held(x)


def _placed(node: str, values: Any, indices: Any, shape: Any, coalesced: bool) -> Any:
    """A sparse tensor of these values and places."""
    return under_name(node, with_values(values, Coordinates(indices, values._array, tuple(shape), coalesced)))


@sparse(node="PermuteBackward0")
def permuted(x, /, order):
    """The dimensions in another order."""
    if isinstance(x, Compressed):
        return x.T
    lead, last = list(order[: x.sparse_dim]), [dim - x.sparse_dim + 1 for dim in order[x.sparse_dim :]]
    values = x.values.transpose(0, *last) if last != sorted(last) else x.values
    return Coordinates(x.indices[lead], values, tuple(x.shape[dim] for dim in order), x.coalesced and lead == sorted(lead))


@permuted.grad("x")
def _(g, order):
    back = tuple(int(dim) for dim in np.argsort(order))
    return permuted(g, back) if is_sparse(g) else np.transpose(g, back)


@takes_sparse("transpose", "swapaxes", "swapdims")
def transpose(x: SparseTensor, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged, both of places or both of values."""
    first, second = (one_dim(dim, x.ndim) for dim in (dim0, dim1))
    if x.layout is not sparse_coo:
        lines = {held(x).batch_dim, held(x).batch_dim + 1}
        if first != second and {first, second} != lines:
            raise refused("transpose", (x,))
        return under_name("TransposeBackward0", permuted(x, (1, 0))) if first != second else x
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    own = held(x)
    if first != second and max(first, second) >= own.sparse_dim:
        dims = f"Got sparse_dim: {own.sparse_dim}, d0: {first}, d1: {second}"
        raise RuntimeError(located(f"sparse transpose: transposed dimensions must be sparse {dims}"))
    return under_name("TransposeBackward0", permute(x, order))


@takes_sparse("t")
def t(x: SparseTensor) -> Any:
    """The transposed matrix; a tensor of fewer dimensions as it is."""
    own = held(x)
    if own.sparse_dim > 2 or own.dense_dim:
        dims = f"got {own.sparse_dim} sparse and {own.dense_dim} dense dimensions"
        raise RuntimeError(located(f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but {dims}"))
    return x if x.ndim < 2 else under_name("TBackward0", transpose(x, 0, 1))


@takes_sparse("permute")
def permute(x: SparseTensor, dims: Any) -> Any:
    """The dimensions in another order, those of places before those of values."""
    own = _own("permute", x)
    order = [one_dim(dim, x.ndim) for dim in dims]
    if sorted(order) != list(range(x.ndim)):
        what = "number of dimensions in the tensor input does not match the length of the desired ordering of dimensions"
        raise RuntimeError(located(f"permute(sparse_coo): {what} i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(order)}"))
    if any(dim >= own.sparse_dim for dim in order[: own.sparse_dim]):
        what = "transpositions between sparse and dense dimensions are not allowed. Only transpositions within sparse and dense"
        raise RuntimeError(located(f"permute(sparse_coo): {what} dimensions are supported."))
    return permuted(x, tuple(order))


@stands_for("movedim", "moveaxis")
def movedim(input: SparseTensor, source: Any, destination: Any) -> Any:
    """Dimensions moved to other places."""
    sources, targets = ((each,) if isinstance(each, int) else tuple(each) for each in (source, destination))
    sources, targets = (tuple(one_dim(dim, input.ndim) for dim in each) for each in (sources, targets))
    order = [dim for dim in range(input.ndim) if dim not in sources]
    for target, dim in sorted(zip(targets, sources, strict=True)):
        order.insert(target, dim)
    return permute(input, order)


def _reversed(self: SparseTensor) -> Any:
    """The dimensions in the opposite order."""
    return permute(self, range(self.ndim)[::-1])


def _matrices_transposed(self: SparseTensor) -> Any:
    """The last two dimensions exchanged."""
    return transpose(self, -2, -1)


for _names, _form in ((("T",), _reversed), (("mT",), _matrices_transposed)):
    method(*_names)(property(_form))


@takes_sparse("unsqueeze")
def unsqueeze(x: SparseTensor, dim: int) -> Any:
    """A dimension of size 1 more."""
    own = _own("unsqueeze", x)
    if not -x.ndim - 1 <= dim <= x.ndim:
        message = f"Dimension out of range (expected to be in range of [{-x.ndim - 1}, {x.ndim}], but got {dim})"
        raise IndexError(located(message))
    dim %= x.ndim + 1
    shape = [*own.shape[:dim], 1, *own.shape[dim:]]
    values, indices = values_of(x), own.indices
    if dim <= own.sparse_dim:
        indices = np.insert(indices, dim, 0, axis=0)
    else:
        values = values.unsqueeze(dim - own.sparse_dim + 1)  # type: ignore[attr-defined]
    return _placed("UnsqueezeBackward0", values, indices, shape, False)


def _picked(node: str, x: Any, keep: Any, indices: Any, shape: Any, coalesced: bool) -> Any:
    """A sparse tensor of the values where `keep` says, at other places."""
    return _placed(node, values_of(x)[keep], indices, shape, coalesced)


def _matrix(x: SparseTensor, dim: int, index: int) -> Any:
    """The compressed matrices of a batch that have this index in one of its dimensions."""
    own = held(x)
    size = own.shape[dim]
    if not -size <= index < size:
        raise IndexError(located(f"select(): index {index} out of range for tensor of size {list(own.shape)} at dimension {dim}"))
    shape = (*own.shape[:dim], *own.shape[dim + 1 :])
    values = values_of(x).select(dim, index)  # type: ignore[attr-defined]
    pointers, indices = (np.take(each, index, dim) for each in (own.pointers, own.indices))
    return under_name("SelectBackward0", with_values(values, Compressed(pointers, indices, values._array, shape, own.layout)))


@takes_sparse("select")
def select(x: SparseTensor, dim: int, index: int) -> Any:
    """One entry of a dimension: sparse, or dense where no coordinates are left."""
    dim = one_dim(dim, x.ndim)
    if x.layout is not sparse_coo:
        if dim < held(x).batch_dim:
            return _matrix(x, dim, index)
        x = relaid(x, sparse_coo)
    own = held(x)
    size = own.shape[dim]
    if not -size <= index < size:
        raise IndexError(located(f"select(): index {index} out of range for tensor of size {list(own.shape)} at dimension {dim}"))
    index %= size
    shape = [*own.shape[:dim], *own.shape[dim + 1 :]]
    if dim >= own.sparse_dim:
        values = values_of(x).select(dim - own.sparse_dim + 1, index)  # type: ignore[attr-defined]
        return _placed("SelectBackward0", values, own.indices, shape, own.coalesced)
    keep = np.flatnonzero(own.indices[dim] == index)
    indices = np.delete(own.indices, dim, axis=0)[:, keep]
    out = _picked("SelectBackward0", x, keep, indices, shape, False)
    return out if own.sparse_dim > 1 else under_name("SelectBackward0", to_dense(out, True, strided))


@takes_sparse("narrow_copy", "narrow")
def narrow_copy(x: SparseTensor, dim: int, start: Any, length: int) -> Any:
    """A stretch of a dimension; as a copy."""
    own = _own("narrow_copy", x)
    dim, start = one_dim(dim, x.ndim), int(start)
    size = own.shape[dim]
    start = start + size if start < 0 else start
    if not (0 <= start <= size and 0 <= length <= size - start):
        kind = IndexError if start > size or start < 0 else RuntimeError
        raise kind(located(f"narrow(): start ({start}) + length ({length}) exceeds dimension size ({size})."))
    shape = [*own.shape[:dim], length, *own.shape[dim + 1 :]]
    if dim >= own.sparse_dim:
        values = values_of(x).narrow(dim - own.sparse_dim + 1, start, length)  # type: ignore[attr-defined]
        return _placed("NarrowBackward0", values, own.indices, shape, own.coalesced)
    row = own.indices[dim]
    keep = np.flatnonzero((row >= start) & (row < start + length))
    indices = own.indices[:, keep].copy()
    indices[dim] -= start
    return _picked("NarrowBackward0", x, keep, indices, shape, own.coalesced)


@takes_sparse("index_select")
def index_select(input: Any, index: Tensor, dim: int = 0) -> Any:
    """The entries of a dimension that a vector of integers names, in that order."""
    if isinstance(index, SparseTensor) or not isinstance(input, SparseTensor):
        raise refused("index_select", (input, index))
    own = _own("index_select", input)
    dim = one_dim(dim, input.ndim)
    wanted = np.atleast_1d(index._array)
    if wanted.ndim != 1:
        raise IndexError(located("index_select(): Index is supposed to be a vector"))
    size = own.shape[dim]
    if wanted.size and not (-size <= wanted.min() and wanted.max() < size):
        wrong = wanted[(wanted < -size) | (wanted >= size)][0]
        range_ = f"out of range for tensor of size {list(own.shape)} at dimension {dim}"
        raise IndexError(located(f"index_select(): index contains {wrong} that is {range_}"))
    wanted = wanted % max(size, 1)
    shape = [*own.shape[:dim], wanted.size, *own.shape[dim + 1 :]]
    if dim >= own.sparse_dim:
        values = values_of(input).index_select(dim - own.sparse_dim + 1, index)  # type: ignore[attr-defined]
        return _placed("IndexSelectBackward0", values, own.indices, shape, own.coalesced)
    order = np.argsort(own.indices[dim], kind="stable")  # values of one entry are neighbours in it
    row = own.indices[dim][order]
    begin, end = np.searchsorted(row, wanted), np.searchsorted(row, wanted, "right")
    counts = end - begin
    new = np.repeat(np.arange(wanted.size), counts)
    keep = order[np.arange(new.size) - np.repeat(np.cumsum(counts) - counts - begin, counts)]
    indices = own.indices[:, keep].copy()
    indices[dim] = new
    return _picked("IndexSelectBackward0", input, keep, indices, shape, False)


@takes_sparse("unbind")
def unbind(x: SparseTensor, dim: int = 0) -> Any:
    """The entries of a dimension, one after the other."""
    return tuple(select(x, dim, i) for i in range(x.shape[one_dim(dim, x.ndim)]))


@method("__getitem__")
def getitem(self: SparseTensor, index: Any) -> Any:
    """The part that whole numbers, stretches, None and vectors of integers name."""
    out: Any = self
    dim = 0
    for each in index if isinstance(index, tuple) else (index,):
        if each is None:
            out, dim = unsqueeze(out, dim), dim + 1
        elif isinstance(each, slice) and isinstance(out, SparseTensor):
            start, stop, step = each.indices(out.shape[dim])
            if step != 1:
                raise refused("slice", (self,))
            out, dim = narrow_copy(out, dim, start, max(stop - start, 0)), dim + 1
        elif isinstance(each, int) and not isinstance(each, bool):
            out = select(out, dim, each) if isinstance(out, SparseTensor) else out.select(dim, each)
        elif isinstance(each, Tensor) and each.ndim == 0 and not each.is_floating_point() and each.dtype.name != "bool":
            out = select(out, dim, int(each)) if isinstance(out, SparseTensor) else out.select(dim, int(each))
        else:
            raise refused("index", (self,))
    return out


# Several together


def _all_sparse(tensors: Any) -> tuple[Any, ...]:
    for place, each in enumerate(tensors):
        if not isinstance(each, SparseTensor):
            raise RuntimeError(located(f"Concatenating sparse tensors, but a dense tensor was found at position {place}."))
        if each.layout is not sparse_coo:
            raise refused("cat", (each,))
    return tuple(tensors)


@takes_sparse("cat")
def cat(tensors: Any, dim: int = 0) -> Any:
    """The tensors one after the other along a dimension."""
    tensors = _all_sparse(tensors)
    dim = one_dim(dim, tensors[0].ndim)
    own = [held(each) for each in tensors]
    first = own[0]
    for place, each in enumerate(own):
        if each.sparse_dim != first.sparse_dim or each.dense_dim != first.dense_dim:
            dims = (
                f"the first has {first.sparse_dim} and {first.dense_dim}, that at position {place} {each.sparse_dim} and {each.dense_dim}"
            )
            raise RuntimeError(located(f"All tensors must have the same: sparse_dim and dense_dim, but {dims}"))
        if any(a != b for i, (a, b) in enumerate(zip(each.shape, first.shape, strict=True)) if i != dim):
            sizes = f"{list(first.shape)}, the size at position {place} is {list(each.shape)}"
            raise RuntimeError(
                located(f"All tensors must have the same shape except in the concatenating dimension {dim}: the first's is {sizes}")
            )
    total = sum(each.shape[dim] for each in own)
    shape = [*first.shape[:dim], total, *first.shape[dim + 1 :]]
    starts = np.cumsum([0, *(each.shape[dim] for each in own)])
    if dim < first.sparse_dim:
        values = cat_dense([values_of(each) for each in tensors])
        moved = [each.indices + (np.arange(each.sparse_dim) == dim)[:, None] * start for each, start in zip(own, starts, strict=False)]
    else:
        widened = [_within(values_of(x), dim - first.sparse_dim + 1, start, total) for x, start in zip(tensors, starts, strict=False)]
        values, moved = cat_dense(widened), [each.indices for each in own]
    return _placed("CatBackward0", values, np.concatenate(moved, 1), shape, False)


def _within(values: Any, dim: int, start: int, total: int) -> Any:
    """The values with zeros around them along a dimension."""
    before, after = list(values.shape), list(values.shape)
    before[dim], after[dim] = int(start), int(total - start - values.shape[dim])
    return cat_dense([values.new_zeros(before), values, values.new_zeros(after)], dim)


@takes_sparse("stack")
def stack(tensors: Any, dim: int = 0) -> Any:
    """The tensors one beside the other along a new dimension."""
    tensors = _all_sparse(tensors)
    if len({tuple(each.shape) for each in tensors}) > 1:
        raise RuntimeError(located(f"stack expects each tensor to be equal size, but got {[list(each.shape) for each in tensors]}"))
    return under_name("StackBackward0", cat([unsqueeze(each, dim) for each in tensors], dim if dim >= 0 else dim + tensors[0].ndim + 1))


def _dense_only(name: str, message: str) -> None:
    def refuse(input: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(located(f"{message}: call to_dense() first"))

    stands_for(name)(refuse)


for _name, _message in (
    ("reshape", "reshape is not implemented for sparse tensors"),
    ("flatten", "reshape is not implemented for sparse tensors"),
    ("expand", "expand is unsupported for Sparse tensors"),
    ("broadcast_to", "expand is unsupported for Sparse tensors"),
):
    _dense_only(_name, _message)
