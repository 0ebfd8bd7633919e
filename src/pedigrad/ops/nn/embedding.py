"""Rows of a table picked by their numbers, and one-hot vectors."""

from __future__ import annotations

import numpy as np

from ...core import modes
from ...core.declare import composite, function, kernel
from ...core.dtypes import int64
from ...core.graph import note_write
from ...core.lifted import Lifted
from ...core.origin import located, warn
from ...core.precision import widened
from ...core.quiet import astype
from ...core.sparse import Coordinates
from ...core.tensor import Tensor, constant, read, wrap
from ..shape.index import add_at
from ..sparse.values import put
from ..xp import kind_of, zeros


def _rows(*shape, high=5):
    return lambda rng: rng.integers(0, high, shape)


@composite(
    wide="rules", places="torch", samples=[((5, 3), _rows(4)), ((5, 3), _rows(2, 2), 1), ((5, 3), _rows(6), -1, True), ((5, 3), _rows())]
)
def embedding(weight, indices, /, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight`, of shape (rows, D), that `indices` of any shape (...) names: shape (..., D).

    Row `padding_idx` gets no gradient; `scale_grad_by_freq` divides each gradient by the number of times its row is named.
    """
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    if indices.dtype.char not in "lqi":
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int;"
            f" but got {indices.dtype.name} instead (while checking arguments for embedding)"
        )
    if 0 not in indices.shape and np.minimum.reduce(indices, axis=None) < 0:
        raise IndexError(_no_such_row(weight, indices))
    try:
        return np.take(weight, indices, axis=0)
    except IndexError:
        raise IndexError(_no_such_row(weight, indices)) from None


def _no_such_row(weight, indices, **attributes):
    """Which index is none of a row, and where it stands."""
    count = weight.shape[0]
    wrong = np.argwhere((indices < 0) | (indices >= count))
    if not len(wrong):
        return "index out of range in self"
    at = tuple(map(int, wrong[0]))
    rows = f"has rows 0 to {count - 1}" if count else "has no rows"
    return f"index out of range in self: index {indices[at]} at {list(at)}, and the table of shape {tuple(weight.shape)} {rows}"


@embedding.grad("weight")
def _(g, weight_shape, indices, padding_idx, scale_grad_by_freq, sparse):
    if sparse:
        return _sparse_gradient(g, weight_shape, indices, padding_idx, scale_grad_by_freq)
    scatter = embedding_dense_backward if isinstance(g, Tensor) else embedding_dense_backward.op.forward
    return scatter(g, indices, weight_shape[0], padding_idx, scale_grad_by_freq)


def _sparse_gradient(g, shape, indices, padding_idx, scale_grad_by_freq):
    """The gradients of the rows that are named, as a sparse one of the table."""
    if not isinstance(g, (np.ndarray, Tensor)):
        raise modes.ShapedByValues("the places of a sparse gradient are elements of an array")
    if scale_grad_by_freq:
        raise RuntimeError(located("embedding_backward: scale_grad_by_freq not supported with sparse gradients"))
    rows, values = indices.reshape(-1).astype(np.int64), np.reshape(g, (indices.size, shape[1]))
    if padding_idx >= 0:
        present = rows != padding_idx
        rows, values = rows[present], values[present]
    zero = np.zeros((), kind_of(values))
    return put(values, Coordinates(rows[None], np.broadcast_to(zero, values.shape), shape))


@composite(places="", samples=[((4, 3), _rows(4), 5, -1, False), ((2, 2, 3), _rows(2, 2), 5, 1, True)])
def embedding_dense_backward(x, indices, /, num_weights, padding_idx, scale_grad_by_freq):
    """The sum of the rows of `x` for each of `num_weights` rows of a table: the gradient of `embedding`."""
    if scale_grad_by_freq or padding_idx >= 0:
        x = _weighed(x, indices, padding_idx, scale_grad_by_freq)
    size = x.shape[-1]
    sums = zeros(x, (num_weights, size))
    rows, x = indices.reshape(-1), x.reshape(-1, size)
    if sums.__class__ is np.ndarray:
        add_at(sums, (rows,), x)
    else:
        np.add.at(sums, rows, x)
    return sums


@embedding_dense_backward.grad("x")
def _(g, indices, padding_idx, scale_grad_by_freq):
    g = embedding(g, indices) if isinstance(g, Tensor) else np.take(g, indices, axis=0)
    return g if not scale_grad_by_freq and padding_idx < 0 else _weighed(g, indices, padding_idx, scale_grad_by_freq)


def _weighed(rows, indices, padding_idx, scale_grad_by_freq):
    """The gradients of rows: zero of padding, divided by the number of times that a row is named where that is asked for."""
    if scale_grad_by_freq and indices.size:
        rows = rows / astype(np.bincount(indices.reshape(-1))[indices], kind_of(rows))[..., None]
    return np.where(np.not_equal(indices, padding_idx)[..., None], rows, 0)


def limit_rows(weight, indices, max_norm, norm_type):
    """Scale the rows of `weight` that `indices` names down in place where their norm exceeds `max_norm`."""
    if weight.is_meta:
        return
    read(weight._array, "embedding(max_norm=...)")
    rows = np.unique(indices)
    chosen = widened(weight._array[rows])
    if norm_type == 2:
        norms = np.sqrt(np.einsum("ij,ij->i", chosen, chosen))
    else:
        norms = np.linalg.norm(chosen, norm_type, axis=1)
    long = norms > max_norm
    weight._array[rows[long]] = chosen[long] * (max_norm / (norms[long] + 1e-7))[:, None]
    note_write(weight._array, "embedding")


def _checked_padding(padding_idx, weight):
    """`padding_idx` counted from the front; -1 for none."""
    if padding_idx is None:
        return -1
    rows = weight._array.shape[0]
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


@function("F", name="embedding")
def embedding_of_indices(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight`, of shape (rows, D), that `input` of any shape (...) names: shape (..., D).

    Row `padding_idx` gets no gradient. Rows whose `norm_type`-norm exceeds `max_norm` are first scaled down in place.
    """
    padding_idx = -1 if padding_idx is None else _checked_padding(padding_idx, weight)
    if max_norm is not None:
        limit_rows(weight, input._array, max_norm, norm_type)
    return embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


# Bags


def _bags(input, offsets, include_last_offset):
    """The bag of each index, a tensor, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences.")
        count, length = input.shape
        return constant(np.repeat(np.arange(count), length)), count
    if input.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if not include_last_offset:
        return embedding_bag_offsets(offsets, input.shape[0]), offsets.shape[0]
    starts = offsets._array
    read(starts, "embedding_bag(include_last_offset=True)")
    sizes = _bag_sizes(starts, input.shape[0])[:-1]
    return constant(np.repeat(np.arange(sizes.size), sizes)), sizes.size


@kernel(places="")
def embedding_bag_offsets(offsets, /, length):
    """The bag that each of `length` indices is in, where the bags begin at `offsets`."""
    sizes = _bag_sizes(offsets, length)
    return np.repeat(np.arange(sizes.size), sizes)


def _bag_sizes(starts, length):
    """How many of `length` indices are in each bag, where the bags begin at `starts`."""
    sizes = np.diff(np.append(starts, length))
    if starts.size and starts[0] != 0:
        message = "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got"
        raise RuntimeError(f"{message} {starts[0]}")
    if starts.size and starts[-1] > length:
        message = f"offsets[-1] can not be greater than input's length({length}) but got offsets[-1] of"
        raise RuntimeError(f"{message} {starts[-1]}")
    if sizes.size and sizes.min() < 0:
        raise RuntimeError("offsets must not fall: each bag ends where the next begins")
    return sizes


@kernel(places="")
def embedding_bag_sizes(bags, /, count):
    """How many indices are in each of `count` bags, of which `bags` says the bag of each index."""
    found = zeros(bags, (count,))
    np.add.at(found, bags, 1)
    return found


def _largest_of_bags(rows, bags, count):
    """The elements of `rows` that are largest in their bags; zero for empty bags. The first of equal ones counts."""
    if not rows._array.shape[0]:
        return rows.sum(0) * 0 + rows.new_zeros((count, rows.shape[-1]))
    has_any = np.zeros((count, 1), rows._array.dtype)
    has_any[bags] = 1
    chosen = embedding_bag_places(rows.detach(), wrap(bags), count)
    return rows[chosen, np.arange(rows.shape[1])[None, :]] * has_any


@kernel(places="")
def embedding_bag_places(array, bags, /, count):
    """Which row of `array` has the largest element in each column of each of `count` bags, of which `bags` says the bag of each row."""
    filled, starts = np.unique(bags, return_index=True)
    leads = np.zeros((len(bags), 1), bool)
    leads[starts] = True
    missing = np.isnan(array) if array.dtype.kind in "fV" else np.zeros_like(array, bool)
    array = np.where(missing & ~leads, -np.inf, array)  # as comparisons have it: only a nan that comes first stays
    tops = np.maximum.reduceat(array, starts, axis=0)
    is_top = (array == np.repeat(tops, np.diff(np.append(starts, len(bags))), axis=0)) | (missing & leads)
    order = np.where(is_top, np.arange(len(bags))[:, None], len(bags))
    first = np.minimum.reduceat(order, starts, axis=0)
    chosen = np.zeros((count, array.shape[1]), np.int64)
    chosen[filled] = np.minimum(first, len(bags) - 1)
    return chosen


@function("F")
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """The sum, mean or maximum (`mode`) of the rows of `weight` named in each bag of indices: shape (bags, D).

    `input` of shape (bags, n), or (n) with the bags starting at `offsets`. Rows `padding_idx` do not count.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum or mean or max")
    if not isinstance(weight, Tensor) or not isinstance(input, Tensor):
        raise TypeError(located("embedding_bag(): input and weight must be Tensors"))
    if input.is_floating_point() and weight.dtype is int64:
        message = "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is deprecated"
        warn(f"{message}, and should now be `embedding_bag(input, weight, ...)`.")
        input, weight = weight, input
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum'"
                f" (got mode='{mode}'). Please open a feature request on GitHub."
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same"
                f" shape as the input ({input.shape})"
            )
    bags, count = _bags(input, offsets, include_last_offset)
    padding = _checked_padding(padding_idx, weight)
    length = bags.shape[0]
    indices = input.reshape(-1)[:length]
    if max_norm is not None:
        with modes.no_grad():
            limit_rows(weight, indices._array, max_norm, norm_type)
    if per_sample_weights is not None:
        per_sample_weights = per_sample_weights.reshape(-1)[:length]
    if padding >= 0 and isinstance(indices._array, Lifted) and mode != "max":  # what is left of each sample may be of another length
        present = (indices != padding).to(weight.dtype)
        per_sample_weights = present if per_sample_weights is None else per_sample_weights * present
    elif padding >= 0:
        read(indices._array, "embedding_bag(padding_idx=...)")
        present = constant(indices._array != padding)
        bags, indices = bags[present], indices[present]
        per_sample_weights = None if per_sample_weights is None else per_sample_weights[present]
    if sparse and mode == "max":
        raise ValueError(located("max mode does not support sparse weights"))
    rows = embedding(weight, indices, padding, scale_grad_by_freq, sparse)
    if mode == "max":
        read(bags._array, "embedding_bag(mode='max')")
        return _largest_of_bags(rows, bags._array, count)
    kind = rows._array.dtype
    if per_sample_weights is not None:
        rows = widened(rows) * widened(per_sample_weights).unsqueeze(1)
    sums = embedding_dense_backward(widened(rows), bags, count, -1, False)
    if mode == "mean" and per_sample_weights is not None:
        sizes = embedding_dense_backward(widened(per_sample_weights).unsqueeze(1), bags, count, -1, False)
        sums = sums / sizes.clamp(min=1)
    elif mode == "mean":
        sums = sums / embedding_bag_sizes(bags, count).clamp(min=1).to(sums.dtype).unsqueeze(1)
    return sums if sums._array.dtype == kind else astype(sums, kind)


# One-hot


@kernel(called="one_hot", places="")
def one_hot_rows(x, /, num_classes):
    """One at the place that each integer names, zero elsewhere: a new last dimension of size `num_classes`."""
    if x.size and np.minimum.reduce(x, axis=None) < 0:
        raise RuntimeError("Class values must be non-negative.")
    if x.size and np.maximum.reduce(x, axis=None) >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return (np.expand_dims(x, -1) == np.arange(num_classes)).astype(np.int64)


@function("F", takes={"input": "tensor"})
def one_hot(tensor, num_classes=-1):
    """One at the place that each integer names, zero elsewhere: int64 with a new last dimension of `num_classes`.

    Args:
        tensor: integers from 0; int64.
        num_classes: how many places there are; one more than the largest integer if it is -1.

    Shape: (...) gives (..., num_classes).

    Raises:
        RuntimeError: a number is negative, or not below `num_classes`.

    >>> torch.nn.functional.one_hot(torch.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    array = tensor._array
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if not array.size:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return one_hot_rows(tensor, num_classes)
    if num_classes == -1:
        read(array, "one_hot() without num_classes")
        num_classes = max(int(np.maximum.reduce(array, axis=None)) + 1, 0)
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    return one_hot_rows(tensor, num_classes)
