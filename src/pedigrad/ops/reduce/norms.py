"""Vector norms, distances, and what is built on them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.declare import composite, function
from ...core.large import LARGE
from ...core.origin import located
from ...core.quiet import astype
from ...core.shapes import all_dims, one_dim
from ...core.tensor import Tensor, constant
from ..destination import deliver
from ..linalg.factor import factor_svd
from ..linked import linked
from ..math.arithmetic import sign_of
from ..nn.reduction import in_dtype_of
from ..shape.index_along import selected
from ..xp import conj, restore_dims, total
from .sums import axes, converted

NORMS: list[Any] = [((3, 4), p) for p in (2, 1, 3, 0.5, 1.5, math.inf, -math.inf)]
NORMS += [((2, 3, 4), 2, -1), ((2, 3, 4), 3, (0, 2), True), ((), 2), ((2, 3, 4), math.inf, 1), ((0, 3), 2, 0)]


@composite(places="linalg", node="LinalgVectorNormBackward0", samples=NORMS, out=True)
def vector_norm(x, /, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The norm of the vectors along `dim`: the `ord`-th root of the sum of the `ord`-th powers of magnitudes."""
    x = converted(x, dtype)
    if x.dtype.kind in "biu":
        message = "linalg.vector_norm: Expected a floating point or complex tensor as input. Got"
        raise RuntimeError(f"{message} {x.dtype.name}")
    dim = axes(dim, x.ndim)
    if ord and _alone(x.shape, dim):
        ord = 1  # a power of it might leave the range
    if ord == 2:
        if dim is None and not keepdim and x.__class__ is np.ndarray and x.dtype.kind == "f" and x.size < LARGE:
            flat = x.ravel("K")
            return np.sqrt(flat.dot(flat))
        return np.sqrt(total(squared_magnitude(x), dim, keepdim))
    size = np.abs(x)
    if ord == math.inf:
        return np.maximum.reduce(size, axis=dim, keepdims=keepdim)
    if ord == -math.inf:
        return np.minimum.reduce(size, axis=dim, keepdims=keepdim)
    if ord == 0:
        return total(astype(size != 0, size.dtype), dim, keepdim)
    if ord == 1:
        return total(size, dim, keepdim)
    return total(size**ord, dim, keepdim) ** (1.0 / ord)


def _alone(shape, dim):
    """Whether one element is reduced along `dim`."""
    if dim is None or not shape:
        return all(n == 1 for n in shape)
    return all(-len(shape) <= d < len(shape) and shape[d] == 1 for d in ((dim,) if dim.__class__ is int else dim))


@vector_norm.grad("x")
def _(g, x, x_dtype, out, ord, dim, keepdim):
    return norm_slope(g, x, x_dtype, out, ord, dim, keepdim)


def norm_slope(g, x, x_dtype, out, ord, dim, keepdim):
    """The gradient of the norm `out` of `x`."""
    shape = tuple(x.shape)
    g, out = restore_dims(g, shape, dim, keepdim), restore_dims(out, shape, dim, keepdim)
    if ord == 0:
        return None
    if ord == 2:
        return x * np.where(out == 0, 0, g / np.where(out == 0, 1, out))
    if ord == 1:
        return np.sign(x) * g
    size = np.abs(x)
    if abs(ord) == math.inf:
        chosen = astype(size == out, size._array.dtype if isinstance(size, Tensor) else size.dtype)
        return sign_of(x) * np.where(chosen != 0, g / total(chosen, axes(dim, len(shape)), True), 0)
    scale = np.where(out == 0, 0, g * out ** (1 - ord))
    if ord < 2:
        return np.sign(x) * np.where(size == 0, 0, size ** (ord - 1)) * scale
    return x * size ** (ord - 2) * scale


def squared_magnitude(x):
    """The square of each element, or of its magnitude if it is complex."""
    return np.square(np.real(x)) + np.square(np.imag(x)) if x.dtype.kind == "c" else x * x


