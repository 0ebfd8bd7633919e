"""Sums, means, variances, products and other reductions along dimensions."""

from __future__ import annotations

import math

import numpy as np

from ...core import dtypes
from ...core.declare import function, reduction
from ...core.large import FEW, SEVERAL
from ...core.origin import located, warn
from ...core.quiet import astype
from ...core.shapes import all_dims, as_int, as_shape
from ...eager import native
from ..destination import deliver
from ..xp import broadcast_to, cast, conj, double_total, everywhere, kind_of, less, restore_dims, row_total, total

DIMS = [((3, 4),), ((2, 3, 4), -1), ((2, 3, 4), (0, 2), True), ((), None), ((0, 3), 0)]
FILLED = [((3, 4),), ((2, 3, 4), -1), ((2, 3, 4), (0, 2), True), ((5,), 0)]


def axes(dim, ndim):
    """`dim` as NumPy's reductions take it: None for all dimensions."""
    if not isinstance(dim, (list, tuple)):
        return as_int(dim) if dim is True or dim is False else dim  # `keepdim` in the place of `dim` is refused
    if len(dim) > 1 or not ndim:
        all_dims(dim, ndim)  # refuses what there is not, and what is named twice; of one dim NumPy says it
    return tuple(dim) if dim and ndim else None


def need_elements(x, dim):
    """IndexError if there is nothing to choose from along `dim`."""
    if not x.size:
        if not isinstance(dim, int) and not dim:
            raise RuntimeError("Expected reduction dim to be specified for input.numel() == 0.")
        for d in all_dims(dim, x.ndim):
            if not x.shape[d]:
                raise IndexError(f"Expected reduction dim {d} to have non-zero size.")


def is_narrow(x):
    """Whether `x` has a 16-bit (or shorter) float dtype, which must be accumulated in float32."""
    return x.dtype.itemsize <= 2 and x.dtype.kind in "fV"


def through_float32(compute, x):
    """`compute` on `x` in float32, brought back to the dtype of `x`."""
    out = compute(astype(x, np.dtype(np.float32)))
    narrow = x.dtype
    return astype(out[...], dtypes.to_numpy(narrow) if isinstance(narrow, dtypes.dtype) else narrow)


def converted(x, dtype):
    """`x` in the dtype that a reduction was asked to compute in."""
    return x if dtype is None else astype(x, dtypes.to_numpy(dtype))


def need_float(name, x):
    """RuntimeError for integers and booleans."""
    if x.dtype.kind in "biu":
        raise RuntimeError(f"{name}(): the input dtype must be a floating point or complex dtype, got {x.dtype.name}")


def count(shape, dim):
    """How many elements of a tensor of `shape` go into each result of a reduction along `dim`."""
    return math.prod(shape[d] for d in all_dims(dim, len(shape)))


def drop_dims(out, dim):
    """`out` without the dimensions of size one that a reduction along `dim` has kept."""
    dims = all_dims(dim, out.ndim)
    return np.reshape(out, tuple(n for i, n in enumerate(out.shape) if i not in dims))


def by_dim(name):
    """What PyTorch calls the node of a reduction: it counts those along dimensions apart."""

    def of(node):
        saved = node.saved if isinstance(node.saved, tuple) else ()
        dim = dict(zip(node.op.saves, saved, strict=False)).get("dim", 0 if node.shape else None)
        return f"{name}Backward{0 if dim is None else 1}"

    return of


@reduction(native_from=FEW, samples=DIMS, node=by_dim("Sum"))
def sum(x, /, dim=None, keepdim=False, *, dtype=None):
    """Sum of the elements along `dim`; integers are added up as int64.

    Args:
        input: any tensor.
        dim: the dimension or dimensions to sum over; all if it is left out.
        keepdim: whether they stay, with size 1.
        dtype: the dtype to add up in.

    Shape: that of `input` without the dimensions `dim`, or with size 1 there.

    >>> torch.tensor([[1, 2], [3, 4]]).sum(dim=1)
    tensor([3, 7])
    """
    x = converted(x, dtype)
    dim = axes(dim, x.ndim)
    if x.dtype.kind in "fcV":
        return total(x, dim, keepdim)
    out = np.sum(x, axis=dim, keepdims=keepdim, dtype=np.int64)
    return out if dtype is None else out.astype(x.dtype)


@sum.grad("x")
def _(g, x_shape, dim, keepdim):
    return broadcast_to(restore_dims(g, x_shape, dim, keepdim), x_shape)


