"""Making sparse tensors: from places and values, and without any."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import device as devices
from ...core import dtypes
from ...core.declare import function
from ...core.dispatch import under_name
from ...core.origin import located
from ...core.shapes import as_shape
from ...core.sparse import Compressed, Coordinates, is_by_rows
from ...core.sparse_tensor import (
    SparseTensor,
    layout,
    method,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    sparse_tensor,
    strided,
    takes_sparse,
)
from ...core.tensor import Tensor
from ..creation import numpy_dtype, tensor
from ..shape.convert import converted
from .values import with_values

BLOCKED = (sparse_bsr, sparse_bsc)
checking = {"on": False}  # whether all invariants are checked where a tensor is made, as `torch.sparse` sets it


def _values(data: Any, dtype: Any) -> Tensor:
    """What is given as values, as a tensor with its history."""
    return converted(data, dtype) if isinstance(data, Tensor) else tensor(data, dtype=dtype)


def _integers(data: Any) -> Any:
    """What is given as places, as an array of int64 on the memory of a tensor of these."""
    array = (data if isinstance(data, Tensor) else tensor(data))._array
    return array.astype(np.int64, copy=False)


def _finished(values: Tensor, pattern: Any, requires_grad: bool, node: str) -> Any:
    made = under_name(node, with_values(values, pattern))
    if requires_grad:
        made = made.detach().requires_grad_() if made._node is None else made
    return made


_COO = "indices=None, values=None, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False, check_invariants=None"


@function("torch", form=f"({_COO}, is_coalesced=None)")
def sparse_coo_tensor(
    indices: Any = None, values: Any = None, size: Any = None, *more: Any, dtype: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False, check_invariants: bool | None = None, is_coalesced: bool | None = None,
) -> Tensor:  # fmt: skip
    """A tensor with `values` of shape (nnz, ...) at `indices` of shape (sparse_dim, nnz); values of one place are added up.

    The size follows from the largest indices where it is not given. A size alone makes a tensor of zeros.

    Args:
        indices: integers of shape (sparse_dim, nnz).
        values: of shape (nnz, ...).
        size: the sizes; they follow from the indices if they are left out.
        check_invariants: whether indices are checked.
        is_coalesced: whether there is one value for each place, in order.

    Shape: `size`.

    Raises:
        RuntimeError: an index is outside, or there are other numbers of indices and values.

    >>> torch.sparse_coo_tensor([[0, 2]], torch.tensor([1.0, 5.0]), (3,)).to_dense()
    tensor([1., 0., 5.])
    """
    devices.require_cpu(device)
    if values is None:
        if isinstance(indices, Tensor):
            raise TypeError(located("sparse_coo_tensor(): argument 'size' (position 1) must be tuple of ints, not Tensor"))
        shape = as_shape((size if indices is None else indices,))
        return empty_in(sparse_coo, shape, numpy_dtype(dtype), requires_grad)
    values = _values(values, dtype)
    places = _integers(indices)
    if places.ndim != 2 and size is None:
        raise RuntimeError(located(f"indices must be sparse_dim x nnz, but got: {list(places.shape)}"))
    if not values.ndim:
        values = values.reshape(1)  # type: ignore[attr-defined]
    pattern = _coordinates(places, values, None if size is None else as_shape((size,)))
    if is_coalesced:
        if (check_invariants or checking["on"]) and len(pattern.coalesce().values) < pattern.count:
            raise RuntimeError(located("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor"))
        pattern.coalesced = True
    return _finished(values, pattern, requires_grad, "SparseCooTensorWithDimsAndTensorsBackward0")


def _coordinates(places: Any, values: Tensor, size: tuple[int, ...] | None) -> Coordinates:
    """Places that have been checked, with the values' array."""
    sparse_dim = len(places)
    dense = tuple(values.shape[1:])
    if (size is not None and len(size) != sparse_dim + len(dense)) or places.ndim != 2:
        given = f"len(size) = {len(size or ())}, sparse_dim = {sparse_dim}, dense_dim = {len(dense)}"
        raise RuntimeError(located(f"'len(size) == sparse_dim + dense_dim' is not satisfied: {given}"))
    if places.shape[1] != values.shape[0]:
        given = f"but got nnz from indices: {places.shape[1]}, nnz from values: {values.shape[0]}"
        raise RuntimeError(located(f"indices and values must have same nnz, {given}"))
    if places.size and (least := places.min(1)).min() < 0:
        dim = int(np.argmax(least < 0))
        raise RuntimeError(located(f"found negative index {least[dim]} for dim {dim}"))
    most = places.max(1) if places.size else np.full(sparse_dim, -1)
    if size is None:
        size = (*(int(n) + 1 for n in most), *dense)
    for dim, (n, limit) in enumerate(zip(most, size, strict=False)):
        if n >= limit:
            raise RuntimeError(located(f"size is inconsistent with indices: for dim {dim}, size is {limit} but found index {n}"))
    if dense != size[sparse_dim:]:
        expected = [places.shape[1], *size[sparse_dim:]]
        raise RuntimeError(located(f"values has incorrect size, expected {expected}, got {list(values.shape)}"))
    return Coordinates(places, values._array, size)


