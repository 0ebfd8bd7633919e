"""The three products of a convolution on arrays, as matrix products: with the weight, and what belongs to either factor.

A chunk of samples is *lowered*: each row of the matrix is the chunk's input shifted by one offset in the kernel. Where the
kernel moves by one along the first spatial dimension, only the other dimensions are lowered and the first is *swept*: with that
dimension outermost, the matrix of another offset along it is a slice of the same matrix, so the lowered chunk is
smaller by the kernel's height. Chunks are sized to stay in cache, and one buffer serves all of them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product

import numpy as np

from . import window_products
from .windows import Geometry, geometry, scatter_windows, touched

CHUNK = 1 << 19  # elements of a lowered chunk
WIDTH = 512  # columns that a matrix product should have at least


def widened(*arrays):
    """The arrays, floats of two bytes as float32, and the dtype that results must have."""
    dtype = arrays[0].dtype
    if dtype.itemsize == 2 and dtype.kind in "fV":
        return [None if a is None else a.astype(np.float32) for a in arrays], dtype
    return arrays, dtype


@lru_cache(maxsize=1024)
def _copies(geo: Geometry, swept: bool):
    """How a chunk is lowered: pairs of an index into the buffer and one into the input, whose channels come first."""
    first = 1 if swept else 0
    lead: tuple[slice, ...] = ()
    rows = slice(None)
    if swept:
        low, high = geo.pads[0]
        rows, source = touched(0, geo.sizes[0], geo.sizes[0] + low + high, 1, low)
        lead = (source,)
    pairs = []
    for offset in product(*map(range, geo.kernel[first:])):
        dims = [
            touched(i * d, n, o, s, lo)
            for i, d, n, o, s, (lo, _) in zip(
                offset, geo.dilation[first:], geo.sizes[first:], geo.out[first:], geo.stride[first:], geo.pads[first:], strict=True
            )
        ]
        windows = (rows, slice(None)) if swept else (slice(None),)
        elements = (*lead, slice(None)) if swept else (slice(None),)
        pairs.append(((slice(None), *offset, *windows, *(a for a, _ in dims)), (slice(None), *elements, *(b for _, b in dims))))
    return pairs


class Lowering:
    """The buffer for lowered chunks of up to `chunk` samples: matrices (groups, rows, columns)."""

    def __init__(self, x, geo: Geometry, groups: int, swept: bool):
        self.geo, self.groups, self.swept = geo, groups, swept
        samples, self.channels = x.shape[:2]
        low, high = geo.pads[0]
        self.height = geo.sizes[0] + low + high
        inner = geo.kernel[1:] if swept else geo.kernel
        self.rows = self.channels // groups * math.prod(inner)
        per_sample = self.height * math.prod(geo.out[1:]) if swept else math.prod(geo.out)
        self.chunk = min(samples, max(1, CHUNK // max(1, self.rows * groups * per_sample), -(-WIDTH // per_sample)))
        self.inner = inner
        self.buffer = None
        self.dtype = x.dtype

    def shape(self, n: int):
        """The shape of the buffer for `n` samples."""
        geo = self.geo
        windows = (self.height, n, *geo.out[1:]) if self.swept else (n, *geo.out)
        return (self.channels, *self.inner, *windows)

    def fill(self, x):
        """The matrices of these samples."""
        shape = self.shape(len(x))
        if self.buffer is None or self.buffer.shape != shape:
            self.buffer = np.zeros(shape, self.dtype)  # what no copy touches is padding and stays zero
        order = (1, 2, 0, *range(3, x.ndim)) if self.swept else (1, 0, *range(2, x.ndim))
        source = x.transpose(order)
        for target, elements in _copies(self.geo, self.swept):
            self.buffer[target] = source[elements]
        return self.buffer.reshape(self.groups, self.rows, -1)


def pointwise(geo: Geometry) -> bool:
    """Whether the convolution is a matrix product as it stands: windows of one element, side by side."""
    return geo.sizes == geo.out and all(k == 1 for k in geo.kernel) and all(s == 1 for s in geo.stride)


def _sweeps(n_in: int, n_out: int, geo: Geometry) -> bool:
    """Whether to sweep the first dimension: it pays unless few input channels meet many output channels (measured)."""
    if len(geo.out) == 1 or geo.stride[0] != 1 or geo.kernel[0] == 1:
        return False
    return 4 * n_out <= 5 * n_in * math.prod(geo.kernel[1:])


def correlate(x, weight, bias, geo: Geometry, groups: int):
    """x (N, C, *sizes) and weight (O, C/groups, *kernel) give (N, O, *out)."""
    made = window_products.entered("forward", correlate, (x, weight, bias), geo, groups)
    if made is not None:
        return made
    (x, weight, bias), dtype = widened(x, weight, bias)
    n, n_out = x.shape[0], weight.shape[0]
    column = None if bias is None else bias.reshape(-1, *(1,) * len(geo.out))
    if 0 in x.shape or 0 in weight.shape:
        out = np.zeros((n, n_out, *geo.out), x.dtype)
        return (out if column is None else out + column).astype(dtype, copy=False)
    made = window_products.correlate(x, weight, bias, geo, groups)
    if made is not None:
        return made.astype(dtype, copy=False)
    if pointwise(geo):
        matrices = weight.reshape(groups, n_out // groups, -1)
        out = np.matmul(matrices, x.reshape(n, groups, matrices.shape[2], -1)).reshape(n, n_out, *geo.out)
        return (out if column is None else np.add(out, column, out=out)).astype(dtype, copy=False)
    swept = _sweeps(x.shape[1] // groups, n_out // groups, geo)
    out = np.empty((n, n_out, *geo.out), x.dtype)
    lowering = Lowering(x, geo, groups, swept)
    run = _swept if swept else _full
    for start in range(0, n, lowering.chunk):
        part = out[start : start + lowering.chunk]
        run(x[start : start + lowering.chunk], weight, geo, groups, lowering, part)
        if column is not None:
            np.add(part, column, out=part)
    return out.astype(dtype, copy=False)


def _full(x, weight, geo, groups, lowering, out):
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1)
    columns = lowering.fill(x)
    n = len(x)
    if n == 1:
        np.matmul(matrices, columns, out=out.reshape(groups, matrices.shape[1], -1))
        return
    made = np.matmul(matrices, columns)
    out[...] = made.reshape(-1, n, *geo.out).swapaxes(0, 1)


def _swept(x, weight, geo, groups, lowering, out):
    height, n, per_group = geo.kernel[0], len(x), weight.shape[0] // groups
    split = weight.reshape(groups, per_group, x.shape[1] // groups, height, -1)
    matrices = split.transpose(0, 3, 1, 2, 4).reshape(groups, height * per_group, -1)
    made = np.matmul(matrices, lowering.fill(x))
    made = made.reshape(groups, height, per_group, lowering.height, n, *geo.out[1:])
    target = out.reshape(n, groups, per_group, *geo.out)
    target = target.transpose(1, 2, 3, 0, *range(4, target.ndim))
    parts = [made[:, i, :, i * geo.dilation[0] : i * geo.dilation[0] + geo.out[0]] for i in range(height)]
    total = parts[0]
    for part in parts[1:-1]:
        np.add(total, part, out=total)
    np.add(total, parts[-1], out=target)


def input_grad(y, weight, geo: Geometry, groups: int):
    """What belongs to x: y (N, O, *out) and weight (O, C/groups, *kernel) give (N, C, *sizes)."""
    (y, weight), dtype = widened(y, weight)
    n, n_out = y.shape[:2]
    per_group = weight.shape[1]
    if 0 in y.shape or 0 in weight.shape:
        return np.zeros((n, groups * per_group, *geo.sizes), dtype)
    exact = pointwise(geo) and not any(map(any, geo.pads))
    finite = exact or np.isfinite(np.add.reduce(weight, axis=None))  # else no zeros of a padding may meet the weight
    made = window_products.entered("backward", input_grad, (y, weight), geo, groups) if finite else None
    if made is not None:
        return made
    made = window_products.input_grad(y, weight, geo, groups) if finite else None
    if made is not None:
        return made.astype(dtype, copy=False)
    if pointwise(geo):
        matrices = weight.reshape(groups, n_out // groups, per_group).swapaxes(1, 2)
        made = np.matmul(matrices, y.reshape(n, groups, n_out // groups, -1))
        return made.reshape(n, groups * per_group, *geo.sizes).astype(dtype, copy=False)
    if finite and all(s == 1 for s in geo.stride) and n_out <= 3 * groups * per_group:
        back, turned = turned_round(weight, geo, groups)
        return correlate(y, turned, None, back, groups).astype(dtype, copy=False)
    matrices = weight.reshape(groups, n_out // groups, -1).swapaxes(1, 2)
    chunk = max(1, CHUNK // max(1, groups * matrices.shape[1] * math.prod(geo.out)))
    out = np.zeros((n, groups * per_group, *geo.sizes), y.dtype)
    for start in range(0, n, chunk):
        part = y[start : start + chunk].swapaxes(0, 1)
        made = np.matmul(matrices, part.reshape(groups, n_out // groups, -1))
        windows = made.reshape(groups * per_group, *geo.kernel, part.shape[1], *geo.out)
        scatter_windows(np.moveaxis(windows, 1 + len(geo.kernel), 0), geo, out[start : start + chunk])
    return out.astype(dtype, copy=False)


def turned_round(weight, geo: Geometry, groups: int):
    """The geometry and weight of the convolution that takes gradients of a stride of one back."""
    pads = tuple(
        (d * (k - 1) - lo, n - o + lo) for k, d, n, o, (lo, _) in zip(geo.kernel, geo.dilation, geo.sizes, geo.out, geo.pads, strict=True)
    )
    back = Geometry(geo.out, geo.kernel, geo.stride, pads, geo.dilation, geo.sizes)
    split = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
    flipped = split[(..., *(slice(None, None, -1),) * len(geo.kernel))]
    return back, flipped.reshape(groups * weight.shape[1], -1, *geo.kernel)


def weight_grad(x, y, geo: Geometry, groups: int):
    """What belongs to the weight: x (N, C, *sizes) and y (N, O, *out) give (O, C/groups, *kernel)."""
    made = window_products.entered("weight", weight_grad, (x, y), geo, groups)
    if made is not None:
        return made
    (x, y), dtype = widened(x, y)
    n, n_out = y.shape[:2]
    shape = (n_out, x.shape[1] // groups, *geo.kernel)
    if 0 in x.shape or 0 in y.shape:
        return np.zeros(shape, dtype)
    made = window_products.weight_grad(x, y, geo, groups)
    if made is not None:
        return made.astype(dtype, copy=False)
    per_group = n_out // groups
    swept = _sweeps(shape[1], per_group, geo)
    lowering = Lowering(x, geo, groups, swept)
    steps = range(geo.kernel[0]) if swept else range(1)
    # Transposed: BLAS is faster where the long side of the result comes first.
    total = np.zeros((len(steps), groups, lowering.rows, per_group), x.dtype)
    order = (1, 2, 0, *range(3, y.ndim)) if swept else (1, 0, *range(2, y.ndim))
    for start in range(0, n, lowering.chunk):
        columns = lowering.fill(x[start : start + lowering.chunk])
        part = y[start : start + lowering.chunk].transpose(order).reshape(groups, per_group, -1)
        line = part.shape[2] // geo.out[0]
        for i in steps:
            shifted = columns[:, :, i * geo.dilation[0] * line :][:, :, : part.shape[2]] if swept else columns
            total[i] += np.matmul(shifted, part.swapaxes(1, 2))
    total = total.swapaxes(2, 3)
    if swept:
        total = np.moveaxis(total.reshape(geo.kernel[0], n_out, shape[1], -1), 0, 2)
    return total.reshape(shape).astype(dtype, copy=False)


__all__ = ["Geometry", "correlate", "geometry", "input_grad", "weight_grad"]
