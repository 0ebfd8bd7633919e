"""Elements picked and written along one dimension by an index tensor: gather, scatter, index_add and their relatives.

In `gather` and the `scatter` family the index has as many dimensions as the tensor, and its own place gives the others; in the
`index_*` family it is a vector that stands for a whole dimension.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.data import element
from ...core.declare import composite, function
from ...core.inplace import write
from ...core.quiet import astype
from ...core.shapes import one_dim
from ...core.tensor import Tensor
from ..xp import total, zeros
from .region import part, region_in_zeros

REDUCTIONS: dict[str, Any] = {"sum": np.add, "add": np.add, "mean": np.add, "prod": np.multiply, "multiply": np.multiply}
REDUCTIONS |= {"amax": np.maximum, "amin": np.minimum}


def _rows(*shape, high=3):
    return lambda rng: rng.integers(0, high, shape)


def _distinct(rng):
    return np.array([[2, 0, 1], [0, 1, 2]])


def along(index, dim):
    """The tuple to index an array with so that `index` counts along `dim` and goes with its own place elsewhere."""
    ndim = index.ndim
    at = [np.arange(n).reshape((1,) * d + (n,) + (1,) * (ndim - d - 1)) for d, n in enumerate(index.shape)]
    at[dim] = index
    return tuple(at)


def places(shape, index, dim):
    """Where the elements that `index` counts along `dim` lie in a contiguous array of this shape."""
    found, stride = None, 1
    for d in reversed(range(index.ndim)):
        if d == dim:
            step = index if stride == 1 else index * stride
        else:
            step = np.arange(0, index.shape[d] * stride, stride).reshape(-1, *(1,) * (index.ndim - d - 1))
        found = step if found is None else found + step
        stride *= shape[d]
    return found


def _checked(x, index, dim, name, source=None):
    """`dim` from the front; errors where shapes, dtypes or numbers of an index do not fit."""
    dim = one_dim(dim, x.ndim)
    if index.size == 0:
        return dim
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")
    if max(index.ndim, 1) != max(x.ndim, 1):
        raise RuntimeError(f"Index tensor must have the same number of dimensions as input tensor: {index.ndim} and {x.ndim}")
    if index.ndim and x.ndim and any(i > n for d, (i, n) in enumerate(zip(index.shape, x.shape, strict=True)) if d != dim):
        raise RuntimeError(
            f"Size does not match at a dimension: expected index {index.shape} to be no larger than self {x.shape} "
            f"apart from dimension {dim}"
        )
    if source is not None and source.ndim and max(index.ndim, 1) != source.ndim:
        raise RuntimeError(f"Index tensor must have the same number of dimensions as src tensor: {index.ndim} and {source.ndim}")
    if source is not None and source.ndim and index.ndim and any(i > n for i, n in zip(index.shape, source.shape, strict=True)):
        raise RuntimeError(f"Expected index {index.shape} to be no larger than src {source.shape}")
    size = x.shape[dim] if x.ndim else 1
    if index.min() < 0 or index.max() >= size:
        wrong = index.min() if index.min() < 0 else index.max()
        raise RuntimeError(f"index {wrong} is out of bounds for dimension {dim} with size {size}")
    return dim


def _lined(*arrays):
    """Arrays without dimensions made vectors of one element."""
    return tuple(a.reshape(1) if a.ndim == 0 else a for a in arrays)


def _part_of(source, index):
    """The part of `source` that an index of a smaller shape uses."""
    return source if source.shape == index.shape else source[tuple(slice(n) for n in index.shape)]


@composite(
    wide="rules", name="gather", places="", out="own", samples=[((3, 4), _rows(2, 4), 0), ((3, 4), _rows(3, 2), -1), ((), _rows(high=1), 0)]
)
def gathered(x, index, /, dim):
    """The elements of `x` that `index` counts along `dim`, in the shape of `index`."""
    dim = _checked(x, index, dim, "gather")
    if index.size == 0:
        return np.zeros(index.shape, x.dtype)
    line, at = _lined(x, index)
    if line.__class__ is at.__class__ is np.ndarray and line.flags.c_contiguous:
        return line.reshape(-1).take(places(line.shape, at, dim)).reshape(index.shape)  # a tenth of the time
    return line[along(at, dim)].reshape(index.shape)


@gathered.grad("x")
def _(g, x_shape, index, dim):
    return scattered_in_zeros(g, index, x_shape, dim)


@composite(name="scatter_in_zeros", places="", samples=[((2, 4), _rows(2, 4), (3, 4), 0)])
def scattered_in_zeros(x, index, /, shape, dim):
    """Zeros of `shape` with the elements of `x` added where `index` counts along `dim`."""
    out = zeros(x, shape)
    if index.size:
        line, x, index = _lined(out, x, index)
        _add_along(line, index, x, dim)
    return out


@scattered_in_zeros.grad("x")
def _(g, index, dim):
    return gathered(g, index, dim)


def _add_along(out, index, values, dim):
    """Add `values` to `out`, which is contiguous, where `index` counts along `dim`."""
    dim = dim % out.ndim
    if out.dtype.kind == "V" or out.__class__ is not np.ndarray:
        np.add.at(out, along(index, dim), _part_of(values, index))
        return
    np.add.at(out.reshape(-1), places(out.shape, index, dim).reshape(-1), np.asarray(_part_of(values, index), out.dtype).reshape(-1))


@function()
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Any = None) -> Tensor:
    """The elements of `input` that `index` counts along `dim`, in the shape of `index`.

    For `dim=1`: out[i, j] = input[i, index[i, j]].

    Args:
        sparse_grad: ignored: gradients are dense.

    Shape: that of `index`.

    >>> scores = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> scores.gather(1, torch.tensor([[1], [0]]))
    tensor([[2.],
            [3.]])
    """
    return gathered(input, index, dim, out=out)


@composite(
    name="scatter_add",
    places="",
    out=True,
    samples=[((3, 4), _rows(2, 4), (2, 4), 0), ((3, 4), _rows(3, 2), (4, 3), 1), ((), _rows(high=1), (), 0)],
)
def scatter_added(x, index, src, /, dim):
    """A copy of `x` with the elements of `src` added where `index` counts along `dim`."""
    dim = _checked(x, index, dim, "scatter_add", src)
    if src.dtype != x.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype, got {x.dtype} and {src.dtype}")
    out = np.copy(x, order="C")
    if index.size:
        _add_along(*_lined(out, index, src), dim)
    return out


@scatter_added.grad("x")
def _(g):
    return g


@scatter_added.grad("src")
def _(g, index, src_shape, dim):
    return _in_source(gathered(g, index, dim), src_shape)


def _in_source(taken, src_shape):
    """The gradient of a source of which the index used the first part only."""
    if tuple(taken.shape) == tuple(src_shape):
        return taken
    return region_in_zeros(taken, tuple(src_shape), part.op, ((*(slice(n) for n in taken.shape), ...),))


@composite(
    wide="rules",
    name="scatter",
    places="",
    out=True,
    samples=[((3, 3), _distinct, (2, 3), 0), ((3, 3), _distinct, (), 1), ((), _rows(high=1), (), 0)],
)
def scattered(x, index, src, /, dim):
    """A copy of `x` with the elements of `src` written where `index` counts along `dim`."""
    single = src.ndim == 0 and index.ndim > 0
    dim = _checked(x, index, dim, "scatter", None if single else src)
    out = np.copy(x, order="C")
    if index.size:
        line, at, values = _lined(out, index, src)
        line[along(at, dim)] = values if single else _part_of(values, at)
    return out


@scattered.grad("x")
def _(g, x_dtype, index, dim):
    return scattered(g, index, np.zeros((), x_dtype), dim)


@scattered.grad("src")
def _(g, index, src_shape, dim):
    taken = gathered(g, index, dim)
    return total(taken) if len(src_shape) == 0 else _in_source(taken, src_shape)


@composite(name="scatter_by", places="", out=True)
def scattered_by(x, index, src, /, dim, reduce):
    """A copy of `x` with the elements of `src` added to it, or multiplied with it, where `index` counts along `dim`."""
    dim = _checked(x, index, dim, "scatter", src)
    out = np.copy(x, order="C")
    if index.size:
        line, at, values = _lined(out, index, src)
        REDUCTIONS[reduce].at(line, along(at, dim), values if src.ndim == 0 else _part_of(values, at))
    return out


@scattered_by.grad("x", "src")
def _(g):
    raise RuntimeError("derivative for aten::scatter is not implemented")


def _scatter_call(input: Tensor, dim: int, index: Tensor, src: Any, reduce: str | None, value: Any) -> Any:
    src = value if src is None else src
    if isinstance(src, (bool, int, float, complex)):
        src = element(src, input._array.dtype).item()
    if not isinstance(src, Tensor):
        src = np.asarray(src).astype(input._array.dtype) if isinstance(input, Tensor) else np.asarray(src, input.dtype)
    elif src.dtype != input.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}")
    if reduce is None:
        return scattered.op, (input, index, src), (dim,)
    one_dim(dim, input.ndim)
    if reduce not in ("add", "multiply"):
        raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}")
    return scattered_by.op, (input, index, src), (dim, reduce)


@function()
def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, reduce: str | None = None, value: Any = None, out: Any = None
) -> Tensor:
    """A copy of `input` with `src`, a tensor or a number, written where `index` counts along `dim`."""
    op, operands, attributes = _scatter_call(input, dim, index, src, reduce, value)
    return op.function(*operands, *attributes, out=out)


@function()
def scatter_(self: Tensor, dim: int, index: Tensor, src: Any = None, *, reduce: str | None = None, value: Any = None) -> Tensor:
    """`src`, a tensor or a number, written into the tensor where `index` counts along `dim`; returns the tensor."""
    return write(*_scatter_call(self, dim, index, src, reduce, value))


@function()
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Any = None) -> Tensor:
    """A copy of `input` with the elements of `src` added where `index` counts along `dim`."""
    return scatter_added(input, index, src, dim, out=out)


@function()
def scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The elements of `src` added to the tensor where `index` counts along `dim`; returns the tensor."""
    return write(scatter_added.op, (self, index, src), (dim,))


