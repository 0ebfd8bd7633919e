"""Sparse tensors in other layouts and dtypes, dense ones made sparse, and what is asked about places and values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import device as devices
from ...core import dtypes
from ...core.declare import function, sparse
from ...core.dispatch import is_recorded, under_name
from ...core.inplace import check_writable
from ...core.origin import located
from ...core.shapes import as_shape
from ...core.sparse import Compressed, Coordinates
from ...core.sparse_tensor import (
    SparseTensor,
    layout,
    method,
    refused,
    sparse_bsc,
    sparse_bsr,
    sparse_coo,
    sparse_csc,
    sparse_csr,
    sparse_tensor,
    strided,
    takes_sparse,
)
from ...core.tensor import Tensor, wrap
from ..shape.convert import LEGACY_NAMES
from ..shape.convert import converted as converted_dense
from ..shape.convert import to as to_dense_tensor
from .build import empty_in
from .values import coalesced, from_dense, held, is_sparse, mapped, take, to_dense, values_of, with_values

SHOWN = {strided: "Strided", sparse_coo: "Sparse", sparse_csr: "SparseCsr", sparse_csc: "SparseCsc"}
SHOWN |= {sparse_bsr: "SparseBsr", sparse_bsc: "SparseBsc"}
BLOCKED = (sparse_bsr, sparse_bsc)


@sparse(node="ToSparseBackward1")
def relay(x, /, kept, before):
    """The same elements in another form, a layout and the size of its blocks, than the one before."""
    layout, block = kept
    return x.coordinates() if layout is sparse_coo else Compressed.of(x.coordinates(), layout, block)


@relay.grad("x")
def _(g, before):
    if not is_sparse(g):
        g = from_dense(g, 2)
    return g if held(g).layout is before[0] else relay(g, before, held(g).form)


def relaid(x: Any, kept: layout, block: Any = None) -> Any:
    """The same elements in another layout, in blocks of that size if it is one of blocks."""
    return relay(x, (kept, block), held(x).form)


NODES = {sparse_coo: "ToSparseBackward1", sparse_csr: "ToSparseCsrBackward0", sparse_csc: "ToSparseCscBackward0"}
NODES |= {sparse_bsr: "ToSparseBsrBackward0", sparse_bsc: "ToSparseBscBackward0"}


def in_another(x: Tensor, kept: layout, sparse_dim: int | None = None, block: Any = None, dense_dim: int | None = None) -> Any:
    """A tensor, dense or sparse, in a sparse layout; itself if it has that."""
    name = f"to_{kept.name}"
    if kept in BLOCKED:
        block = _block(name, x, block, dense_dim or 0)
    if not isinstance(x, SparseTensor):
        if kept is sparse_coo:
            return from_dense(x, x.ndim if sparse_dim is None else sparse_dim)
        matrices = x.ndim - (dense_dim or 0)
        if matrices < 2:
            raise RuntimeError(located(f"{name}: expected a matrix, or a batch of these, got a tensor of {x.ndim} dimensions"))
        return under_name(NODES[kept], relaid(from_dense(x, matrices), kept, block))
    if x.layout is kept and held(x).form[1] == block:
        return x
    if kept is not sparse_coo and x.layout is sparse_coo and held(x).sparse_dim != 2:
        message = f"conversion from Sparse to {SHOWN[kept]} for input tensors with sparse_dim()!=2 is not supported"
        raise RuntimeError(located(f"coo_to_{kept.name}: {message}"))
    if x.layout in BLOCKED and kept not in (sparse_coo, *BLOCKED):
        message = f"expected SparseCsr or SparseCsc layout but got {SHOWN[x.layout]}: call to_sparse() first"
        raise RuntimeError(located(f"sparse_compressed_{name}: {message}"))
    if x.layout in BLOCKED and kept in BLOCKED and held(x).block != block:
        message = f"with blocksize changed from {list(held(x).block)} to {list(block)} is not supported"
        raise RuntimeError(located(f"{name}: conversion from {SHOWN[x.layout]} to {SHOWN[kept]} {message}"))
    return under_name(NODES[kept], relaid(x, kept, block))


def _block(name: str, x: Tensor, given: Any, dense_dim: int) -> tuple[int, int]:
    """The size of blocks as it was given; RuntimeError unless it divides that of the matrices."""
    block = (given, given) if isinstance(given, int) else () if given is None else tuple(given)
    if len(block) != 2 or not all(isinstance(n, int) and n > 0 for n in block):
        raise RuntimeError(located(f"{name}: blocksize must be two positive integers, got {given!r}"))
    n, m = tuple(x.shape)[x.ndim - dense_dim - 2 : x.ndim - dense_dim] if x.ndim - dense_dim >= 2 else (0, 0)
    if n % block[0] or m % block[1]:
        raise RuntimeError(located(f"{name}: tensor sparse size ({n},{m}) must be divisible by given blocksize ({block[0]},{block[1]})"))
    return block  # type: ignore[return-value]


@function("Tensor")
def to_sparse(self: Tensor, *args: Any, layout: Any = None, sparse_dim: Any = None, blocksize: Any = None, dense_dim: Any = None) -> Any:
    """The tensor with only the elements kept that are not zero, by coordinates, or in the `layout`.

    Of a dense tensor the first `sparse_dim` dimensions have coordinates; its last ones are those of the values.
    """
    if args and isinstance(args[0], int):
        sparse_dim = args[0]
    elif args:
        layout = args[0]
    kept = sparse_coo if layout is None else layout
    if kept is strided:
        raise RuntimeError(located("to_sparse: conversion to a dense tensor is to_dense()"))
    if isinstance(self, SparseTensor):
        if sparse_dim is not None and sparse_dim != held(self).sparse_dim:
            message = "conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
            raise RuntimeError(located(f"to_sparse: {message}"))
    elif sparse_dim is not None:
        if not sparse_dim and self.ndim:
            raise RuntimeError(located("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0"))
        if not 0 <= sparse_dim <= self.ndim:
            message = f"dense_to_sparse: sparse_dim argument must be in [0,{self.ndim}] range, but {sparse_dim} is given"
            raise RuntimeError(located(message))
    return in_another(self, kept, sparse_dim, blocksize, dense_dim)


@function("Tensor")
def to_sparse_coo(self: Tensor) -> Any:
    """The tensor with only the elements kept that are not zero, by coordinates."""
    return in_another(self, sparse_coo)


@function("Tensor")
def to_sparse_csr(self: Tensor, dense_dim: Any = None) -> Any:
    """The matrix with only the elements kept that are not zero, row by row."""
    return in_another(self, sparse_csr, dense_dim=dense_dim)


@function("Tensor")
def to_sparse_csc(self: Tensor, dense_dim: Any = None) -> Any:
    """The matrix with only the elements kept that are not zero, column by column."""
    return in_another(self, sparse_csc, dense_dim=dense_dim)


@function("Tensor")
def to_sparse_bsr(self: Tensor, blocksize: Any, dense_dim: Any = None) -> Any:
    """The matrix in blocks of that size, of which those are kept that are not zero, row by row."""
    return in_another(self, sparse_bsr, block=blocksize, dense_dim=dense_dim)


@function("Tensor")
def to_sparse_bsc(self: Tensor, blocksize: Any, dense_dim: Any = None) -> Any:
    """The matrix in blocks of that size, of which those are kept that are not zero, column by column."""
    return in_another(self, sparse_bsc, block=blocksize, dense_dim=dense_dim)


@function("Tensor", name="to_dense")
def all_elements(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor with all its elements. Its gradient is that of the kept places alone unless `masked_grad` is False."""
    if not isinstance(self, SparseTensor):
        return self if dtype is None else converted_dense(self, dtype)
    if dtype is not None:
        raise RuntimeError(located("dtype argument is not supported by sparse_to_dense: convert before, or after"))
    return to_dense(self, masked_grad is None or masked_grad, None)


