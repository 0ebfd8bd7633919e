"""Images read at the places that a grid names, and grids of affine maps.

Whatever the padding, a coordinate is mapped piecewise linearly to where the image is read; so the places are worked out on plain
arrays, and the gradient flows through the slopes and the weights of the neighbouring pixels.
"""

from __future__ import annotations

import functools
import math
from itertools import product

import numpy as np

from ...core import modes
from ...core.declare import composite, function
from ...core.origin import warn
from ...core.precision import widened
from ...core.quiet import astype
from ...core.tensor import Tensor, wrap
from ..linked import linked
from ..xp import zeros

SMALL = 1 << 16  # pixels up to which an image's places are kept


@composite(places="", samples=[((2, 3, 4, 2), lambda rng: rng.integers(0, 8, (2, 5)))])
def pixels(x, indices, /):
    """The pixels of images `x` (N, C, ...) at flat `indices` (N, P): (N, C, P)."""
    flat = x.reshape(*x.shape[:2], -1)
    return np.take_along_axis(flat, indices[:, None], axis=2)


@composite(places="", samples=[((2, 3, 5), lambda rng: rng.integers(0, 8, (2, 5)), (4, 2))])
def pixels_back(y, indices, /, sizes):
    """The adjoint of `pixels`: images of spatial sizes `sizes` with `y` (N, C, P) added at `indices`."""
    n, c = y.shape[:2]
    size = math.prod(sizes)
    out = zeros(y, n * c * size)
    starts = np.arange(n * c).reshape(n, c, 1) * size
    np.add.at(out, (starts + indices[:, None]).ravel(), y.ravel())
    return out.reshape(n, c, *sizes)


@pixels.grad("x")
def _(g, indices, x_shape):
    return pixels_back(g, indices, tuple(x_shape[2:]))


@pixels_back.grad("y")
def _(g, indices):
    return pixels(g, indices)


def _array(x):
    return x._array if isinstance(x, Tensor) else x


# Coordinates


def _unnormalised(c, n, align_corners):
    """-1 and 1 as the centres (or, without `align_corners`, the outer edges) of the first and last of `n` pixels."""
    return (c + 1.0) * ((n - 1) / 2) if align_corners else (c + 1.0) * (n / 2) - 0.5


def _reflected(c, n, align_corners):
    """Coordinates mirrored at the image's borders, and the slope of that at each."""
    low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
    if span == 0:
        return np.zeros_like(c), np.zeros_like(c)
    distance = np.abs(c - low)
    flips = np.floor(distance / span)
    extra = distance - flips * span
    odd = flips % 2 == 1
    place = np.where(odd, span - extra, extra) + low
    return place.astype(c.dtype), (np.where(odd, -1.0, 1.0) * np.where(c < low, -1.0, 1.0)).astype(c.dtype)


def _mapped(c, n, padding_mode, align_corners):
    """Where the image is read for coordinates `c`, and the slope there."""
    slope = np.ones_like(c)
    if padding_mode == "reflection":
        c, slope = _reflected(c, n, align_corners)
    if padding_mode != "zeros":
        slope = np.where((c > 0) & (c < n - 1), slope, slope.dtype.type(0))
        c = np.clip(np.where(c == c, c, 0), 0, n - 1)  # a place that is no number is the first pixel
    return c, slope


def _kernel(t):
    """Cubic convolution's weights of the four neighbours at distances 1 + t, t, 1 - t and 2 - t."""
    a = -0.75

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1.0

    def far(d):
        return (((d - 5.0) * d + 8.0) * d - 4.0) * a

    return far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)