function("torch", name="_sparse_coo_tensor_unsafe")(sparse_coo_tensor)


def _compressed(
    pointers: Any, indices: Any, values: Any, size: Any, kept: layout, dtype: Any, device: Any, requires_grad: bool, check: Any
) -> Tensor:
    """A matrix compressed along its rows or columns."""
    devices.require_cpu(device)
    values = _values(values, dtype)
    rows, blocked = is_by_rows(kept), kept in BLOCKED
    starts, others = ((each if isinstance(each, Tensor) else tensor(each))._array for each in (pointers, indices))
    names = ("crow_indices", "col_indices", "rows", "ncols") if rows else ("ccol_indices", "row_indices", "columns", "nrows")
    if starts.dtype != others.dtype and starts.dtype.kind in "iu" and others.dtype.kind in "iu":
        raise RuntimeError(located(f"{names[0]} and {names[1]} must have the same dtype, but got {starts.dtype} and {others.dtype}"))
    starts, others = (each if each.dtype in (np.int32, np.int64) else each.astype(np.int64) for each in (starts, others))
    batch = starts.ndim - 1
    if batch < 0 or others.ndim != starts.ndim:
        raise RuntimeError(located(f"{names[0]} and {names[1]} must have the same number of dimensions, at least 1"))
    if values.ndim < others.ndim + 2 * blocked:
        dims = f"(={batch} + 2) but got {values.ndim}" if blocked else f"(={batch}) but got {values.ndim}"
        what = "batch and block dimensionalities" if blocked else "batch dimensionality"
        raise RuntimeError(located(f"values must have dimensionality > sum of {what} {dims}"))
    block = tuple(values.shape[batch + 1 : batch + 3]) if blocked else (1, 1)
    if size is None:
        other, count = (int(others.max()) + 1 if others.size else 0), starts.shape[-1] - 1
        n, m = (count, other) if rows else (other, count)
        size = (*starts.shape[:-1], n * block[0], m * block[1], *values.shape[batch + 1 + 2 * blocked :])
    shape = as_shape((size,))
    _check_compressed(starts, others, values, shape, block, blocked, names, check or checking["on"])
    return _finished(values, Compressed(starts, others, values._array, shape, kept), requires_grad, "SparseCompressedTensorBackward0")