# Reductions of what meets at one place

REDUCE_SAMPLES = [((3, 4), _rows(2, 4), (2, 4), 0, how, own) for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)]


@composite(name="scatter_reduce", places="", out=True, samples=REDUCE_SAMPLES)
def scatter_reduced(x, index, src, /, dim, reduce, include_self=True):
    """`x` with the elements of `src` that `index` sends to one place along `dim` reduced to one, with its own or without."""
    dim = _checked(x, index, dim, "scatter_reduce", src)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    if src.dtype != x.dtype:
        raise RuntimeError(f"scatter(): Expected self.dtype to be equal to src.dtype, got {x.dtype} and {src.dtype}")
    out = np.copy(x, order="C")
    if index.size == 0:
        return out
    line, index, src = _lined(out, index, src)
    at, src = along(index, dim), _part_of(src, index)
    if not include_self:
        line[at] = _neutral(reduce, x.dtype)
    REDUCTIONS[reduce].at(line, at, src)
    if reduce == "mean":
        counts = _counts(line.shape, index, dim, include_self)
        line[...] = line // counts if x.dtype.kind in "iu" else line / counts
    return out


def _neutral(reduce: str, dtype: Any) -> Any:
    """What a reduction starts from."""
    if reduce in ("amax", "amin"):
        if dtype.kind == "b":
            return reduce == "amin"
        low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if dtype.kind in "iu" else (-np.inf, np.inf)
        return low if reduce == "amax" else high
    return 1 if reduce == "prod" else 0


