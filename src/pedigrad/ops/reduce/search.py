"""Unique elements, places in sorted sequences, histograms."""

from __future__ import annotations

import functools

import numpy as np

from ...core import meta, modes
from ...core.declare import function, kernel
from ...core.dtypes import float32, float64
from ...core.origin import located
from ...core.shapes import all_dims, as_int
from ...core.tensor import Tensor, constant, read, wrap
from ..destination import deliver


@kernel(real=True, name="unique", places="", outputs=None)
def distinct(x, /, dim):
    """Distinct elements (or slices along `dim`) in order, for each element its place among them, and how often each occurs."""
    if dim is None:
        values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
    else:
        if x.shape[dim] == 0:
            return np.array(x), np.zeros(0, np.int64), np.zeros(0, np.int64)
        values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim)
    return values, inverse.reshape(x.shape if dim is None else -1), counts


@kernel(real=True, name="unique_consecutive", places="", outputs=None)
def distinct_runs(x, /, dim):
    """The first of each run of equal elements (or slices along `dim`), each element's run, and the lengths of the runs."""
    if hasattr(x, "_trace"):
        raise modes.ShapedByValues("the elements decide what shape unique_consecutive() gives")
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, dim, 0)
    n = len(rows)
    if n and not rows.size:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    fresh = np.ones(n, bool)
    fresh[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim))) if n else False
    starts = np.flatnonzero(fresh)
    inverse, counts = np.cumsum(fresh) - 1, np.diff(np.append(starts, n))
    values = rows[starts]
    return (values, inverse.reshape(x.shape), counts) if dim is None else (np.moveaxis(values, 0, dim), inverse, counts)


def _asked(results, return_inverse, return_counts):
    values, inverse, counts = results
    asked = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return asked if len(asked) > 1 else values


