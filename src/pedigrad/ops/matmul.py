"""Matrix products."""

from __future__ import annotations

import numpy as np

from ..op import composite
from .language import transposed


@composite(operators="matmul rmatmul", fit=True, samples=[((2, 3), (3, 4)), ((3,), (3,)), ((2, 3), (3,)), ((5, 2, 3), (3, 4))])
def matmul(x, y, /):
    """Matrix product; vectors, matrices and batches of them, whose leading dimensions broadcast."""
    if x.ndim == 2 and y.ndim == 2 and x.__class__ is np.ndarray:
        return x.dot(y)
    return np.matmul(x, y)


@matmul.grad("x")
def _(g, x, y):
    if x.ndim == 1 and y.ndim == 1:
        return g * y
    if x.ndim == 1:
        return np.matmul(y, np.expand_dims(g, -1))[..., 0]
    if y.ndim == 1:
        return np.expand_dims(g, -1) * y
    return np.matmul(g, transposed(y))


@matmul.grad("y")
def _(g, x, y):
    if x.ndim == 1 and y.ndim == 1:
        return g * x
    if y.ndim == 1:
        return np.matmul(transposed(x), np.expand_dims(g, -1))[..., 0]
    if x.ndim == 1:
        return np.expand_dims(x, -1) * np.expand_dims(g, -2)
    return np.matmul(transposed(x), g)


@composite(places="F", node="AddmmBackward0", samples=[((2, 3), (4, 3)), ((2, 3), (4, 3), (4,)), ((5, 2, 3), (4, 3), (4,)), ((3,), (4, 3))])
def linear(x, weight, bias=None, /):
    """`x @ weight.T + bias`: x of shape (..., in), weight (out, in), bias (out,), result (..., out)."""
    out = x.dot(weight.T) if x.ndim == 2 and x.__class__ is np.ndarray else np.matmul(x, weight.T)
    return out if bias is None else np.add(out, bias)


@linear.grad("x")
def _(g, weight):
    return np.matmul(g, weight)


@linear.grad("weight")
def _(g, x):
    if g.ndim != 2:
        g, x = np.reshape(g, (-1, g.shape[-1])), np.reshape(x, (-1, x.shape[-1]))
    return np.matmul(g.T, x)


@linear.grad("bias")
def _(g):
    return np.add.reduce(np.reshape(g, (-1, g.shape[-1])), axis=0)