@reduction(native_from=FEW, real=True, samples=DIMS)
def nansum(x, /, dim=None, keepdim=False, *, dtype=None):
    """Sum of the elements along `dim` that are not nan."""
    return sum.op.forward(np.where(x == x, x, 0), dim, keepdim, dtype=dtype)


@nansum.grad("x")
def _(g, x, x_shape, dim, keepdim):
    return broadcast_to(restore_dims(g, x_shape, dim, keepdim), x_shape) * (x == x)  # nan where infinity is multiplied


@reduction(native_from=FEW, samples=DIMS, node=by_dim("Mean"))
def mean(x, /, dim=None, keepdim=False, *, dtype=None):
    """Mean of the elements along `dim`; floats only.

    Args:
        dim: the dimension or dimensions; all if it is left out.
        dtype: what the elements are converted to first.

    Shape: that of `input` without the dimensions `dim`, or with size 1 there.

    Raises:
        RuntimeError: for integers; convert them, or give `dtype`.

    >>> torch.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(dim=0, keepdim=True)
    tensor([[2., 3.]])
    """
    x = converted(x, dtype)
    if x.dtype.kind in "biu":
        raise RuntimeError(f"could not infer output dtype: the input must be a float or complex, got {x.dtype.name}")
    s = total(x, axes(dim, x.ndim), keepdim)
    return s / (x.size / s.size if x.size else 0.0) if s.size else s


@mean.grad("x")
def _(g, x_shape, dim, keepdim):
    n = math.prod(x_shape) / (math.prod(g.shape) or 1)
    return broadcast_to(restore_dims(g / n if n else g, x_shape, dim, keepdim), x_shape)


@function()
def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Mean of the elements along `dim` that are not nan."""
    present = sum(input == input, dim, keepdim)
    return deliver(nansum(input, dim, keepdim, dtype=dtype) / present, out)


@reduction(native_from=SEVERAL, name="var", places="", samples=FILLED)
def variance(x, /, dim=None, correction=1, keepdim=False):
    """Mean square distance from the mean along `dim`, over n - correction."""
    need_float("var", x)
    return cast(squared_spread(x, dim, correction, keepdim), kind_of(np.real(x)))


def squared_spread(x, dim, correction, keepdim):
    """The variance of `x` in float64: squares of what is large or near to the mean leave float32."""
    dim = axes(dim, x.ndim)
    squares = native.computed(squared_deviations, (x,), dim, keepdim)
    squares = squared_deviations(x, dim, keepdim) if squares is None else squares
    freedom = (x.size // squares.size if squares.size else 0) - correction
    return squares / (freedom if freedom > 0 else 0.0)


def squared_deviations(x, dim, keepdim):
    """The sum of the squares of the distances from the mean along `dim`, in float64."""
    if x.dtype.itemsize >= 8 and x.size and x.ndim and dim != ():  # there is nothing wider to sum in: of equal elements the variance is 0
        along = range(x.ndim) if dim is None else [d % x.ndim for d in (dim if isinstance(dim, tuple) else (dim,))]
        x = x - x[tuple(slice(1) if d in along else slice(None) for d in range(x.ndim))]
    s = double_total(x, dim, True)
    d = x - s / ((x.size // s.size if s.size else 0) or math.nan)
    return total(d * d if x.dtype.kind != "c" else np.square(np.real(d)) + np.square(np.imag(d)), dim, keepdim)


def variance_slope(g, x, dim, correction, keepdim):
    """The gradient of the variance of `x`."""
    shape = tuple(x.shape)
    n = count(shape, dim)
    centred = less(x, double_total(x, axes(dim, x.ndim), True) / (n or math.nan))
    freedom = n - correction
    return centred * (restore_dims(g, shape, dim, keepdim) * (2.0 / freedom if freedom > 0 else math.nan))


@variance.grad("x")
def _(g, x, dim, correction, keepdim):
    return variance_slope(g, x, dim, correction, keepdim)


@reduction(native_from=SEVERAL, name="std", places="", samples=FILLED)
def deviation(x, /, dim=None, correction=1, keepdim=False):
    """Square root of the variance along `dim`."""
    need_float("std", x)
    return cast(np.sqrt(squared_spread(x, dim, correction, keepdim)), kind_of(np.real(x)))


@deviation.grad("x")
def _(g, x, out, dim, correction, keepdim):
    slope = np.where(out == 0, 0, g / np.where(out == 0, 1, out * 2))
    return variance_slope(slope, x, dim, correction, keepdim)


def _freedom(dim, unbiased, correction):
    """`dim` and `correction` from the three ways in which they are written: `(dim, unbiased)`, `(unbiased)`, `correction=`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    elif unbiased is not None:
        raise TypeError("give either unbiased or correction, not both")
    return dim, correction


