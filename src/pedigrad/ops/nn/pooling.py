"""Pooling over sliding windows: maxima, means and norms.

A maximum is found by comparing shifted slices of the input; where in its window it was is worked out only for a gradient or when
the user asks. Sums over windows are taken one dimension at a time.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ...core.declare import composite, function, kernel
from ...core.dispatch import under_name
from ...eager import native
from ..destination import deliver
from ..linked import kept, linked
from .correlation import widened
from .windows import Geometry, ints, visits

# Geometry


@lru_cache(maxsize=4096)
def pool_geometry(sizes, kernel, stride, padding, dilation, ceil_mode):
    """The geometry of pooling windows; with `ceil_mode` a last one may hang over the end, but must start before it."""
    if min(kernel) < 1:
        raise RuntimeError(f"kernel size should be greater than zero, but got kernel_size={kernel}")
    if min(stride) < 1:
        raise RuntimeError(f"stride should not be zero, but got stride={stride}")
    if min(dilation) < 1:
        raise RuntimeError(f"dilation should be greater than zero, but got dilation={dilation}")
    out, pads = [], []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        extent = d * (k - 1) + 1
        if p < 0 or p > extent // 2:
            raise RuntimeError(
                f"pad should be non-negative and at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
        room = n + 2 * p - extent
        windows = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (windows - 1) * s >= n + p:
            windows -= 1
        if windows < 1:
            raise RuntimeError(f"Given input size {sizes} and kernel_size={kernel}: calculated output size is too small")
        out.append(windows)
        pads.append((p, max(p, (windows - 1) * s + extent - n - p)))
    return Geometry(sizes, kernel, stride, tuple(pads), dilation, tuple(out))


def _geometry(x, n, kernel_size, stride, padding, dilation, ceil_mode, name):
    if x.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got input of size {list(x.shape)}")
    if 0 in x.shape[x.ndim - n - 1 :]:
        raise RuntimeError(f"{name}(): Expected input's non-batch dimensions to have positive length, but got size {list(x.shape)}")
    kernel = ints(kernel_size, n, "kernel_size")
    stride = kernel if stride is None or stride == () or stride == [] else ints(stride, n, "stride")
    settings = (ints(padding, n, "padding"), ints(dilation, n, "dilation"), bool(ceil_mode))
    return pool_geometry(tuple(x.shape[-n:]), kernel, stride, *settings)


def _along(geo, i):
    """The geometry with windows of one element in all dimensions but the `i`-th, whose earlier ones are pooled already."""
    dims = range(len(geo.sizes))

    def pick(values, out, rest):
        return tuple(v if j == i else r for j, v, r in zip(dims, values, rest, strict=True))

    sizes = tuple(geo.out[j] if j < i else geo.sizes[j] for j in dims)
    ones = (1,) * len(sizes)
    pads = tuple(geo.pads[j] if j == i else (0, 0) for j in dims)
    out = tuple(geo.out[j] if j <= i else geo.sizes[j] for j in dims)
    return Geometry(sizes, pick(geo.kernel, out, ones), pick(geo.stride, out, ones), pads, pick(geo.dilation, out, ones), out)


@lru_cache(maxsize=4096)
def _steps(geo):
    """The geometry taken one dimension at a time."""
    return [_along(geo, i) for i in range(len(geo.sizes)) if geo.kernel[i] > 1 or geo.out[i] != geo.sizes[i]]


# Maxima


def _lowest(dtype):
    if dtype.kind in "fV":
        return -math.inf
    return np.iinfo(dtype).min if dtype.kind in "iu" else False


def _whole(windows, out):
    return all(w.start == 0 and w.stop == n for w, n in zip(windows, out, strict=True))


def _all_whole(geo):
    return all(_whole(windows, geo.out) for _, windows, _ in visits(geo))


@composite(called="max_pool", wide="rules", layout="volumes", remade=True, real=True, places="", node="MaxPoolBackward0", samples=[
    ((2, 3, 6), Geometry((6,), (2,), (2,), ((0, 0),), (1,), (3,))),
    ((2, 5, 6), Geometry((5, 6), (3, 2), (1, 2), ((1, 1), (0, 0)), (1, 2), (5, 2))),
])  # fmt: skip
def window_max(x, /, geo):
    """The largest element of each window of `x`, nan where there is one."""
    if _divides(geo) and native.takes_maxima(x, geo.kernel):
        return native.maxima(x, geo.kernel)
    for step in _steps(geo):
        x = _max_along(x, step)
    return x if _steps(geo) else np.copy(x)


def _max_along(x, geo):
    lead = x.shape[: x.ndim - len(geo.sizes)]
    parts = [(windows, x[(..., *elements)]) for _, windows, elements in visits(geo)]
    inside = [part for windows, part in parts if _whole(windows, geo.out)]
    if len(inside) == 1:
        out = np.copy(inside[0])
    elif inside:
        out = np.maximum(inside[0], inside[1])
        for part in inside[2:]:
            np.maximum(out, part, out=out)
    else:
        out = np.full((*lead, *geo.out), _lowest(x.dtype), x.dtype)
    for windows, part in parts:
        if not _whole(windows, geo.out):
            region = out[(..., *windows)]
            np.maximum(region, part, out=region)
    return out


def _divides(geo):
    """Whether windows lie side by side and cover their array."""
    return geo.stride == geo.kernel and geo.sizes == tuple(map(math.prod, zip(geo.kernel, geo.out, strict=True)))


@window_max.grad("x")
def _(g, x, out, geo):
    return linked(window_max_grad(g, x, out, geo), x)


@composite(wide="rules", places="", samples=[
    ((2, 3), lambda rng: np.arange(12.0).reshape(2, 6), lambda rng: np.arange(1.0, 12, 2).reshape(2, 3),
     Geometry((6,), (2,), (2,), ((0, 0),), (1,), (3,))),
])  # fmt: skip
def window_max_grad(g, x, most, /, geo):
    """The gradient of `x` from that of `most`, the maxima of its windows."""
    if g.__class__ is np.ndarray and _divides(geo) and native.takes_maxima(x, geo.kernel) and x.dtype == g.dtype == most.dtype:
        return native.maxima_grad(x, *map(np.ascontiguousarray, (most, g)), geo.kernel)
    return window_put(g, window_argmax(x, most, geo), geo)


@window_max_grad.grad("g")
def _(g, x, most, geo):
    return window_take(g, window_argmax(x, most, geo), geo)


@kernel(places="", layout="like second")
def window_argmax(x, out, /, geo):
    """Which element of its window each maximum in `out` is: the first that is equal to it, or the last nan."""
    count = math.prod(geo.kernel)
    if out.__class__ is not np.ndarray and _all_whole(geo):
        parts = [x[(..., *elements)] for _, _, elements in visits(geo)]
        found = count - 1
        for place in reversed(range(count)):
            found = np.where(parts[place] == out, place, found)
        for place, part in enumerate(parts):
            found = np.where(np.isnan(part), place, found)
        return found
    found = np.full(out.shape, 255 if count < 256 else 2**31 - 1, np.uint8 if count < 256 else np.int32)
    # The last offset first: the earlier ones overwrite it.
    for place, (_, windows, elements) in reversed(list(enumerate(visits(geo)))):
        hit = np.asarray(x[(..., *elements)] == out[(..., *windows)])
        region = found[(..., *windows)]
        if count < 256:  # a byte times 0 or 1, modulo 256: a choice by an irregular mask is slow
            region += hit.view(np.uint8) * (np.uint8(place) - region)
        else:
            np.copyto(region, place, where=hit)
    if out.dtype.kind in "fV" and np.isnan(out).any():
        for place, (_, windows, elements) in enumerate(visits(geo)):
            np.copyto(found[(..., *windows)], place, where=np.isnan(x[(..., *elements)]))
    return found


@composite(wide="rules", places="", samples=[
    ((2, 3), lambda rng: rng.integers(0, 2, (2, 3)).astype(np.uint8), Geometry((6,), (2,), (2,), ((0, 0),), (1,), (3,))),
])  # fmt: skip
def window_put(y, where, /, geo):
    """The adjoint of `window_take`: each element of `y` added to its window's element number `where`."""
    if y.__class__ is not np.ndarray and _divides(geo):
        return _put_in_tiles(y, where, geo)
    out = np.zeros((*y.shape[: y.ndim - len(geo.sizes)], *geo.sizes), y.dtype)
    apart = all(s >= d * (k - 1) + 1 for s, k, d in zip(geo.stride, geo.kernel, geo.dilation, strict=True))
    for place, (_, windows, elements) in enumerate(visits(geo)):
        hit = where[(..., *windows)] == place
        region = out[(..., *elements)]
        if apart:
            region[...] = kept(y[(..., *windows)], hit)
        else:
            region += kept(y[(..., *windows)], hit)
    return out


def _put_in_tiles(y, where, geo):
    """The same without writing to parts of an array, for windows that divide it."""
    lead = y.shape[: y.ndim - len(geo.sizes)]
    shape = (*lead, *(size for o in geo.out for size in (o, 1)))
    places = np.arange(math.prod(geo.kernel)).reshape([size for k in geo.kernel for size in (1, k)])
    return np.reshape(np.where(np.reshape(where, shape) == places, np.reshape(y, shape), 0), (*lead, *geo.sizes))


@composite(called="max_pool", wide="rules", places="", samples=[
    ((2, 6), lambda rng: rng.integers(0, 2, (2, 3)).astype(np.uint8), Geometry((6,), (2,), (2,), ((0, 0),), (1,), (3,))),
])  # fmt: skip
def window_take(x, where, /, geo):
    """Element number `where` of each window of `x`."""
    if x.__class__ is not np.ndarray and _all_whole(geo):
        out = 0
        for place, (_, _, elements) in enumerate(visits(geo)):
            out = np.where(where == place, x[(..., *elements)], out)
        return out
    out = np.zeros(where.shape, x.dtype)
    for place, (_, windows, elements) in enumerate(visits(geo)):
        np.copyto(out[(..., *windows)], x[(..., *elements)], where=where[(..., *windows)] == place)
    return out


