"""Running sums, products, maxima; differences and integrals along a dimension."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function, kernel
from ...core.dtypes import get_default_dtype
from ...core.origin import located
from ...core.quiet import astype
from ...core.shapes import one_dim
from ..destination import deliver
from ..xp import cast, in_double
from .sums import converted, shifted_in

BLOCK = 1 << 15  # elements
TOGETHER = 256  # elements at one place along the dimension, from which on these are taken together
ALONG = [((3, 4), 0), ((2, 3, 4), -1), ((), 0), ((0, 3), 0)]


def accumulate(ufunc, x, dim, dtype=None):
    """`ufunc` over all elements up to each along `dim`, integers in int64."""
    if dtype is not None and x.dtype.kind == "b":
        raise NotImplementedError(f'"{ufunc.__name__}" up to each element is not implemented for bool')
    if not x.ndim:
        one_dim(dim, 0)
        return astype(x, np.dtype(np.int64)) if x.dtype.kind in "biu" else np.copy(x)
    if x.dtype.kind in "biu":
        return ufunc.accumulate(x, axis=dim, dtype=np.int64)
    return running(ufunc, x, dim)


def running(ufunc, x, dim):
    """`ufunc` accumulated along `dim` in float64, since what is added up one by one loses digits; in the dtype of `x`."""
    wide = np.complex128 if x.dtype.kind == "c" else np.float64
    if x.__class__ is not np.ndarray or x.size < BLOCK or x.ndim == 1 or x.dtype == wide:
        return cast(_up_to(ufunc, x, dim, wide), x.dtype)
    if dim not in (-1, x.ndim - 1) and x.size >= TOGETHER * x.shape[dim]:
        return _slice_by_slice(ufunc, x, dim, wide)
    out = np.empty_like(x)
    along = 1 if dim in (0, -x.ndim) else 0
    of = max(1, BLOCK * x.shape[along] // x.size)
    for start in range(0, x.shape[along], of):  # a part at a time: what is wide stays in the cache
        part = (slice(None),) * along + (slice(start, start + of),)
        out[part] = _up_to(ufunc, x[part], dim, wide)
    return out


def _slice_by_slice(ufunc, x, dim, dtype):
    """The same, all that is at one place along `dim` together: NumPy goes along memory then."""
    out = np.empty_like(x)
    given, into = np.moveaxis(x, dim, 0), np.moveaxis(out, dim, 0)
    so_far = given[0].astype(dtype)
    if ufunc is np.add:
        so_far += 0
    into[0] = so_far
    for i in range(1, len(given)):
        ufunc(so_far, given[i], out=so_far)
        into[i] = so_far
    return out


def _up_to(ufunc, x, dim, dtype):
    """`ufunc` accumulated along `dim` in `dtype`; sums begin with 0, so that of -0 is 0."""
    out = ufunc.accumulate(x, axis=dim, dtype=dtype)
    if ufunc is not np.add:
        return out
    return np.add(out, 0, out=out) if out.__class__ is np.ndarray else out + 0


@composite(inplace=True, out=True, samples=ALONG)
def cumsum(x, /, dim, *, dtype=None):
    """Sum of all elements up to and with each along `dim`.

    Args:
        dim: the dimension along which they are added up.
        dtype: what the elements are converted to first.

    Shape: that of `input`.

    >>> torch.tensor([1, 2, 3]).cumsum(0)
    tensor([1, 3, 6])
    """
    x = converted(x, dtype)
    out = accumulate(np.add, x, dim, dtype)
    return out if dtype is None or x.dtype.kind not in "biu" else astype(out, x.dtype)


@cumsum.grad("x")
def _(g, dim):
    return np.flip(cumsum(np.flip(g, (dim,)), dim), (dim,)) if g.ndim else g


def _with_zeros(rng):
    values = rng.uniform(0.5, 2, (3, 4))
    values[1, 2] = values[2, 0] = values[2, 2] = 0
    return values


@composite(inplace=True, out=True, samples=[*ALONG, (_with_zeros, 1)])
def cumprod(x, /, dim, *, dtype=None):
    """Product of all elements up to and with each along `dim`."""
    x = converted(x, dtype)
    out = accumulate(np.multiply, x, dim, dtype)
    return out if dtype is None or x.dtype.kind not in "biu" else astype(out, x.dtype)


@cumprod.grad("x")
def _(g, x, dim):
    if not x.ndim or not x.size:
        return g
    x = np.swapaxes(np.conj(x), dim, -1)
    after = shifted_out(x)  # the gradient of x[k] is its left product times g[k] + x[k+1] (g[k+1] + x[k+2] (...))
    return np.swapaxes(cumprod(shifted_in(x), -1) * recurrence(np.swapaxes(g, dim, -1), after), dim, -1)


def shifted_out(x):
    """`x` moved back by one along its last dimension, a zero coming in."""
    return np.concatenate([x[..., 1:], np.zeros_like(x[..., :1])], -1)


@composite(places="", samples=[((3, 4), (3, 4)), ((1,), (1,))])
def recurrence(x, factor, /):
    """From the last element on: `out[k] = x[k] + factor[k] * out[k + 1]` along the last dimension."""
    out = np.array(in_double(x))
    rows, factors = np.moveaxis(out, -1, 0), np.moveaxis(factor, -1, 0)
    for k in range(len(rows) - 2, -1, -1):
        rows[k] += factors[k] * rows[k + 1]
    return cast(out, x.dtype)


@recurrence.grad("x", "factor")
def _(g, factor, out):
    back = np.flip(np.conj(factor), (-1,))
    arrived = np.flip(recurrence(np.flip(g, (-1,)), shifted_out(back)), (-1,))
    return arrived, arrived * np.conj(shifted_out(out))


@kernel(real=True, outputs=("values", "indices"), out=True, samples=ALONG[:3])
def cummax(x, /, dim):
    """The largest element so far along `dim` and its index, the last of equal ones."""
    return _running(np.maximum, x, dim)


@kernel(real=True, outputs=("values", "indices"), out=True, samples=ALONG[:3])
def cummin(x, /, dim):
    """The smallest element so far along `dim` and its index, the last of equal ones."""
    return _running(np.minimum, x, dim)


def _running(ufunc, x, dim):
    if not x.ndim:
        one_dim(dim, 0)
        return np.copy(x), np.zeros((), np.int64)
    values = ufunc.accumulate(x, axis=dim)
    here = np.arange(x.shape[dim]).reshape([-1 if d == dim % x.ndim else 1 for d in range(x.ndim)])
    best = (x == values) | (x != x)
    return values, np.maximum.accumulate(np.where(best, here, 0), axis=dim)


@cummax.grad("x")
def _(g, indices, dim):
    return added_at(g, indices, dim) if g.ndim else g


@cummin.grad("x")
def _(g, indices, dim):
    return added_at(g, indices, dim) if g.ndim else g


@composite(places="", samples=[((3, 2), lambda rng: np.array([[0, 1], [0, 1], [2, 1]]), 0)])
def added_at(x, indices, /, dim):
    """Zeros like `x` to which each element is added at its index along `dim`."""
    out = np.zeros_like(x)
    places = list(np.ogrid[tuple(slice(n) for n in x.shape)])
    places[dim] = indices
    np.add.at(out, tuple(places), x)
    return out


@added_at.grad("x")
def _(g, indices, dim):
    return np.take_along_axis(g, indices, dim)


@composite(samples=ALONG[:3], out=True)
def logcumsumexp(x, /, dim):
    """Logarithm of the sum of the exponentials of all elements up to and with each along `dim`."""
    if not x.ndim:
        one_dim(dim, 0)
        return np.copy(x)
    if x.dtype.kind == "c":
        return _complex_logcumsumexp(x, dim)
    return running(np.logaddexp, x, dim)


def _complex_logcumsumexp(x, dim):
    """The same for complex numbers, which NumPy's logaddexp does not take."""
    steps = list(np.moveaxis(x, dim, 0))
    for k in range(1, len(steps)):
        a, b = steps[k - 1], steps[k]
        low, high = np.where(a.real < b.real, a, b), np.where(a.real < b.real, b, a)
        ratio = np.where(high.real == -math.inf, 0, np.exp(low - np.where(np.isinf(high.real), 0, high)))
        steps[k] = (np.log1p(ratio) + high).astype(x.dtype)
    return np.stack(steps, dim) if steps else np.copy(x)


