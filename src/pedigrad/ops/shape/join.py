"""Joining tensors and taking them apart: cat, stack, split and their relatives."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.declare import composite, function, view
from ...core.dispatch import under_name
from ...core.layout import channels_last, is_channels_last
from ...core.origin import located, warn_once
from ...core.shapes import as_int, broadcast_shapes, one_dim
from ...core.tensor import Tensor, constant
from ..xp import zeros
from .index import index
from .region import ALL, narrow, part
from .view import expand, reshape, reshaped

PAIR = [[((2, 3), (2, 3))], [((2, 3, 2, 2), (2, 1, 2, 2)), 1], [((2, 3), (1, 3)), 0], [((2, 3), (2, 1), (2, 0)), -1]]


def _listed(tensors: Any) -> tuple[Tensor, ...]:
    """The tensors of `f(x, y)` and of `f([x, y])` alike."""
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def _is_nothing(shape):
    """Whether `cat` leaves a tensor of this shape out, whatever the others are."""
    return shape == (0,)


def joined_order(shape, arrays, attributes):
    """Rows, or channels last if all tensors have them so."""
    return channels_last(len(shape)) if all(map(is_channels_last, arrays)) else None


@composite(wide="rules", layout=joined_order, places="torch", aliases=("concat", "concatenate"), promote=True, out=True, samples=PAIR)
def cat(*xs, dim=0):
    """The tensors one after the other along `dim`; their other sizes must agree.

    Shape: (..., n1, ...), (..., n2, ...) give (..., n1 + n2, ...).

    >>> torch.cat([torch.zeros(1, 2), torch.ones(2, 2)])
    tensor([[0., 0.],
            [1., 1.],
            [1., 1.]])
    """
    if xs and xs[0].__class__ is np.ndarray:
        try:
            return np.concatenate(xs, dim)
        except ValueError:  # what is wrong is said below, and empty vectors are left out
            pass
    if not xs:
        raise ValueError("expected a non-empty list of Tensors")
    joined = [x for x in xs if not _is_nothing(x.shape)] or list(xs)
    if any(x.ndim == 0 for x in joined):
        raise RuntimeError("zero-dimensional tensor cannot be concatenated")
    dim = one_dim(dim, joined[0].ndim)
    first = joined[0].shape
    for i, x in enumerate(joined):
        if x.ndim != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {x.ndim}")
        if any(a != b for d, (a, b) in enumerate(zip(first, x.shape, strict=True)) if d != dim):
            raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}: {first} and {x.shape} for tensor number {i}")
    return np.concatenate(joined, dim)


@cat.grad("xs")
def _(g, xs_shape, needs, dim):
    grads, start = [], 0
    lead = (ALL,) * (dim if dim >= 0 else dim + g.ndim)
    for shape, need in zip(xs_shape, needs, strict=True):
        if _is_nothing(shape) and g.ndim > 1:
            grads.append(np.zeros(shape, np.dtype(g.dtype.name)) if need else None)
            continue
        stop = start + shape[dim]
        grads.append(g[(*lead, slice(start, stop))] if need else None)
        start = stop
    return grads


STACKS = [[((2, 3), (2, 3))], [((2, 3, 2, 2), (2, 3, 2, 2)), 1], [((2, 3), (2, 3)), -1], [((), (), ())]]


def _stacked_order(shape, arrays, attributes):
    """That of the tensors joined along `dim`, which then is two dimensions."""
    dim = one_dim(attributes[0], len(shape))
    order = joined_order(shape[1:], arrays, ()) if dim < len(shape) - 1 else None
    return order and [new for old in order for new in ([dim + 1, dim] if old == dim else [old + (old > dim)])]


@composite(wide="rules", layout=_stacked_order, places="torch", promote=True, out=True, samples=STACKS)
def stack(*xs, dim=0):
    """The tensors, all of one shape, side by side along a new dimension.

    Shape: k tensors of shape (a, b) give (k, a, b) for `dim=0`, (a, b, k) for `dim=-1`.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    if not xs:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(xs):
        if x.shape != xs[0].shape:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {xs[0].shape} at entry 0 and {x.shape} at entry {i}")
    dim = one_dim(dim, xs[0].ndim + 1)
    if xs[0].__class__ is not np.ndarray:
        return np.stack(xs, dim)
    wider = (*(ALL,) * dim, None)
    return np.concatenate([x[wider] for x in xs], dim)


@stack.grad("xs")
def _(g, needs, dim):
    lead = (ALL,) * (dim if dim >= 0 else dim + g.ndim)
    return [g[(*lead, i)] if need else None for i, need in enumerate(needs)]


# Stacking by name of the dimension


def _raised(tensors: Any, ndim: int, to: Any) -> Any:
    return tuple(x if x.ndim >= ndim else to(x) for x in _listed(tensors))


@function("torch")
def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or a tuple of the tensors, with one dimension where they had none."""
    raised = _raised(tensors, 1, lambda x: reshape(x, (1,)))
    return raised if len(tensors) != 1 or isinstance(tensors[0], (list, tuple)) else raised[0]


@function("torch")
def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or a tuple of the tensors, with two dimensions at least: new ones come in front."""
    raised = _raised(tensors, 2, lambda x: reshape(x, (1, *x.shape) if x.ndim else (1, 1)))
    return raised if len(tensors) != 1 or isinstance(tensors[0], (list, tuple)) else raised[0]


