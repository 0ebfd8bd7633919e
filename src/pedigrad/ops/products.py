"""Products that are not plain matrix products: inner, Kronecker and cross products, powers of matrices, bilinear forms."""

from __future__ import annotations

import numpy as np

from ..op import composite, function
from ..origin import located
from ..shapes import one_dim
from .einsum import einsum, tensordot
from .language import conj
from .matmul import matmul


@function()
def inner(input, other, *, out=None):
    """Sum of the products over the last dimension of both tensors."""
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        sizes = f"{tuple(input.shape)} and {tuple(other.shape)}"
        raise RuntimeError(located(f"inner() the last dimension must match on both input tensors but got shapes {sizes}"))
    return tensordot(input, other, ([-1], [-1]))


@function()
def kron(input, other, *, out=None):
    """The Kronecker product: every element of `input` times all of `other`."""
    n = max(input.ndim, other.ndim)
    ours = (1,) * (n - input.ndim) + tuple(input.shape)
    theirs = (1,) * (n - other.ndim) + tuple(other.shape)
    x = input.reshape([k for size in ours for k in (size, 1)])
    y = other.reshape([k for size in theirs for k in (1, size)])
    return (x * y).reshape([a * b for a, b in zip(ours, theirs, strict=True)])


@composite(name="cross", places="", fit=True, promote=True, samples=[((2, 3), (2, 3), -1), ((3, 4), (3, 1), 0)])
def cross_along(x, y, /, dim):
    """The cross product of the vectors of three elements along `dim`."""
    return np.roll(x, -1, dim) * np.roll(y, -2, dim) - np.roll(x, -2, dim) * np.roll(y, -1, dim)


@cross_along.grad("x")
def _(g, y, dim):
    return cross_along(conj(y), g, dim)


@cross_along.grad("y")
def _(g, x, dim):
    return cross_along(g, conj(x), dim)


def _cross(input, other, dim):
    if input.ndim != other.ndim:
        message = "linalg.cross: inputs must have the same number of dimensions."
        raise RuntimeError(located(message))
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        sizes = f"{input.shape[dim]} and {other.shape[dim]}"
        raise RuntimeError(located(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes}"))
    return cross_along(input, other, one_dim(dim, input.ndim) - input.ndim)


@function()
def cross(input, other, dim=None, *, out=None):
    """The cross product of the vectors along `dim`, or along the first dimension of size three."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(located("no dimension of size 3 in input"))
    return _cross(input, other, dim)


@function("linalg", name="cross")
def cross_last(input, other, *, dim=-1, out=None):
    """The cross product of the vectors along `dim`."""
    return _cross(input, other, dim)


@function("linalg")
def vecdot(x, y, *, dim=-1, out=None):
    """The sum over `dim` of the conjugate of `x` times `y`."""
    return (np.conj(x) * y).sum(dim)


@composite(samples=[((3, 4),), ((2, 2),)])
def trace(x, /):
    """Sum of the diagonal of a matrix."""
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return np.trace(x)


@trace.grad("x")
def _(g, x_shape, x_dtype):
    return g * np.eye(*x_shape, dtype=x_dtype)


@function("torch Tensor linalg")
def matrix_power(input, n, *, out=None):
    """The `n`-th power of square matrices; a negative one is that of their inverses."""
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(located(f"linalg.matrix_power: A must be batches of square matrices, but they are {tuple(input.shape)}"))
    if n < 0:
        input, n = input.inverse(), -n
    if n == 0:
        eye = np.eye(input.shape[-1], dtype=input._array.dtype)
        return input.new_zeros(input.shape) + input.new_tensor(eye)
    result = None
    while True:
        if n & 1:
            result = input if result is None else matmul(result, input)
        n >>= 1
        if not n:
            return result if result is not input else input.clone()
        input = matmul(input, input)


@function("F torch")
def bilinear(input1, input2, weight, bias=None):
    """`input1 @ weight[o] @ input2` for each output feature o, plus `bias`: (..., I), (..., J), (O, I, J) give (..., O)."""
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias
