"""Rules for operations along dimensions and for views: run once for all samples, with dimensions counted past that of the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.dispatch import computed
from ...core.op import REGISTRY
from ...core.shapes import all_dims, as_shape, one_dim
from .batched import KINDS, Batch, rule
from .outside import ALL, expanded, moved, ran, reshaped

# Attributes that are dimensions of the operands, by operation.
ALONG = {
    "dim": "all any amax amin sum mean prod nansum logsumexp std var count_nonzero vector_norm softmax log_softmax normalize glu cumsum"
    " cumprod logcumsumexp cummax cummin difference gather scatter scatter_add scatter_by scatter_reduce sort topk kthvalue"
    " median nanmedian mode argsort max min placed_at added_at select narrow unbind split_with_sizes _repeat_each unflatten",
    "dims": "flip resized_along fft_c2c fft_c2r fft_r2c",
    "dim0 dim1": "transpose",
    "dim1 dim2": "diagonal diagonal_copy",
    "dimension": "unfold",
}
DIMS = {name: attributes.split() for attributes, names in ALONG.items() for name in names.split()}
# Dimensions of the result, which has one more.
NEW = {"unsqueeze": ["dim"], "diag_embed": ["dim1", "dim2"]}


def elementwise(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Samples broadcast to each other behind the dimension of the batch."""
    return batch.all_lifted(computed(op, batch.aligned(arrays), attributes))


KINDS["elementwise"] = elementwise


def counted(dims: Any, ndim: int) -> Any:
    """Dimensions of a sample, one or several or None for all, as those of the batch."""
    if isinstance(dims, (tuple, list)) or dims is None:
        return tuple(d + 1 for d in all_dims(dims, ndim))
    return one_dim(dims, ndim) + 1


def named(op: Any, attributes: tuple[Any, ...]) -> dict[str, Any]:
    """The attributes by name."""
    return dict(zip(op.attributes, attributes, strict=True))


