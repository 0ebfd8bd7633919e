"""Elements repeated, rolled, flipped, and laid out along diagonals: copies, where a view cannot show them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import composite, function
from ...core.layout import RULES
from ...core.shapes import all_dims, as_int, as_shape, one_dim
from ...core.tensor import Tensor, constant, read, wrap
from ..xp import total
from .convert import clone, contiguous_format, converted
from .index_along import selected
from .region import diagonal, region_in_zeros
from .view import ravel, reshape, reshaped, transpose


@composite(wide="rules", places="Tensor", varargs="repeats", samples=[((2, 3), (2, 1)), ((3,), (2, 2)), ((), (2, 3)), ((2, 3), (0, 1))])
def repeat(x, /, repeats):
    """The tensor set side by side with itself so many times along each dimension; new dimensions come in front."""
    repeats = as_shape((repeats,))
    if len(repeats) < x.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in repeats):
        raise RuntimeError(f"repeat(): the repeats must not be negative, got {repeats}")
    return np.tile(x, repeats)


@repeat.grad("x")
def _(g, x_shape, repeats):
    repeats = as_shape((repeats,))
    shape = (1,) * (len(repeats) - len(x_shape)) + tuple(x_shape)
    apart = reshaped(g, tuple(itertools.chain(*zip(repeats, shape, strict=True))))
    return reshaped(total(apart, tuple(range(0, 2 * len(shape), 2))), x_shape) if shape else apart


@function(form="(input, *dims)")
def tile(input: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """The tensor set side by side with itself; as `repeat`, but fewer numbers than dimensions mean the last ones."""
    dims = as_shape(sizes if dims is None else (dims,))
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@composite(
    wide="rules",
    name="_repeat_each",
    called="repeat_interleave",
    places="",
    node="RepeatInterleaveBackward0",
    samples=[((2, 3), 2, 0), ((2, 3), 3, -1), ((4,), 0, 0)],
)
def repeated_each(x, /, repeats, dim):
    """Each slice along `dim` so many times after another."""
    return np.repeat(x, repeats, one_dim(dim, x.ndim))


@repeated_each.grad("x")
def _(g, x_shape, repeats, dim):
    dim = one_dim(dim, len(x_shape))
    return total(reshaped(g, (*x_shape[: dim + 1], repeats, *x_shape[dim + 1 :])), dim + 1)


@function(name="repeat_interleave")
def repeat_interleave(input: Any = None, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Each slice along `dim` (each element of all, without it) as many times as `repeats`, a number or one for each, says.

    Args:
        output_size: how many there will be, if it is known.

    Shape: that of `input` with another size along `dim`.

    >>> torch.tensor([1, 2]).repeat_interleave(torch.tensor([2, 1]))
    tensor([1, 1, 2])
    """
    if input is None or repeats is None:
        input = repeats if input is None else input
        read(input._array, "repeat_interleave()")
        return wrap(np.repeat(np.arange(input.numel()), input._array))
    if dim is None:
        input, dim = ravel(input), 0
    if input.ndim == 0:
        raise IndexError(f"Dimension specified as {one_dim(dim, 0)} but tensor has no dimensions")
    if isinstance(repeats, Tensor) and repeats.numel() != 1:
        if repeats.ndim != 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        if repeats.shape[0] != input.shape[one_dim(dim, input.ndim)]:
            raise RuntimeError(f"repeats must have the same size as input along dim: {repeats.shape[0]} and {tuple(input.shape)}")
        counts = repeats._array
        read(counts, "repeat_interleave()")
        if counts.size and counts.min() < 0:
            raise RuntimeError("repeats can not be negative")
        places = np.repeat(np.arange(counts.size), counts)
        _check_size(output_size, places.size)
        return selected(input, places, dim)
    count = int(repeats) if isinstance(repeats, Tensor) else as_int(repeats)
    if count < 0:
        raise RuntimeError("Repeats must be non-negative")
    _check_size(output_size, count * input.shape[one_dim(dim, input.ndim)])
    return repeated_each(input, count, dim)


def _check_size(output_size: int | None, size: int) -> None:
    if output_size is not None and output_size != size:
        raise RuntimeError(f"repeat_interleave(): allocated size does not match required size: output_size={output_size}, not {size}")


def _pair(value: Any) -> tuple[int, ...]:
    return (as_int(value),) if hasattr(value, "__index__") else tuple(map(as_int, value))


def _rolled(shape, arrays, attributes):
    """Channels last where the operand is so and something is moved along dimensions."""
    shifts, dims = attributes
    moved = dims is not None and any(s % max(shape[d], 1) for s, d in zip(_pair(shifts), _pair(dims), strict=False))
    return RULES["channels"](shape, arrays, attributes) if moved else None


