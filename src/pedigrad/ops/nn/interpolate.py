"""Images in other sizes: interpolation, one dimension at a time, and pixels moved between channels and space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.declare import composite, function
from ...core.dispatch import under_name
from ...core.origin import warn
from .adaptive_pooling import adaptive_mean
from .correlation import widened


@dataclass(frozen=True, eq=False)
class Taps:
    """A linear map along one dimension: each output is a weighted sum of few inputs. Without weights it is a copy.

    No tuple: what is recorded of a backward pass looks for arrays in these, and such a map follows from sizes alone.
    """

    place: np.ndarray  # (taps, outputs), each row not falling
    weight: np.ndarray | None  # the same shape
    size: int  # how many inputs there are


SAMPLE = Taps(np.array([[0, 0, 1, 2], [1, 1, 2, 2]]), np.array([[0.5, 1.0, 0.25, 1.0], [0.5, 0.0, 0.75, 0.0]]), 3)


@composite(
    called="interpolate",
    places="",
    layout="channels",
    node="UpsampleBackward0",
    samples=[((2, 3), (SAMPLE,)), ((2, 3, 3), (SAMPLE, SAMPLE))],
)
def resample(x, /, taps):
    """`x` with the map in `taps` applied along each of its last dimensions; None leaves one as it is."""
    (x,), dtype = widened(x)
    whole = dtype.kind in "iu"  # those are rounded after each dimension, the last one first
    first = x.ndim - len(taps)
    order = list(enumerate(taps, first))
    for dim, each in order[::-1] if whole else order:
        if each is None:
            continue
        if each.weight is None:
            x = np.take(x, each.place[0], axis=dim)
            continue
        wide = x.astype(np.float64) if whole else x
        parts = [np.take(wide, i, axis=dim) * _along(w, wide, dim) for i, w in zip(each.place, each.weight, strict=True)]
        x = parts[0]
        for part in parts[1:]:
            np.add(x, part, out=x)
        if whole:
            x = np.clip(np.floor(x + 0.5), np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)
    return np.copy(x) if all(each is None for each in taps) else x.astype(dtype, copy=False)


def _along(weight, x, dim):
    return weight.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - dim - 1))


@composite(places="", samples=[((2, 4), (SAMPLE,)), ((2, 4, 4), (SAMPLE, SAMPLE))])
def resample_back(y, /, taps):
    """The adjoint of `resample`."""
    (y,), dtype = widened(y)
    first = y.ndim - len(taps)
    for dim, each in enumerate(taps, first):
        if each is None:
            continue
        out = np.zeros((*y.shape[:dim], each.size, *y.shape[dim + 1 :]), y.dtype)
        before = (slice(None),) * dim
        for t, index in enumerate(each.place):
            part = y if each.weight is None else y * _along(each.weight[t], y, dim)
            starts = np.flatnonzero(np.diff(index, prepend=-1))
            out[(*before, index[starts])] += np.add.reduceat(part, starts, axis=dim)
        y = out
    return np.copy(y) if y.dtype == dtype else y.astype(dtype)


@resample.grad("x")
def _(g, taps):
    return resample_back(g, taps)


@resample_back.grad("y")
def _(g, taps):
    return resample(g, taps)


# The maps


def _ratio(size, out, scale, corners):
    """How far apart in the input neighbouring outputs are."""
    if corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / scale if scale is not None and scale > 0 else size / out


@lru_cache(maxsize=512)
def _taps(size, out, scale, mode, corners, antialias, precise):
    """The map of one dimension. PyTorch computes positions in the input's own precision, and so do we."""
    real = np.float64 if precise and not mode.startswith("nearest") else np.float32
    ratio = real(_ratio(size, out, scale, corners))
    at = np.arange(out).astype(real)
    if mode.startswith("nearest"):
        at = (at + real(0.5)) * ratio if mode == "nearest-exact" else at * ratio
        return Taps(np.minimum(np.floor(at).astype(np.int64), size - 1)[None], None, size)
    if antialias:
        return _smoothed(size, out, float(ratio), mode)
    at = at * ratio if corners else (at + real(0.5)) * ratio - real(0.5)
    if mode == "bicubic":
        return _cubic(at, size)
    at = np.maximum(at, real(0))
    low = np.minimum(np.floor(at).astype(np.int64), size - 1)
    share = at - low.astype(real)
    return Taps(np.stack([low, np.minimum(low + 1, size - 1)]), np.stack([1 - share, share]), size)


