"""Views that show all elements of a storage in another shape or order."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import dtypes
from ...core.declare import function, view
from ...core.origin import warn_once
from ...core.shapes import all_dims, as_shape, broadcast_shapes, one_dim
from ...core.tensor import Tensor
from .. import xp
from ..xp import conj, total


def reshaped(x, shape):
    """`x` in another shape, by the shortest way that there is for an array."""
    return x.reshape(shape) if x.__class__ is np.ndarray else np.reshape(x, shape)


def _sizes(shape):
    return shape if shape.__class__ is tuple else as_shape((shape,))


def _unfit(x, shape):
    sizes = list(_sizes(shape))
    if sizes.count(-1) > 1:
        return RuntimeError(f"only one dimension can be inferred, and the shape {sizes} has {sizes.count(-1)} of size -1")
    if -1 in sizes and not x.size:
        why = "because the unspecified dimension size -1 can be any value and is ambiguous"
        return RuntimeError(f"cannot reshape tensor of 0 elements into shape {sizes} {why}")
    return RuntimeError(f"shape '{sizes}' is invalid for input of size {x.size}")


@view(varargs="shape", node="ViewBackward0", samples=[((2, 3), (3, 2)), ((2, 3), (-1,)), ((), (1, 1)), ((0, 2), (2, 0))])
def reshape(x, /, shape):
    """The same elements in another shape, a view where strides allow it and a copy elsewhere; one size may be -1.

    Args:
        shape: the sizes.

    Shape: `shape`.

    Raises:
        RuntimeError: the shape has another number of elements.

    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    try:
        return reshaped(x, _sizes(shape))
    except ValueError:
        raise _unfit(x, shape) from None


@reshape.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


def _is_gapped(x):
    """Whether an array, or the one that a traced array shows, does not lie row by row."""
    flags = getattr(x, "flags", None)  # Tensors have none: their arrays come here in their turn
    return flags is not None and not flags.c_contiguous


@view(name="view", places="", samples=[((2, 3), (3, 2)), ((2, 3), (-1,)), ((), (1, 1))])
def view_shape(x, /, shape):
    """The same storage in another shape; RuntimeError if its strides do not allow that. One size may be -1."""
    shape = _sizes(shape)
    try:
        out = reshaped(x, shape)
        if _is_gapped(x):
            np.reshape(getattr(x, "array", x), shape, copy=False)
        return out
    except ValueError as error:
        if "copy" not in str(error):
            raise _unfit(x, shape) from None
    raise RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
        "subspaces). Use .reshape(...) instead."
    )


@view_shape.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


@view(called="view", name="view_dtype", places="")
def view_dtype(x, /, dtype):
    """The same bytes read as elements of another dtype; the last dimension grows or shrinks with the size of one."""
    return x.view(dtypes.to_numpy(dtype))


@function("Tensor", name="view", form="(self, *shape: int | Sequence[int] | dtype)")
def view_(self: Tensor, *sizes: Any, size: Any = None, dtype: Any = None) -> Tensor:
    """The same storage in another shape, or read as another dtype; RuntimeError if its strides do not allow that."""
    if len(sizes) == 1:
        if dtypes.is_argument(sizes[0]):
            return view_dtype(self, sizes[0])
        return view_shape(self, sizes[0])
    return view_dtype(self, dtype) if dtype is not None else view_shape(self, sizes if size is None else size)


@view(varargs="dims", samples=[((2, 3, 4), (2, 0, 1)), ((2, 3), (-1, 0)), ((), ())])
def permute(x, /, dims):
    """With its dimensions in the order `dims`; a view.

    >>> torch.zeros(2, 3, 4).permute(2, 0, 1).shape
    torch.Size([4, 2, 3])
    """
    dims = _sizes(dims)
    if len(dims) != x.ndim:
        raise RuntimeError(f"permute(): the tensor has {x.ndim} dimensions, but the order {tuple(dims)} has {len(dims)}")
    if len({one_dim(d, x.ndim) for d in dims}) != len(dims):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return np.transpose(x, dims)


@permute.grad("x")
def _(g, dims):
    dims = _sizes(dims)
    order = [0] * len(dims)
    for i, d in enumerate(dims):
        order[d] = i
    return np.transpose(g, order)


@view(aliases=("swapaxes", "swapdims"), takes={"axis0": "dim0", "axis1": "dim1"}, samples=[((2, 3, 4), 0, -1), ((2, 3), 0, 1), ((), 0, -1)])
def transpose(x, /, dim0, dim1):
    """With the dimensions `dim0` and `dim1` exchanged; a view.

    Args:
        dim0, dim1: the dimensions; negative ones count from the end.

    Shape: (a, b, c) gives (c, b, a) for 0 and 2.

    >>> torch.zeros(2, 3, 4).transpose(0, 2).shape
    torch.Size([4, 3, 2])
    """
    if x.ndim == 0:
        one_dim(dim0, 0), one_dim(dim1, 0)
        return x[...]
    return x.swapaxes(dim0, dim1) if x.__class__ is np.ndarray else np.swapaxes(x, dim0, dim1)