def _warn_of_freedom(name, input, dim, correction):
    """Warn if the sum of squares is divided by zero or less."""
    shape = input._array.shape
    try:
        n = count(shape, dim)
    except IndexError:
        return  # the op says it
    if n <= correction:
        warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input of shape"
            f" {list(shape)}, {n} elements for each result, correction {correction})"
        )


@function()
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """Variance along `dim`: the squared deviations from the mean, summed and divided by n - correction.

    Args:
        dim: the dimension or dimensions; all if it is left out.
        correction: 1 by default, for an estimate from a sample (Bessel's); 0 for the variance of the numbers themselves.
        unbiased: an older way to say it: True is a correction of 1, False of 0.
        keepdim: whether the dimensions stay, with size 1.

    Shape: that of `input` without the dimensions `dim`.

    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> x.var(), x.var(correction=0)
    (tensor(1.6667), tensor(1.2500))
    """
    dim, correction = _freedom(dim, unbiased, correction)
    _warn_of_freedom("var", input, dim, correction)
    return variance(input, dim, correction, keepdim, out=out)


@function()
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """Standard deviation along `dim`: the root of the variance, sqrt(sum((x - mean)^2) / (n - correction)).

    Args:
        dim: the dimension or dimensions; all if it is left out.
        correction: what n is lessened by: 1 by default (Bessel's), 0 for the deviation of the numbers themselves, as NumPy has it.
        unbiased: an older way to say it: True is a correction of 1, False of 0.
        keepdim: whether the dimensions stay, with size 1.

    Shape: that of `input` without the dimensions `dim`.

    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> x.std(), x.std(correction=0)
    (tensor(1.2910), tensor(1.1180))
    """
    dim, correction = _freedom(dim, unbiased, correction)
    _warn_of_freedom("std", input, dim, correction)
    return deviation(input, dim, correction, keepdim, out=out)


@function("torch")
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The variance and the mean along `dim`."""
    dim, correction = _freedom(dim, unbiased, correction)
    _warn_of_freedom("var_mean", input, dim, correction)
    return variance(input, dim, correction, keepdim), mean(input, dim, keepdim)


@function("torch")
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation and the mean along `dim`."""
    dim, correction = _freedom(dim, unbiased, correction)
    _warn_of_freedom("std_mean", input, dim, correction)
    return deviation(input, dim, correction, keepdim), mean(input, dim, keepdim)


def _with_zero(rng):
    values = rng.uniform(0.5, 2, (3, 4))
    values[1, 2] = 0
    return values


@reduction(samples=[((3, 4),), ((2, 3), -1), ((2, 3), 0, True), ((),), ((0, 3), 0), (_with_zero, 1), (_with_zero,)], node=by_dim("Prod"))
def prod(x, /, dim=None, keepdim=False, *, dtype=None):
    """Product of the elements, or of those along one `dim`; integers are multiplied as int64.

    Args:
        dim: one dimension; all if it is left out.
        dtype: what the elements are converted to first.

    Shape: that of `input` without `dim`.

    >>> torch.tensor([2, 3, 4]).prod()
    tensor(24)
    """
    x = converted(x, dtype)
    if x.dtype.kind in "biu":
        out = np.prod(x, axis=dim, keepdims=keepdim, dtype=np.int64)
        return out if dtype is None else out.astype(x.dtype)
    return np.multiply.reduce(x, axis=dim, keepdims=keepdim)


@prod.grad("x")
def _(g, x, out, dim, keepdim):
    shape = tuple(x.shape)
    if not x.ndim:
        return g
    g = restore_dims(g, shape, dim, keepdim)
    if everywhere(x != 0):  # products of all before and of all after may overflow where that of all does not
        return g * conj(restore_dims(out, shape, dim, keepdim) / x)
    if dim is not None and not isinstance(dim, tuple):
        return g * product_of_others(x, dim)
    dims = all_dims(dim, x.ndim)
    order = [d for d in range(x.ndim) if d not in dims] + list(dims)
    lines = np.transpose(x, order)  # of all elements that are multiplied, one after the other
    sizes = [shape[d] for d in order]
    others = np.reshape(product_of_others(np.reshape(lines, (*sizes[: x.ndim - len(dims)], -1)), -1), sizes)
    return g * np.transpose(others, np.argsort(order).tolist())


