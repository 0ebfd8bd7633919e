"""Factorizations of matrices and batches of them: Cholesky, QR, LU, eigenvalues, singular values."""

from __future__ import annotations

import math
import warnings

import numpy as np

from ...core.declare import kernel, publish
from ...core.quiet import quietly
from ..xp import conj
from .matmul import adjoint


class LinAlgError(RuntimeError):
    """The matrix has no such factorization or inverse."""


publish(LinAlgError, "LinAlgError", ["linalg"])


def check_matrices(name, x, square=False, floats=True):
    """RuntimeError unless `x` is a matrix or a batch of them, of floats, and square if they must be."""
    if x.ndim < 2:
        raise RuntimeError(f"linalg.{name}: The input tensor A must have at least 2 dimensions.")
    if square and x.shape[-1] != x.shape[-2]:
        raise RuntimeError(f"linalg.{name}: A must be batches of square matrices, but they are {x.shape[-2]} by {x.shape[-1]} matrices")
    if floats and x.dtype.kind in "biu":
        raise RuntimeError(f"linalg.{name}: Expected a floating point or complex tensor as input. Got {x.dtype.name}")


def numpy_linalg(function, *args, **kwargs):
    """A function of `numpy.linalg`, its error made ours."""
    try:
        return quietly(function, *args, **kwargs)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"The algorithm failed to converge or the input is singular: {error}") from None


def finite_svd(x, full_matrices):
    """U, S and Vh of matrices, nan for those that hold an infinity, LinAlgError for nan: LAPACK may never come back from either."""
    finite = np.isfinite(x).all((-2, -1))
    if finite.all():
        return tuple(numpy_linalg(np.linalg.svd, x, full_matrices))
    if np.isnan(x).any():
        why = "the input matrix contained non-finite values"
        raise LinAlgError(f"linalg.svd: The algorithm failed to converge because {why}.")
    parts = numpy_linalg(np.linalg.svd, np.where(finite[..., None, None], x, 0), full_matrices)
    return tuple(np.where(finite.reshape(finite.shape + (1,) * (p.ndim - finite.ndim)), p, p.dtype.type(math.nan)) for p in parts)


def with_diagonal(x, diagonal):
    """`x` with its diagonal replaced."""
    n = x.shape[-1]
    return np.where(np.eye(n, dtype=bool), np.expand_dims(diagonal, -1), x)


def diagonal(x):
    """The diagonals of the matrices in `x`."""
    return np.diagonal(x, 0, -2, -1)


def solved(x, y, triangle=None):
    """The solution of `x @ out = y` for matrices; what dividing by zero gives where one is singular."""
    try:
        return quietly(np.linalg.solve, x, y)
    except np.linalg.LinAlgError:
        return solved_anyway(x, y, triangle)


def solved_anyway(x, y, triangle=None):
    """The solution of `x @ out = y` for matrices of which some are singular, by dividing by zero; a `triangle` is "lower" or "upper"."""
    import scipy.linalg

    def solution(a, b):
        if triangle is None:
            return scipy.linalg.lu_solve(scipy.linalg.lu_factor(a, check_finite=False), b, check_finite=False)
        return scipy.linalg.get_blas_funcs("trsm", (a, b))(1, a, b, lower=triangle == "lower")

    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    matrices = np.broadcast_to(x, (*shape, *x.shape[-2:])).reshape(-1, *x.shape[-2:])
    sides = np.broadcast_to(y, (*shape, *y.shape[-2:])).reshape(-1, *y.shape[-2:])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [solution(a, b) for a, b in zip(matrices, sides, strict=True)]
    return np.stack(found).reshape(*shape, *y.shape[-2:])


@kernel(name="lu_info", places="")
def zero_pivots(x, /):
    """For each matrix of L and U zero, or the number, from 1, of the first pivot that is zero."""
    zero = np.concatenate([diagonal(x) == 0, np.ones((*x.shape[:-2], 1), bool)], -1)
    found = np.argmax(zero, -1) + 1
    return np.asarray(np.where(found == zero.shape[-1], 0, found), np.int32)