@function("torch")
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of the vectors along `dim`; "fro" is 2, "nuc" the sum of the singular values of a matrix.

    sum(|x|^p)^(1/p), the largest |x| for p = inf.

    Args:
        p: the order of the norm: a number, inf, "fro" or "nuc".
        dim: the dimension or dimensions; all if it is left out.

    Shape: that of `input` without the dimensions `dim`.

    >>> torch.tensor([3.0, 4.0]).norm()
    tensor(5.)
    """
    if p == "nuc":
        return deliver(nuclear_norm(input if dtype is None else input.to(dtype), dim, keepdim), out)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(located(f"only valid string values are 'fro' and 'nuc', found {p}"))
    p = 2 if p is None or p == "fro" else p
    return vector_norm(input, p.item() if isinstance(p, Tensor) else p, dim, keepdim, dtype=dtype, out=out)


@function("Tensor", name="norm")
def norm_method(self, p="fro", dim=None, keepdim=False, dtype=None):
    """The p-norm of the vectors along `dim`; "fro" is 2, "nuc" the sum of the singular values of matrices."""
    return norm(self, p, dim, keepdim, None, dtype)


def nuclear_norm(input, dim=None, keepdim=False):
    """The sum of the singular values of the matrices in the two dimensions `dim`."""
    dims = all_dims((-2, -1) if dim is None else dim, input.ndim)
    if len(dims) != 2:
        raise RuntimeError(located(f"the nuclear norm needs matrices: dim must name two dimensions, got {dim}"))
    result = factor_svd(np.moveaxis(input, dims, (-2, -1)), False)[1].sum(-1)
    for d in sorted(dims) if keepdim else ():
        result = result.unsqueeze(d)
    return result


@function()
def dist(input, other, p=2):
    """The p-norm of the difference of two tensors."""
    return vector_norm(input - other, p)


def _scales(x, p, dim, maxnorm):
    """What each slice along `dim` is scaled by, and its norm."""
    others = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    size = vector_norm.op.forward(x, p, others, True)
    return np.where(size > maxnorm, maxnorm / (size + 1e-7), 1), size, others


@composite(inplace=True, out=True, samples=[((3, 4), 2, 0, 1.0), ((2, 3, 4), 1, -1, 2.0), ((2, 3), 3, 0, 100.0)])
def renorm(x, /, p, dim, maxnorm):
    """The tensor with each slice along `dim` whose p-norm is above `maxnorm` scaled down to it."""
    if x.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions")
    one_dim(dim, x.ndim)
    if p <= 0 or maxnorm < 0:
        raise RuntimeError(f"renorm: p must be positive and maxnorm at least zero, got {p} and {maxnorm}")
    return in_dtype_of(x, x * _scales(x, p, dim, maxnorm)[0])


@renorm.grad("x")
def _(g, x, x_dtype, p, dim, maxnorm):
    scales, size, others = _scales(x, p, dim, maxnorm)
    long = size > maxnorm
    slope = np.where(long, -maxnorm / np.square(size + 1e-7), 0)
    through = slope * total(np.real(g * conj(x)) if x_dtype.kind == "c" else g * x, others, True)
    return g * scales + np.where(long, norm_slope(through, x, x_dtype, size, p, others, True), 0)  # of nan, too: those are left alone


@composite(
    real=True,
    node="CdistBackward0",
    places="",
    samples=[((3, 4), (2, 4), p) for p in (2.0, 1.0, 3.0, 1.5, math.inf)] + [((2, 3, 4), (5, 4), 2.0)],
)
def pairwise_norms(x, y, /, p):
    """The p-norm of the difference of every row of x with every row of y: (..., P, M), (..., R, M) -> (..., P, R)."""
    if p == 2 and (x.shape[-2] > 25 or y.shape[-2] > 25):  # through one matrix product
        squares = np.expand_dims(total(x * x, -1), -1) + np.expand_dims(total(y * y, -1), -2)
        return np.sqrt(np.maximum(squares - 2 * np.matmul(x, np.swapaxes(y, -1, -2)), 0))
    d = np.expand_dims(x, -2) - np.expand_dims(y, -3)
    if p == 0:  # nan stays
        return total(np.minimum(np.ceil(np.abs(d)), 1), -1)
    return vector_norm.op.forward(d, p, -1)


@pairwise_norms.grad("x", "y")
def _(g, x, y, out, p, needs):
    if p == 2 and out.size:
        ratio = np.where(out == 0, 0, g / np.where(out == 0, 1, out))
        gx = x * np.expand_dims(total(ratio, -1), -1) - np.matmul(ratio, y) if needs[0] else None
        across = np.swapaxes(ratio, -1, -2)
        return gx, (y * np.expand_dims(total(across, -1), -1) - np.matmul(across, x) if needs[1] else None)
    if not out.size:
        return np.zeros_like(x) if needs[0] else None, np.zeros_like(y) if needs[1] else None
    d = np.expand_dims(x, -2) - np.expand_dims(y, -3)
    if abs(p) == math.inf:  # looked for among the differences, so not as it was rounded
        out = vector_norm(d, p, -1)
    if abs(p) == math.inf:  # not shared among equal ones
        slope = sign_of(d) * np.where(np.abs(d) == np.expand_dims(out, -1), np.expand_dims(g, -1), 0)
    else:
        slope = norm_slope(g, d, d.dtype, out, p, -1, False) if p else linked(np.zeros_like(d), d)
    return (total(slope, -2) if needs[0] else None), (-total(slope, -3) if needs[1] else None)


@function("torch")
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distance of every row of `x1` from every row of `x2`: (..., P, M), (..., R, M) -> (..., P, R).

    Args:
        compute_mode: ignored: distances are computed in one way.

    Shape: (..., n, d) and (..., m, d) give (..., n, m).

    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(located(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"))
    return pairwise_norms(x1, x2, float(p))


@function("torch F")
def pdist(input, p=2.0):
    """The p-norm distance of each row from each row after it, as a vector: (N, M) -> (N * (N - 1) / 2)."""
    if input.ndim != 2:
        raise RuntimeError(located(f"pdist only supports 2D tensors, got: {input.ndim}D"))
    if p < 0:
        raise RuntimeError(located("pdist only supports non-negative p values"))
    if not input.is_floating_point():
        raise NotImplementedError(located(f"pdist() is not implemented for {input.dtype}: use a floating point dtype"))
    rows, others = (constant(places) for places in np.triu_indices(input.shape[0], 1))
    return pairwise_norms(selected(input, rows, 0).unsqueeze(1), selected(input, others, 0).unsqueeze(1), float(p)).reshape(-1)