def running_product(x):
    """`np.cumprod` along the last dimension, which for arrays would warn from NumPy's own frame."""
    return np.multiply.accumulate(x, -1) if x.__class__ is np.ndarray else np.cumprod(x, -1)


def product_of_others(x, dim):
    """For each element the conjugate product of all others along `dim`; no division, so zeros do no harm."""
    x = np.swapaxes(np.conj(x), dim, -1)
    before = running_product(shifted_in(x))
    after = np.flip(running_product(shifted_in(np.flip(x, (-1,)))), (-1,))
    return np.swapaxes(before * after, dim, -1)


def shifted_in(x):
    """`x` moved on by one along its last dimension, a one coming in."""
    one = np.ones((*x.shape[:-1], min(1, x.shape[-1])), np.dtype(x.dtype.name))
    return np.concatenate([one, x[..., :-1]], -1)


@reduction(samples=DIMS)
def any(x, /, dim=None, keepdim=False):
    """Whether any element along `dim` is nonzero.

    Args:
        dim: the dimension or dimensions; all if it is left out.

    Shape: that of `input` without the dimensions `dim`.

    >>> torch.tensor([[0, 0], [0, 3]]).any(dim=1)
    tensor([False,  True])
    """
    return _logical(np.logical_or, x, dim, keepdim)


@reduction(samples=DIMS)
def all(x, /, dim=None, keepdim=False):
    """Whether all elements along `dim` are nonzero.

    Args:
        dim: the dimension or dimensions; all if it is left out.

    Shape: that of `input` without the dimensions `dim`.

    >>> torch.tensor([[True, False], [True, True]]).all(dim=1)
    tensor([False,  True])
    """
    return _logical(np.logical_and, x, dim, keepdim)


def _logical(ufunc, x, dim, keepdim):
    if isinstance(dim, (list, tuple)) and not dim:  # of these two alone PyTorch takes no dimensions for none
        return x != 0 if x.dtype != np.uint8 else astype(x != 0, np.uint8)
    out = ufunc.reduce(x, axis=axes(dim, x.ndim), keepdims=keepdim)
    return np.asarray(out, np.uint8) if x.dtype == np.uint8 else out


@reduction(listed="dim", samples=DIMS)
def count_nonzero(x, /, dim=None):
    """How many elements along `dim` are not zero."""
    if x.ndim:
        return np.count_nonzero(x, axis=axes(dim, x.ndim))
    all_dims(dim, 0)
    return np.add.reduce(x != 0)


@reduction(native_from=SEVERAL, places="torch Tensor special", samples=[((3, 4), (0, 1)), *FILLED[1:]])
def logsumexp(x, /, dim, keepdim=False):
    """Logarithm of the sum of the exponentials along `dim`, computed without overflow."""
    x = astype(x, dtypes.to_numpy(dtypes.get_default_dtype())) if x.dtype.kind in "biu" else x
    dim = axes(dim, x.ndim)
    if not x.size:
        return np.log(total(np.exp(x), dim, keepdim))
    top = np.maximum.reduce(np.real(x) if x.dtype.kind == "c" else x, axis=dim, keepdims=True)
    top = np.where(np.abs(top) == math.inf, 0, top)
    out = np.log(row_total(np.exp(x - top), -1 if dim is None and x.ndim == 1 else dim, True)) + top
    return out if keepdim else drop_dims(out, dim)


@logsumexp.grad("x")
def _(g, x, out, dim, keepdim):
    shape = tuple(x.shape)
    out = restore_dims(out, shape, dim, keepdim)
    return restore_dims(g, shape, dim, keepdim) * conj(np.exp(x - out))


@function("Tensor")
def sum_to_size(self, *sizes, size=None):
    """The sum along the dimensions that are of size one in `size`, or in front of it; the tensor itself where there are none."""
    shape = as_shape(sizes if size is None else (size,))
    lead = self.ndim - len(shape)
    if lead < 0 or [n for n, m in zip(shape, self.shape[lead:], strict=True) if n not in (1, m)]:
        raise RuntimeError(located(f"size {{{list(shape)}}} is not expandable to size {{{list(self.shape)}}}."))
    dims = tuple(d for d in range(self.ndim) if d < lead or (shape[d - lead] == 1 and self.shape[d] != 1))
    if not shape:
        return self.sum()
    return self.sum(dims, True).reshape(shape) if dims else self
