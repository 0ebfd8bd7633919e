"""Geometry of sliding windows: output sizes, and which elements of an input each offset in a window touches."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from ...core.shapes import as_int, pair

Ints = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


class Geometry(NamedTuple):
    """Windows of size `kernel` sliding over a padded input of spatial size `sizes`; `out` windows fit."""

    sizes: Ints
    kernel: Ints
    stride: Ints
    pads: Pads
    dilation: Ints
    out: Ints


def ints(value, n, name="argument"):
    """`value` as a tuple of `n` ints: one int stands for all dimensions."""
    values = pair(value, n)
    if len(values) != n:
        raise RuntimeError(f"expected {name} to be a single integer value or a list of {n} values, but got {name}={value}")
    return tuple(v if v.__class__ is int else as_int(v) for v in values)


@lru_cache(maxsize=4096)
def geometry(sizes: Ints, kernel: Ints, stride: Ints, pads: Pads, dilation: Ints) -> Geometry:
    """The geometry of a convolution: as many windows as fit wholly into the padded input."""
    if min(stride, default=1) < 1:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation, default=1) < 1:
        raise RuntimeError("dilation should be greater than zero")
    padded = tuple(n + lo + hi for n, (lo, hi) in zip(sizes, pads, strict=True))
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(e > p for e, p in zip(extents, padded, strict=True)):
        shown = [" x ".join(map(str, values)) for values in (padded, extents)]
        raise RuntimeError(
            f"Calculated padded input size per channel: ({shown[0]}). Kernel size: ({shown[1]}). "
            "Kernel size can't be greater than actual input size"
        )
    out = tuple((p - e) // s + 1 for p, e, s in zip(padded, extents, stride, strict=True))
    return Geometry(sizes, kernel, stride, pads, dilation, out)


def touched(offset: int, size: int, out: int, stride: int, low: int) -> tuple[slice, slice]:
    """The windows whose element at `offset` is not padding, and the input elements it meets there, as slices."""
    first = max(0, -((offset - low) // stride))
    last = min(out - 1, (size - 1 + low - offset) // stride)
    if last < first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset - low
    return slice(first, last + 1), slice(start, (last - first) * stride + start + 1, stride)


@lru_cache(maxsize=4096)
def visits(geo: Geometry) -> list[tuple[Ints, tuple[slice, ...], tuple[slice, ...]]]:
    """For each offset in the window: the offset, the windows where it meets the input, and the input elements met."""
    found = []
    for offset in product(*map(range, geo.kernel)):
        pairs = [
            touched(i * d, n, o, s, lo)
            for i, d, n, o, s, (lo, _) in zip(offset, geo.dilation, geo.sizes, geo.out, geo.stride, geo.pads, strict=True)
        ]
        found.append((offset, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)))
    return found


def gather_windows(x, geo):
    """The elements of every window: x (..., *sizes) gives (..., *kernel, *out), zeros where windows meet padding."""
    lead = x.shape[: x.ndim - len(geo.sizes)]
    everything = (slice(None),) * len(lead)
    columns = np.zeros((*lead, *geo.kernel, *geo.out), x.dtype)
    for offset, windows, elements in visits(geo):
        columns[(*everything, *offset, *windows)] = x[(*everything, *elements)]
    return columns


def scatter_windows(columns, geo, out=None):
    """The adjoint of `gather_windows`: (..., *kernel, *out) gives (..., *sizes), overlapping windows added up.

    It is added to `out`, if that is given.
    """
    lead = columns.shape[: columns.ndim - 2 * len(geo.sizes)]
    everything = (slice(None),) * len(lead)
    if out is None:
        out = np.zeros((*lead, *geo.sizes), columns.dtype)
    for offset, windows, elements in visits(geo):
        out[(*everything, *elements)] += columns[(*everything, *offset, *windows)]
    return out