@transpose.grad("x")
def _(g, dim0, dim1):
    return np.swapaxes(g, dim0, dim1) if g.ndim else g


@view(samples=[((2, 3),), ((3,),), ((),)])
def t(x, /):
    """A matrix transposed; tensors of fewer dimensions as they are."""
    if x.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return x.T if x.ndim else x[...]


@t.grad("x")
def _(g):
    return np.transpose(g)


@function(aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """The dimensions `source` moved to the places `destination`, the others in their order."""
    ndim = input.ndim
    source, destination = ((d,) if isinstance(d, int) else tuple(d) for d in (source, destination))
    if len(source) != len(destination):
        raise RuntimeError(f"movedim: {len(source)} source dims for {len(destination)} destination dims")
    froms, tos = [one_dim(d, ndim) for d in source], [one_dim(d, ndim) for d in destination]
    if len(set(froms)) != len(froms) or len(set(tos)) != len(tos):
        raise RuntimeError(f"movedim: repeated dim in source {source} or destination {destination}")
    order = [d for d in range(ndim) if d not in froms]
    for to, came in sorted(zip(tos, froms, strict=True)):
        order.insert(to, came)
    return permute(input, tuple(order[:ndim]))


@view(listed="dim", samples=[((2, 1, 3),), ((2, 1, 3), 1), ((1, 2, 1), (0, 2)), ((2, 3), 0), ((), 0)])
def squeeze(x, /, dim=None):
    """Without the dimensions of size one, or those in `dim` of size one; a view.

    Args:
        dim: the dimension or dimensions; all of size one if it is left out.

    Shape: (1, a, 1) gives (a,).

    >>> torch.zeros(1, 3, 1).squeeze().shape, torch.zeros(1, 3, 1).squeeze(0).shape
    (torch.Size([3]), torch.Size([3, 1]))
    """
    shape = x.shape
    dims = all_dims(dim, len(shape)) if dim != () else ()
    return reshaped(x, tuple(n for i, n in enumerate(shape) if n != 1 or i not in dims))


@squeeze.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


@view(samples=[((2, 3), 0), ((2, 3), -1), ((), 0)])
def unsqueeze(x, /, dim):
    """With a dimension of size one inserted at `dim`; a view.

    Args:
        dim: where it is, from -ndim - 1 to ndim.

    Shape: (a, b) gives (1, a, b), (a, 1, b) or (a, b, 1).

    >>> torch.zeros(3, 4).unsqueeze(1).shape
    torch.Size([3, 1, 4])
    """
    shape = x.shape
    dim = one_dim(dim, len(shape) + 1)
    return reshaped(x, (*shape[:dim], 1, *shape[dim:]))


@unsqueeze.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


@view(wide="rules", places="Tensor", varargs="size", samples=[((3, 1), (3, 4)), ((3,), (2, 3)), ((2, 1), (-1, 3)), ((), (2,))])
def expand(x, /, size, *, implicit=False):
    """Dimensions of size one repeated without copying; -1 keeps a size, new dimensions come in front."""
    sizes = _sizes(size)
    lead = len(sizes) - x.ndim
    if lead < 0:
        raise RuntimeError(f"expand: the number of sizes provided ({len(sizes)}) must be at least the number of dimensions, {x.ndim}")
    return xp.broadcast_to(x, tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(sizes)))


def _unexpandable(x, size, implicit=False):
    """What is wrong with the sizes that a tensor was to be expanded to."""
    sizes, lead = list(size), len(size) - x.ndim
    for i in range(len(sizes) - 1, lead - 1, -1):
        if x.shape[i - lead] != 1 and sizes[i] not in (-1, x.shape[i - lead]):
            expanded = f"The expanded size of the tensor ({sizes[i]}) must match the existing size ({x.shape[i - lead]})"
            return f"{expanded} at non-singleton dimension {i}.  Target sizes: {sizes}.  Tensor sizes: {list(x.shape)}"
    return None


expand.op.mistake = _unexpandable


@expand.grad("x")
def _(g, x_shape):
    dims = sum_dims(g.shape, x_shape)
    return reshaped(total(g, dims), x_shape) if dims else g


def sum_dims(shape, x_shape):
    """The dimensions of `shape` along which a tensor of `x_shape` was repeated."""
    lead = len(shape) - len(x_shape)
    return tuple(range(lead)) + tuple(i + lead for i, n in enumerate(x_shape) if n == 1 and shape[i + lead] != 1)