# What a tensor says of its places and values


def _expect(what: str, self: Tensor, *layouts: Any) -> Any:
    """The sparse array of a tensor; RuntimeError if it is not in one of these layouts."""
    if self.layout in layouts:
        return held(self)
    family = {
        sparse_coo: "sparse coordinate tensor",
        sparse_csr: "sparse row compressed tensor",
        sparse_csc: "sparse column compressed tensor",
    }
    wanted = family[layouts[0]] if len(layouts) <= 2 else "sparse tensor"
    raise RuntimeError(located(f"{what} expected {wanted} layout but got {SHOWN.get(self.layout, self.layout)}"))


@function("Tensor")
def coalesce(self: Tensor) -> Any:
    """The tensor with each place there once and in order, values of one place added up; itself if it is so."""
    return self if _expect("coalesce", self, sparse_coo).coalesced else coalesced(self)


@function("Tensor")
def is_coalesced(self: Tensor) -> bool:
    """Whether each place is there once, and they are in order."""
    return _expect("is_coalesced", self, sparse_coo).coalesced


@function("Tensor")
def _coalesced_(self: Tensor, coalesced: bool) -> Any:
    """Say whether each place is there once and in order; returns itself."""
    own = _expect("_coalesced_", self, sparse_coo)
    self._sparse = Coordinates(own.indices, own.values, own.shape, coalesced)  # type: ignore[attr-defined]
    return self