def _counts(shape, index, dim, include_self):
    """How many elements meet at each place; one where there are none."""
    counts = scattered_in_zeros(np.ones_like(index, np.int64), index, shape, dim)
    return np.maximum(counts + int(include_self), 1)


@scatter_reduced.grad("x", "src")
def _(g, x, index, src, out, x_shape, src_shape, dim, reduce, include_self):
    if reduce == "sum":
        grad_x, grad_src = g, gathered(g, index, dim)
    elif reduce == "mean":
        line = index.reshape(1) if index.ndim == 0 else index
        counts = _counts(tuple(x_shape) or (1,), line, dim, include_self).reshape(x_shape)
        shares = g / astype(counts, _plain_dtype(g))
        grad_x, grad_src = shares, gathered(shares, index, dim)
    else:
        src = _taken(src, index)
        grad_x, grad_src = (_of_products if reduce == "prod" else _of_extremes)(g, x, index, src, out, dim, include_self)
    if not include_self:
        grad_x = scattered(grad_x, index, np.zeros((), _plain_dtype(g)), dim)
    return grad_x, _in_source(grad_src, src_shape)


def _plain_dtype(g: Any) -> Any:
    """NumPy's dtype of an array or Tensor."""
    return (g._array if isinstance(g, Tensor) else g).dtype


def _taken(src: Any, index: Any) -> Any:
    return src if tuple(src.shape) == tuple(index.shape) or index.ndim == 0 else src[tuple(slice(n) for n in index.shape)]


def _of_products(g, x, index, src, out, dim, include_self):
    """The gradient of each element is the product of the others that meet at its place."""
    one = np.ones((), _plain_dtype(g))
    own = x if include_self else scattered(x, index, one, dim)
    safe_own, safe_src = np.where(own == 0, one, own), np.where(src == 0, one, src)
    grad_x = g * scatter_reduced(safe_own, index, src, dim, "prod", True) / safe_own
    # A zero among the others makes the quotient of the whole product right; an only zero needs the product without it.
    zeros = gathered(scattered_in_zeros(astype(src == 0, one.dtype), index, tuple(x.shape), dim), index, dim)
    alone = (src == 0) & (zeros == 1)
    others = scatter_reduced(own, index, np.where(alone, one, src), dim, "prod", True)
    return grad_x, np.where(alone, gathered(g * others, index, dim), gathered(g * out, index, dim) / safe_src)


def _of_extremes(g, x, index, src, out, dim, include_self):
    """The gradient is shared by all that are equal to the extreme."""
    dtype = _plain_dtype(g)
    of_src = astype(src == gathered(out, index, dim), dtype)
    of_own = astype(x == out, dtype)
    meeting = scattered_in_zeros(of_src, index, tuple(x.shape), dim)
    # Where a nan is the extreme, nothing equals it: nan.
    shares = g / (of_own + meeting if include_self else np.where((meeting == 0) & (out == out), np.ones((), dtype), meeting))
    return of_own * shares if include_self else g, of_src * gathered(shares, index, dim)


@function()
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """`input` with what `index` sends to one place along `dim` reduced: "sum", "prod", "mean", "amax" or "amin"."""
    return scatter_reduced(input, index, src, dim, reduce, include_self, out=out)


@function()
def scatter_reduce_(self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """As `scatter_reduce`, written into the tensor; returns the tensor."""
    return write(scatter_reduced.op, (self, index, src), (dim, reduce, include_self))