@logcumsumexp.grad("x")
def _(g, x, out, dim):
    if not x.ndim:
        return g
    x, out, g = np.swapaxes(x, dim, -1), np.swapaxes(out, dim, -1), np.swapaxes(g, dim, -1)
    none = (np.real(out) if out.dtype.kind == "c" else out) == -math.inf
    finite = np.where(none, 0, np.conj(out))
    x = np.conj(x)
    following = np.concatenate([finite[..., 1:], finite[..., -1:]], -1)
    endless = (np.abs(finite) == math.inf) & (finite == following)  # what comes before an infinity has no share in what follows
    ratio = np.where(endless, 0, np.exp(np.where(none | endless, 0, finite - following)))
    return np.swapaxes(np.exp(x - finite) * recurrence(g, ratio), dim, -1)


@composite(places="", layout="like", samples=[((3, 4), 0), ((2, 3), -1)])
def difference(x, /, dim):
    """Each element's difference from its predecessor along `dim`; whether it differs, for booleans."""
    return np.diff(x, axis=dim)


@difference.grad("x")
def _(g, dim):
    edge = np.zeros(_one_wide(g, dim), np.dtype(g.dtype.name))
    return -difference(np.concatenate([edge, g, edge], dim), dim)


@function()
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The `n`-th difference of neighbours along `dim`, with `prepend` and `append` put before and after."""
    if not input.ndim:
        raise RuntimeError(located("diff expects input to be at least one-dimensional"))
    dim = one_dim(dim, input.ndim)
    if n < 0:
        raise RuntimeError(located(f"order must be non-negative but got {n}"))
    if n == 0:
        return deliver(input.clone(), out)
    parts = [p if p.ndim else p.expand(_one_wide(input, dim)) for p in (prepend, input, append) if p is not None]
    result = np.concatenate(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, result.shape[dim] or 1)):
        result = difference(result, dim)
    return deliver(result, out)


def _one_wide(input, dim):
    """The shape of `input` with size one along `dim`."""
    sizes = list(input.shape)
    sizes[dim] = 1
    return tuple(sizes)


def _areas(y, x, dx, dim):
    """The areas of the trapezia between neighbours along `dim`."""
    at = (slice(None),) * one_dim(dim, y.ndim)
    y, x = (each if each is None or each._array.dtype.kind not in "biu" else each.to(get_default_dtype()) for each in (y, x))
    heights = y[(*at, slice(1, None))] + y[(*at, slice(None, -1))]
    if x is None:
        return heights * ((1 if dx is None else dx) / 2)
    if dx is not None:
        raise TypeError(located("give either x or dx, not both"))
    if x.ndim == 1 and y.ndim > 1:
        x = x.reshape([-1 if d == len(at) else 1 for d in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + tuple(x.shape))
    if x.shape[dim] not in (1, y.shape[dim]):
        raise RuntimeError(located(f"there must be one x value for each y value, got {x.shape[dim]} for {y.shape[dim]}"))
    return heights * difference(x, dim) / 2.0


@function("torch", aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of `y` along `dim` by the trapezoidal rule, at the points `x` or `dx` apart."""
    return _areas(y, x, dx, dim).sum(dim)


@function("torch")
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integrals of `y` along `dim` up to each point, by the trapezoidal rule."""
    return cumsum(_areas(y, x, dx, dim), dim)