@composite(wide="rules", layout=_rolled, samples=[((3, 4), 1), ((3, 4), (1, -2), (0, 1)), ((3, 4), 2, -1), ((), 1)])
def roll(x, /, shifts, dims=None):
    """The elements moved on by `shifts` along `dims`, those that fall off come in at the other end; without `dims`, of all elements."""
    shifts, dims = _pair(shifts), () if dims is None else _pair(dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return np.reshape(np.roll(np.reshape(x, (-1,)), shifts[0]), x.shape)
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    dims = tuple(one_dim(d, x.ndim) for d in dims)
    return np.roll(x, shifts, dims)


@roll.grad("x")
def _(g, shifts, dims):
    return roll(g, tuple(-n for n in _pair(shifts)), dims)


@composite(wide="rules", layout="like", varargs="dims", samples=[((3, 4), (0,)), ((3, 4), (0, -1)), ((), ()), ((0, 2), (1,))])
def flip(x, /, dims):
    """The elements in reverse order along `dims`."""
    dims = as_shape((dims,))
    return np.copy(np.flip(x, all_dims(dims, x.ndim) if dims else ()))


@flip.grad("x")
def _(g, dims):
    return flip(g, dims)


@function()
def fliplr(input: Tensor) -> Tensor:
    """The columns in reverse order: flipped along the second dimension."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@function()
def flipud(input: Tensor) -> Tensor:
    """The rows in reverse order: flipped along the first dimension."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


@function()
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned `k` times by 90 degrees in the plane of two dimensions, from the first towards the second."""
    k = as_int(k)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    first, second = (one_dim(d, input.ndim) for d in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    if k % 4 == 0:
        return clone(input, memory_format=contiguous_format)
    if k % 4 == 2:
        return flip(input, (first, second))
    return transpose(flip(input, (second if k % 4 == 1 else first,)), first, second)


# Triangles


def _triangle(name: str, keep: Any, which: str, example: str) -> Any:
    def forward(x, /, diagonal=0):
        if x.ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return keep(x, as_int(diagonal))

    forward.__name__ = forward.__qualname__ = name
    forward.__doc__ = f"""The elements {which} the diagonal number `diagonal` of each matrix, zeros elsewhere.

    Shape: (..., n, m) stays.

    Args:
        diagonal: 0 is the main diagonal, positive ones are above it.

    Raises:
        RuntimeError: there are fewer than two dimensions.

    >>> torch.{name}(torch.ones(2, 2))
    {example}
    """
    op = composite(wide="rules", inplace=True, out=True, samples=[((3, 4),), ((4, 3), 1), ((2, 3, 3), -1)])(forward)

    @op.grad("x")
    def _(g, diagonal):
        return op(g, diagonal)

    return op


tril = _triangle("tril", np.tril, "on and below", "tensor([[1., 0.],\n            [1., 1.]])")
triu = _triangle("triu", np.triu, "on and above", "tensor([[1., 1.],\n            [0., 1.]])")


def _triangle_indices(name: str, of: Any, which: str) -> None:
    def indices(
        row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None, layout: Any = None,
        pin_memory: bool = False, requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        row, col, offset = as_int(row), as_int(col), as_int(offset)
        if row < 0 or col < 0:
            raise RuntimeError(f"{name}: row and col must not be negative, got {row} and {col}")
        if dtype not in (None, dtypes.int64, dtypes.int32):
            raise NotImplementedError(f'"{name}" not implemented for {dtype}')
        array = np.stack(of(row, offset, col)).astype(dtypes.to_numpy(dtype or dtypes.int64))
        tensor: Any = constant(array)
        return tensor.requires_grad_() if requires_grad else tensor

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = f"The indices, of shape (2, n), of the elements of a `row` by `col` matrix {which} its diagonal `offset`."
    function("torch")(indices)


_triangle_indices("tril_indices", np.tril_indices, "on and below")
_triangle_indices("triu_indices", np.triu_indices, "on and above")


# Diagonals


@composite(wide="rules", places="", out=True, samples=[((3, 4),), ((2, 3, 4), 1, -1, 0)])
def diagonal_copy(x, /, offset=0, dim1=0, dim2=1):
    """A copy of the diagonal of the matrices that `dim1` and `dim2` span, as the last dimension."""
    return np.copy(diagonal.op.forward(x, offset, dim1, dim2))


@diagonal_copy.grad("x")
def _(g, x_shape, offset, dim1, dim2):
    return region_in_zeros(g, x_shape, diagonal.op, (offset, dim1, dim2))


@composite(wide="rules", out=True, samples=[((3,),), ((2, 3), 1), ((2, 3), -1, 0, 2), ((0,),)])
def diag_embed(x, /, offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension along the diagonal of the matrices that `dim1` and `dim2` of the result span."""
    ndim = x.ndim + 1
    first, second = one_dim(dim1, ndim), one_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    for d in sorted((first, second)):
        shape.insert(d, size)
    return region_in_zeros.op.forward(x, tuple(shape), diagonal.op, (offset, first, second))


@diag_embed.grad("x")
def _(g, offset, dim1, dim2):
    return diagonal(g, offset, dim1, dim2)


@function()
def diag(input: Tensor, diagonal: int = 0, *, out: Any = None) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector as its diagonal.

    Args:
        diagonal: 0 is the main diagonal, positive ones are above it.

    Shape: (n,) gives (n, n), (n, m) gives (min(n, m),).

    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return diag_embed(input, diagonal, out=out) if input.ndim == 1 else diagonal_copy(input, diagonal, out=out)


@function()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of the tensor as its diagonal."""
    return diag_embed(reshape(input, (-1,)), offset)


def _powers(x: Tensor, count: int) -> Tensor:
    exponents = constant(np.arange(count).astype(x._array.dtype))
    return reshape(x, (*x.shape, 1)) ** exponents  # type: ignore[operator]


@function("linalg", name="vander")
def vander_matrix(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers, rising from zero, of each element of the last dimension as a new last dimension."""
    if N is not None and N <= 1:
        raise RuntimeError(f"N must be greater than 1, got {N}")
    x = reshape(x, (1,)) if x.ndim == 0 else x
    x = x if x.is_floating_point() or x.is_complex() else converted(x, dtypes.int64)
    return _powers(x, x.shape[-1] if N is None else N)


@function("torch")
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, one tensor per dimension, of elements counted in row-major order."""
    sizes = as_shape((shape,))
    if indices.is_floating_point() or indices.is_complex() or indices.dtype is dtypes.bool_:
        raise ValueError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if any(n < 0 for n in sizes):
        raise ValueError("'shape' cannot have negative values")
    flat: Any = converted(indices, dtypes.int64)
    return tuple(flat // math.prod(sizes[i + 1 :]) % sizes[i] for i in range(len(sizes)))