def _taps(c, n, mode, padding_mode, align_corners):
    """The pixels that contribute along one dimension, as (index, inside the image, weight); weights may need gradients."""
    raw = _array(c)
    if mode != "bicubic":
        place, slope = _mapped(raw, n, padding_mode, align_corners)
        c = np.where(slope == 0, place, c * slope + (place - raw * slope))
        if mode == "nearest":
            return [(*_pixel(np.rint(place), n), None)]
        low = np.floor(place)
        t = c - low
        return [(*_pixel(low, n), 1.0 - t), (*_pixel(low + 1, n), t)]
    low = np.floor(raw)
    places = [_mapped(low + k, n, padding_mode, align_corners)[0] for k in (-1, 0, 1, 2)]
    return [(*_pixel(np.rint(p), n), w) for p, w in zip(places, _kernel(c - low), strict=True)]


def _pixel(place, n):
    inside = (place >= 0) & (place < n)
    return np.where(inside, place, 0).astype(np.int64), inside


def _check(input, grid, mode, padding_mode):
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in ("zeros", "border", "reflection"):
        wanted = "'zeros', 'border', or 'reflection'"
        raise ValueError(f"nn.functional.grid_sample(): expected padding_mode to be {wanted}, but got: '{padding_mode}'")
    sizes = f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.ndim != grid.ndim or input.ndim not in (4, 5):
        raise RuntimeError(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got {sizes}")
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(f"grid_sampler(): expected grid and input to have same batch size, but got {sizes}")
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got {sizes}")
    if mode == "bicubic" and input.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if 0 in input.shape[2:]:
        raise RuntimeError(f"grid_sampler(): expected input to have non-empty spatial dimensions, but got {sizes}")
    if input.dtype != grid.dtype:
        raise RuntimeError(f"grid_sampler(): expected input and grid to have same dtype, but got {input.dtype} and {grid.dtype}")


def _is_plain(x):
    """Whether a tensor's array is all that an operation on it has to look at."""
    return not modes.special and x.__class__ is Tensor and x._node is None


def _bilinear(x, grid, padding_mode, align_corners):
    """`grid_sample` of arrays, all neighbours of a place at once: between the pixels before and after it in each dimension."""
    sizes, count, n = x.shape[2:], x.ndim - 2, len(grid)
    limits = np.array(sizes, x.dtype).reshape(count, 1, 1)
    c = grid.reshape(n, math.prod(grid.shape[1:-1]), count).transpose(2, 0, 1)[::-1]  # (dimensions, N, places)
    c = _unnormalised(c, limits, align_corners)
    if padding_mode != "zeros":
        c = np.stack([_mapped(each, size, padding_mode, align_corners)[0] for each, size in zip(c, sizes, strict=True)])
    low = np.floor(c)
    pair, factor = np.empty((2, *c.shape), x.dtype), np.empty((2, *c.shape), x.dtype)  # the pixel before and that after
    pair[0], factor[1] = low, c - low
    pair[1], factor[0] = low + 1, 1 - factor[1]
    there = (pair >= 0) & (pair < limits)
    index = np.where(there, pair, 0).astype(np.int64)
    place, inside, weight = index[:, 0], there[:, 0], factor[:, 0]
    for d in range(1, count):
        place = (place[:, None] * sizes[d] + index[:, d]).reshape(2 * len(place), *low.shape[1:])
        inside = (inside[:, None] & there[:, d]).reshape(place.shape)
        weight = (weight[:, None] * factor[:, d]).reshape(place.shape)
    corners = len(place)
    flat = x.reshape(n, x.shape[1], math.prod(sizes))
    place = place.transpose(1, 0, 2).reshape(n, corners * low.shape[2])
    values = flat[0].take(place[0], axis=1)[None] if n == 1 else np.take_along_axis(flat, place[:, None], axis=2)
    values = values.reshape(n, x.shape[1], corners, low.shape[2])
    values = np.where(inside.transpose(1, 0, 2)[:, None], values, x.dtype.type(0)) * weight.transpose(1, 0, 2)[:, None]
    return values.sum(axis=2).reshape(*x.shape[:2], *grid.shape[1:-1])


@function("F")
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """`input` (N, C, H, W) read at the places in `grid` (N, H_out, W_out, 2): (N, C, H_out, W_out); also with a depth.

    A place is (x, y), from -1 to 1 across the image. `mode` is "bilinear", "nearest" or "bicubic"; outside the image
    `padding_mode` says what there is: "zeros", "border" or "reflection".
    """
    if align_corners is None:
        warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
        )
    _check(input, grid, mode, padding_mode)
    dtype = input._array.dtype
    if mode == "bilinear" and dtype.kind == "f" and dtype.itemsize > 2 and _is_plain(input) and _is_plain(grid):
        return wrap(_bilinear(input._array, grid._array, padding_mode, bool(align_corners)))
    input, grid = widened(input), widened(grid)
    sizes = tuple(input.shape[2:])
    count = len(sizes)
    taps = []
    for dim, n in enumerate(sizes):
        c = _unnormalised(np.reshape(grid[..., count - 1 - dim], (grid.shape[0], -1)), n, bool(align_corners))
        taps.append(_taps(c, n, mode, padding_mode, bool(align_corners)))
    total = None
    for corner in product(*taps):
        place, inside, weight = np.zeros_like(corner[0][0]), np.ones_like(corner[0][1]), None
        for (index, there, w), n in zip(corner, sizes, strict=True):
            place, inside = place * n + index, inside & there
            weight = w if weight is None or w is None else weight * w
        value = np.where(np.expand_dims(inside, 1), pixels(input, place), 0)
        value = value if weight is None else value * np.expand_dims(weight, 1)
        total = value if total is None else total + value
    out = np.reshape(total, (*input.shape[:2], *grid.shape[1:-1]))
    out = out if out._array.dtype == dtype else astype(out, dtype)
    return linked(out, grid) if mode == "nearest" and grid.requires_grad else out


