"""Products of matrices of which at least one is sparse, by SciPy's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import function, sparse
from ...core.dispatch import under_name
from ...core.origin import located
from ...core.precision import FLOAT32, is_narrow
from ...core.sparse import Compressed, Coordinates, Sparse
from ...core.sparse_tensor import SparseTensor, refused, sparse_coo, sparse_csr, takes_sparse
from ...core.tensor import Tensor
from ..math.arithmetic import add
from ..math.complexes import conj_physical
from ..xp import conj
from .convert import SHOWN, in_another
from .shape import transpose
from .values import held, is_sparse, take, to_dense, values_of, with_values

CHUNK = 1 << 20  # elements of rows that are picked at a time


def scipy_matrix(x: Any) -> Any:
    """SciPy's matrix of a sparse array, which need not be coalesced, on its memory where that lies so."""
    import scipy.sparse

    values = x.values.astype(FLOAT32) if is_narrow(x.dtype) else x.values
    if isinstance(x, Compressed):
        if x.blocked:
            if not x.by_rows:
                return scipy_matrix(x.T).T
            return scipy.sparse.bsr_array((values, x.indices, x.pointers), x.shape)
        kind = scipy.sparse.csr_array if x.by_rows else scipy.sparse.csc_array
        return kind((values, x.indices, x.pointers), x.shape)
    rows, columns = x.indices
    if not x.coalesced and not np.all(rows[1:] >= rows[:-1]):
        if np.all(columns[1:] >= columns[:-1]):
            return scipy.sparse.csc_array((values, rows, _starts(columns, x.shape[1])), x.shape)
        order = np.argsort(rows, kind="stable")
        rows, columns, values = rows[order], columns[order], values[order]
    return scipy.sparse.csr_array((values, columns, _starts(rows, x.shape[0])), x.shape)


def _starts(lines: Any, count: int) -> Any:
    """Where each of so many lines begins among their numbers, which are in order, and the last one's end."""
    return np.concatenate([[0], np.cumsum(np.bincount(lines, minlength=count))])


@sparse(node="MmBackward0")
def product(x, y, /, masked):
    """The matrix product of two matrices, one of them sparse or both; it is sparse if both are.

    The gradient of a sparse one is that of its kept elements alone if it is `masked`, and dense otherwise.
    """
    dtype = x.dtype
    if not isinstance(y, Sparse):
        y = y.astype(FLOAT32) if is_narrow(y.dtype) else y
        return np.ascontiguousarray(scipy_matrix(x) @ y).astype(dtype, copy=False)
    if not isinstance(x, Sparse):
        x = x.astype(FLOAT32) if is_narrow(x.dtype) else x
        return np.ascontiguousarray((scipy_matrix(y).T @ x.T).T).astype(dtype, copy=False)
    found = (scipy_matrix(x) @ scipy_matrix(y)).tocsr()
    found.sort_indices()
    values = found.data.astype(dtype, copy=False)
    made = Compressed(found.indptr.astype(np.int64), found.indices.astype(np.int64), values, found.shape, sparse_csr)
    return made.coordinates() if isinstance(x, Coordinates) else made


@product.grad("x")
def _(g, x, y, masked):
    if not is_sparse(x):
        return _dense_product(g, _adjoint(y))
    if masked or is_sparse(y):
        return _at_places(g, y, x)
    return _dense_product(g, _adjoint(y))


@product.grad("y")
def _(g, x, y, masked):
    if not is_sparse(y):
        return _dense_product(_adjoint(x), g)
    if masked or is_sparse(x):
        return _transposed(_at_places(_transposed(g), _transposed(x), _transposed(y)))
    return _dense_product(_adjoint(x), g)


def _adjoint(x: Any) -> Any:
    if not is_sparse(x):
        return conj(x).T
    flipped = _transposed(x)
    if held(x).dtype.kind != "c":
        return flipped
    return conj_physical(flipped) if isinstance(x, Tensor) else flipped.with_values(np.conj(flipped.values))


def _transposed(x: Any) -> Any:
    return transpose(x, 0, 1) if isinstance(x, SparseTensor) else x.T


def _dense_product(x: Any, y: Any) -> Any:
    """The product of two matrices, dense if one of them is."""
    return product(x, y, False) if is_sparse(x) or is_sparse(y) else x @ y


def _at_places(g: Any, y: Any, x: Any) -> Any:
    """The elements of `g` times the adjoint of `y` at the places of the sparse `x`."""
    pattern = held(x)
    pattern = pattern.distinct()[0] if isinstance(pattern, Coordinates) else pattern
    if is_sparse(g) or is_sparse(y):
        return with_values(take(_dense_product(g, _adjoint(y)), pattern, True), pattern)
    return with_values(sampled(g, conj(y), pattern), pattern)


