"""Rules for elements picked and written by index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dispatch import computed
from ...core.origin import located
from ...core.shapes import one_dim
from .batched import Batch, rule
from .outside import ALL, expanded, moved, ran, reshaped


class Picked:
    """How the dimensions of `x[index]` lie, where each sample of a batch is indexed, and where the index differs from sample to sample.

    The places of an index are those of dimensions of `x[basic]`. NumPy puts the dimensions of the index arrays in the place of the first
    of them if they are neighbours, and in front otherwise.
    """

    def __init__(self, batch: Batch, indices: tuple[Any, ...], shape: tuple[int, ...], basic: Any, places: tuple[bool, ...], of_all: bool):
        self.batch, self.of_all = batch, of_all  # whether there is an array for each sample, or one that all share
        used = [a for a in indices if a is not None]
        self.differ = any(batch.holds(a) for a in used)
        self.fits = not (self.differ and any(a.dtype.kind == "b" for a in used))
        if not self.fits:
            return
        first, last = places.index(True), len(places) - 1 - places[::-1].index(True)
        adjacent = all(places[first : last + 1])
        self.count = max(1 if a.dtype.kind == "b" else a.ndim for a in used)  # dimensions of the index
        self.first = first if adjacent else 0
        self.basic = basic if basic is None or not of_all else (ALL, *basic)
        shown = np.broadcast_to(np.zeros(()), shape)[() if basic is None else basic]
        self.ndim = shown.ndim - sum(a.ndim if a.dtype.kind == "b" else 1 for a in used) + self.count  # of what is picked
        if self.differ:
            values = [self.index_value(a) for a in used]
            numbers = np.arange(batch.size).reshape(batch.size, *(1,) * self.count)
            self.places = (True, *places) if of_all else places
            self.indices = [numbers, *values] if of_all else values
            # With one more array, at the first place, the index dimensions are neighbours only if they were so from the first on.
            together = adjacent and first == 0
            self.where = 0 if of_all else self.first  # where the dimension of the batch comes out
            self.moves = of_all and not together and self.first > 0
        else:
            self.indices = used
            self.places = (False, *places) if of_all else places
            self.where = 0 if adjacent else self.count
            self.moves = False

    def index_value(self, index: Any) -> Any:
        """An index array with the samples first and as many dimensions as the others."""
        if not self.batch.holds(index):
            return index
        return reshaped(index.value, (self.batch.size, *(1,) * (self.count - index.ndim), *index.shape))

    def given(self) -> tuple[Any, ...]:
        """The index arrays as operands."""
        return (*self.indices, *(None,) * (8 - len(self.indices)))

    def from_picked(self, out: Any) -> Any:
        """What was picked, with the samples first and the rest as in each sample."""
        out = moved(out, self.where, 0)
        if self.moves:  # the index dimensions came out in front
            order = (0, *range(1 + self.count, 1 + self.count + self.first), *range(1, 1 + self.count))
            out = ran("permute", out, dims=(*order, *range(len(order), out.ndim)))
        return out

    def as_picked(self, value: Any) -> Any:
        """The other way round."""
        if self.moves:
            order = (0, *range(1 + self.first, 1 + self.first + self.count), *range(1, 1 + self.first))
            value = ran("permute", value, dims=(*order, *range(len(order), value.ndim)))
        return moved(value, 0, self.where)


@rule("nonzero", "unique", "unique_consecutive", "places_of")
def shaped_by_elements(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    message = f"vmap: {op.name}() gives a tensor whose shape the elements decide, so that of each sample may be another"
    raise RuntimeError(located(f"{message}: call it outside of vmap, or use torch.where"))


@rule("index")
def index(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, *indices = arrays
    basic, places = attributes
    if any(batch.holds(a) and a.dtype.kind == "b" for a in indices):
        shaped_by_elements(batch, op, arrays, attributes)
    picked = Picked(batch, tuple(indices), x.shape, basic, places, batch.holds(x))
    if not picked.fits or len(picked.indices) > 8:
        return NotImplemented
    (out,) = computed(op, (x.value if batch.holds(x) else x, *picked.given()), (picked.basic, picked.places))
    return batch.lifted(picked.from_picked(out))


@rule("index_in_zeros")
def index_in_zeros(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, *indices = arrays
    shape, basic, places = attributes
    picked = Picked(batch, tuple(indices), shape, basic, places, True)
    if not picked.fits or len(picked.indices) > 8:
        return NotImplemented
    value = picked.as_picked(batch.value(x))
    return batch.all_lifted(computed(op, (value, *picked.given()), ((batch.size, *shape), picked.basic, picked.places)))


@rule("_index_put")
def index_put(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, y, *indices = arrays
    basic, places, accumulate = attributes
    picked = Picked(batch, tuple(indices), x.shape, basic, places, True)
    if not picked.fits or len(picked.indices) > 8:
        return NotImplemented
    if hasattr(y, "shape"):
        lead = max(y.ndim - picked.ndim, 0)
        y = picked.as_picked(reshaped(batch.value(y), (batch.size, *(1,) * (picked.ndim - y.ndim), *y.shape[lead:])))
    operands = (batch.value(x), y, *picked.given())
    return batch.all_lifted(computed(op, operands, (picked.basic, picked.places, accumulate)))


# By a vector along one dimension


@rule("index_select", "index_add", "index_copy", "index_fill")
def along_vector(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, at, *source = arrays
    dim, *rest = attributes
    if at.ndim > 1:
        return NotImplemented
    if not x.ndim or not at.ndim:  # numbers are lines of one element
        lines = [a if a.ndim or (op.name == "index_fill" and i == 2) else a.reshape((1,)) for i, a in enumerate(arrays)]
        if x.ndim and op.name in ("index_add", "index_copy") and source[0].ndim < x.ndim:
            return NotImplemented
        (out,) = along_vector(batch, op, tuple(lines), attributes)
        return batch.lifted(reshaped(out.value, (batch.size, *x.shape))) if not x.ndim else (out,)
    dim = one_dim(dim, x.ndim) + 1
    if not batch.holds(at) and not (op.name == "index_fill" and batch.holds(source[0])):
        given = (batch.value(x), at, *(batch.value(s) if op.name != "index_fill" else s for s in source))
        return batch.all_lifted(computed(op, given, (dim, *rest)))
    shape = list(batch.value(x).shape)
    shape[dim] = at.shape[0]
    wide = expanded(reshaped(batch.value(at), (batch.size, *(1,) * (dim - 1), at.shape[0], *(1,) * (x.ndim - dim))), tuple(shape))
    if op.name == "index_select":
        return (batch.lifted(ran("gather", batch.value(x), wide, dim=dim)),)
    new = batch.value(source[0])
    if op.name == "index_fill":
        new = expanded(reshaped(new, (batch.size, *(1,) * x.ndim)), tuple(shape))
    if op.name != "index_add":
        return (batch.lifted(ran("scatter", batch.value(x), wide, new, dim=dim)),)
    if rest[0] != 1:
        new = ran("mul", new, rest[0])
    return (batch.lifted(ran("scatter_add", batch.value(x), wide, new, dim=dim)),)


@rule("index_in_zeros_along")
def index_in_zeros_along(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, at = arrays
    shape, dim = attributes
    if not shape or at.ndim != 1:
        return NotImplemented
    dim = one_dim(dim, len(shape)) + 1
    if not batch.holds(at):
        return batch.all_lifted(computed(op, (batch.value(x), at), ((batch.size, *shape), dim)))
    value = batch.value(x)
    wide = expanded(reshaped(at.value, (batch.size, *(1,) * (dim - 1), at.shape[0], *(1,) * (len(shape) - dim))), tuple(value.shape))
    return batch.lifted(ran("scatter_in_zeros", value, wide, shape=(batch.size, *shape), dim=dim))


@rule("scatter_in_zeros")
def scatter_in_zeros(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    shape, dim = attributes
    if not shape:
        return NotImplemented
    return batch.all_lifted(computed(op, batch.values(arrays), ((batch.size, *shape), one_dim(dim, len(shape)) + 1)))


# By masks


@rule("masked_fill", "masked_fill_by", "copy")
def masked_fill(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, *others = arrays
    if op.name == "masked_fill_by" and batch.holds(others[1]):
        number = others[1] if others[1].dtype == x.dtype else others[1].astype(x.dtype)
        return batch.lifted(ran("where", *batch.aligned((others[0], number, x))))
    if any(a.ndim > x.ndim for a in others if hasattr(a, "ndim")):
        return NotImplemented
    return batch.all_lifted(computed(op, (batch.value(x), *batch.aligned(tuple(others), x.ndim)), attributes))


# Rows of tables


@rule("embedding")
def embedding(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    weight, indices = arrays
    if not batch.holds(weight):
        return batch.all_lifted(computed(op, (weight, indices.value), attributes))
    rows = reshaped(weight.value, (batch.size * weight.shape[0], *weight.shape[1:]))
    return batch.all_lifted(computed(op, (rows, numbered(batch, indices, weight.shape[0])), (-1, *attributes[1:])))


def numbered(batch: Batch, indices: Any, count: int) -> Any:
    """Numbers of rows of a table with `count` rows as those of the tables of all samples, one below the other."""
    offsets = np.arange(batch.size).reshape(batch.size, *(1,) * indices.ndim) * count
    return ran("add", batch.value(indices), offsets)


@rule("embedding_dense_backward")
def embedding_dense_backward(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, indices = arrays
    count, padding, by_frequency = attributes
    value = batch.value(x)
    if padding >= 0:
        inside = ran("ne", batch.value(indices), padding)
        value = ran("mul", value, reshaped(inside, (*inside.shape, 1)))
    out = ran(
        op.name, value, numbered(batch, indices, count), num_weights=batch.size * count, padding_idx=-1, scale_grad_by_freq=by_frequency
    )
    return batch.lifted(reshaped(out, (batch.size, count, *out.shape[1:])))


@rule("embedding_bag_places")
def embedding_bag_places(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The columns of all samples side by side, which lie in the same bags."""
    x, bags = arrays
    if batch.holds(bags):
        return NotImplemented
    (out,) = computed(op, (reshaped(moved(x.value, 0, 1), (x.shape[0], batch.size * x.shape[1])), bags), attributes)
    return batch.lifted(moved(reshaped(out, (out.shape[0], batch.size, x.shape[1])), 1, 0))
