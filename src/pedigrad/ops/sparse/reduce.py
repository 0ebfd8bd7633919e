"""Sums, norms and softmax over the elements of sparse tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.declare import function, sparse
from ...core.dispatch import under_name
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.sparse import Coordinates
from ...core.sparse_tensor import SparseTensor, refused, sparse_coo, sparse_csr, stands_for, strided, takes_sparse
from ...core.tensor import Tensor, wrap
from ..shape.convert import converted as converted_dense
from .convert import converted, in_another, relaid
from .shape import unsqueeze
from .values import coalesced, held, to_dense, values_of, with_values


@sparse(node="SumBackward0")
def total(x, /):
    """The sum of all elements."""
    return np.asarray(x.values.sum(dtype=np.float32 if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else None)).astype(
        x.dtype if x.dtype.kind in "fcV" else np.int64
    )


@total.grad("x")
def _(g, x_shape):
    return np.broadcast_to(g, x_shape)


def _axes(dim: Any, ndim: int) -> tuple[int, ...]:
    dims = tuple(one_dim(each, ndim) for each in ((dim,) if isinstance(dim, int) else dim))
    if len(set(dims)) != len(dims):
        raise RuntimeError(located("a dim appears multiple times in the list of dims"))
    return dims


@takes_sparse("sum")
def sum_(x: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The sum of the elements, of all or along dimensions: sparse while coordinates are left."""
    if dim is None or dim == () or dim == []:
        out = total(x if dtype is None else converted(x, dtype))
        return under_name("SumBackward0", out)
    dims = _axes(dim, x.ndim)
    if x.layout is not sparse_coo:
        if x.layout is not sparse_csr:
            message = "Currently the only compressed sparse format supported for sum.dim_IntList is CSR"
            raise RuntimeError(located(f"{message}, but got layout {x.layout}"))
        if not keepdim:
            raise RuntimeError(located("reduction operations on CSR tensors with keepdim=False is unsupported: give keepdim=True"))
        return relaid(_kept(_along(relaid(x, sparse_coo), dims, dtype), dims, x), sparse_csr)
    out = _along(x, dims, dtype)
    return _kept(out, dims, x) if keepdim else out


def _kept(out: Any, dims: tuple[int, ...], x: SparseTensor) -> Any:
    """A sum with dimensions of size 1 in the place of those that were summed."""
    for dim in sorted(dims):
        if isinstance(out, SparseTensor):
            out = unsqueeze(out, dim)
        elif len(dims) == x.ndim and x.layout is not sparse_coo:
            return in_another(out.reshape(1, 1), sparse_coo)
        else:
            out = out.unsqueeze(dim)
    return out


def _along(x: SparseTensor, dims: tuple[int, ...], dtype: Any = None) -> Any:
    own = held(x)
    values = values_of(x)
    if dtype is not None:
        values = converted_dense(values, dtype)
    inner = [dim - own.sparse_dim + 1 for dim in dims if dim >= own.sparse_dim]
    left = [dim for dim in range(own.sparse_dim) if dim not in dims]
    values = values.sum(inner) if inner else values  # type: ignore[attr-defined]
    shape = [n for dim, n in enumerate(own.shape) if dim not in dims]
    pattern = Coordinates(own.indices[left], values._array, tuple(shape), own.coalesced and len(left) == own.sparse_dim)
    spread = with_values(values, pattern)
    return under_name("SparseSumBackward0", coalesced(spread) if left else to_dense(spread, True, strided))


@function("sparse", name="sum")
def sparse_sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of the elements, of all or along dimensions, whose gradient is that of the kept elements alone."""
    if not isinstance(input, SparseTensor) or input.layout is not sparse_coo:
        what = "coalesce" if dim is None else "_indices"
        raise (
            refused(what, (input,))
            if dim is not None
            else RuntimeError(located(f"{what} expected sparse coordinate tensor layout but got {input.layout}"))
        )
    if dim is None:
        once = input if held(input).coalesced else coalesced(input)
        return values_of(once).sum() if dtype is None else values_of(once).sum(dtype=dtype)  # type: ignore[attr-defined]
    return _along(input, _axes(dim, input.ndim), dtype)


@takes_sparse("any")
def any_(x: SparseTensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether an element is not zero."""
    if dim is not None or x.layout is not sparse_coo:
        raise refused("any", (x,))
    return wrap(np.asarray(bool((held(x).coalesce().values != 0).any())))


@stands_for("norm")
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Any = None) -> Any:
    """The norm of all elements."""
    if input.layout is not sparse_coo:
        raise refused("norm", (input,))
    if dim is not None and dim != () and len(_axes(dim, input.ndim)) != input.ndim:
        message = (
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all dimensions of the input"
        )
        raise RuntimeError(located(message))
    values = values_of(coalesced(input))
    found = values.norm(2 if p == "fro" or p is None else p)  # type: ignore[attr-defined]
    return found.reshape((1,) * input.ndim) if keepdim and dim is not None else found


# Softmax


def _softmax(name: str, input: Any, dim: int, dtype: Any) -> Any:
    """`softmax` or `log_softmax` of the kept elements along a dimension."""
    if not isinstance(input, SparseTensor) or input.layout is not sparse_coo:
        raise refused(f"_sparse_{name}", (input,))
    dim = one_dim(dim, input.ndim)
    x = input if dtype is None else converted(input, dtype)
    if not x.is_floating_point():
        raise NotImplementedError(located(f"\"{name}\" not implemented for '{x.dtype}': give a dtype, or convert the tensor"))
    x = coalesced(x)
    own, values = held(x), values_of(x)
    if dim >= own.sparse_dim:
        out = getattr(values, name)(dim - own.sparse_dim + 1)
    else:
        out = _softmax_along(values, _groups(own, dim), name)
    return under_name("SparseSoftmaxBackward0" if name == "softmax" else "SparseLogSoftmaxBackward0", with_values(out, own))


def _groups(own: Coordinates, dim: int) -> Any:
    """The number of the group of each value: those that differ in one coordinate alone are in one group."""
    others = Coordinates(np.delete(own.indices, dim, axis=0), own.values, (*own.shape[:dim], *own.shape[dim + 1 :]))
    return np.unique(others.keys(), return_inverse=True)[1].reshape(-1)


def _softmax_along(values: Any, groups: Any, name: str) -> Any:
    count = int(groups.max()) + 1 if groups.size else 0
    tops = np.full((count, *values.shape[1:]), -np.inf, values._array.dtype)
    np.maximum.at(tops, groups, values._array)
    shifted = values - wrap(tops[groups])
    powers = shifted.exp()
    sums = powers.new_zeros((count, *values.shape[1:])).index_add(0, wrap(groups), powers)
    return powers / sums[groups] if name == "softmax" else shifted - sums.log()[groups]


@function("sparse", name="softmax")
def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Exponentials of the kept elements along a dimension, scaled to sum to one; elements that are not kept count as minus infinity."""
    return _softmax("softmax", input, dim, dtype)


@function("sparse", name="log_softmax")
def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The logarithms of `softmax`."""
    return _softmax("log_softmax", input, dim, dtype)
