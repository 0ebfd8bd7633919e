"""`torch.linalg`'s norms of matrices, and condition numbers."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import function
from ...core.origin import located
from ...core.shapes import all_dims
from ..destination import deliver
from ..reduce.norms import vector_norm
from .factor import factor_svd
from .solve import inv_ex

SPECTRAL = ("nuc", 2, -2)


@function("linalg")
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """A norm of the matrices in the two dimensions `dim`: "fro", "nuc", inf, 1 or 2, or what is least for -inf, -1, -2."""
    if A.ndim < 2:
        raise RuntimeError(located("linalg.matrix_norm: The input tensor A must have at least 2 dimensions."))
    dims = all_dims(dim, A.ndim) if not isinstance(dim, int) else (dim,)
    if len(dims) != 2:
        raise RuntimeError(located(f"linalg.matrix_norm: dim must be a 2-tuple of two different dimensions, got {dim}"))
    A = A if dtype is None else A.to(dtype)
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(located(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {A.dtype}"))
    if ord == "fro":
        return deliver(vector_norm(A, 2, dims, keepdim), out)
    matrices = np.moveaxis(A, dims, (-2, -1))
    if ord in SPECTRAL:
        S = factor_svd(matrices, False)[1]
        result = S.sum(-1) if ord == "nuc" else _largest(S) if ord == 2 else S.amin(-1)
    elif not isinstance(ord, str) and abs(ord) in (1, math.inf):
        sums = matrices.abs().sum(-2 if abs(ord) == 1 else -1)
        result = _largest(sums) if ord > 0 else sums.amin(-1)
    else:
        raise RuntimeError(located(f"linalg.matrix_norm: Order {ord} not supported."))
    for d in sorted(dims) if keepdim else ():
        result = result.unsqueeze(d)
    return deliver(result, out)


def _largest(values):
    """The largest of numbers that are not negative along the last dimension; zero of none."""
    return values.amax(-1) if values.shape[-1] else values.sum(-1)


@function("linalg", name="norm")
def either_norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """A vector norm, or a matrix norm where `dim` names two dimensions (or the tensor has two) and `ord` is given.

    Args:
        ord: a number, inf, -inf; of matrices also "fro" and "nuc"; None for the root of the sum of squares.
        dim: one dimension or two; all if it is left out.
        dtype: what the elements are converted to first.

    Shape: that of `A` without the dimensions `dim`.

    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise RuntimeError(located(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dims)}"))
    if ord is not None:
        count = A.ndim if dims is None else len(dims)
        if dims is None and count not in (1, 2):
            raise RuntimeError(located(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."))
        if count == 2:
            return matrix_norm(A, ord, (-2, -1) if dims is None else dims, keepdim, dtype=dtype, out=out)
        if isinstance(ord, str):
            raise RuntimeError(located(f"linalg.norm: Order {ord} is for matrices, but dim names {count} dimensions"))
    return vector_norm(A, 2 if ord is None else ord, dims, keepdim, dtype=dtype, out=out)


@function("linalg")
def cond(A, p=None, *, out=None):
    """The condition numbers of matrices in the norm `p`, 2 if None."""
    if A.ndim < 2:
        raise RuntimeError(located("linalg.cond: The input tensor A must have at least 2 dimensions."))
    if 0 in A.shape[-2:] or not A.numel():
        return deliver(A.abs().sum((-2, -1)), out)  # zeros
    if p in (None, 2, -2):
        S = factor_svd(A, False)[1]
        result = S[..., -1] / S[..., 0] if p == -2 else S[..., 0] / S[..., -1]
        return deliver(result, out)
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(located("linalg.cond: with this p, A must be batches of square matrices"))
    result = matrix_norm(A, p) * matrix_norm(inv_ex(A)[0], p)
    return deliver(np.where(result == result, result, math.inf), out)  # of a singular matrix the inverse is nan


@function("linalg", name="diagonal")
def last_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, those in the last two dimensions unless others are named."""
    return A.diagonal(offset, dim1, dim2)


@function("torch")
def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S and V of the singular value decomposition, the `q` largest singular values only."""
    A = A if M is None else A - M
    U, S, Vh = factor_svd(A, False)
    return U[..., :q], S[..., :q], Vh.mH[..., :q]


@function("torch")
def pca_lowrank(A, q=None, center=True, niter=2):
    """U, S and V of the principal components: those of `svd_lowrank` of `A` with the mean of each column taken off."""
    q = min(6, *A.shape[-2:]) if q is None else q
    return svd_lowrank(A - A.mean(-2, True) if center else A, q, niter)
