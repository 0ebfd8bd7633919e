"""Symmetric and Hermitian matrices that need not be positive as L D L.mT, with D of blocks of one or two."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import function, kernel
from ...core.origin import located
from ...return_types import named
from ..destination import deliver
from .factor import check_matrices


@kernel(
    name="linalg_ldl_factor_ex", places="", layout="columns", outputs=("LD", "pivots", "info"), samples=[((3, 3), False), ((2, 4, 4), True)]
)
def factor_ldl(x, /, hermitian):
    """L and D in one lower triangle, the exchanges of rows as LAPACK counts them, and the first pivot that is zero, from 1."""
    import scipy.linalg

    check_matrices("ldl_factor_ex", x, square=True)
    n = x.shape[-1]
    flat = np.reshape(x, (math.prod(x.shape[:-2]), n, n))
    out, pivots, info = np.zeros_like(flat), np.zeros(flat.shape[:-1], np.int32), np.zeros(len(flat), np.int32)
    if n:
        name = "hetrf" if hermitian and x.dtype.kind == "c" else "sytrf"
        (factor,) = scipy.linalg.get_lapack_funcs((name,), (flat,))
        for i, matrix in enumerate(flat):
            triangle, pivots[i], info[i] = factor(matrix, lower=1)
            out[i] = np.tril(triangle)
    lead = x.shape[:-2]
    return np.reshape(out, x.shape), np.reshape(pivots, (*lead, n)), np.reshape(info, lead)


LDL_FACTOR = named("linalg_ldl_factor", ("LD", "pivots"))
LDL_FACTOR_EX = named("linalg_ldl_factor_ex", ("LD", "pivots", "info"))


@function("linalg")
def ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """L and D of symmetric (or Hermitian) matrices in one, of which the lower triangle is read, the exchanges of rows, and `info`.

    `info` is zero, or the number, from 1, of the block of D that is zero; with `check_errors` that is a RuntimeError.
    """
    found = factor_ldl(A, bool(hermitian))
    if check_errors and found[2]._array.any():
        at = int(found[2]._array[found[2]._array != 0].reshape(-1)[0])
        raise RuntimeError(located(f"torch.linalg.ldl_factor_ex: D[{at},{at}] is zero, so there is no solution with it"))
    return deliver(LDL_FACTOR_EX(tuple(found)), out)


@function("linalg")
def ldl_factor(A, *, hermitian=False, out=None):
    """L and D of symmetric (or Hermitian) matrices in one, of which the lower triangle is read, and the exchanges of rows."""
    return deliver(LDL_FACTOR(tuple(ldl_factor_ex(A, hermitian=hermitian, check_errors=True))[:2]), out)


@kernel(name="linalg_ldl_solve", places="", layout="columns")
def solve_ldl(x, pivots, y, /, hermitian):
    """The solution of `A @ out = y` for the matrices that `factor_ldl` has made of A."""
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    out = np.array(np.broadcast_to(y, (*lead, *y.shape[-2:])))
    factors, exchanges = np.broadcast_to(x, (*lead, *x.shape[-2:])), np.broadcast_to(pivots, (*lead, x.shape[-1]))
    for i in np.ndindex(lead):
        _solve(factors[i], exchanges[i].tolist(), out[i], hermitian)
    return out


def _solve(factor, pivots, out, hermitian):
    """Write the solution for one matrix over its right-hand side."""
    n, k = len(pivots), 0
    across = np.conj(factor) if hermitian else factor
    while k < n:  # through L, and each block of D
        size = 1 if pivots[k] > 0 else 2
        last = k + size - 1
        _exchange(out, last, abs(pivots[k]) - 1)
        block = slice(k, k + size)
        out[last + 1 :] -= factor[last + 1 :, block] @ out[block]
        if size == 1:
            out[k] /= factor[k, k]
        else:
            a, b, d = factor[k, k], across[last, k], factor[last, last]
            first, second = out[k].copy(), out[last].copy()
            determinant = a * d - b * factor[last, k]
            out[k], out[last] = (d * first - b * second) / determinant, (a * second - factor[last, k] * first) / determinant
        k += size
    k = n - 1
    while k >= 0:  # through its transpose
        size = 1 if pivots[k] > 0 else 2
        block = slice(k - size + 1, k + 1)
        out[block] -= across[k + 1 :, block].T @ out[k + 1 :]
        _exchange(out, k, abs(pivots[k]) - 1)
        k -= size


def _exchange(out, i, j):
    if i != j:
        out[[i, j]] = out[[j, i]]


@function("linalg")
def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """The solution of `A @ X = B` from what `ldl_factor` returns."""
    check_matrices("ldl_solve", LD, square=True)
    if B.ndim < 2:
        raise IndexError(located(f"torch.linalg.ldl_solve: B must have at least 2 dimensions, got {B.ndim}"))
    if LD.shape[-1] != B.shape[-2]:
        sizes = f"{LD.shape[-2]} by {LD.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        raise RuntimeError(located(f"Incompatible matrix sizes for torch.linalg.ldl_solve: each A matrix is {sizes}"))
    if tuple(LD.shape[:-1]) != tuple(pivots.shape):
        what = "Expected LD.shape[:-1] and pivots.shape to be the same"
        raise RuntimeError(located(f"torch.linalg.ldl_solve: {what}, but got pivots with shape {list(pivots.shape)} instead"))
    if pivots.is_floating_point() or pivots.is_complex():
        raise RuntimeError(located(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype}"))
    if LD.dtype is not B.dtype:
        raise RuntimeError(located(f"torch.linalg.ldl_solve: Expected LD and B to have the same dtype, but found {LD.dtype} and {B.dtype}"))
    return deliver(solve_ldl(LD, pivots, B, bool(hermitian)), out)