def times(*factors):
    """The product of matrices, from left to right."""
    out = factors[0]
    for factor in factors[1:]:
        out = np.matmul(out, factor)
    return out


# The gradients of functions of Hermitian or triangular matrices suppose that these are changed within their kind. What a test
# does, which changes one element at a time, it can do to matrices of one element alone.
ONE_ELEMENT = lambda rng: rng.uniform(0.5, 2, (2, 1, 1))  # noqa: E731


@kernel(name="linalg_cholesky", places="", layout="columns", samples=[(ONE_ELEMENT, False), (ONE_ELEMENT, True)])
def factor_cholesky(x, /, upper):
    """The lower triangular L with `x = L @ L.mH`, or its adjoint."""
    check_matrices("cholesky", x, square=True)
    try:
        lower = quietly(np.linalg.cholesky, x)
    except np.linalg.LinAlgError:
        message = "The factorization could not be completed because the input is not positive-definite"
        raise LinAlgError(f"linalg.cholesky: {message}.") from None
    return adjoint(lower) if upper else lower


@factor_cholesky.grad("x")
def _(g, out, upper):
    lower, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    inner = np.tril(times(adjoint(lower), g))
    inner = (inner + adjoint(np.tril(inner, -1))) * 0.5
    return adjoint(solved(adjoint(lower), adjoint(solved(adjoint(lower), inner))))


TALL_AND_WIDE = [((3, 3),), ((2, 4, 3),), ((2, 3),)]


