"""Largest and smallest elements: their values and where they are."""

from __future__ import annotations

import numpy as np

from ...core.declare import function, kernel, reduction
from ...core.large import FEW
from ...core.quiet import astype
from ...core.shapes import one_dim
from ...core.tensor import Tensor
from ..math.ternary import maximum, minimum
from ..xp import restore_dims, total
from .sums import axes, need_elements

DISTINCT = [((3, 4),), ((2, 3, 4), -1), ((2, 3, 4), (0, 2), True), ((),)]
ONE_DIM = [((3, 4), -1), ((2, 3, 4), 1, True), ((), 0)]


def ties(g, x, x_dtype, out, dim=None, keepdim=False):
    """The gradient of a chosen value, in equal shares for all elements of `x` that are equal to it."""
    shape = tuple(x.shape)
    chosen = astype(x == restore_dims(out, shape, dim, keepdim), x_dtype)
    return chosen * (restore_dims(g, shape, dim, keepdim) / total(chosen, axes(dim, len(shape)), True))


def evenly(g, x, out):
    """The gradient of one element of all, in equal shares for those that are equal to it, nan to nan."""
    chosen = (x == out) | ((x != x) & (out != out))
    return np.where(chosen, g / np.sum(chosen), 0)


def at_index(g, indices, x_shape, dim, keepdim):
    """The gradient of the elements at `indices` along `dim`, zero elsewhere."""
    if not x_shape:
        return g
    dim = one_dim(dim, len(x_shape))
    places = np.reshape(np.arange(x_shape[dim]), (-1,) + (1,) * (len(x_shape) - dim - 1))
    return np.where(places == restore_dims(indices, x_shape, dim, keepdim), restore_dims(g, x_shape, dim, keepdim), 0)


@reduction(native_from=FEW, real=True, samples=DISTINCT)
def amax(x, /, dim=(), keepdim=False):
    """Largest element along `dim`; equal ones share the gradient."""
    need_elements(x, dim)
    return np.maximum.reduce(x, axis=axes(dim, x.ndim), keepdims=keepdim)


@amax.grad("x")
def _(g, x, x_dtype, out, dim, keepdim):
    return ties(g, x, x_dtype, out, dim, keepdim)


@reduction(native_from=FEW, real=True, samples=DISTINCT)
def amin(x, /, dim=(), keepdim=False):
    """Smallest element along `dim`; equal ones share the gradient."""
    need_elements(x, dim)
    return np.minimum.reduce(x, axis=axes(dim, x.ndim), keepdims=keepdim)


@amin.grad("x")
def _(g, x, x_dtype, out, dim, keepdim):
    return ties(g, x, x_dtype, out, dim, keepdim)


@kernel(
    real=True,
    outputs=("min", "max"),
    out="own",
    samples=[((3, 4),), ((),), ((2, 3, 4), {"dim": -1, "keepdim": True}), ((2, 3), {"dim": 0})],
)
def aminmax(x, /, *, dim=None, keepdim=False):
    """The smallest and the largest element, of all or along `dim`."""
    need_elements(x, dim)
    return np.minimum.reduce(x, axis=dim, keepdims=keepdim), np.maximum.reduce(x, axis=dim, keepdims=keepdim)


@aminmax.grad("x")
def _(g_min, g_max, x, x_dtype, min, max, dim, keepdim):
    low = None if g_min is None else ties(g_min, x, x_dtype, min, dim, keepdim)
    high = None if g_max is None else ties(g_max, x, x_dtype, max, dim, keepdim)
    return high if low is None else low if high is None else low + high


@reduction(native_from=FEW, called="max", real=True, places="", node="MaxBackward1", samples=[((3, 4),), ((),)])
def max_of_all(x, /):
    """Largest of all elements."""
    need_elements(x, None)
    return np.maximum.reduce(x, axis=None)


@max_of_all.grad("x")
def _(g, x, out):
    return evenly(g, x, out)


@reduction(native_from=FEW, called="min", real=True, places="", node="MinBackward1", samples=[((3, 4),), ((),)])
def min_of_all(x, /):
    """Smallest of all elements."""
    need_elements(x, None)
    return np.minimum.reduce(x, axis=None)


@min_of_all.grad("x")
def _(g, x, out):
    return evenly(g, x, out)


@kernel(real=True, name="max", places="", outputs=("values", "indices"), out=True, samples=ONE_DIM)
def max_along(x, /, dim, keepdim=False):
    """The largest element along `dim` and its index, the first of equal ones."""
    need_elements(x, dim)
    return np.maximum.reduce(x, axis=dim, keepdims=keepdim), np.argmax(x, axis=dim, keepdims=keepdim)


@max_along.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


@kernel(real=True, name="min", places="", outputs=("values", "indices"), out=True, samples=ONE_DIM)
def min_along(x, /, dim, keepdim=False):
    """The smallest element along `dim` and its index, the first of equal ones."""
    need_elements(x, dim)
    return np.minimum.reduce(x, axis=dim, keepdims=keepdim), np.argmin(x, axis=dim, keepdims=keepdim)


@min_along.grad("x")
def _(g, indices, x_shape, dim, keepdim):
    return at_index(g, indices, x_shape, dim, keepdim)


@function(name="max")
def largest(input, dim=None, keepdim=False, *, other=None, out=None):
    """`max(x)`: the largest element; `max(x, dim)`: values and indices along it; `max(x, y)`: the larger of each two elements.

    Args:
        dim: the dimension along which the largest is looked for; or the other tensor.
        other: a tensor that broadcasts with `input`.

    Shape: () of all; that of `input` without `dim`; or the common one of two tensors.

    Raises:
        RuntimeError: there is no element.

    >>> x = torch.tensor([[1, 9], [7, 3]])
    >>> values, indices = x.max(dim=1)
    >>> x.max(), values, indices
    (tensor(9), tensor([9, 7]), tensor([1, 0]))
    """
    if isinstance(dim, Tensor):
        dim, other = None, dim
    if other is not None:
        return maximum(input, other, out=out)
    return max_of_all(input, out=out) if dim is None else max_along(input, dim, keepdim, out=out)


@function(name="min")
def smallest(input, dim=None, keepdim=False, *, other=None, out=None):
    """`min(x)`: the smallest element; `min(x, dim)`: values and indices along it; `min(x, y)`: the smaller, element by element.

    Args:
        dim: the dimension along which the smallest is looked for; or the other tensor.
        other: a tensor that broadcasts with `input`.

    Shape: () of all; that of `input` without `dim`; or the common one of two tensors.

    Raises:
        RuntimeError: there is no element.

    >>> x = torch.tensor([[1, 9], [7, 3]])
    >>> x.min(), x.min(dim=1).indices
    (tensor(1), tensor([0, 1]))
    """
    if isinstance(dim, Tensor):
        dim, other = None, dim
    if other is not None:
        return minimum(input, other, out=out)
    return min_of_all(input, out=out) if dim is None else min_along(input, dim, keepdim, out=out)


@reduction(real=True, samples=DISTINCT[:2])
def argmax(x, /, dim=None, keepdim=False):
    """Index of the largest element along `dim`, or in the flattened tensor; the first of equal ones.

    Args:
        dim: the dimension; of all elements in a row if it is left out.

    Shape: that of `input` without `dim`.

    >>> torch.tensor([[1, 9], [7, 3]]).argmax(dim=1)
    tensor([1, 0])
    """
    if dim is None and not x.size:
        raise IndexError("Expected reduction dim to be specified for input.numel() == 0.")
    need_elements(x, dim)
    return np.argmax(x, axis=dim, keepdims=keepdim)


@reduction(real=True, samples=DISTINCT[:2])
def argmin(x, /, dim=None, keepdim=False):
    """Index of the smallest element along `dim`, or in the flattened tensor; the first of equal ones.

    Args:
        dim: the dimension; of all elements in a row if it is left out.

    Shape: that of `input` without `dim`.

    >>> torch.tensor([3, 1, 2]).argmin()
    tensor(1)
    """
    if dim is None and not x.size:
        raise IndexError("Expected reduction dim to be specified for input.numel() == 0.")
    need_elements(x, dim)
    return np.argmin(x, axis=dim, keepdims=keepdim)
