"""Pooling to a given output size, power-mean pooling, and the inverse of maximum pooling."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function, kernel
from ...core.dispatch import under_name
from ...core.shapes import as_int
from ...core.tensor import wrap
from ...rng.generator import default_generator
from ..linked import linked
from ..reduce.sums import mean
from ..xp import total, zeros
from .correlation import widened
from .pooling import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d, window_argmax, window_indices, window_max
from .windows import Geometry, ints


def _sizes(x, output_size, n, name):
    """The output sizes; None in the argument means the input's own."""
    if n > 1 and x.ndim <= n and isinstance(output_size, (tuple, list)):
        raise ValueError(f"Input dimension should be at least {n + 1}")
    if x.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(x.shape)}")
    if x.shape[-n:] and 0 in x.shape[-n:]:
        raise RuntimeError(f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got {list(x.shape)}")
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(wanted) != n:
        raise RuntimeError(f"{name}(): output_size must have {n} elements, got {output_size}")
    if n == 1 and wanted[0] is None:
        raise TypeError(f"{name}(): argument 'output_size' (position 2) must be an int or a tuple of one")
    wanted = tuple(w if w is None else as_int(w) for w in wanted)
    if any(w is not None and w < 0 for w in wanted):
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0 but received {tuple(wanted)}")
    return tuple(size if w is None else w for w, size in zip(wanted, x.shape[-n:], strict=True))


def _bounds(size, out):
    """Where each of `out` windows over `size` elements starts and ends: neighbours may overlap by one."""
    return [(i * size // out, -(-((i + 1) * size) // out)) for i in range(out)]


def _even(sizes, out):
    """The geometry of equal windows side by side, None if the sizes do not divide."""
    if 0 in out or any(n % o for n, o in zip(sizes, out, strict=True)):
        return None
    kernel_size = tuple(n // o for n, o in zip(sizes, out, strict=True))
    return Geometry(tuple(sizes), kernel_size, kernel_size, ((0, 0),) * len(out), (1,) * len(out), tuple(out))


# Means


@composite(
    called="adaptive_avg_pool",
    places="",
    layout="windows",
    node="AdaptiveAvgPoolBackward0",
    samples=[((2, 3, 5, 4), (3, 2)), ((2, 4, 4), (1, 1)), ((2, 7), (3,))],
)
def adaptive_mean(x, /, sizes):
    """The means of `sizes` windows that cover the last dimensions of `x`."""
    n = len(sizes)
    (x,), dtype = widened(x)
    for dim, size in enumerate(sizes, x.ndim - n):
        before = (slice(None),) * dim
        count = x.shape[dim]
        if size == count:
            continue
        if size and count % size == 0:
            x = total(x.reshape(*x.shape[:dim], size, count // size, *x.shape[dim + 1 :]), dim + 1) / (count // size)
            continue
        out = np.empty((*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)
        for i, (start, end) in enumerate(_bounds(count, size)):
            out[(*before, i)] = total(x[(*before, slice(start, end))], dim) / (end - start)
        x = out
    return x.astype(dtype)


@composite(places="", samples=[((2, 3, 3, 2), (5, 4)), ((2, 3), (7,))])
def adaptive_spread(y, /, sizes):
    """The adjoint of `adaptive_mean`: an input's gradient, of spatial sizes `sizes`."""
    n = len(sizes)
    for dim, count in enumerate(sizes, y.ndim - n):
        before = (slice(None),) * dim
        size = y.shape[dim]
        if size == count:
            continue
        out = np.zeros((*y.shape[:dim], count, *y.shape[dim + 1 :]), y.dtype)
        for i, (start, end) in enumerate(_bounds(count, size)):
            out[(*before, slice(start, end))] += y[(*before, slice(i, i + 1))] / (end - start)
        y = out
    return np.copy(y)


@adaptive_mean.grad("x")
def _(g, x, sizes):
    return linked(adaptive_spread(g, tuple(x.shape)[-len(sizes) :]), x)


@adaptive_spread.grad("y")
def _(g, y_shape, sizes):
    return adaptive_mean(g, y_shape[-len(sizes) :])


def _adaptive_mean(x, output_size, n, name):
    sizes = _sizes(x, output_size, n, name)
    if all(size == 1 for size in sizes):
        return mean(x, tuple(range(-n, 0)), True)
    return under_name(f"AdaptiveAvgPool{max(n, 2)}DBackward0", adaptive_mean(x, sizes))


@function("torch F")
def adaptive_avg_pool1d(input, output_size):
    """The means of `output_size` windows that cover the last dimension."""
    return _adaptive_mean(input, output_size, 1, "adaptive_avg_pool1d")


@function("F")
def adaptive_avg_pool2d(input, output_size):
    """The means of a grid of windows that cover the last two dimensions; `output_size` is an int or two.

    Args:
        output_size: an int or two; None keeps the input's size.

    Shape: (N, C, H, W) or (C, H, W) gives the same with `output_size`.

    >>> torch.nn.functional.adaptive_avg_pool2d(torch.ones(1, 3, 7, 7), 1).shape
    torch.Size([1, 3, 1, 1])
    """
    return _adaptive_mean(input, output_size, 2, "adaptive_avg_pool2d")


@function("F")
def adaptive_avg_pool3d(input, output_size):
    """The means of a grid of windows that cover the last three dimensions; `output_size` is an int or three."""
    return _adaptive_mean(input, output_size, 3, "adaptive_avg_pool3d")


# Elements taken by their flat spatial index


def _some_places(rng):
    return np.stack([rng.permutation(12)[:4].reshape(2, 2) for _ in range(2)])


@composite(
    called="max_pool", wide="rules", layout="like second", places="", samples=[((2, 3, 4), lambda rng: rng.integers(0, 12, (2, 2, 2)), 2)]
)
def spatial_take(x, indices, /, n):
    """The elements of the last `n` dimensions of `x` at flat `indices`, in the shape of `indices`."""
    lead = x.shape[: x.ndim - n]
    size = math.prod(x.shape[x.ndim - n :])
    flat = np.take_along_axis(x.reshape(*lead, size), indices.reshape(*lead, math.prod(indices.shape[len(lead) :])), axis=-1)
    return flat.reshape(indices.shape)


@composite(places="", samples=[((2, 2, 2), _some_places, (3, 4))])
def spatial_put(y, indices, /, sizes):
    """The adjoint of `spatial_take`: zeros of spatial sizes `sizes` with `y` added at flat `indices`."""
    lead = y.shape[: y.ndim - len(sizes)]
    size, rows = math.prod(sizes), math.prod(lead)
    out = zeros(y, rows * size)
    if y.size:
        offsets = np.arange(rows).reshape(rows, 1) * size
        np.add.at(out, (indices.reshape(rows, -1) + offsets).ravel(), y.ravel())
    return out.reshape(*lead, *sizes)


@spatial_take.grad("x")
def _(g, x, indices, n):
    return linked(spatial_put(g, indices, tuple(x.shape)[x.ndim - n :]), x)


@spatial_put.grad("y")
def _(g, indices, sizes):
    return spatial_take(g, indices, len(sizes))


# Maxima


@kernel(places="", layout="windows")
def adaptive_argmax(x, /, sizes):
    """The flat spatial index of the largest element, or the last nan, of each window: int64."""
    n = len(sizes)
    spatial = x.shape[x.ndim - n :]
    lead = x.shape[: x.ndim - n]
    out = np.empty((*lead, *sizes), np.int64)
    bounds = [_bounds(size, count) for size, count in zip(spatial, sizes, strict=True)]
    strides = [math.prod(spatial[i + 1 :]) for i in range(n)]
    for cell in np.ndindex(*sizes):
        ends = [bounds[i][c] for i, c in enumerate(cell)]
        window = x[(..., *(slice(*pair) for pair in ends))]
        places = place_of_largest(window.reshape(*lead, -1))
        inside = np.unravel_index(places, window.shape[len(lead) :])
        out[(..., *cell)] = sum((at + start) * stride for at, (start, _), stride in zip(inside, ends, strides, strict=True))
    return out


def _adaptive_max(n, x, output_size, return_indices):
    name, shown = f"adaptive_max_pool{n}d", f"AdaptiveMaxPool{max(n, 2)}DBackward0"
    sizes = _sizes(x, output_size, n, name)
    geo = _even(x.shape[-n:], sizes)
    if geo is not None:
        out = under_name(shown, window_max(x, geo))
        return (out, window_indices(window_argmax(x, out, geo), geo)) if return_indices else out
    indices = adaptive_argmax(x, sizes)
    out = under_name(shown, spatial_take(x, indices, n))
    return (out, indices) if return_indices else out


@function("F")
def adaptive_max_pool1d(input, output_size, return_indices=False):
    """The maxima of `output_size` windows that cover the last dimension, with `return_indices` their positions too."""
    return _adaptive_max(1, input, output_size, return_indices)


@function("F")
def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maxima of a grid of windows that cover the last two dimensions, with `return_indices` their positions too."""
    return _adaptive_max(2, input, output_size, return_indices)


@function("F")
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """The maxima of a grid of windows that cover the last three dimensions, with `return_indices` their positions too."""
    return _adaptive_max(3, input, output_size, return_indices)


def _publish_with_indices(n):
    @function("torch F" if n == 1 else "F", name=f"adaptive_max_pool{n}d_with_indices")
    def adaptive_max_pool_with_indices(input, output_size, return_indices=True):
        """The maxima of windows that cover the last dimensions, and their positions."""
        return _adaptive_max(n, input, output_size, True)


for _n in (1, 2, 3):
    _publish_with_indices(_n)


@function("torch", name="adaptive_max_pool1d")
def adaptive_max_pool1d_and_indices(input, output_size):
    """The maxima of `output_size` windows that cover the last dimension, and their positions."""
    return _adaptive_max(1, input, output_size, True)


# Unpooling


def _unpool(n, x, indices, kernel_size, stride, padding, output_size):
    kernel_size = ints(kernel_size, n, "kernel_size")
    stride = kernel_size if stride is None or stride == () or stride == [] else ints(stride, n, "stride")
    padding = ints(padding, n, "padding")
    if tuple(indices.shape) != tuple(x.shape):
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got indices tensor with "
            f"shape: {list(indices.shape)}"
        )
    usual = tuple((size - 1) * s + k - 2 * p for size, s, k, p in zip(x.shape[-n:], stride, kernel_size, padding, strict=True))
    sizes = usual if output_size is None else tuple(int(v) for v in output_size)[-n:]
    if len(sizes) != n:
        raise ValueError(f"output_size should be a sequence containing {n} or {n + 1} or {n + 2} elements, but it has {len(sizes)}")
    for got, size, s in zip(sizes, usual, stride, strict=True):
        if not size - s < got < size + s:
            raise ValueError(f"invalid output_size {list(sizes)}: each size must be within the stride {stride} of {list(usual)}")
    return unpool_put(x, indices, sizes)


@composite(places="", layout="images", node="MaxUnpoolBackward0", samples=[((2, 2, 2), _some_places, (3, 4))])
def unpool_put(x, indices, /, sizes):
    """Zeros of spatial sizes `sizes` with `x` written at flat `indices`; of several written to one place the last stays."""
    if indices.size and (np.minimum.reduce(indices, axis=None) < 0 or np.maximum.reduce(indices, axis=None) >= math.prod(sizes)):
        largest = np.maximum.reduce(indices, axis=None)
        raise RuntimeError(f"Found an invalid max index: {largest} (output volumes are of size {' x '.join(map(str, sizes))})")
    lead = x.shape[: x.ndim - len(sizes)]
    out = zeros(x, (*lead, math.prod(sizes)))
    np.put_along_axis(out, indices.reshape(*lead, -1), x.reshape(*lead, -1), axis=-1)
    return out.reshape(*lead, *sizes)


@unpool_put.grad("x")
def _(g, indices, sizes):
    return spatial_take(g, indices, len(sizes))


@function("F")
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back where `max_pool1d` found them, zeros elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@function("F")
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back where `max_pool2d` found them, zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@function("F")
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Maxima put back where `max_pool3d` found them, zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# Power means


def _lp_pool(pool, largest, x, norm_type, kernel, stride, ceil_mode):
    count = math.prod(kernel)
    norm = float(norm_type)
    if math.isinf(norm):
        return largest(x.abs(), kernel, stride, 0, 1, ceil_mode) if norm > 0 else -largest(-x.abs(), kernel, stride, 0, 1, ceil_mode)
    mean = pool(x**norm, kernel, stride, 0, ceil_mode)
    mean = np.where(mean == 0, 0.0, mean)  # a root of zero has an infinite slope: nothing is to come of it
    return (mean * float(count)) ** (1.0 / norm)


@function("F")
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The `norm_type`-norms of windows along the last dimension."""
    return _lp_pool(avg_pool1d, max_pool1d, input, norm_type, ints(kernel_size, 1), stride, ceil_mode)


@function("F")
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The `norm_type`-norms of windows over the last two dimensions."""
    return _lp_pool(avg_pool2d, max_pool2d, input, norm_type, ints(kernel_size, 2), stride, ceil_mode)


@function("F")
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The `norm_type`-norms of windows over the last three dimensions."""
    return _lp_pool(avg_pool3d, max_pool3d, input, norm_type, ints(kernel_size, 3), stride, ceil_mode)


# Maxima of windows that start at random


def place_of_largest(rows):
    """Where the largest element of each row is, the first of equal ones, or else the last nan."""
    places = np.argmax(rows, axis=-1)
    missing = np.isnan(rows) if rows.dtype.kind in "fV" else np.zeros((), bool)
    if not missing.any():
        return places
    return np.where(missing.any(-1), rows.shape[-1] - 1 - np.argmax(missing[..., ::-1], axis=-1), places)


def _random_starts(samples, size, width, out):
    """Where the `out` windows of `width` elements start along a dimension, for each random number in `samples`: (..., out)."""
    if out == 1:
        return np.full((*samples.shape, 1), size - width)
    alpha = samples.dtype.type((size - width) / (out - 1))
    steps = np.arange(out - 1).astype(samples.dtype)
    samples = samples[..., None]
    inner = ((steps + samples) * alpha).astype(np.int64) - (samples * alpha).astype(np.int64)
    return np.concatenate([inner, np.full((*samples.shape[:-1], 1), size - width)], -1)


def _fractional_max(n, x, kernel_size, output_size, output_ratio, return_indices, samples):
    name = f"fractional_max_pool{n}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if x.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got: {list(x.shape)}")
    sizes = tuple(x.shape[-n:])
    if output_size is None:
        ratios = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
        output_size = tuple(int(size * ratio) for size, ratio in zip(sizes, ratios, strict=True))
    out, kernel_size = ints(output_size, n, "output_size"), ints(kernel_size, n, "kernel_size")
    if any(o + k - 1 > size for o, k, size in zip(out, kernel_size, sizes, strict=True)):
        raise RuntimeError(f"{name}(): pool size {kernel_size} and output size {out} too large relative to input size {sizes}")
    lead = (1, *x.shape[:1]) if x.ndim == n + 1 else tuple(x.shape[:2])
    if samples is None:
        samples = default_generator.uniform((*lead, n), 0.0, 1.0, (x if isinstance(x, np.ndarray) else x._array).dtype)
    else:
        samples = (samples if isinstance(samples, np.ndarray) else samples._array)[: lead[0]]
    flat = np.zeros((*samples.shape[:2], *(1,) * (2 * n)), np.int64)
    for i, (size, width, count) in enumerate(zip(sizes, kernel_size, out, strict=True)):
        # In two dimensions PyTorch takes the first random number for the width, in three for the depth.
        starts = _random_starts(samples[..., 1 - i if n == 2 else i], size, width, count)
        places = (starts[..., None] + np.arange(width)).reshape(*starts.shape[:2], *_spread_out(i, n, count, width))
        flat = flat * size + places
    flat = flat.reshape(*x.shape[: x.ndim - n], *out, math.prod(kernel_size))
    # A window's elements, then the largest of them: what is found is an index, read again so that the gradient finds it.
    values = spatial_take.op.forward(x if isinstance(x, np.ndarray) else x._array, flat, n)
    indices = np.take_along_axis(flat, place_of_largest(values)[..., None], -1)[..., 0]
    indices = indices if isinstance(x, np.ndarray) else wrap(indices)
    result = spatial_take(x, indices, n)
    return (result, indices) if return_indices else result


def _spread_out(i, n, count, width):
    """The shape in which places along dimension `i` broadcast against those along the others: outputs first, then widths."""
    return (*(count if j == i else 1 for j in range(n)), *(width if j == i else 1 for j in range(n)))


@function("F")
def fractional_max_pool2d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
    """The maxima of `output_size` windows that start at random over the last two dimensions."""
    return _fractional_max(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


@function("F")
def fractional_max_pool3d(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
    """The maxima of `output_size` windows that start at random over the last three dimensions."""
    return _fractional_max(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