@function()
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements in order; also each element's place among them and how often each occurs, if asked for.

    Args:
        sorted: ignored: they are always in order.
        return_inverse: whether each element's place among them is returned.
        return_counts: whether their numbers are.
        dim: the dimension whose slices are compared; the elements of all if it is left out.

    Shape: (n,); along `dim` that of `input` with size n.

    >>> torch.tensor([3, 1, 3]).unique(return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _asked(distinct(input, dim), return_inverse, return_counts)


@function()
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements without those equal to their predecessor; also each one's run and the runs' lengths, if asked."""
    return _asked(distinct_runs(input, dim), return_inverse, return_counts)


@kernel(real=True, name="searchsorted", places="")
def places_in(sequence, values, sorter=None, /, side="left", out_int32=False):
    """Where `values` would go in the rows of `sequence`, (..., N) or (N,), to keep them sorted."""
    result = np.int32 if out_int32 else np.int64
    if sequence.ndim == 1:
        return np.searchsorted(sequence, values, side=side, sorter=sorter).astype(result)
    if sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError("boundaries tensor should be 1 dimension or the first N-1 dimensions of it and of the values must match")
    if not values.size:
        return np.zeros(values.shape, result)
    rows, wanted = sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1])
    orders = [None] * len(rows) if sorter is None else sorter.reshape(rows.shape)
    found = [np.searchsorted(row, v, side=side, sorter=o) for row, v, o in zip(rows, wanted, orders, strict=True)]
    return np.array(found, result).reshape(values.shape)


def _as_values(values, sequence):
    if isinstance(values, Tensor):
        return values
    return constant(np.asarray(values, sequence._array.dtype if not isinstance(values, float) else np.float64))


@function()
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """The indices where `input` would have to be put into the rows of `sorted_sequence` to keep them sorted.

    Args:
        sorted_sequence: numbers in ascending order along the last dimension.
        input: the numbers that are looked for.
        out_int32: whether the result is int32 instead of int64.
        right: whether equal numbers are to the left of the place.
        side: "left" or "right": the same in words.
        sorter: the indices that sort `sorted_sequence`, if it is not in order.

    Shape: that of `input`.

    Raises:
        RuntimeError: the leading sizes differ.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise RuntimeError(located("side can only be 'left' or 'right', and must agree with right"))
    side = "right" if right else side or "left"
    return deliver(places_in(sorted_sequence, _as_values(input, sorted_sequence), sorter, side, out_int32), out)


@function()
def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The number of the interval between `boundaries` that each element lies in; `right` says which end is closed."""
    if boundaries.ndim != 1:
        raise RuntimeError(located(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})"))
    found = places_in(boundaries, _as_values(input, boundaries), None, "right" if right else "left", out_int32)
    return deliver(found, out)


@kernel(name="isin", places="")
def is_among(x, y, /, invert):
    """Whether each element of `x` occurs in `y`, or does not."""
    return np.isin(x, y, invert=invert)


@function("torch", takes={"element": "elements", "test_element": "test_elements"})
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each element occurs among the test elements; one of the two may be a number."""
    if not isinstance(elements, Tensor):
        elements = constant(np.asarray(elements, test_elements._array.dtype if isinstance(elements, int) else None))
    if not isinstance(test_elements, Tensor):
        test_elements = constant(np.asarray(test_elements))
    return deliver(is_among(elements, test_elements, bool(invert)), out)


@kernel
def bincount(x, weights=None, /, minlength=0):
    """How often each integer from 0 on occurs; with `weights`, the sum of their weights."""
    if x.ndim != 1 or x.dtype.kind not in "iu" or (x.size and x.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    counts = np.bincount(x, weights, minlength)
    return counts if weights is None or weights.dtype != np.float32 else counts.astype(np.float32)


def _even_edges(name, x, count, low, high, widen):
    """The edges of `count` equal intervals in the dtype of `x`, from the least to the largest element if no ends are given."""
    kind = x.dtype.type
    if low is None:
        low, high = (x.min(), x.max()) if x.size else (kind(0), kind(1))
    low, high = kind(low), kind(high)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"torch.{name}: range of [{float(low):g}, {float(high):g}] is not finite")
    low, high = (low, high) if low != high else (kind(low - kind(widen)), kind(high + kind(widen)))
    with np.errstate(all="ignore"):
        step, numbers = (high - low) / kind(count), np.arange(count + 1)
        left = numbers < (count + 1) // 2  # each half from its own end
        return np.where(left, low + step * numbers.astype(x.dtype), high - step * (count - numbers).astype(x.dtype))


def _bins(x, edges):
    """The bin of each element, which may be one off where edges are rounded, and which elements lie in the range."""
    low, high = edges[0], edges[-1]
    with np.errstate(all="ignore"):
        inside = (x >= low) & (x <= high)  # nan does not
        number = (x - low) * x.dtype.type(len(edges) - 1) / (high - low)
        return np.where(inside & np.isfinite(number), number, 0).astype(np.int64), inside


def after(edges, x, first, last):
    """How many of `edges` a binary search from `first` to `last` finds not above each element, in whatever order they are."""
    first, count = np.broadcast_to(first, x.shape).copy(), np.broadcast_to(last - first, x.shape).copy()
    while (count > 0).any():
        half = count >> 1
        above = (x < edges[np.minimum(first + half, len(edges) - 1)]) | (count == 0)
        first = np.where(above, first, first + half + 1)
        count = np.where(above, half, count - half - 1)
    return first


def _counted(bins, inside, count, weight, dtype):
    """How many elements, or what weight, are in each bin."""
    out = np.zeros(count, np.float64)
    np.add.at(out, np.minimum(bins[inside], count - 1), 1.0 if weight is None else weight[inside])
    return out.astype(dtype)


@kernel(real=True, out=True)
def histc(x, /, bins=100, min=0, max=0):
    """How many elements lie in each of `bins` equal intervals from `min` to `max` (of the elements, if both are equal)."""
    if x.dtype.kind in "biu":
        raise RuntimeError(f'"histogram_cpu" not implemented for {x.dtype.name}')
    count = as_int(bins)
    if count <= 0:
        raise RuntimeError(f"torch.histc(): bins must be > 0, but got {count}")
    if min > max:
        raise RuntimeError("torch.histc: max must be larger than min")
    edges = _even_edges("histc", x, count, *((None, None) if min == max and x.size else (min, max)), 1)
    return _counted(*_bins(x, edges), count, None, x.dtype)


@kernel(name="histogram", places="", outputs=("hist", "bin_edges"), out=True)
def histogram_of(x, edges, weight, /, bins, range, density):
    """A histogram and its edges, in the dtype of `x`: `edges`, or `bins` equal intervals in `range`."""
    if edges is None:
        edges = _even_edges("histogram", x, bins, *(range or (None, None)), 0.5)
        near, inside = _bins(x, edges)
        found = after(edges, x, np.maximum(near - 1, 0), np.minimum(near + 2, len(edges))) - 1
    else:
        inside = (x >= edges[0]) & (x <= edges[-1])
        found = after(edges, x, 0, len(edges)) - 1
    hist = _counted(np.maximum(found, 0), inside, len(edges) - 1, weight, np.float64)
    if density:
        hist = hist / hist.sum() / np.diff(edges.astype(np.float64))
    return hist.astype(x.dtype), np.array(edges)


@function()
def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements (or what weight) lie between the bin edges, and those edges."""
    if input.dtype not in (float32, float64):
        raise NotImplementedError(located(f"histogram() is not implemented for {input.dtype}: use float32 or float64"))
    for name, other in (("bins", bins), ("weight", weight)):
        if isinstance(other, Tensor) and other.dtype is not input.dtype:
            message = f"input tensor and {name} tensor should have the same dtype, but got {input.dtype} and {other.dtype}"
            raise RuntimeError(located(f"torch.histogram: {message}"))
    if weight is not None and weight.shape != input.shape:
        message = f"weight tensor should have the same shape as the input tensor, but got {weight.shape} and {input.shape}"
        raise RuntimeError(located(f"torch.histogram: {message}"))
    edges = bins.detach() if isinstance(bins, Tensor) else None
    if edges is not None and edges.ndim != 1:
        raise RuntimeError(located(f"torch.histogram: bins tensor should have one dimension, but got {edges.ndim} dimensions"))
    count = as_int(bins) if edges is None else edges.shape[0] - 1
    if count <= 0:
        raise RuntimeError(located(f"torch.histogram(): bins must be > 0, but got {count}"))
    if range is not None and range[0] > range[1]:
        raise RuntimeError(located(f"torch.histogram: min should not exceed max, but got min {range[0]} max {range[1]}"))
    return histogram_of(input, edges, weight, count, range, bool(density), out=out)


@function("torch")
def histogramdd(input, bins, range=None, weight=None, density=False):
    """A histogram of points, one per row of `input`, and the list of its edges in every dimension."""
    points = input.detach().numpy()
    points = points.reshape(-1, points.shape[-1])
    weights = None if weight is None else weight.detach().numpy().reshape(-1)
    if isinstance(bins, (tuple, list)) and len(bins) != points.shape[1]:
        raise RuntimeError(located(f"histogramdd: bins must be given for each of {points.shape[1]} dimensions, but got {len(bins)}"))
    if isinstance(bins, (tuple, list)) and isinstance(bins[0], Tensor):
        edges = [b.detach().numpy() for b in bins]
        hist = _points_counted(points, edges, weights)
        if density:
            volumes = functools.reduce(np.multiply.outer, [np.diff(e) for e in edges])
            hist = hist / (hist.sum() * volumes)
    else:
        pairs = None if range is None else list(zip(range[::2], range[1::2], strict=True))
        hist, edges = np.histogramdd(points, bins, pairs, density, weights)
    return wrap(hist.astype(points.dtype)), tuple(wrap(e.astype(points.dtype, copy=False)) for e in edges)


def _points_counted(points, edges, weights):
    """How many points, or what weight, lie between given edges; of those that do not rise, where a search by halves ends."""
    inside = np.ones(len(points), bool)
    at = []
    for x, edge in zip(points.T, edges, strict=True):
        inside &= (x >= edge[0]) & (x <= edge[-1])
        low, count = np.zeros(len(x), np.int64), np.full(len(x), len(edge))
        while (count > 0).any():
            half = count // 2
            right = (count > 0) & ~(x < edge[np.minimum(low + half, len(edge) - 1)])
            low, count = np.where(right, low + half + 1, low), np.where(right, count - half - 1, half)
        at.append(np.minimum(low - 1, len(edge) - 2))
    hist = np.zeros([len(e) - 1 for e in edges], points.dtype)
    np.add.at(hist, tuple(a[inside] for a in at), 1 if weights is None else weights[inside])
    return hist


@function("torch")
def vander(x, N=None, increasing=False):
    """The powers of the elements of `x`, one per column, from the highest (or lowest) on."""
    if x.ndim != 1:
        raise RuntimeError(located("x must be a one-dimensional tensor."))
    n = x.numel() if N is None else N
    powers = constant(np.arange(n) if increasing else np.arange(n)[::-1])
    return np.expand_dims(x, -1) ** powers


@function(name="hash_tensor")
def hash_tensor(input, dim=(), *, keepdim=False, mode=0, out=None):
    """The exclusive or of the 64 bits of each element along `dim`: floats as float64, integers as int64; uint64."""
    if mode != 0:
        raise RuntimeError(located(f"hash_tensor: mode must be 0, the exclusive or, got {mode}"))
    if input.is_complex():
        raise NotImplementedError(located(f"hash_tensor is not implemented for {input.dtype}"))
    dims = all_dims(dim, input.ndim)
    if not input.numel() and (dim is None or dim == ()):
        raise RuntimeError(located("hash_tensor: Expected reduction dim to be specified for input.numel() == 0."))
    read(input._array, "hash_tensor()")
    wide = np.array(input._array, np.float64 if input.is_floating_point() else np.int64).view(np.uint64)
    found = np.asarray(np.bitwise_xor.reduce(wide, axis=dims, keepdims=keepdim))
    return deliver(wrap(meta.following(found, input._array)), out)