@sparse(node="SparseSampledAddmmBackward0")
def sampled(x, y, /, pattern):
    """The products of the rows of `x` and of `y` that the places of a sparse array name."""
    rows, others = pattern.coordinates().indices
    wide = x.astype(FLOAT32) if is_narrow(x.dtype) else x
    out = np.empty(rows.size, wide.dtype)
    step = max(CHUNK // max(x.shape[1], 1), 1)
    for start in range(0, rows.size, step):
        some = slice(start, start + step)
        np.einsum("ij,ij->i", wide[rows[some]], y[others[some]], out=out[some], casting="unsafe")
    return out.astype(x.dtype, copy=False)


@sampled.grad("x")
def _(g, y, pattern):
    return product(with_values(g, pattern), conj(y), False)


@sampled.grad("y")
def _(g, x, pattern):
    return product(_transposed(with_values(g, pattern)), conj(x), False)


# The functions of torch


def _check(x: Any, y: Any) -> None:
    """RuntimeError unless two matrices can be multiplied."""
    for each in (x, y):
        if isinstance(each, SparseTensor) and isinstance(held(each), Compressed) and held(each).batch_dim:
            raise NotImplementedError(located("products of batches of compressed matrices are not there: multiply them one by one"))
        if each.ndim != 2 or (isinstance(each, SparseTensor) and held(each).sparse_dim != 2):
            dims = held(each).sparse_dim if isinstance(each, SparseTensor) else each.ndim
            kind = IndexError if not isinstance(each, SparseTensor) and each.ndim < 2 else RuntimeError
            raise kind(located(f"addmm: matrices expected, got {dims}D tensor"))
    if x.shape[1] != y.shape[0]:
        sizes = f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and {y.shape[0]}x{y.shape[1]})"
        raise RuntimeError(located(f"addmm: Expected dim 0 size {x.shape[1]}, got {y.shape[0]}: {sizes}"))
    if x.dtype is not y.dtype:
        raise RuntimeError(located(f"expected scalar type {x.dtype} but found {y.dtype}: both matrices must be of one dtype"))
    if isinstance(x, SparseTensor) and isinstance(y, SparseTensor) and (x.layout is sparse_coo) != (y.layout is sparse_coo):
        layouts = f"{SHOWN[x.layout]} @ {SHOWN[y.layout]}"
        raise RuntimeError(located(f"addmm: computation on CPU is not implemented for {layouts}: convert one of them"))


def multiplied(x: Any, y: Any, masked: bool) -> Any:
    """The product of two matrices, under PyTorch's name."""
    _check(x, y)
    both = isinstance(x, SparseTensor) and isinstance(y, SparseTensor)
    out = product(x, y, masked)
    return under_name("SparseSparseMatmulBackward0" if both else "SparseAddmmBackward0" if masked else "MmBackward0", out)


@takes_sparse("mm")
def mm(x: Any, y: Any) -> Any:
    """The product of two matrices."""
    return multiplied(x, y, False)


@takes_sparse("matmul")
def matmul(x: Any, y: Any) -> Any:
    """The product of matrices, or of a matrix and a vector."""
    if x.ndim > 2 or y.ndim > 2:
        _check(x, y)
        raise RuntimeError(located("expand is unsupported for Sparse tensors: batches of sparse matrices are multiplied by bmm()"))
    if y.ndim == 1 and isinstance(x, SparseTensor):
        return mv(x, y)
    if x.ndim == 1 and isinstance(y, SparseTensor):
        return mv(transpose(y, 0, 1), x)
    return multiplied(x, y, False)


@takes_sparse("mv")
def mv(x: Any, y: Any) -> Any:
    """The product of a sparse matrix and a vector."""
    if x.ndim != 2 or y.ndim != 1 or isinstance(y, SparseTensor):
        raise RuntimeError(located(f"mv: two tensor dim should be 2 and 1, but got SparseTensor Dim: {x.ndim}Tensor Dim: {y.ndim}"))
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(located(f"mv: expected self.size(-1) == vec.size(-1), got {x.shape[1]} and {y.shape[0]}"))
    return under_name("MvBackward0", multiplied(x, y.unsqueeze(1), False).squeeze(1))