def _check_compressed(
    starts: Any, others: Any, values: Tensor, shape: Any, block: Any, blocked: bool, names: tuple[str, ...], all_of_them: bool
) -> None:
    """RuntimeError for what is no compressed matrix; that places are in order and there once only if `all_of_them` are looked at."""
    pointers, indices, lines, limit_name = names
    batch = starts.ndim - 1
    dense = values.ndim - batch - 1 - 2 * blocked
    if len(shape) != batch + 2 + dense:
        given = f"(={batch} + 2 + {dense}) but got {len(shape)}"
        raise RuntimeError(located(f"tensor dimensionality must be sum of batch, base, and dense dimensionalities {given}"))
    *lead, n, m = shape[: batch + 2]
    if n % block[0] or m % block[1]:
        sizes = f"({n}, {m}) and ({block[0]}, {block[1]})"
        raise RuntimeError(located(f"tensor shape must be divisible by the size of blocks: {sizes}"))
    expected = [*lead, others.shape[-1], *(block if blocked else ()), *shape[batch + 2 :]]
    if tuple(values.shape[batch + 1 + 2 * blocked :]) != tuple(shape[batch + 2 :]):
        raise RuntimeError(located(f"values has incorrect size, expected {expected}, got {list(values.shape)}"))
    count, limit = (n // block[0], m // block[1]) if lines == "rows" else (m // block[1], n // block[0])
    if starts.shape[-1] != count + 1:
        raise RuntimeError(
            located(f"{pointers}.shape[-1] must be equal to the number of {lines} + 1 (={count + 1}), but got {starts.shape[-1]}")
        )
    if others.shape[-1] != values.shape[batch]:
        given = f"(={values.shape[batch]}) as defined by values.shape[{batch}], but got {others.shape[-1]}"
        raise RuntimeError(located(f"{indices}.shape[-1] must be equal to nnz {given}"))
    if not tuple(lead) == starts.shape[:-1] == others.shape[:-1] == tuple(values.shape[:batch]):
        given = f"{list(starts.shape[:-1])}, {list(others.shape[:-1])} and {list(values.shape[:batch])}"
        raise RuntimeError(located(f"all batch dimensions must be those of the size, {lead}, but got {given}"))
    if (starts[..., 0] != 0).any():
        raise RuntimeError(located(f"`{pointers}[..., 0] == 0` is not satisfied."))
    if (starts[..., -1] != others.shape[-1]).any():
        raise RuntimeError(located(f"`{pointers}[..., -1] == nnz` is not satisfied."))
    sizes = np.diff(starts)
    if sizes.size and (sizes.min() < 0 or (all_of_them and sizes.max() > limit)):
        raise RuntimeError(located(f"`0 <= {pointers}[..., 1:] - {pointers}[..., :-1] <= {limit_name}` is not satisfied."))
    if others.size and (others.min() < 0 or others.max() >= limit):
        raise RuntimeError(located(f"`0 <= {indices} < {limit_name}` is not satisfied."))
    if all_of_them and others.size:
        each = others.shape[-1]
        for first, line in zip(starts.reshape(-1, count + 1), others.reshape(-1, each), strict=True):
            falls = np.flatnonzero(np.diff(line) <= 0) + 1
            if not np.isin(falls, first).all():
                order = f"{indices}[..., {pointers}[..., i - 1]:{pointers}[..., i]] for all i = 1, ..., n{lines[:4].replace('colu', 'col')}"
                raise RuntimeError(located(f"`{order} are sorted and distinct along the last dimension values` is not satisfied."))


@function("torch")
def sparse_csr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A matrix whose values lie row by row: row i has those from `crow_indices[i]` to `crow_indices[i + 1]`, in columns `col_indices`."""
    return _compressed(crow_indices, col_indices, values, size, sparse_csr, dtype, device, requires_grad, check_invariants)


@function("torch")
def sparse_csc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A matrix whose values lie column by column: as `sparse_csr_tensor` with rows and columns exchanged."""
    return _compressed(ccol_indices, row_indices, values, size, sparse_csc, dtype, device, requires_grad, check_invariants)


@function("torch")
def sparse_bsr_tensor(
    crow_indices: Any, col_indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A matrix of blocks that lie row by row: as `sparse_csr_tensor`, with `values` of shape (nnz, block rows, block columns)."""
    return _compressed(crow_indices, col_indices, values, size, sparse_bsr, dtype, device, requires_grad, check_invariants)


@function("torch")
def sparse_bsc_tensor(
    ccol_indices: Any, row_indices: Any, values: Any, size: Any = None, *, dtype: Any = None, device: Any = None,
    pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A matrix of blocks that lie column by column: as `sparse_csc_tensor`, with `values` of shape (nnz, block rows, block columns)."""
    return _compressed(ccol_indices, row_indices, values, size, sparse_bsc, dtype, device, requires_grad, check_invariants)


@function("torch")
def sparse_compressed_tensor(
    compressed_indices: Any, plain_indices: Any, values: Any, size: Any = None, *, dtype: Any = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False, check_invariants: bool | None = None,
) -> Tensor:  # fmt: skip
    """A matrix compressed along its rows or columns, as `layout` says."""
    if layout not in (sparse_csr, sparse_csc, *BLOCKED):
        raise RuntimeError(located(f"sparse_compressed_tensor expected sparse compressed tensor layout but got {layout}"))
    return _compressed(compressed_indices, plain_indices, values, size, layout, dtype, device, requires_grad, check_invariants)


# Without values


def empty_in(
    kept: Any, shape: tuple[int, ...], dtype: Any, requires_grad: bool = False, sparse_dim: int | None = None, block: Any = None
) -> Any:
    """A sparse tensor of zeros, none of which is kept."""
    sparse_dim = len(shape) if sparse_dim is None else sparse_dim
    if any(n < 0 for n in shape):
        raise RuntimeError(located(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"))
    if kept in BLOCKED and block is None:
        message = f"expected sparse compressed (non-block) tensor layout but got {kept}: a matrix of zeros has no size of blocks"
        raise RuntimeError(located(f"zeros_sparse_compressed {message}"))
    if kept is not sparse_coo and len(shape) < 2:
        what = "Only batched sparse compressed (non-block) tensors are supported"
        raise RuntimeError(located(f"torch.empty: {what}, but got size {list(shape)}"))
    array: Any = Coordinates(np.zeros((sparse_dim, 0), np.int64), np.zeros((0, *shape[sparse_dim:]), dtype), shape, True)
    made = sparse_tensor(array if kept is sparse_coo else Compressed.of(array, kept, block))
    return made.requires_grad_() if requires_grad else made


@takes_sparse("factory")
def in_layout(name: str, kept: Any, args: tuple[Any, ...], dtype: Any, requires_grad: bool, model: Any) -> Any:
    """What a factory makes in a sparse layout: zeros, which need not be kept; RuntimeError if it makes anything else."""
    if kept is strided and model is not None:  # of a sparse model
        kind = model._held.dtype if dtype is None else dtypes.to_numpy(dtype)
        made = tensor(np.zeros(tuple(model.shape), kind))
        return (made + 1 if name == "ones_like" else made).requires_grad_(requires_grad)
    if not isinstance(kept, layout):
        raise TypeError(located(f"{name}(): argument 'layout' must be torch.layout, not {type(kept).__name__}"))
    if name not in ("zeros", "empty", "zeros_like", "empty_like", "new_zeros", "new_empty"):
        kind = RuntimeError if name in ("ones", "full") else NotImplementedError
        raise kind(
            located(f"{'full(...)' if name == 'ones' else name} is not implemented for sparse layout: make it dense, and to_sparse()")
        )
    if model is None:
        return empty_in(kept, as_shape(args), numpy_dtype(dtype), requires_grad)
    kind = model._held.dtype if dtype is None else dtypes.to_numpy(dtype)
    sparse_dim = model._held.sparse_dim if isinstance(model, SparseTensor) and kept is sparse_coo else None
    block = model._held.form[1] if isinstance(model, SparseTensor) else None
    return empty_in(kept, tuple(model.shape), kind, requires_grad, sparse_dim, block)


@method("zeros")
def zeros(self: SparseTensor) -> Any:
    """A sparse tensor of zeros of its layout, shape and dtype."""
    kept = self.layout
    return empty_in(
        kept, tuple(self.shape), self._held.dtype, False, self._held.sparse_dim if kept is sparse_coo else None, self._held.form[1]
    )


@method("new_zeros", "new_empty")
def new_zeros(self: SparseTensor, *size: Any, dtype: Any = None, requires_grad: bool = False, **options: Any) -> Any:
    """A sparse tensor of zeros of that size, in its layout and dtype."""
    kind = self._held.dtype if dtype is None else dtypes.to_numpy(dtype)
    return empty_in(options.get("layout") or self.layout, as_shape(size), kind, requires_grad)


def _refuse_full(self: SparseTensor, *size: Any, **options: Any) -> Any:
    """RuntimeError: a tensor of ones is not sparse."""
    raise RuntimeError(located("full(...) is not implemented for sparse layout: make it dense"))


method("new_ones", "new_full")(_refuse_full)


@method("new")
def new(self: SparseTensor, *given: Any) -> Any:
    """A sparse tensor in its dtype: of these indices, values and size, or of zeros of that size."""
    if given and isinstance(given[0], Tensor):
        return sparse_coo_tensor(*given, dtype=self.dtype)
    return new_zeros(self, *given)
