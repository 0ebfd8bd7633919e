"""Sorting, selection of the largest, and medians and other order statistics.

Sorting is always stable, as PyTorch's on the CPU is, and nan is the greatest value. Long rows of up to 32-bit elements are
sorted as 64-bit integers made of the element and its index: NumPy's vectorised sort then needs no indirection.
"""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function, kernel
from ...core.lifted import Lifted
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.tensor import Tensor, wrap
from ..destination import deliver
from ..xp import zeros
from .extreme import at_index, evenly

KEYED_FROM = 128  # rows at least this long are sorted by keys
FEW = 8  # elements that are looked for one by one


def order(x, descending=False):
    """The indices that sort `x` along its last dimension, equal elements in their order."""
    if x.dtype.kind == "V":  # NumPy puts bfloat16's nan anywhere
        x = x.astype(np.float32)
    if x.dtype.itemsize <= 4 and x.dtype.kind in "biuf" and x.shape[-1] >= KEYED_FROM:
        return (np.sort(keys(x, descending), axis=-1) & 0xFFFFFFFF).astype(np.int64)
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


def keys(x, descending):
    """Unsigned integers that sort as (element, index) do."""
    if x.dtype.kind == "f":
        bits = np.where(x == x, x.astype(np.float32) + np.float32(0), np.float32(np.nan)).view(np.int32)
        bits ^= (bits >> 31) & 0x7FFFFFFF
    else:
        bits = x.astype(np.int64)
    rank = bits.astype(np.int64) + 2**31 if x.dtype.kind in "fi" else bits
    if descending:
        rank = 0xFFFFFFFF - rank
    return (rank.astype(np.uint64) << np.uint64(32)) | np.arange(x.shape[-1], dtype=np.uint64)


def one_by_one(rows, k, largest):
    """The indices of the `k` largest (or smallest) elements of each row, found one after the other; None if that is not the way."""
    if rows.dtype.kind not in "iuf" or rows.dtype.itemsize < 4 or not rows.size:
        return None
    least = -np.inf if rows.dtype.kind == "f" else np.iinfo(rows.dtype).min
    most = np.inf if rows.dtype.kind == "f" else np.iinfo(rows.dtype).max
    gone, choose = (least, np.argmax) if largest else (most, np.argmin)
    left = np.array(rows, order="C").reshape(-1, rows.shape[-1])
    line, starts = left.reshape(-1), np.arange(0, left.size, left.shape[-1])
    found = np.empty((len(left), k), np.int64)
    for i in range(k):
        found[:, i] = choose(left, axis=-1)
        places = starts + found[:, i]
        values = line[places]
        if (values == gone).any() or (not largest and (values != values).any()):
            return None  # what was found before is no longer told from others; the least one for NumPy is nan
        line[places] = gone
    return found.reshape(*rows.shape[:-1], k)


def taken(rows, indices):
    """The elements of each row at its own indices: NumPy's take_along_axis for the last dimension, in a fraction of the time."""
    if rows.ndim == 1:
        return rows[indices]
    n = rows.shape[-1]
    if not rows.size:
        return np.take_along_axis(rows, indices, -1)
    return rows.reshape(-1).take(indices + np.arange(0, rows.size, n).reshape(*rows.shape[:-1], 1))


def along_last(compute, x, dim):
    """What `compute` gives for `x` with `dim` moved to the end, moved back; scalars count as rows of one element."""
    if not x.ndim:
        one_dim(dim, 0)
        return tuple(r.reshape(()) for r in compute(x.reshape(1)))
    one_dim(dim, x.ndim)
    if dim in (-1, x.ndim - 1):
        return compute(x)
    return tuple(np.ascontiguousarray(np.swapaxes(r, dim, -1)) for r in compute(np.swapaxes(x, dim, -1)))


def sort_forward(x, dim, descending):
    def compute(rows):
        indices = order(rows, descending)
        return taken(rows, indices), indices

    return along_last(compute, x, dim)


@composite(wide="rules", places="", samples=[((3, 2), lambda rng: np.array([[0, 3], [2, 1], [3, 0]]), 1, 4)])
def placed_at(x, indices, /, dim, size):
    """Zeros with `size` elements along `dim`, with those of `x` put at `indices`, which are distinct."""
    shape = list(x.shape)
    shape[dim] = size
    out = zeros(x, shape)
    np.put_along_axis(out, indices, x, dim)
    return out


@placed_at.grad("x")
def _(g, indices, dim):
    return np.take_along_axis(g, indices, dim)


def back_along(g, indices, x_shape, dim):
    """The gradient of what was taken from distinct `indices` along `dim`."""
    return placed_at(g, indices, dim, x_shape[dim]) if x_shape else np.reshape(g, ())


@kernel(
    real=True,
    layout="like",
    name="sort",
    places="",
    outputs=("values", "indices"),
    out=True,
    samples=[((3, 4), -1, False), ((2, 3, 4), 1, True), ((), 0, False), ((0, 3), 1, True)],
)
def sorted_along(x, /, dim, descending):
    """The elements along `dim` in order, and where they were."""
    return sort_forward(x, dim, descending)