@takes_sparse("bmm")
def bmm(x: Any, y: Any) -> Any:
    """The products of a batch of sparse matrices and one of dense ones: that of one large matrix with blocks."""
    if not isinstance(x, SparseTensor) or isinstance(y, SparseTensor) or held(x).sparse_dim != 3 or x.ndim != 3 or y.ndim != 3:
        raise refused("bmm", (x, y))
    if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
        raise RuntimeError(located(f"bmm: the sizes {list(x.shape)} and {list(y.shape)} do not fit"))
    count, n, m = x.shape
    batch, rows, columns = held(x).indices
    blocks = Coordinates(np.stack([batch * n + rows, batch * m + columns]), held(x).values, (count * n, count * m), held(x).coalesced)
    out = product(with_values(values_of(x), blocks), y.reshape(count * m, y.shape[2]), False)
    return under_name("BmmBackward0", out.reshape(count, n, y.shape[2]))


def _plus_product(input: Any, mat1: Any, mat2: Any, beta: Any, alpha: Any, masked: bool) -> Any:
    if isinstance(input, SparseTensor) or not (isinstance(mat1, SparseTensor) or isinstance(mat2, SparseTensor)):
        kinds = f"{SHOWN.get(input.layout)} + {SHOWN.get(mat1.layout)} @ {SHOWN.get(mat2.layout)}"
        raise RuntimeError(located(f"addmm: computation on CPU is not implemented for {kinds}: the sum is to be dense"))
    out = multiplied(mat1, mat2, masked)
    if isinstance(out, SparseTensor):
        if out.layout is sparse_coo:
            layouts = f"'mat1' with layout {SHOWN[mat1.layout]} and 'mat2' with layout {SHOWN[mat2.layout]}"
            raise RuntimeError(located(f"addmm_sparse_dense: expected either 'mat1' to have sparse layout, got {layouts}"))
        out = to_dense(out, True, None)
    out = out if alpha == 1 else out * alpha
    if beta != 0:
        out = add(input if beta == 1 else input * beta, out)
    return under_name("SparseAddmmBackward0" if masked else "AddmmBackward0", out)