@window_put.grad("y")
def _(g, where, geo):
    return window_take(g, where, geo)


@window_take.grad("x")
def _(g, where, geo):
    return window_put(g, where, geo)


@kernel(places="", layout="like")
def window_indices(where, /, geo):
    """The flat spatial index of element number `where` of each window: int64."""
    position = np.unravel_index(where.astype(np.int64), geo.kernel)
    flat = np.zeros(where.shape, np.int64)
    n = len(geo.sizes)
    for i, inside in enumerate(position):
        starts = np.arange(geo.out[i]) * geo.stride[i] - geo.pads[i][0]
        flat = flat * geo.sizes[i] + inside * geo.dilation[i] + starts.reshape(-1, *(1,) * (n - 1 - i))
    return flat


def _max_pool(n, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, name):
    geo = _geometry(x, n, kernel_size, stride, padding, dilation, ceil_mode, name)
    out = under_name(f"MaxPool{max(n, 2)}DWithIndicesBackward0", window_max(x, geo))
    return (out, window_indices(window_argmax(x, out, geo), geo)) if return_indices else out


@function("torch F")
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maxima of windows along the last dimension of `input`, with `return_indices` their positions too."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, "max_pool1d")


@function("torch F")
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maxima of windows over the last two dimensions of `input`, with `return_indices` their places too.

    H_out = floor((H + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1, rounded up with `ceil_mode`; `stride` is the
    kernel's size by default.

    Args:
        kernel_size: the size of a window, a number or two.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: what is added on each side, at most half a window.
        dilation: how far apart the elements of a window are.
        ceil_mode: whether windows may go over the edge.
        return_indices: whether the places of the maxima are returned too.

    Shape: (N, C, H, W) or (C, H, W) with other H and W.

    >>> torch.nn.functional.max_pool2d(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, "max_pool2d")


@function("torch F")
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maxima of windows over the last three dimensions of `input`, with `return_indices` their positions too."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, "max_pool3d")


def _with_indices(n):
    @function("F" if n > 1 else "torch F", name=f"max_pool{n}d_with_indices")
    def max_pool_with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
        """The maxima of windows of `input`, and their positions."""
        return _max_pool(n, input, kernel_size, stride, padding, dilation, ceil_mode, True, f"max_pool{n}d")

    return max_pool_with_indices


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = map(_with_indices, (1, 2, 3))

# Sums


@composite(places="", samples=[
    ((2, 6), Geometry((6,), (3,), (2,), ((1, 1),), (1,), (3,))),
    ((2, 5, 6), Geometry((5, 6), (3, 2), (1, 2), ((1, 1), (0, 0)), (1, 1), (5, 3))),
])  # fmt: skip
def window_sum(x, /, geo):
    """The sum of the elements of each window of `x`; padding counts as zero."""
    steps = _steps(geo)
    for step in steps:
        out = np.zeros((*x.shape[: x.ndim - len(geo.sizes)], *step.out), x.dtype)
        for _, windows, elements in visits(step):
            region = out[(..., *windows)]
            np.add(region, x[(..., *elements)], out=region)
        x = out
    return x if steps else np.copy(x)


@composite(places="", samples=[((2, 3), Geometry((6,), (3,), (2,), ((1, 1),), (1,), (3,)))])
def window_spread(y, /, geo):
    """The adjoint of `window_sum`: each element of `y` added to every element of its window."""
    steps = _steps(geo)
    for step in reversed(steps):
        out = np.zeros((*y.shape[: y.ndim - len(geo.sizes)], *step.sizes), y.dtype)
        for _, windows, elements in visits(step):
            region = out[(..., *elements)]
            np.add(region, y[(..., *windows)], out=region)
        y = out
    return y if steps else np.copy(y)


@window_sum.grad("x")
def _(g, geo):
    return window_spread(g, geo)


@window_spread.grad("y")
def _(g, geo):
    return window_sum(g, geo)


@lru_cache(maxsize=256)
def _share(geo, include_pad, dtype):
    """One over the number of elements of each window: padding counts as `include_pad` says, what hangs over never."""
    counts = []
    for n, k, s, (lo, _), out in zip(geo.sizes, geo.kernel, geo.stride, geo.pads, geo.out, strict=True):
        starts = np.arange(out) * s - lo
        ends = np.minimum(starts + k, n + lo)
        counts.append(ends - starts if include_pad else np.minimum(ends, n) - np.maximum(starts, 0))
    if all((c == c[:1]).all() for c in counts):
        return 1.0 / math.prod(int(c[0]) for c in counts)
    divisor = np.ones((), np.float64)
    for c in counts:
        divisor = divisor[..., None] * c
    return (1.0 / divisor).astype(dtype if dtype.itemsize > 2 and dtype.kind in "fc" else np.float32 if dtype.kind in "fV" else np.float64)


def _avg_pool(n, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, name):
    geo = _geometry(x, n, kernel_size, stride, padding, 1, ceil_mode, name)
    if divisor_override is not None:
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        scale = 1.0 / divisor_override
    else:
        kind = x.dtype if isinstance(x, np.ndarray) else np.dtype(np.float32) if x.is_quantized else x._array.dtype
        scale = _share(geo, bool(count_include_pad), kind)
    return under_name(f"AvgPool{max(n, 2)}DBackward0", window_mean(x, geo, scale))


@composite(called="avg_pool", real=True, places="", layout="windows", node="AvgPoolBackward0", samples=[
    ((2, 6), Geometry((6,), (3,), (2,), ((1, 1),), (1,), (3,)), 0.25),
    ((2, 5, 6), Geometry((5, 6), (3, 2), (1, 2), ((1, 1), (0, 0)), (1, 1), (5, 3)), 0.5),
])  # fmt: skip
def window_mean(x, /, geo, scale):
    """The sum of each window of `x` times `scale`, a number or an array of the result's spatial shape."""
    (x,), dtype = widened(x)
    out = window_sum.op.forward(x, geo)
    if out.dtype.kind in "iu":
        quotient = out * np.asarray(scale, np.float64)
        return np.trunc(quotient + np.sign(quotient) * 1e-9).astype(dtype)  # cut off; the tiny term undoes rounding
    return np.multiply(out, scale, out=out).astype(dtype, copy=False)


@window_mean.grad("x")
def _(g, x, geo, scale):
    return linked(window_spread(g * scale, geo), x)


@function("torch F")
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The means of windows along the last dimension of `input`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None, "avg_pool1d")


@function("F")
def avg_pool2d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None, *, out=None):
    """The means of windows over the last two dimensions of `input`; or their sums over `divisor_override`.

    Args:
        kernel_size: the size of a window, a number or two.
        stride: how far apart windows are; as `kernel_size` if it is left out.
        padding: zeros on each side.
        ceil_mode: whether windows may go over the edge.
        count_include_pad: whether these zeros count.
        divisor_override: what the sums are divided by instead of the number of elements.

    Shape: (N, C, H, W) or (C, H, W) with H_out = floor((H + 2 * padding - kernel_size) / stride) + 1.

    >>> torch.nn.functional.avg_pool2d(torch.ones(1, 1, 4, 4), 2).shape
    torch.Size([1, 1, 2, 2])
    """
    return deliver(_avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, "avg_pool2d"), out)


@function("F")
def avg_pool3d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None, *, out=None):
    """The means of windows over the last three dimensions of `input`; or their sums over `divisor_override`."""
    return deliver(_avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, "avg_pool3d"), out)
