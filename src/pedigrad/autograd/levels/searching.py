"""Rules for places in sorted rows, for elements of sets, and for writing by number and by mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.lifted import whole
from ...core.tensor import read
from .batched import Batch, rule
from .indexing import numbered
from .outside import expanded, ran, reshaped


@rule("searchsorted")
def searchsorted(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    sequence, values, sorter = arrays
    options = dict(zip(op.attributes, attributes, strict=True))
    if sorter is not None:
        sequence, sorter = ran("gather", *(batch.value(each) for each in (sequence, sorter)), dim=-1), None
        sequence = batch.lifted(sequence)
    if not hasattr(values, "shape"):
        return NotImplemented
    if not batch.holds(sequence) and sequence.ndim == 1:
        return batch.lifted(ran(op.name, sequence, values.value, None, **options))
    wanted = batch.value(values)
    if sequence.ndim == 1:  # a row of its own in each sample, whatever the shape of its values
        found = ran(op.name, batch.value(sequence), reshaped(wanted, (batch.size, values.size)), None, **options)
        return batch.lifted(reshaped(found, (batch.size, *values.shape)))
    return batch.lifted(ran(op.name, batch.value(sequence), wanted, None, **options))


@rule("isin")
def isin(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, among = arrays
    (invert,) = attributes
    if not batch.holds(among):
        return batch.lifted(ran(op.name, x.value, among, invert=invert))
    elements = reshaped(batch.value(x), (batch.size, x.size, 1))
    found = ran("any", ran("eq", elements, reshaped(among.value, (batch.size, 1, among.size))), dim=-1)
    found = reshaped(found, (batch.size, *x.shape))
    return batch.lifted(ran("logical_not", found) if invert else found)


@rule("put")
def put(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, index, source = arrays
    if not x.size or index.size != source.size:
        return NotImplemented
    places = numbered(batch, batch.lifted(ran("remainder", batch.value(index), x.size)), x.size)
    sources = reshaped(batch.value(source), (batch.size, *index.shape))
    return batch.lifted(ran(op.name, batch.value(x), places, sources, accumulate=attributes[0]))


@rule("masked_scatter")
def masked_scatter(batch: Batch, op: Any, arrays: tuple[Any, ...], attributes: tuple[Any, ...]) -> Any:
    x, mask, source = arrays
    shape = np.broadcast_shapes(x.shape, mask.shape)
    size = math.prod(shape)
    if x.dtype != source.dtype or not source.size or not size or mask.dtype.kind != "b":
        return NotImplemented

    def rows(array: Any) -> Any:
        value = reshaped(batch.value(array), (batch.size, *(1,) * (len(shape) - array.ndim), *array.shape))
        return reshaped(expanded(value, (batch.size, *shape)), (batch.size, size))

    flat = rows(mask)
    # The number of each element that is to be written among those of its sample.
    order = ran("sub", ran("cumsum", flat, dim=1), 1)
    if source.size < size:
        most = whole(order)
        read(most, "masked_scatter()")
        if most.max() >= source.size:
            return NotImplemented  # the samples one by one will tell
        order = ran("minimum", order, source.size - 1)
    order = ran("maximum", order, 0)
    picked = ran("gather", reshaped(batch.value(source), (batch.size, source.size)), order, dim=1)
    return batch.lifted(reshaped(ran("where", flat, picked, rows(x)), (batch.size, *shape)))