def _need_coalesced(what: str, self: Tensor) -> Any:
    own = _expect(what, self, sparse_coo)
    if not own.coalesced:
        raise RuntimeError(located(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first"))
    return own


@function("Tensor")
def indices(self: Tensor) -> Tensor:
    """The coordinates of the values, of shape (sparse_dim, nnz); RuntimeError unless the tensor is coalesced."""
    return wrap(_need_coalesced("indices", self).indices)


@function("Tensor")
def values(self: Tensor) -> Tensor:
    """The values that are kept, with their history; RuntimeError unless the tensor is coalesced."""
    if self.layout is sparse_coo:
        _need_coalesced("values", self)
    else:
        _expect("values", self, sparse_csr, sparse_csc, *BLOCKED)
    return values_of(self)


@function("Tensor")
def _indices(self: Tensor) -> Tensor:
    """The coordinates of the values, as they are."""
    return wrap(_expect("_indices", self, sparse_coo).indices)


@function("Tensor")
def _values(self: Tensor) -> Tensor:
    """The values as they are, without history."""
    return wrap(_expect("_values", self, sparse_coo).values)


def _answer(name: str, what: str, kept: tuple[Any, ...], attribute: str) -> None:
    def answer(self: Tensor) -> Tensor:
        return wrap(getattr(_expect(name, self, *kept), attribute))

    answer.__name__ = answer.__qualname__ = name
    answer.__doc__ = f"{what}."
    function("Tensor")(answer)


_answer("crow_indices", "Where the values of each row begin, and the last one's end", (sparse_csr, sparse_bsr), "pointers")
_answer("col_indices", "The column of each value", (sparse_csr, sparse_bsr), "indices")
_answer("ccol_indices", "Where the values of each column begin, and the last one's end", (sparse_csc, sparse_bsc), "pointers")
_answer("row_indices", "The row of each value", (sparse_csc, sparse_bsc), "indices")


@function("Tensor")
def _nnz(self: Tensor) -> int:
    """How many values are kept."""
    if not isinstance(self, SparseTensor):
        raise NotImplementedError(located("Could not run 'aten::_nnz' with arguments from the 'CPU' backend: the tensor is dense"))
    return self._sparse.count


@function("Tensor", aliases=("_dimI",))
def sparse_dim(self: Tensor) -> int:
    """The number of dimensions that have coordinates; 0 of a dense tensor."""
    return self._sparse.sparse_dim if isinstance(self, SparseTensor) else 0


@function("Tensor", aliases=("_dimV",))
def dense_dim(self: Tensor) -> int:
    """The number of dimensions of one value; all of a dense tensor."""
    return self._sparse.dense_dim if isinstance(self, SparseTensor) else self.ndim


# Conversions


def converted(x: SparseTensor, dtype: Any, copy: bool = False) -> Any:
    """A sparse tensor in another dtype; itself if it has it already, unless `copy`."""
    if dtype is not None and dtypes.of_argument(dtype) is not x.dtype:
        return mapped("ToCopyBackward0", x, lambda values: converted_dense(values, dtype), coalesce=False)
    return clone(x) if copy else x


@method("to")
def to(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    """The tensor in another dtype, as `to` of dense tensors has it."""
    copy = kwargs.get("copy", False)
    asked = to_dense_tensor(wrap(np.zeros((), self._held.dtype)), *args, **kwargs)
    if asked.is_meta:
        raise NotImplementedError(located("to('meta'): there are no sparse tensors without memory"))
    return converted(self, asked.dtype, copy)


@method("type_as")
def type_as(self: SparseTensor, other: Tensor) -> Any:
    """The tensor in the dtype of `other`."""
    return converted(self, other.dtype)


@method("type")
def type_(self: SparseTensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Its legacy type name, such as `torch.sparse.FloatTensor`; with `dtype`, the tensor converted to it."""
    if dtype is None:
        return f"torch.sparse.{LEGACY_NAMES[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        name = next(
            (known for known, legacy in LEGACY_NAMES.items() if dtype.removeprefix("torch.").removeprefix("sparse.") == f"{legacy}Tensor"),
            "",
        )
        if not name:
            raise ValueError(located(f"invalid type: {dtype!r}"))
        dtype = dtypes.named(name)
    return converted(self, dtype)


def _conversion(name: str, dtype: Any) -> None:
    def convert(self: SparseTensor, memory_format: Any = None) -> Any:
        return converted(self, dtype)

    convert.__name__ = convert.__qualname__ = name
    method(name)(convert)


for _name, _dtype in {
    **dtypes.ALIASES,
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "bfloat16": dtypes.bfloat16,
}.items():
    _conversion(_name, _dtype)


@method("cpu", "pin_memory")
def as_it_is(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    """Itself."""
    return self


@method("cuda")
def cuda(self: SparseTensor, *args: Any, **kwargs: Any) -> Any:
    """RuntimeError: there is no CUDA device."""
    devices.require_cpu("cuda")
    return self


@takes_sparse("clone")
def clone(input: SparseTensor, *, memory_format: Any = None) -> Any:
    """A copy with places and values of its own."""
    return copied(input)


@sparse(node="CloneBackward0")
def copied(x, /):
    """A copy."""
    return x.copy()


@copied.grad("x")
def _(g):
    return g


@takes_sparse("alias", "detach")
def shown(input: SparseTensor) -> Any:
    """Another tensor on the same places and values, with the same history."""
    out = sparse_tensor(input._sparse)
    out._node, out._cut = input._node, input._cut
    return out


# Masks and sizes


@function("Tensor")
def sparse_mask(self: Tensor, mask: Tensor) -> Any:
    """The elements of the tensor at the places of the sparse tensor `mask`, in its layout."""
    if not isinstance(mask, SparseTensor):
        raise refused("sparse_mask", ()) from None
    if tuple(self.shape) != tuple(mask.shape):
        sizes = f"self has size {list(self.shape)} but mask has size {list(mask.shape)}"
        raise RuntimeError(located(f"sparse_mask(): operands have incompatible sizes; {sizes}"))
    if isinstance(self, SparseTensor) and held(self).sparse_dim != held(mask).sparse_dim:
        raise RuntimeError(located("sparse_mask(): the tensor and the mask have other numbers of sparse dimensions"))
    if held(self) is held(mask):
        return under_name("SparseMaskBackward0", coalesced(self))
    values = take(self, mask._sparse, isinstance(self, SparseTensor))
    return under_name("SparseMaskBackward0", with_values(values, mask._sparse))


def _resize(self: Tensor, size: Any, sparse_dim: int, dense_dim: int, clear: bool) -> Any:
    own, shape = _expect("sparse_resize_", self, sparse_coo), as_shape((size,))
    if is_recorded(self):
        check_writable(self)
    if len(shape) != sparse_dim + dense_dim:
        given = f"len(size) = {len(shape)}, sparse_dim = {sparse_dim}, dense_dim = {dense_dim}"
        raise RuntimeError(located(f"'len(size) == sparse_dim + dense_dim' is not satisfied: {given}"))
    if clear or not own.count:
        self._sparse = empty_in(sparse_coo, shape, own.dtype, False, sparse_dim)._sparse  # type: ignore[attr-defined]
        return self
    why = "on a non-empty sparse tensor is not supported: make a new sparse tensor of the size, or call sparse_resize_and_clear_()"
    for kind, old, new in (("sparse", own.sparse_dim, sparse_dim), ("dense", own.dense_dim, dense_dim)):
        if old != new:
            raise RuntimeError(located(f"changing the number of {kind} dimensions (from {old} to {new}) {why}"))
    for kind, before, after in (
        ("sparse", own.shape[:sparse_dim], shape[:sparse_dim]),
        ("dense", own.shape[sparse_dim:], shape[sparse_dim:]),
    ):
        if any(new < old for old, new in zip(before, after, strict=True)):
            raise RuntimeError(located(f"shrinking the size of {kind} dimensions (from {list(before)} to {list(after)}) {why}"))
    values = np.zeros((own.count, *shape[sparse_dim:]), own.dtype)
    values[tuple(map(slice, own.values.shape))] = own.values
    grown = own.values if values.shape == own.values.shape else values
    self._sparse = Coordinates(own.indices, grown, shape, own.coalesced)  # type: ignore[attr-defined]
    return self


@function("Tensor")
def sparse_resize_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Give a sparse tensor a larger size in place; returns it."""
    return _resize(self, size, sparse_dim, dense_dim, False)


@function("Tensor")
def sparse_resize_and_clear_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Any:
    """Make a sparse tensor one of zeros of that size in place; returns it."""
    return _resize(self, size, sparse_dim, dense_dim, True)
