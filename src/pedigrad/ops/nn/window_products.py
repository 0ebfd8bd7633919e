"""The three products of a convolution in native code: by direct kernels, in three dimensions as sums of products over windows, which
are two strides each.

Each function returns None where it is not the way to go: without llvmlite, for small arrays, for few channels in a group.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np

from ...core.layout import is_channels_last
from ...eager import native
from .windows import Geometry

FEWEST = 4  # channels of a group below which most of a tile would be empty


def suits(x, channels: int, geo: Geometry, groups: int) -> bool:
    """Whether native code takes the products of such an input or gradient with `channels` on the other side."""
    own = x.shape[1] // groups * math.prod(geo.kernel)
    work = x.shape[0] * channels * own * math.prod(geo.out)
    by_channel = groups == x.shape[1] == channels
    enough = min(channels // groups, own) >= FEWEST or (is_direct(geo) and (groups == 1 or by_channel))
    return enough and native.takes_product(x, work)


def is_direct(geo: Geometry) -> bool:
    """Whether there are direct kernels for such windows."""
    return len(geo.out) < 3


def entered(kind: str, function: Any, given: tuple[Any, ...], geo: Geometry, groups: int):
    """A product as a step of the program that is being traced; None outside of one, and where no direct kernel takes it whole.

    `kind` says which of the three it is, `function(*given, geo, groups)` gives it.
    """
    trace = getattr(given[0], "_trace", None)
    if trace is None or not is_direct(geo):
        return None
    one, other = trace.real(given[:2])
    channels = groups * other.shape[1] if kind == "backward" else other.shape[kind == "weight"]
    alone = groups == 1 or groups == one.shape[1] == channels or kind == "weight"
    if not alone or 0 in one.shape or 0 in other.shape or one.dtype != other.dtype or not suits(one, channels, geo, groups):
        return None
    if kind == "weight" and not native.has_weight_gradient(one, other, geo, groups):
        return None
    return trace.call(function, (*given, geo, groups), {}, convolution=(kind, geo))


def is_by_channel(geo: Geometry, weight) -> bool:
    """Whether each channel is convolved by itself, with a weight (groups, 1, 1, *kernel)."""
    return is_direct(geo) and len(weight) > 1 and weight.shape[1:3] == (1, 1)


def images(like, channels: int, sizes):
    """An array (N, channels, *sizes) of unspecified contents, channels last if `like` is so."""
    if is_channels_last(like):
        return np.moveaxis(native.empty((len(like), *sizes, channels), like.dtype), -1, 1)
    return native.empty((len(like), channels, *sizes), like.dtype)


def split(x, dim: int, groups: int):
    """`x` with a dimension cut in (groups, rest)."""
    return x.reshape(*x.shape[:dim], groups, -1, *x.shape[dim + 1 :])


def padded(x, geo: Geometry):
    """`x` with its padding; a negative one crops."""
    every, pads = (slice(None), slice(None)), [(max(low, 0), max(high, 0)) for low, high in geo.pads]
    x = x[(*every, *(slice(max(-low, 0), n + min(high, 0)) for n, (low, high) in zip(geo.sizes, geo.pads, strict=True)))]
    if not any(map(sum, pads)):
        return x
    sizes = x.shape[2:]
    out = np.zeros((*x.shape[:2], *(low + n + high for n, (low, high) in zip(sizes, pads, strict=True))), x.dtype)
    out[(*every, *(slice(low, low + n) for n, (low, _) in zip(sizes, pads, strict=True)))] = x
    return out


def strides(x, *dims: int) -> list[int]:
    """Strides in elements."""
    return [x.strides[d] // x.itemsize for d in dims]


def spatial(x, count: int) -> list[int]:
    """The strides of the last `count` dimensions, in elements."""
    return strides(x, *range(x.ndim - count, x.ndim))


def windows(x, geo: Geometry) -> tuple[list[int], list[int]]:
    """The strides of a padded input from window to window and from element to element of a window."""
    steps = spatial(x, len(geo.out))
    return [s * step for s, step in zip(geo.stride, steps, strict=True)], [d * step for d, step in zip(geo.dilation, steps, strict=True)]


def dimensions(sizes, *operands) -> list[tuple[int, ...]]:
    """Sizes with the strides of three operands along them."""
    return list(zip(sizes, *operands, strict=True))


def multiply(weight, x, geo: Geometry, out, bias=None) -> None:
    """The windows of x (N, groups, I, *sizes) times weight (groups, O, I, *kernel), plus `bias`, in out (N, groups, O, *out)."""
    if is_by_channel(geo, weight):
        native.convolve(x[:, :, 0], weight[:, 0], bias, geo, out[:, :, 0])
        return
    if is_direct(geo):
        biases = [None] * len(weight) if bias is None else split(bias, 0, len(weight))
        for group, (each, offset) in enumerate(zip(weight, biases, strict=True)):
            native.convolve(x[:, group], each, offset, geo, out[:, group])
        return
    count = len(geo.out)
    if bias is not None:
        out[...] = bias.reshape(len(weight), -1, *(1,) * count)
    x = split(padded(x.reshape(len(x), -1, *x.shape[3:]), geo), 1, len(weight))
    by_window, by_element = windows(x, geo)
    none = [0] * count
    native.contract(
        (weight, x, out),
        dimensions(weight.shape[:1], strides(weight, 0), strides(x, 1), strides(out, 1)),
        dimensions(weight.shape[1:2], strides(weight, 1), [0], strides(out, 2)),
        dimensions((len(x), *geo.out), [0, *none], [*strides(x, 0), *by_window], [*strides(out, 0), *spatial(out, count)]),
        dimensions(weight.shape[2:], [*strides(weight, 2), *spatial(weight, count)], [*strides(x, 2), *by_element], [0, *none]),
        bias is not None,
    )


def correlate(x, weight, bias, geo: Geometry, groups: int):
    """x (N, C, *sizes) and weight (O, C/groups, *kernel) give (N, O, *out)."""
    if not suits(x, len(weight), geo, groups):
        return None
    out = images(x, len(weight), geo.out)
    multiply(split(weight, 0, groups), split(x, 1, groups), geo, split(out, 1, groups), bias)
    return out


def input_grad(y, weight, geo: Geometry, groups: int):
    """What belongs to x: y (N, O, *out) and weight (O, C/groups, *kernel) give (N, C, *sizes).

    Elements of x that lie a stride apart meet the same elements of the kernel, so each class of them is a convolution of `y`.
    """
    both = any(d > 1 and s > 1 for d, s in zip(geo.dilation, geo.stride, strict=True))
    if both or not suits(y, groups * weight.shape[1], geo, groups):
        return None
    out = images(y, groups * weight.shape[1], geo.sizes)
    turned = split(weight, 0, groups).swapaxes(1, 2)  # (groups, C/groups, O/groups, *kernel)
    whole, y = split(out, 1, groups), split(y, 1, groups)
    if is_direct(geo):
        turned = turned[(..., *(slice(None, None, -1),) * len(geo.kernel))]
        if is_by_channel(geo, turned):
            native.convolve(y[:, :, 0], turned[:, 0], None, geo, whole[:, :, 0], True)
        else:
            for group, each in enumerate(turned):
                native.convolve(y[:, group], each, None, geo, whole[:, group], True)
        return out
    for phases in product(*map(range, geo.stride)):
        each = [backwards(phase, *dim) for phase, dim in zip(phases, zip(*geo, strict=True), strict=True)]
        target = whole[(..., *(place for place, _, _ in each))]
        kernel = turned[(..., *(elements for _, elements, _ in each))][(..., *(slice(None, None, -1),) * len(each))]
        if not kernel.size:
            target[...] = 0
        elif target.size:
            ones = (1,) * len(each)
            multiply(
                kernel, y, Geometry(geo.out, kernel.shape[3:], ones, tuple(p for *_, p in each), geo.dilation, target.shape[3:]), target
            )
    return out


def backwards(phase: int, size: int, kernel: int, stride: int, pads: tuple[int, int], dilation: int, out: int):
    """One dimension of a class of elements of x: where they are, what of the kernel they meet, the padding of y for their windows."""
    first, last = -((phase - pads[0]) // stride), (pads[0] + size - 1 - phase) // stride
    start = first * stride + phase - pads[0]
    met = len(range(phase, kernel, stride))
    place = slice(start, start + (last - first) * stride + 1, stride) if last >= first else slice(0, 0)
    return place, slice(phase, None, stride), (dilation * (met - 1) - first, last + 1 - out)


def weight_grad(x, y, geo: Geometry, groups: int):
    """What belongs to the weight: x (N, C, *sizes) and y (N, O, *out) give (O, C/groups, *kernel)."""
    if not suits(x, y.shape[1], geo, groups):
        return None
    count = len(geo.out)
    out = np.empty((y.shape[1], x.shape[1] // groups, *geo.kernel), x.dtype)
    made = split(out, 0, groups)
    if is_direct(geo) and native.convolution_weight(x, y, geo, out):
        return out
    x, y = split(padded(x, geo), 1, groups), split(y, 1, groups)
    by_window, by_element = windows(x, geo)
    native.contract(
        (y, x, made),
        dimensions((groups,), strides(y, 1), strides(x, 1), strides(made, 0)),
        dimensions(made.shape[1:2], strides(y, 2), [0], strides(made, 1)),
        dimensions(made.shape[2:], [0] * (count + 1), [*strides(x, 2), *by_element], [*strides(made, 2), *spatial(made, count)]),
        dimensions((len(x), *geo.out), [*strides(y, 0), *spatial(y, count)], [*strides(x, 0), *by_window], [0] * (count + 1)),
    )
    return out
