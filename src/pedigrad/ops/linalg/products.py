"""Products that are not plain matrix products: inner, Kronecker and cross products, powers of matrices, bilinear forms."""

from __future__ import annotations

import numpy as np

from ...core.declare import composite, function
from ...core.origin import located, warn_once
from ...core.shapes import one_dim
from ..destination import deliver
from ..xp import conj, in_double
from .einsum import einsum, tensordot
from .matmul import matmul


@function()
def inner(input, other, *, out=None):
    """Sum of the products over the last dimension of both tensors."""
    if not input.ndim or not other.ndim:
        return deliver(input * other, out)
    if input.shape[-1] != other.shape[-1]:
        sizes = f"{tuple(input.shape)} and {tuple(other.shape)}"
        raise RuntimeError(located(f"inner() the last dimension must match on both input tensors but got shapes {sizes}"))
    return tensordot(input, other, ([-1], [-1]), out=out)


@function()
def kron(input, other, *, out=None):
    """The Kronecker product: every element of `input` times all of `other`."""
    n = max(input.ndim, other.ndim)
    ours = (1,) * (n - input.ndim) + tuple(input.shape)
    theirs = (1,) * (n - other.ndim) + tuple(other.shape)
    x = input.reshape([k for size in ours for k in (size, 1)])
    y = other.reshape([k for size in theirs for k in (1, size)])
    return deliver((x * y).reshape([a * b for a, b in zip(ours, theirs, strict=True)]), out)


@composite(name="cross", node="LinalgCrossBackward0", places="", promote=True, samples=[((2, 3), (2, 3), -1), ((3, 4), (3, 1), 0)])
def cross_along(x, y, /, dim):
    """The cross product of the vectors of three elements along `dim`."""
    return np.roll(x, -1, dim) * np.roll(y, -2, dim) - np.roll(x, -2, dim) * np.roll(y, -1, dim)


@cross_along.grad("x")
def _(g, y, dim):
    return cross_along(conj(y), g, dim)


@cross_along.grad("y")
def _(g, x, dim):
    return cross_along(g, conj(x), dim)


def _cross(input, other, dim, out):
    if input.ndim != other.ndim:
        message = "linalg.cross: inputs must have the same number of dimensions."
        raise RuntimeError(located(message))
    dim = one_dim(dim, input.ndim)
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        sizes = f"{input.shape[dim]} and {other.shape[dim]}"
        raise RuntimeError(located(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes}"))
    return deliver(cross_along(input, other, dim - input.ndim), out)


@function()
def cross(input, other, dim=None, *, out=None):
    """The cross product of the vectors along `dim`, or along the first dimension of size three."""
    if dim is None:
        warn_once("Using torch.cross without specifying the dim arg is deprecated: pass it, or use torch.linalg.cross, whose dim is -1")
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(located("no dimension of size 3 in input"))
    return _cross(input, other, dim, out)


@function("linalg", name="cross")
def cross_last(input, other, *, dim=-1, out=None):
    """The cross product of the vectors along `dim`."""
    return _cross(input, other, dim, out)


@function("linalg")
def vecdot(x, y, *, dim=-1, out=None):
    """The sum over `dim` of the conjugate of `x` times `y`."""
    return deliver((np.conj(x) * y).sum(dim), out)


@composite(samples=[((3, 4),), ((2, 2),)])
def trace(x, /):
    """Sum of the diagonal of a matrix."""
    if x.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {x.ndim}")
    return np.trace(x, dtype=np.int64) if x.dtype.kind in "biu" else np.trace(x)


@trace.grad("x")
def _(g, x_shape, x_dtype):
    return g * np.eye(*x_shape, dtype=x_dtype)


@function("torch Tensor linalg")
def matrix_power(input, n, *, out=None):
    """The `n`-th power of square matrices; a negative one is that of their inverses."""
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(located(f"linalg.matrix_power: A must be batches of square matrices, but they are {tuple(input.shape)}"))
    return deliver(_power(input.inverse(), -n) if n < 0 else _power(input, n), out)


def _power(x, n):
    """The `n`-th power by repeated squaring."""
    if n == 0:
        return np.where(np.zeros(x.shape, bool), x, np.eye(x.shape[-1], dtype=x._array.dtype))
    result, square = None, x
    while True:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        if not n:
            return x.clone() if result is x else result
        square = matmul(square, square)


@function("F torch")
def bilinear(input1, input2, weight, bias=None):
    """`input1 @ weight[o] @ input2` for each output feature o, plus `bias`: (..., I), (..., J), (O, I, J) give (..., O)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        sizes = f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        raise RuntimeError(located(f"bilinear(): input1 and input2 must have the same sizes but for the last, got {sizes}"))
    if weight.ndim != 3 or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        sizes = f"{input1.shape[-1]} and {input2.shape[-1]} features and a weight of shape {tuple(weight.shape)}"
        raise RuntimeError(located(f"bilinear(): the weight is not of shape (out, features of input1, features of input2): got {sizes}"))
    out = einsum("...i,oij,...j->...o", input1, weight, input2)
    return out if bias is None else out + bias


@function()
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariances of the variables in the rows of `input`, whose columns are observations."""
    if input.ndim > 2:
        raise RuntimeError(located(f"cov(): expected input to have two or fewer dimensions but got {input.ndim} dimensions"))
    x = input.reshape(1, -1) if input.ndim < 2 else input
    weights = _weights(x, fweights, aweights)
    number = x.shape[1] if weights is None else weights.sum()
    x = x if x.is_floating_point() or x.is_complex() else x * 1.0
    kind, x = x.dtype, in_double(x)  # products of what is near to the mean
    average = (x if weights is None else x * weights).sum(1, True) / number
    freedom = number - correction
    if aweights is not None and correction:
        squares = weights * aweights
        freedom = number - correction * squares.sum() / number
    centred = x - average
    right = np.conj(centred if weights is None else centred * weights)
    freedom = freedom.clamp(min=0) if hasattr(freedom, "clamp") else max(freedom, 0)
    return (matmul(centred, right.mT) / (freedom or 0.0)).squeeze().to(kind)


def _weights(x, fweights, aweights):
    """The weight of each observation."""
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None:
            if (name == "fweights") == weights.is_floating_point():
                kind = "floating point" if name == "aweights" else "integral"
                raise RuntimeError(located(f"cov(): expected {name} to have {kind} dtype but got {weights.dtype}"))
            if weights.ndim > 1 or weights.numel() != x.shape[1]:
                raise RuntimeError(located(f"cov(): expected {name} to have one weight for each of {x.shape[1]} observations"))
            if (weights < 0).any():
                raise RuntimeError(located(f"cov(): {name} cannot be negative"))
    return fweights if aweights is None else aweights if fweights is None else fweights * aweights


@function()
def corrcoef(input):
    """The correlation coefficients of the variables in the rows of `input`."""
    if input.ndim > 2:
        raise RuntimeError(located(f"corrcoef(): expected input to have two or fewer dimensions but got {input.ndim} dimensions"))
    covariance = cov(input)
    if not covariance.ndim:
        return covariance / covariance
    size = np.sqrt(np.diagonal(covariance).real if covariance.is_complex() else np.diagonal(covariance))
    ratio = covariance / np.expand_dims(size, -1) / size
    if ratio.is_complex():
        return ratio
    return ratio.clamp(-1, 1)
