"""Sums, means and other reductions along dimensions."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from ..op import function, reduction
from .language import broadcast_to, restore_dims, total

DIMS = [((3, 4),), ((2, 3, 4), -1), ((2, 3, 4), (0, 2), True), ((), None), ((0, 3), 0)]


@reduction(samples=DIMS)
def sum(x, /, dim=None, keepdim=False, *, dtype=None):
    """Sum of the elements along `dim`; integers are added up as int64."""
    if dtype is not None:
        x = np.astype(x, dtypes.to_numpy(dtype))
    return total(x, tuple(dim) or None if isinstance(dim, (list, tuple)) else dim, keepdim)


@sum.grad("x")
def _(g, x_shape, dim, keepdim):
    return broadcast_to(restore_dims(g, x_shape, dim, keepdim), x_shape)


@reduction(samples=DIMS)
def mean(x, /, dim=None, keepdim=False, *, dtype=None):
    """Mean of the elements along `dim`; floats only."""
    if dtype is not None:
        x = np.astype(x, dtypes.to_numpy(dtype))
    if x.dtype.kind in "biu":
        raise RuntimeError(f"mean(): could not infer output dtype. Input dtype must be a float or complex, got {dtypes.of(x)}")
    s = total(x, tuple(dim) or None if isinstance(dim, (list, tuple)) else dim, keepdim)
    return s / max(x.size, 1) * max(s.size, 1) if x.size else s / 0.0


@mean.grad("x")
def _(g, x_shape, dim, keepdim):
    n = math.prod(x_shape) / max(math.prod(g.shape), 1)
    return broadcast_to(restore_dims(g / n, x_shape, dim, keepdim), x_shape)