@rule(*(name for name in DIMS if REGISTRY[name].kind != "view"))
def along(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    shape = arrays[0].shape
    given = named(op, attributes)
    if not shape:
        return of_numbers(batch, op, arrays, given)
    for name in DIMS[op.name]:
        if name != "dims" or given[name] != ():  # of a `dim` these are all, of `dims` none
            given[name] = counted(given[name], len(shape))
    if op.name.startswith("scatter") and not arrays[2].ndim:  # one number for all places
        wide = reshaped(batch.value(arrays[2]), (batch.size, *(1,) * len(shape)))
        arrays = (*arrays[:2], batch.lifted(expanded(wide, (batch.size, *arrays[1].shape))))
    return batch.all_lifted(computed(op, batch.values(arrays), tuple(given.values())))


def of_numbers(batch: Batch, op: Any, arrays: tuple[Any, ...], given: dict[str, Any]) -> Any:
    """An operation along the only dimension that a number may be said to have."""
    for name in DIMS[op.name]:
        counted(given[name], 0)
        given[name] = 1 if isinstance(given[name], int) else (1,)
    columns = tuple(reshaped(v, (batch.size, 1)) if hasattr(v, "shape") and v.ndim == 1 else v for v in batch.values(arrays))
    results = computed(op, columns, tuple(given.values()))
    if op.name == "gather":  # the index says what the result is like
        return batch.all_lifted(reshaped(r, (batch.size, *arrays[1].shape)) for r in results)
    return batch.all_lifted(reshaped(r, (batch.size,)) if r.size == batch.size else r for r in results)


@rule("diag_embed")
def diag_embed(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    offset, *dims = attributes
    return batch.all_lifted(computed(op, batch.values(arrays), (offset, *(one_dim(d, arrays[0].ndim + 1) + 1 for d in dims))))


# Views: the same view of the whole batch. Their rules are functions of attributes and shapes alone, since gradients and the histories
# of writes through views hold views by these.


def shifted_view(op: Any, attributes: tuple[Any, ...], shape: tuple[int, ...], size: int) -> tuple[Any, tuple[Any, ...]] | None:
    """The view op and its attributes that show of a batch of `size` what these show of each sample of `shape`; None if there is none."""
    ndim, given = len(shape), named(op, attributes)
    if op.name in DIMS and ndim:
        return op, tuple((given | {n: counted(given[n], ndim) for n in DIMS[op.name]}).values())
    find = VIEWS.get(op.name)
    if find is None:
        return None
    name, new = find(shape, size, *attributes)
    return REGISTRY[name], new


def whole_shape(shape: tuple[int, ...], sizes: Any) -> tuple[int, ...]:
    """A shape in which one size may be -1, with that size."""
    sizes = as_shape((sizes,))
    known = math.prod(n for n in sizes if n != -1)
    return tuple(math.prod(shape) // known if n == -1 and known else n for n in sizes)


def _same(name: str, *attributes: str) -> Any:
    return lambda shape, size, *given: (name, given)


VIEWS: dict[str, Any] = {
    "permute": lambda shape, size, dims: ("permute", ((0, *(one_dim(d, len(shape)) + 1 for d in as_shape((dims,)))),)),
    "t": lambda shape, size: ("transpose", (1, 2)) if len(shape) == 2 else ("alias", ()),
    "transpose": lambda shape, size, *dims: ("alias", ()),  # of a number
    "reshape": lambda shape, size, sizes: ("reshape", ((size, *whole_shape(shape, sizes)),)),
    "view": lambda shape, size, sizes: ("view", ((size, *whole_shape(shape, sizes)),)),
    "ravel": lambda shape, size: ("reshape", ((size, math.prod(shape)),)),
    "unsqueeze": lambda shape, size, dim: ("unsqueeze", (one_dim(dim, len(shape) + 1) + 1,)),
    "slice": lambda shape, size, index: ("slice", ((ALL, *index),)),
    "squeeze": lambda shape, size, dim: ("squeeze", (tuple(d + 1 for d in all_dims(dim, len(shape))) if dim != () else (),)),
    "real": _same("real"),
    "imag": _same("imag"),
    "alias": _same("alias"),
    "view_as_real": _same("view_as_real"),
    "view_as_complex": _same("view_as_complex"),
}


def _flat(shape: tuple[int, ...], size: int, first: int, last: int) -> tuple[str, tuple[Any, ...]]:
    if not shape:
        return "reshape", ((size, 1),)
    return "flatten", (one_dim(first, len(shape)) + 1, one_dim(last, len(shape)) + 1)


VIEWS["flatten"] = _flat


def _strided(shape: tuple[int, ...], samples: int, size: Any, stride: Any, offset: int, place: Any) -> tuple[str, tuple[Any, ...]]:
    """The innermost of the batches that an array is a sample of is a dimension of the one outside.

    Where an array that is none has been at the place, what stands for it in gradients lies as if the samples followed each other.
    """
    start, strides, *batches = place
    ends = [at + sum((n - 1) * s for n, s in zip(*each, strict=True)) for at, *each in ((start, shape, strides), (offset, size, stride))]
    *outer, own = batches[0] if batches else (1 + max(ends) - min(start, offset),)
    outside = (start, (own, *strides), *([tuple(outer)] if outer else []))
    return "as_strided", ((samples, *size), (own, *stride), offset, outside)


VIEWS["as_strided"] = _strided


def view(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """The view of the whole batch that shows each sample's."""
    (x,) = arrays
    found = shifted_view(op, attributes, x.shape, batch.size)
    return NotImplemented if found is None else batch.all_lifted(computed(found[0], (x.value,), found[1]))


KINDS["view"] = view


@rule("expand")
def expand(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x,), (size, implicit) = arrays, attributes
    sizes = as_shape((size,))
    lead = len(sizes) - x.ndim
    if lead < 0:
        return NotImplemented
    value = reshaped(x.value, (batch.size, *(1,) * lead, *x.shape))
    return batch.all_lifted(computed(op, (value,), ((batch.size, *sizes), implicit)))


def shifted_steps(op: Any, attributes: Any, shape: tuple[int, ...], size: int, dtype: Any) -> tuple[Any, Any] | None:
    """`shifted_view`, also of several steps (no `op`, and pairs of an op and attributes) of what has that dtype."""
    if op is not None:
        return shifted_view(op, attributes, shape, size)
    steps = []
    shown = np.broadcast_to(np.zeros((), dtype), shape)
    for each, given in attributes:
        found = shifted_view(each, given, shown.shape, size)
        if found is None:
            return None
        steps.append(found)
        shown = each.forward(shown, **named(each, given))
    return None, tuple(steps)


@rule("renorm")
def renorm(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    """Slices along one dimension: those of all samples along it."""
    (x,), (p, dim, most) = arrays, attributes
    dim = one_dim(dim, x.ndim)
    value = moved(x.value, 0, dim)
    shape = (*x.shape[:dim], batch.size * x.shape[dim], *x.shape[dim + 1 :])
    (out,) = computed(op, (reshaped(value, shape),), (p, dim, most))
    return batch.lifted(moved(reshaped(out, value.shape), dim, 0))


@rule("replace_region")
def replace_region(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, y = arrays
    view_op, given = attributes
    found = shifted_steps(view_op, given, x.shape, batch.size, x.dtype)
    if found is None:
        return NotImplemented
    region = np.broadcast_to(np.zeros((), x.dtype), x.shape)
    for each, given in [attributes] if attributes[0] is not None else attributes[1]:
        region = each.forward(region, **named(each, given))
    if hasattr(y, "shape"):
        lead = max(y.ndim - region.ndim, 0)  # a value may have dimensions of size one too many
        y = reshaped(batch.value(y), (batch.size, *(1,) * (region.ndim - y.ndim), *y.shape[lead:]))
    return batch.all_lifted(computed(op, (batch.value(x), y), found))


@rule("region_in_zeros")
def region_in_zeros(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    shape, view_op, given, overlaps = attributes
    found = shifted_steps(view_op, given, shape, batch.size, arrays[0].dtype)
    if found is None:
        return NotImplemented
    return batch.all_lifted(computed(op, batch.values(arrays), ((batch.size, *shape), *found, overlaps)))


# Along dimensions that may be left out


@rule("max_of_all", "min_of_all", "median_of_all", "nanmedian_of_all")
def of_all(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    along_rows = {"max_of_all": "amax", "min_of_all": "amin", "median_of_all": "median", "nanmedian_of_all": "nanmedian"}[op.name]
    return batch.lifted(ran(along_rows, reshaped(arrays[0].value, (batch.size, arrays[0].size)), dim=1))


@rule("argmax", "argmin")
def argmax(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x,), (dim, keepdim) = arrays, attributes
    if dim is not None and x.ndim:
        return batch.all_lifted(computed(op, (x.value,), (counted(dim, x.ndim), keepdim)))
    found = ran(op.name, reshaped(x.value, (batch.size, x.size)), dim=1)
    return batch.lifted(reshaped(found, (batch.size, *(1,) * x.ndim)) if keepdim else found)


@rule("aminmax")
def aminmax(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x,), (dim, keepdim) = arrays, attributes
    if dim is not None and x.ndim:
        return batch.all_lifted(computed(op, (x.value,), (counted(dim, x.ndim), keepdim)))
    if not x.ndim:
        return x, x
    return batch.all_lifted(ran(n, x.value, dim=tuple(range(1, x.ndim + 1)), keepdim=keepdim) for n in ("amin", "amax"))


@rule("roll")
def roll(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x,), (shifts, dims) = arrays, attributes
    if dims is None or dims == ():
        flat = ran("roll", reshaped(x.value, (batch.size, x.size)), shifts=shifts, dims=1)
        return batch.lifted(reshaped(flat, x.value.shape))
    return batch.all_lifted(computed(op, (x.value,), (shifts, counted(dims, x.ndim))))


@rule("trace")
def trace(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    return batch.lifted(ran("sum", ran("diagonal", arrays[0].value, dim1=1, dim2=2), dim=1))


@rule("repeat")
def repeat(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    (x,), repeats = arrays, as_shape((attributes[0],))
    lead = len(repeats) - x.ndim
    if lead < 0:
        return NotImplemented
    value = reshaped(x.value, (batch.size, *(1,) * lead, *x.shape))
    return batch.all_lifted(computed(op, (value,), ((1, *repeats),)))


@rule("cross", "cosine_similarity")
def of_pairs(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    ndim = max(a.ndim for a in arrays)
    given = named(op, attributes)
    given["dim"] = one_dim(given["dim"], ndim) + 1
    x, y = (reshaped(v, (batch.size, *(1,) * (ndim + 1 - v.ndim), *v.shape[1:])) for v in batch.values(arrays))
    return batch.all_lifted(computed(op, (x, y), tuple(given.values())))


@rule("block_diag")
def block_diag(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    blocks = [reshaped(batch.value(a), (batch.size, *(1,) * (2 - a.ndim), *a.shape)) for a in arrays]
    widths = [b.shape[2] for b in blocks]
    rows = [ran("constant_pad_nd", b, pad=(sum(widths[:i]), sum(widths[i + 1 :]))) for i, b in enumerate(blocks)]
    return batch.all_lifted(computed(REGISTRY["cat"], tuple(rows), (1,)))


@rule("cat", "stack")
def cat(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    ndim = max(a.ndim for a in arrays) + (op.name == "stack")
    arrays = (tuple(a for a in arrays if a.shape != (0,)) or arrays) if op.name == "cat" else arrays
    return batch.all_lifted(computed(op, batch.values(arrays), (one_dim(attributes[0], ndim) + 1,)))


__all__ = ["counted", "named"]