@kernel(name="linalg_qr", places="", layout="columns", out=True, outputs=("Q", "R"), samples=[(*s, "reduced") for s in TALL_AND_WIDE])
def factor_qr(x, /, mode):
    """Q with orthonormal columns and R upper triangular, `x = Q @ R`."""
    check_matrices("qr", x)
    if mode == "r":
        return np.zeros(0, x.dtype), quietly(np.linalg.qr, x, "r")
    if mode not in ("reduced", "complete"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")
    return tuple(quietly(np.linalg.qr, x, mode))


@factor_qr.grad("x")
def _(g_Q, g_R, Q, R, mode):
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "r":
        raise RuntimeError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'")
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols")
    if m >= n:
        return _qr_slope(g_Q, g_R, Q, R)
    g_Q = 0 * Q if g_Q is None else g_Q
    g_R = 0 * R if g_R is None else g_R
    left, right = g_R[..., :m], g_R[..., m:]
    g_Q = g_Q + times(Q, R[..., m:], adjoint(right))
    return np.concatenate([_qr_slope(g_Q, left, Q, R[..., :m]), times(Q, right)], -1)


def _qr_slope(g_Q, g_R, Q, R):
    """The gradient of a matrix with at least as many rows as columns."""
    inner = 0 if g_R is None else times(g_R, adjoint(R))
    inner = inner if g_Q is None else inner - times(adjoint(Q), g_Q)
    inner = np.triu(inner)
    inner = inner + adjoint(inner)
    outer = times(Q, with_diagonal(inner, diagonal(inner) * 0.5))
    outer = outer if g_Q is None else outer + g_Q
    return adjoint(solved(R, adjoint(outer)))


@kernel(
    name="linalg_eigh", places="", layout="columns", out=True, outputs=("eigenvalues", "eigenvectors"),
    samples=[(ONE_ELEMENT, "L")],
)  # fmt: skip
def factor_eigh(x, /, UPLO):
    """The eigenvalues, in ascending order, and eigenvectors of Hermitian matrices, of which one triangle is read."""
    check_matrices("eigh", x, square=True)
    if UPLO not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return tuple(numpy_linalg(np.linalg.eigh, x, UPLO.upper()))


@factor_eigh.grad("x")
def _(g_eigenvalues, g_eigenvectors, eigenvalues, eigenvectors):
    V = eigenvectors
    if g_eigenvectors is None:
        return _hermitian(times(V * np.expand_dims(g_eigenvalues, -2), adjoint(V)))
    gaps = np.expand_dims(eigenvalues, -2) - np.expand_dims(eigenvalues, -1)
    inner = times(adjoint(V), g_eigenvectors) / with_diagonal(gaps, np.ones_like(eigenvalues))
    inner = with_diagonal(inner, 0 * eigenvalues if g_eigenvalues is None else g_eigenvalues)
    return _hermitian(times(V, inner, adjoint(V)))


def _hermitian(x):
    return (x + adjoint(x)) * 0.5


@kernel(name="linalg_eig", places="", layout="columns", out=True, outputs=("eigenvalues", "eigenvectors"), samples=[(ONE_ELEMENT,)])
def factor_eig(x, /):
    """The eigenvalues and eigenvectors of square matrices, which are complex."""
    check_matrices("eig", x, square=True)
    if not np.isfinite(x).all():
        raise RuntimeError("linalg.eig: input tensor should not contain infs or NaNs.")
    kind = np.complex64 if x.dtype in (np.float32, np.complex64) else np.complex128
    return tuple(r.astype(kind) for r in numpy_linalg(np.linalg.eig, x))


@factor_eig.grad("x")
def _(g_eigenvalues, g_eigenvectors, eigenvalues, eigenvectors, x_dtype):
    V, inner = eigenvectors, 0 * eigenvectors
    if g_eigenvectors is not None:
        mixed = times(adjoint(V), g_eigenvectors)
        inner = mixed - times(adjoint(V), V * np.expand_dims(np.real(diagonal(mixed)), -2))
        gaps = np.expand_dims(eigenvalues, -2) - np.expand_dims(eigenvalues, -1)
        inner = inner / conj(with_diagonal(gaps, np.ones_like(eigenvalues)))
    inner = with_diagonal(inner, 0 * eigenvalues if g_eigenvalues is None else g_eigenvalues)
    out = solved(adjoint(V), times(inner, adjoint(V)))
    return out if x_dtype.kind == "c" else np.real(out)


@kernel(name="linalg_svd", places="", out=True, outputs=("U", "S", "Vh"), samples=[(*s, False) for s in TALL_AND_WIDE])
def factor_svd(x, /, full_matrices):
    """U and Vh with orthonormal columns and rows and S, in descending order, with `x = U @ diag(S) @ Vh`."""
    check_matrices("svd", x)
    return finite_svd(x, full_matrices)


@factor_svd.grad("x")
def _(g_U, g_S, g_Vh, U, S, Vh):
    k = S.shape[-1]
    if U.shape[-1] > k or Vh.shape[-2] > k:  # only the part that the matrix determines can have a gradient
        U, Vh = U[..., :k], Vh[..., :k, :]
        g_U = None if g_U is None else g_U[..., :k]
        g_Vh = None if g_Vh is None else g_Vh[..., :k, :]
    if g_U is None and g_Vh is None:
        return times(U * np.expand_dims(g_S, -2), Vh)
    squares = S * S
    gaps = with_diagonal(np.expand_dims(squares, -2) - np.expand_dims(squares, -1), np.ones_like(S))
    row, column = np.expand_dims(S, -2), np.expand_dims(S, -1)
    inner = 0 if g_S is None else with_diagonal(np.zeros_like(gaps), g_S)
    beyond = 0
    if g_U is not None:
        mixed = times(adjoint(U), g_U)
        inner = inner + _skew(mixed) / gaps * row
        if U.dtype.kind == "c":
            inner = inner + with_diagonal(np.zeros_like(mixed), 1j * np.imag(diagonal(mixed)) / S)
        if U.shape[-2] > k:
            beyond = times((g_U - times(U, mixed)) / row, Vh)
    if g_Vh is not None:
        mixed = times(Vh, adjoint(g_Vh))
        inner = inner + column * (_skew(mixed) / gaps)
        if Vh.shape[-1] > k:
            beyond = beyond + times(U, (g_Vh - times(adjoint(mixed), Vh)) / column)
    return times(U, inner, Vh) + beyond


def _skew(x):
    return x - adjoint(x)


def lu_in_place(a):
    """Gaussian elimination with row exchanges: `a` becomes L below and U above the diagonal; returns the exchanges."""
    m, n = a.shape[-2:]
    flat = a.reshape(math.prod(a.shape[:-2]), m, n)
    batch, k = np.arange(len(flat)), min(m, n)
    pivots = np.zeros((len(flat), k), np.int32)
    for j in range(k):
        column = flat[:, j:, j]
        size = np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)  # LAPACK's measure
        row = j + np.argmax(size, axis=1)
        pivots[:, j] = row + 1
        flat[batch, row], flat[:, j] = flat[:, j].copy(), flat[batch, row]
        pivot = flat[:, j, j, None]
        flat[:, j + 1 :, j] /= np.where(pivot == 0, 1, pivot)
        flat[:, j + 1 :, j + 1 :] -= flat[:, j + 1 :, j, None] * flat[:, j, None, j + 1 :]
    return pivots.reshape(*a.shape[:-2], k)


