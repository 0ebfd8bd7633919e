"""Views: other shapes and parts of the same storage."""

from __future__ import annotations

import numpy as np

from .. import gate
from ..op import composite, view
from ..shapes import as_shape
from .language import broadcast_to


@view(varargs="shape", places="torch Tensor", samples=[((2, 3), (3, 2)), ((2, 3), (-1,)), ((), (1, 1)), ((0, 2), (2, 0))])
def reshape(x, /, shape):
    """The same elements in another shape; a view where the strides allow one. One size may be -1."""
    return np.reshape(x, as_shape((shape,)))


@reshape.grad("x")
def _(g, x_shape):
    return np.reshape(g, x_shape)


@view(varargs="dims", samples=[((2, 3, 4), (2, 0, 1)), ((2, 3), (-1, 0)), ((), ())])
def permute(x, /, dims):
    """The dimensions in another order."""
    return np.transpose(x, as_shape((dims,)))


@permute.grad("x")
def _(g, dims):
    order = as_shape((dims,))
    return np.transpose(g, tuple(int(i) for i in np.argsort([d % len(order) for d in order])))


@view(aliases=("swapaxes", "swapdims"), samples=[((2, 3, 4), 0, -1), ((2, 3), 0, 1)])
def transpose(x, /, dim0, dim1):
    """Two dimensions exchanged."""
    return np.swapaxes(x, dim0, dim1)


@transpose.grad("x")
def _(g, dim0, dim1):
    return np.swapaxes(g, dim0, dim1)


@view(places="Tensor", varargs="size", samples=[((3, 1), (3, 4)), ((3,), (2, 3)), ((2, 1), (-1, 3))])
def expand(x, /, size):
    """Dimensions of size one repeated without copying; -1 keeps a size, new dimensions come in front."""
    sizes = as_shape((size,))
    lead = len(sizes) - x.ndim
    return broadcast_to(x, tuple(x.shape[i - lead] if n == -1 else n for i, n in enumerate(sizes)))


@expand.grad("x")
def _(g, x_shape):
    dims = sum_dims(g.shape, x_shape)
    return np.reshape(np.sum(g, axis=dims), x_shape) if dims else g


def sum_dims(shape, x_shape):
    """The dimensions of `shape` along which a tensor of `x_shape` was repeated."""
    lead = len(shape) - len(x_shape)
    return tuple(range(lead)) + tuple(i + lead for i, n in enumerate(x_shape) if n == 1 and shape[i + lead] != 1)


@composite(places="")
def replace_region(x, y, /, op, attributes):
    """`x` with the region that the view `op` selects replaced by `y`: the history of a write through a view."""
    out = np.copy(x)
    op.forward(out, **dict(zip(op.attributes, attributes, strict=True)))[...] = y
    return out


@replace_region.grad("x")
def _(g, op, attributes):
    kept = np.copy(g)
    op.function(kept, *attributes)[...] = 0
    return kept


@replace_region.grad("y")
def _(g, op, attributes):
    return op.function(g, *attributes)


gate.replace_region = replace_region