@function(form="(input, size)")
def broadcast_to(input: Tensor, *sizes: Any, size: Any = None) -> Tensor:
    """`input` expanded to `size` without copying."""
    return expand(input, as_shape(sizes if size is None else (size,)))


@function("torch")
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to their common shape."""
    tensors = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = tuple(broadcast_shapes(*(x.shape for x in tensors)))
    return tuple(x if x.shape == shape else expand(x, shape) for x in tensors)


@function("Tensor")
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Expanded to the shape of `other`."""
    return expand(self, tuple(other.shape))


@function("Tensor")
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """The same storage in the shape of `other`."""
    return view_shape(self, tuple(other.shape))


@function("Tensor")
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """The same elements in the shape of `other`."""
    return reshape(self, tuple(other.shape))


def _merged(shape, start_dim, end_dim):
    """The first and the last dim of those that flatten makes one."""
    first, last = one_dim(start_dim, len(shape)), one_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return first, last


@view(name="flatten", places="", node="ViewBackward0", samples=[((2, 3, 4),), ((2, 3, 4), 1), ((2, 3, 4), 0, 1), ((),)])
def flattened(x, /, start_dim=0, end_dim=-1):
    """The dimensions from `start_dim` to `end_dim` made one; a view where the strides allow one."""
    shape = x.shape
    first, last = _merged(shape, start_dim, end_dim)
    n = 1
    for size in shape[first : last + 1]:
        n *= size
    return reshaped(x, (*shape[:first], n, *shape[last + 1 :]))


@flattened.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


@function()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` made one; `input` itself if they are one, a view if it can be.

    Shape: (a, b, c) gives (a * b * c,), or (a, b * c) for `start_dim=1`.

    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    if isinstance(input, Tensor) and input._array.ndim:
        first, last = _merged(input._array.shape, start_dim, end_dim)
        if first == last:
            return input
    return flattened(input, start_dim, end_dim)


@view(node="ViewBackward0", samples=[((2, 6), 1, (2, 3)), ((2, 6), -1, (3, -1))])
def unflatten(x, /, dim, sizes):
    """The dimension `dim` split into `sizes`, one of which may be -1."""
    dim, sizes = one_dim(dim, x.ndim), as_shape((sizes,))
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    shape = (*x.shape[:dim], *sizes, *x.shape[dim + 1 :])
    try:
        return reshaped(x, shape)
    except ValueError:
        raise RuntimeError(f"unflatten: sizes {list(sizes)} don't multiply up to the size of dim {dim} ({x.shape[dim]})") from None


@unflatten.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


@view(node="ViewBackward0", samples=[((2, 3),), ((),)])
def ravel(x, /):
    """All elements in one dimension; a view if they lie in memory in order."""
    if _is_gapped(x):
        x = np.copy(x, order="C")
    return reshaped(x, (-1,) if x.size else (0,))


@ravel.grad("x")
def _(g, x_shape):
    return reshaped(g, x_shape)


# Tensor's properties


def _reversed(self: Tensor) -> Tensor:
    """With its dimensions in reverse order: a matrix transposed."""
    if self.ndim != 2:
        if self.ndim:
            use = "x.mT for batches of matrices, or x.permute(*range(x.ndim - 1, -1, -1)) to reverse the dimensions"
            warn_once(f"The use of `x.T` on tensors of dimension other than 2 is deprecated: use {use}")
        else:
            warn_once("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.")
    return transpose(self, 0, 1) if self.ndim == 2 else permute(self, tuple(range(self.ndim))[::-1])


def _matrices_transposed(self: Tensor) -> Tensor:
    """Its matrices (the last two dimensions) transposed; a single number as it is."""
    if not self.ndim:
        warn_once("Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.")
        return self
    if self.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
    return transpose(self, -2, -1)


def _matrix_adjoint(self: Tensor) -> Tensor:
    """A matrix, transposed and conjugated."""
    if self.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.")
    if not self.ndim:
        warn_once("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().")
    return conj(t(self))


@function()
def adjoint(input: Tensor) -> Tensor:
    """Its matrices (the last two dimensions) transposed and conjugated; a single number as it is."""
    if not input.ndim:
        return conj(input)
    if input.ndim < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return conj(transpose(input, -2, -1))


def _matrices_adjoint(self: Tensor) -> Tensor:
    """Its matrices transposed and conjugated; a single number as it is."""
    if not self.ndim:
        warn_once("Tensor.mH is deprecated on 0-D tensors. Consider using x.conj().")
    return adjoint(self) if self.ndim else self


for _name, _getter in (("T", _reversed), ("mT", _matrices_transposed), ("H", _matrix_adjoint), ("mH", _matrices_adjoint)):
    setattr(Tensor, _name, property(_getter))