def permutation_of(pivots, m):
    """The order of rows that a sequence of exchanges (counted from 1) leads to."""
    rows = np.arange(m)
    order = np.broadcast_to(rows, (*pivots.shape[:-1], m))
    for j in range(pivots.shape[-1]):
        other = pivots[..., j : j + 1] - 1
        order = np.where(rows == j, np.take_along_axis(order, other, -1), np.where(rows == other, order[..., j : j + 1], order))
    return order


def permutation_matrix(order, dtype):
    """P with `P @ L @ U = x` from the order of rows."""
    return (order[..., None, :] == np.arange(order.shape[-1])[:, None]).astype(dtype)


@kernel(name="linalg_lu_factor", places="", layout="columns", out=True, outputs=("LU", "pivots"), samples=[(s[0],) for s in TALL_AND_WIDE])
def factor_lu(x, /, refuse=False):
    """L and U in one matrix, and the exchanges of rows, counted from 1; with `refuse` RuntimeError where a pivot is zero."""
    check_matrices("lu_factor", x)
    out = np.array(x, order="C")
    pivots = lu_in_place(out)
    if refuse and (diagonal(out) == 0).any():
        at = zero_pivots.op.forward(out)
        first = int(at[at > 0].reshape(-1)[0])
        hint = "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        message = f"U[{first},{first}] is zero and using it on lu_solve would result in a division by zero. {hint}"
        raise RuntimeError(f"torch.linalg.lu_factor: {message}")
    return out, pivots


@factor_lu.grad("x")
def _(g, LU, pivots):
    m, n = LU.shape[-2:]
    k = min(m, n)
    order = permutation_of(pivots, m)
    P = permutation_matrix(order, np.dtype(LU.dtype.name))
    lower = with_diagonal(np.tril(LU[..., :k, :k], -1), np.ones(k, P.dtype))
    upper = np.triu(LU[..., :k, :k])
    inner = np.tril(times(adjoint(lower), g[..., :k, :k]), -1) + np.triu(times(g[..., :k, :k], adjoint(upper)))
    if n > m:  # U has columns beyond the square
        right, g_right = LU[..., k:], g[..., k:]
        inner = inner - np.tril(times(g_right, adjoint(right)), -1)
        out = adjoint(solved(upper, adjoint(solved(adjoint(lower), inner))))
        return times(P, np.concatenate([out, solved(adjoint(lower), g_right)], -1))
    if m > n:
        below, g_below = LU[..., k:, :], g[..., k:, :]
        inner = inner - np.triu(times(adjoint(below), g_below))
        out = adjoint(solved(upper, adjoint(solved(adjoint(lower), inner))))
        return times(P, np.concatenate([out, adjoint(solved(upper, adjoint(g_below)))], -2))
    return times(P, adjoint(solved(upper, adjoint(solved(adjoint(lower), inner)))))
