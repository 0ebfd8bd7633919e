"""Stretches of a tensor, one after the other, each reduced to one element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core import meta
from ...core.declare import function
from ...core.origin import located
from ...core.shapes import one_dim
from ...core.tensor import Tensor, constant, read
from .index_along import selected

STARTS = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf, "amax": -math.inf, "amin": math.inf}


def _lengths(data: Tensor, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> Any:
    """How long the segments are, and where they begin along `axis`: arrays of shape (..., segments)."""
    given = lengths if lengths is not None else offsets
    if given is None:
        raise RuntimeError(located("segment_reduce(): Either lengths or offsets must be defined."))
    if given.is_floating_point() or given.is_complex() or given.dtype.name == "bool":
        raise NotImplementedError(located(f"segment_reduce(): lengths and offsets must be integers, got {given.dtype}"))
    if given.ndim != axis + 1:
        raise RuntimeError(located(f"segment_reduce(): Expected axis to be the last dimension of lengths but got {axis}."))
    read(given._array, "segment_reduce()")
    if meta.is_meta(given._array):  # any lengths will do: all are in the first segment
        if not data.is_meta:
            meta.require_data(given._array, "segment_reduce()")
        counts = np.zeros((*given.shape[:-1], given.shape[-1] - (lengths is None)), given._array.dtype)
        counts[..., :1] = data.shape[axis]
        return counts, np.cumsum(counts, -1) - counts
    if lengths is None:
        starts = given._array[..., :-1]
        return np.diff(given._array, axis=-1), starts
    counts = given._array
    if counts.size and counts.min() < 0:
        raise RuntimeError(located("segment_reduce(): lengths contains negative value!"))
    if not unsafe and (counts.sum(-1) != data.shape[axis]).any():
        raise RuntimeError(located(f"segment_reduce(): Expected lengths along axis {axis} to sum to {data.shape[axis]} when !unsafe."))
    return counts, np.cumsum(counts, -1) - counts


@function("torch")
def segment_reduce(
    data: Tensor, reduce: str, *, lengths: Tensor | None = None, indices: Tensor | None = None, offsets: Tensor | None = None,
    axis: int = 0, unsafe: bool = False, initial: Any = None,
) -> Tensor:  # fmt: skip
    """The sum, mean, maximum, minimum or product of segments of `data` along `axis`, which are `lengths` long or begin at `offsets`.

    A segment starts from `initial`; without one the mean of nothing is nan.
    """
    x: Any = data
    if reduce not in STARTS:
        raise RuntimeError(located(f"reduce argument must be either sum, prod, mean, max or min, got {reduce}"))
    if indices is not None:
        raise RuntimeError(located("segment_reduce(): indices are not supported: give lengths or offsets"))
    if not x.is_floating_point():
        raise NotImplementedError(located(f"segment_reduce() is not implemented for {x.dtype}: use a floating point dtype"))
    axis = one_dim(axis, x.ndim)
    counts, starts = _lengths(data, lengths, offsets, axis, unsafe)
    size, rest = x.shape[axis], x.shape[axis + 1 :]
    flat_counts = np.reshape(counts, (-1,))
    before = np.reshape(starts + np.reshape(np.arange(math.prod(counts.shape[:-1])) * size, (*counts.shape[:-1], 1)), (-1,))
    segment = np.repeat(np.arange(flat_counts.size), flat_counts)
    place = np.arange(segment.size) - np.repeat(np.cumsum(flat_counts) - flat_counts, flat_counts)
    rows = selected(x.reshape(-1, *rest), constant(before[segment] + place), 0)
    out = x.new_full((flat_counts.size, *rest), STARTS[reduce] if initial is None else initial)
    where = constant(segment)
    if reduce in ("sum", "mean"):
        out = out.index_add(0, where, rows)
    else:
        name = {"max": "amax", "min": "amin"}.get(reduce, reduce)
        out = out.index_reduce(0, where, rows, name, include_self=True)
    if reduce == "mean":
        number = np.maximum(flat_counts, 0 if initial is None else 1)
        out = out / constant(np.reshape(number, (-1, *(1,) * len(rest))).astype(out._array.dtype))
    return out.reshape(*counts.shape, *rest)  # type: ignore[no-any-return]