@sorted_along.grad("x")
def _(g, indices, x_shape, dim):
    return back_along(g, indices, x_shape, dim)


@function()
def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """The elements along `dim` in ascending (or descending) order, and their indices; equal ones in their order if `stable`.

    Args:
        dim: the dimension along which they are sorted.
        descending: whether the largest come first.
        stable: whether equal ones keep their order.

    Shape: values and indices have that of `input`.

    >>> torch.tensor([3, 1, 2]).sort(descending=True).indices
    tensor([0, 2, 1])
    """
    return sorted_along(input, dim, bool(descending), out=out)


@kernel(real=True, out=True, layout="like")
def argsort(x, /, dim=-1, descending=False, stable=False):
    """The indices that sort the elements along `dim`.

    Args:
        descending: whether the largest come first.
        stable: whether equal ones keep their order.

    Shape: that of `input`.

    >>> torch.tensor([3, 1, 2]).argsort()
    tensor([1, 2, 0])
    """
    return along_last(lambda rows: (order(rows, descending),), x, dim)[0]


@function()
def msort(input, *, out=None):
    """The rows of a tensor sorted along its first dimension."""
    return deliver(sort(input, 0).values, out)


@kernel(real=True, outputs=("values", "indices"), out=True, samples=[((3, 4), 2), ((2, 5, 3), 2, 1, False), ((), 1), ((3, 4), 4)])
def topk(x, /, k, dim=-1, largest=True, sorted=True):
    """The `k` largest (or smallest) elements along `dim`, in order, and their indices.

    Args:
        k: how many.
        dim: the dimension along which they are looked for.
        largest: False for the smallest.
        sorted: whether they are in order; they are in any case.

    Shape: values and indices have that of `input`, with size k along `dim`.

    Raises:
        RuntimeError: there are fewer than `k`.

    >>> torch.tensor([3, 1, 4, 1, 5]).topk(2).values
    tensor([5, 4])
    """
    dim = one_dim(dim, x.ndim)
    if not 0 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if not x.ndim:
        return np.copy(x), np.zeros((), np.int64)  # itself, also for k of 0

    def compute(rows):
        n = rows.shape[-1]
        indices = one_by_one(rows, k, largest) if 8 * k < n and 0 < k <= FEW else None
        if indices is not None:
            return taken(rows, indices), indices
        if 8 * k < n and n >= KEYED_FROM and rows.dtype.itemsize <= 4 and rows.dtype.kind in "biuf":
            ranked = np.sort(np.partition(keys(rows, largest), k, axis=-1)[..., :k], axis=-1)
            indices = (ranked & 0xFFFFFFFF).astype(np.int64)
        else:
            indices = np.ascontiguousarray(order(rows, largest)[..., :k])
        return taken(rows, indices), indices

    return along_last(compute, x, dim)


@topk.grad("x")
def _(g, indices, x_shape, dim):
    return back_along(g, indices, x_shape, dim)


# Order statistics


def chosen(x, dim, keepdim, choose):
    """The element at place `choose(sorted rows)` of each row along `dim`, and its index."""

    def compute(rows):
        indices = order(rows)
        ranked = taken(rows, indices)
        place = choose(ranked)
        return taken(ranked, place), taken(indices, place)

    if x.ndim and not x.shape[dim]:
        raise IndexError(f"Expected reduction dim {dim} to have non-zero size.")
    values, indices = along_last(compute, x, dim)
    return (values, indices) if keepdim or not x.ndim else (np.squeeze(values, dim), np.squeeze(indices, dim))


def at_place(place):
    """For `chosen`: always the same place."""
    return lambda ranked: np.full((*ranked.shape[:-1], 1), place)


