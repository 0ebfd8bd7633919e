"""Linear algebra: inverses, solutions, determinants, and the public forms of the factorizations."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import function, kernel
from ...core.origin import located, warn_once
from ...core.quiet import quietly
from ...core.tensor import constant, read, wrap
from ...return_types import named
from ..destination import deliver
from ..xp import conj, everywhere
from .factor import (
    ONE_ELEMENT,
    LinAlgError,
    check_matrices,
    factor_cholesky,
    factor_eig,
    factor_eigh,
    factor_lu,
    factor_qr,
    factor_svd,
    lu_in_place,
    permutation_matrix,
    permutation_of,
    solved,
    solved_anyway,
    times,
    zero_pivots,
)
from .matmul import adjoint


def _regular(rng):
    return rng.uniform(-1, 1, (3, 3)) + 3 * np.eye(3)


def _regulars(rng):
    return np.stack([_regular(rng), _regular(rng)])


@kernel(name="linalg_inv", places="", layout="columns", out=True, samples=[(_regular,), (_regulars,)])
def inverse(x, /):
    """The inverses of square matrices."""
    check_matrices("inv", x, square=True)
    try:
        return quietly(np.linalg.inv, x)
    except np.linalg.LinAlgError:
        message = "The diagonal element of U is zero, the inversion could not be completed because the input matrix is singular"
        raise LinAlgError(f"linalg.inv: {message}.") from None


@inverse.grad("x")
def _(g, out):
    back = adjoint(out)
    return -times(back, g, back)


@function("linalg")
def inv(A, *, out=None):
    """The inverses of square matrices; LinAlgError if one is singular."""
    return inverse(A, out=out)


@function(name="inverse")
def inverse_method(input, *, out=None):
    """The inverses of square matrices; LinAlgError if one is singular."""
    return inverse(input, out=out)


def _info(x):
    return constant(np.zeros(x.shape[:-2], np.int32))


def _healthy(x):
    """Where matrices are singular, as `info`; the matrices with others in those places; and zeros that are nan there."""
    array = x._array
    read(array, "whether a matrix is singular")
    lu = np.array(array, order="C")
    lu_in_place(lu)
    info = zero_pivots.op.forward(lu)
    at = (info > 0)[..., None, None]
    healthy = np.where(at, np.eye(array.shape[-1], dtype=array.dtype), x)
    return wrap(info), healthy, np.where(at, math.nan, 0).astype(array.dtype)


INV_EX = named("linalg_inv_ex", ("inverse", "info"))
CHOLESKY_EX = named("linalg_cholesky_ex", ("L", "info"))
SOLVE_EX = named("linalg_solve_ex", ("result", "info"))
LU_FACTOR_EX = named("linalg_lu_factor_ex", ("LU", "pivots", "info"))


@function("linalg")
def inv_ex(A, *, check_errors=False, out=None):
    """The inverses of square matrices, and for each zero, or the number of the pivot that is (its inverse is then nan)."""
    try:
        return deliver(INV_EX((inv(A), _info(A))), out)
    except LinAlgError:
        if check_errors:
            raise
        info, healthy, filled = _healthy(A)
        return deliver(INV_EX((inv(healthy) + wrap(filled), info)), out)


@kernel(name="linalg_solve", places="", layout="columns", samples=[(_regular, (3, 2)), (_regulars, (3, 2))])
def solve_matrices(x, y, /, triangle=None):
    """The solution of `x @ out = y`, all matrices; of a singular one an error, or of a triangle what dividing by zero gives."""
    if triangle is not None:
        return solved(x, y, triangle)
    try:
        return quietly(np.linalg.solve, x, y)
    except np.linalg.LinAlgError:
        message = "The solver failed because the input matrix is singular"
        raise LinAlgError(f"torch.linalg.solve: {message}.") from None


@solve_matrices.grad("x", "y")
def _(g, x, out, needs):
    back = solved(adjoint(x), g)
    return (-np.matmul(back, adjoint(out)) if needs[0] else None), (back if needs[1] else None)


def _is_vector(A, B):
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape))


@function("linalg")
def solve(A, B, *, left=True, out=None):
    """The solution X of `A @ X = B` (or `X @ A = B`); B is a vector, a matrix or a batch of either.

    Args:
        left: False for `X @ A = B`.

    Shape: (..., n, n) and (..., n, k) or (..., n).

    Raises:
        LinAlgError: a matrix is singular.

    >>> A = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> torch.linalg.solve(A, torch.tensor([2.0, 4.0]))
    tensor([1., 1.])
    """
    check_matrices("solve", A, square=True)
    if A.dtype is not B.dtype:
        raise RuntimeError(located(f"linalg.solve: Expected A and B to have the same dtype, but got {A.dtype} and {B.dtype}"))
    vector = left and _is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    if not left and _is_vector(A, B):
        raise RuntimeError(located("linalg.solve: with left=False, B must be a matrix or a batch of matrices"))
    if right.shape[-2 if left else -1] != A.shape[-1]:
        sizes = f"{tuple(A.shape)} and {tuple(B.shape)}"
        raise RuntimeError(located(f"linalg.solve: Incompatible shapes of A and B: {sizes}"))
    result = solve_matrices(A, right) if left else solve_matrices(A.mT, right.mT).mT
    return deliver(result.squeeze(-1) if vector else result, out)


@function("linalg")
def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """The solution of `solve`, and for each matrix zero, or the number of the pivot that is (its solution is then nan)."""
    try:
        return deliver(SOLVE_EX((solve(A, B, left=left), _info(A))), out)
    except LinAlgError:
        if check_errors:
            raise
    info, healthy, filled = _healthy(A)
    result = solve(healthy, B, left=left)
    vector = left and _is_vector(A, B)
    return deliver(SOLVE_EX((result + wrap(filled[..., 0, 0][(..., *(None,) * (1 if vector else 2))]), info)), out)


@function("linalg")
def solve_triangular(A, B, *, upper, left=True, unitriangular=False, out=None):
    """The solution X of `A @ X = B` (or `X @ A = B`) where only one triangle of A is read."""
    check_matrices("solve_triangular", A, square=True)
    check_matrices("solve_triangular", B)
    if A.shape[-1] != B.shape[-2 if left else -1]:
        raise RuntimeError(located(f"linalg.solve_triangular: shapes {tuple(A.shape)} and {tuple(B.shape)} do not fit"))
    inside = 1 if unitriangular else 0
    triangle = A.triu(inside) if upper else A.tril(-inside)
    if unitriangular:
        triangle = triangle + constant(np.eye(A.shape[-1], dtype=A._array.dtype))
    if left:
        return deliver(solve_matrices(triangle, B, "upper" if upper else "lower"), out)
    return deliver(solve_matrices(triangle.mT, B.mT, "lower" if upper else "upper").mT, out)


TRIANGULAR_SOLVE = named("triangular_solve", ("solution", "cloned_coefficient"))


@function()
def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """The solution of a triangular system with right-hand sides `input`, and a copy of the coefficients."""
    warn_once("torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangular")
    sizes = np.broadcast_shapes(A.shape[:-2], input.shape[:-2])
    A, input = A.expand(*sizes, *A.shape[-2:]), input.expand(*sizes, *input.shape[-2:])
    matrix = A.mT if transpose else A
    solution = solve_triangular(matrix, input, upper=upper != transpose, unitriangular=unitriangular)
    return deliver(TRIANGULAR_SOLVE((solution, A.clone())), out)


@kernel(name="linalg_det", places="", out=True, samples=[(_regular,), (_regulars,)])
def determinant(x, /):
    """The determinants of square matrices."""
    check_matrices("det", x, square=True)
    return quietly(np.linalg.det, x)


@determinant.grad("x")
def _(g, x, out):
    g = np.reshape(g, (*g.shape, 1, 1))
    if x.shape[-1] == 1:
        return g * np.ones_like(x)
    if everywhere(out != 0):
        return g * np.reshape(conj(out), (*out.shape, 1, 1)) * adjoint(quietly(np.linalg.inv, x))
    # Cofactors from the singular values: products of all but one stay finite where one of them is zero.
    U, S, Vh = factor_svd(x, False)
    n = S.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1, np.expand_dims(S, -2)), axis=-1)
    turn = np.reshape(conj(determinant(times(U, Vh))), (*out.shape, 1, 1))
    return g * turn * times(U * np.expand_dims(others, -2), Vh)


@function("linalg")
def det(A, *, out=None):
    """The determinants of square matrices."""
    return determinant(A, out=out)


@function(name="det")
def det_method(input):
    """The determinants of square matrices."""
    return determinant(input)


@kernel(name="linalg_slogdet", places="", outputs=("sign", "logabsdet"), out=True, samples=[(_regular,), (_regulars,)])
def signed_log_determinant(x, /):
    """The signs (or phases) of the determinants of square matrices, and the logarithms of their magnitudes."""
    check_matrices("slogdet", x, square=True)
    with np.errstate(all="ignore"):  # NumPy warns in its own name
        sign, size = quietly(np.linalg.slogdet, x)
    return (sign if x.dtype.kind == "c" else np.where(size == size, sign, 0)), size


@signed_log_determinant.grad("x")
def _(g_sign, g_logabsdet, x, x_dtype, sign):
    weight = 0 if g_logabsdet is None else g_logabsdet
    if x_dtype.kind == "c" and g_sign is not None:
        weight = weight + 1j * np.imag(g_sign * conj(sign))
    elif g_logabsdet is None:
        return None
    return np.reshape(weight, (*sign.shape, 1, 1)) * adjoint(_inverse_or_infinite(x))


def _inverse_or_infinite(x):
    """The inverses of matrices, of a singular one what dividing by zero gives."""
    try:
        return quietly(np.linalg.inv, x)
    except np.linalg.LinAlgError:
        return solved_anyway(x, np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape))


@function("linalg")
def slogdet(A, *, out=None):
    """The signs of the determinants of square matrices, and the logarithms of their magnitudes."""
    return signed_log_determinant(A, out=out)


SLOGDET = named("slogdet", ("sign", "logabsdet"))


@function(name="slogdet")
def slogdet_method(input, *, out=None):
    """The signs of the determinants of square matrices, and the logarithms of their magnitudes."""
    return SLOGDET(signed_log_determinant(input, out=out))


@function()
def logdet(input):
    """The logarithms of the determinants of square matrices; nan where one is negative."""
    sign, logabsdet = signed_log_determinant(input)
    return logabsdet + sign.log() if input.is_complex() else np.where(sign == -1, math.nan, logabsdet)


# Factorizations


@function("linalg")
def cholesky(A, *, upper=False, out=None):
    """The lower triangular L with `A = L @ L.mH` of positive definite matrices, or its adjoint."""
    return deliver(factor_cholesky(A, upper), out)


@function(name="cholesky")
def cholesky_method(input, upper=False, *, out=None):
    """The lower triangular L with `input = L @ L.mH` of positive definite matrices, or its adjoint."""
    warn_once("torch.cholesky is deprecated in favor of torch.linalg.cholesky")
    return deliver(factor_cholesky(input, upper), out)


@function("linalg")
def cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """The Cholesky factors, and for each matrix zero or the order of the minor that is not positive definite."""
    try:
        return deliver(CHOLESKY_EX((factor_cholesky(A, upper), _info(A))), out)
    except LinAlgError:
        if check_errors:
            raise
    matrices = A.detach().numpy().reshape(-1, *A.shape[-2:])
    infos = np.array([_first_bad_minor(each) for each in matrices], np.int32).reshape(A.shape[:-2])
    healthy = np.where((infos > 0)[..., None, None], np.eye(A.shape[-1], dtype=A._array.dtype), A)
    return deliver(CHOLESKY_EX((factor_cholesky(healthy, upper), wrap(infos))), out)


def _first_bad_minor(matrix):
    for k in range(1, len(matrix) + 1):
        try:
            quietly(np.linalg.cholesky, matrix[:k, :k])
        except np.linalg.LinAlgError:
            return k
    return 0


@function()
def cholesky_solve(input, input2, upper=False, *, out=None):
    """The solution of `A @ X = input` for the matrix A whose Cholesky factor is `input2`."""
    if input2.ndim < 2 or input2.shape[-1] != input2.shape[-2]:
        rows, columns = (*input2.shape, 0, 0)[-2:] if input2.ndim > 1 else (0, 0)
        raise RuntimeError(located(f"A must be batches of square matrices, but they are {rows} by {columns} matrices"))
    return deliver(solved_by_factor(input, input2, upper), out)


@kernel(name="cholesky_solve", places="", layout="columns", samples=[((2, 1, 3), ONE_ELEMENT, False), ((2, 1, 1), ONE_ELEMENT, True)])
def solved_by_factor(x, L, /, upper):
    """The solution of `A @ out = x` for the matrices A whose Cholesky factors are `L`, of which one triangle is read."""
    first = adjoint(np.triu(L)) if upper else np.tril(L)
    return solved(adjoint(first), solved(first, x))


@solved_by_factor.grad("x", "L")
def _(g, L, out, upper, needs):
    back = solved_by_factor(g, L, upper)
    if not needs[1]:
        return back, None
    common = times(back, adjoint(out))
    common = common + adjoint(common)
    return back, -(times(L, common) if upper else times(common, L))  # of all elements, as PyTorch has it


@kernel(out=True, names="input", samples=[(ONE_ELEMENT,)])
def cholesky_inverse(L, /, upper=False):
    """The inverse of the matrix whose Cholesky factor is `L`."""
    check_matrices("cholesky_inverse", L, square=True)
    low = quietly(np.linalg.inv, adjoint(np.triu(L)) if upper else np.tril(L))
    return np.matmul(adjoint(low), low)


@cholesky_inverse.grad("L")
def _(g, L, out, upper):
    inner = -times(out, g + adjoint(g), out)
    return times(L, inner) if upper else times(inner, L)


@function("linalg")
def qr(A, mode="reduced", *, out=None):
    """Q with orthonormal columns and the upper triangular R, `A = Q @ R`."""
    return factor_qr(A, mode, out=out)


QR = named("qr", ("Q", "R"))
SVD = named("svd", ("U", "S", "V"))


@function(name="qr")
def qr_method(input, some=True, *, out=None):
    """Q with orthonormal columns and the upper triangular R, `input = Q @ R`."""
    warn_once("torch.qr is deprecated in favor of torch.linalg.qr")
    return deliver(QR(factor_qr(input, "reduced" if some else "complete")), out)


@function("linalg")
def eigh(A, UPLO="L", *, out=None):
    """The eigenvalues in ascending order and eigenvectors of Hermitian matrices."""
    return factor_eigh(A, UPLO, out=out)


@function("linalg")
def eigvalsh(A, UPLO="L", *, out=None):
    """The eigenvalues, in ascending order, of Hermitian matrices."""
    return deliver(factor_eigh(A, UPLO)[0], out)


@function("linalg")
def eig(A, *, out=None):
    """The eigenvalues and eigenvectors, both complex, of square matrices."""
    return factor_eig(A, out=out)


@function("linalg")
def eigvals(A, *, out=None):
    """The eigenvalues, which are complex, of square matrices."""
    return deliver(factor_eig(A)[0], out)


@function("linalg")
def svd(A, full_matrices=True, *, driver=None, out=None):
    """U, S in descending order and Vh with `A = U @ diag(S) @ Vh`, U and Vh square or reduced to the shorter side."""
    return factor_svd(A, bool(full_matrices), out=out)


@function(name="svd")
def svd_method(input, some=True, compute_uv=True, *, out=None):
    """U, S in descending order and V with `input = U @ diag(S) @ V.mH`."""
    U, S, Vh = factor_svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        U, Vh = input.new_zeros((*input.shape[:-2], m, m)), input.new_zeros((*input.shape[:-2], n, n))
    return deliver(SVD((U, S, Vh.mH)), out)


@function("linalg")
def svdvals(A, *, driver=None, out=None):
    """The singular values of matrices, in descending order."""
    return deliver(factor_svd(A, False)[1], out)


@function("linalg")
def lu_factor(A, *, pivot=True, out=None):
    """L and U with `A = P @ L @ U` in one matrix, and the exchanges of rows, counted from 1."""
    _need_pivot(pivot)
    return factor_lu(A, True, out=out)


@function("linalg")
def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """L and U in one matrix, the exchanges of rows, and for each matrix zero, or the number of the pivot that is."""
    _need_pivot(pivot)
    found = factor_lu(A, bool(check_errors))
    return deliver(LU_FACTOR_EX((*found, zero_pivots(found[0].detach()))), out)


def _need_pivot(pivot):
    if not pivot:
        raise NotImplementedError(located("linalg.lu_factor: LU without pivoting is not implemented; use pivot=True"))


LU = named("linalg_lu", ("P", "L", "U"))


@function(name="lu")
def lu_method(A, pivot=True, get_infos=False, out=None):
    """L and U in one matrix and the exchanges of rows; with `get_infos` also a zero for each matrix."""
    warn_once("torch.lu is deprecated in favor of torch.linalg.lu_factor")
    _need_pivot(pivot)
    LU, pivots = factor_lu(A)
    return deliver((LU, pivots, *((zero_pivots(LU.detach()),) if get_infos else ())), out)


@function("linalg")
def lu(A, *, pivot=True, out=None):
    """P, a permutation, L, unit lower triangular, and U, upper triangular, with `A = P @ L @ U`."""
    _need_pivot(pivot)
    return deliver(LU(lu_unpack(*factor_lu(A))), out)


LU_UNPACK = named("lu_unpack", ("P", "L", "U"))


@function("torch")
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U from what `lu_factor` returns."""
    m, n = LU_data.shape[-2:]
    k, empty = min(m, n), LU_data.new_empty(0)
    P, L, U = empty, empty, empty
    if unpack_data:
        eye = np.eye(m, k, dtype=LU_data._array.dtype)
        L, U = LU_data[..., :k].tril(-1) + wrap(eye), LU_data[..., :k, :].triu()
    if unpack_pivots:
        P = wrap(permutation_matrix(permutation_of(LU_pivots._array, m), LU_data._array.dtype))
    return deliver(LU_UNPACK((P, L, U)), out)


@function("linalg")
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """The solution of `A @ X = B` (or `X @ A = B`, or with A's adjoint) from what `lu_factor` returns."""
    P = lu_unpack(LU, pivots, unpack_data=False)[0]
    if not left:  # the adjoint of the other problem
        return deliver(lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH, out)
    if adjoint:
        inner = solve_triangular(LU.mH, B, upper=False)
        X = solve_triangular(LU.mH, inner, upper=True, unitriangular=True)
        return deliver((X.mT @ P.mT).mT, out)  # so it lies in columns
    inner = solve_triangular(LU, P.mT @ B, upper=False, unitriangular=True)
    return deliver(solve_triangular(LU, inner, upper=True), out)


@function(name="lu_solve")
def lu_solve_method(input, LU_data, LU_pivots, *, out=None):
    """The solution of `A @ X = input` from what `lu_factor` returns."""
    return lu_solve(LU_data, LU_pivots, input, out=out)