@function("F")
def affine_grid(theta, size, align_corners=None):
    """The grid for `grid_sample` that maps an output of shape `size` (N, C, H, W) by the affine maps `theta` (N, 2, 3)."""
    if align_corners is None:
        warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
        )
    array = _array(theta)
    if array.dtype.kind not in "fV":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    count = len(size) - 2
    if count not in (2, 3):
        what = "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively."
        raise NotImplementedError(f"{what} Got size {tuple(size)}.")
    if tuple(theta.shape[1:]) != (count, count + 1):
        wanted = f"Nx{count}x{count + 1} for size {tuple(size)}"
        raise ValueError(f"Expected a batch of {count}D affine matrices of shape {wanted}. Got {tuple(theta.shape)}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {tuple(size)}")
    sizes = tuple(map(int, size[2:]))
    places = _places if math.prod(sizes) <= SMALL else _places.__wrapped__
    base = places(sizes, bool(align_corners), array.dtype)
    if array.dtype.kind == "f" and array.dtype.itemsize > 2 and _is_plain(theta):
        return wrap(np.matmul(base, array.swapaxes(1, 2)).reshape(size[0], *size[2:], count))
    return np.reshape(np.matmul(base, np.swapaxes(theta, 1, 2)), (size[0], *size[2:], count))


@functools.lru_cache(maxsize=16)
def _places(sizes, align_corners, dtype):
    """The places of an image's pixels, x first, and a one: (pixels, dimensions + 1)."""
    axes = []
    for n in sizes:
        steps = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(steps if align_corners else steps * (n - 1) / n)
    planes = np.meshgrid(*axes, indexing="ij")[::-1]
    base = np.stack([*planes, np.ones(sizes)], -1).reshape(-1, len(sizes) + 1).astype(dtype)
    base.flags.writeable = False
    return base


MODES = ("bilinear", "nearest", "bicubic")
PADDING_MODES = ("zeros", "border", "reflection")


@function("torch", aliases=("grid_sampler_2d", "grid_sampler_3d"))
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sample` with its modes as numbers, in the order in which that names them."""
    return grid_sample(input, grid, MODES[interpolation_mode], PADDING_MODES[padding_mode], bool(align_corners))