@takes_sparse("addmm")
def addmm(x: Any, y: Any, z: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    """`beta * x + alpha * (y @ z)`."""
    return _plus_product(x, y, z, beta, alpha, False)


@takes_sparse("linear")
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """`x @ weight.T + bias`."""
    flipped = transpose(weight, 0, 1) if isinstance(weight, SparseTensor) else weight.T
    out = multiplied(x, flipped, False)
    return out if bias is None else out + bias


@function("torch", aliases=("dsmm",))
def spmm(input: Any, mat2: Any) -> Any:
    """The product of two matrices, one of them sparse."""
    return input @ mat2 if input.ndim == mat2.ndim == 2 else mm(input, mat2)


@function("sparse", name="mm")
def sparse_mm(mat1: Tensor, mat2: Tensor, reduce: str | None = None) -> Any:
    """The product of two matrices, one of them sparse, whose gradient is that of the kept elements; sparse if both are."""
    if reduce is not None:
        return _reduced(mat1, mat2, reduce)
    if not (isinstance(mat1, SparseTensor) or isinstance(mat2, SparseTensor)):
        raise RuntimeError(located("sparse.mm(): one of the matrices must be sparse: use torch.mm()"))
    return multiplied(mat1, mat2, True)


@function("sparse", name="addmm")
def sparse_addmm(mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1.0, alpha: Any = 1.0) -> Any:
    """`beta * mat + alpha * (mat1 @ mat2)`, where the gradient of a sparse matrix is that of its kept elements."""
    return _plus_product(mat, mat1, mat2, beta, alpha, True)


@function("sparse", name="sampled_addmm")
def sampled_addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0, out: Any = None) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)` at the places of the sparse `input`, which is compressed by rows."""
    if not isinstance(input, SparseTensor) or input.layout is sparse_coo:
        raise refused("sparse_sampled_addmm", (input,))
    if input.layout is not sparse_csr:
        raise RuntimeError(located(f"sampled_addmm: Expected result to have sparse csr layout, but got {SHOWN[input.layout]}"))
    for name, each in (("mat1", mat1), ("mat2", mat2)):
        if isinstance(each, SparseTensor) or each.ndim < 2:
            raise RuntimeError(located(f"sampled_addmm: Expected {name} to be a dense matrix, got {each.ndim} dimensions, {each.layout}"))
    if mat1.shape[1] != mat2.shape[0] or (mat1.shape[0], mat2.shape[1]) != tuple(input.shape):
        sizes = f"{list(mat1.shape)} and {list(mat2.shape)} for {list(input.shape)}"
        raise RuntimeError(located(f"sampled_addmm: mat1 and mat2 shapes cannot be multiplied: {sizes}"))
    values = sampled(mat1, mat2.T, input._sparse)
    values = values if alpha == 1 else values * alpha
    own = values_of(input)
    values = values if beta == 0 else values + (own if beta == 1 else own * beta)
    made = under_name("SparseSampledAddmmBackward0", with_values(values, input._sparse))
    if out is not None:
        out._sparse = made._held
        return out
    return made


def _reduced(mat1: Any, mat2: Any, reduce: str) -> Tensor:
    """For each row and column the sum, mean, or extreme, of the products that the product of matrices adds up."""
    if reduce not in ("sum", "mean", "amax", "amin"):
        raise RuntimeError(located(f"reduce argument must be either sum, mean, amax or amin, got {reduce}"))
    if not isinstance(mat1, SparseTensor) or mat1.layout is not sparse_csr:
        if isinstance(mat1, SparseTensor) and mat1.layout is sparse_coo:
            raise refused("_sparse_mm_reduce_impl", (mat1,))
        raise RuntimeError(located(f"sparse_mm_reduce: expect self to be SparseCsr, got {SHOWN.get(mat1.layout)}"))
    _check(mat1, mat2)
    if reduce == "sum":
        return under_name("SparseMmReduceImplBackward0", multiplied(mat1, mat2, True))
    rows, columns = held(mat1).coordinates().indices
    sizes = np.diff(held(mat1).pointers)
    if reduce == "mean":
        inverse = (1 / np.maximum(sizes, 1)).astype(held(mat1).dtype)
        return under_name("SparseMmReduceImplBackward0", multiplied(mat1, mat2, True) * inverse[:, None])
    terms = values_of(mat1).unsqueeze(1) * mat2[columns]
    array = terms._array
    out = np.zeros((mat1.shape[0], mat2.shape[1]), array.dtype)
    filled = np.flatnonzero(sizes)
    best = np.maximum if reduce == "amax" else np.minimum
    starts = held(mat1).pointers[filled]
    out[filled] = best.reduceat(array, starts, axis=0) if filled.size else array[:0]
    place = np.where(array == out[rows], np.arange(rows.size)[:, None], -1)
    first = np.zeros(out.shape, np.int64)  # of equal ones the last counts
    first[filled] = np.maximum.reduceat(place, starts, axis=0) if filled.size else place[:0]
    chosen = terms[first, np.arange(out.shape[1])[None]] if rows.size else terms.new_zeros(out.shape)
    return under_name("SparseMmReduceImplBackward0", chosen * (sizes > 0)[:, None].astype(array.dtype))


@function("torch Tensor", form="(input, mat1, mat2, *, beta=1, alpha=1, out=None)")
def sspaddmm(input: Any, mat1: Any, mat2: Any, *old: Any, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """`beta * input + alpha * (mat1 @ mat2)` as a sparse tensor; it has no gradient."""
    if old:  # the order of old: beta, input, alpha, mat1, mat2
        beta, input, alpha, mat1, mat2 = input, mat1, mat2, *old
    if out is not None:
        raise NotImplementedError(located("sspaddmm(): there is no out=: take the result"))
    for name, each, wanted in (("input", input, True), ("mat1", mat1, True), ("mat2", mat2, False)):
        if isinstance(each, SparseTensor) is not wanted:
            kind = "sparse" if wanted else "strided"
            raise RuntimeError(
                located(f"sspaddmm: expected '{name}' to have {kind} layout, got '{name}' with layout {SHOWN.get(each.layout)}")
            )
    made = in_another(multiplied(mat1.detach(), mat2.detach(), False), sparse_coo)
    return add(input.detach() * beta, made, alpha=alpha)


@function("torch Tensor")
def smm(input: Any, mat2: Any) -> Any:
    """The product of a sparse matrix and a dense one as a sparse tensor; it has no gradient."""
    if isinstance(mat2, SparseTensor):
        raise RuntimeError(located("sspaddmm: expected 'mat2' to have strided layout, got 'mat2' with layout Sparse"))
    return in_another(multiplied(input.detach(), mat2.detach(), False), sparse_coo)


@function("torch")
def hspmm(mat1: Any, mat2: Any) -> Any:
    """The product of a sparse matrix and a dense one, of which the rows are kept that are not empty; it has no gradient."""
    if not isinstance(mat1, SparseTensor) or mat1.layout is not sparse_coo:
        raise refused("hspmm", (mat1,))
    return in_another(multiplied(mat1.detach(), mat2.detach(), False), sparse_coo, 1)