def _cubic(at, size, a=-0.75):
    low = np.floor(at).astype(np.int64)
    t = at - low
    weights = [_cubic_weight(np.abs(t - k), a) for k in (-1, 0, 1, 2)]
    return Taps(np.clip(np.stack([low - 1, low, low + 1, low + 2]), 0, size - 1), np.stack(weights), size)


def _cubic_weight(d, a):
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    return np.where(d <= 1, near, np.where(d < 2, (((d - 5) * d + 8) * d - 4) * a, 0))


def _smoothed(size, out, ratio, mode):
    """Interpolation whose kernel is as wide as the outputs lie apart, so that shrinking averages."""
    width = max(ratio, 1.0)
    support = (1 if mode == "bilinear" else 2) * width
    centre = ratio * (np.arange(out) + 0.5)
    start = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + support + 0.5).astype(np.int64), size)
    taps = np.arange(int((end - start).max()))[:, None]
    d = np.abs((taps + start - centre + 0.5) / width)
    weight = np.maximum(1 - d, 0) if mode == "bilinear" else _cubic_weight(d, -0.5)
    weight = np.where(taps < end - start, weight, 0)
    return Taps(np.minimum(start + taps, size - 1), weight / weight.sum(0), size)


LINEAR = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


def _output_sizes(sizes, size, scale_factor, recompute):
    """The output's spatial sizes, and the scale of each dimension if that is what was given."""
    n = len(sizes)
    if (size is None) == (scale_factor is None):
        which = "only one of" if size is not None else "either"
        raise ValueError(f"{which} size or scale_factor should be defined")
    if size is not None:
        if isinstance(size, (list, tuple)) and len(size) != n:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                f"{list(sizes)} and output size of {size}."
            )
        wanted = tuple(map(int, size)) if isinstance(size, (list, tuple)) else (int(size),) * n
        return wanted, (None,) * n
    scales = tuple(map(float, scale_factor)) if isinstance(scale_factor, (list, tuple)) else (float(scale_factor),) * n
    if len(scales) != n:
        got = f"{list(sizes)} and {scale_factor}"
        raise ValueError(f"Input and scale_factor must have the same number of spatial dimensions, but got {got}.")
    wanted = tuple(math.floor(s * f) for s, f in zip(sizes, scales, strict=True))
    return wanted, (None,) * n if recompute else scales


