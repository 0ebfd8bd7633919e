"""The pseudo-inverse and what is built on it, equations on tensors, and the matrix exponential."""

from __future__ import annotations

import numpy as np

from ...core.declare import composite, function
from ...core.origin import located
from ...core.tensor import Tensor, read, wrap
from ...return_types import named
from ..destination import deliver
from ..xp import cast, everywhere, in_double
from .factor import check_matrices, factor_eigh, factor_svd, finite_svd, numpy_linalg, times
from .matmul import adjoint
from .solve import inverse, solve

TINY = np.full((1, 1), 1e-15)  # a tolerance, as a matrix of one element


def _tolerance(x, S, atol, rtol):
    """Below which singular values count as zero."""
    for each in (S, atol, rtol):
        if isinstance(each, Tensor):
            read(each._array, "a tolerance")
    S = S._array
    atol, rtol = (t._array if isinstance(t, Tensor) else t for t in (atol, rtol))
    if rtol is None:  # the default counts where no absolute tolerance is given
        rtol = np.where(0.0 if atol is None else np.greater(atol, 0), 0.0, np.finfo(S.dtype).eps * max(x.shape[-2:]))
    largest = S.max(-1) if S.shape[-1] else np.zeros(S.shape[:-1], S.dtype)
    return np.maximum(0.0 if atol is None else atol, rtol * largest).astype(S.dtype)[..., None]


@composite(name="linalg_pinv", places="", samples=[(shape, TINY, False) for shape in ((3, 3), (2, 3), (4, 2))])
def pseudo_inverse(x, tolerance, /, hermitian):
    """The pseudo-inverse, singular values up to `tolerance`, a matrix of one element, taken for zero."""
    tolerance = tolerance[..., 0]
    if hermitian:
        L, V = numpy_linalg(np.linalg.eigh, x)
        small = np.abs(L) <= tolerance
        return np.matmul(V * np.where(small, 0, 1 / np.where(small, 1, L))[..., None, :], adjoint(V))
    U, S, Vh = finite_svd(x, False)
    inverted = np.where(tolerance < S, 1 / np.where(S == 0, 1, S), 0).astype(S.dtype)
    return np.matmul(adjoint(Vh) * inverted[..., None, :], adjoint(U))


@pseudo_inverse.grad("x")
def _(g, x, out):
    P, Ph, gh = out, adjoint(out), adjoint(g)
    before, after = times(gh, P, Ph), times(Ph, P, gh)
    return before - times(x, P, before) + after - times(after, P, x) - times(Ph, g, Ph)


@function("linalg")
def pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The pseudo-inverses of matrices; singular values up to `max(atol, rtol * largest)` count as zero."""
    check_matrices("pinv", A, square=hermitian)
    rtol = rcond if rtol is None else rtol
    if not A.numel():  # whatever the tolerances' shape
        return deliver(A.mT.clone(), out)
    detached = A.detach()
    size = factor_eigh(detached, "L")[0].abs() if hermitian else factor_svd(detached, False)[1]
    tolerance = size.new_empty((*size.shape[:-1], 1, 1)) if A.is_meta else wrap(_tolerance(A, size, atol, rtol)[..., None])
    return deliver(pseudo_inverse(A, tolerance, hermitian), out)


@function()
def pinverse(input, rcond=1e-15):
    """The pseudo-inverses of matrices."""
    return pinv(input, rtol=rcond)


@function("linalg")
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values of each matrix are above `max(atol, rtol * largest)`."""
    atol = tol if atol is None else atol
    detached = A.detach()
    size = factor_eigh(detached, "L")[0].abs() if hermitian else factor_svd(detached, False)[1]
    return deliver(wrap((size._array > _tolerance(A, size, atol, rtol)).sum(-1)), out)


LSTSQ = named("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"))


@function("linalg", takes={"b": "B"})
def lstsq(A, B, rcond=None, *, driver=None, out=None):
    """The solution of least squares of `A @ X = B`, the sums of squared residuals, the ranks and the singular values."""
    check_matrices("lstsq", A)
    vector = A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape)
    right = B.unsqueeze(-1) if vector else B
    if right.ndim < 2 or right.shape[-2] != A.shape[-2]:
        raise RuntimeError(located(f"linalg.lstsq: input.size(-2) should match other.size(-2), got {A.shape} and {B.shape}"))
    rcond = np.finfo(A._array.dtype).eps * max(A.shape[-2:]) if rcond is None else rcond
    solution = pinv(A, rtol=rcond) @ right
    rank = matrix_rank(A, rtol=rcond)
    m, n = A.shape[-2:]
    if m > n and driver in ("gels", "gelss", "gelsd") and everywhere(rank == n):
        error = (A @ solution - right).abs()
        residuals = (error * error).sum(-2)
    else:
        residuals = solution.abs().reshape(-1)[:0]
    singular = factor_svd(A.detach(), False)[1] if driver in ("gelss", "gelsd") else A.new_empty(0)
    rank = rank if driver in (None, "gelsy", "gelss", "gelsd") else rank.new_empty(0)
    singular = singular.real if singular.is_complex() else singular
    return deliver(LSTSQ((solution.squeeze(-1) if vector else solution, residuals, rank, singular)), out)


@function("linalg")
def tensorinv(A, ind=2, *, out=None):
    """The inverse of `A` as a map of its last dimensions to its first `ind`."""
    rows, columns = A.shape[:ind], A.shape[ind:]
    if ind <= 0 or rows.numel() != columns.numel():
        raise RuntimeError(located(f"linalg.tensorinv: the sizes before and after ind must have one product, but A has {A.shape}"))
    return deliver(inverse(A.reshape(rows.numel(), -1)).reshape(*columns, *rows), out)


@function("linalg", takes={"other": "B"})
def tensorsolve(A, B, dims=None, *, out=None):
    """The solution X of `tensordot(A, X, X.ndim) = B`."""
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if shape.numel() != B.numel():
        raise RuntimeError(located(f"linalg.tensorsolve: the dimensions of A after B's must have as many elements as B, got {A.shape}"))
    return deliver(solve(A.reshape(B.numel(), shape.numel()), B.reshape(-1)).reshape(shape), out)


def exponential(x):
    """The matrix exponential by scaling, a Taylor polynomial of degree 18 and squaring."""
    one = np.eye(x.shape[-1], dtype=x.dtype)
    size = np.where(np.isfinite(x), np.abs(x), 0).sum(-2).max(-1, initial=0)
    squarings = np.maximum(np.ceil(np.log2(np.maximum(size, 1) / 1.09)), 0)  # the polynomial is exact to float64 up to there
    small = x / np.exp2(squarings)[..., None, None]
    out = np.broadcast_to(one, x.shape)
    for k in range(18, 0, -1):
        out = one + np.matmul(small, out) / k
    for k in range(int(squarings.max(initial=0))):  # each matrix as often as it was halved
        out = np.where((k < squarings)[..., None, None], np.matmul(out, out), out)
    return out


@composite(places="torch Tensor linalg", samples=[((3, 3),), ((2, 2, 2),)])
def matrix_exp(x, /):
    """The matrix exponential of square matrices."""
    check_matrices("matrix_exp", x, square=True)
    return cast(exponential(in_double(x)), x.dtype)  # each squaring doubles the error


@matrix_exp.grad("x")
def _(g, x):
    n, back = x.shape[-1], adjoint(x)
    top, bottom = np.concatenate([back, g], -1), np.concatenate([0 * back, back], -1)
    return matrix_exp(np.concatenate([top, bottom], -2))[..., :n, n:]