@function("torch")
def atleast_3d(*tensors: Any) -> Any:
    """The tensor, or a tuple of the tensors, with three dimensions at least: vectors become (1, n, 1), matrices (m, n, 1)."""
    raised = _raised(tensors, 3, lambda x: reshape(x, (*(1,) * (x.ndim < 2), *(tuple(x.shape) or (1,)), 1)))
    return raised if len(tensors) != 1 or isinstance(tensors[0], (list, tuple)) else raised[0]


def _some(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
    if len(tensors) == 0:
        raise RuntimeError(located(f"{name} expects a non-empty TensorList"))
    return list(tensors)


@function("torch")
def hstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors joined along their second dimension, vectors along their first."""
    raised = atleast_1d(_some(tensors, "hstack"))
    return cat(raised, 0 if raised[0].ndim == 1 else 1, out=out)


@function("torch", aliases=("row_stack",))
def vstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors joined along their first dimension; vectors are rows."""
    return cat(atleast_2d(_some(tensors, "vstack")), 0, out=out)


@function("torch")
def dstack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors joined along their third dimension."""
    return cat(atleast_3d(_some(tensors, "dstack")), 2, out=out)


@function("torch")
def column_stack(tensors: Sequence[Tensor], *, out: Any = None) -> Tensor:
    """The tensors joined along their second dimension; vectors are columns."""
    return cat([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in _some(tensors, "column_stack")], 1, out=out)


# Taking apart


def _together(g, pieces, dtype):
    """The gradients of several pieces, zeros where none arrived."""
    return [np.zeros(shape, dtype) if each is None else each for each, shape in zip(g, pieces, strict=True)]


@view(name="split_with_sizes", outputs=None, samples=[((5, 2), (2, 3)), ((2, 4), (1, 0, 3), -1)])
def split_with_sizes(x, /, split_sizes, dim=0):
    """Views of the parts of these sizes along `dim`."""
    if x.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    dim = one_dim(dim, x.ndim)
    if sum(split_sizes) != x.shape[dim] or any(n < 0 for n in split_sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {x.shape[dim]} (input tensor's size at dimension {dim}), "
            f"but got split_sizes={list(split_sizes)}"
        )
    ends = list(itertools.accumulate(split_sizes))
    lead = (ALL,) * dim
    return tuple(x[(*lead, slice(end - n, end))] for n, end in zip(split_sizes, ends, strict=True))


@split_with_sizes.grad("x")
def _(g, x_shape, x_dtype, split_sizes, dim):
    dim = one_dim(dim, len(x_shape))
    pieces = [(*x_shape[:dim], n, *x_shape[dim + 1 :]) for n in split_sizes]
    return np.concatenate(_together(g, pieces, x_dtype), dim)


@function(aliases=("unsafe_split",), takes={"input": "tensor", "split_size": "split_size_or_sections"})
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the parts along `dim`: of one size each (the last may be smaller), or of the sizes in a list.

    Args:
        split_size_or_sections: the size of each part, or a list of sizes.
        dim: the dimension that is divided.

    Shape: that of `tensor` with these sizes along `dim`.

    Raises:
        RuntimeError: the sizes do not add up.

    >>> [part.tolist() for part in torch.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    >>> [part.tolist() for part in torch.arange(5).split([1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    if not hasattr(split_size_or_sections, "__index__"):
        return split_with_sizes(tensor, tuple(split_size_or_sections), dim)
    size = as_int(split_size_or_sections)
    if tensor.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = tensor.shape[one_dim(dim, tensor.ndim)]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    count = max(-(-n // size), 1) if size else 1
    return under_name("SplitBackward0", split_with_sizes(tensor, (*(size,) * (count - 1), n - size * (count - 1)), dim))


@function(aliases=("unsafe_chunk",))
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `chunks` parts along `dim`, all of one size but the last; fewer parts if they do not work out.

    Args:
        chunks: how many parts.
        dim: the dimension that is divided.

    Shape: that of `input` with smaller sizes along `dim`.

    >>> [part.tolist() for part in torch.arange(5).chunk(2)]
    [[0, 1, 2], [3, 4]]
    """
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    chunks = as_int(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[one_dim(dim, input.ndim)]
    size = -(-n // chunks)
    return split_with_sizes(input, (0,) * chunks, dim) if size == 0 else split(input, size, dim)


ENDS = dict.fromkeys(("indices", "sections", "tensor_indices_or_sections"), "indices_or_sections")


@function(takes=ENDS)
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of so many parts along `dim`, as equal as can be, or of the parts between the positions in a list."""
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = one_dim(dim, input.ndim)
    n = input.shape[dim]
    if isinstance(indices_or_sections, Tensor):
        if indices_or_sections.ndim > 1 or indices_or_sections._array.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional int64 tensor, but got "
                f"{indices_or_sections.ndim} dims of {indices_or_sections.dtype}"
            )
        indices_or_sections = indices_or_sections.tolist()
    if hasattr(indices_or_sections, "__index__"):
        count = int(indices_or_sections)
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        ends = list(itertools.accumulate(n // count + (i < n % count) for i in range(count)))
        return tuple(narrow(input, dim, start, end - start) for start, end in zip([0, *ends], ends, strict=False))
    stops = [*indices_or_sections, n]
    lead = (ALL,) * dim
    return tuple(part(input, (*lead, slice(start, stop), ...)) for start, stop in zip([0, *stops], stops, strict=False))


def _split_along(name: str, least: int, dim: int, what: str) -> None:
    def along(input: Tensor, indices_or_sections: Any, *more: int) -> tuple[Tensor, ...]:
        indices_or_sections = (indices_or_sections, *more) if more else indices_or_sections
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!"
            )
        d = 0 if input.ndim == 1 else dim
        if hasattr(indices_or_sections, "__index__") and (indices_or_sections <= 0 or input.shape[d] % indices_or_sections):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input.shape[d]} "
                f"is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, d)

    along.__name__ = along.__qualname__ = name
    along.__doc__ = f"Views of the parts of a tensor along its {what} dimension: so many equal ones, or those between positions."
    function(takes=ENDS, form="(input, indices_or_sections) -> tuple[Tensor, ...]")(along)


_split_along("hsplit", 1, 1, "second (a vector: its only)")
_split_along("vsplit", 2, 0, "first")
_split_along("dsplit", 3, 2, "third")


@view(outputs=None, samples=[((3, 2),), ((2, 3), -1), ((0, 2),)])
def unbind(x, /, dim=0):
    """Views of the slices along `dim`, without it."""
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {one_dim(dim, 0)} but tensor has no dimensions")
    dim = one_dim(dim, x.ndim)
    lead = (ALL,) * dim
    return tuple(x[(*lead, i, ...)] for i in range(x.shape[dim]))


@unbind.grad("x")
def _(g, x_shape, x_dtype, dim):
    dim = one_dim(dim, len(x_shape))
    return np.stack(_together(g, [x_shape[:dim] + x_shape[dim + 1 :]] * len(g), x_dtype), dim)


# Products of tensors


@composite(wide="rules", name="block_diag", places="", promote=True, samples=[[((2, 3), (1, 2))], [((2,), (), (0, 3))]])
def blocks(*xs):
    """Matrices along the diagonal of a larger one, zero elsewhere."""
    matrices = [np.reshape(x, (1,) * (2 - x.ndim) + x.shape) for x in xs]
    for i, x in enumerate(xs):
        if x.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions")
    out = zeros(xs[0], (sum(m.shape[0] for m in matrices), sum(m.shape[1] for m in matrices)))
    row = column = 0
    for m in matrices:
        out[row : row + m.shape[0], column : column + m.shape[1]] = m
        row, column = row + m.shape[0], column + m.shape[1]
    return out


@blocks.grad("xs")
def _(g, xs_shape):
    grads, row, column = [], 0, 0
    for shape in xs_shape:
        m, n = (1,) * (2 - len(shape)) + tuple(shape)
        grads.append(reshaped(g[row : row + m, column : column + n], shape))
        row, column = row + m, column + n
    return grads


@function("torch")
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of a larger one, zero elsewhere; vectors are rows."""
    return blocks(list(tensors)) if tensors else constant(np.zeros((1, 0), np.float32))


@function("torch")
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """The vectors expanded over the grid they span; `indexing` "xy" exchanges the first two dimensions.

    Args:
        tensors: vectors, or scalars.

    Shape: one tensor each, of shape (n1, n2, ...).

    >>> rows, columns = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    tensors = _listed(tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if any(x.ndim > 1 for x in tensors):
        raise RuntimeError("torch.meshgrid: Expected 0D or 1D tensors in the tensor list")
    if any(x.dtype != tensors[0].dtype for x in tensors):
        raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        warn_once("torch.meshgrid: it will be required to pass the indexing argument: 'ij' is what it is without")
    order = list(range(len(tensors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = [1, 0]
    sizes = [x.numel() for x in tensors]
    shape = [0] * len(order)
    for n, place in zip(sizes, order, strict=True):
        shape[place] = n
    return tuple(
        expand(reshape(x, tuple(n if i == place else 1 for i in range(len(shape)))), tuple(shape))
        for x, n, place in zip(tensors, sizes, order, strict=True)
    )


@function("torch")
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """The rows are all combinations of one element of each vector."""
    tensors = _listed(tensors)
    if any(x.ndim != 1 for x in tensors):
        raise RuntimeError("Expect a 1D vector in cartesian_prod")
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(grid, (-1,)) for grid in meshgrid(*tensors)], 1)


@function()
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """The rows are all ways of choosing `r` elements of a vector, in order."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return part(input, (slice(0, 0),))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return index(input, chosen)


@function("torch", name="broadcast_shapes")
def common_shape(*shapes: Any) -> Any:
    """The shape that tensors of these shapes broadcast to."""
    return broadcast_shapes(*((s,) if isinstance(s, int) else s for s in shapes))