@function("F")
def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None, antialias=False):
    """`input` (N, C, ...) in another spatial size, given as `size` or as `scale_factor`.

    Modes are "nearest", "nearest-exact", "linear" (3-d input), "bilinear", "bicubic" (4-d), "trilinear" (5-d) and "area".

    Args:
        size: the spatial sizes of the result, or
        scale_factor: how many times as large they become.
        mode: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area".
        align_corners: whether the corner elements keep their places.
        recompute_scale_factor: whether the factors follow from the sizes again.
        antialias: whether what becomes smaller is smoothed (bilinear and bicubic).

    Shape: (N, C, ...) with other spatial sizes.

    Raises:
        ValueError: both `size` and `scale_factor` are given, or neither.
        NotImplementedError: the mode does not go with the dimensions.

    >>> torch.nn.functional.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if not isinstance(input, np.ndarray) and input.is_complex():
        raise NotImplementedError(f'"upsample" not implemented for {input.dtype}')
    n = input.ndim - 2
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    elif mode not in LINEAR:
        known = "nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact"
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported for the modes: {known} (got {mode})")
    elif LINEAR[mode] != n:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {LINEAR[mode] + 2}D input")
    if n not in (1, 2, 3):
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D)")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input")
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    sizes = tuple(input.shape[2:])
    wanted, scales = _output_sizes(sizes, size, scale_factor, recompute_scale_factor)
    if min(wanted) < 1 or min(sizes) < 1:
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input {list(sizes)} and output {list(wanted)}")
    if mode == "area":
        return under_name(f"AdaptiveAvgPool{max(n, 2)}DBackward0", adaptive_mean(input, wanted))
    precise = (input if isinstance(input, np.ndarray) else input._array).dtype == np.float64
    taps = tuple(
        None if s == w and f in (None, 1) and mode != "bicubic" else _taps(s, w, f, mode, bool(align_corners), antialias, precise)
        for s, w, f in zip(sizes, wanted, scales, strict=True)
    )
    shown = "NearestExact" if mode == "nearest-exact" else mode.capitalize()
    shown = f"Upsample{shown}{n}D{'Aa' if antialias else ''}Backward0"
    return under_name(shown, resample(input, taps))


@function("F")
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """The older name of `interpolate`."""
    warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, mode, align_corners)


@function("F")
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode "nearest"."""
    warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor)


@function("F")
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode "bilinear" and aligned corners."""
    warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.")
    return interpolate(input, size, scale_factor, "bilinear", True)


# Pixels and channels


@composite(wide="rules", places="torch F", samples=[((1, 8, 2, 3), 2), ((9, 1, 2), 3)])
def pixel_shuffle(x, /, upscale_factor):
    """Channels (..., C * r * r, H, W) spread over space: (..., C, H * r, W * r)."""
    r = upscale_factor
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but its "
            f"shape {list(x.shape)} is not divisible by {r * r} there"
        )
    if r == 1:
        return np.copy(x)
    *lead, c, h, w = x.shape
    split = np.reshape(x, (math.prod(lead), c // (r * r), r, r, h, w))
    return np.reshape(np.transpose(split, (0, 1, 4, 2, 5, 3)), (*lead, c // (r * r), h * r, w * r))


@composite(wide="rules", layout="channels", places="torch F", samples=[((1, 2, 4, 6), 2), ((1, 3, 6), 3)])
def pixel_unshuffle(x, /, downscale_factor):
    """Space (..., C, H * r, W * r) gathered into channels: (..., C * r * r, H, W)."""
    r = downscale_factor
    if x.ndim < 3:
        raise RuntimeError(f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)")
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    if r == 1:
        return np.copy(x)
    *lead, c, h, w = x.shape
    if h % r or w % r:
        raise RuntimeError(f"pixel_unshuffle expects height and width to be divisible by downscale_factor {r}, but they are {h} and {w}")
    split = np.reshape(x, (math.prod(lead), c, h // r, r, w // r, r))
    return np.reshape(np.transpose(split, (0, 1, 3, 5, 2, 4)), (*lead, c * r * r, h // r, w // r))


@pixel_shuffle.grad("x")
def _(g, upscale_factor):
    return pixel_unshuffle(g, upscale_factor)


@pixel_unshuffle.grad("x")
def _(g, downscale_factor):
    return pixel_shuffle(g, downscale_factor)


@composite(
    wide="rules", layout="channels", places="torch F", aliases=("native_channel_shuffle",),
    samples=[((2, 6, 3), 2), ((1, 6, 2, 2), 3)],
)  # fmt: skip
def channel_shuffle(x, /, groups):
    """Channels (N, groups * C, ...) dealt out, so that neighbours come from different groups."""
    if x.ndim < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(x.shape)}")
    if groups < 1 or x.shape[1] % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {x.shape[1]} channels and {groups} groups.")
    split = np.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    return np.reshape(np.copy(np.swapaxes(split, 1, 2)), x.shape)


@channel_shuffle.grad("x")
def _(g, groups):
    return channel_shuffle(g, g.shape[1] // groups)