def middle(ranked):
    """For `chosen`: the lower median, or the first nan."""
    n, present = ranked.shape[-1], _present(ranked)
    return np.where(present < n, present, (n - 1) // 2)


def middle_number(ranked):
    """For `chosen`: the lower median of what is not nan."""
    return np.maximum(_present(ranked) - 1, 0) // 2


def _present(ranked):
    """How many elements of each row are not nan."""
    return np.add.reduce(ranked == ranked, axis=-1, keepdims=True)


@kernel(real=True, out="own", samples=[((3, 5), 2), ((3, 4), 1, 0, True), ((), 1)], outputs=("values", "indices"))
def kthvalue(x, /, k, dim=-1, keepdim=False):
    """The `k`-th smallest element along `dim` (counted from 1) and its index."""
    if x.ndim and not x.shape[dim]:
        raise IndexError(f"Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= (x.shape[dim] if x.ndim else 1):
        raise RuntimeError("selected number k out of range for dimension")
    return chosen(x, dim, keepdim, at_place(k - 1))


@kthvalue.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


MEDIANS = [((3, 5), -1), ((3, 4), 0, True), ((), 0)]


@kernel(real=True, name="median", node="MedianBackward1", places="", out=True, samples=MEDIANS, outputs=("values", "indices"))
def median_along(x, /, dim, keepdim=False):
    """The median along `dim`, the lower of two, and its index; nan if there is one."""
    return chosen(x, dim, keepdim, middle)


@median_along.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


@kernel(real=True, name="nanmedian", node="NanmedianBackward1", places="", out=True, samples=MEDIANS, outputs=("values", "indices"))
def nanmedian_along(x, /, dim, keepdim=False):
    """The median along `dim` of what is not nan, the lower of two, and its index."""
    return chosen(x, dim, keepdim, middle_number)


@nanmedian_along.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


@kernel(called="median", real=True, places="", node="MedianBackward0", samples=[((3, 4),), ((),)])
def median_of_all(x, /):
    """The median of all elements."""
    return chosen(x.reshape(-1), 0, False, middle)[0] if x.size else np.full((), math.nan).astype(x.dtype)


@median_of_all.grad("x")
def _(g, x, out):
    return evenly(g, x, out)


@kernel(called="nanmedian", real=True, places="", node="NanmedianBackward0", samples=[((3, 4),), ((),)])
def nanmedian_of_all(x, /):
    """The median of all elements that are not nan."""
    return chosen(x.reshape(-1), 0, False, middle_number)[0] if x.size else np.full((), math.nan).astype(x.dtype)


@nanmedian_of_all.grad("x")
def _(g, x, out):
    return evenly(g, x, out)


@function()
def median(input, dim=None, keepdim=False, *, out=None):
    """The median of all elements, or values and indices along `dim`; of an even number the lower one."""
    return median_of_all(input) if dim is None else median_along(input, dim, keepdim, out=out)


@function()
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The median of the elements that are not nan, or values and indices along `dim`."""
    return nanmedian_of_all(input) if dim is None else nanmedian_along(input, dim, keepdim, out=out)


@kernel(real=True, out=True, samples=MEDIANS, outputs=("values", "indices"))
def mode(x, /, dim=-1, keepdim=False):
    """The most frequent element along `dim`, the smallest of several, and its last index."""

    def most_frequent(ranked):
        n = ranked.shape[-1]
        here = np.arange(n)
        starts = np.concatenate([np.ones((*ranked.shape[:-1], 1), bool), ranked[..., 1:] != ranked[..., :-1]], -1)
        run = here - np.maximum.accumulate(np.where(starts, here, 0), axis=-1)
        first = np.argmax(run, axis=-1, keepdims=True)
        return first

    return chosen(x, dim, keepdim, most_frequent)


@mode.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@function()
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The `q`-quantiles along `dim` (of all elements if None); a 1-d `q` adds a dimension in front."""
    return deliver(_quantile(input, q, dim, keepdim, interpolation, skip_nan=False), out)


@function()
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The `q`-quantiles along `dim` of the elements that are not nan."""
    return deliver(_quantile(input, q, dim, keepdim, interpolation, skip_nan=True), out)


def _quantile(input, q, dim, keepdim, interpolation, skip_nan):
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(located(f"interpolation must be one of {', '.join(INTERPOLATIONS)}, got {interpolation}"))
    if not input.numel():
        raise RuntimeError(located("quantile() input tensor must be non-empty"))
    fractions = np.asarray(q if isinstance(q, (int, float)) else q.detach(), input._array.dtype)
    if fractions.ndim > 1 or not ((fractions >= 0) & (fractions <= 1)).all():
        raise RuntimeError(located("quantile() q must be a scalar or 1D tensor with values in the range [0, 1]"))
    ndim = input.ndim
    dim = None if dim is None else one_dim(dim, ndim)
    rows = input.reshape(-1) if dim is None else np.moveaxis(input, dim, -1) if ndim else input.reshape(1)
    ranked = sort(rows, -1).values
    array = ranked._array
    present = _present(array)
    last = present - 1 if skip_nan else np.where(present < array.shape[-1], np.nan, array.shape[-1] - 1)
    place = last * fractions.reshape(-1)  # (..., 1) by (Q,)
    unknown = np.isnan(place)
    place = np.where(unknown, array.shape[-1] - 1, np.maximum(place, 0)).astype(array.dtype)
    if interpolation in ("lower", "higher", "nearest"):
        pick = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}[interpolation]
        result = np.take_along_axis(ranked, pick(place).astype(np.int64), -1)
    else:
        below = np.floor(place)
        low = np.take_along_axis(ranked, below.astype(np.int64), -1)
        high = np.take_along_axis(ranked, np.ceil(place).astype(np.int64), -1)
        weight = wrap(place - below)
        if isinstance(q, Tensor) and (q.requires_grad or isinstance(q._array, Lifted)):
            weight = np.where(unknown, 0, wrap(last.astype(array.dtype)) * q.reshape(-1) - wrap(below))
        result = low.lerp(high, 0.5 if interpolation == "midpoint" else weight)
    return _arranged(result, fractions.ndim, dim, keepdim, ndim)


def _arranged(result, q_ndim, dim, keepdim, ndim):
    """Quantiles with their q in front, and the reduced dimension back if it is to be kept."""
    result = np.moveaxis(result, -1, 0)
    if keepdim and ndim:
        result = result.reshape(-1, *(1,) * ndim) if dim is None else result.unsqueeze(dim + 1)
    return result if q_ndim else result[0]
