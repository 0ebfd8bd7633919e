"""Patches of images as columns, and back: each is the other's adjoint."""

from __future__ import annotations

import math

import numpy as np

from ...core.declare import composite, function
from ..nn.windows import gather_windows, geometry, ints, scatter_windows


def _settings(kernel_size, dilation, padding, stride):
    named = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    kernel, dilation, padding, stride = (ints(value, 2, name) for name, value in named.items())
    if min(kernel) < 1 or min(dilation) < 1 or min(stride) < 1 or min(padding) < 0:
        raise RuntimeError(f"sizes, dilation and stride must be positive and padding not negative, got {named}")
    return kernel, stride, tuple((p, p) for p in padding), dilation


@composite(wide="rules", places="", node="Im2ColBackward0", samples=[
    ((2, 3, 4, 5), (2, 3), (1, 2), ((1, 1), (0, 0)), (1, 1)), ((1, 2, 5, 5), (2, 2), (2, 1), ((0, 0), (1, 1)), (2, 1)),
])  # fmt: skip
def im2col(x, /, kernel, stride, pads, dilation):
    """The windows of `x` (N, C, H, W) as columns (N, C * KH * KW, windows)."""
    geo = geometry(tuple(x.shape[2:]), kernel, stride, pads, dilation)
    return gather_windows(x, geo).reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(geo.out))


@composite(places="", samples=[((2, 12, 10), (4, 5), (2, 2), (1, 2), ((1, 1), (0, 0)), (1, 1))])
def col2im(x, /, sizes, kernel, stride, pads, dilation):
    """Columns (N, C * KH * KW, windows) added up into images (N, C, *sizes)."""
    geo = geometry(sizes, kernel, stride, pads, dilation)
    return scatter_windows(x.reshape(x.shape[0], x.shape[1] // math.prod(kernel), *kernel, *geo.out), geo)


@im2col.grad("x")
def _(g, x_shape, kernel, stride, pads, dilation):
    return col2im(g, tuple(x_shape[2:]), kernel, stride, pads, dilation)


@col2im.grad("x")
def _(g, kernel, stride, pads, dilation):
    return im2col(g, kernel, stride, pads, dilation)


@function("F")
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of `input` (N, C, H, W) or (C, H, W) as columns: (N, C * KH * KW, windows)."""
    if input.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and non-zero dimensions for input, but got: "
            f"{list(input.shape)}"
        )
    settings = _settings(kernel_size, dilation, padding, stride)
    return im2col(input[None], *settings)[0] if input.ndim == 3 else im2col(input, *settings)


@function("F")
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns `input` (N, C * KH * KW, windows) added up into images (N, C, *output_size)."""
    kernel, *settings = _settings(kernel_size, dilation, padding, stride)
    sizes = ints(output_size, 2, "output_size")
    if input.ndim not in (2, 3):
        raise RuntimeError(f"Expected 2D or 3D input to fold, but got size {list(input.shape)}")
    rows, columns = input.shape[-2:]
    if rows % math.prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={rows} and kernel_size={kernel}"
        )
    windows = math.prod(geometry(sizes, kernel, *settings).out)
    if columns != windows:
        raise RuntimeError(
            f"Given output_size={sizes}, kernel_size={kernel}, expected size of input's dimension 2 to match the calculated "
            f"number of sliding blocks {windows}, but got input.size(2)={columns}"
        )
    if input.ndim == 2:
        return np.reshape(col2im(input[None], sizes, kernel, *settings), (-1, *sizes))
    return col2im(input, sizes, kernel, *settings)
